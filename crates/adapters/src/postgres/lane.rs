//! The lane of all writes: those that wait while another commit is under way are carried out together.
//!
//! All writes of a database are serial, and the lock that makes them so is held until the disk has answered. So one thread
//! carries them out. It takes what is queued, up to a number, does all of it in one transaction (`group`) and commits once;
//! nobody is answered before that. It never waits for company: a write that comes alone goes at once. Other instances
//! of the same database have lanes of their own; the lock on the row of `sequence` stands between them.
//!
//! A write that fails has broken the transaction of all. Then nothing was stored, and each is carried out again in a
//! transaction of its own, so that only the one that fails is told so. That costs nothing as long as none fails; a
//! savepoint around each would cost two messages for every write. Where the database is unavailable (its disk is full, a
//! statement or the lock took too long), trying each would only make all wait longer: then all are told so.

mod group;
mod job;

use std::{
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use feed_me_domain::{Attempt, KeyRefusal, Keyed, StoreError};
use parking_lot::Mutex;
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout_at,
};

use self::job::Guarded;
pub(super) use self::job::{Asked, Job, Post, Task};
use super::Shared;
use crate::{
    under_way::ScopesUnderWay,
    watch::{Queue, Waiting},
};

/// How many writes wait in the queue before the next has to wait outside.
const QUEUE_MAX: usize = 1024;

/// How long a write that is carried out again, alone, waits for a session beyond the deadline of its group.
const RETRY_PATIENCE: Duration = Duration::from_millis(100);

/// Whether a write may share its transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Company {
    /// It may.
    Welcome,
    /// It has one to itself.
    Unwanted,
}

/// Sends writes to the thread that carries them out.
pub(super) struct Lane {
    queue: Option<mpsc::Sender<Queued>>,
    thread: Option<JoinHandle<()>>,
    patience: Duration,
    line: Arc<Queue>,
    under_way: ScopesUnderWay,
}

struct Queued {
    slot: Slot,
    company: Company,
    deadline: Instant,
    waiting: Waiting,
}

impl Queued {
    /// The write, unless its client gave up.
    fn taken(self) -> Option<Job> {
        let job = self.slot.take()?;
        self.waiting.has_its_turn();
        Some(job)
    }
}

/// Holds a write until the thread takes it, or its client gives up waiting for that.
#[derive(Clone)]
struct Slot(Arc<Mutex<Option<Job>>>);

impl Slot {
    fn take(&self) -> Option<Job> {
        self.0.lock().take()
    }
}

impl Lane {
    /// Starts the thread.
    pub(super) fn start(shared: &Arc<Shared>) -> Result<Self, StoreError> {
        let (queue, jobs) = mpsc::channel(QUEUE_MAX);
        let (patience, line) = (shared.options.acquire_timeout, Arc::clone(&shared.writes));
        let shared = Arc::clone(shared);
        let thread = std::thread::Builder::new()
            .name("postgres-writer".to_owned())
            .spawn(move || serve(&shared, jobs))
            .map_err(|error| StoreError::Failed(format!("no thread for the writes: {error}")))?;
        let under_way = ScopesUnderWay::default();
        Ok(Self { queue: Some(queue), thread: Some(thread), patience, line, under_way })
    }

    /// Takes a key, unless a request with it is under way in this process. (A claim in the database would not tell the two
    /// apart: they may share a transaction.)
    pub(super) fn guard<T>(&self, keyed: Keyed<T>) -> Result<Guarded<T>, KeyRefusal> {
        let guard = self.under_way.enter(keyed.key.scope).ok_or(KeyRefusal::UnderWay)?;
        Ok(Guarded::new(keyed, guard))
    }

    /// Carries out a write. Who waits too long for the thread to take it is told that the store is unavailable, and it is
    /// not carried out.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        company: Company,
        keyed: Option<Guarded<T>>,
        job: impl FnOnce(Asked<T>) -> Job,
    ) -> Result<Attempt<T>, StoreError> {
        let ended = || StoreError::Failed("the thread that writes has ended".to_owned());
        let too_many = || StoreError::Unavailable("too many writes are waiting".to_owned());
        let queue = self.queue.as_ref().ok_or_else(ended)?;
        let waiting = self.line.enter()?;
        let deadline = Instant::now() + self.patience;
        let (reply, mut answer) = oneshot::channel();
        let slot = Slot(Arc::new(Mutex::new(Some(job(Asked::new(keyed, reply))))));
        let queued = Queued { slot: slot.clone(), company, deadline, waiting };
        match timeout_at(deadline.into(), queue.send(queued)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Err(ended()),
            Err(_) => return Err(too_many()),
        }
        if let Ok(answered) = timeout_at(deadline.into(), &mut answer).await {
            return answered.map_err(|_| ended())?;
        }
        if slot.take().is_some() {
            return Err(too_many());
        }
        answer.await.map_err(|_| ended())?
    }
}

#[cfg(test)]
impl Lane {
    /// How many writes wait for the thread.
    pub(super) fn waiting(&self) -> usize {
        self.queue.as_ref().map_or(0, |queue| QUEUE_MAX - queue.capacity())
    }
}

impl Drop for Lane {
    /// What is queued is still carried out.
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // A panic in it was logged where it happened.
            let _ = thread.join();
        }
    }
}

fn serve(shared: &Shared, mut jobs: mpsc::Receiver<Queued>) {
    let mut next: Option<Queued> = None;
    while let Some(first) = next.take().or_else(|| jobs.blocking_recv()) {
        let mut deadline = first.deadline;
        let company = first.company;
        let mut group: Vec<Job> = first.taken().into_iter().collect();
        while company == Company::Welcome && group.len() < shared.options.commit_group_max {
            let Ok(queued) = jobs.try_recv() else { break };
            if queued.company == Company::Unwanted {
                next = Some(queued);
                break;
            }
            deadline = deadline.max(queued.deadline);
            group.extend(queued.taken());
        }
        if !group.is_empty() {
            let begun = Instant::now();
            shared.writes.grouped(group.len());
            carry_out(shared, group, deadline);
            shared.writes.took(begun.elapsed());
        }
    }
}

/// Carries out a group and answers each of it.
fn carry_out(shared: &Shared, mut group: Vec<Job>, deadline: Instant) {
    let mut is_committing = false;
    let done = shared.run(deadline, |conn| {
        is_committing = false;
        group::carry_out(shared, conn, &mut group, &mut is_committing)
    });
    match done {
        Ok(()) => group.into_iter().for_each(|job| job.answer(None)),
        // One of them failed, or all would; nothing is stored.
        Err(StoreError::Failed(_)) if 1 < group.len() && !is_committing => {
            // Where the database is there, a session is too; where it is not, nobody waits for the time-outs of all before.
            let deadline = deadline.max(Instant::now() + RETRY_PATIENCE);
            for job in group {
                carry_out(shared, vec![job], deadline);
            }
        }
        Err(error) => group.into_iter().for_each(|job| job.answer(Some(&error))),
    }
}
