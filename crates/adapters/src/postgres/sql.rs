//! SQL texts that diesel prepares once a session.
//!
//! The feeds, and all that writes many rows at once, are beyond diesel's query builder, and `sql_query` is parsed and
//! planned anew each time. [`Sql`] is a text with values that takes part in the cache of prepared statements.

use std::marker::PhantomData;

use diesel::{
    pg::{Pg, PgConnection},
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    query_dsl::RunQueryDsl,
    result::QueryResult,
    serialize::ToSql,
    sql_types::{HasSqlType, SingleValue},
};

/// A statement whose rows have the type `ST`. `$1` in the text is the first value bound, `$2` the second; a value may
/// stand in several places, or in none.
pub(super) struct Sql<'a, ST> {
    text: String,
    values: Vec<Box<dyn QueryFragment<Pg> + Send + 'a>>,
    rows: PhantomData<ST>,
}

impl<'a, ST> Sql<'a, ST> {
    /// A statement without values yet.
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), values: Vec::new(), rows: PhantomData }
    }

    /// Binds the next value.
    pub(super) fn bind<T, U>(mut self, value: U) -> Self
    where
        Pg: HasSqlType<T>,
        T: SingleValue + Send + 'a,
        U: ToSql<T, Pg> + Send + 'a,
    {
        self.values.push(Box::new(Value { value, sql_type: PhantomData::<T> }));
        self
    }
}

struct Value<T, U> {
    value: U,
    sql_type: PhantomData<T>,
}

impl<T, U> QueryFragment<Pg> for Value<T, U>
where
    Pg: HasSqlType<T>,
    U: ToSql<T, Pg>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_bind_param(&self.value)
    }
}

impl<ST> QueryFragment<Pg> for Sql<'_, ST> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let mut pieces = self.text.split('$');
        out.push_sql(pieces.next().unwrap_or_default());
        for piece in pieces {
            let digits = piece.bytes().take_while(u8::is_ascii_digit).count();
            let value = piece[..digits].parse::<usize>().ok().and_then(|number| number.checked_sub(1));
            let value = value.and_then(|index| self.values.get(index)).ok_or_else(|| {
                diesel::result::Error::QueryBuilderError(format!("no value for ${piece}").into())
            })?;
            value.walk_ast(out.reborrow())?;
            out.push_sql(&piece[digits..]);
        }
        Ok(())
    }
}

/// The text itself is the key in the cache.
impl<ST> QueryId for Sql<'_, ST> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<ST> Query for Sql<'_, ST> {
    type SqlType = ST;
}

impl<ST> RunQueryDsl<PgConnection> for Sql<'_, ST> {}
