//! What events say, and what is told of it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::{
    changes::{Found, Pair},
    feed::Position,
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
        let (there, back): (Pair, Pair) = ((self.viewer, actor), (actor, self.viewer));
        let Found { edges, mutes, blocks, .. } = &self.found;
        self.viewer != actor
            && edges.get(&there).is_some_and(|edge| edge.shows(published))
            && !mutes.contains(&there)
            && !blocks.contains(&there)
            && !blocks.contains(&back)
    }

    pub(super) fn has_edge(&self, actor: UserKey) -> bool {
        self.found.edges.contains_key(&(self.viewer, actor))
    }
}

/// Whether items of a user may have come into the feed, or gone out of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Moved {
    pub(super) may_show: bool,
    pub(super) may_hide: bool,
    /// That of the last change that did.
    pub(super) position: i64,
}

/// Why an activity is looked at that no event names.
#[derive(Clone, Copy, Debug)]
pub(super) enum Why {
    /// What stands between the viewer and its actor is otherwise than before.
    Moved(Moved),
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
    /// That of the last change that names it.
    pub(super) position: i64,
}

/// What the events say that can matter to one viewer.
pub(super) struct Met {
    pub(super) viewer: UserKey,
    pub(super) touched: BTreeMap<ActivityId, Touched>,
    pub(super) moved: HashMap<UserKey, Moved>,
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
                    self.touched.insert(*id, Touched { actor, published, state: State::Gone, position });
                }
                Fact::User(user) if change.kind == EventKind::UserUpdated => {
                    self.renamed.insert(user.key, position);
                }
                Fact::NoUser(user) => self.erased.push((position, *user)),
                Fact::Edge(edge) if edge.follower == self.viewer => self.move_all(edge.followee, change),
                Fact::Relation { kind, owner, other, .. } => match kind {
                    _ if *owner == self.viewer => self.move_all(*other, change),
                    RelationKind::Block if *other == self.viewer => self.move_all(*owner, change),
                    RelationKind::Block | RelationKind::Mute => {}
                },
                Fact::User(_) | Fact::Edge(_) => {}
                Fact::Everything => self.everything = true,
            }
        }
    }

    pub(super) fn touch(&mut self, change: &Change, fact: &ActivityFact) {
        let Position { published, id } = fact.position;
        let was_added = self.touched.get(&id).is_some_and(|touched| touched.state == State::Added);
        let is_added = was_added || change.kind == EventKind::ActivityAdded;
        let state = if is_added { State::Added } else { State::Edited };
        let (published, position) = (Some(published), change.position);
        self.touched.insert(id, Touched { actor: fact.actor, published, state, position });
    }

    pub(super) fn move_all(&mut self, other: UserKey, change: &Change) {
        let moved = self.moved.entry(other).or_default();
        moved.position = change.position;
        match change.kind {
            EventKind::FollowAdded | EventKind::MuteRemoved => moved.may_show = true,
            EventKind::FollowRemoved | EventKind::BlockAdded | EventKind::MuteAdded => moved.may_hide = true,
            // An unblock brings nothing back.
            EventKind::BlockRemoved => {}
            _ => (moved.may_show, moved.may_hide) = (true, true),
        }
    }
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
