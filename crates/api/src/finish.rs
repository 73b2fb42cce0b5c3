//! What is done to every answer on its way out: errors get the body of their surface, and headers that tell caches the
//! truth.

use actix_cors::CorsError;
use actix_web::{
    Error, HttpResponse,
    body::{BoxBody, MessageBody},
    dev::{ResponseHead, ServiceRequest, ServiceResponse},
    http::{
        ConnectionType,
        header::{self, HeaderMap, HeaderValue},
    },
    middleware::Next,
    web::Data,
};

use crate::{
    classic,
    passage::Passage,
    problem::{self, ClassicErrorView, Failure, ProblemView},
    reply::written,
    shared::Shared,
};

const VARY: [&str; 3] = ["Accept", "Accept-Encoding", "Authorization"];

/// The middleware.
pub async fn finish<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse, Error> {
    let (request, response) = next.call(request).await?.map_into_boxed_body().into_parts();
    let shared = request.app_data::<Data<Shared>>().map(Data::get_ref);
    let response = finished(response, request.uri().path(), Passage::of(&request).as_deref(), shared);
    Ok(ServiceResponse::new(request, response))
}

/// The same for an answer to a request for `path`.
pub fn finished(
    response: HttpResponse,
    path: &str,
    passage: Option<&Passage>,
    shared: Option<&Shared>,
) -> HttpResponse {
    let mut response = match failure_of(&response) {
        Some(failure) => rendered(response, &failure, path, passage),
        None => response,
    };
    if shared.is_some_and(Shared::is_draining) {
        // The next request on this connection would come too late; whoever keeps it opens one elsewhere.
        response.head_mut().set_connection_type(ConnectionType::Close);
    }
    let headers = response.headers_mut();
    tell_coding(headers);
    if path.starts_with("/v1/") {
        vary(headers);
    }
    response
}

/// What went wrong, where something did: a failure of ours, or one of the framework.
fn failure_of(response: &HttpResponse) -> Option<Failure> {
    let status = response.status();
    if let Some(error) = response.error() {
        if let Some(why) = error.as_error::<CorsError>() {
            return Some(Failure::new(problem::BAD_REQUEST, format!("the preflight is refused: {why}")));
        }
        let failure = error.as_error::<Failure>().cloned();
        return Some(failure.unwrap_or_else(|| Failure::of_status(status)));
    }
    let is_error = status.is_client_error() || status.is_server_error();
    is_error.then(|| Failure::of_status(status))
}

/// Writes the failure as the surface of the route tells it, and logs what is our own fault.
fn rendered(
    response: HttpResponse,
    failure: &Failure,
    path: &str,
    passage: Option<&Passage>,
) -> HttpResponse {
    let is_classic = passage.and_then(Passage::route).is_some_and(classic::is_classic);
    let id = passage.map(|passage| &*passage.id.0).unwrap_or_default();
    // Whom we turn away is counted; a line for each would add to the load. And that the server stops was said once.
    let is_stopping = failure.kind == problem::NOT_READY && failure.cause.is_none();
    if failure.status().is_server_error() && failure.kind != problem::OVERLOADED && !is_stopping {
        let cause = failure.cause.as_deref().unwrap_or(&failure.detail);
        tracing::error!(request_id = id, kind = failure.kind.slug, cause, "a request could not be answered");
    }
    let (status, content_type, body) = if is_classic {
        let error = failure.to_string();
        (failure.classic_status(), "application/json", written(&ClassicErrorView { error: &error }))
    } else {
        let problem = ProblemView::of_request(failure, path, id);
        (failure.status(), "application/problem+json", written(&problem))
    };
    response.map_body(|head: &mut ResponseHead, _| {
        head.status = status;
        head.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        // A view of strings is always JSON.
        BoxBody::new(body.unwrap_or_default())
    })
}

/// A compressed answer has other bytes, so its tag is weak. `identity` is only our word for "not to be compressed".
fn tell_coding(headers: &mut HeaderMap) {
    match headers.get(header::CONTENT_ENCODING) {
        None => {}
        Some(coding) if coding == "identity" => {
            headers.remove(header::CONTENT_ENCODING);
        }
        Some(_) => {
            let strong = headers.get(header::ETAG).and_then(|tag| tag.to_str().ok());
            let strong = strong.filter(|tag| !tag.starts_with("W/"));
            if let Some(Ok(weak)) = strong.map(|tag| HeaderValue::from_str(&format!("W/{tag}"))) {
                headers.insert(header::ETAG, weak);
            }
        }
    }
}

/// Names what the answer depends on, beside what is named already.
fn vary(headers: &mut HeaderMap) {
    if headers.get_all(header::VARY).all(|line| line == "accept-encoding") {
        headers.insert(header::VARY, HeaderValue::from_static("Accept, Accept-Encoding, Authorization"));
        return;
    }
    let named = headers.get_all(header::VARY).filter_map(|line| line.to_str().ok());
    let named: Vec<String> =
        named.flat_map(|line| line.split(',')).map(|part| part.trim().to_owned()).collect();
    let is_ours = |part: &&String| VARY.iter().any(|ours| ours.eq_ignore_ascii_case(part));
    let more = named.iter().filter(|part| !part.is_empty() && !is_ours(part)).map(String::as_str);
    let all: Vec<&str> = VARY.into_iter().chain(more).collect();
    if let Ok(value) = HeaderValue::from_str(&all.join(", ")) {
        headers.insert(header::VARY, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vary_is_named_once_and_keeps_what_others_named() {
        let mut headers = HeaderMap::new();
        headers.append(header::VARY, HeaderValue::from_static("accept-encoding"));
        headers.append(header::VARY, HeaderValue::from_static("Origin, Accept"));
        vary(&mut headers);
        let lines: Vec<_> = headers.get_all(header::VARY).collect();
        assert_eq!(lines, ["Accept, Accept-Encoding, Authorization, Origin"]);
    }

    #[test]
    fn a_tag_is_weak_under_compression_only() {
        let tag_under = |coding: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ETAG, HeaderValue::from_static("\"a\""));
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
            tell_coding(&mut headers);
            (headers.get(header::ETAG).cloned(), headers.contains_key(header::CONTENT_ENCODING))
        };
        assert_eq!(tag_under("gzip"), (Some(HeaderValue::from_static("W/\"a\"")), true));
        assert_eq!(tag_under("identity"), (Some(HeaderValue::from_static("\"a\"")), false));
    }
}
