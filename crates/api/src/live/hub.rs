//! The one task that follows the log for all streams.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use feed_me_domain::{
    ActivityId, RelationKind, StoreError, UserKey, Window,
    changes::Asked,
    ports::{ActivityRepository, Change, EventLog, Fact, FeedFacts, Stores},
    sequence::EventKind,
    services::ChangeService,
};
use parking_lot::Mutex;
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};

use super::{
    Frame,
    audience::{Audience, Shown},
    frame::{self, Told},
};
use crate::problem::{self, Failure};

/// How many frames a stream holds that its client has not read.
const HELD_MAX: usize = 256;
/// How many changes are gone through at once.
const STEP: usize = 500;
/// How many activities are looked at for one change that moves many.
const MOVED_MAX: usize = 1_000;
/// Between two looks whether something was committed here; it costs no question.
const TICK: Duration = Duration::from_millis(15);
/// Between two looks whether something was committed elsewhere.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// After a log could not be read.
const PAUSE: Duration = Duration::from_secs(1);

/// All streams of this process.
pub struct Live {
    source: Arc<Source>,
    door: Mutex<Door>,
    streams: AtomicU64,
}

/// What the hub reads from.
struct Source {
    activities: Arc<dyn ActivityRepository>,
    log: Arc<dyn EventLog>,
    facts: Arc<dyn FeedFacts>,
    changes: Arc<ChangeService>,
}

/// How the hub is reached.
enum Door {
    /// It does not run yet.
    Idle,
    /// It does.
    Open(mpsc::UnboundedSender<Command>),
    /// It does not, and will not any more.
    Closed,
}

enum Command {
    Join { viewer: UserKey, stream: u64, sender: mpsc::Sender<Frame>, joined: oneshot::Sender<Joined> },
    Leave { viewer: UserKey, stream: u64 },
}

/// The position from which on everything is sent.
type Joined = Result<i64, StoreError>;

/// A stream of a viewer. It is over when this goes.
pub struct Subscription {
    /// The position from which on everything is received.
    pub position: i64,
    /// What is received.
    pub frames: mpsc::Receiver<Frame>,
    _leaving: Leaving,
}

struct Leaving {
    hub: mpsc::UnboundedSender<Command>,
    viewer: UserKey,
    stream: u64,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        // The hub may be gone already.
        let _ = self.hub.send(Command::Leave { viewer: self.viewer, stream: self.stream });
    }
}

impl Live {
    /// Streams from a store.
    pub fn new(stores: &Stores, facts: Arc<dyn FeedFacts>, changes: Arc<ChangeService>) -> Self {
        let (activities, log) = (stores.activities.clone(), stores.events.clone());
        let source = Arc::new(Source { activities, log, facts, changes });
        Self { source, door: Mutex::new(Door::Idle), streams: AtomicU64::new(0) }
    }

    /// Begins a stream.
    pub async fn subscribe(&self, viewer: UserKey) -> Result<Subscription, Failure> {
        let closed = || Failure::new(problem::UNAVAILABLE, "the server is on its way down");
        let hub = self.hub().ok_or_else(closed)?;
        let stream = self.streams.fetch_add(1, Ordering::Relaxed);
        let (sender, frames) = mpsc::channel(HELD_MAX);
        let (joined, position) = oneshot::channel();
        let leaving = Leaving { hub: hub.clone(), viewer, stream };
        hub.send(Command::Join { viewer, stream, sender, joined }).map_err(|_| closed())?;
        let position = position.await.map_err(|_| closed())??;
        Ok(Subscription { position, frames, _leaving: leaving })
    }

    fn hub(&self) -> Option<mpsc::UnboundedSender<Command>> {
        let mut door = self.door.lock();
        match &*door {
            Door::Closed => None,
            Door::Open(hub) if !hub.is_closed() => Some(hub.clone()),
            Door::Open(_) | Door::Idle => {
                let (hub, commands) = mpsc::unbounded_channel();
                tokio::spawn(Hub::new(self.source.clone()).run(commands));
                *door = Door::Open(hub.clone());
                Some(hub)
            }
        }
    }

    /// Ends all streams, and begins none any more.
    pub fn close(&self) {
        if let Door::Open(hub) = std::mem::replace(&mut *self.door.lock(), Door::Closed) {
            // Streams hold ways to it as well, so it is told.
            let _ = hub.send(Command::Leave { viewer: ALL, stream: 0 });
        }
    }
}

