//! Backups: all rows of a database in a folder or in object storage.
//!
//! ```text
//! 00001-users.ndjson.zst        rows of a table, some MiB at a time: a line is a JSON array, a cell for each column
//! 00002-activities.ndjson.zst   …
//! manifest.json                 what it is of, the tables and their columns, and every part with its digest
//! SHA256SUMS                    the digests of all of these, as sha256sum -c reads them; written last
//! ```
//!
//! What has no `SHA256SUMS` is no backup: it was cut off. Parts are compressed by zstd. Nothing in it belongs to one of the
//! databases, so that one's backup is restored into the other ([`feed_me_domain::backup`] says what a cell is).

mod manifest;
mod packing;
mod place;
mod reading;
mod writing;

pub use self::{
    manifest::{FORMAT_VERSION, Manifest, Part},
    place::{Place, PlaceFailure},
    reading::{RestoreFailure, RestoreSummary, check, restore},
    writing::{BackupFailure, BackupSummary, back_up},
};

#[cfg(test)]
mod tests;
