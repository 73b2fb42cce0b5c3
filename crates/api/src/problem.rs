//! What a request is answered instead of what it asked for: as RFC 9457 has it, or as the first feed-me had it.

use actix_web::{
    HttpResponse, ResponseError,
    http::{StatusCode, header},
};
use feed_me_domain::Fault;
use serde::Serialize;
use utoipa::ToSchema;

/// One kind of problem: clients tell kinds apart by `slug`, people by `title`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// The HTTP status.
    pub status: u16,
    /// The stable name: `type` is `/problems/{slug}`.
    pub slug: &'static str,
    /// What it is, in the same words every time.
    pub title: &'static str,
}

impl Kind {
    const fn new(status: u16, slug: &'static str, title: &'static str) -> Self {
        Self { status, slug, title }
    }

    /// The `type` of the problem.
    pub fn uri(&self) -> String {
        format!("/problems/{}", self.slug)
    }
}

macro_rules! kinds {
    ($($name:ident: $status:literal $slug:literal $title:literal;)*) => {
        $(#[doc = concat!("`", $slug, "`")] pub const $name: &Kind = &Kind::new($status, $slug, $title);)*
        /// Every kind of problem.
        pub const ALL_KINDS: &[&Kind] = &[$($name),*];
    };
}

kinds! {
    INVALID_REQUEST: 400 "invalid-request" "The request is not valid";
    MALFORMED_JSON: 400 "malformed-json" "The body is not acceptable JSON";
    MALFORMED_QUERY: 400 "malformed-query" "The query cannot be read";
    INVALID_USERNAME: 400 "invalid-username" "The path names no valid username";
    INVALID_CURSOR: 400 "invalid-cursor" "The cursor cannot be used here";
    INVALID_POSITION: 400 "invalid-position" "The position cannot be used";
    INVALID_KEY: 400 "invalid-idempotency-key" "The Idempotency-Key is not valid";
    BAD_REQUEST: 400 "bad-request" "The request cannot be read";
    UNAUTHORIZED: 401 "unauthorized" "A valid credential is needed";
    FORBIDDEN: 403 "forbidden" "The credential does not allow this";
    BLOCKED: 403 "blocked" "A block stands between the two users";
    NOT_FOUND: 404 "not-found" "There is nothing here";
    USER_NOT_FOUND: 404 "user-not-found" "There is no such user";
    ACTIVITY_NOT_FOUND: 404 "activity-not-found" "There is no such activity";
    FOLLOW_NOT_FOUND: 404 "follow-not-found" "There is no such follow";
    BLOCK_NOT_FOUND: 404 "block-not-found" "There is no such block";
    MUTE_NOT_FOUND: 404 "mute-not-found" "There is no such mute";
    KEY_NOT_FOUND: 404 "key-not-found" "There is no such application key";
    WEBHOOK_NOT_FOUND: 404 "webhook-not-found" "There is no such webhook";
    DELIVERY_NOT_FOUND: 404 "delivery-not-found" "The webhook has no such delivery";
    METHOD_NOT_ALLOWED: 405 "method-not-allowed" "The method is not allowed here";
    NOT_ACCEPTABLE: 406 "not-acceptable" "No acceptable form of the answer can be served";
    TIMEOUT: 408 "request-timeout" "The request took too long to arrive";
    SELF_FOLLOW: 409 "on-oneself" "Nobody follows, blocks or mutes themselves";
    ALREADY_FOLLOWING: 409 "already-following" "The follow is there already";
    NAME_TAKEN: 409 "username-taken" "Another user has the name";
    EXTERNAL_ID_TAKEN: 409 "external-id-taken" "Another activity has the external_id";
    KEY_UNDER_WAY: 409 "idempotency-key-under-way" "The first request with this Idempotency-Key is under way";
    SECRET_SHOWN: 409 "secret-already-shown" "The secret in the answer to this Idempotency-Key is shown once";
    TOO_MANY_WEBHOOKS: 409 "too-many-webhooks" "There are as many webhooks as there may be";
    RESET_REFUSED: 409 "reset-refused" "The database is too large to be reset";
    KEY_ERASED: 410 "idempotent-answer-erased" "The answer to this Idempotency-Key is gone";
    EVENTS_GONE: 410 "events-gone" "The log does not reach back to the position";
    PRECONDITION_FAILED: 412 "precondition-failed" "The stored version is another one";
    TOO_LARGE: 413 "body-too-large" "The body is too large";
    UNSUPPORTED_MEDIA_TYPE: 415 "unsupported-media-type" "The body is in a form that is not understood";
    TOO_MANY_REQUESTS: 429 "too-many-requests" "The limit of requests is spent";
    KEY_REUSED: 422 "idempotency-key-reused" "The Idempotency-Key was used with another request";
    INTERNAL: 500 "internal" "Something went wrong on our side";
    OVERLOADED: 503 "overloaded" "There is too much to do at the moment";
    TOO_LONG: 503 "took-too-long" "The request took longer than it may";
    UNAVAILABLE: 503 "unavailable" "The service is unavailable for the moment";
    POSITION_NOT_REACHED: 503 "position-not-reached" "The server has not seen the position yet";
    NOT_READY: 503 "not-ready" "The server cannot serve";
}

/// How long a client waits before it asks again, in seconds.
pub const RETRY_AFTER_S: u32 = 1;

/// Why a request is not answered as asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Which kind it is.
    pub kind: &'static Kind,
    /// What exactly is wrong, naming the offending value.
    pub detail: String,
    /// Every fault, where there can be several.
    pub faults: Vec<Fault>,
    /// The methods that the path has, where the one asked for is not among them.
    pub allow: Option<Box<str>>,
    /// How to show a credential that is enough, where the one shown is not.
    pub challenge: Option<Box<str>>,
    /// When to ask again, in seconds, where that is known better than by [`RETRY_AFTER_S`].
    pub retry_after_s: Option<u32>,
    /// What happened on our side: for the log, never for the client.
    pub cause: Option<String>,
}

