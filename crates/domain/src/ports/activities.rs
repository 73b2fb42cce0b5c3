use async_trait::async_trait;

use crate::{
    activity::{Activity, ActivityPatch, NewActivity, Precondition},
    error::StoreError,
    id::ActivityId,
    idempotency::{Attempt, Keyed},
    text::{ExternalId, Username},
};

/// Keeps activities.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait ActivityRepository: Send + Sync {
    /// Stores an activity, stamped by [`NewActivity::stamped`] when its turn has come, and counts it for its actor.
    async fn post(
        &self,
        activity: NewActivity,
        keyed: Option<Keyed<Posted>>,
    ) -> Result<Attempt<Posted>, StoreError>;

    /// Stores many in the order given, as if each were posted after the other, with a number of statements that does not
    /// depend on how many they are. With [`Atomicity::AllOrNone`], an outcome other than `Created` or `Existing` means
    /// that none is stored.
    async fn post_batch(
        &self,
        activities: Vec<NewActivity>,
        atomicity: Atomicity,
        keyed: Option<Keyed<BatchPosted>>,
    ) -> Result<Attempt<BatchPosted>, StoreError>;

    /// The activity of an id.
    async fn find(&self, id: ActivityId) -> Result<Option<Activity>, StoreError>;

    /// Those of these activities that are there, in any order, by one question.
    async fn find_many(&self, ids: &[ActivityId]) -> Result<Vec<Activity>, StoreError>;

    /// The activity of an actor's external id.
    async fn find_external(
        &self,
        actor: &Username,
        external_id: &ExternalId,
    ) -> Result<Option<Activity>, StoreError>;

    /// Replaces the activity by what [`Activity::edited`] makes of it, if the precondition holds for what is stored.
    async fn edit(
        &self,
        id: ActivityId,
        patch: ActivityPatch,
        precondition: Precondition,
    ) -> Result<Edited, StoreError>;

    /// Deletes the activity, if the precondition holds for what is stored. Its external id is free again.
    async fn delete(&self, id: ActivityId, precondition: Precondition) -> Result<Deleted, StoreError>;
}

/// What became of a post.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Posted {
    /// It is stored.
    Created(Activity),
    /// It has the external id of an activity that is there and [repeats](NewActivity::repeats) it.
    Existing(Activity),
    /// It has the external id of an activity that is there and says something else.
    ExternalIdTaken(Activity),
    /// The actor, the target or both are not users.
    UnknownUsers {
        /// Whether the actor is not.
        actor: bool,
        /// Whether the target is not.
        target: bool,
    },
}

/// Whether a batch is stored as far as it can be, or as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Atomicity {
    /// Each for itself.
    Each,
    /// All or none.
    AllOrNone,
}

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchPosted {
    /// Whether what could be stored was; never so when an item of an [`Atomicity::AllOrNone`] batch failed.
    pub stored: bool,
    /// An outcome for each item, in the order sent.
    pub outcomes: Vec<Posted>,
}

/// What became of an edit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edited {
    /// It is like this now (also when nothing was asked for).
    Edited(Activity),
    /// There is no such activity.
    Unknown,
    /// The precondition does not hold.
    PreconditionFailed,
    /// The new target is not a user.
    UnknownTarget(Username),
}

/// What became of a deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deleted {
    /// It is gone.
    Deleted,
    /// There was none.
    Unknown,
    /// The precondition does not hold.
    PreconditionFailed,
}
