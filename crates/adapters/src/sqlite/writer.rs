//! The one connection that writes, and the thread that owns it.
//!
//! Writes that wait share a transaction: each runs in a savepoint of its own, the counters and the events of all are
//! stored once, and one commit, with its one wait for the disk, serves them all. Nobody is answered before it. Posts, which
//! are most of all writes, share a savepoint and their statements too: where the disk is fast, that is what they wait for.

mod company;
mod group;

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use diesel::{Connection, RunQueryDsl, SqliteConnection, connection::SimpleConnection};
use feed_me_domain::{
    NewActivity,
    changes::Happened,
    error::StoreError,
    ports::{Atomicity, Change, Clock, IdGenerator, Posted},
    sequence::{Event, Turn},
};
use tokio::sync::{mpsc, oneshot};

use self::{
    company::Company,
    group::{Group, Job, Post, Task, caught},
};
use super::{
    Access, activities,
    checkpoints::{self, Checkpoints},
    errors::Trouble,
    events, facts,
    recent::Recent,
    sql,
};
use crate::{
    under_way::ScopeGuard,
    watch::{Line, Queue, Waiting},
};

/// How many writes wait before the next has to wait outside.
const QUEUE_MAX: usize = 1024;

/// What a write works with.
pub(super) struct Write<'a> {
    pub(super) conn: &'a mut SqliteConnection,
    pub(super) turn: Turn<'a>,
}

/// Sends writes to the thread that owns the connection.
pub(super) struct Writer {
    queue: Option<mpsc::Sender<(Queued, Waiting)>>,
    thread: Option<JoinHandle<()>>,
    patience: Duration,
    pub(super) line: Arc<Queue>,
    company: Arc<Company>,
    done: Arc<Done>,
}

/// What the thread has done, for whoever asks without waiting for it.
#[derive(Default)]
struct Done {
    /// The position of the last event that was committed.
    position: AtomicI64,
    recent: Recent,
}

enum Queued {
    /// A post without a key. It shares a transaction, and the statements of other posts in it.
    Post(Box<Post>),
    /// Shares a transaction with others.
    Shared(Box<dyn Job>),
    /// Has a transaction to itself.
    Alone(Box<dyn Job>),
    /// Wants no transaction.
    Bare(Box<dyn FnOnce(&mut SqliteConnection) + Send>),
}

impl Writer {
    /// Opens the connection and starts the thread.
    pub(super) fn start(
        url: &str,
        access: Access,
        patience: Duration,
        group_max: usize,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdGenerator>,
    ) -> Result<Self, String> {
        let mut conn = SqliteConnection::establish(url).map_err(|error| error.to_string())?;
        // FULL: what was answered survives a loss of power, not only of the process. What is deleted is overwritten:
        // an erasure leaves no trace in pages that became free.
        let mut pragmas = format!(
            "pragma busy_timeout = {}; pragma synchronous = full; pragma secure_delete = on; pragma foreign_keys = on; \
             pragma cache_size = -65536; pragma mmap_size = 268435456; pragma temp_store = memory;",
            patience.as_millis()
        );
        if let Access::ReadWrite { pages_max } = access {
            let log =
                format!("pragma journal_mode = wal; pragma wal_autocheckpoint = {};", checkpoints::PAGES_MAX);
            let limit = pages_max.map(|pages| format!("pragma max_page_count = {pages};"));
            pragmas.extend([Some(log), limit].into_iter().flatten());
        }
        conn.batch_execute(&pragmas).map_err(|error| error.to_string())?;
        let (queue, jobs) = mpsc::channel(QUEUE_MAX);
        let done = Arc::<Done>::default();
        let line = Queue::new(Line::Write, 1, group_max);
        let company = Arc::<Company>::default();
        let mut checkpoints = match access {
            Access::ReadWrite { .. } => Some(Checkpoints::start(url).map_err(|error| error.to_string())?),
            Access::ReadOnly => None,
        };
        let thread = std::thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn({
                let (company, done, line) = (company.clone(), done.clone(), line.clone());
                move || {
                    let work =
                        Work { clock: &*clock, ids: &*ids, company: &company, done: &done, line: &line };
                    work.serve(&mut conn, checkpoints.as_mut(), jobs, group_max);
                    // Before the connection: the last one that closes carries the whole log over.
                    drop(checkpoints);
                }
            })
            .map_err(|error| error.to_string())?;
        Ok(Self { queue: Some(queue), thread: Some(thread), patience, line, company, done })
    }

    /// The position of the last event that was committed by this writer.
    pub(super) fn committed(&self) -> i64 {
        self.done.position.load(Ordering::Acquire)
    }

    /// What follows a position and was committed by this writer, where it is still at hand.
    pub(super) fn recent(&self, after: i64, take: usize) -> Vec<Change> {
        self.done.recent.after(after, take)
    }

