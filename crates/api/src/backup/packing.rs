//! Rows into parts, and out of them.

use std::io::{self, BufRead, BufReader, Write};

use bytes::Bytes;
use feed_me_domain::backup::{BackupHead, BackupRows};
use zstd::stream::{read::Decoder, write::Encoder};

use super::manifest::{Part, digest};

/// A part is closed when its rows have so many bytes. Parts are held in memory, a few at a time.
const PART_BYTES: usize = 16 * 1024 * 1024;
/// No part that we write is nearly as large.
pub(super) const PART_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Compresses well at some hundred MiB a second.
const LEVEL: i32 = 3;

/// A part with its bytes.
pub(super) struct Packed {
    pub(super) part: Part,
    pub(super) bytes: Bytes,
}

/// Packs the rows of a backup.
pub(super) struct Packer {
    tables: Vec<String>,
    parts: usize,
    open: Option<Open>,
}

/// A part that takes rows.
struct Open {
    table: usize,
    rows: u64,
    raw_bytes: usize,
    encoder: Encoder<'static, Vec<u8>>,
}

impl Packer {
    pub(super) fn new(head: &BackupHead) -> Self {
        let tables = head.tables.iter().map(|table| table.name.clone()).collect();
        Self { tables, parts: 0, open: None }
    }

    /// Takes rows and gives each part that is closed by them to `closed`.
    pub(super) fn take(
        &mut self,
        rows: &BackupRows,
        mut closed: impl FnMut(Packed) -> io::Result<()>,
    ) -> io::Result<()> {
        if self.open.as_ref().is_some_and(|open| open.table != rows.table || PART_BYTES <= open.raw_bytes)
            && let Some(packed) = self.close()?
        {
            closed(packed)?;
        }
        let open = match &mut self.open {
            Some(open) => open,
            none => none.insert(Open::new(rows.table)?),
        };
        for row in &rows.rows {
            open.encoder.write_all(row.as_bytes())?;
            open.encoder.write_all(b"\n")?;
            open.raw_bytes += row.len() + 1;
        }
        open.rows += rows.rows.len() as u64;
        Ok(())
    }

    /// Closes the last part.
    pub(super) fn close(&mut self) -> io::Result<Option<Packed>> {
        let Some(open) = self.open.take() else { return Ok(None) };
        let table = self.tables.get(open.table).ok_or_else(|| io::Error::other("a row of no table"))?;
        let bytes = open.encoder.finish()?;
        self.parts += 1;
        let part = Part {
            name: format!("{:05}-{table}.ndjson.zst", self.parts),
            table: table.clone(),
            rows: open.rows,
            bytes: bytes.len() as u64,
            sha256: digest(&bytes),
        };
        Ok(Some(Packed { part, bytes: bytes.into() }))
    }
}

impl Open {
    fn new(table: usize) -> io::Result<Self> {
        Ok(Self { table, rows: 0, raw_bytes: 0, encoder: Encoder::new(Vec::new(), LEVEL)? })
    }
}

/// So many rows are given together at most, or so many bytes.
const ROWS_TOGETHER: usize = 1000;
const BYTES_TOGETHER: usize = 512 * 1024;

/// The rows of a part whose bytes are known to be right.
pub(super) struct Unpacker {
    table: usize,
    left: u64,
    lines: BufReader<Decoder<'static, BufReader<io::Cursor<Bytes>>>>,
}

impl Unpacker {
    pub(super) fn new(table: usize, rows: u64, bytes: Bytes) -> io::Result<Self> {
        let decoder = Decoder::new(io::Cursor::new(bytes))?;
        Ok(Self { table, left: rows, lines: BufReader::with_capacity(128 * 1024, decoder) })
    }

    /// The next rows; none where all that the part has to have were given.
    pub(super) fn next(&mut self) -> io::Result<Option<BackupRows>> {
        let (mut rows, mut bytes) = (Vec::new(), 0);
        while rows.len() < ROWS_TOGETHER && bytes < BYTES_TOGETHER {
            let mut row = String::new();
            if self.lines.read_line(&mut row)? == 0 {
                break;
            }
            if row.ends_with('\n') {
                row.pop();
            }
            bytes += row.len();
            rows.push(row);
        }
        let few = || io::Error::other("it has other rows than the manifest says");
        self.left = self.left.checked_sub(rows.len() as u64).ok_or_else(few)?;
        if rows.is_empty() {
            return if self.left == 0 { Ok(None) } else { Err(few()) };
        }
        Ok(Some(BackupRows { table: self.table, rows }))
    }
}
