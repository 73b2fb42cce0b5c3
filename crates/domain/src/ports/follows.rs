use async_trait::async_trait;

use crate::{
    error::StoreError,
    follow::{Follow, FollowRequest, FollowSide, LinkPlace, ListedFollow, Relationship, UnfollowRequest},
    idempotency::{Attempt, Keyed},
    page::Span,
    text::Username,
};

/// Keeps who follows whom, and which part of whose activities.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait FollowRepository: Send + Sync {
    /// Carries out what [`Edge::follow`](crate::follow::Edge::follow) says about the stored edge.
    async fn follow(
        &self,
        request: FollowRequest,
        keyed: Option<Keyed<Followed>>,
    ) -> Result<Attempt<Followed>, StoreError>;

    /// Carries out what [`Edge::unfollow`](crate::follow::Edge::unfollow) says about the stored edge.
    async fn unfollow(
        &self,
        request: UnfollowRequest,
        keyed: Option<Keyed<Unfollowed>>,
    ) -> Result<Attempt<Unfollowed>, StoreError>;

    /// Follows `follow` and then unfollows `unfollow` (without keeping history), in order, in one step. None where the
    /// follower is not a user.
    async fn follow_batch(
        &self,
        follower: &Username,
        follow: Vec<Username>,
        unfollow: Vec<Username>,
        keyed: Option<Keyed<Option<BatchFollowed>>>,
    ) -> Result<Attempt<Option<BatchFollowed>>, StoreError>;

    /// The present follow of one user by another.
    async fn find(&self, follower: &Username, followee: &Username) -> Result<FoundFollow, StoreError>;

    /// A stretch of the present follows of or by `owner`, newest first (by [`LinkPlace`], descending); in walking order.
    /// None where there is no such user.
    async fn list(
        &self,
        owner: &Username,
        side: FollowSide,
        span: Span<LinkPlace>,
    ) -> Result<Option<Owned<ListedFollow>>, StoreError>;

    /// How `owner` stands to each of `with` that is a user, in the order given. None where `owner` is none.
    async fn relationships(
        &self,
        owner: &Username,
        with: &[Username],
    ) -> Result<Option<Vec<Relationship>>, StoreError>;
}

/// A stretch of a list that belongs to a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owned<T> {
    /// The user's id.
    pub owner: crate::id::UserId,
    /// The items, in walking order.
    pub items: Vec<T>,
}

/// What became of a follow. Checked in this order: unknown names, oneself, blocks, the edge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Followed {
    /// It begins now.
    Now(Follow),
    /// It was there; like this now.
    Already(Follow),
    /// This is not a user: the follower, where both are none.
    Unknown(Username),
    /// Both are the same user.
    Oneself,
    /// A block stands between the two, either way.
    Blocked,
}

/// What became of an unfollow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfollowed {
    /// There is no present follow any more.
    Ended,
    /// There was none, and no kept history.
    NotThere,
    /// This is not a user: the follower, where both are none.
    Unknown(Username),
}

/// What became of a batch: an outcome for each name, in the order given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchFollowed {
    /// Of the names to follow.
    pub followed: Vec<Followed>,
    /// Of the names to unfollow.
    pub unfollowed: Vec<Unfollowed>,
}

/// What was found of a follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FoundFollow {
    /// This.
    Follow(Follow),
    /// Both are users, and there is none.
    None,
    /// This is not a user: the follower, where both are none.
    Unknown(Username),
}
