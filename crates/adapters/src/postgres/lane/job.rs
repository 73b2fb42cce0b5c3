//! Writes as the lane sees them.

use feed_me_domain::{
    Attempt, KeyRefusal, Keyed, NewActivity, RequestKey, StoreError, StoredAnswer, StoredKey, Timestamp,
    ports::Posted,
};
use tokio::sync::oneshot;

use super::super::{
    errors::Outcome,
    idempotency::{self, NewAnswer},
    writing::Write,
};
use crate::under_way::ScopeGuard;

/// A write in the lane. It can be carried out again as long as it is not answered.
pub(in crate::postgres) enum Job {
    /// One activity to post: those of a group are posted together.
    Post(Box<Post>),
    /// Any other write.
    Task(Box<dyn AnyTask>),
}

impl Job {
    pub(super) fn asked(&mut self) -> &mut dyn AnyAsked {
        match self {
            Self::Post(post) => &mut post.asked,
            Self::Task(task) => task.asked(),
        }
    }

    /// Answers: that the write failed, or what came of it.
    pub(super) fn answer(self, failure: Option<&StoreError>) {
        match self {
            Self::Post(post) => post.asked.answer(failure),
            Self::Task(task) => task.answer(failure),
        }
    }
}

/// One activity to post.
pub(in crate::postgres) struct Post {
    pub(super) asked: Asked<Posted>,
    pub(super) activity: NewActivity,
}

impl Post {
    /// The write of one activity.
    pub(in crate::postgres) fn job(asked: Asked<Posted>, activity: NewActivity) -> Job {
        Job::Post(Box::new(Self { asked, activity }))
    }
}

/// Any other write.
pub(in crate::postgres) struct Task<T, F> {
    asked: Asked<T>,
    work: F,
}

impl<T, F> Task<T, F>
where
    T: Send + 'static,
    F: Fn(&mut Write<'_>) -> Outcome<T> + Send + 'static,
{
    /// The write that `work` carries out.
    pub(in crate::postgres) fn job(asked: Asked<T>, work: F) -> Job {
        Job::Task(Box::new(Self { asked, work }))
    }
}

/// A [`Task`] of any outcome.
pub(in crate::postgres) trait AnyTask: Send {
    /// Who asks.
    fn asked(&mut self) -> &mut dyn AnyAsked;
    /// Carries it out, and stores the answer of its key with it.
    fn run(&mut self, write: &mut Write<'_>) -> Outcome<()>;
    /// Answers.
    fn answer(self: Box<Self>, failure: Option<&StoreError>);
}

impl<T, F> AnyTask for Task<T, F>
where
    T: Send,
    F: Fn(&mut Write<'_>) -> Outcome<T> + Send,
{
    fn asked(&mut self) -> &mut dyn AnyAsked {
        &mut self.asked
    }

    fn run(&mut self, write: &mut Write<'_>) -> Outcome<()> {
        let outcome = (self.work)(write)?;
        match self.asked.done(outcome) {
            Some(answer) => idempotency::store(write, &[answer]),
            None => Ok(()),
        }
    }

    fn answer(self: Box<Self>, failure: Option<&StoreError>) {
        self.asked.answer(failure);
    }
}

/// A key that counts as under way in this process.
pub(in crate::postgres) struct Guarded<T> {
    keyed: Keyed<T>,
    /// Ends its way when it is dropped.
    _guard: ScopeGuard,
}

impl<T> Guarded<T> {
    pub(super) fn new(keyed: Keyed<T>, guard: ScopeGuard) -> Self {
        Self { keyed, _guard: guard }
    }
}

/// Who waits for a write, with what key, and what is going to be the answer.
pub(in crate::postgres) struct Asked<T> {
    guarded: Option<Guarded<T>>,
    /// There is an answer to the key, too old to count.
    is_outlived: bool,
    outcome: Option<Attempt<T>>,
    reply: oneshot::Sender<Result<Attempt<T>, StoreError>>,
}

impl<T> Asked<T> {
    pub(super) fn new(
        guarded: Option<Guarded<T>>,
        reply: oneshot::Sender<Result<Attempt<T>, StoreError>>,
    ) -> Self {
        Self { guarded, is_outlived: false, outcome: None, reply }
    }

    /// The write was carried out. Answers what is to be stored under its key.
    pub(super) fn done(&mut self, outcome: T) -> Option<NewAnswer> {
        let new = self.guarded.as_ref().and_then(|Guarded { keyed, .. }| {
            let answer: StoredAnswer = (keyed.answer)(&outcome)?;
            Some(NewAnswer { key: keyed.key, answer, is_outlived: self.is_outlived })
        });
        self.outcome = Some(Attempt::Done(outcome));
        new
    }

    fn answer(self, failure: Option<&StoreError>) {
        let answer = match (failure, self.outcome) {
            (Some(error), _) => Err(error.clone()),
            (None, Some(outcome)) => Ok(outcome),
            (None, None) => Err(StoreError::Failed("a write was left out of its group".to_owned())),
        };
        // The key is free before its client can hear of it and send the next request.
        drop(self.guarded);
        // Nobody may be waiting any more.
        let _ = self.reply.send(answer);
    }
}

/// An [`Asked`] of any outcome.
pub(in crate::postgres) trait AnyAsked {
    /// Forgets what an earlier transaction came to.
    fn begin(&mut self);
    /// The key.
    fn key(&self) -> Option<RequestKey>;
    /// The key does not allow it.
    fn refuse(&mut self, refusal: KeyRefusal);
    /// There is an answer to the key.
    fn meet(&mut self, stored: StoredKey, now: Timestamp);
    /// Whether the key has decided the answer, so that the write is not carried out.
    fn is_settled(&self) -> bool;
}

impl<T> AnyAsked for Asked<T> {
    fn begin(&mut self) {
        self.is_outlived = false;
        self.outcome = None;
    }

    fn key(&self) -> Option<RequestKey> {
        self.guarded.as_ref().map(|guarded| guarded.keyed.key)
    }

    fn refuse(&mut self, refusal: KeyRefusal) {
        self.outcome = Some(Attempt::Refused(refusal));
    }

    fn meet(&mut self, stored: StoredKey, now: Timestamp) {
        let Some(key) = self.key() else { return };
        self.outcome = stored.meets(&key, now);
        self.is_outlived = self.outcome.is_none();
    }

    fn is_settled(&self) -> bool {
        self.outcome.is_some()
    }
}
