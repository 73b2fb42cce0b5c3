//! Sessions: opened as needed, dropped when broken, handed out in order.
//!
//! r2d2 makes waiters hold a thread each and serves them in no order. So a semaphore of the pool's size stands before it:
//! who waits is a task, the longest waiting goes first, and r2d2 always has a session for whom it lets through. The lane of
//! all writes (`lane`) does not pass it: r2d2 keeps one session more than it lets through.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use diesel::{
    connection::{Connection, SimpleConnection},
    pg::PgConnection,
    r2d2::{self, ManageConnection, R2D2Connection},
};
use feed_me_domain::StoreError;

use super::{
    PgOptions, PgStore, Shared,
    errors::{Outcome, Remedy},
    known::Known,
    url::{scrubbed, with_defaults},
};

pub(super) type Pool = r2d2::Pool<Sessions>;

/// How often a transaction that others stood in the way of is tried again.
const TRIES_MAX: u32 = 5;
/// r2d2 waits half of it at most between two attempts to open a session, so that it soon sees a database that is back.
const OPEN_TIMEOUT: Duration = Duration::from_millis(2500);

/// What every session is told.
///
/// Everything we ask is answered by an index, so the planner may not read a whole table or gather a bitmap and sort it
/// while there is another way. That matters for plans that live on: a statement prepared while a table was small or
/// fresh would otherwise go on sorting an author's whole history when it is large. (`feeds` has the figures.) None of
/// this is needed for right answers, so a pooler that forgets it does no harm.
const SESSION: &str = "
set timezone = 'UTC';
set statement_timeout = '30s';
set lock_timeout = '5s';
set idle_in_transaction_session_timeout = '60s';
set client_min_messages = 'error';
set jit = off;
set enable_seqscan = off;
set enable_bitmapscan = off;
do $$ begin perform set_config('lc_messages', 'C', false); exception when others then null; end $$";

/// Opens sessions for r2d2.
pub(super) struct Sessions {
    url: String,
    is_trouble_told: Arc<AtomicBool>,
    known: Arc<Known>,
}

/// A connection, and whether it is known to be gone.
pub(super) struct Session {
    connection: PgConnection,
    is_broken: bool,
}

/// Why no session could be opened; holds no secrets.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct NoSession(String);

impl ManageConnection for Sessions {
    type Connection = Session;
    type Error = NoSession;

    fn connect(&self) -> Result<Session, NoSession> {
        let mut connection = open_session(&self.url, SESSION).map_err(NoSession)?;
        self.known.meet(&mut connection);
        self.is_trouble_told.store(false, Ordering::Relaxed);
        Ok(Session { connection, is_broken: false })
    }

    fn is_valid(&self, session: &mut Session) -> Result<(), NoSession> {
        session.connection.ping().map_err(|error| NoSession(error.to_string()))
    }

    fn has_broken(&self, session: &mut Session) -> bool {
        session.is_broken || std::thread::panicking() || session.connection.is_broken()
    }
}

/// Opens a session and tells it its settings.
pub(super) fn open_session(url: &str, settings: &str) -> Result<PgConnection, String> {
    let opened = PgConnection::establish(url).map_err(|error| error.to_string());
    let told = opened.and_then(|mut connection| {
        connection.batch_execute(settings).map_err(|error| error.to_string())?;
        Ok(connection)
    });
    told.map_err(|error| scrubbed(&error, url))
}

/// Logs the first failure, and then none until a session was opened again.
#[derive(Debug)]
struct TellOnce(Arc<AtomicBool>);

impl r2d2::HandleError<NoSession> for TellOnce {
    fn handle_error(&self, error: NoSession) {
        if !self.0.swap(true, Ordering::Relaxed) {
            tracing::error!(%error, "no session with the database could be opened; trying again in silence");
        }
    }
}

