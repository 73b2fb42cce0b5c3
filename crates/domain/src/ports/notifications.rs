use async_trait::async_trait;

use crate::{
    error::StoreError,
    idempotency::{Attempt, Keyed},
    notification::{GroupPlace, MarkRequest, NotificationSlice},
    page::Span,
    text::Username,
};

/// Reads what concerns a user in groups, and keeps what of it the user has seen and read.
///
/// A group holds what targets the user, by verb, object and day (in UTC) of `published`, and the followers of a day
/// (of `since`). Left out are the user's own activities and those of users whom a block stands between, as in mentions.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait NotificationRepository: Send + Sync {
    /// A stretch of the groups, the newest place first, in walking order, and how many groups in all have something
    /// unseen and unread. A walk forward counts for places only what had arrived when it began (the `as_of` of its
    /// boundary), so that a group with news does not leave its place below; whatever else is told is of now. None where
    /// there is no such user.
    async fn notifications(
        &self,
        owner: &Username,
        span: &Span<GroupPlace>,
    ) -> Result<Option<NotificationSlice>, StoreError>;

    /// Keeps what was seen and read: everything that arrived so far of the groups marked. It is no event, as no feed
    /// changes. Says whether there is such a user.
    async fn mark(
        &self,
        owner: &Username,
        request: MarkRequest,
        keyed: Option<Keyed<bool>>,
    ) -> Result<Attempt<bool>, StoreError>;
}
