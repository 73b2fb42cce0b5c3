//! Backups: all rows as JSON, by PostgreSQL itself, from whatever tables the schema has. No form of a version of
//! PostgreSQL is in it, so that another version takes it.

use std::ops::ControlFlow;

use async_trait::async_trait;
use diesel::{
    Connection,
    connection::SimpleConnection,
    pg::PgConnection,
    prelude::*,
    sql_types::{Array, BigInt, Bool, Text},
};
use feed_me_domain::{
    StoreError,
    backup::{
        BackupColumn, BackupHead, BackupPiece, BackupRows, BackupTable, ColumnKind, IfNotEmpty,
        RestoreRefusal, Restored, in_order_of_references, is_worth_keeping, migrations_of, same_tables,
    },
    ports::{BackupRepository, BackupSink, BackupSource},
};

use super::{
    PgStore,
    errors::{Outcome, PgError},
    migrations::{self, locked, with_session},
    served,
    sql::Sql,
    transfer::Fetch,
};
use crate::batching::Batch;

/// Who uploads what is read, or reads what is written, may be slow.
const PATIENT: &str =
    "set local idle_in_transaction_session_timeout = 0; set local cursor_tuple_fraction = 1";

#[async_trait]
impl BackupRepository for PgStore {
    async fn back_up(&self, mut sink: BackupSink) -> Result<(), StoreError> {
        self.blocking(move |shared, _| {
            with_session(&shared.options.url, |conn| {
                conn.build_transaction().read_only().repeatable_read().run(|conn| {
                    conn.batch_execute(PATIENT)?;
                    back_up(conn, &mut sink).map(|_| ())
                })
            })
        })
        .await
    }

    async fn restore(
        &self,
        head: BackupHead,
        mut source: BackupSource,
        if_not_empty: IfNotEmpty,
    ) -> Result<Restored, StoreError> {
        self.blocking(move |shared, _| {
            locked(&shared.options.url, |conn| {
                let done = conn.transaction(|conn| restore(conn, &head, &mut source, if_not_empty));
                match done {
                    Ok(()) => Ok(Restored::Done),
                    Err(Stop::Refused(refusal)) => Ok(Restored::Refused(refusal)),
                    Err(Stop::BrokenOff(message)) => Ok(Restored::BrokenOff(message)),
                    Err(Stop::Trouble(trouble)) => Err(trouble),
                }
            })
        })
        .await
    }
}

/// Why a restore is rolled back.
enum Stop {
    Refused(RestoreRefusal),
    BrokenOff(String),
    Trouble(PgError),
}

impl From<diesel::result::Error> for Stop {
    fn from(error: diesel::result::Error) -> Self {
        Self::Trouble(error.into())
    }
}

impl From<PgError> for Stop {
    fn from(trouble: PgError) -> Self {
        Self::Trouble(trouble)
    }
}

impl From<RestoreRefusal> for Stop {
    fn from(refusal: RestoreRefusal) -> Self {
        Self::Refused(refusal)
    }
}

