//! Feeds in memory: each author's activities stand in order; a friends feed merges those of the followees as it reads.

use std::{cmp::Reverse, collections::BTreeSet, ops::Bound};

use async_trait::async_trait;
use feed_me_domain::{
    ActivityId, Direction, FeedKind, FeedQuery, FeedSlice, Position, StoreError, UserKey, Username, Window,
    ports::{Explained, FeedRepository, VisibilityFacts},
};

use super::{MemoryStore, follows::named, state::State, walk};

type Positions<'a> = Box<dyn Iterator<Item = Position> + 'a>;

#[async_trait]
impl FeedRepository for MemoryStore {
    async fn page(&self, query: &FeedQuery) -> Result<Option<FeedSlice>, StoreError> {
        let state = self.state.read();
        let Some(owner) = state.key_of(&query.owner) else { return Ok(None) };
        let positions = match walk::start(&query.span.boundary, query.span.direction) {
            Some(start) => ahead(&state, owner, query, &start),
            None => Box::new(std::iter::empty()),
        };
        let rows = positions.filter_map(|position| state.activities.get(&position.id));
        let wanted = rows.filter(|row| query.filter.wants(&row.verb));
        let skip = usize::try_from(query.skip).unwrap_or(usize::MAX);
        let activities = wanted.skip(skip).take(query.span.take).map(|row| state.activity(row)).collect();
        Ok(Some(FeedSlice::whole(state.users[&owner].id, state.counters.position, activities)))
    }

    async fn explain(&self, viewer: &Username, activity: ActivityId) -> Result<Explained, StoreError> {
        let state = self.state.read();
        let Some(key) = state.key_of(viewer) else { return Ok(Explained::UnknownViewer) };
        let Some(row) = state.activities.get(&activity) else { return Ok(Explained::UnknownActivity) };
        let edge = state.links.get(key, row.actor).edge();
        Ok(Explained::Facts(Box::new(VisibilityFacts {
            activity: state.activity(row),
            is_own: key == row.actor,
            follow: edge.current.map(|current| named(viewer, &state.name_of(row.actor), current)),
            edge,
            mutes: state.mutes.place(key, row.actor).is_some(),
            blocks: state.blocks.place(key, row.actor).is_some(),
            blocked_by: state.blocks.place(row.actor, key).is_some(),
        })))
    }
}

/// Every position of the feed that lies ahead, in walking order, whatever its verb.
fn ahead<'a>(state: &'a State, owner: UserKey, query: &FeedQuery, start: &Bound<Position>) -> Positions<'a> {
    let direction = query.span.direction;
    let everything = Window { from: None, until: None };
    let own = state.by_actor.get(&owner);
    match query.kind {
        FeedKind::Own => stretch(own, everything, start, direction),
        FeedKind::Mentions => {
            let mentions = stretch(state.by_target.get(&owner), everything, start, direction);
            Box::new(mentions.filter(move |position| {
                state.activities.get(&position.id).is_some_and(|row| !state.is_blocked(owner, row.actor))
            }))
        }
        FeedKind::Friends => {
            let mut sources = Vec::new();
            for (followee, edge) in state.links.from(owner) {
                if state.mutes.place(owner, followee).is_none() {
                    let positions = state.by_actor.get(&followee);
                    let windows = edge.edge().windows().into_iter();
                    sources.extend(windows.map(|window| stretch(positions, window, start, direction)));
                }
            }
            if query.filter.includes_self() {
                sources.push(stretch(own, everything, start, direction));
            }
            match direction {
                Direction::Forward => Box::new(walk::merge(sources, |position| *position)),
                Direction::Backward => Box::new(walk::merge(sources, |position| Reverse(*position))),
            }
        }
    }
}

/// The part of an ordered set that lies inside a window and ahead of a walk, in walking order.
fn stretch<'a>(
    positions: Option<&'a BTreeSet<Position>>,
    window: Window,
    start: &Bound<Position>,
    direction: Direction,
) -> Positions<'a> {
    let Some(positions) = positions else { return Box::new(std::iter::empty()) };
    let edge = |published, id| Bound::Included(Position { published, id: ActivityId::from_uuid(id) });
    match direction {
        Direction::Forward => {
            let newest = window.until.map_or(Bound::Unbounded, |until| edge(until, uuid::Uuid::max()));
            let high = walk::lower_of(*start, newest);
            let below = positions.range((Bound::Unbounded, high)).rev().copied();
            Box::new(
                below.take_while(move |position| window.from.is_none_or(|from| from <= position.published)),
            )
        }
        Direction::Backward => {
            let oldest = window.from.map_or(Bound::Unbounded, |from| edge(from, uuid::Uuid::nil()));
            let low = walk::higher_of(*start, oldest);
            let above = positions.range((low, Bound::Unbounded)).copied();
            Box::new(
                above
                    .take_while(move |position| window.until.is_none_or(|until| position.published <= until)),
            )
        }
    }
}
