mod met;
mod sight;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use self::{
    met::{Met, Standing, State, Told, Why},
    sight::{Past, Step, Turned},
};

use crate::{
    activity::Activity,
    changes::{Asked, Found},
    error::{Error, Result},
    feed::Position,
    id::{ActivityId, UserKey},
    ports::{ActivityFact, ActivityRepository, EventLog, FeedFacts, UserRepository},
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
/// How many items one answer may move; beyond that the feed is to be read again.
const MOVED_MAX: usize = 1_000;
/// How many activities are looked at for that.
const SEEN_MAX: usize = 10 * MOVED_MAX;

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
        Ok(match self.of_met(met, position).await? {
            Some(told) => FeedChanges { position, ..told },
            None => resync,
        })
    }

    /// What has to be told of what was met up to a position; none where that is too much.
    async fn of_met(&self, mut met: Met, position: i64) -> Result<Option<FeedChanges>> {
        if met.everything {
            return Ok(None);
        }
        let Some(seen) = self.seen(&mut met).await? else { return Ok(None) };
        let actors = met.touched.values().map(|touched| touched.actor).chain(met.moved.keys().copied());
        let actors = actors.chain(seen.facts.iter().map(|(fact, _)| fact.actor)).collect();
        let standing = self.standing(met.viewer, actors).await?;
        let Some(later) = self.later(&met, &seen, &standing, position).await? else { return Ok(None) };
        let past = |(user, steps): (&UserKey, &Vec<Step>)| {
            (*user, Past::of(standing.sight(*user), steps, later.moves(*user)))
        };
        let pasts: HashMap<UserKey, Past> = met.moved.iter().map(past).collect();
        if seen.unseen.iter().any(|(user, below)| pasts.get(user).is_some_and(|past| past.reaches(*below))) {
            return Ok(None);
        }
        let mut told = Told::default();
        for (id, touched) in &met.touched {
            let is_shown = touched.published.is_none_or(|at| standing.shows(touched.actor, at));
            let was_shown = pasts.get(&touched.actor).is_some_and(|past| past.showed(touched.published));
            match touched.state {
                State::Gone if is_shown || was_shown || later.moves(touched.actor) => {
                    told.remove(*id, touched.position);
                }
                State::Added if is_shown => told.add(*id, touched.position, true),
                State::Edited if is_shown => told.add(*id, touched.position, false),
                State::Gone | State::Added | State::Edited => {}
            }
        }
        let mut moved = 0;
        for (fact, why) in seen.facts {
            let Position { published, id } = fact.position;
            if later.added.contains(&id) {
                continue;
            }
            let is_shown = standing.shows(fact.actor, published);
            let added_at = met.touched.get(&id).and_then(|touched| touched.added_at);
            let turned = || pasts.get(&fact.actor).and_then(|past| past.turned(published, added_at));
            match why {
                Why::Changed(position) if is_shown => told.add(id, position, false),
                Why::Changed(_) => {}
                Why::Moved => {
                    let Some(position) = turned() else { continue };
                    moved += 1;
                    if is_shown {
                        told.add(id, position, true);
                    } else {
                        told.remove(id, position);
                    }
                }
            }
        }
        if MOVED_MAX < moved {
            return Ok(None);
        }
        for (id, position) in met.gone {
            told.remove(id, position);
        }
        for (id, position) in later.gone {
            told.remove_unless_shown(id, position);
        }
        self.with_bodies(told).await.map(Some)
    }

    /// The activities that are not named by events themselves, but may have been moved or changed by them; none where these are
    /// too many.
    async fn seen(&self, met: &mut Met) -> Result<Option<Seen>> {
        let mut seen = Seen::default();
        let renamed: BTreeMap<UserKey, i64> = std::mem::take(&mut met.renamed);
        let standing = self.standing(met.viewer, renamed.keys().copied().collect()).await?;
        for (user, position) in renamed {
            if standing.has_edge(user) {
                let own = self.facts.posted_by(user, MOVED_MAX + 1).await?;
                seen.facts.extend(own.into_iter().map(|fact| (fact, Why::Changed(position))));
            }
            let others = self.facts.targeting(user, MOVED_MAX + 1).await?;
            seen.facts.extend(others.into_iter().map(|fact| (fact, Why::Changed(position))));
            if MOVED_MAX < seen.facts.len() {
                return Ok(None);
            }
        }
        for (position, user) in std::mem::take(&mut met.erased) {
            let traces = self.facts.traces(position, met.viewer, MOVED_MAX + 1).await?;
            if traces.was_reader {
                // What was deleted before the erasure is told by its own event, which the edge decides about.
                let turned = Turned::Everything;
                met.moved.entry(user).or_default().push(Step { position, turned });
            }
            if met.moved.contains_key(&user) {
                met.gone.extend(traces.gone.into_iter().map(|id| (id, position)));
            }
            let changed = Asked { activities: traces.changed, ..Asked::default() };
            let changed = self.facts.look_up(&changed).await?.activities;
            seen.facts.extend(changed.into_values().map(|fact| (fact, Why::Changed(position))));
            if MOVED_MAX < seen.facts.len() || MOVED_MAX < met.gone.len() {
                return Ok(None);
            }
        }
        for user in met.moved.keys() {
            let own = self.facts.posted_by(*user, MOVED_MAX + 1).await?;
            if let Some(last) = own.get(MOVED_MAX) {
                seen.unseen.push((*user, last.position.published));
            }
            seen.facts.extend(own.into_iter().map(|fact| (fact, Why::Moved)));
            if SEEN_MAX < seen.facts.len() {
                return Ok(None);
            }
        }
        Ok(Some(seen))
    }

    /// What happened between a position and the moment at which facts were read, as far as it hides that something has to be
    /// told. Facts are what they are by now: an activity whose author was muted, and which then was deleted, is in nobody's
    /// facts any more when the mute is told, and muted when its deletion is. None where that is too much.
    /// It hides as well that something is not to be told yet: what came after the position is new when its own event is told.
    async fn later(
        &self,
        met: &Met,
        seen: &Seen,
        standing: &Standing,
        position: i64,
    ) -> Result<Option<Later>> {
        let mut later = Later::default();
        let has_hidden = met.hidden_gone(standing).next().is_some();
        if met.moved.is_empty() && seen.facts.is_empty() && !has_hidden {
            return Ok(Some(later));
        }
        let last = self.log.extent().await?.last;
        if EVENTS_MAX < last - position {
            if !met.moved.is_empty() || MOVED_MAX < met.hidden_gone(standing).count() {
                return Ok(None);
            }
            // Who moved meanwhile is not looked up; what never was in the feed may be told to be out of it.
            later.moved = met.hidden_gone(standing).collect();
            return Ok(Some(later));
        }
        let mut reached = position;
        while reached < last {
            let take = STEP.min(usize::try_from(last - reached).unwrap_or(STEP));
            let changes = self.facts.changes(reached, take).await?;
            if changes.first().is_none_or(|first| first.position != reached + 1) {
                return Ok(None);
            }
            let mut noted = Met::of(met.viewer);
            for change in &changes {
                noted.note(change);
                reached = change.position;
            }
            if noted.everything {
                return Ok(None);
            }
            later.moved.extend(noted.moved.into_keys());
            for (id, touched) in noted.touched {
                match (touched.state, met.last_step(touched.actor)) {
                    (State::Added, _) => drop(later.added.insert(id)),
                    (State::Gone, Some(moved)) => drop(later.gone.insert(id, moved)),
                    (State::Gone | State::Edited, _) => {}
                }
            }
            for (position, user) in noted.erased {
                let Some(moved) = met.last_step(user) else { continue };
                let traces = self.facts.traces(position, met.viewer, MOVED_MAX + 1).await?;
                later.gone.extend(traces.gone.into_iter().map(|id| (id, moved)));
            }
            if MOVED_MAX < later.gone.len() {
                return Ok(None);
            }
        }
        Ok(Some(later))
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

/// What is looked at without being named by an event.
#[derive(Default)]
struct Seen {
    facts: Vec<(ActivityFact, Why)>,
    /// Whose activities were not all looked at, and how far back they were.
    unseen: Vec<(UserKey, Timestamp)>,
}

/// What happened behind what is told.
#[derive(Default)]
struct Later {
    /// Users whom the viewer stands otherwise to.
    moved: BTreeSet<UserKey>,
    /// Activities that came.
    added: BTreeSet<ActivityId>,
    /// Activities that are gone of users who moved before, and by which change these did.
    gone: BTreeMap<ActivityId, i64>,
}

impl Later {
    fn moves(&self, user: UserKey) -> bool {
        self.moved.contains(&user)
    }
}
