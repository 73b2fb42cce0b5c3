//! The index: feeds read from memory, over any store.
//!
//! [`FeedIndex`] decorates a store's [`FeedRepository`] with a copy of what feeds are made of: who follows whom, and of each
//! activity its place, author, target, verb and version, in about 60 bytes. Bodies are not in it: a page is entries, and who
//! reads it has the bodies or gets them by their ids.
//!
//! * The copy is derived and never the truth. It is filled while the store answers (`fill`), and changed by the log's
//!   events alone, in their order (`following`). [`FeedIndex::over`] wraps the ports that write, so that a write is in the
//!   copy before its answer goes out; where that could not be done, the store answers until it is.
//! * A memory budget sets a *floor*: the copy holds everything newer. What reaches below it is read from the store, and so
//!   is what would hold a worker up (`page`).
//! * What changed lately is remembered by whom it touches (`touches`), so that whoever keeps a page can ask whether it is
//!   still right ([`FeedRepository::unchanged`]).
//! * Windows, mutes and blocks are looked at when a page is read (`reader`, `friends`), as in SQL, so both give the same;
//!   `verify` compares the two.
//!
//! The state (`state`) has records in slots (`records`), one timeline for each author and each target (`timeline`), and
//! the order of all (`log`). One `RwLock` is around it: a page holds it for microseconds.

mod comparing;
mod filling;
mod following;
mod friends;
mod log;
mod page;
mod people;
mod reader;
mod records;
mod sieve;
mod state;
#[cfg(test)]
mod tests;
mod timeline;
mod touches;
mod writes;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use feed_me_domain::{
    ActivityId, FeedKind, FeedMark, FeedQuery, FeedSlice, Shape, StoreError, Timestamp, Username,
    ports::{EventLog, Explained, FeedFacts, FeedRepository, Forgets, LogExtent, LoggedEvent, Stores},
};
use parking_lot::RwLock;
use tokio::sync::watch;

pub use self::{
    comparing::{Compared, Difference, Sample},
    following::IndexEvent,
};
use self::{page::Read, state::State};

/// How the index is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexOptions {
    /// The bytes that it may take. Users, follows, blocks and mutes always stay; activities go, the oldest first.
    pub memory: usize,
    /// How often changes of other processes are looked for.
    pub look_every: Duration,
    /// For how long it answers without having seen the end of the log: what another process wrote may be missing, and a
    /// log that cannot be read tells nothing. After that the store answers.
    pub stale_after: Duration,
}

impl Default for IndexOptions {
    fn default() -> Self {
        Self { memory: 1 << 30, look_every: Duration::from_millis(100), stale_after: Duration::from_secs(1) }
    }
}

/// Reads feeds from memory.
pub struct FeedIndex {
    facts: Arc<dyn FeedFacts>,
    events: Arc<dyn EventLog>,
    /// What answers when the index cannot.
    beneath: Arc<dyn FeedRepository>,
    options: IndexOptions,
    state: RwLock<Option<State>>,
    /// Changes are taken in by one at a time.
    turn: tokio::sync::Mutex<()>,
    /// Whether writes have to be taken in; before that, filling will see them.
    is_following: AtomicBool,
    /// Whether the last look at the log saw its end, so that no row of the copy is newer than its position.
    is_level: AtomicBool,
    /// The position of the last change taken in.
    reached: AtomicI64,
    /// The same, for whoever waits for it.
    moved: watch::Sender<i64>,
    /// How often the log could not be read for a write that waited.
    failed_looks: AtomicU64,
    /// How often the log had lost its end when the copy was begun.
    breaks: AtomicU64,
    /// A position that answers went out for without having been taken in: until then nothing is read here.
    owed: AtomicI64,
    started: Instant,
    /// When a look began that saw the end of the log, in milliseconds after the start; 0 where the last look failed.
    fresh_ms: AtomicU64,
    forgetting: RwLock<Vec<Arc<dyn Forgets>>>,
    counts: Counts,
}

/// How pages were read.
#[derive(Default)]
struct Counts {
    from_memory: AtomicU64,
    from_sql: AtomicU64,
}

/// What the index holds and has done, for whoever watches it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IndexStatus {
    /// Whether it answers.
    pub is_serving: bool,
    /// The position of the last change in it.
    pub position: i64,
    /// How many users it knows.
    pub users: usize,
    /// How many edges, bounded ones too.
    pub edges: usize,
    /// How many activities.
    pub activities: usize,
    /// The bytes that these take.
    pub bytes: usize,
    /// When the oldest activity was published that it holds, in microseconds; none where it holds all there are.
    pub floor_micros: Option<i64>,
    /// How many pages it has answered.
    pub pages_from_memory: u64,
    /// How many it has left to the store.
    pub pages_from_sql: u64,
}

