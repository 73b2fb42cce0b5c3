//! Watching the primary and its standbys: a thread for each, so that one that hangs is no other's loss.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Weak,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use diesel::{
    pg::PgConnection,
    prelude::*,
    sql_types::{BigInt, Bool},
};
use feed_me_domain::StoreError;
use parking_lot::Mutex;

use super::{
    super::{errors::Outcome, pool::open_session, sql::Sql, url::with_defaults},
    Copies, Standbys,
};

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Before a session is opened again.
const PAUSE: Duration = Duration::from_millis(500);
/// How far reads from a standby may be behind what others have written.
const STALE_MAX: Duration = Duration::from_millis(600);
/// How long a standby that has answered counts as up.
const UP_FOR: Duration = Duration::from_secs(1);
/// How much of the past is kept to tell how far a standby is behind.
const KEPT: Duration = Duration::from_mins(1);
const SESSION: &str = "set client_min_messages = 'error'; set statement_timeout = '1s'";

/// What the primary had when.
#[derive(Default)]
pub(super) struct Past(Mutex<VecDeque<(Instant, i64)>>);

impl Past {
    /// The primary had this position, and perhaps more, at an instant.
    fn note(&self, at: Instant, position: i64) {
        let mut past = self.0.lock();
        // After a failover there may be less than there was.
        past.retain(|(noted, before)| *before <= position && at.duration_since(*noted) < KEPT);
        past.push_back((at, position));
    }

    /// What a read has to include, so that it misses nothing older than the bound; none where that is not known.
    pub(super) fn floor(&self) -> Option<i64> {
        let past = self.0.lock();
        let recent = past.iter().find(|(at, _)| at.elapsed() < STALE_MAX);
        recent.map(|(_, position)| *position)
    }

    /// For how long the primary has had what comes after a position.
    pub(super) fn lag(&self, position: i64) -> Duration {
        let past = self.0.lock();
        past.iter().find(|(_, had)| position < *had).map_or(Duration::ZERO, |(at, _)| at.elapsed())
    }
}

/// What is known of a standby.
#[derive(Default)]
pub(super) struct Watched {
    position: AtomicI64,
    up_at: Mutex<Option<Instant>>,
}

impl Watched {
    pub(super) fn is_up(&self) -> bool {
        self.up_at.lock().is_some_and(|at| at.elapsed() < UP_FOR)
    }

    pub(super) fn position(&self) -> i64 {
        self.position.load(Ordering::Relaxed)
    }
}

/// Starts the threads. Each ends when the standbys go.
pub(super) fn start(standbys: &Arc<Standbys>, direct_url: &str) -> Result<(), StoreError> {
    let begin = |name: String, url: &str, note: fn(&Standbys, usize, Instant, Seen), index: usize| {
        let (url, standbys) = (with_defaults(url)?, Arc::downgrade(standbys));
        let watch =
            move || keep_watching(&standbys, &url, &|standbys, at, seen| note(standbys, index, at, seen));
        let started = std::thread::Builder::new().name(name).spawn(watch);
        started.map(drop).map_err(|error| StoreError::Failed(format!("no thread to watch standbys: {error}")))
    };
    begin(
        "primary-watch".to_owned(),
        direct_url,
        |standbys, _, at, seen| standbys.past.note(at, seen.position),
        0,
    )?;
    for (index, standby) in standbys.all.iter().enumerate() {
        let url = standby.store.shared.options.url.clone();
        begin(format!("standby-watch-{index}"), &url, Standbys::note, index)?;
    }
    Ok(())
}

impl Standbys {
    fn note(&self, index: usize, at: Instant, seen: Seen) {
        let watched = &self.all[index].watched;
        watched.position.store(seen.position, Ordering::Relaxed);
        if seen.replays || self.copies == Copies::Any {
            *watched.up_at.lock() = Some(at);
        }
    }
}

/// What a server said.
#[derive(Clone, Copy)]
struct Seen {
    position: i64,
    replays: bool,
}

fn keep_watching(standbys: &Weak<Standbys>, url: &str, note: &dyn Fn(&Standbys, Instant, Seen)) {
    let mut session: Option<PgConnection> = None;
    while standbys.strong_count() != 0 {
        let Some(conn) = &mut session else {
            session = open_session(url, SESSION).ok();
            if session.is_none() {
                std::thread::sleep(PAUSE);
            }
            continue;
        };
        // Before it is asked: what it says was so at least then.
        let at = Instant::now();
        match look(conn) {
            Ok(seen) => {
                let Some(standbys) = standbys.upgrade() else { return };
                note(&standbys, at, seen);
            }
            Err(_) => session = None,
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

fn look(conn: &mut PgConnection) -> Outcome<Seen> {
    let asked = Sql::<(BigInt, Bool)>::new("select position, pg_is_in_recovery() from sequence");
    let (position, replays) = asked.get_result(conn)?;
    Ok(Seen { position, replays })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_older_than_the_bound_has_to_be_included() {
        let past = Past::default();
        assert_eq!(past.floor(), None);
        let ago = |millis| Instant::now().checked_sub(Duration::from_millis(millis)).unwrap();
        past.note(ago(900), 3);
        assert_eq!(past.floor(), None, "nobody knows what came since");
        past.note(ago(500), 7);
        past.note(ago(0), 9);
        assert_eq!(past.floor(), Some(7));
        assert_eq!(past.lag(9), Duration::ZERO);
        assert!(Duration::from_millis(500) <= past.lag(3) && past.lag(3) < Duration::from_millis(900));
    }

    #[test]
    fn a_primary_that_has_less_than_before_begins_a_new_past() {
        let past = Past::default();
        past.note(Instant::now(), 9);
        past.note(Instant::now(), 4);
        assert_eq!(past.floor(), Some(4));
    }
}
