//! Whose credentials are whose, remembered for less than a second: long enough to spare the store, short enough that
//! what another instance revokes is refused within the second that it may take.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use feed_me_domain::{Caller, Timestamp};
use sha2::{Digest as _, Sha256};

/// How long what the store said is believed.
const FRESH: Duration = Duration::from_millis(900);
/// When it is asked again beside the requests.
const AGEING: Duration = Duration::from_millis(450);
/// The most callers that are remembered.
const CALLERS_MAX: u64 = 100_000;

/// The SHA-256 of a credential: secrets themselves are not kept in memory.
pub(super) type Digest = [u8; 32];

/// The digest of a credential.
pub(super) fn digest(shown: &str) -> Digest {
    Sha256::digest(shown).into()
}

/// A caller who was found.
pub(super) struct Known {
    caller: Arc<Caller>,
    expires_at: Option<Timestamp>,
    at: Instant,
    generation: u64,
    is_looked_at: AtomicBool,
}

impl Known {
    /// A caller found by what the store said at an instant, in a generation.
    pub(super) fn new(
        caller: Arc<Caller>,
        expires_at: Option<Timestamp>,
        at: Instant,
        generation: u64,
    ) -> Self {
        Self { caller, expires_at, at, generation, is_looked_at: AtomicBool::new(false) }
    }
}

/// What is known of a credential.
pub(super) enum Freshness {
    /// Whose it is.
    Fresh(Arc<Caller>),
    /// Whose it is; the one who is told this asks the store again.
    Ageing(Arc<Caller>),
    /// Nothing.
    Unknown,
}

/// The callers who are remembered. Only good credentials are, so nobody fills this with bad ones.
pub(super) struct KnownCallers(moka::sync::Cache<Digest, Arc<Known>>);

impl KnownCallers {
    pub(super) fn new() -> Self {
        Self(moka::sync::Cache::builder().max_capacity(CALLERS_MAX).time_to_live(FRESH).build())
    }

    pub(super) fn get(&self, digest: &Digest, generation: u64, now: Timestamp) -> Freshness {
        let Some(known) = self.0.get(digest) else { return Freshness::Unknown };
        let age = known.at.elapsed();
        let is_expired = known.expires_at.is_some_and(|expires_at| expires_at <= now);
        if known.generation != generation || FRESH <= age || is_expired {
            return Freshness::Unknown;
        }
        let caller = known.caller.clone();
        if AGEING <= age && !known.is_looked_at.swap(true, Ordering::Relaxed) {
            return Freshness::Ageing(caller);
        }
        Freshness::Fresh(caller)
    }

    pub(super) fn keep(&self, digest: Digest, known: Known) {
        self.0.insert(digest, Arc::new(known));
    }

    pub(super) fn drop(&self, digest: &Digest) {
        self.0.invalidate(digest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: Digest = [7; 32];

    fn kept(age: Duration, expires_at: Option<Timestamp>) -> KnownCallers {
        let known = KnownCallers::new();
        let at = Instant::now().checked_sub(age).unwrap();
        known.keep(DIGEST, Known::new(Arc::new(Caller::Anyone), expires_at, at, 3));
        known
    }

    fn is_known(known: &KnownCallers, generation: u64) -> bool {
        !matches!(known.get(&DIGEST, generation, Timestamp::EPOCH), Freshness::Unknown)
    }

    #[test]
    fn a_caller_is_known_for_less_than_a_second_and_in_one_generation() {
        assert!(is_known(&kept(Duration::ZERO, None), 3));
        assert!(!is_known(&kept(Duration::ZERO, None), 4));
        assert!(!is_known(&kept(FRESH, None), 3));
        const { assert!(FRESH.as_millis() < 1000) }
    }

    #[test]
    fn a_token_is_not_known_beyond_its_end() {
        assert!(is_known(&kept(Duration::ZERO, Some(Timestamp::EPOCH.plus_micros(1))), 3));
        assert!(!is_known(&kept(Duration::ZERO, Some(Timestamp::EPOCH)), 3));
    }

    #[test]
    fn one_request_alone_looks_again() {
        let known = kept(AGEING, None);
        let get = || known.get(&DIGEST, 3, Timestamp::EPOCH);
        assert!(matches!(get(), Freshness::Ageing(_)));
        assert!(matches!(get(), Freshness::Fresh(_)));
    }

    #[test]
    fn what_was_dropped_is_unknown() {
        let known = kept(Duration::ZERO, None);
        known.drop(&DIGEST);
        assert!(!is_known(&known, 3));
    }
}
