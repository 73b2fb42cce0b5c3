use async_trait::async_trait;

use crate::{activity::Activity, error::StoreError, follow::Follow, id::UserKey, text::Username};

/// What the routes for development read and do.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait DevelopmentRepository: Send + Sync {
    /// Wipes everything, unless there are more than `users_max` users, and loads the fixture: users are numbered from 1
    /// in the order given. One event; the event sequence and secrets go on, the events before go.
    async fn reset(&self, fixture: Fixture, users_max: usize) -> Result<ResetDone, StoreError>;

    /// At most `take` users, by number.
    async fn users(&self, take: usize) -> Result<Vec<(UserKey, Username)>, StoreError>;

    /// At most `take` activities, in order of arrival (by id).
    async fn activities(&self, take: usize) -> Result<Vec<Activity>, StoreError>;

    /// At most `take` present follows, in order of arrival.
    async fn follows(&self, take: usize) -> Result<Vec<Follow>, StoreError>;

    /// Answers when the store can: reachable, its schema current.
    async fn ready(&self) -> Result<(), StoreError>;
}

/// What a reset loads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fixture {
    /// The users, then activities and follows that name them; activities are stamped anew, in order.
    pub users: Vec<Username>,
    /// Activities, oldest first.
    pub activities: Vec<crate::activity::NewActivity>,
    /// Follows as (follower, followee).
    pub follows: Vec<(Username, Username)>,
}

/// What became of a reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResetDone {
    /// Everything is new.
    Reset,
    /// The database is too large to be a toy.
    TooLarge,
}