    /// Carries out a write in a transaction that it may share with others.
    pub(super) async fn run<T, F>(&self, guard: Option<ScopeGuard>, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Write<'_>) -> Result<T, Trouble> + Send + 'static,
    {
        let (job, answer) = Task::queued(guard, work);
        self.submit(Queued::Shared(job), answer).await
    }

    /// Posts an activity, in a transaction that may be shared.
    pub(super) async fn post(&self, activity: NewActivity) -> Result<Posted, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.submit(Queued::Post(Box::new(Post { activity, outcome: None, reply })), answer).await
    }

    /// Carries out a write in a transaction of its own.
    pub(super) async fn run_alone<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Write<'_>) -> Result<T, Trouble> + Send + 'static,
    {
        let (job, answer) = Task::queued(None, work);
        self.submit(Queued::Alone(job), answer).await
    }

    /// Gives `work` the connection, outside any transaction.
    pub(super) async fn run_bare<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut SqliteConnection) -> Result<T, Trouble> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = move |conn: &mut SqliteConnection| {
            let outcome = caught(|| work(conn));
            // Nobody may be waiting any more.
            let _ = reply.send(outcome);
        };
        self.submit(Queued::Bare(Box::new(job)), answer).await
    }

    async fn submit<T>(
        &self,
        queued: Queued,
        answer: oneshot::Receiver<Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let ended = || StoreError::Failed("the thread that writes has ended".to_owned());
        let queue = self.queue.as_ref().ok_or_else(ended)?;
        let waiting = self.line.enter()?;
        match tokio::time::timeout(self.patience, queue.send((queued, waiting))).await {
            Ok(Ok(())) => {
                self.company.came(queue.max_capacity() - queue.capacity());
                answer.await.map_err(|_| ended())?
            }
            Ok(Err(_)) => Err(ended()),
            Err(_) => Err(StoreError::Unavailable("too many writes are waiting".to_owned())),
        }
    }
}

impl Drop for Writer {
    /// What is queued is still carried out.
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // A panic in it was logged where it happened.
            let _ = thread.join();
        }
    }
}

/// What the thread works with, beside the connection.
struct Work<'a> {
    clock: &'a dyn Clock,
    ids: &'a dyn IdGenerator,
    company: &'a Company,
    done: &'a Done,
    line: &'a Queue,
}

impl Work<'_> {
    fn serve(
        &self,
        conn: &mut SqliteConnection,
        mut checkpoints: Option<&mut Checkpoints>,
        mut jobs: mpsc::Receiver<(Queued, Waiting)>,
        group_max: usize,
    ) {
        let mut next = None;
        // How many writes were about when the last commit ended: so many may come for the next.
        let mut about = 1;
        let taken = |(queued, waiting): (Queued, Waiting)| {
            waiting.has_its_turn();
            queued
        };
        while let Some(first) = next.take().or_else(|| jobs.blocking_recv().map(taken)) {
            if 1 < about && matches!(first, Queued::Post(_) | Queued::Shared(_)) {
                self.company.wait_for(about - 1, || jobs.len());
            }
            give_way();
            let begun = Instant::now();
            let mut group = Group::default();
            match first {
                Queued::Bare(work) => {
                    // Whatever it does, no event tells it; and it answers by itself.
                    self.done.recent.forget();
                    work(conn);
                    continue;
                }
                Queued::Alone(job) => group.jobs.push(job),
                Queued::Shared(_) | Queued::Post(_) => {
                    let mut more = Some(first);
                    while let Some(queued) = more {
                        match queued {
                            Queued::Shared(job) => group.jobs.push(job),
                            Queued::Post(post) => group.posts.push(*post),
                            other => {
                                next = Some(other);
                                break;
                            }
                        }
                        more = if group.len() < group_max { jobs.try_recv().ok().map(taken) } else { None };
                    }
                }
            }
            self.carry_out(conn, &mut group);
            about = (group.len() + jobs.len()).min(group_max);
            group.answer();
            self.line.took(begun.elapsed());
            if let Some(checkpoints) = &mut checkpoints {
                checkpoints.after_commit(conn);
            }
        }
    }

    /// All of the group in one transaction. Where that fails, nothing of it is stored, and each hears it.
    fn carry_out(&self, conn: &mut SqliteConnection, group: &mut Group) {
        self.line.grouped(group.len());
        match in_one_transaction(conn, group, (self.clock, self.ids), &self.done.recent) {
            Ok(Carried { position, changes }) => {
                // Whoever sees the position finds the changes.
                self.done.recent.push(changes);
                self.done.position.store(position, Ordering::Release);
            }
            Err(trouble) => group.fail(&StoreError::from(trouble)),
        }
    }
}

/// What a group has done.
struct Carried {
    /// The position of the last event.
    position: i64,
    /// What changed, where somebody wants to know.
    changes: Vec<Change>,
}

