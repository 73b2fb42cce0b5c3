//! From events to facts: which rows an event of the log is about, so that every store looks up the same ones.

use std::collections::{HashMap, HashSet};

use crate::{
    before::Before,
    follow::Edge,
    id::{ActivityId, UserKey},
    ports::{ActivityFact, Change, EdgeFact, Fact, UserFact},
    relation::RelationKind,
    sequence::{Event, EventKind},
    time::Timestamp,
};

/// One user and another.
pub type Pair = (UserKey, UserKey);

/// An event as a row of the log tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happened {
    /// Its place in the sequence.
    pub position: i64,
    /// What.
    pub kind: EventKind,
    /// Which activity, where it is about one.
    pub activity: Option<ActivityId>,
    /// When that was published; old logs do not tell.
    pub published: Option<Timestamp>,
    /// Who.
    pub user: Option<UserKey>,
    /// The other one.
    pub other: Option<UserKey>,
    /// How it was before, where that was noted.
    pub before: Option<Before>,
}

impl From<&Event> for Happened {
    fn from(event: &Event) -> Self {
        Self {
            position: event.position,
            kind: event.kind,
            activity: event.activity.map(|place| place.id),
            published: event.activity.map(|place| place.published),
            user: event.user,
            other: event.other,
            before: event.before.clone(),
        }
    }
}

/// The rows that some events are about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Users.
    pub users: Vec<UserKey>,
    /// Activities.
    pub activities: Vec<ActivityId>,
    /// Edges, follower first.
    pub edges: Vec<Pair>,
    /// Blocks, blocker first.
    pub blocks: Vec<Pair>,
    /// Mutes, muter first.
    pub mutes: Vec<Pair>,
}

/// What a store found of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Users.
    pub users: HashMap<UserKey, UserFact>,
    /// Activities.
    pub activities: HashMap<ActivityId, ActivityFact>,
    /// Edges.
    pub edges: HashMap<Pair, Edge>,
    /// Blocks that stand.
    pub blocks: HashSet<Pair>,
    /// Mutes that stand.
    pub mutes: HashSet<Pair>,
}

impl Asked {
    /// What has to be looked up for some events, each row once.
    pub fn about(events: &[Happened]) -> Self {
        let mut asked = Self::default();
        for event in events {
            let pair = event.user.zip(event.other);
            match event.kind {
                EventKind::UserCreated | EventKind::UserUpdated => asked.users.extend(event.user),
                EventKind::ActivityAdded | EventKind::ActivityEdited => {
                    asked.activities.extend(event.activity);
                }
                EventKind::FollowAdded | EventKind::FollowChanged | EventKind::FollowRemoved => {
                    asked.edges.extend(pair);
                }
                EventKind::BlockAdded | EventKind::BlockRemoved => {
                    asked.blocks.extend(pair);
                    asked.edges.extend(pair.into_iter().flat_map(both_ways));
                }
                EventKind::MuteAdded | EventKind::MuteRemoved => asked.mutes.extend(pair),
                EventKind::UserErased | EventKind::ActivityRemoved | EventKind::Reset => {}
            }
        }
        once(&mut asked.users);
        once(&mut asked.activities);
        once(&mut asked.edges);
        once(&mut asked.blocks);
        once(&mut asked.mutes);
        asked
    }
}

fn once<T: Ord>(all: &mut Vec<T>) {
    all.sort_unstable();
    all.dedup();
}

/// A block ends the follows both ways.
fn both_ways((one, other): Pair) -> [Pair; 2] {
    [(one, other), (other, one)]
}

impl Found {
    /// The events with what was found of the rows that they are about.
    pub fn told(&self, events: &[Happened]) -> Vec<Change> {
        let change = |event: &Happened| Change {
            position: event.position,
            kind: event.kind,
            before: event.before.clone(),
            facts: self.facts(event),
        };
        events.iter().map(change).collect()
    }

