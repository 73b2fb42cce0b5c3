//! The facts that feeds follow from, in memory.

use std::{collections::BTreeSet, ops::Bound};

use async_trait::async_trait;
use feed_me_domain::{
    ActivityId, Position, RelationKind, StoreError, UserKey,
    changes::{Asked, Found, Happened, Pair},
    ports::{ActivityFact, Change, EdgeFact, FeedFacts, FollowFact, Traces, UserFact},
};

use super::{
    MemoryStore,
    events::first,
    state::{ActivityRow, State},
};

#[async_trait]
impl FeedFacts for MemoryStore {
    async fn users(&self, after: UserKey, take: usize) -> Result<Vec<UserFact>, StoreError> {
        let state = self.state.read();
        let beyond = state.users.range((Bound::Excluded(after), Bound::Unbounded));
        Ok(beyond.take(take).filter_map(|(key, _)| user(&state, *key)).collect())
    }

    async fn follows(&self, after: Pair, take: usize) -> Result<Vec<FollowFact>, StoreError> {
        let state = self.state.read();
        let follows = state.links.beyond(after).filter_map(|(follower, followee, row)| {
            let from = row.edge().current?.from;
            Some(FollowFact { follower, followee, from })
        });
        Ok(follows.take(take).collect())
    }

    async fn kept(&self, after: Pair, take: usize) -> Result<Vec<EdgeFact>, StoreError> {
        let state = self.state.read();
        let kept = state.links.beyond(after).filter(|(.., row)| !row.kept.is_empty());
        Ok(kept.take(take).map(|(one, other, row)| EdgeFact::of(one, other, &row.edge())).collect())
    }

    async fn relations(&self, kind: RelationKind, after: Pair, take: usize) -> Result<Vec<Pair>, StoreError> {
        let state = self.state.read();
        let pairs = state.relations(kind).all().map(|(owner, other, _)| (owner, other));
        Ok(pairs.filter(|pair| after < *pair).take(take).collect())
    }

    async fn activities(
        &self,
        below: Option<Position>,
        take: usize,
    ) -> Result<Vec<ActivityFact>, StoreError> {
        let state = self.state.read();
        let rows = state.activities.values();
        let mut below: Vec<&ActivityRow> =
            rows.filter(|row| below.is_none_or(|below| row.position() < below)).collect();
        below.sort_unstable_by_key(|row| std::cmp::Reverse(row.position()));
        Ok(below.into_iter().take(take).map(activity).collect())
    }

    async fn changes(&self, after: i64, take: usize) -> Result<Vec<Change>, StoreError> {
        let state = self.state.read();
        // Positions are dense, so the place of the first one wanted is known.
        let passed = after.saturating_add(1).saturating_sub(first(&state));
        let skip = usize::try_from(passed.max(0)).unwrap_or(usize::MAX);
        let events: Vec<Happened> = state.events.iter().skip(skip).take(take).map(Happened::from).collect();
        Ok(found(&state, &Asked::about(&events)).told(&events))
    }

    async fn look_up(&self, asked: &Asked) -> Result<Found, StoreError> {
        Ok(found(&self.state.read(), asked))
    }

    async fn posted_by(&self, author: UserKey, take: usize) -> Result<Vec<ActivityFact>, StoreError> {
        let state = self.state.read();
        Ok(newest(&state, state.by_actor.get(&author), take))
    }

    async fn targeting(&self, target: UserKey, take: usize) -> Result<Vec<ActivityFact>, StoreError> {
        let state = self.state.read();
        Ok(newest(&state, state.by_target.get(&target), take))
    }

    async fn traces(&self, position: i64, reader: UserKey, take: usize) -> Result<Traces, StoreError> {
        let state = self.state.read();
        let Some(traced) = state.traces.get(&position) else { return Ok(Traces::default()) };
        let some = |ids: &[ActivityId]| ids.iter().copied().take(take).collect();
        Ok(Traces {
            was_reader: traced.readers.contains(&reader),
            gone: some(&traced.gone),
            changed: some(&traced.changed),
        })
    }

    fn committed(&self) -> i64 {
        self.state.read().counters.position
    }
}

fn user(state: &State, key: UserKey) -> Option<UserFact> {
    let row = state.users.get(&key)?;
    Some(UserFact { key, id: row.id, username: row.username.clone() })
}

fn newest(state: &State, positions: Option<&BTreeSet<Position>>, take: usize) -> Vec<ActivityFact> {
    let newest = positions.into_iter().flatten().rev();
    newest.filter_map(|position| state.activities.get(&position.id)).take(take).map(activity).collect()
}

fn activity(row: &ActivityRow) -> ActivityFact {
    ActivityFact {
        position: row.position(),
        version: row.version,
        actor: row.actor,
        target: row.target,
        verb: row.verb.clone(),
    }
}

fn found(state: &State, asked: &Asked) -> Found {
    let edge = |pair: Pair| (pair, state.links.get(pair.0, pair.1).edge());
    let standing = |kind, pairs: &[Pair]| {
        let stands = |pair: &Pair| state.relations(kind).place(pair.0, pair.1).is_some();
        pairs.iter().copied().filter(stands).collect()
    };
    Found {
        users: asked.users.iter().filter_map(|key| Some((*key, user(state, *key)?))).collect(),
        activities: asked
            .activities
            .iter()
            .filter_map(|id| Some((*id, activity(state.activities.get(id)?))))
            .collect(),
        edges: asked.edges.iter().copied().map(edge).collect(),
        blocks: standing(RelationKind::Block, &asked.blocks),
        mutes: standing(RelationKind::Mute, &asked.mutes),
    }
}
