use async_trait::async_trait;
use diesel::{
    SqliteConnection,
    prelude::*,
    sql_types::{BigInt, Binary, Nullable, Text},
};
use feed_me_domain::{
    ApplicationKey, Attempt, KeyHash, KeyId, KeyName, Keyed, NewKey, Scopes, Span, StoredApplicationKey,
    Timestamp, error::StoreError, ports::ApplicationKeyRepository,
};
use uuid::Uuid;

use super::{SqliteStore, errors::Trouble, rows, sql};
use crate::listing::{Walk, walk};

#[async_trait]
impl ApplicationKeyRepository for SqliteStore {
    async fn create(
        &self,
        key: NewKey,
        keyed: Option<Keyed<ApplicationKey>>,
    ) -> Result<Attempt<ApplicationKey>, StoreError> {
        const INSERT: &str = "insert into application_keys (id, name, hash, scopes, created_at) \
            values (?1, ?2, ?3, ?4, ?5)";
        self.write_keyed(keyed, move |write| {
            let now = write.turn.now();
            let NewKey { name, scopes, hash } = key;
            let id = KeyId::from_uuid(write.turn.uuid(now));
            sql::command(INSERT)
                .bind(rows::blob(id.as_uuid()))
                .bind(name.as_str())
                .bind(hash.as_bytes().to_vec())
                .bind(scopes.to_string())
                .bind(now.micros())
                .execute(write.conn)?;
            Ok(ApplicationKey { id, name, scopes, created_at: now, last_used_at: None })
        })
        .await
    }

    async fn list(&self, span: Span<KeyId>) -> Result<Vec<ApplicationKey>, StoreError> {
        self.read(move |conn| list(conn, &span)).await
    }

    async fn find(&self, hash: &KeyHash) -> Result<Option<StoredApplicationKey>, StoreError> {
        let hash = *hash;
        self.read(move |conn| {
            let query =
                sql::query::<Types>(format!("select {COLUMNS} from application_keys where hash = ?1"));
            let found: Option<Cells> = query.bind(hash.as_bytes().to_vec()).get_result(conn).optional()?;
            found.map(stored).transpose()
        })
        .await
    }

    async fn revoke(&self, id: KeyId) -> Result<bool, StoreError> {
        self.write(move |write| {
            let delete = sql::command("delete from application_keys where id = ?1");
            Ok(delete.bind(rows::blob(id.as_uuid())).execute(write.conn)? != 0)
        })
        .await
    }

    async fn touch(&self, used: &[(KeyId, Timestamp)]) -> Result<(), StoreError> {
        const TOUCH: &str = "update application_keys set last_used_at = ?2 \
            where id = ?1 and (last_used_at is null or last_used_at < ?2)";
        let used = used.to_vec();
        self.write(move |write| {
            for (id, at) in used {
                let touch = sql::command(TOUCH).bind(rows::blob(id.as_uuid())).bind(at.micros());
                touch.execute(write.conn)?;
            }
            Ok(())
        })
        .await
    }
}

const COLUMNS: &str = "id, name, hash, scopes, created_at, last_used_at";
type Types = (Binary, Text, Binary, Text, BigInt, Nullable<BigInt>);
type Cells = (Vec<u8>, String, Vec<u8>, String, i64, Option<i64>);

fn stored(
    (id, name, hash, scopes, created_at, last_used_at): Cells,
) -> Result<StoredApplicationKey, Trouble> {
    let id = Uuid::from_slice(&id).map_err(|error| Trouble::stored("id of a key", error))?;
    let key = ApplicationKey {
        id: KeyId::from_uuid(id),
        name: KeyName::parse(&name).map_err(|error| Trouble::stored("name of a key", error))?,
        scopes: Scopes::parse(&scopes).map_err(|error| Trouble::stored("scopes of a key", error))?,
        created_at: rows::timestamp(created_at)?,
        last_used_at: last_used_at.map(rows::timestamp).transpose()?,
    };
    let hash = KeyHash::from_bytes(&hash).ok_or_else(|| Trouble::stored("hash of a key", "not 32 bytes"))?;
    Ok(StoredApplicationKey { key, hash })
}

/// Ids sort as the instants that they were made at, and the newest comes first.
fn list(conn: &mut SqliteConnection, span: &Span<KeyId>) -> Result<Vec<ApplicationKey>, Trouble> {
    let Some(Walk { compare, from, order }) = walk(span, [Uuid::nil(), Uuid::max()], KeyId::as_uuid) else {
        return Ok(Vec::new());
    };
    let text =
        format!("select {COLUMNS} from application_keys where id {compare} ?1 order by id {order} limit ?2");
    let query = sql::query::<Types>(text).bind(rows::blob(from)).bind(sql::limit(span.take));
    let found: Vec<Cells> = query.load(conn)?;
    found.into_iter().map(|cells| Ok(stored(cells)?.key)).collect()
}
