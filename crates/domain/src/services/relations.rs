use std::sync::Arc;

use crate::{
    cursor::{CursorCodec, Listing},
    error::{Error, Result},
    ports::{Related, RelationRepository, Unrelated},
    relation::{Relation, RelationKind},
    services::paging::{Page, PageRequest, Walk},
    text::Username,
    time::Timestamp,
};

/// Blocking and muting.
pub struct RelationService {
    relations: Arc<dyn RelationRepository>,
    cursors: CursorCodec,
}

/// A block or mute that stands, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Set {
    /// It is new.
    Now(Timestamp),
    /// It stood before.
    Already(Timestamp),
}

impl RelationService {
    /// A service on a store.
    pub fn new(relations: Arc<dyn RelationRepository>, cursors: CursorCodec) -> Self {
        Self { relations, cursors }
    }

    /// Blocks or mutes.
    pub async fn set(&self, kind: RelationKind, owner: &Username, other: &Username) -> Result<Set> {
        let action = match kind {
            RelationKind::Block => "block",
            RelationKind::Mute => "mute",
        };
        match self.relations.add(kind, owner, other).await? {
            Related::Now(since) => Ok(Set::Now(since)),
            Related::Already(since) => Ok(Set::Already(since)),
            Related::Unknown(name) => Err(Error::UnknownUser(name)),
            Related::Oneself => Err(Error::OnOneself { user: owner.clone(), action }),
        }
    }

    /// Ends a block or mute.
    pub async fn end(&self, kind: RelationKind, owner: &Username, other: &Username) -> Result<()> {
        match self.relations.remove(kind, owner, other).await? {
            Unrelated::Ended => Ok(()),
            Unrelated::Unknown(name) => Err(Error::UnknownUser(name)),
            Unrelated::NotThere => Err(match kind {
                RelationKind::Block => Error::NotBlocked { blocker: owner.clone(), blocked: other.clone() },
                RelationKind::Mute => Error::NotMuted { muter: owner.clone(), muted: other.clone() },
            }),
        }
    }

    /// A page of whom a user blocks or mutes, newest first.
    pub async fn list(
        &self,
        kind: RelationKind,
        owner: &Username,
        request: &PageRequest,
    ) -> Result<Page<Relation>> {
        let listing = match kind {
            RelationKind::Block => Listing::Blocks,
            RelationKind::Mute => Listing::Mutes,
        };
        let walk = Walk { codec: &self.cursors, listing, filter: [0; 8] };
        let fetch = async |span| {
            Ok(self
                .relations
                .list(kind, owner, span)
                .await?
                .map(|found| (found.owner.as_uuid(), found.items)))
        };
        walk.page(request, fetch).await?.ok_or_else(|| Error::UnknownUser(owner.clone()))
    }
}
