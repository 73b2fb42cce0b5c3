//! Backups: every row of a database, in a form that belongs to no database.
//!
//! A row is a JSON array with a cell for each column of its table: a whole number, a string, or `null`. Bytes and ids are
//! strings of hexadecimal digits, times are microseconds since 1970, truths are 0 and 1. So what one database gave another
//! takes, as long as both have the same schema, and a table that a later migration makes needs no word here.

use std::collections::BTreeSet;

/// What the cells of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    /// Whole numbers: counts, keys, truths, times in microseconds.
    Integer,
    /// Texts.
    Text,
    /// Bytes, in hexadecimal digits.
    Bytes,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupColumn {
    /// Its name.
    pub name: String,
    /// What its cells are.
    pub kind: ColumnKind,
}

/// A table of a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupTable {
    /// Its name.
    pub name: String,
    /// Its columns, in the order of the cells of a row.
    pub columns: Vec<BackupColumn>,
}

/// What a backup is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupHead {
    /// The migrations that made the schema, in order.
    pub schema: Vec<String>,
    /// The position of the last event.
    pub position: i64,
    /// All tables; none refers to one after it.
    pub tables: Vec<BackupTable>,
}

/// Rows of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupRows {
    /// The number of the table in [`BackupHead::tables`].
    pub table: usize,
    /// The rows, each a JSON array.
    pub rows: Vec<String>,
}

/// What a backup is made of, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackupPiece {
    /// The first: what comes.
    Head(BackupHead),
    /// Rows, table after table.
    Rows(BackupRows),
    /// The last: there is no more.
    End,
}

/// What becomes of what the database holds already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfNotEmpty {
    /// It stays, and nothing is restored.
    Refuse,
    /// It goes.
    Replace,
}

/// What became of a restore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Restored {
    /// The database is what the backup was of, and its schema is the present one.
    Done,
    /// It was not begun. The database is as it was.
    Refused(RestoreRefusal),
    /// The rows came to no good end. The database is as it was.
    BrokenOff(String),
}

/// Why a restore is not begun.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestoreRefusal {
    /// What servers hold in memory would differ from the database.
    #[error("the database is served; stop all of its servers first")]
    Served,
    /// There is something to lose.
    #[error("the database is not empty: the table '{0}' has rows")]
    NotEmpty(String),
    /// The backup was made by a later version.
    #[error("the backup is of a later version, which has migrations that are unknown here: {0}")]
    LaterSchema(String),
    /// The backup is of a schema that never was.
    #[error("the schema of the backup lacks the migration {0}, which came before others that it has")]
    OtherSchema(String),
    /// The schema is the same and the tables are not.
    #[error("the backup and the database differ in the columns of the table '{0}'")]
    OtherColumns(String),
}

/// Tables that have rows before anybody used the database: its counters, and keys that a server makes at its first start.
/// A backup brings them along; they alone are no reason to refuse one.
const OWN_ROWS: [&str; 2] = ["sequence", "secrets"];

/// Whether rows of a table are something to lose.
pub fn is_worth_keeping(table: &str) -> bool {
    !OWN_ROWS.contains(&table)
}

/// How many of the migrations `known` here make the schema of a backup.
pub fn migrations_of(schema: &[String], known: &[String]) -> Result<usize, RestoreRefusal> {
    let later: Vec<&str> = schema.iter().filter(|name| !known.contains(name)).map(String::as_str).collect();
    if !later.is_empty() {
        return Err(RestoreRefusal::LaterSchema(later.join(", ")));
    }
    let lacked = known.iter().take(schema.len()).find(|name| !schema.contains(name));
    lacked.map_or(Ok(schema.len()), |name| Err(RestoreRefusal::OtherSchema(name.clone())))
}

