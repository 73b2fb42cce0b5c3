//! SQL by hand, where the query builder has no words: loops in a fixed order, row values, JSON as a table.
//!
//! Unlike diesel's `sql_query` and `update`, what is asked here is kept as a prepared statement, and rows are read by position
//! into tuples, their types stated. To prepare the six statements around each commit anew took a quarter of the writer's
//! time, so those are asked here too.

use std::{borrow::Cow, marker::PhantomData};

use diesel::{
    QueryResult, RunQueryDsl, SqliteConnection,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    sql_types::{BigInt, Binary, Nullable, Text},
    sqlite::Sqlite,
};

/// A statement whose rows have the types `ST`. Its text names its binds `?1` to `?9`, each as often as it
/// likes, or takes one after the other by a bare `?`.
pub(super) struct Sql<ST> {
    text: Cow<'static, str>,
    binds: Vec<Bind>,
    types: PhantomData<ST>,
}

/// A value for a place in a statement.
#[derive(Clone, Debug)]
pub(super) enum Bind {
    Number(i64),
    Text(String),
    Blob(Vec<u8>),
    Null,
}

/// A statement that answers rows.
pub(super) fn query<ST>(text: impl Into<Cow<'static, str>>) -> Sql<ST> {
    Sql { text: text.into(), binds: Vec::new(), types: PhantomData }
}

/// A statement that answers none.
pub(super) fn command(text: impl Into<Cow<'static, str>>) -> Sql<BigInt> {
    query(text)
}

impl<ST> Sql<ST> {
    /// The value of the next place.
    #[must_use]
    pub(super) fn bind(mut self, value: impl Into<Bind>) -> Self {
        self.binds.push(value.into());
        self
    }
}

impl<ST> QueryFragment<Sqlite> for Sql<ST> {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        let mut pieces = self.text.split('?');
        pass.push_sql(pieces.next().unwrap_or_default());
        for (number, piece) in pieces.enumerate() {
            let digit = piece.bytes().next().filter(u8::is_ascii_digit);
            let place = digit.map_or(number, |digit| usize::from(digit.wrapping_sub(b'1')));
            match self.binds.get(place) {
                Some(Bind::Number(value)) => pass.push_bind_param::<BigInt, i64>(value)?,
                Some(Bind::Text(value)) => pass.push_bind_param::<Text, str>(value)?,
                Some(Bind::Blob(value)) => pass.push_bind_param::<Binary, [u8]>(value)?,
                Some(Bind::Null) => pass.push_bind_param::<Nullable<BigInt>, Option<i64>>(&None)?,
                None => {
                    let problem = format!("place {} of a statement has no value", place + 1);
                    return Err(diesel::result::Error::QueryBuilderError(problem.into()));
                }
            }
            pass.push_sql(if digit.is_some() { &piece[1..] } else { piece });
        }
        Ok(())
    }
}

impl<ST> QueryId for Sql<ST> {
    type QueryId = ();
    // The text is the key under which the prepared statement is kept.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<ST> Query for Sql<ST> {
    type SqlType = ST;
}

impl<ST> RunQueryDsl<SqliteConnection> for Sql<ST> {}

impl From<i64> for Bind {
    fn from(value: i64) -> Self {
        Self::Number(value)
    }
}

impl From<Option<i64>> for Bind {
    fn from(value: Option<i64>) -> Self {
        value.map_or(Self::Null, Self::Number)
    }
}

impl From<&str> for Bind {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Bind {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<Option<&str>> for Bind {
    fn from(value: Option<&str>) -> Self {
        value.map_or(Self::Null, Self::from)
    }
}

impl From<Option<Vec<u8>>> for Bind {
    fn from(value: Option<Vec<u8>>) -> Self {
        value.map_or(Self::Null, Self::Blob)
    }
}

impl From<Vec<u8>> for Bind {
    fn from(value: Vec<u8>) -> Self {
        Self::Blob(value)
    }
}

/// A number of rows as SQL takes it.
pub(super) fn limit(take: usize) -> i64 {
    i64::try_from(take).unwrap_or(i64::MAX)
}

/// How many rows one statement inserts; what is left over is cut into the smaller sizes, so that all of these stay few
/// and prepared.
const ROWS: [usize; 5] = [100, 30, 10, 3, 1];

/// Inserts many rows by plain binds, in statements of a few fixed sizes.
pub(super) fn insert<const COLUMNS: usize>(
    conn: &mut SqliteConnection,
    into: &str,
    rows: Vec<[Bind; COLUMNS]>,
) -> QueryResult<()> {
    let mut left = rows.len();
    let mut cells = rows.into_iter().flatten();
    let row = format!("({})", vec!["?"; COLUMNS].join(", "));
    for size in ROWS {
        if left < size {
            continue;
        }
        let text = format!("insert into {into} values {}", vec![row.as_str(); size].join(", "));
        while size <= left {
            let mut statement = command(text.clone());
            statement.binds.extend(cells.by_ref().take(size * COLUMNS));
            statement.execute(conn)?;
            left -= size;
        }
    }
    Ok(())
}
