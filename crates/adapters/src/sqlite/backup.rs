//! Backups: all rows as JSON, by SQLite itself, from whatever tables the schema has.

use std::ops::ControlFlow;

use async_trait::async_trait;
use diesel::{
    Connection, SqliteConnection,
    connection::{DefaultLoadingMode, SimpleConnection},
    prelude::*,
    sql_types::{BigInt, Text},
};
use feed_me_domain::{
    backup::{
        BackupColumn, BackupHead, BackupPiece, BackupRows, BackupTable, ColumnKind, IfNotEmpty,
        RestoreRefusal, Restored, in_order_of_references, is_worth_keeping, migrations_of, same_tables,
    },
    error::StoreError,
    ports::{BackupRepository, BackupSink, BackupSource},
};

use super::{
    SqliteStore,
    errors::Trouble,
    events, migrations,
    sql::{command, query},
};
use crate::batching::Batch;

#[async_trait]
impl BackupRepository for SqliteStore {
    /// One read transaction: the WAL keeps what it sees, so the file beside the database grows until it ends.
    async fn back_up(&self, mut sink: BackupSink) -> Result<(), StoreError> {
        self.read(move |conn| conn.transaction(|conn| back_up(conn, &mut sink).map(|_| ()))).await
    }

    async fn restore(
        &self,
        head: BackupHead,
        mut source: BackupSource,
        if_not_empty: IfNotEmpty,
    ) -> Result<Restored, StoreError> {
        let restored = self
            .writer
            .run_bare(move |conn| {
                let done = conn.immediate_transaction(|conn| {
                    restore(conn, &head, &mut source, if_not_empty)?;
                    Ok::<_, Stop>(())
                });
                match done {
                    Ok(()) => Ok(Restored::Done),
                    Err(Stop::Refused(refusal)) => Ok(Restored::Refused(refusal)),
                    Err(Stop::BrokenOff(message)) => Ok(Restored::BrokenOff(message)),
                    Err(Stop::Trouble(trouble)) => Err(trouble),
                }
            })
            .await?;
        Ok(restored)
    }
}

/// Why a restore is rolled back.
enum Stop {
    Refused(RestoreRefusal),
    BrokenOff(String),
    Trouble(Trouble),
}

impl From<diesel::result::Error> for Stop {
    fn from(error: diesel::result::Error) -> Self {
        Self::Trouble(error.into())
    }
}

