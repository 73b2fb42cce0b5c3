//! Bodies of requests: their form, their size and their pace are checked before a handler sees them.

use std::{future::Future, marker::PhantomData, pin::Pin, time::Duration};

use actix_web::{
    FromRequest, HttpRequest,
    dev::Payload,
    http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap},
};
use futures_util::StreamExt;

use crate::problem::{self, Failure};

/// The most bytes of a body.
pub const BYTES_MAX: usize = 1024 * 1024;
/// The most bytes of a batch.
pub const BATCH_BYTES_MAX: usize = 16 * 1024 * 1024;

/// How long a body may take as a whole.
const ARRIVAL_MAX: Duration = Duration::from_mins(1);
/// How long a client may be silent in the middle of one.
const SILENCE_MAX: Duration = Duration::from_secs(10);

const JSON: &str = "application/json";
const MERGE_PATCH: &str = "application/merge-patch+json";
const NDJSON: &str = "application/x-ndjson";

/// What a route takes for a body.
pub trait BodyRule: 'static {
    /// The media types; none where any is read as JSON.
    const MEDIA_TYPES: &'static [&'static str] = &[JSON];
    /// The most bytes.
    const BYTES_MAX: usize = BYTES_MAX;
}

/// One JSON object.
pub struct Json;
impl BodyRule for Json {}

/// A change of what is there.
pub struct Patch;
impl BodyRule for Patch {
    const MEDIA_TYPES: &'static [&'static str] = &[JSON, MERGE_PATCH];
}

/// Many activities.
pub struct Batch;
impl BodyRule for Batch {
    const MEDIA_TYPES: &'static [&'static str] = &[JSON, NDJSON];
    const BYTES_MAX: usize = BATCH_BYTES_MAX;
}

/// A body of the classic routes, which never asked what it is called.
pub struct Any;
impl BodyRule for Any {
    const MEDIA_TYPES: &'static [&'static str] = &[];
}

/// A body that a rule lets in.
pub struct Body<R> {
    /// The bytes as sent.
    pub bytes: Vec<u8>,
    /// Whether it is one JSON value a line.
    pub is_ndjson: bool,
    rule: PhantomData<R>,
}

impl<R: BodyRule> FromRequest for Body<R> {
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Failure>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        Box::pin(Self::arriving(request.headers(), payload.take()))
    }
}

impl<R: BodyRule> Body<R> {
    /// The body of a request with these headers. They are looked at now, and what is wrong with them is told when asked for it.
    pub fn arriving(
        headers: &HeaderMap,
        mut payload: Payload,
    ) -> impl Future<Output = Result<Self, Failure>> + use<R> {
        let checked = check_head(headers, R::MEDIA_TYPES, R::BYTES_MAX);
        async move {
            let form = checked?;
            let arrival = read(&mut payload, R::BYTES_MAX);
            let bytes =
                tokio::time::timeout(ARRIVAL_MAX, arrival).await.unwrap_or_else(|_| Err(too_slow()))?;
            match form {
                // Without a body there is nothing to name; the handler says what it misses.
                Form::Unnamed(failure) if !bytes.is_empty() => Err(failure),
                form => Ok(Self { bytes, is_ndjson: matches!(form, Form::Lines), rule: PhantomData }),
            }
        }
    }
}

/// What a head says about the body that follows.
enum Form {
    One,
    Lines,
    /// It has no `Content-Type`, which is this failure where a body follows.
    Unnamed(Failure),
}

fn check_head(headers: &HeaderMap, media_types: &[&str], bytes_max: usize) -> Result<Form, Failure> {
    let header = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if let Some(length) = header(CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok())
        && (bytes_max as u64) < length
    {
        return Err(too_large(bytes_max));
    }
    if let Some(coding) = header(CONTENT_ENCODING).filter(|coding| !coding.eq_ignore_ascii_case("identity")) {
        return Err(unsupported(format!(
            "the body is encoded as '{}'; send it as it is",
            crate::query::cut(coding)
        )));
    }
    if media_types.is_empty() {
        return Ok(Form::One);
    }
    let expected = media_types.join(" or ");
    match header(CONTENT_TYPE) {
        None => {
            Ok(Form::Unnamed(unsupported(format!("the body has no Content-Type; it must be {expected}"))))
        }
        Some(named) if !is_one_of(named, media_types) => Err(unsupported(format!(
            "the Content-Type is '{}'; it must be {expected}, in UTF-8",
            crate::query::cut(named)
        ))),
        Some(named) if is_one_of(named, &[NDJSON]) => Ok(Form::Lines),
        Some(_) => Ok(Form::One),
    }
}

fn is_one_of(named: &str, media_types: &[&str]) -> bool {
    let mut parts = named.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    let is_utf8 = |parameter: &str| match parameter.split_once('=') {
        Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
            value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        _ => true,
    };
    media_types.iter().any(|media_type| media_type.eq_ignore_ascii_case(essence)) && parts.all(is_utf8)
}

async fn read(payload: &mut Payload, bytes_max: usize) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    loop {
        let chunk = tokio::time::timeout(SILENCE_MAX, payload.next()).await.map_err(|_| too_slow())?;
        let Some(chunk) = chunk else { return Ok(bytes) };
        let chunk = chunk.map_err(|error| {
            Failure::new(problem::BAD_REQUEST, format!("the body did not arrive whole: {error}"))
        })?;
        if bytes_max < bytes.len() + chunk.len() {
            return Err(too_large(bytes_max));
        }
        bytes.extend_from_slice(&chunk);
    }
}

fn unsupported(detail: String) -> Failure {
    Failure::new(problem::UNSUPPORTED_MEDIA_TYPE, detail)
}

fn too_large(bytes_max: usize) -> Failure {
    Failure::new(problem::TOO_LARGE, format!("the body has more than the {bytes_max} bytes it may have"))
}

fn too_slow() -> Failure {
    Failure::new(problem::TIMEOUT, "the body took too long to arrive")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_media_type_is_taken_in_any_case_and_only_in_utf8() {
        for named in [
            "application/json",
            "Application/JSON",
            "application/json; charset=UTF-8",
            "application/json;x=y",
        ] {
            assert!(is_one_of(named, Json::MEDIA_TYPES), "{named}");
        }
        for named in ["", "text/json", "application/json; charset=latin1", "application/jsonx", MERGE_PATCH] {
            assert!(!is_one_of(named, Json::MEDIA_TYPES), "{named}");
        }
        assert!(is_one_of(MERGE_PATCH, Patch::MEDIA_TYPES));
    }
}
