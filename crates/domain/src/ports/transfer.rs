use std::ops::ControlFlow;

use async_trait::async_trait;

use crate::{
    error::StoreError,
    time::Timestamp,
    transfer::{Imported, OnBadRecord, Record},
};

/// Takes a record of an export; breaking ends the export.
pub type ExportSink = Box<dyn FnMut(Record) -> ControlFlow<()> + Send>;

/// Moves whole databases.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait TransferRepository: Send + Sync {
    /// Stores the records of a batch in order, in one step, with a number of statements that does not depend on how many
    /// they are; users that they name are created as met, unless the record is already there. `started` is when the import began: the
    /// `created_at` of users made on the way. An outcome for each record; when one is refused and `on_bad` is `Stop`, nothing of the batch is stored.
    async fn import(
        &self,
        records: Vec<Record>,
        started: Timestamp,
        on_bad: OnBadRecord,
    ) -> Result<Vec<Imported>, StoreError>;

    /// Gives the sink everything as it was at one instant: users by number, activities by id, follows by
    /// (`since`, order), kept histories without a follow, blocks, mutes.
    async fn export(&self, sink: ExportSink) -> Result<(), StoreError>;

    /// Tells the database that many rows came at once, so that reads are planned well.
    async fn settle(&self) -> Result<(), StoreError>;
}
