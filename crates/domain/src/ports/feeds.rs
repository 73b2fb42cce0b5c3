use async_trait::async_trait;

use crate::{
    activity::Activity,
    error::StoreError,
    feed::{FeedKind, FeedMark, FeedQuery, FeedSlice},
    follow::{Edge, Follow},
    id::ActivityId,
    text::Username,
};

/// Reads feeds.
///
/// A page costs about the same wherever the walk stands, and never grows with history: the store seeks to the boundary.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait FeedRepository: Send + Sync {
    /// The activities of the feed beyond the boundary, in walking order, as they are when it is asked: everything that
    /// was answered before is in it. None where the owner is not a user.
    async fn page(&self, query: &FeedQuery) -> Result<Option<FeedSlice>, StoreError>;

    /// The facts that decide whether an activity is in a user's friends feed.
    async fn explain(&self, viewer: &Username, activity: ActivityId) -> Result<Explained, StoreError>;

    /// What pages that are read from now on include at least, for whoever keeps them; none where the store cannot say later
    /// whether [they are still the same](Self::unchanged). It asks nobody.
    fn mark(&self) -> Option<FeedMark> {
        None
    }

    /// Whether every page of a feed that included `since` would be the same if it were read now: then what such a page
    /// includes by now. None where something of it may have changed, or where that is not known. It asks nobody, and costs
    /// less than a page.
    fn unchanged(&self, kind: FeedKind, owner: &Username, since: FeedMark) -> Option<FeedMark> {
        let _ = (kind, owner, since);
        None
    }
}

/// What a store knows about an activity and a viewer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Explained {
    /// The viewer is not a user.
    UnknownViewer,
    /// There is no such activity (any more).
    UnknownActivity,
    /// These facts.
    Facts(Box<VisibilityFacts>),
}

/// Everything that decides about one activity in one friends feed.
#[expect(clippy::struct_excessive_bools, reason = "independent facts, read from four rows")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VisibilityFacts {
    /// The activity.
    pub activity: Activity,
    /// Whether the viewer is its actor.
    pub is_own: bool,
    /// What the viewer stores about the actor's activities.
    pub edge: Edge,
    /// The present follow, where there is one.
    pub follow: Option<Follow>,
    /// Whether the viewer mutes the actor.
    pub mutes: bool,
    /// Whether the viewer blocks the actor.
    pub blocks: bool,
    /// Whether the actor blocks the viewer.
    pub blocked_by: bool,
}
