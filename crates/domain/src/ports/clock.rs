use crate::time::Timestamp;

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
