use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use crate::{
    activity::Activity,
    changes::{Asked, Found, Pair},
    error::{Error, Result},
    feed::Position,
    id::{ActivityId, UserKey},
    ports::{ActivityFact, ActivityRepository, Change, EventLog, Fact, FeedFacts, UserRepository},
    relation::RelationKind,
    sequence::EventKind,
    text::Username,
    time::Timestamp,
};

/// Tells what changed in a friends feed since a position, so that a copy of it need not be read again.
///
/// The log says which rows an event is about, and the store what they are by now. So what is told may be newer than the
/// position it leads to, and is then told once more; a client puts in what is added or edited, whether it has it or not, and
/// forgets what is removed, whether it had it or not. Then its copy is the feed.
pub struct ChangeService {
    users: Arc<dyn UserRepository>,
    activities: Arc<dyn ActivityRepository>,
    log: Arc<dyn EventLog>,
    facts: Arc<dyn FeedFacts>,
}

/// What changed in a feed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeedChanges {
    /// What came in, the newest first.
    pub added: Vec<Activity>,
    /// What is otherwise than before, the newest first; also under other names.
    pub edited: Vec<Activity>,
    /// What is in the feed no more.
    pub removed: Vec<ActivityId>,
    /// The position to go on from.
    pub position: i64,
    /// By which change each of them came about.
    pub positions: HashMap<ActivityId, i64>,
    /// The feed has to be read again, and the position is where to go on after that.
    pub resync: bool,
}

/// How many events are taken at once.
const STEP: usize = 500;
/// How many events one answer goes through; what follows is for the next one.
const EVENTS_MAX: i64 = 5_000;
/// How many items one event may move; beyond that the feed is to be read again.
const MOVED_MAX: usize = 1_000;

impl ChangeService {
    /// A service on a store.
    pub fn new(
        users: Arc<dyn UserRepository>,
        activities: Arc<dyn ActivityRepository>,
        log: Arc<dyn EventLog>,
        facts: Arc<dyn FeedFacts>,
    ) -> Self {
        Self { users, activities, log, facts }
    }

    /// What changed in a user's friends feed after a position; without one, only the position of now. At most
    /// 5,000 events are gone through: the answer then leads to a position that is not the last one.
    pub async fn friends(&self, viewer: &Username, since: Option<i64>) -> Result<FeedChanges> {
        let found = self.users.find(viewer).await?;
        let viewer = found.ok_or_else(|| Error::UnknownUser(viewer.clone()))?.key;
        self.since(viewer, since).await
    }

    /// The same for a user who is known by the key.
    pub async fn since(&self, viewer: UserKey, since: Option<i64>) -> Result<FeedChanges> {
        let extent = self.log.extent().await?;
        let resync = FeedChanges { position: extent.last, resync: true, ..FeedChanges::default() };
        let Some(since) = since else { return Ok(FeedChanges { resync: false, ..resync }) };
        if extent.last < since {
            let detail = format!("is the position {since}, and the last change has {}", extent.last);
            return Err(Error::fault("since", detail));
        }
        if since < extent.first - 1 {
            return Ok(resync);
        }
        let mut met = Met::of(viewer);
        let mut position = since;
        while position < extent.last && position - since < EVENTS_MAX {
            let take = STEP.min(usize::try_from(extent.last - position).unwrap_or(STEP));
            let changes = self.facts.changes(position, take).await?;
            if changes.first().is_none_or(|first| first.position != position + 1) {
                // The log was cut meanwhile.
                return Ok(resync);
            }
            for change in &changes {
                met.note(change);
                position = change.position;
            }
        }
        Ok(match self.of_met(met).await? {
            Some(told) => FeedChanges { position, ..told },
            None => resync,
        })
    }

