//! Stored answers to requests with an idempotency key.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::{
    pg::PgConnection,
    prelude::*,
    sql_types::{Array, BigInt, Binary, Integer, Nullable, Text, Timestamptz},
};
use feed_me_domain::{
    Attempt, Keyed, RequestKey, StoreError, StoredAnswer, StoredKey, Timestamp, ports::IdempotencyStore,
};

use super::{
    PgStore,
    errors::{Outcome, PgError},
    rows::{at, corrupt, instant, limit},
    schema::idempotency,
    sql::Sql,
    writing::Write,
};

#[async_trait]
impl IdempotencyStore for PgStore {
    /// A key whose first request is still under way looks free here; the write itself refuses it. (Asking for the lock
    /// would take it from the request that comes for it at that moment.)
    async fn check(&self, key: RequestKey) -> Result<Option<Attempt<()>>, StoreError> {
        let now = self.shared.clock.now();
        self.read(move |conn| {
            Ok(match find(conn, &key, now)? {
                Found::Counts(attempt) => Some(attempt),
                Found::Outlived | Found::Nothing => None,
            })
        })
        .await
    }

    async fn remember(&self, keyed: Keyed<()>) -> Result<Attempt<()>, StoreError> {
        self.attempt(Some(keyed), |_| Ok(())).await
    }

    async fn sweep(&self, before: Timestamp, take: usize) -> Result<usize, StoreError> {
        self.read(move |conn| {
            let sweep = Sql::<()>::new(
                "delete from idempotency
                where scope in (select scope from idempotency where at < $1 order by at limit $2)",
            );
            let sweep = sweep.bind::<Timestamptz, _>(at(before)).bind::<BigInt, _>(limit(take));
            Ok(sweep.execute(conn)?)
        })
        .await
    }
}

/// What is stored under a key.
pub(super) enum Found<T> {
    /// Nothing.
    Nothing,
    /// An answer that is too old to count; its row is there.
    Outlived,
    /// This is what the request gets.
    Counts(Attempt<T>),
}

/// Looks a key up at an instant.
pub(super) fn find<T>(conn: &mut PgConnection, key: &RequestKey, now: Timestamp) -> Outcome<Found<T>> {
    type Row = (Vec<u8>, i32, Option<String>, Option<String>, DateTime<Utc>);
    let columns = (
        idempotency::content,
        idempotency::status,
        idempotency::location,
        idempotency::body,
        idempotency::at,
    );
    let row = idempotency::table.find(key.scope.to_vec()).select(columns).first::<Row>(conn).optional()?;
    let Some((content, status, location, body, used_at)) = row else {
        return Ok(Found::Nothing);
    };
    let content = <[u8; 32]>::try_from(content)
        .map_err(|bytes| corrupt("a digest", &format!("{} bytes", bytes.len()), "it has 32"))?;
    let status = u16::try_from(status).map_err(|error| corrupt("a status", &status.to_string(), error))?;
    // Whom the body names is asked for by erasures alone.
    let answer = body.map(|body| StoredAnswer { status, location, body, names: Vec::new() });
    let stored = StoredKey { content, answer, at: instant(used_at)? };
    Ok(stored.meets(key, now).map_or(Found::Outlived, Found::Counts))
}

/// Stores the answer of a write in its transaction, over one that is too old to count.
pub(super) fn store(
    write: &mut Write<'_>,
    key: &RequestKey,
    answer: &StoredAnswer,
    is_outlived: bool,
) -> Outcome<()> {
    if is_outlived {
        diesel::delete(idempotency::table.find(key.scope.to_vec())).execute(write.conn)?;
    }
    let names: Vec<&str> = answer.names.iter().map(AsRef::as_ref).collect();
    Sql::<()>::new(
        "with answer as (
            insert into idempotency (scope, content, status, location, body, at)
            values ($1, $2, $3, $4, $5, $6) returning scope
        )
        insert into idempotency_names (user_key, scope)
        select u.key, answer.scope from users u cross join answer where u.username = any($7)",
    )
    .bind::<Binary, _>(key.scope.to_vec())
    .bind::<Binary, _>(key.content.to_vec())
    .bind::<Integer, _>(i32::from(answer.status))
    .bind::<Nullable<Text>, _>(answer.location.as_deref())
    .bind::<Text, _>(answer.body.as_str())
    .bind::<Timestamptz, _>(at(write.turn.now()))
    .bind::<Array<Text>, _>(names)
    .execute(write.conn)?;
    Ok(())
}

/// Clears the bodies of all answers that name a user, and says how many there were.
pub(super) fn forget(conn: &mut PgConnection, user: i64) -> Outcome<u64> {
    let cleared = Sql::<()>::new(
        "with named as (delete from idempotency_names where user_key = $1 returning scope)
        update idempotency i set body = null, location = null from named where i.scope = named.scope and i.body is not null",
    );
    let cleared = cleared.bind::<BigInt, _>(user).execute(conn)?;
    u64::try_from(cleared).map_err(|error| PgError::failed(error.to_string()))
}