/// Fails where a database with the schema of a backup has other tables than it. The order of columns does not matter.
pub fn same_tables(backup: &[BackupTable], database: &[BackupTable]) -> Result<(), RestoreRefusal> {
    fn shape(table: &BackupTable) -> (&str, BTreeSet<(&str, u8)>) {
        let columns = table.columns.iter().map(|column| (column.name.as_str(), column.kind as u8));
        (&table.name, columns.collect())
    }
    for (ours, theirs) in [(backup, database), (database, backup)] {
        let theirs: Vec<_> = theirs.iter().map(shape).collect();
        if let Some(odd) = ours.iter().find(|table| !theirs.contains(&shape(table))) {
            return Err(RestoreRefusal::OtherColumns(odd.name.clone()));
        }
    }
    Ok(())
}

/// Tables so that none refers to one after it; those that refer to each other keep their order. `references` are pairs of
/// who refers and to whom.
pub fn in_order_of_references(
    mut tables: Vec<BackupTable>,
    references: &[(String, String)],
) -> Vec<BackupTable> {
    let mut ordered: Vec<BackupTable> = Vec::with_capacity(tables.len());
    while !tables.is_empty() {
        let is_free = |table: &BackupTable| {
            references.iter().all(|(from, to)| {
                from != &table.name || to == from || !tables.iter().any(|waiting| &waiting.name == to)
            })
        };
        let next = tables.iter().position(is_free).unwrap_or(0);
        ordered.push(tables.remove(next));
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str, columns: &[(&str, ColumnKind)]) -> BackupTable {
        let columns = columns.iter().map(|&(name, kind)| BackupColumn { name: name.to_owned(), kind });
        BackupTable { name: name.to_owned(), columns: columns.collect() }
    }

    fn names(of: &[&str]) -> Vec<String> {
        of.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn a_schema_is_the_first_of_the_migrations_or_refused() {
        let known = names(&["1", "2", "3"]);
        assert_eq!(migrations_of(&known, &known), Ok(3));
        assert_eq!(migrations_of(&names(&["1"]), &known), Ok(1));
        assert_eq!(migrations_of(&names(&["1", "3"]), &known), Err(RestoreRefusal::OtherSchema("2".into())));
        assert_eq!(
            migrations_of(&names(&["1", "2", "3", "4", "5"]), &known),
            Err(RestoreRefusal::LaterSchema("4, 5".into()))
        );
    }

    #[test]
    fn tables_are_the_same_in_any_order_of_columns_and_no_other() {
        use ColumnKind::{Bytes, Integer, Text};
        let ours = [table("a", &[("x", Integer), ("y", Text)])];
        assert_eq!(same_tables(&ours, &[table("a", &[("y", Text), ("x", Integer)])]), Ok(()));
        for other in [
            vec![table("a", &[("x", Integer)])],
            vec![table("a", &[("x", Integer), ("y", Bytes)])],
            vec![table("a", &[("x", Integer), ("y", Text), ("z", Text)])],
            vec![],
        ] {
            assert_eq!(same_tables(&ours, &other), Err(RestoreRefusal::OtherColumns("a".into())));
            assert_eq!(same_tables(&other, &ours), Err(RestoreRefusal::OtherColumns("a".into())));
        }
    }

    #[test]
    fn who_refers_comes_after_whom_they_refer_to() {
        let tables = ["c", "b", "a", "self", "x", "y"].map(|name| table(name, &[])).to_vec();
        let references = [("c", "b"), ("b", "a"), ("c", "a"), ("self", "self"), ("x", "y"), ("y", "x")]
            .map(|(from, to)| (from.to_owned(), to.to_owned()));
        let ordered = in_order_of_references(tables, &references);
        let ordered: Vec<_> = ordered.iter().map(|table| table.name.as_str()).collect();
        assert_eq!(ordered, ["a", "b", "c", "self", "x", "y"]);
    }

    #[test]
    fn counters_and_own_keys_alone_are_nothing_to_lose() {
        assert!(is_worth_keeping("users") && is_worth_keeping("application_keys"));
        assert!(!is_worth_keeping("sequence") && !is_worth_keeping("secrets"));
    }
}