    /// What has to be told of what was met; none where that is too much.
    async fn of_met(&self, mut met: Met) -> Result<Option<FeedChanges>> {
        if met.everything {
            return Ok(None);
        }
        let Some(seen) = self.seen(&mut met).await? else { return Ok(None) };
        let actors = met.touched.values().map(|touched| touched.actor);
        let actors = actors.chain(seen.iter().map(|(fact, _)| fact.actor)).collect();
        let standing = self.standing(met.viewer, actors).await?;
        let mut told = Told::default();
        for (id, touched) in &met.touched {
            let is_shown = touched.published.is_none_or(|at| standing.shows(touched.actor, at));
            let is_moved = met.moved.contains_key(&touched.actor);
            match touched.state {
                State::Gone if is_shown || is_moved => told.remove(*id, touched.position),
                State::Added if is_shown => told.add(*id, touched.position, true),
                State::Edited if is_shown => told.add(*id, touched.position, false),
                State::Gone | State::Added | State::Edited => {}
            }
        }
        for (fact, why) in seen {
            let Position { published, id } = fact.position;
            match (why, standing.shows(fact.actor, published)) {
                (Why::Moved(Moved { may_show: true, position, .. }), true) => told.add(id, position, true),
                (Why::Moved(Moved { may_hide: true, position, .. }), false) => told.remove(id, position),
                (Why::Changed(position), true) => told.add(id, position, false),
                (Why::Moved(_) | Why::Changed(_), _) => {}
            }
        }
        for (id, position) in met.gone {
            told.remove(id, position);
        }
        self.with_bodies(told).await.map(Some)
    }

    /// The activities that are not named by events themselves, but moved or changed by them.
    async fn seen(&self, met: &mut Met) -> Result<Option<Vec<(ActivityFact, Why)>>> {
        let mut seen = Vec::new();
        let renamed: BTreeMap<UserKey, i64> = std::mem::take(&mut met.renamed);
        let standing = self.standing(met.viewer, renamed.keys().copied().collect()).await?;
        for (user, position) in renamed {
            if standing.has_edge(user) {
                let own = self.facts.posted_by(user, MOVED_MAX + 1).await?;
                seen.extend(own.into_iter().map(|fact| (fact, Why::Changed(position))));
            }
            let others = self.facts.targeting(user, MOVED_MAX + 1).await?;
            seen.extend(others.into_iter().map(|fact| (fact, Why::Changed(position))));
            if MOVED_MAX < seen.len() {
                return Ok(None);
            }
        }
        for (position, user) in std::mem::take(&mut met.erased) {
            let traces = self.facts.traces(position, met.viewer, MOVED_MAX + 1).await?;
            if traces.was_reader {
                // What was deleted before the erasure is told by its own event, which the edge decides about.
                let moved = met.moved.entry(user).or_default();
                (moved.may_hide, moved.position) = (true, moved.position.max(position));
            }
            if met.moved.contains_key(&user) {
                met.gone.extend(traces.gone.into_iter().map(|id| (id, position)));
            }
            let changed = Asked { activities: traces.changed, ..Asked::default() };
            let changed = self.facts.look_up(&changed).await?.activities;
            seen.extend(changed.into_values().map(|fact| (fact, Why::Changed(position))));
            if MOVED_MAX < seen.len() || MOVED_MAX < met.gone.len() {
                return Ok(None);
            }
        }
        for (user, moved) in &met.moved {
            let own = self.facts.posted_by(*user, MOVED_MAX + 1).await?;
            seen.extend(own.into_iter().map(|fact| (fact, Why::Moved(*moved))));
            if MOVED_MAX < seen.len() {
                return Ok(None);
            }
        }
        Ok(Some(seen))
    }

    async fn standing(&self, viewer: UserKey, others: BTreeSet<UserKey>) -> Result<Standing> {
        let there = |other: &UserKey| (viewer, *other);
        let back = |other: &UserKey| (*other, viewer);
        let asked = Asked {
            edges: others.iter().map(there).collect(),
            mutes: others.iter().map(there).collect(),
            blocks: others.iter().flat_map(|other| [there(other), back(other)]).collect(),
            ..Asked::default()
        };
        let found = if others.is_empty() { Found::default() } else { self.facts.look_up(&asked).await? };
        Ok(Standing { viewer, found })
    }

