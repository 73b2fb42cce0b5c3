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

/// Stands where the body of an answer was that held a secret. It is no JSON, so no other answer looks like it.
const SECRET_SHOWN: &str = "(secret)";

impl StoredAnswer {
    /// Only the fact that there was this answer, for one that holds a secret: it is not given again.
    #[must_use]
    pub fn without_its_secret(self) -> Self {
        Self { body: SECRET_SHOWN.to_owned(), ..self }
    }

    fn held_a_secret(&self) -> bool {
        self.body == SECRET_SHOWN
    }
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
    /// The answer held a secret, which is shown once.
    #[error(
        "the answer to this Idempotency-Key held a secret, which is shown once; use another key for another secret"
    )]
    SecretShown,
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
            Some(answer) if answer.held_a_secret() => Attempt::Refused(KeyRefusal::SecretShown),
            Some(answer) => Attempt::Replayed(answer),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer() -> StoredAnswer {
        StoredAnswer { status: 201, location: None, body: "{}".to_owned(), names: Vec::new() }
    }

    fn key(content: &[u8]) -> RequestKey {
        RequestKey::new(&[b"key"], &[content])
    }

    fn stored(answer: Option<StoredAnswer>) -> StoredKey {
        StoredKey { content: key(b"body").content, answer, at: Timestamp::EPOCH }
    }

    /// What a request with `content` meets after `micros`.
    fn met(stored: StoredKey, content: &[u8], micros: i64) -> Option<Attempt<()>> {
        stored.meets(&key(content), Timestamp::EPOCH.plus_micros(micros))
    }

    #[test]
    fn the_same_request_is_given_the_first_answer_for_24_hours() {
        for micros in [0, KEPT_MICROS - 1] {
            assert_eq!(met(stored(Some(answer())), b"body", micros), Some(Attempt::Replayed(answer())));
        }
        assert_eq!(met(stored(Some(answer())), b"body", KEPT_MICROS), None);
        // Another instance's clock may be behind the one that stored the key.
        assert_eq!(met(stored(Some(answer())), b"body", -5), Some(Attempt::Replayed(answer())));
    }

    #[test]
    fn another_body_under_the_key_is_refused_until_the_key_is_free_again() {
        let refused = Some(Attempt::Refused(KeyRefusal::Reused));
        assert_eq!(met(stored(Some(answer())), b"other", KEPT_MICROS - 1), refused);
        assert_eq!(met(stored(Some(answer())), b"other", KEPT_MICROS), None);
    }

    #[test]
    fn an_erased_answer_is_gone_whatever_the_retry_says() {
        for content in [b"body".as_slice(), b"other"] {
            let gone = Some(Attempt::Refused(KeyRefusal::Erased));
            assert_eq!(met(stored(None), content, KEPT_MICROS - 1), gone);
            assert_eq!(met(stored(None), content, KEPT_MICROS), None);
        }
    }

    #[test]
    fn an_answer_that_held_a_secret_is_kept_without_it_and_not_given_again() {
        let secret = StoredAnswer { body: "{\"key\":\"fm_x\"}".to_owned(), ..answer() };
        let kept = secret.without_its_secret();
        assert!(kept.status == 201 && !kept.body.contains("fm_x"));
        let shown = Some(Attempt::Refused(KeyRefusal::SecretShown));
        assert_eq!(met(stored(Some(kept.clone())), b"body", 1), shown);
        let reused = Some(Attempt::Refused(KeyRefusal::Reused));
        assert_eq!(met(stored(Some(kept.clone())), b"other", 1), reused);
        assert_eq!(met(stored(Some(kept)), b"body", KEPT_MICROS), None);
    }

    #[test]
    fn no_two_lists_of_parts_look_alike() {
        let lists: [&[&[u8]]; 8] =
            [&[], &[b""], &[b"", b""], &[b"ab"], &[b"a", b"b"], &[b"", b"ab"], &[b"ab", b""], &[b"abc"]];
        let digests: std::collections::HashSet<_> =
            lists.iter().map(|parts| RequestKey::new(parts, &[]).scope).collect();
        assert_eq!(digests.len(), lists.len());
        let swapped = RequestKey::new(&[b"a"], &[b"b"]);
        assert_eq!((swapped.scope, swapped.content), (RequestKey::new(&[b"a"], &[]).scope, digest(&[b"b"])));
    }

    #[test]
    fn a_judged_key_stores_nothing_for_an_outcome_that_is_judged_an_error() {
        let keyed: Keyed<u8> = Keyed { key: key(b"body"), answer: Box::new(|_| Some(answer())) };
        let judged: Keyed<i32> = keyed.judged(u8::try_from);
        assert_eq!(judged.key, key(b"body"));
        assert_eq!((judged.answer)(&5), Some(answer()));
        assert_eq!((judged.answer)(&-1), None);
    }

    #[test]
    fn a_key_that_is_printed_says_nothing_of_the_answer() {
        let keyed: Keyed<u8> = Keyed { key: key(b"body"), answer: Box::new(|_| Some(answer())) };
        assert!(format!("{keyed:?}").starts_with("Keyed { key: RequestKey"));
    }
}
