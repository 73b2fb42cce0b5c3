//! Blocks and mutes in the notebook.

use async_trait::async_trait;
use feed_me_domain::{
    LinkPlace, Placed, Relation, RelationKind, Span, StoreError, Username,
    ports::{Owned, Related, RelationRepository, Unrelated},
    sequence::EventKind,
};

use crate::notebook::{Notebook, Tie, stretch};

#[async_trait]
impl RelationRepository for Notebook {
    async fn add(
        &self,
        kind: RelationKind,
        owner: &Username,
        other: &Username,
    ) -> Result<Related, StoreError> {
        Ok(self.write(|pages, turn| {
            let (one, two) = match pages.keys(owner, other) {
                Ok(keys) => keys,
                Err(unknown) => return Related::Unknown(unknown),
            };
            if one == two {
                return Related::Oneself;
            }
            if let Some(place) = pages.tie(kind, owner, other) {
                return Related::Already(place.since);
            }
            let since = turn.stamp();
            let order = turn.record(added(kind), None, Some(one), Some(two));
            let place = LinkPlace { since, order };
            pages.add_tie(Tie { kind, owner: owner.clone(), other: other.clone(), place });
            Related::Now(since)
        }))
    }

    async fn remove(
        &self,
        kind: RelationKind,
        owner: &Username,
        other: &Username,
    ) -> Result<Unrelated, StoreError> {
        Ok(self.write(|pages, turn| {
            let (one, two) = match pages.keys(owner, other) {
                Ok(keys) => keys,
                Err(unknown) => return Unrelated::Unknown(unknown),
            };
            if pages.tie(kind, owner, other).is_none() {
                return Unrelated::NotThere;
            }
            turn.stamp();
            let removed = match kind {
                RelationKind::Block => EventKind::BlockRemoved,
                RelationKind::Mute => EventKind::MuteRemoved,
            };
            turn.record(removed, None, Some(one), Some(two));
            pages.relations.retain(|tie| tie.kind != kind || tie.owner != *owner || tie.other != *other);
            Unrelated::Ended
        }))
    }

    async fn list(
        &self,
        kind: RelationKind,
        owner: &Username,
        span: Span<LinkPlace>,
    ) -> Result<Option<Owned<Relation>>, StoreError> {
        let pages = self.read();
        let Some(user) = pages.user(owner) else { return Ok(None) };
        let of_owner = pages.relations.iter().filter(|tie| tie.kind == kind && tie.owner == *owner);
        let mut all: Vec<Relation> =
            of_owner.map(|tie| Relation { username: tie.other.clone(), place: tie.place }).collect();
        all.sort_by_key(|item| std::cmp::Reverse(item.place));
        let items = stretch(all, &span, Placed::place, |one, other| other.cmp(one));
        Ok(Some(Owned { owner: user.id, items }))
    }
}

pub(crate) fn added(kind: RelationKind) -> EventKind {
    match kind {
        RelationKind::Block => EventKind::BlockAdded,
        RelationKind::Mute => EventKind::MuteAdded,
    }
}
