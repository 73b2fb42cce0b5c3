//! Application keys.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::{
    pg::PgConnection,
    prelude::*,
    sql_types::{Array, BigInt, Binary, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use feed_me_domain::{
    ApplicationKey, Attempt, KeyHash, KeyId, KeyName, Keyed, NewKey, Scopes, Span, StoreError,
    StoredApplicationKey, Timestamp, ports::ApplicationKeyRepository,
};
use uuid::Uuid;

use super::{
    PgStore,
    errors::Outcome,
    known::{CHANNEL, KEYS},
    rows::{at, corrupt, instant, limit, maybe_instant},
    sql::Sql,
    writing::Write,
};
use crate::listing::{Walk, walk};

#[async_trait]
impl ApplicationKeyRepository for PgStore {
    async fn create(
        &self,
        key: NewKey,
        keyed: Option<Keyed<ApplicationKey>>,
    ) -> Result<Attempt<ApplicationKey>, StoreError> {
        self.attempt(keyed, move |write| create(write, &key)).await
    }

    async fn list(&self, span: Span<KeyId>) -> Result<Vec<ApplicationKey>, StoreError> {
        self.read(move |conn| list(conn, &span)).await
    }

    async fn find(&self, hash: &KeyHash) -> Result<Option<StoredApplicationKey>, StoreError> {
        let hash = *hash;
        self.read(move |conn| {
            let query = Sql::<Types>::new(format!("select {COLUMNS} from application_keys where hash = $1"));
            let found: Option<Cells> =
                query.bind::<Binary, _>(hash.as_bytes().to_vec()).get_result(conn).optional()?;
            found.map(stored).transpose()
        })
        .await
    }

    /// One statement, and no part of the sequence; all processes are told.
    async fn revoke(&self, id: KeyId) -> Result<bool, StoreError> {
        self.read(move |conn| {
            let delete =
                Sql::<()>::new("delete from application_keys where id = $1 returning pg_notify($2, $3)");
            let delete = delete.bind::<SqlUuid, _>(id.as_uuid());
            Ok(delete.bind::<Text, _>(CHANNEL).bind::<Text, _>(KEYS).execute(conn)? != 0)
        })
        .await
    }

    async fn touch(&self, used: &[(KeyId, Timestamp)]) -> Result<(), StoreError> {
        let (ids, times): (Vec<Uuid>, Vec<DateTime<Utc>>) =
            used.iter().map(|(id, used_at)| (id.as_uuid(), at(*used_at))).unzip();
        self.read(move |conn| {
            // The rows are locked in one order, so that two instances do not wait for each other.
            Sql::<()>::new(
                "with used as (
                    select k.id, u.at from unnest($1, $2) as u (id, at) join application_keys k on k.id = u.id
                    order by k.id for update of k
                )
                update application_keys k set last_used_at = used.at from used
                where k.id = used.id and (k.last_used_at is null or k.last_used_at < used.at)",
            )
            .bind::<Array<SqlUuid>, _>(ids.clone())
            .bind::<Array<Timestamptz>, _>(times.clone())
            .execute(conn)?;
            Ok(())
        })
        .await
    }
}

const COLUMNS: &str = "id, name, hash, scopes, created_at, last_used_at";
type Types = (SqlUuid, Text, Binary, Text, Timestamptz, Nullable<Timestamptz>);
type Cells = (Uuid, String, Vec<u8>, String, DateTime<Utc>, Option<DateTime<Utc>>);

fn stored((id, name, hash, scopes, created_at, last_used_at): Cells) -> Outcome<StoredApplicationKey> {
    let key = ApplicationKey {
        id: KeyId::from_uuid(id),
        name: KeyName::parse(&name).map_err(|error| corrupt("the name of a key", &name, error))?,
        scopes: Scopes::parse(&scopes).map_err(|error| corrupt("scopes of a key", &scopes, error))?,
        created_at: instant(created_at)?,
        last_used_at: maybe_instant(last_used_at)?,
    };
    let hash = KeyHash::from_bytes(&hash).ok_or_else(|| corrupt("the hash of a key", "", "not 32 bytes"))?;
    Ok(StoredApplicationKey { key, hash })
}

fn create(write: &mut Write<'_>, key: &NewKey) -> Outcome<ApplicationKey> {
    let now = write.turn.now();
    let id = KeyId::from_uuid(write.turn.uuid(now));
    Sql::<()>::new(
        "insert into application_keys (id, name, hash, scopes, created_at) values ($1, $2, $3, $4, $5)",
    )
    .bind::<SqlUuid, _>(id.as_uuid())
    .bind::<Text, _>(key.name.as_str())
    .bind::<Binary, _>(key.hash.as_bytes().to_vec())
    .bind::<Text, _>(key.scopes.to_string())
    .bind::<Timestamptz, _>(at(now))
    .execute(write.conn)?;
    Ok(ApplicationKey { id, name: key.name.clone(), scopes: key.scopes, created_at: now, last_used_at: None })
}

/// Ids sort as the instants that they were made at, and the newest comes first.
fn list(conn: &mut PgConnection, span: &Span<KeyId>) -> Outcome<Vec<ApplicationKey>> {
    let Some(Walk { compare, from, order }) = walk(span, [Uuid::nil(), Uuid::max()], KeyId::as_uuid) else {
        return Ok(Vec::new());
    };
    let query = Sql::<Types>::new(format!(
        "select {COLUMNS} from application_keys where id {compare} $1 order by id {order} limit $2"
    ));
    let query = query.bind::<SqlUuid, _>(from).bind::<BigInt, _>(limit(span.take));
    let found: Vec<Cells> = query.load(conn)?;
    found.into_iter().map(|cells| Ok(stored(cells)?.key)).collect()
}