/// All of the group in one transaction. An error means that nothing of it is stored.
fn in_one_transaction(
    conn: &mut SqliteConnection,
    group: &mut Group,
    stamps: (&dyn Clock, &dyn IdGenerator),
    recent: &Recent,
) -> Result<Carried, Trouble> {
    say(conn, "begin immediate")?;
    let done = run_all(conn, group, stamps, recent).and_then(|carried| {
        give_way();
        say(conn, "commit")?;
        give_way();
        Ok(carried)
    });
    if done.is_err() {
        // Fails where SQLite itself has rolled back already, as it does when the disk is full.
        let _ = conn.batch_execute("rollback");
    }
    done
}

/// Lets others have the processor, where every core is busy: readers do not wait for the whole of a commit's work, and whoever is
/// about to write does so first, and shares the commit. With server and writer on one core, the friends feed's p99 under a
/// mixed load at its peak was 0.4 ms instead of 0.8, and 32 clients posted an eighth more.
///
/// Linux lets a thread that was just woken work off its slice whoever else is woken meanwhile, but not one that has given
/// way since (EEVDF; `yield_task_fair`). So it is done after every wait, too: under a mixed load at half of its peak the
/// thread that serves HTTP waited for the writer's longer than 0.2 ms 13 and 11 times in 2.8 s, before that 62 and 82 times.
fn give_way() {
    std::thread::yield_now();
}

/// Says something about the transaction, by a statement that stays prepared.
fn say(conn: &mut SqliteConnection, words: &'static str) -> Result<(), Trouble> {
    sql::command(words).execute(conn)?;
    Ok(())
}

/// A disk that is full makes SQLite roll the whole transaction back, not the one write that found it so.
fn broken_off() -> Trouble {
    Trouble::Store(StoreError::Unavailable("another write in the same commit broke it off".to_owned()))
}

fn run_all(
    conn: &mut SqliteConnection,
    group: &mut Group,
    (clock, ids): (&dyn Clock, &dyn IdGenerator),
    recent: &Recent,
) -> Result<Carried, Trouble> {
    let loaded = events::counters(conn)?;
    let mut write = Write { conn, turn: Turn::begin(loaded, clock, ids) };
    for job in &mut group.jobs {
        in_savepoint(&mut write, |write| job.run(write))?;
        give_way();
    }
    post_all(&mut write, &mut group.posts)?;
    give_way();
    let Write { conn, turn } = write;
    let (counters, happened) = turn.finish();
    events::append(conn, &happened)?;
    if counters != loaded {
        events::store_counters(conn, &counters)?;
    }
    let changes = if recent.wants(&happened) { changes(conn, &happened) } else { Vec::new() };
    Ok(Carried { position: counters.position, changes })
}

/// What events changed. Where that cannot be read no write fails by it: the log tells it later.
fn changes(conn: &mut SqliteConnection, happened: &[Event]) -> Vec<Change> {
    let happened: Vec<Happened> = happened.iter().map(Happened::from).collect();
    facts::told(conn, &happened).unwrap_or_default()
}

/// Carries out `work` in a savepoint, and takes it back where it says that it failed.
fn in_savepoint(write: &mut Write<'_>, work: impl FnOnce(&mut Write<'_>) -> bool) -> Result<(), Trouble> {
    let checkpoint = write.turn.checkpoint();
    say(write.conn, "savepoint job")?;
    if !work(write) {
        write.conn.batch_execute("rollback to job").map_err(|_| broken_off())?;
        write.turn.roll_back_to(checkpoint);
    }
    say(write.conn, "release job")?;
    Ok(())
}

/// All posts of a group by the same few statements. Where one fails, none of that is kept, and each goes for itself.
fn post_all(write: &mut Write<'_>, posts: &mut [Post]) -> Result<(), Trouble> {
    if posts.is_empty() {
        return Ok(());
    }
    let mut has_failed = false;
    in_savepoint(write, |write| {
        has_failed = !post_together(write, posts);
        !has_failed
    })?;
    if has_failed && 1 < posts.len() {
        for post in posts {
            in_savepoint(write, |write| post_together(write, std::slice::from_mut(post)))?;
        }
    }
    Ok(())
}

/// Posts, and notes the outcome of each; whether that succeeded.
fn post_together(write: &mut Write<'_>, posts: &mut [Post]) -> bool {
    let wishes = posts.iter().map(|post| post.activity.clone()).collect();
    match caught(|| activities::post_all(write, wishes, Atomicity::Each)) {
        Ok(posted) => {
            for (post, outcome) in posts.iter_mut().zip(posted.outcomes) {
                post.outcome = Some(Ok(outcome));
            }
            true
        }
        Err(error) => {
            for post in posts {
                post.outcome = Some(Err(error.clone()));
            }
            false
        }
    }
}
