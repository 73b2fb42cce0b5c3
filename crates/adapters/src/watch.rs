//! How long calls wait for a database, measured where they wait, and told to whoever watches.
//!
//! Calls wait in two lines: for a connection that reads, and for the thread that writes. Each knows how long the next call
//! would have to wait (Little's law: those ahead, by the time that a turn takes, or by the pace at which calls lately had
//! theirs, where that is slower), and asks whether it may. So nobody who has to be turned away takes up a place first, and
//! what needs no database is never asked about it.

use std::{
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use feed_me_domain::StoreError;
use parking_lot::Mutex;

/// What calls wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// A connection that reads.
    Read,
    /// The thread that writes.
    Write,
}

/// Who hears of waiting, and has a say in it.
pub trait Watch: Send + Sync {
    /// Whether a call may wait, as it will have to for about so long.
    fn may_wait(&self, line: Line, expected: Duration) -> bool;
    /// A call has had its turn after so long.
    fn waited(&self, line: Line, waited: Duration);
    /// So many writes shared a commit.
    fn grouped(&self, writes: usize);
}

/// How busy a store is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreLoad {
    /// How many connections read at most.
    pub connections: usize,
    /// How many of them are in use.
    pub connections_in_use: usize,
    /// How many calls wait for one.
    pub reads_waiting: usize,
    /// How many writes wait for their turn.
    pub writes_waiting: usize,
    /// The position of the last event that was committed here.
    pub position: i64,
}

/// How well other instances of a database are heard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hearing {
    /// Whether a session listens.
    pub is_listening: bool,
    /// How much was told on it.
    pub told: u64,
}

/// How a standby is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StandbyLoad {
    /// Host and port.
    pub name: String,
    /// Whether it has answered lately, as a standby.
    pub is_up: bool,
    /// The position that it had come to.
    pub position: i64,
    /// For how long the primary has had more.
    pub lag: Duration,
    /// How many reads it answered.
    pub reads: u64,
    /// How many the primary answered, as it had not come far enough.
    pub behind: u64,
    /// How many the primary answered, as it could not.
    pub failed: u64,
}

/// How often others may have ended what credentials are good for, by a kind.
#[derive(Debug, Default)]
pub struct CredentialEnds {
    tokens: AtomicU64,
    keys: AtomicU64,
}

impl CredentialEnds {
    /// Tokens of users may have ended: by an erasure, another name, a reset.
    pub fn tokens_ended(&self) {
        self.tokens.fetch_add(1, Ordering::AcqRel);
    }

    /// Application keys may have ended.
    pub fn keys_ended(&self) {
        self.keys.fetch_add(1, Ordering::AcqRel);
    }

    /// How often tokens may have, and how often keys.
    pub fn count(&self) -> (u64, u64) {
        (self.tokens.load(Ordering::Acquire), self.keys.load(Ordering::Acquire))
    }
}

/// A line of calls.
pub struct Queue {
    line: Line,
    /// How many turns go on at once.
    turns_at_once: usize,
    /// How many calls a turn takes at most.
    calls_a_turn: usize,
    waiting: AtomicUsize,
    /// How long a turn takes, in microseconds: an average in which the last one counts an eighth.
    turn_us: AtomicU64,
    started: Instant,
    /// When a call had its turn last, in microseconds after the start.
    moved_us: AtomicU64,
    pace: Mutex<Pace>,
    /// Weak: who watches may hold the store itself, which has to close its files in the end.
    watch: OnceLock<Weak<dyn Watch>>,
}

impl Queue {
    /// An empty line.
    pub fn new(line: Line, turns_at_once: usize, calls_a_turn: usize) -> Arc<Self> {
        Arc::new(Self {
            line,
            turns_at_once: turns_at_once.max(1),
            calls_a_turn: calls_a_turn.max(1),
            waiting: AtomicUsize::new(0),
            turn_us: AtomicU64::new(0),
            started: Instant::now(),
            moved_us: AtomicU64::new(0),
            pace: Mutex::default(),
            watch: OnceLock::new(),
        })
    }

    /// Tells `watch` of everything from now on, for as long as it lives. The first one stays.
    pub fn watch(&self, watch: &Arc<dyn Watch>) {
        let _ = self.watch.set(Arc::downgrade(watch));
    }

