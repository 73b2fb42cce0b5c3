//! What a process knows of the log without asking: what it committed itself, what it heard of others, and whether the log
//! is still the one that it read.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
};

use diesel::{
    RunQueryDsl,
    pg::PgConnection,
    sql_types::{BigInt, Nullable, Text},
};
use feed_me_domain::sequence::{Event, EventKind};
use parking_lot::Mutex;
use tokio::sync::watch;

use super::{errors::Outcome, sql::Sql};
use crate::watch::{CredentialEnds, Hearing};

/// The channel that every process tells its commits on. Channels belong to a database.
pub(super) const CHANNEL: &str = "feed_me";
/// What follows a position where tokens may have ended by the same commit.
const TOKENS: &str = " tokens";
/// What is told where a key was revoked, which is no part of the log.
pub(super) const KEYS: &str = "keys";

/// Which server, and which of its pasts, a session speaks to: none on a standby, and where it is not told.
const TIMELINE: &str = "select case when pg_is_in_recovery() then null
    else left(pg_walfile_name(pg_current_wal_lsn()), 8) end";

/// What is told of a commit: its last position, and whether it may have ended what tokens are good for.
pub(super) fn told(position: i64, events: &[Event]) -> String {
    let ends = |event: &Event| {
        matches!(event.kind, EventKind::UserUpdated | EventKind::UserErased | EventKind::Reset)
    };
    format!("{position}{}", if events.iter().any(ends) { TOKENS } else { "" })
}

/// See the module.
pub(super) struct Known {
    /// The position of the last event that was committed here.
    committed: AtomicI64,
    /// The greatest position that was told of the log.
    told_of_log: AtomicI64,
    /// The greatest position that others were heard of.
    heard: watch::Sender<i64>,
    /// How often the log may have lost its end.
    breaks: AtomicU64,
    timeline: Mutex<Option<String>>,
    ends: Arc<CredentialEnds>,
    is_listening: AtomicBool,
    told: AtomicU64,
}

impl Known {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            committed: AtomicI64::new(0),
            told_of_log: AtomicI64::new(0),
            heard: watch::Sender::new(0),
            breaks: AtomicU64::new(0),
            timeline: Mutex::default(),
            ends: Arc::default(),
            is_listening: AtomicBool::new(false),
            told: AtomicU64::new(0),
        })
    }

    /// The position of the last event that was committed here; 0 where none was.
    pub(super) fn committed(&self) -> i64 {
        self.committed.load(Ordering::Acquire)
    }

    /// This was committed here.
    pub(super) fn commit(&self, position: i64) {
        self.committed.fetch_max(position, Ordering::AcqRel);
    }

    /// The greatest position that was told of the log.
    pub(super) fn told_of_log(&self) -> i64 {
        self.told_of_log.load(Ordering::Acquire)
    }

    /// This position is told of the log: what is read after that has to include it.
    pub(super) fn tells(&self, position: i64) {
        self.told_of_log.fetch_max(position, Ordering::AcqRel);
    }

    /// How often the log may have lost its end.
    pub(super) fn breaks(&self) -> u64 {
        self.breaks.load(Ordering::Acquire)
    }

    /// Counts what ends credentials elsewhere.
    pub(super) fn ends(&self) -> &Arc<CredentialEnds> {
        &self.ends
    }

    /// How well others are heard.
    pub(super) fn hearing(&self) -> Hearing {
        Hearing {
            is_listening: self.is_listening.load(Ordering::Relaxed),
            told: self.told.load(Ordering::Relaxed),
        }
    }

    /// Returns when others were heard to have committed something after a position.
    pub(super) async fn heard_beyond(&self, position: i64) {
        let mut heard = self.heard.subscribe();
        if heard.wait_for(|heard| position < *heard).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Somebody told this on the channel. What was committed here comes back too, and is no news.
    pub(super) fn hear(&self, payload: &str) {
        self.told.fetch_add(1, Ordering::Relaxed);
        if payload == KEYS {
            self.ends.keys_ended();
            return;
        }
        let position = payload.strip_suffix(TOKENS);
        if position.is_some() {
            self.ends.tokens_ended();
        }
        let Ok(position) = position.unwrap_or(payload).parse::<i64>() else { return };
        if self.committed() < position {
            self.heard.send_if_modified(|heard| {
                let is_news = *heard < position;
                *heard = position.max(*heard);
                is_news
            });
        }
    }

    /// A session listens from now on. What was told before it did is not known, so all of it may have been.
    pub(super) fn begins_to_listen(&self, position: i64) {
        self.is_listening.store(true, Ordering::Relaxed);
        self.ends.tokens_ended();
        self.ends.keys_ended();
        self.heard.send_replace(position);
    }

    /// Nobody listens any more.
    pub(super) fn is_deaf(&self) {
        self.is_listening.store(false, Ordering::Relaxed);
    }

    /// Looks which server a new session leads to. After a standby took over the log may lack what was committed last, and
    /// its positions be given again: then nothing that is known holds.
    pub(super) fn meet(&self, conn: &mut PgConnection) {
        // Some services that speak PostgreSQL's protocol have no such functions, and look after their past themselves.
        let Ok(Some(timeline)) = Sql::<Nullable<Text>>::new(TIMELINE).get_result::<Option<String>>(conn)
        else {
            return;
        };
        let mut known = self.timeline.lock();
        let is_other = known.as_ref().is_some_and(|known| *known != timeline);
        *known = Some(timeline);
        if !is_other {
            return;
        }
        let last = last_position(conn).unwrap_or(0);
        self.committed.fetch_min(last, Ordering::AcqRel);
        self.told_of_log.fetch_min(last, Ordering::AcqRel);
        self.heard.send_replace(last);
        // After the positions, so that who sees the break sees them too.
        self.breaks.fetch_add(1, Ordering::AcqRel);
        tracing::warn!(
            position = last,
            "another server has become the primary; what is kept in memory is read anew"
        );
    }
}

/// The position of the last event, by a question of its own.
pub(super) fn last_position(conn: &mut PgConnection) -> Outcome<i64> {
    Ok(Sql::<BigInt>::new("select position from sequence").get_result(conn)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(known: &Known) -> i64 {
        *known.heard.borrow()
    }

    #[test]
    fn what_others_tell_is_heard_and_what_comes_back_is_not() {
        let known = Known::new();
        known.commit(5);
        known.hear("5");
        known.hear("4");
        assert_eq!(heard(&known), 0);
        known.hear("7");
        known.hear("6");
        known.hear("nonsense");
        assert_eq!(heard(&known), 7);
        assert_eq!(known.ends().count(), (0, 0));
    }

    #[test]
    fn ends_of_credentials_are_heard_apart() {
        let known = Known::new();
        known.hear("8 tokens");
        assert_eq!((heard(&known), known.ends().count()), (8, (1, 0)));
        known.hear(KEYS);
        assert_eq!((heard(&known), known.ends().count()), (8, (1, 1)));
        known.begins_to_listen(3);
        assert_eq!((heard(&known), known.ends().count()), (3, (2, 2)));
        assert_eq!(known.hearing(), Hearing { is_listening: true, told: 2 });
    }

    #[tokio::test]
    async fn who_waits_for_a_position_is_woken_by_it_and_by_no_other() {
        let known = Known::new();
        let waiting = tokio::spawn({
            let known = known.clone();
            async move { known.heard_beyond(10).await }
        });
        known.hear("10");
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        known.hear("11");
        waiting.await.unwrap();
    }
}
