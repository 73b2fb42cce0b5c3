//! What a backup says about itself.

use std::fmt::Write;

use feed_me_domain::{
    Timestamp,
    backup::{BackupColumn, BackupHead, BackupTable, ColumnKind},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The names of what is written last.
pub(super) const MANIFEST: &str = "manifest.json";
pub(super) const SUMS: &str = "SHA256SUMS";
/// What the manifest says that it is of.
const FORMAT: &str = "feed-me backup";
/// The form of backups that this version writes, and the latest that it reads.
pub const FORMAT_VERSION: u32 = 1;

/// What a backup is of and what it is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    format: String,
    version: u32,
    /// The version of feed-me that made it.
    pub made_by: String,
    /// When it was begun, RFC 3339.
    pub taken_at: String,
    /// The position of the last event in it.
    pub position: i64,
    /// The migrations that made the schema.
    pub schema: Vec<String>,
    tables: Vec<TableView>,
    /// The files with the rows, in their order.
    pub parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct TableView {
    name: String,
    columns: Vec<ColumnView>,
    rows: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct ColumnView {
    name: String,
    kind: KindView,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum KindView {
    Integer,
    Text,
    Bytes,
}

/// A file with rows of one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its name.
    pub name: String,
    /// Whose rows.
    pub table: String,
    /// How many.
    pub rows: u64,
    /// The bytes of the file.
    pub bytes: u64,
    /// Their digest.
    pub sha256: String,
}

/// Why something is no backup that can be read here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("there is no backup: {SUMS}, which is written last, is missing")]
    Nothing,
    #[error("the backup is damaged: {0}")]
    Damaged(String),
    #[error("{MANIFEST} is not of a backup of feed-me")]
    Foreign,
    #[error(
        "the backup has the form {found}, and this version of feed-me reads forms up to {FORMAT_VERSION}: restore it with the \
         version that made it, {made_by}, or a later one"
    )]
    Later { found: u32, made_by: String },
}

impl Manifest {
    pub(super) fn new(head: &BackupHead, taken_at: Timestamp, parts: Vec<Part>) -> Self {
        let table = |table: &BackupTable| TableView {
            name: table.name.clone(),
            columns: table.columns.iter().map(ColumnView::of).collect(),
            rows: parts.iter().filter(|part| part.table == table.name).map(|part| part.rows).sum(),
        };
        Self {
            format: FORMAT.to_owned(),
            version: FORMAT_VERSION,
            made_by: env!("CARGO_PKG_VERSION").to_owned(),
            taken_at: taken_at.to_rfc3339(),
            position: head.position,
            schema: head.schema.clone(),
            tables: head.tables.iter().map(table).collect(),
            parts,
        }
    }

    /// All rows.
    pub fn rows(&self) -> u64 {
        self.parts.iter().map(|part| part.rows).sum()
    }

    /// The bytes of all parts.
    pub fn bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.bytes).sum()
    }

    pub(super) fn head(&self) -> BackupHead {
        let table = |table: &TableView| BackupTable {
            name: table.name.clone(),
            columns: table.columns.iter().map(ColumnView::column).collect(),
        };
        BackupHead {
            schema: self.schema.clone(),
            position: self.position,
            tables: self.tables.iter().map(table).collect(),
        }
    }

    /// The number of the table of a part.
    pub(super) fn table_of(&self, part: &Part) -> Option<usize> {
        self.tables.iter().position(|table| table.name == part.table)
    }

    pub(super) fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut json = serde_json::to_vec_pretty(self)?;
        json.push(b'\n');
        Ok(json)
    }

    /// The digests of everything, as `sha256sum` writes them.
    pub(super) fn sums(&self, json: &[u8]) -> String {
        let parts = self.parts.iter().map(|part| format!("{}  {}", part.sha256, part.name));
        let lines: Vec<String> = parts.chain([format!("{}  {MANIFEST}", digest(json))]).collect();
        lines.join("\n") + "\n"
    }

    /// Reads a manifest that belongs to these sums.
    pub(super) fn read(json: &[u8], sums: &[u8]) -> Result<Self, Unreadable> {
        // What it is stands in a form that will not change; the rest only where that is known.
        #[derive(Deserialize)]
        struct Name {
            format: String,
            version: u32,
            made_by: String,
        }
        let name: Name = serde_json::from_slice(json).map_err(|_| Unreadable::Foreign)?;
        if name.format != FORMAT {
            return Err(Unreadable::Foreign);
        }
        let sum = format!("{}  {MANIFEST}", digest(json));
        if !sums.split(|byte| *byte == b'\n').any(|line| line == sum.as_bytes()) {
            return Err(Unreadable::Damaged(format!("{MANIFEST} is not what {SUMS} says")));
        }
        if FORMAT_VERSION < name.version {
            return Err(Unreadable::Later { found: name.version, made_by: name.made_by });
        }
        let manifest: Self = serde_json::from_slice(json)
            .map_err(|error| Unreadable::Damaged(format!("{MANIFEST} cannot be read: {error}")))?;
        if let Some(part) = manifest.parts.iter().find(|part| manifest.table_of(part).is_none()) {
            return Err(Unreadable::Damaged(format!("{} is of no table of {MANIFEST}", part.name)));
        }
        Ok(manifest)
    }
}

impl ColumnView {
    fn of(column: &BackupColumn) -> Self {
        let kind = match column.kind {
            ColumnKind::Integer => KindView::Integer,
            ColumnKind::Text => KindView::Text,
            ColumnKind::Bytes => KindView::Bytes,
        };
        Self { name: column.name.clone(), kind }
    }

    fn column(&self) -> BackupColumn {
        let kind = match self.kind {
            KindView::Integer => ColumnKind::Integer,
            KindView::Text => ColumnKind::Text,
            KindView::Bytes => ColumnKind::Bytes,
        };
        BackupColumn { name: self.name.clone(), kind }
    }
}

/// SHA-256 in hexadecimal digits.
pub(super) fn digest(bytes: &[u8]) -> String {
    // Writing to a string does not fail.
    Sha256::digest(bytes).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
