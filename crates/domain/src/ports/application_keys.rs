use async_trait::async_trait;

use crate::{
    application_key::{ApplicationKey, KeyHash, NewKey, StoredApplicationKey},
    error::StoreError,
    id::KeyId,
    idempotency::{Attempt, Keyed},
    page::Span,
    time::Timestamp,
};

/// Keeps application keys. They are no part of the feed: nothing here appends an event.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait ApplicationKeyRepository: Send + Sync {
    /// Keeps a new key, made at the clock's instant, under an id of that instant.
    async fn create(
        &self,
        key: NewKey,
        keyed: Option<Keyed<ApplicationKey>>,
    ) -> Result<Attempt<ApplicationKey>, StoreError>;

    /// A stretch of all keys, by id, the newest first; in walking order.
    async fn list(&self, span: Span<KeyId>) -> Result<Vec<ApplicationKey>, StoreError>;

    /// The key of a digest.
    async fn find(&self, hash: &KeyHash) -> Result<Option<StoredApplicationKey>, StoreError>;

    /// Forgets a key, so that it opens nothing any more. Says whether there was one.
    async fn revoke(&self, id: KeyId) -> Result<bool, StoreError>;

    /// Notes when keys were last used. That never goes back, and keys that are gone stay gone.
    async fn touch(&self, used: &[(KeyId, Timestamp)]) -> Result<(), StoreError>;
}