/// A pool that opens nothing before it is asked.
pub(super) fn open_pool(options: &PgOptions, known: &Arc<Known>) -> Result<Pool, StoreError> {
    let is_trouble_told = Arc::new(AtomicBool::new(false));
    let sessions = Sessions {
        url: with_defaults(&options.url)?,
        is_trouble_told: Arc::clone(&is_trouble_told),
        known: Arc::clone(known),
    };
    Ok(r2d2::Pool::builder()
        .max_size(options.pool_size.saturating_add(1))
        .min_idle(Some(1))
        .test_on_check_out(false)
        .connection_timeout(OPEN_TIMEOUT)
        .error_handler(Box::new(TellOnce(is_trouble_told)))
        .build_unchecked(sessions))
}

impl Shared {
    /// Does the work on a session. It is done again from the beginning where the session turns out to be gone, or
    /// another transaction stood in the way; work that must not be says so by the error it ends with. Nobody waits for a
    /// session beyond `deadline`.
    pub(super) fn run<T>(
        &self,
        deadline: Instant,
        mut work: impl FnMut(&mut PgConnection) -> Outcome<T>,
    ) -> Result<T, StoreError> {
        // After a restart of the database all sessions of the pool are gone, and one more is open.
        let mut others_left = self.pool.max_size() + 1;
        let mut tries_left = TRIES_MAX;
        loop {
            let patience = deadline.saturating_duration_since(Instant::now());
            let mut session = self.pool.get_timeout(patience).map_err(|error| {
                StoreError::Unavailable(format!("no session with the database could be had: {error}"))
            })?;
            let error = match work(&mut session.connection) {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            match error.remedy() {
                Remedy::Tell(error) => return Err(error),
                Remedy::OtherSession(message) => {
                    session.is_broken = true;
                    if others_left == 0 {
                        return Err(StoreError::Unavailable(message));
                    }
                    others_left -= 1;
                }
                Remedy::Again(message) => {
                    if tries_left == 0 {
                        return Err(StoreError::Unavailable(message));
                    }
                    tries_left -= 1;
                    drop(session);
                    std::thread::sleep(Duration::from_millis(u64::from(5 * (TRIES_MAX - tries_left))));
                }
            }
        }
    }
}

impl PgStore {
    /// Does the work on a blocking thread when there is a session for it, and tells it until when it may wait for one.
    /// Dropping the future does not stop work that has begun; its session is free again when it ends.
    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared, Instant) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        // One time-out for both waits: for the turn, and for a session of a database that may be gone.
        let deadline = Instant::now() + self.shared.options.acquire_timeout;
        let waiting = self.shared.reads.enter()?;
        let turn = Arc::clone(&self.shared.gate).acquire_owned();
        let Ok(Ok(turn)) = tokio::time::timeout(self.shared.options.acquire_timeout, turn).await else {
            return Err(StoreError::Unavailable("all sessions with the database are busy".to_owned()));
        };
        waiting.has_its_turn();
        let shared = Arc::clone(&self.shared);
        let done = tokio::task::spawn_blocking(move || {
            let (_turn, begun) = (turn, Instant::now());
            let done = work(&shared, deadline);
            shared.reads.took(begun.elapsed());
            done
        });
        done.await.unwrap_or_else(|error| Err(StoreError::Failed(format!("work was cut off: {error}"))))
    }

    /// Does work that only reads.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut PgConnection) -> Outcome<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (at_least, mut work) = (self.at_least, work);
        self.blocking(move |shared, deadline| {
            shared.run(deadline, |conn| match at_least {
                None => work(conn),
                Some(at_least) => at_least.read(conn, &mut work),
            })
        })
        .await
    }

    /// Does work of several questions that sees one instant.
    pub(super) async fn read_at_once<T: Send + 'static>(
        &self,
        mut work: impl FnMut(&mut PgConnection) -> Outcome<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        if self.at_least.is_some() {
            // Such a read sees one instant anyway.
            return self.read(work).await;
        }
        self.read(move |conn| conn.build_transaction().read_only().repeatable_read().run(&mut work)).await
    }
}
