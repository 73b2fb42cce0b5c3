use std::{fmt, time::Duration};

use reqwest::{StatusCode, header::HeaderMap};
use serde::Deserialize;

use crate::retry;

/// Why the server did not do what it was asked (RFC 9457).
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The stable name of its kind, such as `/problems/user-not-found`; [`Problem::kind`] reads it.
    #[serde(rename = "type")]
    pub uri: String,
    /// The kind in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What exactly is wrong, naming the offending value.
    pub detail: String,
    /// The path that was asked.
    pub instance: Option<String>,
    /// The id of the request, as in the server's log.
    pub request_id: Option<String>,
    /// Every fault of the request, where there can be several.
    #[serde(default)]
    pub errors: Vec<Fault>,
    /// When to ask again, where the server says it.
    #[serde(skip)]
    pub retry_after: Option<Duration>,
}

/// A fault of a request, and where it is.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fault {
    /// The place in the body, as a JSON pointer.
    pub pointer: Option<String>,
    /// The parameter of the query.
    pub parameter: Option<String>,
    /// What is wrong.
    pub detail: String,
}

impl Problem {
    /// The kind, to be told apart by.
    pub fn kind(&self) -> ProblemKind {
        ProblemKind::of(&self.uri)
    }

    /// Reads an answer; where it is none of the server's own (a proxy's, say), what can be told of it.
    pub(crate) fn read(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let retry_after = retry::told_by(headers);
        if let Ok(problem) = serde_json::from_slice::<Self>(body) {
            return Self { retry_after, ..problem };
        }
        let text = String::from_utf8_lossy(body);
        Self {
            uri: "about:blank".to_owned(),
            title: status.canonical_reason().unwrap_or("An unknown status").to_owned(),
            status: status.as_u16(),
            detail: text.chars().take(200).collect(),
            instance: None,
            request_id: headers.get("x-request-id").and_then(|id| id.to_str().ok()).map(str::to_owned),
            errors: Vec::new(),
            retry_after,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.title, self.status, self.detail)?;
        for fault in &self.errors {
            let place = fault.pointer.as_deref().or(fault.parameter.as_deref()).unwrap_or_default();
            write!(f, "; {place} {}", fault.detail)?;
        }
        Ok(())
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $slug:literal,)*) => {
        /// The kinds of problems.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ProblemKind {
            $(#[doc = concat!("`/problems/", $slug, "`")] $name,)*
            /// One that this version of the client does not know.
            Other,
        }

        impl ProblemKind {
            /// The kind that a `type` names.
            pub fn of(uri: &str) -> Self {
                match uri.strip_prefix("/problems/") {
                    $(Some($slug) => Self::$name,)*
                    _ => Self::Other,
                }
            }
        }
    };
}

kinds! {
    InvalidRequest = "invalid-request",
    MalformedJson = "malformed-json",
    MalformedQuery = "malformed-query",
    InvalidUsername = "invalid-username",
    InvalidCursor = "invalid-cursor",
    InvalidPosition = "invalid-position",
    InvalidIdempotencyKey = "invalid-idempotency-key",
    BadRequest = "bad-request",
    Unauthorized = "unauthorized",
    Forbidden = "forbidden",
    Blocked = "blocked",
    NotFound = "not-found",
    UserNotFound = "user-not-found",
    ActivityNotFound = "activity-not-found",
    FollowNotFound = "follow-not-found",
    BlockNotFound = "block-not-found",
    MuteNotFound = "mute-not-found",
    KeyNotFound = "key-not-found",
    WebhookNotFound = "webhook-not-found",
    DeliveryNotFound = "delivery-not-found",
    TooManyWebhooks = "too-many-webhooks",
    MethodNotAllowed = "method-not-allowed",
    NotAcceptable = "not-acceptable",
    RequestTimeout = "request-timeout",
    OnOneself = "on-oneself",
    AlreadyFollowing = "already-following",
    UsernameTaken = "username-taken",
    ExternalIdTaken = "external-id-taken",
    IdempotencyKeyUnderWay = "idempotency-key-under-way",
    SecretAlreadyShown = "secret-already-shown",
    ResetRefused = "reset-refused",
    IdempotentAnswerErased = "idempotent-answer-erased",
    EventsGone = "events-gone",
    PreconditionFailed = "precondition-failed",
    BodyTooLarge = "body-too-large",
    UnsupportedMediaType = "unsupported-media-type",
    TooManyRequests = "too-many-requests",
    IdempotencyKeyReused = "idempotency-key-reused",
    Internal = "internal",
    Overloaded = "overloaded",
    TookTooLong = "took-too-long",
    Unavailable = "unavailable",
    PositionNotReached = "position-not-reached",
    NotReady = "not-ready",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_read_with_its_faults() {
        let body = br#"{"type":"/problems/invalid-request","title":"The request is not valid","status":400,"detail":"d",
            "instance":"/v1/activities","request_id":"r","errors":[{"pointer":"/verb","detail":"is required"}]}"#;
        let problem = Problem::read(StatusCode::BAD_REQUEST, &HeaderMap::new(), body);
        assert_eq!(problem.kind(), ProblemKind::InvalidRequest);
        assert_eq!(problem.errors[0].pointer.as_deref(), Some("/verb"));
        assert_eq!(problem.to_string(), "The request is not valid (400): d; /verb is required");
    }

    #[test]
    fn what_is_no_problem_is_told_as_one() {
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", "3".parse().unwrap());
        let problem = Problem::read(StatusCode::BAD_GATEWAY, &headers, b"<html>");
        assert_eq!((problem.kind(), problem.status), (ProblemKind::Other, 502));
        assert_eq!((problem.detail.as_str(), problem.retry_after), ("<html>", Some(Duration::from_secs(3))));
    }
}