impl Failure {
    /// A failure of a kind.
    pub fn new(kind: &'static Kind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            faults: Vec::new(),
            allow: None,
            challenge: None,
            retry_after_s: None,
            cause: None,
        }
    }

    /// A request with faults.
    pub fn faulty(faults: Vec<Fault>) -> Self {
        let detail = told(&faults);
        Self { faults, ..Self::new(INVALID_REQUEST, detail) }
    }

    /// A query parameter that breaks a rule.
    pub fn parameter(name: &str, detail: impl std::fmt::Display) -> Self {
        Self::faulty(vec![Fault::new(name, detail)])
    }

    /// Something that should not happen; the client reads a fixed sentence.
    pub fn internal(cause: impl Into<String>) -> Self {
        let detail = "the server could not answer because of a fault of its own, which it has logged";
        Self { cause: Some(cause.into()), ..Self::new(INTERNAL, detail) }
    }

    /// The failure that a bare status, made by the framework, stands for.
    pub fn of_status(status: StatusCode) -> Self {
        let kind = ALL_KINDS.iter().find(|kind| kind.status == status.as_u16());
        match kind {
            Some(kind) if kind.status == INTERNAL.status => {
                Self::internal(format!("the framework answered {status}"))
            }
            None => Self::internal(format!("the framework answered {status}")),
            Some(kind) if kind.status == BAD_REQUEST.status => {
                Self::new(BAD_REQUEST, "the request cannot be read")
            }
            Some(kind) => Self::new(kind, kind.title.to_lowercase()),
        }
    }

    /// The status on `/v1`.
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.kind.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The status on the classic routes, where a name that nobody has is a 404 wherever it stands.
    pub fn classic_status(&self) -> StatusCode {
        let all_unknown =
            !self.faults.is_empty() && self.faults.iter().all(|fault| fault.unknown_user.is_some());
        if all_unknown { StatusCode::NOT_FOUND } else { self.status() }
    }
}

