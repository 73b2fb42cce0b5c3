//! What events say, and what is told of it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::sight::{Sight, Step, Turned};
use crate::{
    before::Before,
    changes::{Found, Pair},
    feed::Position,
    follow::Edge,
    id::{ActivityId, UserKey},
    ports::{ActivityFact, Change, Fact},
    relation::RelationKind,
    sequence::EventKind,
    time::Timestamp,
};

/// How a viewer stands to others by now.
pub(super) struct Standing {
    pub(super) viewer: UserKey,
    pub(super) found: Found,
}

impl Standing {
    /// Whether an activity of another is in the friends feed: the rule of feeds, on what was looked up.
    pub(super) fn shows(&self, actor: UserKey, published: Timestamp) -> bool {
        self.viewer != actor && self.sight(actor).shows(published) == Some(true)
    }

    /// What decides that, for all of another's activities.
    pub(super) fn sight(&self, other: UserKey) -> Sight {
        let (there, back): (Pair, Pair) = ((self.viewer, other), (other, self.viewer));
        let Found { edges, mutes, blocks, .. } = &self.found;
        Sight {
            windows: Some(edges.get(&there).map(Edge::windows).unwrap_or_default()),
            mutes: mutes.contains(&there),
            blocks: blocks.contains(&there),
            is_blocked: blocks.contains(&back),
        }
    }

    pub(super) fn has_edge(&self, actor: UserKey) -> bool {
        self.found.edges.contains_key(&(self.viewer, actor))
    }
}

/// Why an activity is looked at that no event names.
#[derive(Clone, Copy, Debug)]
pub(super) enum Why {
    /// What stands between the viewer and its actor is otherwise than before.
    Moved,
    /// A name in it is, by the change of this position.
    Changed(i64),
}

/// What became of an activity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Added,
    Edited,
    Gone,
}

pub(super) struct Touched {
    pub(super) actor: UserKey,
    /// None in logs that were written before that was noted.
    pub(super) published: Option<Timestamp>,
    pub(super) state: State,
    /// That of the change that brought it, where that is among those that were met and it is still there.
    pub(super) added_at: Option<i64>,
    /// That of the last change that names it.
    pub(super) position: i64,
}

/// What the events say that can matter to one viewer.
pub(super) struct Met {
    pub(super) viewer: UserKey,
    pub(super) touched: BTreeMap<ActivityId, Touched>,
    /// The changes of what stands between the viewer and another user, in their order.
    pub(super) moved: HashMap<UserKey, Vec<Step>>,
    /// With the positions of the changes.
    pub(super) renamed: BTreeMap<UserKey, i64>,
    /// Erased users, and the positions of their events.
    pub(super) erased: Vec<(i64, UserKey)>,
    /// Activities of erased users.
    pub(super) gone: BTreeMap<ActivityId, i64>,
    pub(super) everything: bool,
}

impl Met {
    pub(super) fn of(viewer: UserKey) -> Self {
        Self {
            viewer,
            touched: BTreeMap::new(),
            moved: HashMap::new(),
            renamed: BTreeMap::new(),
            erased: Vec::new(),
            gone: BTreeMap::new(),
            everything: false,
        }
    }

    /// The actors of activities that are gone and, by now, would not be shown.
    pub(super) fn hidden_gone(&self, standing: &Standing) -> impl Iterator<Item = UserKey> {
        let is_shown = |touched: &Touched| {
            touched.published.is_none_or(|published| standing.shows(touched.actor, published))
        };
        let gone = self.touched.values().filter(|touched| touched.state == State::Gone);
        gone.filter(move |touched| !is_shown(touched)).map(|touched| touched.actor)
    }

