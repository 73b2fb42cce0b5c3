//! What a handler answers, and how a client may keep it.

use actix_web::{
    HttpRequest, HttpResponse, Responder,
    body::BoxBody,
    dev::RequestHead,
    http::{
        Method, StatusCode,
        header::{self, HeaderName, HeaderValue},
    },
};
use bytestring::ByteString;
use feed_me_domain::{Cursor, StoredAnswer, services::Page};
use serde::Serialize;

use crate::{
    bodies::Told,
    etag,
    links::{Asked, path_of},
    position,
    problem::Failure,
    query::Query,
    shared::Shared,
};

/// What a handler returns.
pub type Answer = Result<Reply, Failure>;

/// How an answer may be kept by the client.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Keep {
    /// As the surface has always answered: nothing is said.
    Unsaid,
    /// Kept, and asked for again with its tag; none: the tag follows from the body.
    Revalidated(Option<String>),
    /// Never.
    Never,
}

/// An answer of JSON, or of nothing.
#[derive(Clone, Debug)]
pub struct Reply {
    status: StatusCode,
    body: Option<ByteString>,
    media_type: &'static str,
    keep: Keep,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// What nearly every answer is.
const JSON: &str = "application/json";

impl Reply {
    /// JSON with a status.
    pub fn json(status: StatusCode, view: &impl Serialize) -> Answer {
        Ok(Self::text(status, written(view)?))
    }

    /// JSON with 200.
    pub fn ok(view: &impl Serialize) -> Answer {
        Self::json(StatusCode::OK, view)
    }

    /// 204.
    pub fn no_content() -> Self {
        Self {
            status: StatusCode::NO_CONTENT,
            body: None,
            media_type: JSON,
            keep: Keep::Unsaid,
            headers: Vec::new(),
        }
    }

    fn text(status: StatusCode, body: String) -> Self {
        let keep = Keep::Revalidated(None);
        Self { status, body: Some(body.into()), media_type: JSON, keep, headers: Vec::new() }
    }

    /// JSON that is written already, with 200, as the classic routes answer it.
    pub fn classic_text(body: String) -> Self {
        Self::text(StatusCode::OK, body).unsaid()
    }

    /// JSON with 200 as the classic routes answer it.
    pub fn classic(view: &impl Serialize) -> Answer {
        Ok(Self::ok(view)?.unsaid())
    }

    /// The same answer, with nothing said about how it may be kept.
    #[must_use]
    pub fn unsaid(self) -> Self {
        Self { keep: Keep::Unsaid, ..self }
    }

    /// An answer that was made to be stored.
    pub fn stored(answer: &StoredAnswer) -> Self {
        let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
        let bare = match status {
            StatusCode::NO_CONTENT => Self::no_content(),
            _ => Self::text(status, answer.body.clone()),
        };
        answer.location.iter().fold(bare, |reply, location| reply.header(header::LOCATION, location))
    }

    /// A stored answer that is given again.
    pub fn replayed(answer: &StoredAnswer) -> Self {
        Self::stored(answer).header(HeaderName::from_static("idempotency-replayed"), "true")
    }

    /// Adds a header. Its value is ours, so it is one: what comes from clients is in it percent-encoded.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: impl AsRef<str>) -> Self {
        self.headers.extend(HeaderValue::from_str(value.as_ref()).map(|value| (name, value)));
        self
    }

    /// The same JSON under a more exact name, which its tag follows from as well.
    #[must_use]
    pub fn as_media_type(self, media_type: &'static str) -> Self {
        let tag = self.body.as_deref().map(|body| etag::of_body(&[media_type, "\n", body].concat()));
        Self { media_type, keep: Keep::Revalidated(tag), ..self }
    }

    /// The answer includes all changes up to a position.
    #[must_use]
    pub fn at_position(mut self, position: i64) -> Self {
        self.headers.push((position::HEADER, HeaderValue::from(position)));
        self
    }

    /// The same answer in no more memory than it needs, for whoever keeps it.
    #[must_use]
    pub fn compact(&self) -> Self {
        let body = self.body.as_deref().map(ByteString::from);
        Self { body, ..self.clone() }
    }

    /// About how many bytes it has.
    pub fn size(&self) -> usize {
        let headers: usize = self.headers.iter().map(|(_, value)| value.len()).sum();
        headers + self.body.as_ref().map_or(0, |body| body.len())
    }

    /// The answer has a tag of its own. It stays strong for every client: such an answer is never compressed.
    #[must_use]
    pub fn tagged(self, tag: String) -> Self {
        let plain = self.header(header::CONTENT_ENCODING, "identity");
        Self { keep: Keep::Revalidated(Some(tag)), ..plain }
    }

    /// The answer has the tag of its body, and is never compressed either.
    #[must_use]
    pub fn tagged_by_body(self) -> Self {
        let tag = etag::of_body(self.body.as_deref().unwrap_or_default());
        self.tagged(tag)
    }

    /// The answer is never kept.
    #[must_use]
    pub fn never_kept(self) -> Self {
        Self { keep: Keep::Never, ..self }
    }
}

/// Writes a view as JSON.
pub fn written(view: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string(view).map_err(|error| Failure::internal(format!("an answer is no JSON: {error}")))
}

