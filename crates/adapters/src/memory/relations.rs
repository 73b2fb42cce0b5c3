//! Blocks and mutes in memory.

use async_trait::async_trait;
use feed_me_domain::{
    LinkPlace, Relation, RelationKind, Span, StoreError, UserKey, Username,
    before::Before,
    ports::{Owned, Related, RelationRepository, Unrelated},
    sequence::EventKind,
};

use super::{
    MemoryStore,
    links::EdgeRow,
    state::{State, Undo},
};

#[async_trait]
impl RelationRepository for MemoryStore {
    async fn add(
        &self,
        kind: RelationKind,
        owner: &Username,
        other: &Username,
    ) -> Result<Related, StoreError> {
        Ok(self.write(|state, turn| {
            let (one, two) = match state.keys_of(owner, other) {
                Ok(keys) => keys,
                Err(unknown) => return Related::Unknown(unknown),
            };
            if one == two {
                return Related::Oneself;
            }
            if let Some(place) = state.relations(kind).place(one, two) {
                return Related::Already(place.since);
            }
            let since = turn.stamp();
            let order = turn.record(added(kind), None, Some(one), Some(two));
            if kind == RelationKind::Block {
                let (there, back) = (state.links.get(one, two).edge(), state.links.get(two, one).edge());
                turn.note(Before::of_edges(&there, &back));
            }
            add(state, kind, one, two, LinkPlace { since, order });
            Related::Now(since)
        }))
    }

    async fn remove(
        &self,
        kind: RelationKind,
        owner: &Username,
        other: &Username,
    ) -> Result<Unrelated, StoreError> {
        Ok(self.write(|state, turn| {
            let (one, two) = match state.keys_of(owner, other) {
                Ok(keys) => keys,
                Err(unknown) => return Unrelated::Unknown(unknown),
            };
            if !state.relations_mut(kind).remove(one, two) {
                return Unrelated::NotThere;
            }
            turn.stamp();
            let removed = match kind {
                RelationKind::Block => EventKind::BlockRemoved,
                RelationKind::Mute => EventKind::MuteRemoved,
            };
            turn.record(removed, None, Some(one), Some(two));
            Unrelated::Ended
        }))
    }

    async fn list(
        &self,
        kind: RelationKind,
        owner: &Username,
        span: Span<LinkPlace>,
    ) -> Result<Option<Owned<Relation>>, StoreError> {
        let state = self.state.read();
        let Some(key) = state.key_of(owner) else { return Ok(None) };
        let stretch = state.relations(kind).lists.stretch(key, &span).into_iter();
        let items =
            stretch.map(|(place, other)| Relation { username: state.name_of(other), place }).collect();
        Ok(Some(Owned { owner: state.users[&key].id, items }))
    }
}

/// The event of a new block or mute.
pub(super) fn added(kind: RelationKind) -> EventKind {
    match kind {
        RelationKind::Block => EventKind::BlockAdded,
        RelationKind::Mute => EventKind::MuteAdded,
    }
}

/// Keeps a block or mute, with what a block ends; answers the steps that take it back.
pub(super) fn add(
    state: &mut State,
    kind: RelationKind,
    owner: UserKey,
    other: UserKey,
    place: LinkPlace,
) -> Vec<Undo> {
    let mut steps = vec![Undo::Relation(kind, owner, other)];
    state.relations_mut(kind).insert(owner, other, place);
    if kind == RelationKind::Block {
        for (follower, followee) in [(owner, other), (other, owner)] {
            let before = state.links.set(follower, followee, EdgeRow::default());
            steps.push(Undo::Edge(follower, followee, before));
        }
    }
    steps
}
