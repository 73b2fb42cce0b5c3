//! Where a backup is: a folder, or a prefix in a bucket of object storage.

use std::{path::PathBuf, str::FromStr, sync::Arc};

use bytes::Bytes;
use object_store::{
    ObjectStore, ObjectStoreExt, PutPayload, aws::AmazonS3Builder, local::LocalFileSystem, path::Path,
};

/// Where a backup is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A folder of this machine.
    Folder(PathBuf),
    /// S3, or what speaks its protocol. Keys, region and endpoint are those of the usual `AWS_…` variables.
    Bucket {
        /// The bucket.
        name: String,
        /// What the names of all objects begin with, without a slash at its end; may be empty.
        prefix: String,
    },
}

/// Why a place cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PlaceFailure {
    /// The folder cannot be made.
    #[error("the folder {} cannot be made: {reason}", .folder.display())]
    Folder {
        /// Which.
        folder: PathBuf,
        /// Why not.
        reason: std::io::Error,
    },
    /// The storage cannot be reached, or not as it is set up.
    #[error("{place}: {reason}")]
    Storage {
        /// Where.
        place: String,
        /// Why not.
        reason: String,
    },
}

impl FromStr for Place {
    type Err = String;

    /// `s3://bucket/prefix`, or the path of a folder.
    fn from_str(text: &str) -> Result<Self, String> {
        let Some((scheme, rest)) = text.split_once("://") else {
            if text.is_empty() {
                return Err("an empty path is no place for a backup".to_owned());
            }
            return Ok(Self::Folder(text.into()));
        };
        if scheme != "s3" {
            return Err(format!(
                "'{scheme}://' is no place for a backup; there are s3://bucket/prefix and folders"
            ));
        }
        let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_name) {
            return Err(format!("'{name}' is no name of a bucket"));
        }
        Ok(Self::Bucket { name: name.to_owned(), prefix: prefix.trim_matches('/').to_owned() })
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Folder(folder) => folder.display().fmt(f),
            Self::Bucket { name, prefix } => write!(f, "s3://{name}/{prefix}"),
        }
    }
}

impl Place {
    /// Opens it to write into.
    pub(super) fn to_write(&self) -> Result<Storage, PlaceFailure> {
        if let Self::Folder(folder) = self {
            std::fs::create_dir_all(folder)
                .map_err(|reason| PlaceFailure::Folder { folder: folder.clone(), reason })?;
        }
        self.to_read()
    }

    /// Opens it to read.
    pub(super) fn to_read(&self) -> Result<Storage, PlaceFailure> {
        let failed = |error| self.failed(&error);
        let (store, prefix): (Arc<dyn ObjectStore>, Path) = match self {
            Self::Folder(folder) => {
                // What was told to be written must outlive a loss of power.
                let store = LocalFileSystem::new_with_prefix(folder).map_err(failed)?.with_fsync(true);
                (Arc::new(store), Path::default())
            }
            Self::Bucket { name, prefix } => {
                let plain = ["AWS_ENDPOINT_URL", "AWS_ENDPOINT", "AWS_ENDPOINT_URL_S3"]
                    .iter()
                    .any(|name| std::env::var(name).is_ok_and(|url| url.starts_with("http://")));
                let builder = AmazonS3Builder::from_env().with_bucket_name(name).with_allow_http(plain);
                (Arc::new(builder.build().map_err(failed)?), Path::from(prefix.as_str()))
            }
        };
        Ok(Storage { place: self.clone(), store, prefix })
    }

    fn failed(&self, error: &object_store::Error) -> PlaceFailure {
        PlaceFailure::Storage { place: self.to_string(), reason: in_one_line(error) }
    }
}

/// An open place.
#[derive(Clone)]
pub(super) struct Storage {
    place: Place,
    store: Arc<dyn ObjectStore>,
    prefix: Path,
}

impl Storage {
    /// Writes an object, whole or not at all.
    pub(super) async fn put(&self, name: &str, bytes: Bytes) -> Result<(), PlaceFailure> {
        let written = self.store.put(&self.path(name), PutPayload::from_bytes(bytes)).await;
        written.map(|_| ()).map_err(|error| self.place.failed(&error))
    }

    /// An object; none where there is none.
    pub(super) async fn get(&self, name: &str) -> Result<Option<Bytes>, PlaceFailure> {
        let read = async { self.store.get(&self.path(name)).await?.bytes().await };
        match read.await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.place.failed(&error)),
        }
    }

    /// Removes what a failed backup has written. What cannot be removed harms nobody: without its sums it is no backup.
    pub(super) async fn remove(&self, names: &[String]) {
        for name in names {
            if let Err(error) = self.store.delete(&self.path(name)).await {
                tracing::warn!(name, error = in_one_line(&error), "a part of a failed backup is left");
            }
        }
    }

    fn path(&self, name: &str) -> Path {
        self.prefix.clone().join(name)
    }
}

/// The error and its causes. Requests are signed, so no message of theirs holds a key.
fn in_one_line(error: &object_store::Error) -> String {
    let mut told = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let cause_told = cause.to_string();
        if !told.contains(&cause_told) {
            told = format!("{told}: {cause_told}");
        }
        source = cause.source();
    }
    told.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_folder_or_a_bucket() {
        let place = |text: &str| text.parse::<Place>();
        assert_eq!(place("backups/monday"), Ok(Place::Folder("backups/monday".into())));
        let bucket =
            |name: &str, prefix: &str| Place::Bucket { name: name.to_owned(), prefix: prefix.to_owned() };
        assert_eq!(place("s3://feeds"), Ok(bucket("feeds", "")));
        assert_eq!(place("s3://feeds/a/b/"), Ok(bucket("feeds", "a/b")));
        for wrong in ["", "s3://", "s3:///a", "s3://a b/c", "gs://a/b", "http://a/b"] {
            assert!(place(wrong).is_err(), "{wrong}");
        }
    }
}
