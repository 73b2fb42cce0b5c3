//! The import: a thread reads and checks lines, batches go to the store.

use std::{
    path::PathBuf,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use feed_me_domain::{
    Fault, Timestamp,
    services::TransferService,
    transfer::{Imported, OnBadRecord, Record},
};
use tokio::sync::mpsc;

use super::{
    input::{Input, InputFailure, Line, open_all},
    line::parse_line,
    progress::{Progress, rate},
};

/// Bytes of lines that a batch holds at most, so that long lines do not fill the memory.
const BATCH_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Batches that wait for the store.
const BATCHES_AHEAD: usize = 2;
/// Bad lines that are told one by one; the others are only counted.
const REPORTS_MAX: u64 = 100;

/// What to import, and how.
#[derive(Clone, Debug)]
pub struct ImportPlan {
    /// The files; `-` is standard input.
    pub files: Vec<PathBuf>,
    /// What a bad line does.
    pub on_bad: OnBadRecord,
    /// Lines of a batch.
    pub batch_size: usize,
}

/// What became of an import.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImportSummary {
    /// Lines that are stored now.
    pub new: u64,
    /// Lines whose record was there already.
    pub already_there: u64,
    /// Lines left out.
    pub bad: u64,
    /// How long it took.
    pub took: Duration,
}

impl std::fmt::Display for ImportSummary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let lines = self.new + self.already_there + self.bad;
        write!(
            f,
            "imported {lines} lines in {:.1} s ({} a second): {} new, {} already there, {} bad",
            self.took.as_secs_f64(),
            rate(lines, self.took),
            self.new,
            self.already_there,
            self.bad
        )
    }
}

/// Why an import ended before its end.
#[derive(Debug, thiserror::Error)]
pub enum ImportFailure {
    /// A line that cannot be stored.
    #[error(
        "{line}; nothing of its batch is stored, {stored} lines before it are. Correct it and import again: what is stored \
         is not stored twice. --skip-bad leaves bad lines out"
    )]
    BadLine {
        /// Where it stands and what is wrong with it.
        line: BadLine,
        /// How many lines of earlier batches are stored or were already there.
        stored: u64,
    },
    /// A file cannot be read.
    #[error(transparent)]
    Input(#[from] InputFailure),
    /// The store could not.
    #[error("{0}; earlier batches are stored, and importing again is safe")]
    Store(#[from] feed_me_domain::Error),
}

/// A line that cannot be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine {
    /// The file.
    pub file: String,
    /// Its number, from 1.
    pub number: u64,
    /// All that is wrong with it.
    pub faults: Vec<Fault>,
}

impl std::fmt::Display for BadLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, line {}: ", self.file, self.number)?;
        let faults: Vec<_> = self.faults.iter().map(Fault::to_string).collect();
        f.write_str(&faults.join("; "))
    }
}

/// Imports all files. `report` is told the bad lines that are left out; `pause` says how long to stand back after a batch,
/// so that others get their turn.
pub async fn import(
    transfer: &TransferService,
    plan: &ImportPlan,
    mut report: impl FnMut(&str),
    mut pause: impl FnMut() -> Duration,
) -> Result<ImportSummary, ImportFailure> {
    let read = Arc::new(AtomicU64::new(0));
    let (inputs, total) = open_all(&plan.files, &read)?;
    let mut progress = Progress::of_bytes(total, read);
    let mut batches = read_ahead(inputs, plan.clone(), transfer.started());
    let mut summary = ImportSummary::default();
    while let Some(batch) = batches.recv().await {
        let batch = batch?;
        let lines = batch.numbers.len() + batch.bad.len();
        let bad = store(transfer, batch, plan.on_bad, &mut summary).await?;
        for line in bad {
            summary.bad += 1;
            progress.aside(|| match summary.bad {
                count if count <= REPORTS_MAX => report(&format!("left out {line}")),
                count if count == REPORTS_MAX + 1 => report("more bad lines follow, which are only counted"),
                _ => {}
            });
        }
        progress.advance(lines);
        tokio::time::sleep(pause()).await;
    }
    transfer.settle().await?;
    summary.took = progress.finish();
    Ok(summary)
}

