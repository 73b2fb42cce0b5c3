//! Rows of a backup, gathered.

use feed_me_domain::backup::BackupRows;

/// So many rows at most are given together.
const ROWS_MAX: usize = 1000;
/// Or so many bytes, and the last row.
const BYTES_MAX: usize = 512 * 1024;

/// Rows of a table until there are enough of them.
pub(crate) struct Batch {
    rows: BackupRows,
    bytes: usize,
}

impl Batch {
    /// Rows of the table of this number.
    pub(crate) fn of(table: usize) -> Self {
        Self { rows: BackupRows { table, rows: Vec::new() }, bytes: 0 }
    }

    /// Takes a row, and gives all where there are enough.
    pub(crate) fn take(&mut self, row: String) -> Option<BackupRows> {
        self.bytes += row.len();
        self.rows.rows.push(row);
        if self.rows.rows.len() < ROWS_MAX && self.bytes < BYTES_MAX { None } else { self.rest() }
    }

    /// Gives what is left.
    pub(crate) fn rest(&mut self) -> Option<BackupRows> {
        self.bytes = 0;
        let rows = std::mem::take(&mut self.rows.rows);
        (!rows.is_empty()).then_some(BackupRows { table: self.rows.table, rows })
    }
}
