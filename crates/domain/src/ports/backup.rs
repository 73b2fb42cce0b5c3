use std::ops::ControlFlow;

use async_trait::async_trait;

use crate::{
    backup::{BackupHead, BackupPiece, BackupRows, IfNotEmpty, Restored},
    error::StoreError,
};

/// Takes a piece of a backup; breaking ends it.
pub type BackupSink = Box<dyn FnMut(BackupPiece) -> ControlFlow<()> + Send>;

/// Gives the rows of a backup until there are no more. An error ends the restore, and nothing of it stays.
pub type BackupSource = Box<dyn FnMut() -> Result<Option<BackupRows>, String> + Send>;

/// Gives and takes all rows of a database. Stores that keep nothing beyond the process have nothing to give.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait BackupRepository: Send + Sync {
    /// Gives the sink everything as it was at one instant, whatever is written meanwhile: the head, the rows of its tables
    /// in their order, the end. Few rows are in memory at a time, however many there are.
    async fn back_up(&self, sink: BackupSink) -> Result<(), StoreError>;

    /// Makes the database what the backup was of, in one step: all of it, or nothing where anything fails. The schema is
    /// brought to that of the backup, the rows are taken in, and then the migrations that came later are run. No server may
    /// have the database; a store that can tell refuses.
    async fn restore(
        &self,
        head: BackupHead,
        source: BackupSource,
        if_not_empty: IfNotEmpty,
    ) -> Result<Restored, StoreError>;
}
