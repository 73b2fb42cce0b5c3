use crate::{error::StoreError, time::Timestamp};

/// Tells the time. The domain never asks the system.
#[cfg_attr(feature = "mock", mockall::automock)]
pub trait Clock: Send + Sync {
    /// The present instant.
    fn now(&self) -> Timestamp;
}

/// Gives the random part of new ids.
#[cfg_attr(feature = "mock", mockall::automock)]
pub trait IdGenerator: Send + Sync {
    /// 64 bits that nobody can guess.
    fn random(&self) -> u64;
}

/// Makes secrets.
#[cfg_attr(feature = "mock", mockall::automock)]
pub trait SecretSource: Send + Sync {
    /// 256 bits that nobody can guess. It fails rather than to answer weaker ones.
    fn secret(&self) -> Result<[u8; 32], StoreError>;
}