fn back_up(conn: &mut PgConnection, sink: &mut BackupSink) -> Outcome<ControlFlow<()>> {
    // Whatever is asked first fixes what all else sees.
    let position = Sql::<BigInt>::new("select position from sequence").get_result(conn)?;
    let (schema, tables) = (migrations::applied_names(conn)?, tables(conn)?);
    let head =
        BackupHead { schema, position, tables: tables.iter().map(|table| table.shape.clone()).collect() };
    if sink(BackupPiece::Head(head)).is_break() {
        return Ok(ControlFlow::Break(()));
    }
    for (number, table) in tables.iter().enumerate() {
        let mut batch = Batch::of(number);
        let rows = format!("select {} from {}", row_of(table), quoted(&table.shape.name));
        conn.batch_execute(&format!("declare exported no scroll cursor for {rows}"))?;
        loop {
            let rows: Vec<String> = Fetch::<Text>::default().load(conn)?;
            if rows.is_empty() {
                break;
            }
            for row in rows {
                if let Some(full) = batch.take(row)
                    && sink(BackupPiece::Rows(full)).is_break()
                {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        conn.batch_execute("close exported")?;
        if let Some(rest) = batch.rest()
            && sink(BackupPiece::Rows(rest)).is_break()
        {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(sink(BackupPiece::End))
}

/// A table, and the types that PostgreSQL has for its columns.
struct PgTable {
    shape: BackupTable,
    types: Vec<String>,
}

impl PgTable {
    fn columns(&self) -> impl Iterator<Item = (&BackupColumn, &str)> {
        self.shape.columns.iter().zip(self.types.iter().map(String::as_str))
    }
}

/// Everything that the schema has, but the list of its migrations.
fn tables(conn: &mut PgConnection) -> Outcome<Vec<PgTable>> {
    let columns: Vec<(String, String, String)> = Sql::<(Text, Text, Text)>::new(
        "select c.relname::text, a.attname::text, format_type(a.atttypid, null)
        from pg_class c join pg_attribute a on a.attrelid = c.oid
        where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
            and c.relname <> '__diesel_schema_migrations'
            and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
        order by c.relname, a.attnum",
    )
    .load(conn)?;
    let references: Vec<(String, String)> = Sql::<(Text, Text)>::new(
        "select f.relname::text, t.relname::text
        from pg_constraint k join pg_class f on f.oid = k.conrelid join pg_class t on t.oid = k.confrelid
        where k.contype = 'f' and f.relnamespace = current_schema()::regnamespace",
    )
    .load(conn)?;
    let mut found: Vec<PgTable> = Vec::new();
    for (name, column, of) in columns {
        let kind = kind_of(&of).ok_or_else(|| {
            PgError::failed(format!("no backup has a form for the type {of} of {name}.{column}"))
        })?;
        if found.last().is_none_or(|table| table.shape.name != name) {
            found.push(PgTable { shape: BackupTable { name, columns: Vec::new() }, types: Vec::new() });
        }
        if let Some(table) = found.last_mut() {
            table.shape.columns.push(BackupColumn { name: column, kind });
            table.types.push(of);
        }
    }
    let shapes = found.iter().map(|table| table.shape.clone()).collect();
    let ordered = in_order_of_references(shapes, &references);
    let place = |table: &PgTable| ordered.iter().position(|shape| shape.name == table.shape.name);
    found.sort_by_key(place);
    Ok(found)
}

fn kind_of(column_type: &str) -> Option<ColumnKind> {
    match column_type {
        "smallint" | "integer" | "bigint" | "boolean" | "timestamp with time zone" => {
            Some(ColumnKind::Integer)
        }
        "text" => Some(ColumnKind::Text),
        "uuid" | "bytea" => Some(ColumnKind::Bytes),
        _ => None,
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The expression for a row as JSON.
fn row_of(table: &PgTable) -> String {
    let cells = table.columns().map(|(column, of)| {
        let name = quoted(&column.name);
        match of {
            "boolean" => format!("{name}::int"),
            // The seconds are numeric, so this is exact.
            "timestamp with time zone" => format!("(extract(epoch from {name}) * 1000000)::bigint"),
            "uuid" => format!("encode(uuid_send({name}), 'hex')"),
            "bytea" => format!("encode({name}, 'hex')"),
            _ => name,
        }
    });
    format!("json_build_array({})::text", cells.collect::<Vec<_>>().join(", "))
}

fn restore(
    conn: &mut PgConnection,
    head: &BackupHead,
    source: &mut BackupSource,
    if_not_empty: IfNotEmpty,
) -> Result<(), Stop> {
    let wanted = migrations_of(&head.schema, &migrations::known_names()?)?;
    conn.batch_execute(PATIENT)?;
    if !served::keep_away(conn)? {
        return Err(RestoreRefusal::Served.into());
    }
    let present = tables(conn)?;
    let all: Vec<String> = present.iter().map(|table| quoted(&table.shape.name)).collect();
    // From here on nobody else reads or writes.
    conn.batch_execute(&format!("lock table {} in access exclusive mode", all.join(", ")))?;
    for table in &present {
        let name = &table.shape.name;
        let has_rows = Sql::<Bool>::new(format!("select exists (select from {})", quoted(name)));
        if if_not_empty == IfNotEmpty::Refuse && is_worth_keeping(name) && has_rows.get_result(conn)? {
            return Err(RestoreRefusal::NotEmpty(name.clone()).into());
        }
    }
    conn.batch_execute(&format!("truncate {}", all.join(", ")))?;
    migrations::run_only(conn, wanted)?;
    let tables = tables(conn)?;
    let all: Vec<String> = tables.iter().map(|table| quoted(&table.shape.name)).collect();
    // What a migration put in.
    conn.batch_execute(&format!("truncate {}", all.join(", ")))?;
    let shapes: Vec<BackupTable> = tables.iter().map(|table| table.shape.clone()).collect();
    same_tables(&head.tables, &shapes)?;
    let inserts: Vec<String> = head.tables.iter().map(|table| insert_of(table, &tables)).collect();
    while let Some(BackupRows { table, rows }) = source().map_err(Stop::BrokenOff)? {
        let insert = inserts.get(table).ok_or_else(|| Stop::BrokenOff("a row of no table".to_owned()))?;
        Sql::<BigInt>::new(insert.clone()).bind::<Array<Text>, _>(rows).execute(conn)?;
    }
    migrations::run_rest(conn)?;
    Ok(())
}

/// Takes rows from an array of texts, each read once.
fn insert_of(table: &BackupTable, database: &[PgTable]) -> String {
    let types = database.iter().find(|known| known.shape.name == table.name);
    let type_of = |column: &BackupColumn| {
        let found = types.and_then(|known| known.columns().find(|(known, _)| *known == column));
        found.map_or("text", |(_, of)| of)
    };
    let cells = table.columns.iter().enumerate().map(|(number, column)| match type_of(column) {
        "boolean" => format!("(cells ->> {number})::int::boolean"),
        // Whole seconds and the rest apart: a number of microseconds may be too large for the factor of an interval.
        "timestamp with time zone" => format!(
            "timestamptz 'epoch' + ((cells ->> {number})::bigint / 1000000) * interval '1 second' \
             + ((cells ->> {number})::bigint % 1000000) * interval '1 microsecond'"
        ),
        "bytea" => format!("decode(cells ->> {number}, 'hex')"),
        of => format!("(cells ->> {number})::{of}"),
    });
    let names = table.columns.iter().map(|column| quoted(&column.name));
    format!(
        "with given as materialized (select line::jsonb as cells from unnest($1) line)
        insert into {} ({}) select {} from given",
        quoted(&table.name),
        names.collect::<Vec<_>>().join(", "),
        cells.collect::<Vec<_>>().join(", ")
    )
}
