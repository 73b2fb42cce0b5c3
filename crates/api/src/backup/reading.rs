//! Restoring: parts are fetched and checked, and the database takes their rows on a thread of its own.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use feed_me_domain::{
    StoreError,
    backup::{BackupRows, IfNotEmpty, RestoreRefusal, Restored},
    ports::{BackupRepository, BackupSource},
};
use tokio::sync::mpsc;

use super::{
    manifest::{MANIFEST, Manifest, Part, SUMS, Unreadable, digest},
    packing::{PART_BYTES_MAX, Unpacker},
    place::{Place, PlaceFailure, Storage},
};
use crate::transfer::progress::Progress;

/// Parts that wait for the database.
const PARTS_AHEAD: usize = 2;

/// What was restored, or found to be good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestoreSummary {
    /// Rows of all tables.
    pub rows: u64,
    /// The position of the last event.
    pub position: i64,
    /// When the backup was begun.
    pub taken_at: String,
    /// How long it took.
    pub took: Duration,
}

impl std::fmt::Display for RestoreSummary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { rows, position, taken_at, took } = self;
        let seconds = took.as_secs_f64();
        write!(f, "{rows} rows as of position {position}, backed up at {taken_at}, in {seconds:.1} s")
    }
}

/// Why nothing was restored. The database is as it was.
#[derive(Debug, thiserror::Error)]
pub enum RestoreFailure {
    /// There is no backup, or none that can be used.
    #[error("{place}: {reason}")]
    Unusable {
        /// Where.
        place: Place,
        /// What is wrong with it.
        reason: String,
    },
    /// It cannot be fetched.
    #[error("cannot fetch: {0}")]
    Place(#[from] PlaceFailure),
    /// The database is not to be restored into.
    #[error("{0}; --replace takes all that is in it away")]
    NotEmpty(RestoreRefusal),
    /// The backup does not fit.
    #[error(transparent)]
    Refused(RestoreRefusal),
    /// The database could not.
    #[error("{0}; the database is as it was")]
    Store(#[from] StoreError),
}

/// Restores a backup, and tells when all of it is in the database.
pub async fn restore(
    database: &dyn BackupRepository,
    place: &Place,
    if_not_empty: IfNotEmpty,
) -> Result<RestoreSummary, RestoreFailure> {
    let (storage, manifest) = opened(place).await?;
    let progress = Arc::new(Mutex::new(Progress::of_rows(Some(manifest.rows()))));
    let (sender, parts) = mpsc::channel(PARTS_AHEAD);
    let source = source(parts, progress.clone());
    let (fetched, restored) = tokio::join!(
        fetch_all(&storage, &manifest, sender),
        database.restore(manifest.head(), source, if_not_empty),
    );
    let took = progress.lock().unwrap_or_else(PoisonError::into_inner).finish();
    // Why no more could be fetched is why the database took nothing.
    fetched.map_err(|failure| failure.at(place))?;
    match restored? {
        Restored::Done => Ok(summary(&manifest, took)),
        Restored::Refused(refusal @ RestoreRefusal::NotEmpty(_)) => Err(RestoreFailure::NotEmpty(refusal)),
        Restored::Refused(refusal) => Err(RestoreFailure::Refused(refusal)),
        Restored::BrokenOff(reason) => Err(RestoreFailure::Unusable { place: place.clone(), reason }),
    }
}

/// Reads all of a backup and tells whether it is whole, without a database.
pub async fn check(place: &Place) -> Result<RestoreSummary, RestoreFailure> {
    let (storage, manifest) = opened(place).await?;
    let progress = Arc::new(Mutex::new(Progress::of_rows(Some(manifest.rows()))));
    let (sender, parts) = mpsc::channel(PARTS_AHEAD);
    let mut source = source(parts, progress.clone());
    let reading = tokio::task::spawn_blocking(move || {
        while let Some(rows) = source()? {
            for row in &rows.rows {
                serde_json::from_str::<Vec<serde::de::IgnoredAny>>(row).map_err(|error| error.to_string())?;
            }
        }
        Ok::<_, String>(())
    });
    let (fetched, read) = tokio::join!(fetch_all(&storage, &manifest, sender), reading);
    let took = progress.lock().unwrap_or_else(PoisonError::into_inner).finish();
    fetched.map_err(|failure| failure.at(place))?;
    let read = read.unwrap_or_else(|error| Err(error.to_string()));
    read.map_err(|reason| RestoreFailure::Unusable { place: place.clone(), reason })?;
    Ok(summary(&manifest, took))
}

fn summary(manifest: &Manifest, took: Duration) -> RestoreSummary {
    let (rows, position, taken_at) = (manifest.rows(), manifest.position, manifest.taken_at.clone());
    RestoreSummary { rows, position, taken_at, took }
}

async fn opened(place: &Place) -> Result<(Storage, Manifest), RestoreFailure> {
    let unusable = |reason: String| RestoreFailure::Unusable { place: place.clone(), reason };
    let nothing = || unusable(Unreadable::Nothing.to_string());
    if let Place::Folder(folder) = place
        && !folder.is_dir()
    {
        return Err(nothing());
    }
    let storage = place.to_read()?;
    let sums = storage.get(SUMS).await?.ok_or_else(nothing)?;
    let json = storage.get(MANIFEST).await?.ok_or_else(nothing)?;
    let manifest = Manifest::read(&json, &sums).map_err(|wrong| unusable(wrong.to_string()))?;
    Ok((storage, manifest))
}

/// Why a part is not to be had.
enum Lost {
    Damaged(String),
    Place(PlaceFailure),
}

impl Lost {
    fn at(self, place: &Place) -> RestoreFailure {
        match self {
            Self::Place(failure) => failure.into(),
            Self::Damaged(what) => RestoreFailure::Unusable {
                place: place.clone(),
                reason: Unreadable::Damaged(what).to_string(),
            },
        }
    }
}

/// A part whose bytes are those that were written, and the number of its table.
struct Fetched {
    part: Part,
    table: usize,
    bytes: Bytes,
}

/// Fetches parts in their order, as long as somebody takes them. None is given before its digest was looked at.
async fn fetch_all(
    storage: &Storage,
    manifest: &Manifest,
    parts: mpsc::Sender<Result<Fetched, ()>>,
) -> Result<(), Lost> {
    for part in &manifest.parts {
        match fetch(storage, manifest, part).await {
            Ok(fetched) => {
                if parts.send(Ok(fetched)).await.is_err() {
                    return Ok(());
                }
            }
            Err(lost) => {
                // Whoever waits for it must not take this for the end.
                let _ = parts.send(Err(())).await;
                return Err(lost);
            }
        }
    }
    Ok(())
}

async fn fetch(storage: &Storage, manifest: &Manifest, part: &Part) -> Result<Fetched, Lost> {
    let damaged = |what: &str| Lost::Damaged(format!("{} {what}", part.name));
    let table = manifest.table_of(part).ok_or_else(|| damaged("is of no table"))?;
    if PART_BYTES_MAX < part.bytes {
        return Err(damaged("is larger than any part"));
    }
    let bytes = storage.get(&part.name).await.map_err(Lost::Place)?.ok_or_else(|| damaged("is missing"))?;
    if bytes.len() as u64 != part.bytes {
        return Err(damaged("has another size than it was written with"));
    }
    if digest(&bytes) != part.sha256 {
        return Err(damaged("is not what was written: its digest is another"));
    }
    Ok(Fetched { part: part.clone(), table, bytes })
}

/// Unpacks what is fetched. It is called on a thread that may block.
fn source(mut parts: mpsc::Receiver<Result<Fetched, ()>>, progress: Arc<Mutex<Progress>>) -> BackupSource {
    let mut open: Option<(String, Unpacker)> = None;
    Box::new(move || {
        loop {
            if let Some((name, unpacker)) = &mut open {
                let rows = unpacker.next().map_err(|error| unreadable(name, &error))?;
                if let Some(rows) = rows {
                    advance(&progress, &rows);
                    return Ok(Some(rows));
                }
            }
            match parts.blocking_recv() {
                None => return Ok(None),
                Some(Err(())) => return Err("a part could not be fetched".to_owned()),
                Some(Ok(Fetched { part, table, bytes })) => {
                    let unpacker = Unpacker::new(table, part.rows, bytes);
                    let unpacker = unpacker.map_err(|error| unreadable(&part.name, &error))?;
                    open = Some((part.name, unpacker));
                }
            }
        }
    })
}

fn unreadable(name: &str, error: &io::Error) -> String {
    Unreadable::Damaged(format!("{name} cannot be read: {error}")).to_string()
}

fn advance(progress: &Mutex<Progress>, rows: &BackupRows) {
    progress.lock().unwrap_or_else(PoisonError::into_inner).advance(rows.rows.len());
}