impl FeedIndex {
    /// An index over `stores`, and the same stores with the index before them. It answers nothing before it is
    /// [filled](Self::fill) or [kept](Self::keep).
    pub fn over(stores: &Stores, facts: Arc<dyn FeedFacts>, options: IndexOptions) -> (Arc<Self>, Stores) {
        let index = Arc::new(Self {
            facts,
            events: stores.events.clone(),
            beneath: stores.feeds.clone(),
            options,
            state: RwLock::new(None),
            turn: tokio::sync::Mutex::new(()),
            is_following: AtomicBool::new(false),
            is_level: AtomicBool::new(false),
            reached: AtomicI64::new(0),
            moved: watch::Sender::new(0),
            failed_looks: AtomicU64::new(0),
            breaks: AtomicU64::new(0),
            owed: AtomicI64::new(0),
            started: Instant::now(),
            fresh_ms: AtomicU64::new(0),
            forgetting: RwLock::default(),
            counts: Counts::default(),
        });
        let indexed = writes::noting(stores, &index);
        (index, indexed)
    }

    /// Tells `listener` from now on which activities go.
    pub fn tell(&self, listener: Arc<dyn Forgets>) {
        self.forgetting.write().push(listener);
    }

    /// What it holds and has done.
    pub fn status(&self) -> IndexStatus {
        let state = self.state.read();
        let counted = IndexStatus {
            is_serving: self.is_serving(),
            pages_from_memory: self.counts.from_memory.load(Ordering::Relaxed),
            pages_from_sql: self.counts.from_sql.load(Ordering::Relaxed),
            ..IndexStatus::default()
        };
        match &*state {
            None => IndexStatus { is_serving: false, ..counted },
            Some(state) => IndexStatus {
                position: state.position,
                users: state.people.len(),
                edges: state.edges(),
                activities: state.records.len(),
                bytes: state.bytes(),
                floor_micros: state.floor.map(|(published, _)| published),
                ..counted
            },
        }
    }

    /// Whether everything that was answered here is in it, and what others were answered lately.
    fn is_serving(&self) -> bool {
        let fresh_ms = self.fresh_ms.load(Ordering::Acquire);
        let age_ms = self.elapsed_ms().saturating_sub(fresh_ms);
        0 < fresh_ms
            && self.owed.load(Ordering::Acquire) <= self.reached.load(Ordering::Acquire)
            && u128::from(age_ms) < self.options.stale_after.as_millis()
    }

    fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Everything up to a position was taken in.
    fn has_reached(&self, position: i64) {
        self.reached.store(position, Ordering::Release);
        self.moved.send_replace(position);
    }

    /// The end of the log was seen by a look that began then.
    fn is_fresh_since(&self, elapsed_ms: u64) {
        self.fresh_ms.fetch_max(elapsed_ms.max(1), Ordering::AcqRel);
    }

    /// The log could not be read: whoever has the truth is asked, until it can be again.
    fn is_cut_off(&self) {
        self.fresh_ms.store(0, Ordering::Release);
    }

    fn read(&self, query: &FeedQuery) -> Read {
        if query.shape != Shape::Entry || !self.is_serving() {
            return Read::AskSql;
        }
        self.state.read().as_ref().map_or(Read::AskSql, |state| page::read(state, query))
    }
}

/// The log itself, and how far the copy has followed it.
#[async_trait]
impl EventLog for FeedIndex {
    async fn after(&self, position: i64, take: usize) -> Result<Vec<LoggedEvent>, StoreError> {
        self.events.after(position, take).await
    }

    async fn extent(&self) -> Result<LogExtent, StoreError> {
        self.events.extent().await
    }

    async fn reached(&self) -> Result<i64, StoreError> {
        if self.is_serving() && self.is_following.load(Ordering::Acquire) {
            return Ok(self.reached.load(Ordering::Acquire));
        }
        self.events.reached().await
    }

    fn last_committed(&self) -> Option<i64> {
        self.events.last_committed()
    }

    async fn grown(&self, after: i64) {
        if !self.is_following.load(Ordering::Acquire) {
            return self.events.grown(after).await;
        }
        let mut moved = self.moved.subscribe();
        if moved.wait_for(|position| after < *position).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    fn require(&self, position: i64) {
        self.events.require(position);
    }

    async fn trim(&self, before: Timestamp, take: usize) -> Result<usize, StoreError> {
        self.events.trim(before, take).await
    }
}

#[async_trait]
impl FeedRepository for FeedIndex {
    async fn page(&self, query: &FeedQuery) -> Result<Option<FeedSlice>, StoreError> {
        match self.read(query) {
            Read::Slice(slice) => {
                self.counts.from_memory.fetch_add(1, Ordering::Relaxed);
                Ok(Some(slice))
            }
            // Another process may have made the user a moment ago.
            Read::NoSuchUser | Read::AskSql => {
                self.counts.from_sql.fetch_add(1, Ordering::Relaxed);
                self.beneath.page(query).await
            }
        }
    }

    async fn explain(&self, viewer: &Username, activity: ActivityId) -> Result<Explained, StoreError> {
        self.beneath.explain(viewer, activity).await
    }

    fn mark(&self) -> Option<FeedMark> {
        if self.is_serving() { self.state.read().as_ref().map(State::mark) } else { None }
    }

    fn unchanged(&self, kind: FeedKind, owner: &Username, since: FeedMark) -> Option<FeedMark> {
        if !self.is_serving() {
            return None;
        }
        self.state.read().as_ref()?.unchanged(kind, owner, since)
    }
}