    fn watching(&self) -> Option<Arc<dyn Watch>> {
        self.watch.get()?.upgrade()
    }

    /// How many calls wait.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// How long a call would wait that comes now. Where others wait and none has had its turn for long, at least that long.
    pub fn expected_wait(&self) -> Duration {
        let waiting = self.waiting();
        if waiting == 0 {
            return Duration::ZERO;
        }
        let turns = waiting.div_ceil(self.calls_a_turn) as u64;
        let expected_us =
            turns.saturating_mul(self.turn_us.load(Ordering::Relaxed)) / self.turns_at_once as u64;
        let now_us = self.elapsed_us();
        let stuck_us = now_us.saturating_sub(self.moved_us.load(Ordering::Relaxed));
        let by_pace_us = self.pace.lock().call_us(now_us).saturating_mul(waiting as u64);
        Duration::from_micros(expected_us.max(by_pace_us).max(stuck_us))
    }

    /// Begins to wait, unless whoever watches refuses that.
    pub fn enter(self: &Arc<Self>) -> Result<Waiting, StoreError> {
        if self.watching().is_some_and(|watch| !watch.may_wait(self.line, self.expected_wait())) {
            return Err(StoreError::Unavailable("too many calls wait for the database".to_owned()));
        }
        if self.waiting.fetch_add(1, Ordering::Relaxed) == 0 {
            // Nobody waited: that nobody had a turn says nothing.
            let now_us = self.elapsed_us();
            self.moved_us.store(now_us, Ordering::Relaxed);
            self.pace.lock().line_begins();
        }
        Ok(Waiting { queue: self.clone(), since: Instant::now() })
    }

    /// A turn took so long.
    pub fn took(&self, turn: Duration) {
        let turn_us = micros(turn);
        // Two turns that end at once may forget one of them; it is an average.
        let before = self.turn_us.load(Ordering::Relaxed);
        let after = if before == 0 { turn_us } else { before - before / 8 + turn_us / 8 };
        self.turn_us.store(after, Ordering::Relaxed);
    }

    /// So many writes shared a turn.
    pub fn grouped(&self, writes: usize) {
        if let Some(watch) = self.watching() {
            watch.grouped(writes);
        }
    }

    fn elapsed_us(&self) -> u64 {
        micros(self.started.elapsed())
    }
}

/// For so long the pace of a line is looked at before it is believed.
const PACE_WINDOW_US: u64 = 50_000;
/// So long it is believed.
const PACE_GOOD_FOR_US: u64 = 1_000_000;

/// How fast a line moves while it is one. The time of a turn says it too, but not what lies between two turns: on a machine that
/// has much to do it takes a while until the next call is at work.
#[derive(Debug, Default)]
struct Pace {
    /// When the call before all that were counted had its turn.
    window_began_us: Option<u64>,
    calls: u64,
    /// How long it took from one call to the next, and when that was found.
    found: Option<(u64, u64)>,
}

impl Pace {
    fn line_begins(&mut self) {
        (self.window_began_us, self.calls) = (None, 0);
    }

    /// From one call to another, so that those who share a turn count together.
    fn had_its_turn(&mut self, now_us: u64) {
        let Some(began_us) = self.window_began_us else {
            self.window_began_us = Some(now_us);
            return;
        };
        self.calls += 1;
        let window_us = now_us.saturating_sub(began_us);
        if PACE_WINDOW_US <= window_us {
            self.found = Some((window_us / self.calls, now_us));
            (self.window_began_us, self.calls) = (Some(now_us), 0);
        }
    }

