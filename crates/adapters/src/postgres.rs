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
mod lane;
pub mod migrations;
mod notifications;
mod pool;
mod relations;
mod rows;
mod schema;
mod secrets;
mod sql;
#[cfg(test)]
mod tests;
mod transfer;
mod url;
mod users;
mod webhook_rows;
mod webhooks;
mod writing;

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use feed_me_domain::{
    StoreError,
    ports::{Clock, IdGenerator},
};

pub use self::feeds::PlanMode;
use self::{
    lane::Lane,
    pool::{Pool, open_pool},
};
use crate::watch::{Line, Queue, StoreLoad};

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
    /// The position of the last event that was committed here.
    committed: AtomicI64,
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
        let pool = open_pool(&options)?;
        let gate = Arc::new(tokio::sync::Semaphore::new(options.pool_size as usize));
        let committed = AtomicI64::new(0);
        let reads = Queue::new(Line::Read, options.pool_size as usize, 1);
        let writes = Queue::new(Line::Write, 1, options.commit_group_max);
        let shared = Arc::new(Shared { pool, gate, reads, writes, options, clock, ids, committed });
        let lane = Arc::new(Lane::start(&shared)?);
        Ok(Self { shared, lane })
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
            position: self.shared.committed.load(Ordering::Acquire),
        }
    }

    /// The line of those who wait for a session, or for the lane of writes.
    pub fn queue(&self, line: Line) -> &Arc<Queue> {
        match line {
            Line::Read => &self.shared.reads,
            Line::Write => &self.shared.writes,
        }
    }
}
