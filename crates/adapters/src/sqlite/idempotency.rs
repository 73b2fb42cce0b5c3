//! Idempotency keys: in this process while a request is under way, in the transaction of its effect afterwards.

use async_trait::async_trait;
use diesel::{SqliteConnection, prelude::*, sql_types::Text};
use feed_me_domain::{
    Attempt, KeyRefusal, Keyed, RequestKey, StoredAnswer, StoredKey, Timestamp, error::StoreError,
    ports::IdempotencyStore,
};

use super::{
    SqliteStore,
    errors::Trouble,
    names, rows,
    schema::{idempotency, idempotency_names},
    sql,
    writer::Write,
};

impl SqliteStore {
    /// Carries out a write that may carry a key: the stored answer comes first, the effect and its answer are stored
    /// together.
    pub(super) async fn write_keyed<T, F>(
        &self,
        keyed: Option<Keyed<T>>,
        work: F,
    ) -> Result<Attempt<T>, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Write<'_>) -> Result<T, Trouble> + Send + 'static,
    {
        let Some(keyed) = keyed else { return self.write(work).await.map(Attempt::Done) };
        let Some(guard) = self.under_way.enter(keyed.key.scope) else {
            return Ok(Attempt::Refused(KeyRefusal::UnderWay));
        };
        self.write_guarded(guard, move |write| {
            if let Some(stored) = load(write.conn, &keyed.key.scope)? {
                if let Some(attempt) = stored.meets(&keyed.key, write.turn.now()) {
                    return Ok(attempt);
                }
                diesel::delete(idempotency::table.find(&keyed.key.scope[..])).execute(write.conn)?;
            }
            let outcome = work(write)?;
            if let Some(answer) = (keyed.answer)(&outcome) {
                store(write, &keyed.key, &answer)?;
            }
            Ok(Attempt::Done(outcome))
        })
        .await
    }
}

#[async_trait]
impl IdempotencyStore for SqliteStore {
    async fn check(&self, key: RequestKey) -> Result<Option<Attempt<()>>, StoreError> {
        if self.under_way.holds(&key.scope) {
            return Ok(Some(Attempt::Refused(KeyRefusal::UnderWay)));
        }
        let now = self.clock.now();
        let stored = self.read(move |conn| conn.transaction(|conn| load(conn, &key.scope))).await?;
        Ok(stored.and_then(|stored| stored.meets(&key, now)))
    }

    async fn remember(&self, keyed: Keyed<()>) -> Result<Attempt<()>, StoreError> {
        self.write_keyed(Some(keyed), |_| Ok(())).await
    }

    async fn sweep(&self, before: Timestamp, take: usize) -> Result<usize, StoreError> {
        const SWEEP: &str = "delete from idempotency where scope in \
            (select scope from idempotency where at < ?1 order by at limit ?2)";
        self.write(move |write| {
            Ok(sql::command(SWEEP).bind(before.micros()).bind(sql::limit(take)).execute(write.conn)?)
        })
        .await
    }
}

fn load(conn: &mut SqliteConnection, scope: &[u8; 32]) -> Result<Option<StoredKey>, Trouble> {
    type Row = (Vec<u8>, i32, Option<String>, Option<String>, i64);
    const NAMES: &str = "select u.username from idempotency_names n cross join users u on u.key = n.user_key \
        where n.scope = ?1 order by u.key";
    let columns = (
        idempotency::content,
        idempotency::status,
        idempotency::location,
        idempotency::body,
        idempotency::at,
    );
    let found = idempotency::table.find(&scope[..]).select(columns).first::<Row>(conn).optional()?;
    let Some((content, status, location, body, at)) = found else { return Ok(None) };
    let content = content.try_into().map_err(|_| Trouble::stored("content of a key", "not 32 bytes"))?;
    let answer = match body {
        None => None,
        Some(body) => {
            let names: Vec<String> = sql::query::<Text>(NAMES).bind(scope.to_vec()).load(conn)?;
            let names = names.iter().map(|name| rows::username(name)).collect::<Result<_, _>>()?;
            let status = u16::try_from(status).map_err(|error| Trouble::stored("status", error))?;
            Some(StoredAnswer { status, location, body, names })
        }
    };
    Ok(Some(StoredKey { content, answer, at: rows::timestamp(at)? }))
}

fn store(write: &mut Write<'_>, key: &RequestKey, answer: &StoredAnswer) -> Result<(), Trouble> {
    let row = (
        idempotency::scope.eq(&key.scope[..]),
        idempotency::content.eq(&key.content[..]),
        idempotency::status.eq(i32::from(answer.status)),
        idempotency::location.eq(&answer.location),
        idempotency::body.eq(&answer.body),
        idempotency::at.eq(write.turn.now().micros()),
    );
    diesel::insert_into(idempotency::table).values(row).execute(write.conn)?;
    for user in names::keys_of(write.conn, &answer.names)?.into_values() {
        let row = (idempotency_names::user_key.eq(user.0), idempotency_names::scope.eq(&key.scope[..]));
        diesel::insert_into(idempotency_names::table).values(row).execute(write.conn)?;
    }
    Ok(())
}
