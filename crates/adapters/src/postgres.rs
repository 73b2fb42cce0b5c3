//! The ports on PostgreSQL: sync diesel on a pool of sessions, one blocking hop for each call of a port.
//!
//! * [`PgStore`] keeps all ports. [`migrations`] brings a database to the shape that it needs.
//! * Every write is one transaction that begins with a lock on the row of `sequence` (`writing`), so writes are serial and
//!   what a write reads under the lock is the truth.
//! * Every question is answered by an index (`feeds` has the measured reasons), and every statement is prepared once a
//!   session (`sql`).

mod activities;
mod application_keys;
mod development;
mod edges;
mod errors;
mod events;
mod feeds;
mod follows;
mod idempotency;
mod importing;
pub mod migrations;
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
mod writing;

use std::{sync::Arc, time::Duration};

use feed_me_domain::{
    StoreError,
    ports::{Clock, IdGenerator},
};

pub use self::feeds::PlanMode;
use self::pool::{Pool, open_pool};

/// How a [`PgStore`] reaches its database.
#[derive(Clone)]
pub struct PgOptions {
    /// `postgres://…`, with whatever parameters libpq takes.
    pub url: String,
    /// How many sessions are kept, and so how many calls work at the same time.
    pub pool_size: u32,
    /// How long a call waits for its turn before it answers that the store is unavailable.
    pub acquire_timeout: Duration,
}

/// All ports on one PostgreSQL database. Cheap to clone.
#[derive(Clone)]
pub struct PgStore {
    shared: Arc<Shared>,
}

/// What the calls of a store share.
struct Shared {
    pool: Pool,
    gate: Arc<tokio::sync::Semaphore>,
    options: PgOptions,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
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
        Ok(Self { shared: Arc::new(Shared { pool, gate, options, clock, ids }) })
    }

    /// How many calls could begin at once; 0 means that the next one waits. Overload is seen by it.
    pub fn free_sessions(&self) -> usize {
        self.shared.gate.available_permits()
    }
}
