//! Stored answers to requests with an idempotency key.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::{
    pg::PgConnection,
    prelude::*,
    sql_types::{Array, BigInt, Binary, Bool, Integer, Nullable, Text, Timestamptz},
};
use feed_me_domain::{
    Attempt, Keyed, RequestKey, StoreError, StoredAnswer, StoredKey, Timestamp, ports::IdempotencyStore,
};

use super::{
    PgStore,
    errors::{Outcome, PgError},
    rows::{at, corrupt, instant, limit},
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
            let stored = find_all(conn, [key])?.remove(&key.scope);
            Ok(stored.and_then(|stored| stored.meets(&key, now)))
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

/// Locks keys until the transaction ends, and answers which: not those that another transaction has.
pub(super) fn claim(conn: &mut PgConnection, keys: &[RequestKey]) -> Outcome<HashSet<RequestKey>> {
    let number = |key: &RequestKey| {
        let (head, _) = key.scope.split_at(8);
        head.iter().fold(0_i64, |number, &byte| (number << 8) | i64::from(byte))
    };
    let claimed = Sql::<(BigInt, Bool)>::new(
        "select number, pg_try_advisory_xact_lock(number) from unnest($1) as asked (number)",
    );
    let claimed: HashMap<i64, bool> = claimed
        .bind::<Array<BigInt>, _>(keys.iter().map(number).collect::<Vec<_>>())
        .load::<(i64, bool)>(conn)?
        .into_iter()
        .collect();
    Ok(keys.iter().filter(|key| claimed.get(&number(key)) == Some(&true)).copied().collect())
}

/// What is stored under keys, by scope.
pub(super) fn find_all(
    conn: &mut PgConnection,
    keys: impl IntoIterator<Item = RequestKey>,
) -> Outcome<HashMap<[u8; 32], StoredKey>> {
    type Types = (Binary, Binary, Integer, Nullable<Text>, Nullable<Text>, Timestamptz);
    type Row = (Vec<u8>, Vec<u8>, i32, Option<String>, Option<String>, DateTime<Utc>);
    let scopes: Vec<Vec<u8>> = keys.into_iter().map(|key| key.scope.to_vec()).collect();
    let found = Sql::<Types>::new(
        "select scope, content, status, location, body, at from idempotency where scope = any($1)",
    );
    let stored = |(scope, content, status, location, body, used_at): Row| {
        let status =
            u16::try_from(status).map_err(|error| corrupt("a status", &status.to_string(), error))?;
        // Whom the body names is asked for by erasures alone.
        let answer = body.map(|body| StoredAnswer { status, location, body, names: Vec::new() });
        Ok((digest(scope)?, StoredKey { content: digest(content)?, answer, at: instant(used_at)? }))
    };
    found.bind::<Array<Binary>, _>(scopes).load::<Row>(conn)?.into_iter().map(stored).collect()
}

fn digest(bytes: Vec<u8>) -> Outcome<[u8; 32]> {
    bytes
        .try_into()
        .map_err(|bytes: Vec<u8>| corrupt("a digest", &format!("{} bytes", bytes.len()), "it has 32"))
}

/// An answer to store.
pub(super) struct NewAnswer {
    /// Under which key.
    pub(super) key: RequestKey,
    /// The answer.
    pub(super) answer: StoredAnswer,
    /// It takes the place of one that is too old to count.
    pub(super) is_outlived: bool,
}

/// Stores answers in the transaction of their writes.
pub(super) fn store(write: &mut Write<'_>, new: &[NewAnswer]) -> Outcome<()> {
    if new.is_empty() {
        return Ok(());
    }
    let scope = |new: &NewAnswer| new.key.scope.to_vec();
    let outlived: Vec<_> = new.iter().filter(|new| new.is_outlived).map(scope).collect();
    if !outlived.is_empty() {
        let gone = Sql::<()>::new("delete from idempotency where scope = any($1)");
        gone.bind::<Array<Binary>, _>(outlived).execute(write.conn)?;
    }
    let named =
        new.iter().flat_map(|new| new.answer.names.iter().map(move |name| (name.as_ref(), scope(new))));
    let (names, named_in): (Vec<&str>, Vec<Vec<u8>>) = named.unzip();
    Sql::<()>::new(
        "with answers as (
            insert into idempotency (scope, content, status, location, body, at)
            select *, $6 from unnest($1, $2, $3, $4, $5)
        )
        insert into idempotency_names (user_key, scope)
        select distinct u.key, named.scope from unnest($7, $8) as named (name, scope)
        cross join lateral (select x.key from users x where x.username = named.name offset 0) u",
    )
    .bind::<Array<Binary>, _>(new.iter().map(scope).collect::<Vec<_>>())
    .bind::<Array<Binary>, _>(new.iter().map(|new| new.key.content.to_vec()).collect::<Vec<_>>())
    .bind::<Array<Integer>, _>(new.iter().map(|new| i32::from(new.answer.status)).collect::<Vec<_>>())
    .bind::<Array<Nullable<Text>>, _>(
        new.iter().map(|new| new.answer.location.as_deref()).collect::<Vec<_>>(),
    )
    .bind::<Array<Text>, _>(new.iter().map(|new| new.answer.body.as_str()).collect::<Vec<_>>())
    .bind::<Timestamptz, _>(at(write.turn.now()))
    .bind::<Array<Text>, _>(names)
    .bind::<Array<Binary>, _>(named_in)
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
