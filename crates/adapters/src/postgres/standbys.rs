//! Standbys: reads that may come from a copy of the database go there while it is near enough.
//!
//! A standby replays what the primary committed, a little later. What it includes is told exactly by its own row of
//! `sequence`, read in the snapshot of the read itself; so a read names the position that it has to include ([`AtLeast`])
//! and is answered by the primary where the standby has not come so far. That position is the greatest of
//!
//! * what was committed through this store: a client finds what it was answered, on this instance at once;
//! * what a client has brought ([`EventLog::require`](feed_me_domain::ports::EventLog::require));
//! * what was told of the log: the index and streams, which follow it, need the bodies of what they have heard of;
//! * what the primary had half a second ago, as far as this process knows ([`watching`]): others' writes are in the next
//!   read within a second.
//!
//! Standbys take turns. Which reads go there is decided by what rests on them ([`ports`]): never a read that a right, a
//! token or a write is decided by, nor one of rows that are no part of the log.

mod ports;
mod watching;

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use diesel::{
    connection::{AnsiTransactionManager, TransactionManager},
    pg::PgConnection,
    prelude::*,
    sql_types::{BigInt, Bool},
};
use feed_me_domain::{
    StoreError,
    ports::{Clock, IdGenerator, Stores},
};

use self::watching::{Past, Watched};
use super::{
    PgOptions, PgStore,
    errors::{Outcome, PgError},
    sql::Sql,
    writing::roll_back,
};
use crate::watch::StandbyLoad;

/// How long a read waits for a session with a standby; after that the primary answers it.
const ACQUIRE_TIMEOUT: Duration = Duration::from_millis(250);
/// How long a read may take on a standby that does not answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a standby is left alone that had not come far enough, and one that failed.
const BEHIND_FOR: Duration = Duration::from_millis(20);
const FAILED_FOR: Duration = Duration::from_secs(1);
/// What a read is told where the standby has not come far enough.
const BEHIND: &str = "the standby has not come so far";

/// Which servers count as a standby.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copies {
    /// Those that replay. One that was promoted, or was the primary once, may have another past.
    Standbys,
    /// Any, and so the primary too; for tests of what reads over them.
    Any,
}

/// What a read has to find.
#[derive(Clone, Copy)]
pub(super) struct AtLeast {
    position: i64,
    copies: Copies,
}

impl AtLeast {
    /// Does work that only reads at one instant, which includes the position; or says that it cannot.
    pub(super) fn read<T>(
        self,
        conn: &mut PgConnection,
        work: &mut impl FnMut(&mut PgConnection) -> Outcome<T>,
    ) -> Outcome<T> {
        const BEGIN: &str = "begin isolation level repeatable read read only";
        AnsiTransactionManager::begin_transaction_sql(conn, BEGIN)?;
        match self.includes(conn).and_then(|()| work(conn)) {
            Ok(done) => {
                AnsiTransactionManager::commit_transaction(conn)?;
                Ok(done)
            }
            Err(error) => Err(roll_back(conn, error)),
        }
    }

    fn includes(self, conn: &mut PgConnection) -> Outcome<()> {
        let asked = Sql::<(Bool, Bool)>::new("select $1 <= position, pg_is_in_recovery() from sequence");
        let (includes, replays): (bool, bool) = asked.bind::<BigInt, _>(self.position).get_result(conn)?;
        match (includes, replays || self.copies == Copies::Any) {
            (true, true) => Ok(()),
            (false, true) => Err(PgError::from(StoreError::Unavailable(BEHIND.to_owned()))),
            (_, false) => {
                Err(PgError::from(StoreError::Unavailable("the server is no standby any more".to_owned())))
            }
        }
    }
}

/// The standbys of a database, as they are read.
pub struct Standbys {
    primary: PgStore,
    all: Vec<Standby>,
    copies: Copies,
    turn: AtomicUsize,
    required: AtomicI64,
    past: Past,
    started: Instant,
}

struct Standby {
    /// Host and port.
    name: String,
    store: PgStore,
    watched: Watched,
    /// Until when it is left alone, in milliseconds after the start.
    rests_until_ms: AtomicU64,
    reads: AtomicU64,
    behind: AtomicU64,
    failed: AtomicU64,
}

