//! The connections that read.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use diesel::{
    SqliteConnection,
    connection::SimpleConnection,
    r2d2::{ConnectionManager, CustomizeConnection, Error, Pool},
};
use feed_me_domain::error::StoreError;
use tokio::sync::Semaphore;

use super::errors::Trouble;
use crate::watch::{Line, Queue};

/// A pool with a queue before it: who waits for a reader waits in order and holds no thread.
pub(super) struct Readers {
    pool: Pool<ConnectionManager<SqliteConnection>>,
    free: Arc<Semaphore>,
    pub(super) line: Arc<Queue>,
    patience: Duration,
}

impl Readers {
    /// Opens the first connection in the background.
    pub(super) fn new(url: &str, size: u32, patience: Duration) -> Self {
        let size = size.max(1);
        let pool = Pool::builder()
            .max_size(size)
            .min_idle(Some(1))
            .test_on_check_out(false)
            .connection_timeout(patience)
            .connection_customizer(Box::new(ReadOnly { patience }))
            .build_unchecked(ConnectionManager::new(url));
        let line = Queue::new(Line::Read, size as usize, 1);
        Self { pool, free: Arc::new(Semaphore::new(size as usize)), line, patience }
    }

    /// How many connections there are at most, and how many are not in use.
    pub(super) fn size_and_free(&self) -> (usize, usize) {
        (self.pool.max_size() as usize, self.free.available_permits())
    }

    /// Runs `work` on a connection, on a thread that may block.
    pub(super) async fn run<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut SqliteConnection) -> Result<T, Trouble> + Send + 'static,
    {
        let waiting = self.line.enter()?;
        let permit = tokio::time::timeout(self.patience, self.free.clone().acquire_owned())
            .await
            .map_err(|_| StoreError::Unavailable("all readers of the database are busy".to_owned()))?
            .map_err(|error| StoreError::Failed(error.to_string()))?;
        waiting.has_its_turn();
        let (pool, line) = (self.pool.clone(), self.line.clone());
        let task = move || {
            let begun = Instant::now();
            let mut connection = pool.get().map_err(|error| StoreError::Unavailable(error.to_string()))?;
            let outcome = work(&mut connection).map_err(StoreError::from);
            drop(connection);
            line.took(begun.elapsed());
            drop(permit);
            outcome
        };
        tokio::task::spawn_blocking(task)
            .await
            .unwrap_or_else(|error| Err(StoreError::Failed(format!("a read did not end: {error}"))))
    }
}

#[derive(Debug)]
struct ReadOnly {
    patience: Duration,
}

impl CustomizeConnection<SqliteConnection, Error> for ReadOnly {
    fn on_acquire(&self, connection: &mut SqliteConnection) -> Result<(), Error> {
        let pragmas = format!(
            "pragma busy_timeout = {}; pragma query_only = on; pragma cache_size = -16384; \
             pragma mmap_size = 268435456;",
            self.patience.as_millis()
        );
        connection.batch_execute(&pragmas).map_err(Error::QueryError)
    }
}
