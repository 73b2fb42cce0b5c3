use std::sync::Arc;

use crate::{
    error::Result,
    ports::{Clock, ExportSink, TransferRepository},
    time::Timestamp,
    transfer::{Imported, OnBadRecord, Record},
};

/// Importing and exporting.
pub struct TransferService {
    store: Arc<dyn TransferRepository>,
    clock: Arc<dyn Clock>,
    started: Timestamp,
    on_bad: OnBadRecord,
}

impl TransferService {
    /// An import or export that begins now.
    pub fn new(store: Arc<dyn TransferRepository>, clock: Arc<dyn Clock>, on_bad: OnBadRecord) -> Self {
        let started = clock.now();
        Self { store, clock, started, on_bad }
    }

    /// When it began: the `since` of follows whose line has none.
    pub fn started(&self) -> Timestamp {
        self.started
    }

    /// Stores a batch of records. An outcome for each, in order; where one is refused and bad records are not left out,
    /// nothing of the batch is stored.
    pub async fn import(&self, records: Vec<Record>) -> Result<Vec<Imported>> {
        let now = self.clock.now();
        let faults: Vec<_> = records.iter().map(|record| record.check(now).err()).collect();
        let records: Vec<Record> = records.into_iter().map(tidied).collect();
        if faults.iter().all(Option::is_none) {
            return Ok(self.store.import(records, self.started, self.on_bad).await?);
        }
        if self.on_bad == OnBadRecord::Stop {
            let outcome = |fault: Option<_>| fault.map_or(Imported::AlreadyThere, Imported::Refused);
            return Ok(faults.into_iter().map(outcome).collect());
        }
        let good = records
            .into_iter()
            .zip(&faults)
            .filter(|(_, fault)| fault.is_none())
            .map(|(record, _)| record)
            .collect();
        let mut outcomes = self.store.import(good, self.started, self.on_bad).await?.into_iter();
        let merged = faults.into_iter().map(|fault| fault.map(Imported::Refused).or_else(|| outcomes.next()));
        Ok(merged.flatten().collect())
    }

    /// Gives everything to the sink, as it was at one instant.
    pub async fn export(&self, sink: ExportSink) -> Result<()> {
        Ok(self.store.export(sink).await?)
    }

    /// To be called after the last batch.
    pub async fn settle(&self) -> Result<()> {
        Ok(self.store.settle().await?)
    }
}

fn tidied(record: Record) -> Record {
    match record {
        Record::Follow(follow) => Record::Follow(follow.tidied()),
        other => other,
    }
}