impl Standbys {
    /// The stores of `primary` with standbys before those of their reads that may go there. `direct_url` leads to the
    /// primary itself.
    pub fn before(
        primary: &PgStore,
        direct_url: &str,
        urls: &[String],
        copies: Copies,
        clock: &Arc<dyn Clock>,
        ids: &Arc<dyn IdGenerator>,
    ) -> Result<(Arc<Self>, Stores), StoreError> {
        let standby = |url: &String| {
            let options = PgOptions {
                url: url.clone(),
                acquire_timeout: ACQUIRE_TIMEOUT.min(primary.shared.options.acquire_timeout),
                ..primary.shared.options.clone()
            };
            Ok(Standby {
                name: place(url),
                store: PgStore::connect(options, clock.clone(), ids.clone())?,
                watched: Watched::default(),
                rests_until_ms: AtomicU64::new(0),
                reads: AtomicU64::new(0),
                behind: AtomicU64::new(0),
                failed: AtomicU64::new(0),
            })
        };
        let all = urls.iter().map(standby).collect::<Result<Vec<_>, StoreError>>()?;
        let standbys = Arc::new(Self {
            primary: primary.clone(),
            all,
            copies,
            turn: AtomicUsize::new(0),
            required: AtomicI64::new(0),
            past: Past::default(),
            started: Instant::now(),
        });
        watching::start(&standbys, direct_url)?;
        let stores = ports::over(&Stores::of(Arc::new(primary.clone())), &standbys);
        Ok((standbys, stores))
    }

    /// How each of them is.
    pub fn load(&self) -> Vec<StandbyLoad> {
        let of = |standby: &Standby| StandbyLoad {
            name: standby.name.clone(),
            is_up: standby.watched.is_up(),
            position: standby.watched.position(),
            lag: self.past.lag(standby.watched.position()),
            reads: standby.reads.load(Ordering::Relaxed),
            behind: standby.behind.load(Ordering::Relaxed),
            failed: standby.failed.load(Ordering::Relaxed),
        };
        self.all.iter().map(of).collect()
    }

    /// What every read has to include from now on.
    fn require(&self, position: i64) {
        self.required.fetch_max(position, Ordering::AcqRel);
    }

    /// The position that a read has to include; none where it is not known what others have written.
    pub(super) fn floor(&self) -> Option<i64> {
        let known = &self.primary.shared.known;
        let required = self.required.load(Ordering::Acquire);
        Some(self.past.floor()?.max(required).max(known.committed()).max(known.told_of_log()))
    }

    /// Reads from the standby whose turn it is, or else from the primary.
    async fn read<T, F>(&self, read: impl Fn(PgStore) -> F + Send + Sync) -> Result<T, StoreError>
    where
        T: Send,
        F: Future<Output = Result<T, StoreError>> + Send,
    {
        let Some((floor, standby)) = self.floor().zip(self.next()) else {
            return read(self.primary.clone()).await;
        };
        let at_least = AtLeast { position: floor, copies: self.copies };
        let asked = read(PgStore { at_least: Some(at_least), ..standby.store.clone() });
        let rest = match tokio::time::timeout(PATIENCE, asked).await {
            Ok(Ok(answer)) => {
                standby.reads.fetch_add(1, Ordering::Relaxed);
                return Ok(answer);
            }
            Ok(Err(StoreError::Unavailable(message))) if message == BEHIND => {
                standby.behind.fetch_add(1, Ordering::Relaxed);
                BEHIND_FOR
            }
            Ok(Err(_)) | Err(_) => {
                standby.failed.fetch_add(1, Ordering::Relaxed);
                FAILED_FOR
            }
        };
        let until_ms = millis(self.started.elapsed() + rest);
        standby.rests_until_ms.fetch_max(until_ms, Ordering::Relaxed);
        read(self.primary.clone()).await
    }

    /// The next standby that is up and does not rest.
    fn next(&self) -> Option<&Standby> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let now_ms = millis(self.started.elapsed());
        let in_turn = (0..self.all.len()).map(|step| &self.all[(turn + step) % self.all.len()]);
        in_turn.into_iter().find(|standby| {
            standby.watched.is_up() && standby.rests_until_ms.load(Ordering::Relaxed) <= now_ms
        })
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Host and port of an address, which is all of it that may be told.
fn place(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.split_once('?').map_or(rest, |(rest, _)| rest);
    let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
    let place = place.split('/').next().unwrap_or_default();
    if place.is_empty() { "local".to_owned() } else { place.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_address_host_and_port_alone_are_told() {
        for (url, told) in [
            ("postgres://u:s3@c/r?et@db:5432/feed?sslmode=disable", "c"),
            ("postgres://u:secret@db:5432/feed?sslmode=disable", "db:5432"),
            ("postgres://db/feed", "db"),
            ("postgres:///feed?host=/run/postgresql&password=secret", "local"),
        ] {
            assert_eq!(place(url), told, "{url}");
        }
    }
}
