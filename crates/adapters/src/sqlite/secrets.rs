use async_trait::async_trait;
use diesel::prelude::*;
use feed_me_domain::{error::StoreError, ports::SecretRepository};

use super::{SqliteStore, schema::secrets};

#[async_trait]
impl SecretRepository for SqliteStore {
    async fn secret(&self, name: &str, fresh: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        let (name, wanted) = (name.to_owned(), name.to_owned());
        // Mostly it is there, and a database that is only read has it or none.
        let stored = self.read(move |conn| {
            Ok(secrets::table.find(&wanted).select(secrets::value).first(conn).optional()?)
        });
        if let Some(stored) = stored.await? {
            return Ok(stored);
        }
        self.write(move |write| {
            diesel::insert_or_ignore_into(secrets::table)
                .values((secrets::name.eq(&name), secrets::value.eq(fresh)))
                .execute(write.conn)?;
            Ok(secrets::table.find(&name).select(secrets::value).first(write.conn)?)
        })
        .await
    }
}