/// Stores a batch and returns its bad lines, in order; the first one is a failure unless they are to be left out.
async fn store(
    transfer: &TransferService,
    batch: Batch,
    on_bad: OnBadRecord,
    summary: &mut ImportSummary,
) -> Result<Vec<BadLine>, ImportFailure> {
    let Batch { file, numbers, records, mut bad } = batch;
    let failed = |line, summary: &ImportSummary| {
        Err(ImportFailure::BadLine { line, stored: summary.new + summary.already_there })
    };
    if on_bad == OnBadRecord::Stop && !bad.is_empty() {
        return failed(bad.swap_remove(0), summary);
    }
    let outcomes = if records.is_empty() { Vec::new() } else { transfer.import(records).await? };
    let (mut new, mut already_there) = (0, 0);
    for (number, outcome) in numbers.into_iter().zip(outcomes) {
        match outcome {
            Imported::New => new += 1,
            Imported::AlreadyThere => already_there += 1,
            Imported::Refused(fault) => {
                let line = BadLine { file: file.clone(), number, faults: vec![fault] };
                if on_bad == OnBadRecord::Stop {
                    return failed(line, summary);
                }
                bad.push(line);
            }
        }
    }
    summary.new += new;
    summary.already_there += already_there;
    bad.sort_by_key(|line| line.number);
    Ok(bad)
}

/// Lines of one file that are stored together.
struct Batch {
    file: String,
    /// The numbers of the lines that `records` come from.
    numbers: Vec<u64>,
    records: Vec<Record>,
    bad: Vec<BadLine>,
}

/// Reads and checks lines on a thread of its own, so that the store never waits for it. It ends when nobody takes batches
/// any more.
fn read_ahead(
    inputs: Vec<Input>,
    plan: ImportPlan,
    started: Timestamp,
) -> mpsc::Receiver<Result<Batch, InputFailure>> {
    let (sender, batches) = mpsc::channel(BATCHES_AHEAD);
    std::thread::spawn(move || {
        for mut input in inputs {
            loop {
                let batch = next_batch(&mut input, &plan, started);
                let is_last = batch.as_ref().is_ok_and(|batch| batch.is_last);
                let failed = batch.is_err();
                if sender.blocking_send(batch.map(|read| read.batch)).is_err() || failed {
                    return;
                }
                if is_last {
                    break;
                }
            }
        }
    });
    batches
}

struct ReadBatch {
    batch: Batch,
    is_last: bool,
}

fn next_batch(input: &mut Input, plan: &ImportPlan, started: Timestamp) -> Result<ReadBatch, InputFailure> {
    let mut batch =
        Batch { file: input.name.clone(), numbers: Vec::new(), records: Vec::new(), bad: Vec::new() };
    let mut bytes = 0;
    while batch.numbers.len() + batch.bad.len() < plan.batch_size && bytes < BATCH_BYTES_MAX {
        let Some((number, line)) = input.next_line()? else {
            return Ok(ReadBatch { batch, is_last: true });
        };
        let parsed = match line {
            Line::Text(text) => {
                bytes += text.len();
                parse_line(&text, started)
            }
            Line::Bad(problem) => Err(vec![Fault::new("", problem)]),
        };
        match parsed {
            Ok(record) => {
                batch.numbers.push(number);
                batch.records.push(record);
            }
            Err(faults) => {
                batch.bad.push(BadLine { file: input.name.clone(), number, faults });
                // The rest of the batch will not be stored, so there is no need to read it.
                if plan.on_bad == OnBadRecord::Stop {
                    break;
                }
            }
        }
    }
    Ok(ReadBatch { batch, is_last: false })
}