impl From<Trouble> for Stop {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

impl From<RestoreRefusal> for Stop {
    fn from(refusal: RestoreRefusal) -> Self {
        Self::Refused(refusal)
    }
}

fn back_up(conn: &mut SqliteConnection, sink: &mut BackupSink) -> Result<ControlFlow<()>, Trouble> {
    // Whatever is asked first fixes what all else sees.
    let head = BackupHead {
        position: events::counters(conn)?.position,
        schema: migrations::applied_names(conn)?,
        tables: tables(conn)?,
    };
    let tables = head.tables.clone();
    if sink(BackupPiece::Head(head)).is_break() {
        return Ok(ControlFlow::Break(()));
    }
    for (number, table) in tables.iter().enumerate() {
        let mut batch = Batch::of(number);
        let rows = query::<Text>(format!("select {} from \"{}\"", row_of(table), table.name));
        for row in rows.load_iter::<String, DefaultLoadingMode>(conn)? {
            if let Some(full) = batch.take(row?)
                && sink(BackupPiece::Rows(full)).is_break()
            {
                return Ok(ControlFlow::Break(()));
            }
        }
        if let Some(rest) = batch.rest()
            && sink(BackupPiece::Rows(rest)).is_break()
        {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(sink(BackupPiece::End))
}

/// Everything that the schema has, but the list of its migrations.
fn tables(conn: &mut SqliteConnection) -> Result<Vec<BackupTable>, Trouble> {
    let names: Vec<String> = query::<Text>(
        "select name from sqlite_schema where type = 'table' and name not glob 'sqlite_*' \
         and name <> '__diesel_schema_migrations' order by name",
    )
    .load(conn)?;
    let (mut tables, mut references) = (Vec::new(), Vec::new());
    for name in names {
        let columns: Vec<(String, String)> = query::<(Text, Text)>(
            "select name, type from pragma_table_xinfo(?1) where hidden = 0 order by cid",
        )
        .bind(name.as_str())
        .load(conn)?;
        let column = |(column, of): (String, String)| {
            let kind = kind_of(&of).ok_or_else(|| {
                let problem = format!("no backup has a form for the type {of} of {name}.{column}");
                Trouble::Store(StoreError::Failed(problem))
            })?;
            Ok(BackupColumn { name: column, kind })
        };
        let columns = columns.into_iter().map(column).collect::<Result<_, Trouble>>()?;
        let referred: Vec<String> = query::<Text>("select \"table\" from pragma_foreign_key_list(?1)")
            .bind(name.as_str())
            .load(conn)?;
        references.extend(referred.into_iter().map(|to| (name.clone(), to)));
        tables.push(BackupTable { name, columns });
    }
    Ok(in_order_of_references(tables, &references))
}

fn kind_of(column_type: &str) -> Option<ColumnKind> {
    match column_type.to_ascii_lowercase().as_str() {
        "integer" => Some(ColumnKind::Integer),
        "text" => Some(ColumnKind::Text),
        "blob" => Some(ColumnKind::Bytes),
        _ => None,
    }
}

/// The expression for a row as JSON.
fn row_of(table: &BackupTable) -> String {
    let cells = table.columns.iter().map(|BackupColumn { name, kind }| match kind {
        ColumnKind::Integer | ColumnKind::Text => format!("\"{name}\""),
        // hex() of nothing would be an empty text.
        ColumnKind::Bytes => format!("iif(\"{name}\" is null, null, lower(hex(\"{name}\")))"),
    });
    format!("json_array({})", cells.collect::<Vec<_>>().join(", "))
}

fn restore(
    conn: &mut SqliteConnection,
    head: &BackupHead,
    source: &mut BackupSource,
    if_not_empty: IfNotEmpty,
) -> Result<(), Stop> {
    let wanted = migrations_of(&head.schema, &migrations::known_names()?)?;
    // Rows come table by table; whether all that they refer to is there is asked at the commit.
    conn.batch_execute("pragma defer_foreign_keys = on")?;
    let present = tables(conn)?;
    for table in &present {
        let name = &table.name;
        let has_rows = format!("select exists (select 1 from \"{name}\")");
        if if_not_empty == IfNotEmpty::Refuse
            && is_worth_keeping(name)
            && query::<BigInt>(has_rows).get_result::<i64>(conn)? != 0
        {
            return Err(RestoreRefusal::NotEmpty(name.clone()).into());
        }
    }
    for table in present.iter().rev() {
        command(format!("delete from \"{}\"", table.name)).execute(conn)?;
    }
    migrations::run_only(conn, wanted)?;
    let tables = tables(conn)?;
    for table in &tables {
        // What a migration put in.
        command(format!("delete from \"{}\"", table.name)).execute(conn)?;
    }
    same_tables(&head.tables, &tables)?;
    let inserts: Vec<String> = head.tables.iter().map(insert_of).collect();
    while let Some(BackupRows { table, rows }) = source().map_err(Stop::BrokenOff)? {
        let insert = inserts.get(table).ok_or_else(|| Stop::BrokenOff("a row of no table".to_owned()))?;
        command(insert.clone()).bind(format!("[{}]", rows.join(","))).execute(conn)?;
    }
    migrations::run_rest(conn)?;
    Ok(())
}

/// Takes rows from one JSON array of them.
fn insert_of(table: &BackupTable) -> String {
    let names = table.columns.iter().map(|column| format!("\"{}\"", column.name));
    let cells = table.columns.iter().enumerate().map(|(number, column)| match column.kind {
        ColumnKind::Integer | ColumnKind::Text => format!("value ->> {number}"),
        ColumnKind::Bytes => format!("unhex(value ->> {number})"),
    });
    format!(
        "insert into \"{}\" ({}) select {} from json_each(?1)",
        table.name,
        names.collect::<Vec<_>>().join(", "),
        cells.collect::<Vec<_>>().join(", ")
    )
}