    fn facts(&self, event: &Happened) -> Vec<Fact> {
        let pair = event.user.zip(event.other);
        match event.kind {
            EventKind::UserCreated | EventKind::UserUpdated => {
                let user = event.user.and_then(|key| self.users.get(&key));
                user.map(|user| Fact::User(user.clone())).into_iter().collect()
            }
            EventKind::UserErased => event.user.map(Fact::NoUser).into_iter().collect(),
            EventKind::ActivityAdded | EventKind::ActivityEdited => {
                let activity = event.activity.and_then(|id| self.activities.get(&id));
                activity.map(|activity| Fact::Activity(activity.clone())).into_iter().collect()
            }
            EventKind::ActivityRemoved => {
                let gone = event.activity.zip(event.user);
                gone.map(|(id, actor)| Fact::NoActivity { id, actor, published: event.published })
                    .into_iter()
                    .collect()
            }
            EventKind::FollowAdded | EventKind::FollowChanged | EventKind::FollowRemoved => {
                pair.map(|pair| self.edge(pair)).into_iter().collect()
            }
            EventKind::BlockAdded | EventKind::BlockRemoved => pair
                .into_iter()
                .flat_map(|pair| {
                    let block = relation(RelationKind::Block, pair, &self.blocks);
                    std::iter::once(block).chain(both_ways(pair).map(|pair| self.edge(pair)))
                })
                .collect(),
            EventKind::MuteAdded | EventKind::MuteRemoved => {
                pair.map(|pair| relation(RelationKind::Mute, pair, &self.mutes)).into_iter().collect()
            }
            EventKind::Reset => vec![Fact::Everything],
        }
    }

    fn edge(&self, pair: Pair) -> Fact {
        let windows = self.edges.get(&pair).map(Edge::windows).unwrap_or_default();
        Fact::Edge(EdgeFact { follower: pair.0, followee: pair.1, windows })
    }
}

fn relation(kind: RelationKind, pair: Pair, standing: &HashSet<Pair>) -> Fact {
    Fact::Relation { kind, owner: pair.0, other: pair.1, stands: standing.contains(&pair) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::follow::Current;

    const IVAN: UserKey = UserKey(1);
    const ERIC: UserKey = UserKey(2);

    fn happened(kind: EventKind) -> Happened {
        let (user, other) = (Some(IVAN), Some(ERIC));
        Happened { position: 7, kind, activity: None, published: None, user, other, before: None }
    }

    #[test]
    fn a_row_that_several_events_are_about_is_asked_for_once() {
        let events = [EventKind::FollowAdded, EventKind::FollowChanged, EventKind::BlockAdded].map(happened);
        let asked = Asked::about(&events);
        assert_eq!(asked.edges, [(IVAN, ERIC), (ERIC, IVAN)]);
        assert_eq!(asked.blocks, [(IVAN, ERIC)]);
        assert_eq!(
            asked,
            Asked { edges: asked.edges.clone(), blocks: asked.blocks.clone(), ..Asked::default() }
        );
    }

    #[test]
    fn what_is_not_found_is_told_as_gone() {
        let told = Found::default().told(&[happened(EventKind::FollowAdded)]);
        let gone = Fact::Edge(EdgeFact { follower: IVAN, followee: ERIC, windows: vec![] });
        let (kind, before) = (EventKind::FollowAdded, None);
        assert_eq!(told, [Change { position: 7, kind, before, facts: vec![gone] }]);
        let created = Found::default().told(&[happened(EventKind::UserCreated)]);
        assert_eq!(created[0].facts, [], "the event of the erasure tells it");
    }

    #[test]
    fn a_block_tells_of_the_block_and_of_the_edges_both_ways() {
        let current = Some(Current { since: Timestamp::EPOCH, from: None });
        let edge = Edge { current, kept: vec![] };
        let windows = edge.windows();
        let found = Found {
            blocks: HashSet::from([(IVAN, ERIC)]),
            edges: HashMap::from([((ERIC, IVAN), edge)]),
            ..Found::default()
        };
        let told = found.told(&[happened(EventKind::BlockAdded)]);
        let kind = RelationKind::Block;
        assert_eq!(
            told[0].facts,
            [
                Fact::Relation { kind, owner: IVAN, other: ERIC, stands: true },
                Fact::Edge(EdgeFact { follower: IVAN, followee: ERIC, windows: vec![] }),
                Fact::Edge(EdgeFact { follower: ERIC, followee: IVAN, windows }),
            ]
        );
    }
}
