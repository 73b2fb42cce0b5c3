//! Writes that share a transaction, as the thread that writes sees them.

use std::panic::{AssertUnwindSafe, catch_unwind};

use feed_me_domain::{NewActivity, error::StoreError, ports::Posted};
use tokio::sync::oneshot;

use super::Write;
use crate::{sqlite::errors::Trouble, under_way::ScopeGuard};

/// A write as the thread sees it.
pub(super) trait Job: Send {
    /// Carries it out; whether it succeeded. The answer waits for the commit.
    fn run(&mut self, write: &mut Write<'_>) -> bool;
    /// The commit failed: so did this.
    fn fail(&mut self, error: &StoreError);
    /// Answers.
    fn answer(self: Box<Self>);
}

pub(super) struct Task<T, F> {
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
    pub(super) fn queued(
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
pub(super) struct Post {
    pub(super) activity: NewActivity,
    pub(super) outcome: Option<Result<Posted, StoreError>>,
    pub(super) reply: oneshot::Sender<Result<Posted, StoreError>>,
}

/// What shares a transaction.
#[derive(Default)]
pub(super) struct Group {
    pub(super) jobs: Vec<Box<dyn Job>>,
    pub(super) posts: Vec<Post>,
}

impl Group {
    pub(super) fn len(&self) -> usize {
        self.jobs.len() + self.posts.len()
    }

    /// The commit failed: so did all of it. A write that failed by itself keeps its own reason.
    pub(super) fn fail(&mut self, error: &StoreError) {
        for job in &mut self.jobs {
            job.fail(error);
        }
        for post in &mut self.posts {
            if !matches!(post.outcome, Some(Err(_))) {
                post.outcome = Some(Err(error.clone()));
            }
        }
    }

    pub(super) fn answer(self) {
        self.jobs.into_iter().for_each(Job::answer);
        for Post { outcome, reply, .. } in self.posts {
            if let Some(outcome) = outcome {
                // Nobody may be waiting any more.
                let _ = reply.send(outcome);
            }
        }
    }
}

pub(super) fn caught<T>(work: impl FnOnce() -> Result<T, Trouble>) -> Result<T, StoreError> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(outcome) => outcome.map_err(StoreError::from),
        Err(_) => Err(StoreError::Failed("a write panicked".to_owned())),
    }
}