/// A page of a feed, with the same neighbours in its body and in its `Link` header.
pub fn feed<T>(shared: &Shared, asked: Asked<'_>, query: &Query, page: &Page<T>, told: &[Told]) -> Reply {
    let (next, previous) = (page.next.as_ref().map(Cursor::as_str), page.previous.as_str());
    let size: usize = told.iter().map(Told::size).sum();
    let mut body = String::with_capacity(size + 2 * previous.len() + 80);
    body.push_str("{\"items\":[");
    for (index, item) in told.iter().enumerate() {
        if 0 < index {
            body.push(',');
        }
        item.write(&mut body);
    }
    // Cursors have no character that JSON escapes.
    body.push_str("],\"next_cursor\":");
    match next {
        Some(next) => body.extend(["\"", next, "\""]),
        None => body.push_str("null"),
    }
    body.extend([",\"previous_cursor\":\"", previous, "\"}"]);
    let tag = etag::of_page(told, next, previous);
    let reply = Reply { keep: Keep::Revalidated(Some(tag)), ..Reply::text(StatusCode::OK, body) };
    reply.header(header::LINK, links(shared, asked, query, page))
}

/// Where a page leads, as a `Link` header has it (RFC 8288).
pub fn links<T>(shared: &Shared, asked: Asked<'_>, query: &Query, page: &Page<T>) -> String {
    let (origin, path) = (shared.origin(asked), path_of(asked.head));
    let mut links = String::with_capacity(2 * (origin.len() + path.len() + 160));
    let next = page.next.iter().map(|cursor| (cursor, "next"));
    for (cursor, relation) in next.chain([(&page.previous, "prev")]) {
        links.extend([if links.is_empty() { "<" } else { ", <" }, &origin, &path, "?"]);
        query.write_without(&mut links, "cursor");
        // Nor has a cursor one that a query escapes.
        links.extend(["cursor=", cursor.as_str(), ">; rel=\"", relation, "\""]);
    }
    links
}

/// A page of `items`, with the same neighbours in its body and in its `Link` header.
pub fn page<T, V: Serialize>(
    shared: &Shared,
    request: &HttpRequest,
    query: &Query,
    page: &Page<T>,
    items: Vec<V>,
) -> Answer {
    #[derive(Serialize)]
    struct PageView<'a, V> {
        items: Vec<V>,
        next_cursor: Option<&'a str>,
        previous_cursor: &'a str,
    }
    let body = PageView {
        items,
        next_cursor: page.next.as_ref().map(Cursor::as_str),
        previous_cursor: page.previous.as_str(),
    };
    linked(shared, request, query, page, &body)
}

/// A view of a page with its neighbours in the `Link` header.
pub fn linked<T>(
    shared: &Shared,
    request: &HttpRequest,
    query: &Query,
    page: &Page<T>,
    view: &impl Serialize,
) -> Answer {
    Ok(Reply::ok(view)?.header(header::LINK, links(shared, request.into(), query, page)))
}

impl Responder for Reply {
    type Body = BoxBody;

    fn respond_to(self, request: &HttpRequest) -> HttpResponse {
        self.into_response(request.head())
    }
}

impl Reply {
    /// The answer to a request: not the body again, where the client has it.
    pub fn into_response(self, asked: &RequestHead) -> HttpResponse {
        let is_read = matches!(asked.method, Method::GET | Method::HEAD);
        let tag = match &self.keep {
            Keep::Revalidated(Some(tag)) => Some(tag.clone()),
            Keep::Revalidated(None) if is_read => self.body.as_deref().map(etag::of_body),
            Keep::Revalidated(None) | Keep::Unsaid | Keep::Never => None,
        };
        let known = tag.as_ref().filter(|_| is_read && self.status == StatusCode::OK);
        if let Some(tag) = known.and_then(|tag| etag::if_none_match(&asked.headers, tag)) {
            let mut unchanged = HttpResponse::NotModified();
            let is_plain = self
                .headers
                .iter()
                .any(|(name, value)| *name == header::CONTENT_ENCODING && value == "identity");
            // Who edits with the tag of what is never compressed has to have the strong one.
            let tag = tag.strip_prefix("W/").filter(|_| is_plain).unwrap_or(&tag);
            unchanged.insert_header((header::ETAG, tag));
            for (name, value) in self.headers.into_iter().filter(|(name, _)| *name == position::HEADER) {
                unchanged.insert_header((name, value));
            }
            return unchanged.insert_header((header::CACHE_CONTROL, "private, no-cache")).finish();
        }
        let mut response = HttpResponse::build(self.status);
        for (name, value) in self.headers {
            response.append_header((name, value));
        }
        match self.keep {
            Keep::Revalidated(_) if is_read => {
                response.insert_header((header::CACHE_CONTROL, "private, no-cache"));
            }
            Keep::Never => {
                response.insert_header((header::CACHE_CONTROL, "no-store"));
            }
            Keep::Revalidated(_) | Keep::Unsaid => {}
        }
        if let Some(tag) = tag {
            response.insert_header((header::ETAG, tag));
        }
        match self.body {
            Some(body) => response.content_type(self.media_type).body(body),
            None => response.finish(),
        }
    }
}
