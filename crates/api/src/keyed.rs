//! Requests that may be sent again: `Idempotency-Key`.

use std::rc::Rc;

use actix_web::{HttpRequest, dev::RequestHead, http::header::HeaderName};
use feed_me_domain::{Attempt, Error, Keyed, RequestKey, StoredAnswer};

use crate::{
    auth::acting::credential_of,
    passage::Passage,
    problem::{self, Failure},
    reply::{Answer, Reply},
    services::Services,
};

const HEADER: HeaderName = HeaderName::from_static("idempotency-key");

/// A request, as far as its key follows from it: whether the framework has routed it or not.
pub struct Sent<'r> {
    /// Its first line and its headers.
    pub head: &'r RequestHead,
    /// What is known of it.
    pub passage: Option<Rc<Passage>>,
}

impl<'r> From<&'r HttpRequest> for Sent<'r> {
    fn from(request: &'r HttpRequest) -> Self {
        Self { head: request.head(), passage: Passage::of(request) }
    }
}

/// Carries out a `POST`, or gives again what it was answered before. `answer` turns the outcome into the one answer that
/// is both given and stored; `write` reads the body and asks the service. The key comes first: a request that was
/// answered is not judged again.
pub async fn once<T, A, W>(
    services: &Services,
    sent: impl Into<Sent<'_>>,
    body: &[u8],
    answer: A,
    write: W,
) -> Answer
where
    A: Fn(&T) -> Result<StoredAnswer, Failure> + Clone + Send + Sync + 'static,
    W: AsyncFnOnce(Option<Keyed<T>>) -> Result<Attempt<T>, Failure>,
{
    carried_out(services, sent.into(), body, answer, |answer| answer, write).await
}

/// The same for an answer that holds a secret: only the fact of it is stored, and it is not given again.
pub async fn once_with_secret<T, A, W>(
    services: &Services,
    sent: impl Into<Sent<'_>>,
    body: &[u8],
    answer: A,
    write: W,
) -> Answer
where
    A: Fn(&T) -> Result<StoredAnswer, Failure> + Clone + Send + Sync + 'static,
    W: AsyncFnOnce(Option<Keyed<T>>) -> Result<Attempt<T>, Failure>,
{
    let answered = carried_out(services, sent.into(), body, answer, StoredAnswer::without_its_secret, write);
    answered.await.map(Reply::never_kept)
}

async fn carried_out<T, A, W>(
    services: &Services,
    sent: Sent<'_>,
    body: &[u8],
    answer: A,
    kept: fn(StoredAnswer) -> StoredAnswer,
    write: W,
) -> Answer
where
    A: Fn(&T) -> Result<StoredAnswer, Failure> + Clone + Send + Sync + 'static,
    W: AsyncFnOnce(Option<Keyed<T>>) -> Result<Attempt<T>, Failure>,
{
    let key = key_of(&sent, body)?;
    if let Some(key) = key {
        match services.idempotency.check(key).await? {
            Some(Attempt::Replayed(stored)) => return Ok(Reply::replayed(&stored)),
            Some(Attempt::Refused(refusal)) => return Err(Error::Key(refusal).into()),
            Some(Attempt::Done(())) | None => {}
        }
    }
    let to_store = answer.clone();
    let keyed =
        key.map(|key| Keyed { key, answer: Box::new(move |outcome: &T| to_store(outcome).ok().map(kept)) });
    match write(keyed).await? {
        Attempt::Done(outcome) => Ok(Reply::stored(&answer(&outcome)?)),
        Attempt::Replayed(stored) => Ok(Reply::replayed(&stored)),
        Attempt::Refused(refusal) => Err(Error::Key(refusal).into()),
    }
}

/// The key of a request: its scope is credential, method and path, its content query and body.
fn key_of(Sent { head, passage }: &Sent<'_>, body: &[u8]) -> Result<Option<RequestKey>, Failure> {
    let mut lines = head.headers.get_all(HEADER);
    let Some(line) = lines.next() else { return Ok(None) };
    let refused = |why: &str| Err(Failure::new(problem::INVALID_KEY, format!("the Idempotency-Key {why}")));
    if lines.next().is_some() {
        return refused("is given more than once");
    }
    let Ok(key) = std::str::from_utf8(line.as_bytes()) else { return refused("is not UTF-8") };
    let key = key.trim();
    if key.is_empty() {
        return refused("must not be empty");
    }
    if RequestKey::CHARS_MAX < key.chars().count() {
        return refused("has more than the 255 characters it may have");
    }
    // Without authentication all callers are one.
    let credential = credential_of(passage.as_deref());
    let (method, path) = (head.method.as_str(), head.uri.path());
    let scope: [&[u8]; 4] = [&credential, method.as_bytes(), path.as_bytes(), key.as_bytes()];
    Ok(Some(RequestKey::new(&scope, &[head.uri.query().unwrap_or_default().as_bytes(), body])))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn key(path: &str, header: &[u8], body: &[u8]) -> Result<Option<RequestKey>, Failure> {
        let value = actix_web::http::header::HeaderValue::from_bytes(header).unwrap();
        let request = TestRequest::post().uri(path).append_header((HEADER, value)).to_http_request();
        key_of(&(&request).into(), body)
    }

    #[test]
    fn a_key_is_bound_to_the_path_and_told_apart_by_query_and_body() {
        let first = key("/v1/activities", b"k", b"{}").unwrap().unwrap();
        assert_eq!(key("/v1/activities", b"k", b"{}").unwrap().unwrap(), first);
        assert_ne!(key("/v1/activities/batch", b"k", b"{}").unwrap().unwrap().scope, first.scope);
        assert_ne!(key("/v1/activities", b"l", b"{}").unwrap().unwrap().scope, first.scope);
        let other_body = key("/v1/activities", b"k", b"{ }").unwrap().unwrap();
        assert!(other_body.scope == first.scope && other_body.content != first.content);
        let other_query = key("/v1/activities?a", b"k", b"{}").unwrap().unwrap();
        assert!(other_query.scope == first.scope && other_query.content != first.content);
    }

    #[test]
    fn a_key_that_cannot_be_is_refused() {
        for header in [&b""[..], b"  ", b"\xFF", "k".repeat(256).as_bytes()] {
            assert_eq!(key("/", header, b"").unwrap_err().kind, problem::INVALID_KEY);
        }
        assert!(key("/", "k".repeat(255).as_bytes(), b"").unwrap().is_some());
        let keyless = TestRequest::post().to_http_request();
        assert_eq!(key_of(&(&keyless).into(), b"").unwrap(), None);
    }
}
