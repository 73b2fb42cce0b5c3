//! Moving whole databases.

mod export;
mod import;

use async_trait::async_trait;
use diesel::{Connection, connection::SimpleConnection};
use feed_me_domain::{
    Timestamp,
    error::StoreError,
    ports::{ExportSink, TransferRepository},
    transfer::{Imported, OnBadRecord, Record},
};

use super::SqliteStore;

#[async_trait]
impl TransferRepository for SqliteStore {
    async fn import(
        &self,
        records: Vec<Record>,
        started: Timestamp,
        on_bad: OnBadRecord,
    ) -> Result<Vec<Imported>, StoreError> {
        self.write(move |write| import::import(write, records, started, on_bad)).await
    }

    async fn export(&self, mut sink: ExportSink) -> Result<(), StoreError> {
        self.read(move |conn| conn.transaction(|conn| export::export(conn, &mut *sink).map(|_| ()))).await
    }

    async fn settle(&self) -> Result<(), StoreError> {
        // Looks at some rows of each index only; the order of loops in feeds does not depend on it.
        self.writer
            .run_bare(|conn| {
                conn.batch_execute("pragma analysis_limit = 1000; analyze; pragma wal_checkpoint(truncate);")
                    .map_err(Into::into)
            })
            .await
    }
}
