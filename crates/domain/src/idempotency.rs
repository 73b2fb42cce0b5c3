//! Idempotency keys: a write that is sent again has one effect and one answer.
//!
//! The stored answer is written in the transaction of the effect. So after a crash either both are there or none is,
//! and an answer can be given again by any instance of the same database.

use sha2::{Digest, Sha256};

use crate::{text::Username, time::Timestamp};

/// For how long an answer is given again: 24 hours, in microseconds.
pub const KEPT_MICROS: i64 = 24 * 60 * 60 * 1_000_000;

/// A request that carries a key: what it is stored under, and what it asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestKey {
    /// The digest of credential, method, path and key.
    pub scope: [u8; 32],
    /// The digest of the query and the bytes of the body.
    pub content: [u8; 32],
}

impl RequestKey {
    /// The most characters of a key.
    pub const CHARS_MAX: usize = 255;

    /// Digests the parts. Each is preceded by its length, so that no two requests look alike.
    pub fn new(scope: &[&[u8]], content: &[&[u8]]) -> Self {
        Self { scope: digest(scope), content: digest(content) }
    }
}

fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// An answer that is given again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The `Location`, where there was one.
    pub location: Option<String>,
    /// The body.
    pub body: String,
    /// The users whom the body names: an erasure of one of them drops the body.
    pub names: Vec<Username>,
}

/// A write that carries a key: the store looks the key up first, and stores the answer that `answer` makes of the
/// outcome with the outcome itself. `answer` gives none for an outcome that is not a success; it is not stored then.
pub struct Keyed<T> {
    /// The key.
    pub key: RequestKey,
    /// Makes the answer.
    pub answer: AnswerOf<T>,
}

/// Turns the outcome of a write into the answer to store; none where the outcome is no success.
pub type AnswerOf<T> = Box<dyn Fn(&T) -> Option<StoredAnswer> + Send + Sync>;

impl<T: 'static> Keyed<T> {
    /// The same key for a write whose outcome `judge` turns into a `T`, or into an error that is not stored.
    pub fn judged<U: Clone, E>(self, judge: impl Fn(U) -> Result<T, E> + Send + Sync + 'static) -> Keyed<U> {
        let answer = self.answer;
        let judged = move |outcome: &U| judge(outcome.clone()).ok().and_then(|success| answer(&success));
        Keyed { key: self.key, answer: Box::new(judged) }
    }
}

impl<T> std::fmt::Debug for Keyed<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keyed").field("key", &self.key).finish_non_exhaustive()
    }
}

/// What became of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt<T> {
    /// It was carried out now, with this outcome.
    Done(T),
    /// It was carried out before, and this was the answer.
    Replayed(StoredAnswer),
    /// Its key does not allow it.
    Refused(KeyRefusal),
}

impl<T> Attempt<T> {
    /// Turns the outcome of a write that was carried out into another, or into an error.
    pub fn try_map<U, E: From<KeyRefusal>>(
        self,
        map: impl FnOnce(T) -> Result<U, E>,
    ) -> Result<Attempt<U>, E> {
        match self {
            Self::Done(outcome) => map(outcome).map(Attempt::Done),
            Self::Replayed(answer) => Ok(Attempt::Replayed(answer)),
            Self::Refused(refusal) => Err(refusal.into()),
        }
    }
}

/// Why a key does not allow a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyRefusal {
    /// The key was used with another body.
    #[error("the Idempotency-Key was used before with another body or query")]
    Reused,
    /// The first request with the key has not ended yet.
    #[error("a request with this Idempotency-Key is still under way")]
    UnderWay,
    /// The answer named a user who was erased since.
    #[error("the answer to this Idempotency-Key is gone: it named a user who was erased")]
    Erased,
}

/// A key as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredKey {
    /// The digest of the first request's content.
    pub content: [u8; 32],
    /// The answer; none once it is erased.
    pub answer: Option<StoredAnswer>,
    /// When the key was used.
    pub at: Timestamp,
}

impl StoredKey {
    /// What a request with this key is answered at the instant `now`; none when the stored one is too old to count.
    pub fn meets<T>(self, key: &RequestKey, now: Timestamp) -> Option<Attempt<T>> {
        if self.at.plus_micros(KEPT_MICROS) <= now {
            return None;
        }
        Some(match self.answer {
            None => Attempt::Refused(KeyRefusal::Erased),
            Some(_) if self.content != key.content => Attempt::Refused(KeyRefusal::Reused),
            Some(answer) => Attempt::Replayed(answer),
        })
    }
}
