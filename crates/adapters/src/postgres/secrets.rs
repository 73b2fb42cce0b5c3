//! Secrets that belong to the database.

use async_trait::async_trait;
use diesel::prelude::*;
use feed_me_domain::{StoreError, ports::SecretRepository};

use super::{PgStore, schema::secrets};

#[async_trait]
impl SecretRepository for PgStore {
    async fn secret(&self, name: &str, fresh: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        let name = name.to_owned();
        self.read(move |conn| {
            diesel::insert_into(secrets::table)
                .values((secrets::name.eq(&name), secrets::value.eq(&fresh)))
                .on_conflict_do_nothing()
                .execute(conn)?;
            // Where another's insert was first, it has been waited for, and the next statement sees it.
            Ok(secrets::table.find(&name).select(secrets::value).first(conn)?)
        })
        .await
    }
}
