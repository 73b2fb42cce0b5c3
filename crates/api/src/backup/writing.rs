//! Backing up: the database gives rows on a thread of its own, which packs them; parts are stored meanwhile.

use std::{
    io,
    ops::ControlFlow,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use feed_me_domain::{
    StoreError, Timestamp,
    backup::{BackupHead, BackupPiece},
    ports::{BackupRepository, BackupSink},
};
use tokio::sync::mpsc;

use super::{
    manifest::{MANIFEST, Manifest, Part, SUMS},
    packing::{Packed, Packer},
    place::{Place, PlaceFailure, Storage},
};
use crate::transfer::progress::Progress;

/// Parts that wait to be stored.
const PARTS_AHEAD: usize = 2;

/// What was backed up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupSummary {
    /// Rows of all tables.
    pub rows: u64,
    /// Tables.
    pub tables: usize,
    /// Bytes of all parts.
    pub bytes: u64,
    /// The position of the last event in it.
    pub position: i64,
    /// How long it took.
    pub took: Duration,
}

impl std::fmt::Display for BackupSummary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { rows, tables, bytes, position, took } = self;
        let seconds = took.as_secs_f64();
        write!(
            f,
            "backed up {rows} rows of {tables} tables as of position {position} in {bytes} bytes, in {seconds:.1} s"
        )
    }
}

/// Why there is no backup. What was written of it is removed again.
#[derive(Debug, thiserror::Error)]
pub enum BackupFailure {
    /// There is one already.
    #[error("there is a backup in {0} already; each needs a place of its own")]
    Taken(Place),
    /// It cannot be stored.
    #[error("cannot store: {0}")]
    Place(#[from] PlaceFailure),
    /// It cannot be packed.
    #[error("cannot pack: {0}")]
    Pack(#[from] io::Error),
    /// The database could not.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The database gave no end.
    #[error("the database gave less than everything")]
    NoEnd,
}

/// Backs everything up. A server may go on meanwhile.
pub async fn back_up(
    database: &dyn BackupRepository,
    place: &Place,
    taken_at: Timestamp,
) -> Result<BackupSummary, BackupFailure> {
    let storage = place.to_write()?;
    for name in [MANIFEST, SUMS] {
        if storage.get(name).await?.is_some() {
            return Err(BackupFailure::Taken(place.clone()));
        }
    }
    let (sender, parts) = mpsc::channel(PARTS_AHEAD);
    let packing = Arc::new(Mutex::new(Packing::default()));
    let mut stored = Stored::default();
    let (given, kept) =
        tokio::join!(database.back_up(sink(packing.clone(), sender)), stored.take(&storage, parts),);
    let packing = std::mem::take(&mut *packing.lock().unwrap_or_else(PoisonError::into_inner));
    let head = match (kept, given, packing.failure) {
        // Where nothing can be stored any more, the database was told to end.
        (Err(failure), ..) => Err(failure.into()),
        (_, Err(failure), _) => Err(failure.into()),
        (.., Some(failure)) => Err(failure.into()),
        _ => packing.head.filter(|_| packing.is_whole).ok_or(BackupFailure::NoEnd),
    };
    let finished = match head {
        Ok(head) => finish(&storage, &head, taken_at, &mut stored).await,
        Err(failure) => Err(failure),
    };
    let took = packing.progress.finish();
    match finished {
        Ok(summary) => Ok(BackupSummary { took, ..summary }),
        Err(failure) => {
            storage.remove(&stored.names).await;
            Err(failure)
        }
    }
}

/// Writes what makes parts a backup.
async fn finish(
    storage: &Storage,
    head: &BackupHead,
    taken_at: Timestamp,
    stored: &mut Stored,
) -> Result<BackupSummary, BackupFailure> {
    let manifest = Manifest::new(head, taken_at, std::mem::take(&mut stored.parts));
    let json = manifest.to_json().map_err(io::Error::from)?;
    let sums = manifest.sums(&json);
    for (name, bytes) in [(MANIFEST, json), (SUMS, sums.into_bytes())] {
        stored.names.push(name.to_owned());
        storage.put(name, bytes.into()).await?;
    }
    Ok(BackupSummary {
        rows: manifest.rows(),
        tables: head.tables.len(),
        bytes: manifest.bytes(),
        position: head.position,
        took: Duration::ZERO,
    })
}

/// What is stored.
#[derive(Default)]
struct Stored {
    parts: Vec<Part>,
    /// All that was begun.
    names: Vec<String>,
}

impl Stored {
    /// Stores parts as they come. Where it fails it takes no more, and who gives them ends.
    async fn take(
        &mut self,
        storage: &Storage,
        mut parts: mpsc::Receiver<Packed>,
    ) -> Result<(), PlaceFailure> {
        while let Some(Packed { part, bytes }) = parts.recv().await {
            self.names.push(part.name.clone());
            storage.put(&part.name, bytes).await?;
            self.parts.push(part);
        }
        Ok(())
    }
}

/// What is known of a backup while the database gives it.
struct Packing {
    head: Option<BackupHead>,
    packer: Option<Packer>,
    is_whole: bool,
    failure: Option<io::Error>,
    progress: Progress,
}

impl Default for Packing {
    fn default() -> Self {
        Self { head: None, packer: None, is_whole: false, failure: None, progress: Progress::of_rows(None) }
    }
}

/// Packs what the database gives. It is called on a thread that may block.
fn sink(packing: Arc<Mutex<Packing>>, parts: mpsc::Sender<Packed>) -> BackupSink {
    Box::new(move |piece| {
        let mut packing = packing.lock().unwrap_or_else(PoisonError::into_inner);
        match packing.take(piece, &parts) {
            Ok(()) => ControlFlow::Continue(()),
            Err(failure) => {
                packing.failure = Some(failure);
                ControlFlow::Break(())
            }
        }
    })
}

impl Packing {
    fn take(&mut self, piece: BackupPiece, parts: &mpsc::Sender<Packed>) -> io::Result<()> {
        let send = |packed| {
            parts.blocking_send(packed).map_err(|_| io::Error::other("nobody stores parts any more"))
        };
        match piece {
            BackupPiece::Head(head) => {
                self.packer = Some(Packer::new(&head));
                self.head = Some(head);
            }
            BackupPiece::Rows(rows) => {
                let packer =
                    self.packer.as_mut().ok_or_else(|| io::Error::other("rows before their tables"))?;
                packer.take(&rows, send)?;
                self.progress.advance(rows.rows.len());
            }
            BackupPiece::End => {
                let last = self.packer.as_mut().map(Packer::close).transpose()?.flatten();
                last.map_or(Ok(()), send)?;
                self.is_whole = true;
            }
        }
        Ok(())
    }
}
