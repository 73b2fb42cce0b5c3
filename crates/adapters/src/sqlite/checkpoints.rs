//! Carrying the log of writes into the database beside the writer.
//!
//! SQLite leaves that to the commit that finds the log long: the write waits for all of it, and so does whatever else wants that
//! core, for 2 ms and more. Here a thread does it that has a core only while nobody else wants one. It blocks neither readers
//! nor the writer (a passive checkpoint: <https://www.sqlite.org/pragma.html#pragma_wal_checkpoint>), and may be cut off anywhere.
//! Together with waiting for company it made the friends feed's p99, under a mixed load at half of its peak, 9 to 10 times its p50
//! instead of 26 (three runs of four; size S), and 32 clients posted 16 to 38 % more, with a p99 of 4 to 6 ms instead of 10.
//!
//! The log begins anew where a transaction finds all of it carried over. As that hardly happens while others write, the writer
//! lends a hand when the log is long: there is little left to carry then. And on a machine so busy that the thread has no core,
//! SQLite's own way remains.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    time::{Duration, Instant},
};

use diesel::{Connection, QueryResult, RunQueryDsl, SqliteConnection, sql_types::BigInt};
use thread_priority::{
    NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy, set_thread_priority_and_policy,
    thread_native_id,
};

use super::sql;

/// After so many changed rows the log is carried over: about 130 posts, or 500 pages of log.
const ROWS: i64 = 512;
/// From so many pages on, the log should begin anew.
const PAGES_LONG: i64 = 4_000;
/// How often the thread tries to find the log at rest, where it is long.
const TRIES: usize = 3;
/// With so many pages of log (32 MB) the writer lends a hand.
const PAGES_TOO_LONG: i64 = 8_000;
/// With so many (64 MB) a commit carries them over, whatever that costs.
pub(super) const PAGES_MAX: i64 = 16_000;
/// Who waits longer for a core would be a long time at work, and nobody else could do it meanwhile.
const START_WITHIN: Duration = Duration::from_millis(50);
/// So long the end of a store waits for what is under way. It may go on after that.
const END_WITHIN: Duration = Duration::from_millis(250);

/// The thread, and what the writer knows of it.
pub(super) struct Checkpoints {
    wishes: Option<SyncSender<Instant>>,
    /// Says by its end that the thread has ended.
    ended: Receiver<()>,
    is_help_wanted: Arc<AtomicBool>,
    /// How many rows had changed when the log was last to be carried over.
    rows: i64,
}

impl Checkpoints {
    /// Starts the thread. It opens its connection when there is something to do.
    pub(super) fn start(url: &str) -> std::io::Result<Self> {
        let (wishes, wished) = sync_channel(1);
        let (end, ended) = sync_channel(0);
        let is_help_wanted = Arc::<AtomicBool>::default();
        let keeper = Keeper { url: url.to_owned(), conn: None, is_help_wanted: is_help_wanted.clone() };
        std::thread::Builder::new().name("sqlite-log".to_owned()).spawn(move || {
            keeper.keep(&wished);
            drop(end);
        })?;
        Ok(Self { wishes: Some(wishes), ended, is_help_wanted, rows: 0 })
    }

    /// The writer has ended a transaction, and has answered whom it served.
    pub(super) fn after_commit(&mut self, conn: &mut SqliteConnection) {
        if self.is_help_wanted.swap(false, Ordering::AcqRel) {
            // Nobody writes, so all of it is carried over now. Where that fails the thread finds it so, too.
            let _ = carry_over(conn);
        }
        let rows = sql::query::<(BigInt,)>("select total_changes()").get_result::<(i64,)>(conn);
        let (rows,) = rows.unwrap_or((self.rows,));
        if self.rows + ROWS <= rows {
            self.rows = rows;
            // Where one wish waits already, that is enough.
            let _ = self.wishes.as_ref().map(|wishes| wishes.try_send(Instant::now()));
        }
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        self.wishes = None;
        if self.ended.recv_timeout(END_WITHIN) == Err(RecvTimeoutError::Timeout) {
            tracing::debug!("the log of writes is still carried over while its store ends");
        }
    }
}

/// What the thread has.
struct Keeper {
    url: String,
    conn: Option<SqliteConnection>,
    is_help_wanted: Arc<AtomicBool>,
}

impl Keeper {
    fn keep(mut self, wished: &Receiver<Instant>) {
        step_back();
        let mut is_well = true;
        while let Ok(since) = wished.recv() {
            if START_WITHIN < since.elapsed() {
                continue;
            }
            match self.carry() {
                Ok(()) => is_well = true,
                Err(error) => {
                    if std::mem::take(&mut is_well) {
                        tracing::warn!(%error, "the log of writes is not carried into the database");
                    }
                    self.conn = None;
                }
            }
        }
    }

    fn carry(&mut self) -> Result<(), Box<dyn std::error::Error>> {
        let conn = match &mut self.conn {
            Some(conn) => conn,
            none => none.insert(SqliteConnection::establish(&self.url)?),
        };
        for _ in 0..TRIES {
            let log = carry_over(conn)?;
            if log.pages < PAGES_LONG || log.carried == log.pages {
                return Ok(());
            }
            if PAGES_TOO_LONG <= log.pages {
                self.is_help_wanted.store(true, Ordering::Release);
                return Ok(());
            }
        }
        Ok(())
    }
}

/// How a log is after it was carried over.
struct Log {
    pages: i64,
    carried: i64,
}

/// Carries over what no reader needs where it is. Where somebody else is at it, nothing is done, and the log seems empty.
fn carry_over(conn: &mut SqliteConnection) -> QueryResult<Log> {
    let carried = sql::query::<(BigInt, BigInt, BigInt)>("pragma wal_checkpoint(passive)");
    let (_, pages, carried) = carried.get_result::<(i64, i64, i64)>(conn)?;
    Ok(Log { pages, carried })
}

/// From now on this thread has a core only while nobody else wants it, and leaves it at once.
fn step_back() {
    let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    if let Err(error) = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, idle) {
        tracing::debug!(%error, "the thread that carries the log over is like every other");
    }
}