    pub(super) fn note(&mut self, change: &Change) {
        let position = change.position;
        for fact in &change.facts {
            match fact {
                Fact::Activity(activity) => self.touch(change, activity),
                Fact::NoActivity { id, actor, published } => {
                    let (actor, published) = (*actor, *published);
                    let (state, added_at) = (State::Gone, None);
                    self.touched.insert(*id, Touched { actor, published, state, added_at, position });
                }
                Fact::User(user) if change.is_rename() => {
                    self.renamed.insert(user.key, position);
                }
                Fact::NoUser(user) => self.erased.push((position, *user)),
                Fact::Edge(_) | Fact::Relation { .. } => self.step(change, fact),
                Fact::User(_) => {}
                Fact::Everything => self.everything = true,
            }
        }
    }

    pub(super) fn touch(&mut self, change: &Change, fact: &ActivityFact) {
        let Position { published, id } = fact.position;
        let position = change.position;
        let is_added = change.kind == EventKind::ActivityAdded;
        let before = self.touched.get(&id).and_then(|touched| touched.added_at);
        let added_at = before.or(is_added.then_some(position));
        let state = if added_at.is_some() { State::Added } else { State::Edited };
        let published = Some(published);
        self.touched.insert(id, Touched { actor: fact.actor, published, state, added_at, position });
    }

    /// Notes what a change turned between the viewer and another. A block tells of itself and of the edges that it ended.
    fn step(&mut self, change: &Change, fact: &Fact) {
        let (there, back) = match &change.before {
            Some(Before::Windows { there, back }) => (Some(there.clone()), Some(back.clone())),
            Some(Before::SameName) | None => (None, None),
        };
        let is_new = matches!(change.kind, EventKind::BlockAdded | EventKind::MuteAdded);
        let (other, turned) = match fact {
            Fact::Edge(edge) if edge.follower == self.viewer && is_of_follow(change.kind) => {
                (edge.followee, Turned::Windows(there))
            }
            Fact::Relation { kind: RelationKind::Mute, owner, other, .. } if *owner == self.viewer => {
                (*other, Turned::Mute { was: !is_new })
            }
            // Where a block stands there is no edge; so its end brings nothing back.
            Fact::Relation { kind: RelationKind::Block, owner, other, .. } if *owner == self.viewer => {
                let windows = if is_new { there } else { Some(Vec::new()) };
                (*other, Turned::Block { was: !is_new, windows })
            }
            Fact::Relation { kind: RelationKind::Block, owner, other, .. } if *other == self.viewer => {
                let windows = if is_new { back } else { Some(Vec::new()) };
                (*owner, Turned::Blocked { was: !is_new, windows })
            }
            _ => return,
        };
        self.moved.entry(other).or_default().push(Step { position: change.position, turned });
    }

    /// The last change of what stands between the viewer and another user, where there was one.
    pub(super) fn last_step(&self, other: UserKey) -> Option<i64> {
        self.moved.get(&other).and_then(|steps| steps.last()).map(|step| step.position)
    }
}

fn is_of_follow(kind: EventKind) -> bool {
    matches!(kind, EventKind::FollowAdded | EventKind::FollowChanged | EventKind::FollowRemoved)
}

/// What is to be told, each activity once.
#[derive(Default)]
pub(super) struct Told {
    /// Whether it is new.
    pub(super) shown: BTreeMap<ActivityId, bool>,
    pub(super) removed: BTreeSet<ActivityId>,
    /// By which change; by the last one, where there are several.
    pub(super) positions: HashMap<ActivityId, i64>,
}

impl Told {
    pub(super) fn add(&mut self, id: ActivityId, position: i64, is_new: bool) {
        *self.shown.entry(id).or_default() |= is_new;
        self.came_by(id, position);
    }

    pub(super) fn remove(&mut self, id: ActivityId, position: i64) {
        self.removed.insert(id);
        self.came_by(id, position);
    }

    /// What is told to be there is told to be gone by a later change.
    pub(super) fn remove_unless_shown(&mut self, id: ActivityId, position: i64) {
        if !self.shown.contains_key(&id) {
            self.remove(id, position);
        }
    }

    pub(super) fn came_by(&mut self, id: ActivityId, position: i64) {
        let last = self.positions.entry(id).or_insert(position);
        *last = position.max(*last);
    }
}
