use async_trait::async_trait;

use crate::{
    error::StoreError,
    follow::LinkPlace,
    page::Span,
    ports::Owned,
    relation::{Relation, RelationKind},
    text::Username,
    time::Timestamp,
};

/// Keeps blocks and mutes.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait RelationRepository: Send + Sync {
    /// Keeps a block or mute. A new block ends follows both ways, their kept windows too.
    async fn add(
        &self,
        kind: RelationKind,
        owner: &Username,
        other: &Username,
    ) -> Result<Related, StoreError>;

    /// Forgets it. Nothing that it ended comes back.
    async fn remove(
        &self,
        kind: RelationKind,
        owner: &Username,
        other: &Username,
    ) -> Result<Unrelated, StoreError>;

    /// A stretch of the blocks or mutes of `owner`, newest first; in walking order. None where there is no such user.
    async fn list(
        &self,
        kind: RelationKind,
        owner: &Username,
        span: Span<LinkPlace>,
    ) -> Result<Option<Owned<Relation>>, StoreError>;
}

/// What became of a block or mute. Checked in this order: unknown names, oneself, what is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Related {
    /// It stands since now.
    Now(Timestamp),
    /// It stood already, since then.
    Already(Timestamp),
    /// This is not a user: the owner, where both are none.
    Unknown(Username),
    /// Both are the same user.
    Oneself,
}

/// What became of ending a block or mute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unrelated {
    /// It is gone.
    Ended,
    /// There was none.
    NotThere,
    /// This is not a user: the owner, where both are none.
    Unknown(Username),
}