    fn call_us(&self, now_us: u64) -> u64 {
        let good = self.found.filter(|(_, found_us)| now_us.saturating_sub(*found_us) <= PACE_GOOD_FOR_US);
        good.map_or(0, |(call_us, _)| call_us)
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// A call that waits, until this goes.
pub struct Waiting {
    queue: Arc<Queue>,
    since: Instant,
}

impl Waiting {
    /// It has its turn.
    pub fn has_its_turn(self) {
        let now_us = self.queue.elapsed_us();
        self.queue.moved_us.store(now_us, Ordering::Relaxed);
        // The line is one while somebody stands behind this call.
        if 1 < self.queue.waiting() {
            self.queue.pace.lock().had_its_turn(now_us);
        }
        if let Some(watch) = self.queue.watching() {
            watch.waited(self.queue.line, self.since.elapsed());
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.queue.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Patience(Duration);

    impl Watch for Patience {
        fn may_wait(&self, _: Line, expected: Duration) -> bool {
            expected <= self.0
        }
        fn waited(&self, _: Line, _: Duration) {}
        fn grouped(&self, _: usize) {}
    }

    fn waiting(queue: &Arc<Queue>, calls: usize) -> Vec<Waiting> {
        (0..calls).map(|_| queue.enter().unwrap()).collect()
    }

    #[test]
    fn an_empty_line_is_not_waited_in() {
        let queue = Queue::new(Line::Read, 2, 1);
        queue.took(Duration::from_secs(5));
        std::thread::sleep(Duration::from_millis(5));
        assert_eq!(queue.expected_wait(), Duration::ZERO);
        drop(waiting(&queue, 3));
        assert_eq!((queue.waiting(), queue.expected_wait()), (0, Duration::ZERO));
    }

    #[test]
    fn the_wait_follows_from_who_is_ahead_and_how_long_turns_take() {
        let queue = Queue::new(Line::Read, 2, 1);
        queue.took(Duration::from_secs(10));
        let _ahead = waiting(&queue, 4);
        assert_eq!(queue.expected_wait(), Duration::from_secs(20));
        let queue = Queue::new(Line::Write, 1, 256);
        queue.took(Duration::from_secs(10));
        let _ahead = waiting(&queue, 256);
        assert_eq!(queue.expected_wait(), Duration::from_secs(10));
    }

    #[test]
    fn a_line_that_does_not_move_is_seen() {
        let queue = Queue::new(Line::Write, 1, 256);
        let mut ahead = waiting(&queue, 2);
        std::thread::sleep(Duration::from_millis(30));
        assert!(Duration::from_millis(30) <= queue.expected_wait());
        ahead.remove(0).has_its_turn();
        assert!(queue.expected_wait() < Duration::from_millis(30));
    }

    #[test]
    fn a_line_that_moves_slower_than_turns_take_is_judged_by_its_pace() {
        let queue = Queue::new(Line::Read, 2, 1);
        queue.took(Duration::from_micros(100));
        let mut ahead = waiting(&queue, 30);
        assert!(queue.expected_wait() < Duration::from_millis(20));
        for _ in 0..10 {
            std::thread::sleep(Duration::from_millis(10));
            ahead.remove(0).has_its_turn();
        }
        // Twenty are left, and each takes ten milliseconds or a little more.
        assert!(Duration::from_millis(190) <= queue.expected_wait(), "{:?}", queue.expected_wait());
        drop(ahead);
        assert_eq!(queue.expected_wait(), Duration::ZERO);
    }

    #[test]
    fn calls_that_share_a_turn_are_as_fast_as_they_are_together() {
        let mut pace = Pace::default();
        for turn in 1..=3 {
            (0..100).for_each(|_| pace.had_its_turn(turn * 60_000));
        }
        assert_eq!((pace.call_us(180_000), pace.call_us(180_000 + PACE_GOOD_FOR_US + 1)), (600, 0));
        pace.line_begins();
        pace.had_its_turn(900_000);
        assert_eq!(pace.call_us(900_000), 600, "the first call of a line says nothing yet");
    }

    #[test]
    fn who_may_not_wait_takes_no_place() {
        let queue = Queue::new(Line::Read, 1, 1);
        let patience: Arc<dyn Watch> = Arc::new(Patience(Duration::from_secs(25)));
        queue.watch(&patience);
        queue.took(Duration::from_secs(10));
        let ahead = waiting(&queue, 3);
        assert!(matches!(queue.enter(), Err(StoreError::Unavailable(_))));
        assert_eq!(queue.waiting(), 3);
        drop(ahead);
        assert!(queue.enter().is_ok());
        let _ahead = waiting(&queue, 3);
        drop(patience);
        assert!(queue.enter().is_ok(), "nobody watches any more");
    }

    #[test]
    fn the_time_of_a_turn_follows_a_change() {
        let queue = Queue::new(Line::Read, 1, 1);
        queue.took(Duration::from_secs(80));
        (0..40).for_each(|_| queue.took(Duration::from_secs(8)));
        let _ahead = waiting(&queue, 1);
        assert!((8..=9).contains(&queue.expected_wait().as_secs()));
    }
}
