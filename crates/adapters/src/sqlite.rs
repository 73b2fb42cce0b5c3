//! The store in one file: SQLite, embedded.
//!
//! One thread owns the connection that writes (`writer`) and lets the writes that wait share a commit; a pool of
//! connections that only read (`pool`) serves everything else beside it. WAL lets readers see the last commit while a
//! write is under way. There is a file for each port; `sql` is how SQL is asked where the query builder has no words.

mod activities;
mod application_keys;
mod backup;
mod checkpoints;
mod development;
mod errors;
mod events;
mod facts;
mod feeds;
mod follows;
mod idempotency;
mod lock;
mod migrations;
mod names;
mod notifications;
mod pool;
mod recent;
mod relations;
mod rows;
mod schema;
mod secrets;
mod sql;
mod transfer;
mod users;
mod webhook_rows;
mod webhooks;
mod writer;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use diesel::SqliteConnection;
use feed_me_domain::{
    error::StoreError,
    ports::{Clock, IdGenerator},
};

pub use self::lock::{AlreadyServed, ServingLock};
use self::{
    errors::Trouble,
    pool::Readers,
    writer::{Write, Writer},
};
use crate::{
    under_way::{ScopeGuard, ScopesUnderWay},
    watch::{Line, Queue, StoreLoad},
};

/// How to open a store.
#[derive(Clone, Debug)]
pub struct SqliteOptions {
    /// The file; it and its folder are made where they are missing and may be.
    pub path: PathBuf,
    /// What may be done to it.
    pub access: Access,
    /// How many connections read.
    pub readers: u32,
    /// How long to wait for a reader, for room in the queue of writes, or for another process that writes.
    pub acquire_timeout: Duration,
    /// How many writes share a commit at most; where it is 1, each has its own.
    pub commit_group_max: usize,
}

/// What may be done to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It is read and written, and grows to at most this many pages; without end where there is no number.
    ReadWrite {
        /// The most pages.
        pages_max: Option<u32>,
    },
    /// It is only read. Every write is refused as unavailable.
    ReadOnly,
}

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder of the file cannot be made.
    #[error("the folder {} cannot be made: {reason}", .folder.display())]
    Folder {
        /// Which folder.
        folder: PathBuf,
        /// Why not.
        reason: std::io::Error,
    },
    /// SQLite takes paths as UTF-8.
    #[error("the path {} is not UTF-8", .0.display())]
    Path(PathBuf),
    /// The file cannot be opened as a database.
    #[error("the database {} cannot be opened: {reason}", .path.display())]
    Database {
        /// Which file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
}

/// Everything that feed-me keeps, in one SQLite file.
pub struct SqliteStore {
    path: PathBuf,
    access: Access,
    readers: Readers,
    writer: Writer,
    under_way: ScopesUnderWay,
    clock: Arc<dyn Clock>,
}

impl SqliteStore {
    /// Opens the file, which is made where it is missing. The migrations are not run: see
    /// [`migrate`](SqliteStore::migrate).
    pub fn open(
        options: SqliteOptions,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdGenerator>,
    ) -> Result<Self, OpenError> {
        let SqliteOptions { path, access, readers, acquire_timeout: patience, commit_group_max } = options;
        let path = std::path::absolute(&path).unwrap_or(path);
        let text = path.to_str().ok_or_else(|| OpenError::Path(path.clone()))?;
        let url = match access {
            Access::ReadWrite { .. } => text.to_owned(),
            Access::ReadOnly => read_only_url(text),
        };
        if access != Access::ReadOnly {
            let folder = path.parent().unwrap_or(Path::new("/"));
            std::fs::create_dir_all(folder)
                .map_err(|reason| OpenError::Folder { folder: folder.to_owned(), reason })?;
        }
        let unopened = |reason: String| OpenError::Database { path: path.clone(), reason };
        // The writer first: it makes the file and turns the WAL on.
        let writer =
            Writer::start(&url, access, patience, commit_group_max, clock.clone(), ids).map_err(unopened)?;
        let readers = Readers::new(&url, readers, patience);
        let under_way = ScopesUnderWay::default();
        Ok(Self { path, access, readers, writer, under_way, clock })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps every other process from serving this file for as long as the answer lives. Imports, exports and the like
    /// need no such lock: SQLite orders their writes.
    pub fn lock_for_serving(&self) -> Result<ServingLock, AlreadyServed> {
        ServingLock::take(&self.path)
    }

    /// How busy it is.
    pub fn load(&self) -> StoreLoad {
        let (connections, free) = self.readers.size_and_free();
        StoreLoad {
            connections,
            connections_in_use: connections.saturating_sub(free),
            reads_waiting: self.readers.line.waiting(),
            writes_waiting: self.writer.line.waiting(),
            position: self.writer.committed(),
        }
    }

    /// The line of those who wait for a connection, or for the thread that writes.
    pub fn queue(&self, line: Line) -> &Arc<Queue> {
        match line {
            Line::Read => &self.readers.line,
            Line::Write => &self.writer.line,
        }
    }

    /// Reads on a connection of the pool, outside the async threads.
    async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut SqliteConnection) -> Result<T, Trouble> + Send + 'static,
    {
        self.readers.run(work).await
    }

    /// Writes in a turn of the sequence. The write is carried out even if nobody waits for the answer any more.
    async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Write<'_>) -> Result<T, Trouble> + Send + 'static,
    {
        self.writer.run(None, work).await
    }

    /// Writes while the scope of an idempotency key counts as under way.
    async fn write_guarded<T, F>(&self, guard: ScopeGuard, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Write<'_>) -> Result<T, Trouble> + Send + 'static,
    {
        self.writer.run(Some(guard), work).await
    }
}

/// The form of a path that lets SQLite open the file so that nothing can write to it.
fn read_only_url(path: &str) -> String {
    let escaped = path.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    format!("file:{escaped}?mode=ro")
}

#[cfg(test)]
mod tests;
