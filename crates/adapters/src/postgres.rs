//! The ports on PostgreSQL: sync diesel on a pool of sessions, one blocking hop for each call of a port.
//!
//! * [`PgStore`] keeps all ports. [`migrations`] brings a database to the shape that it needs.
//! * Every transaction that writes holds a lock on the row of `sequence`, so writes are serial and what a write reads
//!   under the lock is the truth (`writing`). Writes that wait at the same moment share one, and its commit (`lane`).
//! * Every question is answered by an index (`feeds` has the measured reasons), and every statement is prepared once a
//!   session (`sql`).

mod activities;
mod application_keys;
mod backup;
mod development;
mod edges;
mod errors;
mod events;
mod facts;
mod feeds;
mod follows;
mod idempotency;
mod importing;
mod known;
mod lane;
mod listener;
pub mod migrations;
mod notifications;
mod pool;
mod relations;
mod rows;
mod schema;
mod secrets;
mod served;
mod sql;
mod standbys;
#[cfg(test)]
mod tests;
mod transfer;
mod url;
mod users;
mod webhook_rows;
mod webhooks;
mod writing;

use std::{sync::Arc, time::Duration};

use feed_me_domain::{
    StoreError,
    ports::{Clock, IdGenerator},
};

pub use self::{
    feeds::PlanMode,
    listener::Listener,
    standbys::{Copies, Standbys},
};
use self::{
    known::Known,
    lane::Lane,
    pool::{Pool, open_pool},
    standbys::AtLeast,
};
use crate::watch::{CredentialEnds, Hearing, Line, Queue, StoreLoad};

/// How a [`PgStore`] reaches its database.
#[derive(Clone)]
pub struct PgOptions {
    /// `postgres://…`, with whatever parameters libpq takes.
    pub url: String,
    /// How many sessions read, and so how many calls do at the same time. One more writes.
    pub pool_size: u32,
    /// How long a call waits for its turn before it answers that the store is unavailable.
    pub acquire_timeout: Duration,
    /// How many writes share a commit at most; where it is 1, each has its own.
    pub commit_group_max: usize,
}

/// All ports on one PostgreSQL database. Cheap to clone.
#[derive(Clone)]
pub struct PgStore {
    shared: Arc<Shared>,
    lane: Arc<Lane>,
    /// What reads have to find; none where everything is found.
    at_least: Option<AtLeast>,
}

/// What the calls of a store share.
struct Shared {
    pool: Pool,
    gate: Arc<tokio::sync::Semaphore>,
    /// Those who wait at the gate.
    reads: Arc<Queue>,
    /// Those who wait for the lane.
    writes: Arc<Queue>,
    options: PgOptions,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
    /// What is known of the log without asking.
    known: Arc<Known>,
}

impl PgStore {
    /// A store on a database, which need not answer yet: sessions are opened as they are needed, and again after the
    /// database was away. Fails where the options cannot be right.
    pub fn connect(
        options: PgOptions,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdGenerator>,
    ) -> Result<Self, StoreError> {
        if options.pool_size == 0 {
            return Err(StoreError::Failed("a pool of 0 sessions serves nobody".to_owned()));
        }
        let known = Known::new();
        let pool = open_pool(&options, &known)?;
        let gate = Arc::new(tokio::sync::Semaphore::new(options.pool_size as usize));
        let reads = Queue::new(Line::Read, options.pool_size as usize, 1);
        let writes = Queue::new(Line::Write, 1, options.commit_group_max);
        let shared = Arc::new(Shared { pool, gate, reads, writes, options, clock, ids, known });
        let lane = Arc::new(Lane::start(&shared)?);
        Ok(Self { shared, lane, at_least: None })
    }

    /// How many calls that read could begin at once; 0 means that the next one waits. Overload is seen by it.
    pub fn free_sessions(&self) -> usize {
        self.shared.gate.available_permits()
    }

    /// How busy it is.
    pub fn load(&self) -> StoreLoad {
        let connections = self.shared.options.pool_size as usize;
        StoreLoad {
            connections,
            connections_in_use: connections.saturating_sub(self.free_sessions()),
            reads_waiting: self.shared.reads.waiting(),
            writes_waiting: self.shared.writes.waiting(),
            position: self.shared.known.committed(),
        }
    }

    /// How well other processes are heard, by a [`Listener`].
    pub fn hearing(&self) -> Hearing {
        self.shared.known.hearing()
    }

    /// Counts what other processes are heard to have ended.
    pub fn credential_ends(&self) -> &Arc<CredentialEnds> {
        self.shared.known.ends()
    }

    /// The line of those who wait for a session, or for the lane of writes.
    pub fn queue(&self, line: Line) -> &Arc<Queue> {
        match line {
            Line::Read => &self.shared.reads,
            Line::Write => &self.shared.writes,
        }
    }
}
