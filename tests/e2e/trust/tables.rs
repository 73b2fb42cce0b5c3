use std::time::{Duration, Instant};

use diesel::{
    Connection, PgConnection, QueryableByName, RunQueryDsl, SqliteConnection, sql_query,
    sql_types::{BigInt, Nullable, Text},
};

/// The database of a server, looked at past the server.
pub(super) enum Tables {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// A row of the log of changes.
#[derive(Debug, QueryableByName)]
pub(super) struct Logged {
    #[diesel(sql_type = BigInt)]
    pub(super) position: i64,
    #[diesel(sql_type = Text)]
    pub(super) kind: String,
    #[diesel(sql_type = Nullable<Text>)]
    pub(super) activity: Option<String>,
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    text: String,
}

impl Tables {
    /// Of the database that a URL names.
    pub(super) fn of(url: &str) -> Self {
        match url.strip_prefix("sqlite://") {
            Some(path) => Self::Sqlite(SqliteConnection::establish(path).unwrap()),
            None => Self::Postgres(PgConnection::establish(url).unwrap()),
        }
    }

    /// The lines of a column named `text`.
    pub(super) fn lines(&mut self, query: &str) -> Vec<String> {
        let lines: Result<Vec<Line>, _> = match self {
            Self::Sqlite(connection) => sql_query(query).load(connection),
            Self::Postgres(connection) => sql_query(query).load(connection),
        };
        let lines = lines.unwrap_or_else(|error| panic!("{query}: {error}"));
        lines.into_iter().map(|line| line.text).collect()
    }

    /// The log of changes, in order. Ids of activities are 32 hexadecimal digits.
    pub(super) fn log(&mut self) -> Vec<Logged> {
        match self {
            Self::Sqlite(connection) => {
                let query = "select position, kind, nullif(lower(hex(activity)), '') as activity from events order by position";
                sql_query(query).load(connection).unwrap()
            }
            Self::Postgres(connection) => {
                let query = "select position, kind, replace(activity::text, '-', '') as activity from events \
                             order by position";
                sql_query(query).load(connection).unwrap()
            }
        }
    }

    /// The positions of the log are 1, 2, 3, … and the counter says the last one.
    #[track_caller]
    pub(super) fn assert_log_is_dense(&mut self) {
        let positions: Vec<i64> = self.log().iter().map(|row| row.position).collect();
        let first_gap = positions.iter().zip(1..).find(|(position, wanted)| **position != *wanted);
        assert_eq!(first_gap, None, "the log has a gap");
        let last = positions.last().copied().unwrap_or(0).to_string();
        assert_eq!(self.lines("select cast(position as text) as text from sequence"), [last]);
    }

    /// SQLite finds nothing wrong in its own file, and no row refers to one that is not there.
    #[track_caller]
    pub(super) fn assert_whole(&mut self) {
        if matches!(self, Self::Postgres(_)) {
            return;
        }
        let found = self.lines("select integrity_check as text from pragma_integrity_check");
        assert_eq!(found, ["ok"]);
        let found = self.lines("select \"table\" || ' -> ' || parent as text from pragma_foreign_key_check");
        assert!(found.is_empty(), "rows refer to what is not there: {found:?}");
    }

    /// Every row of every table, as text that names its table; bytes are hexadecimal. What the schema holds is asked of
    /// the database, so that a table added later is read too.
    pub(super) fn everything(&mut self) -> Vec<String> {
        let names = match self {
            Self::Sqlite(_) => {
                "select name as text from sqlite_master where type = 'table' and name not like 'sqlite_%'"
            }
            Self::Postgres(_) => {
                "select quote_ident(table_schema) || '.' || quote_ident(table_name) as text \
                 from information_schema.tables where table_type = 'BASE TABLE' \
                 and table_schema not in ('pg_catalog', 'information_schema')"
            }
        };
        let names = self.lines(names);
        assert!(10 < names.len(), "{names:?}");
        let rows = |table: &String| self.rows(table);
        names.iter().flat_map(rows).collect()
    }

    fn rows(&mut self, table: &str) -> Vec<String> {
        if matches!(self, Self::Postgres(_)) {
            return self.lines(&format!("select '{table}: ' || to_jsonb(t)::text as text from {table} t"));
        }
        let columns = self.lines(&format!("select name as text from pragma_table_xinfo('{table}')"));
        let shown = |column: &String| {
            format!(
                "case typeof(\"{column}\") when 'blob' then hex(\"{column}\") else coalesce(\"{column}\", '') end"
            )
        };
        let columns: Vec<_> = columns.iter().map(shown).collect();
        self.lines(&format!(
            "select '{table}: ' || {} as text from \"{table}\"",
            columns.join(" || ' | ' || ")
        ))
    }

    /// Waits until no connection of a server that was killed is left: what it sent last may still be carried out.
    pub(super) fn wait_until_alone(&mut self) {
        if matches!(self, Self::Sqlite(_)) {
            return;
        }
        let others = "select pid::text as text from pg_stat_activity where datname = current_database() \
                      and pid <> pg_backend_pid() and backend_type = 'client backend'";
        let begun = Instant::now();
        while !self.lines(others).is_empty() {
            assert!(begun.elapsed() < Duration::from_secs(20), "connections of a dead server stay");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