/// No user has this number: who leaves by it takes everybody along.
const ALL: UserKey = UserKey(0);

struct Hub {
    source: Arc<Source>,
    audience: Audience,
    position: i64,
    looked_at: Instant,
    /// How often the log had lost its end.
    breaks: u64,
    /// Something is said to have happened after the position.
    is_told: bool,
}

impl Hub {
    fn new(source: Arc<Source>) -> Self {
        let breaks = source.facts.breaks();
        Self {
            source,
            audience: Audience::default(),
            position: 0,
            looked_at: Instant::now(),
            breaks,
            is_told: false,
        }
    }

    async fn run(mut self, mut commands: mpsc::UnboundedReceiver<Command>) {
        let mut is_trouble_told = false;
        // Where the position was, when it was woken for nothing: it would be again.
        let mut woken_at = None;
        let log = self.source.log.clone();
        loop {
            let is_idle = self.audience.is_empty();
            let listens = !is_idle && woken_at != Some(self.position);
            let command = tokio::select! {
                command = commands.recv() => Some(command),
                () = log.grown(self.position), if listens => {
                    woken_at = Some(self.position);
                    self.is_told = true;
                    None
                }
                () = tokio::time::sleep(TICK), if !is_idle => None,
            };
            match command {
                Some(None | Some(Command::Leave { viewer: ALL, .. })) => return,
                Some(Some(Command::Leave { viewer, stream })) => self.audience.leave(viewer, stream),
                Some(Some(Command::Join { viewer, stream, sender, joined })) => {
                    let outcome = self.join(viewer, stream, sender).await;
                    // Whoever asked may be gone.
                    let _ = joined.send(outcome);
                }
                None => {
                    if let Err(error) = self.follow().await {
                        if !is_trouble_told {
                            tracing::warn!(?error, "streams do not follow the log");
                        }
                        is_trouble_told = true;
                        tokio::time::sleep(PAUSE).await;
                    } else {
                        is_trouble_told = false;
                    }
                }
            }
        }
    }

    async fn join(&mut self, viewer: UserKey, stream: u64, sender: mpsc::Sender<Frame>) -> Joined {
        if self.audience.is_empty() {
            // Nobody listened: what happened meanwhile is nobody's loss.
            self.breaks = self.source.facts.breaks();
            self.position = self.source.log.reached().await?;
        }
        let is_known = self.audience.has(viewer);
        self.audience.join(viewer, stream, sender);
        if !is_known && let Err(error) = self.load(viewer).await {
            self.audience.cut_off(viewer);
            return Err(error);
        }
        Ok(self.position)
    }

    /// Looks up whom a viewer reads by now. That may be newer than the hub's position; what comes until then tells of it too.
    async fn load(&mut self, viewer: UserKey) -> Result<(), StoreError> {
        let authors = self.source.authors(viewer).await?;
        self.audience.set_authors(viewer, authors);
        Ok(())
    }

    async fn follow(&mut self) -> Result<(), Failure> {
        let log = self.source.log.clone();
        let is_new_here = log.last_committed().is_some_and(|committed| self.position < committed);
        if !is_new_here && !self.is_told && self.looked_at.elapsed() < LOOK_EVERY {
            return Ok(());
        }
        self.looked_at = Instant::now();
        self.is_told = false;
        let breaks = self.source.facts.breaks();
        if self.breaks != breaks {
            self.position = log.reached().await?;
            self.breaks = breaks;
            self.start_over(self.position);
            return Ok(());
        }
        let reached = log.reached().await?;
        while self.position < reached {
            let take = STEP.min(usize::try_from(reached - self.position).unwrap_or(STEP));
            let changes = self.source.facts.changes(self.position, take).await?;
            let Some(last) = changes.last().map(|change| change.position) else { return Ok(()) };
            let is_cut = changes.first().is_none_or(|first| first.position != self.position + 1);
            let everything = |change: &Change| change.facts.contains(&Fact::Everything);
            if is_cut || changes.iter().any(everything) {
                self.start_over(last);
            } else {
                self.deliver(&changes).await?;
            }
            self.position = last;
        }
        Ok(())
    }

    /// Nothing is as it was: whoever listens reads again and comes again.
    fn start_over(&mut self, position: i64) {
        for viewer in self.audience.all() {
            self.audience.send(viewer, &frame::resync(position));
            self.audience.cut_off(viewer);
        }
    }

