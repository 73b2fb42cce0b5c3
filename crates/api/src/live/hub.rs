//! The one task that follows the log for all streams.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use feed_me_domain::{
    StoreError, UserKey,
    ports::{Change, Fact, FeedFacts, Stores},
    services::ChangeService,
};
use parking_lot::Mutex;
use tokio::{
    sync::{Semaphore, mpsc, oneshot},
    time::{Instant, MissedTickBehavior, interval},
};

use super::{
    audience::{Audience, Behind, Reader, Sender, channel},
    delivery::Delivery,
    frame,
    source::{CaughtUp, Source},
};
use crate::problem::{self, Failure};

/// How many changes are gone through at once.
const STEP: usize = 500;
/// Between two looks whether something was committed here; it costs no question.
const TICK: Duration = Duration::from_millis(15);
/// Between two looks whether something was committed elsewhere.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// After a log could not be read.
const PAUSE: Duration = Duration::from_secs(1);
/// How many viewers are told apart at a time: fewer than there are connections that read, so that requests have some.
const TURNS: usize = 4;
/// How often that is tried where the store cannot.
const TRIES: usize = 10;
/// How often a viewer is told apart beside a log that goes on, before the log has to wait for them.
const ROUNDS_MAX: u32 = 4;

/// All streams of this process.
pub struct Live {
    source: Arc<Source>,
    door: Mutex<Door>,
    streams: AtomicU64,
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
    Join { viewer: UserKey, stream: u64, sender: Sender, joined: oneshot::Sender<Joined> },
    Leave { viewer: UserKey, stream: u64 },
    CaughtUp { viewer: UserKey, behind: Behind, outcome: Result<CaughtUp, Failure> },
}

/// The position from which on everything is sent.
type Joined = Result<i64, StoreError>;

/// A stream of a viewer. It is over when this goes.
pub struct Subscription {
    /// The position from which on everything is received.
    pub position: i64,
    /// What is received.
    pub frames: Reader,
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
        let (sender, frames) = channel();
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
                tokio::spawn(Hub::new(self.source.clone(), hub.downgrade()).run(commands));
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
    /// The way to itself; it does not keep the hub alive.
    oneself: mpsc::WeakUnboundedSender<Command>,
    turns: Arc<Semaphore>,
    audience: Audience,
    position: i64,
    looked_at: Instant,
    /// How often the log had lost its end.
    breaks: u64,
    /// Something is said to have happened after the position.
    is_told: bool,
}

impl Hub {
    fn new(source: Arc<Source>, hub: mpsc::WeakUnboundedSender<Command>) -> Self {
        let breaks = source.facts.breaks();
        Self {
            source,
            oneself: hub,
            turns: Arc::new(Semaphore::new(TURNS)),
            audience: Audience::default(),
            position: 0,
            looked_at: Instant::now(),
            breaks,
            is_told: false,
        }
    }

    async fn run(mut self, mut commands: mpsc::UnboundedReceiver<Command>) {
        let mut is_trouble_told = false;
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // Where the position was, when it was woken for nothing: it would be again.
        let mut woken_at = None;
        let log = self.source.log.clone();
        loop {
            let is_idle = self.audience.is_empty();
            let listens = !is_idle && woken_at != Some(self.position);
            // The log goes first: however many come and go, those who are there are told.
            let command = tokio::select! {
                biased;
                () = log.grown(self.position), if listens => {
                    woken_at = Some(self.position);
                    self.is_told = true;
                    None
                }
                _ = ticks.tick(), if !is_idle => None,
                command = commands.recv() => Some(command),
            };
            match command {
                Some(None | Some(Command::Leave { viewer: ALL, .. })) => return,
                Some(Some(Command::Leave { viewer, stream })) => self.audience.leave(viewer, stream),
                Some(Some(Command::Join { viewer, stream, sender, joined })) => {
                    let outcome = self.join(viewer, stream, sender).await;
                    // Whoever asked may be gone.
                    let _ = joined.send(outcome);
                }
                Some(Some(Command::CaughtUp { viewer, behind, outcome })) => {
                    self.caught_up(viewer, behind, outcome).await;
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

    async fn join(&mut self, viewer: UserKey, stream: u64, sender: Sender) -> Joined {
        if self.audience.is_empty() {
            // Nobody listened: what happened meanwhile is nobody's loss.
            self.breaks = self.source.facts.breaks();
            self.position = self.source.log.reached().await?;
        }
        let (position, behind) = self.audience.join(viewer, stream, sender, self.position);
        if let Some(behind) = behind {
            self.catch_up(viewer, behind);
        }
        Ok(position)
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
        let Delivery { frames, moved, gone } = Delivery::of(changes, &self.audience, &self.source).await?;
        // From here on nothing fails: a batch is delivered whole, and once.
        for (frame, viewers) in frames {
            for viewer in viewers {
                self.audience.send(viewer, &frame);
            }
        }
        for viewer in gone {
            self.audience.cut_off(viewer);
        }
        for viewer in moved {
            if let Some(behind) = self.audience.fall_behind(viewer, self.position) {
                self.catch_up(viewer, behind);
            }
        }
        Ok(())
    }

    /// Has a viewer told apart what they lack, beside everything else: however many have to be, nobody else waits.
    fn catch_up(&self, viewer: UserKey, behind: Behind) {
        let (source, turns, hub) = (self.source.clone(), self.turns.clone(), self.oneself.clone());
        tokio::spawn(async move {
            let Ok(_turn) = turns.acquire().await else { return };
            let mut outcome = source.catch_up(viewer, behind.since).await;
            for _ in 1..TRIES {
                // What fails on our side passes, or the viewer comes again.
                if !outcome.as_ref().is_err_and(|failure| failure.status().is_server_error()) {
                    break;
                }
                tokio::time::sleep(PAUSE).await;
                outcome = source.catch_up(viewer, behind.since).await;
            }
            if let Some(hub) = hub.upgrade() {
                // The hub may be gone.
                let _ = hub.send(Command::CaughtUp { viewer, behind, outcome });
            }
        });
    }

    async fn caught_up(&mut self, viewer: UserKey, behind: Behind, outcome: Result<CaughtUp, Failure>) {
        if self.audience.behind(viewer) != Some(behind) {
            return;
        }
        let mut outcome = outcome;
        if behind.rounds == ROUNDS_MAX
            && let Ok(CaughtUp { frame, position, .. }) = &outcome
            && *position < self.position
        {
            // The log runs ahead of them. While the hub waits it does not.
            if let Some(frame) = frame {
                self.audience.send(viewer, frame);
            }
            outcome = self.source.catch_up(viewer, *position).await;
        }
        let Ok(CaughtUp { frame, position, authors, is_settled }) = outcome else {
            // They come again and are told why, if they may not.
            self.audience.cut_off(viewer);
            return;
        };
        if let Some(frame) = &frame {
            self.audience.send(viewer, frame);
        }
        if self.position <= position && is_settled {
            self.audience.go_live(viewer, authors, position);
        } else if let Some(behind) = self.audience.still_behind(viewer, position) {
            self.catch_up(viewer, behind);
        }
    }
}
