//! The system's clock and randomness.

use feed_me_domain::{
    StoreError, Timestamp,
    ports::{Clock, IdGenerator, SecretSource},
};

/// The clock of this machine, cut to microseconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that asks the system")]
    fn now(&self) -> Timestamp {
        // A clock outside the years 1 to 9999 counts as 1970.
        Timestamp::from_datetime(chrono::Utc::now()).unwrap_or(Timestamp::EPOCH)
    }
}

/// Random bits of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemIds;

impl IdGenerator for SystemIds {
    fn random(&self) -> u64 {
        getrandom::u64().unwrap_or_else(|error| {
            // Without a source of randomness ids are still unique by their instants; they can only be guessed.
            tracing::error!(%error, "the operating system gives no random bits");
            0
        })
    }
}

/// Secrets of the operating system's randomness.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemSecrets;

impl SecretSource for SystemSecrets {
    fn secret(&self) -> Result<[u8; 32], StoreError> {
        random_key()
            .map_err(|error| StoreError::Unavailable(format!("no random bytes for a secret: {error}")))
    }
}

/// A key that nobody can guess, of the operating system's randomness.
pub fn random_key() -> std::io::Result<[u8; 32]> {
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(|error| std::io::Error::other(error.to_string()))?;
    Ok(key)
}
