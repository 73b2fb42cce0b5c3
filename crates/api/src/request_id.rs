//! The id of a request: the client's, where it is harmless, else a new one.

use actix_web::http::header::{HeaderMap, HeaderName};

/// `X-Request-Id`.
pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The id of a request, as it stands in the log and in the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(pub String);

impl RequestId {
    /// The most characters of an id that is taken over.
    pub const CHARS_MAX: usize = 128;

    /// Takes the client's id over, or makes one.
    pub fn of(headers: &HeaderMap) -> Self {
        let sent = headers.get(HEADER).and_then(|id| id.to_str().ok()).filter(|id| is_safe(id));
        Self(sent.map_or_else(|| uuid::Uuid::now_v7().to_string(), str::to_owned))
    }
}

fn is_safe(id: &str) -> bool {
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:+/=@~".contains(&byte);
    (1..=RequestId::CHARS_MAX).contains(&id.len()) && id.bytes().all(safe)
}

/// The span of another service that a request was sent for (W3C Trace Context, version 00).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parent {
    /// The id of the trace, 32 hexadecimal digits.
    pub trace: String,
    /// The id of the span, 16 hexadecimal digits.
    pub span: String,
    /// The flags; the lowest bit says that it is sampled.
    pub flags: u8,
    /// `tracestate` as it came, which is handed on.
    pub state: String,
}

impl Parent {
    /// The one that the headers name, where they do it well.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let parent = headers.get("traceparent")?.to_str().ok()?;
        let mut parts = parent.split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let is_hex = |part: &str, length: usize| {
            part.len() == length && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        let is_whole = is_hex(version, 2) && version != "ff" && (version != "00" || parts.next().is_none());
        let is_set = |part: &str| part.bytes().any(|byte| byte != b'0');
        if !is_whole || !is_hex(trace, 32) || !is_set(trace) || !is_hex(span, 16) || !is_set(span) {
            return None;
        }
        let flags = is_hex(flags, 2).then(|| u8::from_str_radix(flags, 16).ok())??;
        let state = headers.get("tracestate").and_then(|state| state.to_str().ok());
        let (trace, span) = (trace.to_owned(), span.to_owned());
        Some(Self { trace, span, flags, state: state.unwrap_or_default().to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn headers(name: &'static str, value: &[u8]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(HeaderName::from_static(name), HeaderValue::from_bytes(value).unwrap());
        headers
    }

    #[test]
    fn a_safe_id_is_taken_over() {
        for id in ["a", "req-1_2.3:4", &"x".repeat(128)] {
            assert_eq!(RequestId::of(&headers("x-request-id", id.as_bytes())).0, id);
        }
    }

    #[test]
    fn any_other_id_is_replaced_by_a_uuid() {
        for id in [&b""[..], b"a b", b"a\"b", b"a\xFFb", b"a%0ab", "x".repeat(129).as_bytes()] {
            let made = RequestId::of(&headers("x-request-id", id)).0;
            assert_eq!(uuid::Uuid::parse_str(&made).unwrap().get_version_num(), 7);
        }
    }

    #[test]
    fn a_trace_is_taken_over_from_a_parent_that_is_well_formed() {
        let trace =
            |parent: &str| Parent::of(&headers("traceparent", parent.as_bytes())).map(|parent| parent.trace);
        let id = "0af7651916cd43dd8448eb211c80319c";
        assert_eq!(trace(&format!("00-{id}-b7ad6b7169203331-01")).as_deref(), Some(id));
        assert_eq!(trace(&format!("01-{id}-b7ad6b7169203331-01-more")).as_deref(), Some(id));
        for parent in [
            format!("00-{id}-b7ad6b7169203331-01-more"),
            format!("ff-{id}-b7ad6b7169203331-01"),
            format!("00-{}-b7ad6b7169203331-01", "0".repeat(32)),
            format!("00-{id}-b7ad6b716920333-01"),
            "nonsense".to_owned(),
        ] {
            assert_eq!(trace(&parent), None, "{parent}");
        }
    }
}
