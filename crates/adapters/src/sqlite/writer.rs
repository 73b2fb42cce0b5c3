//! The one connection that writes, and the thread that owns it.
//!
//! Writes that wait share a transaction: each runs in a savepoint of its own, the counters and the events of all are
//! stored once, and one commit, with its one wait for the disk, serves them all. Nobody is answered before it. Posts, which
//! are most of all writes, share a savepoint and their statements too: where the disk is fast, that is what they wait for.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
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

use super::{Access, activities, errors::Trouble, events, facts, recent::Recent, sql};
use crate::{
    under_way::ScopeGuard,
    watch::{Line, Queue, Waiting},
};

/// How many writes wait before the next has to wait outside.
const QUEUE_MAX: usize = 1024;

/// How many pages the log of writes has before they are put into their places; the log is 16 MB then. The more there are, the
/// more of them are of the same places, which are written and waited for once: with SQLite's 1,000, 32 clients posted a tenth
/// less (13,300 to 14,800 a second instead of 12,200 to 12,900, size S, quiet rounds of one run); with 8,000 no more than so.
const CHECKPOINT_PAGES: u32 = 4_000;

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
            let log = format!("pragma journal_mode = wal; pragma wal_autocheckpoint = {CHECKPOINT_PAGES};");
            let limit = pages_max.map(|pages| format!("pragma max_page_count = {pages};"));
            pragmas.extend([Some(log), limit].into_iter().flatten());
        }
        conn.batch_execute(&pragmas).map_err(|error| error.to_string())?;
        let (queue, jobs) = mpsc::channel(QUEUE_MAX);
        let done = Arc::<Done>::default();
        let line = Queue::new(Line::Write, 1, group_max);
        let thread = std::thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn({
                let (done, line) = (done.clone(), line.clone());
                move || serve(conn, jobs, group_max, (&*clock, &*ids), (&done, &line))
            })
            .map_err(|error| error.to_string())?;
        Ok(Self { queue: Some(queue), thread: Some(thread), patience, line, done })
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
            Ok(Ok(())) => answer.await.map_err(|_| ended())?,
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

/// A write as the thread sees it.
trait Job: Send {
    /// Carries it out; whether it succeeded. The answer waits for the commit.
    fn run(&mut self, write: &mut Write<'_>) -> bool;
    /// The commit failed: so did this.
    fn fail(&mut self, error: &StoreError);
    /// Answers.
    fn answer(self: Box<Self>);
}

struct Task<T, F> {
    work: Option<F>,
    outcome: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
    guard: Option<ScopeGuard>,
}

impl<T, F> Task<T, F>
where
    T: Send + 'static,
    F: FnOnce(&mut Write<'_>) -> Result<T, Trouble> + Send + 'static,
{
    fn queued(
        guard: Option<ScopeGuard>,
        work: F,
    ) -> (Box<dyn Job>, oneshot::Receiver<Result<T, StoreError>>) {
        let (reply, answer) = oneshot::channel();
        (Box::new(Self { work: Some(work), outcome: None, reply, guard }), answer)
    }
}

impl<T, F> Job for Task<T, F>
where
    T: Send,
    F: FnOnce(&mut Write<'_>) -> Result<T, Trouble> + Send,
{
    fn run(&mut self, write: &mut Write<'_>) -> bool {
        let Some(work) = self.work.take() else { return false };
        let outcome = caught(|| work(write));
        let succeeded = outcome.is_ok();
        self.outcome = Some(outcome);
        succeeded
    }

    fn fail(&mut self, error: &StoreError) {
        // A write that failed by itself keeps its own reason.
        if !matches!(self.outcome, Some(Err(_))) {
            self.outcome = Some(Err(error.clone()));
        }
    }

    fn answer(self: Box<Self>) {
        // The key is free before its client can hear of it and send the next request.
        drop(self.guard);
        if let Some(outcome) = self.outcome {
            // Nobody may be waiting any more.
            let _ = self.reply.send(outcome);
        }
    }
}

/// A post as the thread sees it.
struct Post {
    activity: NewActivity,
    outcome: Option<Result<Posted, StoreError>>,
    reply: oneshot::Sender<Result<Posted, StoreError>>,
}

/// What shares a transaction.
#[derive(Default)]
struct Group {
    jobs: Vec<Box<dyn Job>>,
    posts: Vec<Post>,
}

impl Group {
    fn len(&self) -> usize {
        self.jobs.len() + self.posts.len()
    }

    /// The commit failed: so did all of it. A write that failed by itself keeps its own reason.
    fn fail(&mut self, error: &StoreError) {
        for job in &mut self.jobs {
            job.fail(error);
        }
        for post in &mut self.posts {
            if !matches!(post.outcome, Some(Err(_))) {
                post.outcome = Some(Err(error.clone()));
            }
        }
    }

    fn answer(self) {
        self.jobs.into_iter().for_each(Job::answer);
        for Post { outcome, reply, .. } in self.posts {
            if let Some(outcome) = outcome {
                // Nobody may be waiting any more.
                let _ = reply.send(outcome);
            }
        }
    }
}

fn caught<T>(work: impl FnOnce() -> Result<T, Trouble>) -> Result<T, StoreError> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(outcome) => outcome.map_err(StoreError::from),
        Err(_) => Err(StoreError::Failed("a write panicked".to_owned())),
    }
}

fn serve(
    mut conn: SqliteConnection,
    mut jobs: mpsc::Receiver<(Queued, Waiting)>,
    group_max: usize,
    (clock, ids): (&dyn Clock, &dyn IdGenerator),
    (done, line): (&Done, &Queue),
) {
    let mut next = None;
    let taken = |(queued, waiting): (Queued, Waiting)| {
        waiting.has_its_turn();
        queued
    };
    while let Some(first) = next.take().or_else(|| jobs.blocking_recv().map(taken)) {
        give_way();
        let begun = Instant::now();
        let mut group = Group::default();
        match first {
            Queued::Bare(work) => {
                // Whatever it does, no event tells it; and it answers by itself.
                done.recent.forget();
                work(&mut conn);
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
        line.grouped(group.len());
        match carry_out(&mut conn, &mut group, (clock, ids), &done.recent) {
            Ok(Carried { position, changes }) => {
                // Whoever sees the position finds the changes.
                done.recent.push(changes);
                done.position.store(position, Ordering::Release);
            }
            Err(trouble) => group.fail(&StoreError::from(trouble)),
        }
        group.answer();
        line.took(begun.elapsed());
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
fn carry_out(
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
