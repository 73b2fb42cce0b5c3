//! What a stretch of the log means for those who listen: for most of them single activities, for some more than that.

use std::collections::{BTreeSet, HashMap};

use feed_me_domain::{
    ActivityId, RelationKind, StoreError, UserKey,
    changes::Asked,
    ports::{Change, Fact},
    sequence::EventKind,
};

use super::{
    audience::Audience,
    frame::{self, Frame, Told},
    source::Source,
};
use crate::problem::Failure;

/// How many activities are looked at for one change that moves many.
const MOVED_MAX: usize = 1_000;

/// What is to be done for some changes. It is made whole before anything of it is sent, so that it is sent once.
pub(super) struct Delivery {
    /// Frames and whom they reach, in order. A frame is written once, whatever the number of its readers.
    pub(super) frames: Vec<(Frame, Vec<UserKey>)>,
    /// For whom more moved than the activities that are named: they are told apart.
    pub(super) moved: BTreeSet<UserKey>,
    /// Who is no user any more.
    pub(super) gone: Vec<UserKey>,
}

impl Delivery {
    /// Reads what changes are about.
    pub(super) async fn of(
        changes: &[Change],
        audience: &Audience,
        source: &Source,
    ) -> Result<Self, Failure> {
        let reading = Reading { audience, source };
        let moved = reading.moved(changes).await?;
        let (wanted, mut frames) = reading.wanted(changes, &moved);
        let ids: Vec<ActivityId> =
            wanted.iter().map(|item| item.id).collect::<BTreeSet<_>>().into_iter().collect();
        let found = if ids.is_empty() { Vec::new() } else { source.activities.find_many(&ids).await? };
        let mut bodies = HashMap::with_capacity(found.len());
        for activity in &found {
            bodies.insert(activity.id, frame::json(activity)?);
        }
        for Wanted { position, told, id, viewers } in wanted {
            // What is gone by now, a later change tells.
            if let Some(body) = bodies.get(&id) {
                frames.push((frame::shown(position, told, body), viewers));
            }
        }
        frames.sort_by_key(|(frame, _)| frame.position);
        let facts = changes.iter().flat_map(|change| &change.facts);
        let gone = facts.filter_map(|fact| if let Fact::NoUser(user) = fact { Some(*user) } else { None });
        Ok(Self { frames, moved, gone: gone.collect() })
    }
}

/// An activity to tell.
struct Wanted {
    position: i64,
    told: Told,
    id: ActivityId,
    viewers: Vec<UserKey>,
}

struct Reading<'a> {
    audience: &'a Audience,
    source: &'a Source,
}

impl Reading<'_> {
    /// The viewers for whom changes move more than the activities that they name.
    async fn moved(&self, changes: &[Change]) -> Result<BTreeSet<UserKey>, StoreError> {
        let mut moved = BTreeSet::new();
        for change in changes {
            for fact in &change.facts {
                match fact {
                    Fact::Edge(edge) => moved.extend([edge.follower]),
                    Fact::Relation { kind: RelationKind::Mute, owner, .. } => moved.extend([*owner]),
                    Fact::Relation { owner, other, .. } => moved.extend([*owner, *other]),
                    Fact::User(user) if change.is_rename() => {
                        let named = self.source.facts.targeting(user.key, MOVED_MAX + 1).await?;
                        self.readers(&mut moved, user.key, named.iter().map(|fact| fact.actor), named.len());
                    }
                    Fact::NoUser(user) => {
                        let traces = self.source.facts.traces(change.position, *user, MOVED_MAX + 1).await?;
                        let asked = Asked { activities: traces.changed, ..Asked::default() };
                        let named = self.source.facts.look_up(&asked).await?.activities;
                        let count = asked.activities.len();
                        self.readers(&mut moved, *user, named.values().map(|fact| fact.actor), count);
                    }
                    Fact::User(_) | Fact::Activity(_) | Fact::NoActivity { .. } | Fact::Everything => {}
                }
            }
        }
        moved.retain(|viewer| self.audience.has(*viewer));
        Ok(moved)
    }

    /// Adds those who read a user, or one of those who name the user; everybody, where these are too many to know.
    fn readers(
        &self,
        moved: &mut BTreeSet<UserKey>,
        user: UserKey,
        naming: impl Iterator<Item = UserKey>,
        count: usize,
    ) {
        if MOVED_MAX < count {
            moved.extend(self.audience.all());
        }
        for author in naming.chain([user]) {
            moved.extend(self.audience.readers_of(author));
        }
    }

    /// What changes name of activities, and whom it reaches; for all but those who are told apart.
    fn wanted(
        &self,
        changes: &[Change],
        apart: &BTreeSet<UserKey>,
    ) -> (Vec<Wanted>, Vec<(Frame, Vec<UserKey>)>) {
        let (mut wanted, mut removed) = (Vec::new(), Vec::new());
        let reached = |author, published| {
            let mut viewers = self.audience.reached(author, published);
            viewers.retain(|viewer| !apart.contains(viewer) && *viewer != author);
            viewers
        };
        for change in changes {
            let position = change.position;
            for fact in &change.facts {
                match fact {
                    Fact::Activity(activity) => {
                        let viewers = reached(activity.actor, Some(activity.position.published));
                        let told = match change.kind {
                            EventKind::ActivityAdded => Told::Added,
                            _ => Told::Edited,
                        };
                        if !viewers.is_empty() {
                            wanted.push(Wanted { position, told, id: activity.position.id, viewers });
                        }
                    }
                    Fact::NoActivity { id, actor, published } => {
                        let viewers = reached(*actor, *published);
                        if !viewers.is_empty() {
                            removed.push((frame::removed(position, *id), viewers));
                        }
                    }
                    _ => {}
                }
            }
        }
        (wanted, removed)
    }
}
