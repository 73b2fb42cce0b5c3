use std::{
    ffi::OsString,
    fs::{File, TryLockError},
    path::{Path, PathBuf},
};

/// Held by the process that serves a database.
#[derive(Debug)]
pub struct ServingLock {
    _file: File,
}

/// Another process serves the database, or it cannot be known.
#[derive(Debug, thiserror::Error)]
pub enum AlreadyServed {
    /// Another process holds the lock.
    #[error("the database {} is served by another process, which holds {}", .database.display(), .lock.display())]
    Held {
        /// The database.
        database: PathBuf,
        /// The file that is locked.
        lock: PathBuf,
    },
    /// The file cannot be made or locked.
    #[error("the file {} cannot be locked: {reason}", .lock.display())]
    Failed {
        /// The file to lock.
        lock: PathBuf,
        /// Why not.
        reason: std::io::Error,
    },
}

impl ServingLock {
    /// The lock is the operating system's, so that it ends with the process, however that ends.
    pub(super) fn take(database: &Path) -> Result<Self, AlreadyServed> {
        let lock = beside(database, ".lock");
        let file = opened(&lock).map_err(|reason| AlreadyServed::Failed { lock: lock.clone(), reason })?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(AlreadyServed::Held { database: database.to_owned(), lock }),
            Err(TryLockError::Error(reason)) => Err(AlreadyServed::Failed { lock, reason }),
        }
    }
}

/// Waits until no other process migrates the database; the lock ends with the file that is answered.
pub(super) fn wait_to_migrate(database: &Path) -> std::io::Result<File> {
    let file = opened(&beside(database, ".migrating"))?;
    file.lock()?;
    Ok(file)
}

fn opened(path: &Path) -> std::io::Result<File> {
    File::options().create(true).truncate(false).write(true).open(path)
}

fn beside(database: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(database);
    name.push(ending);
    PathBuf::from(name)
}
