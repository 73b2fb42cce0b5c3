use async_trait::async_trait;

use crate::{
    error::StoreError,
    page::Span,
    text::Username,
    user::{Erasure, PutUser, User, UserPatch},
};

/// Keeps users.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait UserRepository: Send + Sync {
    /// Creates the user, or sets what is given on the one that is there.
    async fn put(&self, user: PutUser) -> Result<UserPut, StoreError>;

    /// The user of a name, with exact counts.
    async fn find(&self, username: &Username) -> Result<Option<User>, StoreError>;

    /// Those of `names` that are not the names of users, in the order given.
    async fn unknown(&self, names: &[Username]) -> Result<Vec<Username>, StoreError>;

    /// Sets what the patch asks for. A rename keeps the id, the follows and the activities, and frees the old name;
    /// renaming to the present name changes nothing.
    async fn edit(&self, username: &Username, patch: UserPatch) -> Result<UserEdited, StoreError>;

    /// Erases the user: their activities go, follows, kept windows, blocks and mutes both ways go, activities of others
    /// that had them as target stay with the target cleared and a new version, the bodies of stored answers that name them go
    /// (the keys stay), counts of others are set right. None where there is no such user.
    async fn erase(&self, username: &Username) -> Result<Option<Erasure>, StoreError>;

    /// A stretch of the users whose names begin with `prefix` (literal, case-sensitive), in code-point order of names;
    /// in walking order.
    async fn list(&self, prefix: &str, span: Span<Username>) -> Result<Vec<User>, StoreError>;
}

/// What became of a `put`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserPut {
    /// There was none; this one is there now.
    Created(User),
    /// It was there, and is like this now.
    Updated(User),
}

/// What became of an `edit`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserEdited {
    /// It is like this now (also when nothing was asked for).
    Edited(User),
    /// There is no such user.
    Unknown,
    /// Another user has the new name.
    NameTaken(Username),
}
