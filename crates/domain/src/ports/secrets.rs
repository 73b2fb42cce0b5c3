use async_trait::async_trait;

use crate::error::StoreError;

/// Keeps the secrets that belong to a database.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait SecretRepository: Send + Sync {
    /// The secret of a name. Where there is none yet, `fresh` becomes it; of two that come at once, one wins for both.
    async fn secret(&self, name: &str, fresh: Vec<u8>) -> Result<Vec<u8>, StoreError>;
}