/// The faults in one sentence; a long list is cut, it stands whole in `errors`.
fn told(faults: &[Fault]) -> String {
    const TOLD_MAX: usize = 5;
    let mut told: Vec<String> = faults.iter().take(TOLD_MAX).map(Fault::to_string).collect();
    if TOLD_MAX < faults.len() {
        told.push(format!("and {} more", faults.len() - TOLD_MAX));
    }
    told.join("; ")
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for Failure {}

impl ResponseError for Failure {
    fn status_code(&self) -> StatusCode {
        self.status()
    }

    /// Bare: [`finish`](crate::finish) writes the body, as it knows the request.
    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status());
        if let Some(allow) = &self.allow {
            response.insert_header((header::ALLOW, &**allow));
        }
        if let Some(challenge) = &self.challenge {
            response.insert_header((header::WWW_AUTHENTICATE, &**challenge));
        }
        let is_unavailable = self.status() == StatusCode::SERVICE_UNAVAILABLE;
        if let Some(seconds) = self.retry_after_s.or(is_unavailable.then_some(RETRY_AFTER_S)) {
            response.insert_header((header::RETRY_AFTER, seconds));
        }
        response.finish()
    }
}

/// A problem as `/v1` tells it (RFC 9457).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemView<'a> {
    /// A stable reference that tells kinds of problems apart.
    #[serde(rename = "type")]
    #[schema(example = "/problems/user-not-found", pattern = "^/problems/[a-z-]+$")]
    pub kind: String,
    /// The kind in words.
    pub title: &'a str,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    pub status: u16,
    /// What exactly is wrong.
    pub detail: &'a str,
    /// The path of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub instance: Option<&'a str>,
    /// The id of the request, as in the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub request_id: Option<&'a str>,
    /// Every fault of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub errors: Option<Vec<FaultView<'a>>>,
}

/// One fault of a request.
#[derive(Serialize, ToSchema)]
#[schema(as = Fault)]
pub struct FaultView<'a> {
    /// Where it is in the body (RFC 6901).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub pointer: Option<&'a str>,
    /// Which query parameter it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub parameter: Option<&'a str>,
    /// What is wrong.
    pub detail: &'a str,
}

impl<'a> From<&'a Fault> for FaultView<'a> {
    fn from(fault: &'a Fault) -> Self {
        let is_pointer = fault.pointer.is_empty() || fault.pointer.starts_with('/');
        let place = fault.pointer.as_str();
        Self {
            pointer: is_pointer.then_some(place),
            parameter: (!is_pointer).then_some(place),
            detail: &fault.detail,
        }
    }
}

impl<'a> ProblemView<'a> {
    /// The problem of one item of a batch.
    pub fn of_item(failure: &'a Failure) -> Self {
        Self { errors: Some(failure.faults.iter().map(FaultView::from).collect()), ..Self::bare(failure) }
    }

    /// The problem of a request.
    pub fn of_request(failure: &'a Failure, instance: &'a str, request_id: &'a str) -> Self {
        let errors = failure.faults.iter().map(FaultView::from).collect();
        Self {
            instance: Some(instance),
            request_id: Some(request_id),
            errors: (!failure.faults.is_empty()).then_some(errors),
            ..Self::bare(failure)
        }
    }

    fn bare(failure: &'a Failure) -> Self {
        Self {
            kind: failure.kind.uri(),
            title: failure.kind.title,
            status: failure.kind.status,
            detail: &failure.detail,
            instance: None,
            request_id: None,
            errors: None,
        }
    }
}

/// An error as the classic routes tell it.
#[derive(Serialize, ToSchema)]
#[schema(as = ClassicError)]
pub struct ClassicErrorView<'a> {
    /// What is wrong.
    pub error: &'a str,
}