    async fn with_bodies(&self, told: Told) -> Result<FeedChanges> {
        let ids: Vec<ActivityId> = told.shown.keys().copied().collect();
        let mut bodies = if ids.is_empty() { Vec::new() } else { self.activities.find_many(&ids).await? };
        bodies.sort_by_key(|activity| Reverse(activity.position()));
        // What is not there any more, a later event tells.
        let (added, edited) =
            bodies.into_iter().partition(|activity| told.shown.get(&activity.id) == Some(&true));
        let removed = told.removed.into_iter().collect();
        Ok(FeedChanges { added, edited, removed, positions: told.positions, ..FeedChanges::default() })
    }
}

/// How a viewer stands to others by now.
struct Standing {
    viewer: UserKey,
    found: Found,
}

impl Standing {
    /// Whether an activity of another is in the friends feed: the rule of feeds, on what was looked up.
    fn shows(&self, actor: UserKey, published: Timestamp) -> bool {
        let (there, back): (Pair, Pair) = ((self.viewer, actor), (actor, self.viewer));
        let Found { edges, mutes, blocks, .. } = &self.found;
        self.viewer != actor
            && edges.get(&there).is_some_and(|edge| edge.shows(published))
            && !mutes.contains(&there)
            && !blocks.contains(&there)
            && !blocks.contains(&back)
    }

    fn has_edge(&self, actor: UserKey) -> bool {
        self.found.edges.contains_key(&(self.viewer, actor))
    }
}

/// Whether items of a user may have come into the feed, or gone out of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Moved {
    may_show: bool,
    may_hide: bool,
    /// That of the last change that did.
    position: i64,
}

/// Why an activity is looked at that no event names.
#[derive(Clone, Copy, Debug)]
enum Why {
    /// What stands between the viewer and its actor is otherwise than before.
    Moved(Moved),
    /// A name in it is, by the change of this position.
    Changed(i64),
}

/// What became of an activity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Added,
    Edited,
    Gone,
}

struct Touched {
    actor: UserKey,
    /// None in logs that were written before that was noted.
    published: Option<Timestamp>,
    state: State,
    /// That of the last change that names it.
    position: i64,
}

/// What the events say that can matter to one viewer.
struct Met {
    viewer: UserKey,
    touched: BTreeMap<ActivityId, Touched>,
    moved: HashMap<UserKey, Moved>,
    /// With the positions of the changes.
    renamed: BTreeMap<UserKey, i64>,
    /// Erased users, and the positions of their events.
    erased: Vec<(i64, UserKey)>,
    /// Activities of erased users.
    gone: BTreeMap<ActivityId, i64>,
    everything: bool,
}

impl Met {
    fn of(viewer: UserKey) -> Self {
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

    fn note(&mut self, change: &Change) {
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

    fn touch(&mut self, change: &Change, fact: &ActivityFact) {
        let Position { published, id } = fact.position;
        let was_added = self.touched.get(&id).is_some_and(|touched| touched.state == State::Added);
        let is_added = was_added || change.kind == EventKind::ActivityAdded;
        let state = if is_added { State::Added } else { State::Edited };
        let (published, position) = (Some(published), change.position);
        self.touched.insert(id, Touched { actor: fact.actor, published, state, position });
    }

    fn move_all(&mut self, other: UserKey, change: &Change) {
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
struct Told {
    /// Whether it is new.
    shown: BTreeMap<ActivityId, bool>,
    removed: BTreeSet<ActivityId>,
    /// By which change; by the last one, where there are several.
    positions: HashMap<ActivityId, i64>,
}

impl Told {
    fn add(&mut self, id: ActivityId, position: i64, is_new: bool) {
        *self.shown.entry(id).or_default() |= is_new;
        self.came_by(id, position);
    }

    fn remove(&mut self, id: ActivityId, position: i64) {
        self.removed.insert(id);
        self.came_by(id, position);
    }

    fn came_by(&mut self, id: ActivityId, position: i64) {
        let last = self.positions.entry(id).or_insert(position);
        *last = position.max(*last);
    }
}
