use async_trait::async_trait;

use crate::{
    error::StoreError,
    idempotency::{Attempt, Keyed, RequestKey},
    time::Timestamp,
};

/// Looks after stored answers. They are written by the write methods of the other ports.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait IdempotencyStore: Send + Sync {
    /// What a request with this key meets now: an answer to repeat or a refusal; none where the way is free.
    async fn check(&self, key: RequestKey) -> Result<Option<Attempt<()>>, StoreError>;

    /// Stores the answer of a request that changes nothing else; or what its key meets, where it was used before.
    async fn remember(&self, keyed: Keyed<()>) -> Result<Attempt<()>, StoreError>;

    /// Forgets at most `take` keys that were used before an instant, and says how many went.
    async fn sweep(&self, before: Timestamp, take: usize) -> Result<usize, StoreError>;
}