    async fn deliver(&mut self, changes: &[Change]) -> Result<(), Failure> {
        let moved = self.moved(changes).await?;
        let (wanted, removed) = self.wanted(changes, &moved);
        let ids: Vec<ActivityId> =
            wanted.iter().map(|item| item.id).collect::<BTreeSet<_>>().into_iter().collect();
        let found = if ids.is_empty() { Vec::new() } else { self.source.activities.find_many(&ids).await? };
        let mut bodies = HashMap::with_capacity(found.len());
        for activity in &found {
            bodies.insert(activity.id, frame::json(activity)?);
        }
        let mut frames: Vec<(Frame, Vec<UserKey>)> = removed;
        for Wanted { position, told, id, viewers } in wanted {
            // What is gone by now, a later change tells.
            if let Some(body) = bodies.get(&id) {
                frames.push((frame::shown(position, told, body), viewers));
            }
        }
        frames.sort_by_key(|(frame, _)| frame.position);
        let mut told = Vec::new();
        for viewer in moved {
            let changes = self.source.changes.told(viewer, changes).await.map_err(Failure::from)?;
            told.push((viewer, frame::of_changes(&changes)?, self.source.authors(viewer).await?));
        }
        // From here on nothing fails: a batch is delivered whole, and once.
        for (frame, viewers) in frames {
            for viewer in viewers {
                self.audience.send(viewer, &frame);
            }
        }
        for (viewer, frame, authors) in told {
            if let Some(frame) = frame {
                self.audience.send(viewer, &frame);
            }
            self.audience.set_authors(viewer, authors);
        }
        for change in changes {
            for fact in &change.facts {
                if let Fact::NoUser(user) = fact {
                    self.audience.cut_off(*user);
                }
            }
        }
        Ok(())
    }

    /// The viewers for whom changes move more than the activities that they name.
    async fn moved(&self, changes: &[Change]) -> Result<BTreeSet<UserKey>, StoreError> {
        let mut moved = BTreeSet::new();
        for change in changes {
            for fact in &change.facts {
                match fact {
                    Fact::Edge(edge) => moved.extend([edge.follower]),
                    Fact::Relation { kind: RelationKind::Mute, owner, .. } => moved.extend([*owner]),
                    Fact::Relation { owner, other, .. } => moved.extend([*owner, *other]),
                    Fact::User(user) if change.kind == EventKind::UserUpdated => {
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

/// An activity to tell.
struct Wanted {
    position: i64,
    told: Told,
    id: ActivityId,
    viewers: Vec<UserKey>,
}

impl Source {
    /// Whom a viewer reads, and what of them. A block ends follows, so it need not be asked for.
    async fn authors(&self, viewer: UserKey) -> Result<Vec<(UserKey, Shown)>, StoreError> {
        let mut authors: HashMap<UserKey, Shown> = HashMap::new();
        let mut after = (viewer, UserKey(0));
        loop {
            let follows = self.facts.follows(after, STEP).await?;
            let is_all = follows.len() < STEP;
            let own = follows.iter().take_while(|follow| follow.follower == viewer);
            let before = authors.len();
            for follow in own {
                let window = |from| Box::from([Window { from: Some(from), until: None }]);
                authors.insert(follow.followee, follow.from.map(window));
                after = (viewer, follow.followee);
            }
            if is_all || authors.len() - before < STEP {
                break;
            }
        }
        let mut after = (viewer, UserKey(0));
        loop {
            let kept = self.facts.kept(after, STEP).await?;
            let own: Vec<_> = kept.into_iter().take_while(|edge| edge.follower == viewer).collect();
            let count = own.len();
            for edge in own {
                after = (viewer, edge.followee);
                authors.insert(edge.followee, Some(edge.windows.into()));
            }
            if count < STEP {
                break;
            }
        }
        let mut after = (viewer, UserKey(0));
        loop {
            let muted = self.facts.relations(RelationKind::Mute, after, STEP).await?;
            let own: Vec<_> = muted.into_iter().take_while(|(owner, _)| *owner == viewer).collect();
            for (_, other) in &own {
                after = (viewer, *other);
                authors.remove(other);
            }
            if own.len() < STEP {
                break;
            }
        }
        Ok(authors.into_iter().collect())
    }
}
