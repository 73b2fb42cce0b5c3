//! Users: who acts, follows and is followed.

use crate::{
    given::Given,
    id::{UserId, UserKey},
    page::Placed,
    text::{DisplayName, Username},
    time::Timestamp,
};

/// A user, with the counts that are kept exact by every write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The number that rows and the classic routes use.
    pub key: UserKey,
    /// The public id.
    pub id: UserId,
    /// The name, unique at any time.
    pub username: Username,
    /// The name shown, where one is set.
    pub display_name: Option<DisplayName>,
    /// When the user was made.
    pub created_at: Timestamp,
    /// When this user took the present name.
    pub named_at: Timestamp,
    /// How many users this one follows.
    pub following: u64,
    /// How many users follow this one.
    pub followers: u64,
    /// How many activities this one has posted that are still there.
    pub activities: u64,
}

impl Placed for User {
    type Place = Username;
    fn place(&self) -> Username {
        self.username.clone()
    }
}

/// What a `PUT` asks of a user that may not exist yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutUser {
    /// The name addressed.
    pub username: Username,
    /// What to set, clear or leave.
    pub display_name: Given<DisplayName>,
}

/// What a `PATCH` asks of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserPatch {
    /// The new name, where one is asked for.
    pub username: Option<Username>,
    /// What to set, clear or leave.
    pub display_name: Given<DisplayName>,
}

/// What an erasure took away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Erasure {
    /// Activities of the user.
    pub activities: u64,
    /// Activities of others whose target was cleared.
    pub mentions: u64,
    /// Follows by the user.
    pub following: u64,
    /// Follows of the user.
    pub followers: u64,
    /// Kept histories of former follows, either way.
    pub kept_windows: u64,
    /// Blocks, either way.
    pub blocks: u64,
    /// Mutes, either way.
    pub mutes: u64,
    /// Stored answers to idempotent requests whose bodies named the user.
    pub stored_answers: u64,
    /// When.
    pub at: Timestamp,
}
