//! One log line for every request, inside a span that names it.

use std::time::Instant;

use actix_web::{
    Error, HttpMessage,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::{Method, header::HeaderValue},
    middleware::Next,
};
use tracing::{Instrument, Span};

use crate::request_id::{self, RequestId};

/// The middleware.
pub async fn observe<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let id = RequestId::of(request.headers());
    let span = tracing::info_span!(
        "request",
        request_id = %id.0,
        trace_id = request_id::trace_id(request.headers()),
        method = %request.method(),
    );
    let mut line = LogLine::begin(span.clone(), request.method().clone());
    request.extensions_mut().insert(id.clone());
    let mut response = next.call(request).instrument(span).await?;
    if let Ok(value) = HeaderValue::from_str(&id.0) {
        response.headers_mut().insert(request_id::HEADER, value);
    }
    line.answered(&response);
    Ok(response)
}

/// The line, written when the request is over: also when the client is gone before its answer was.
struct LogLine {
    span: Span,
    method: Method,
    started: Instant,
    route: Option<String>,
    status: Option<u16>,
}

impl LogLine {
    fn begin(span: Span, method: Method) -> Self {
        Self { span, method, started: Instant::now(), route: None, status: None }
    }

    fn answered<B>(&mut self, response: &ServiceResponse<B>) {
        self.route = response.request().match_pattern();
        self.status = Some(response.status().as_u16());
    }
}

impl Drop for LogLine {
    fn drop(&mut self) {
        let elapsed_us = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        // The route's pattern, not the path: that is as the client wrote it, and names people.
        let route = self.route.as_deref().unwrap_or("none");
        self.span.in_scope(|| match self.status {
            Some(status) => tracing::info!(method = %self.method, route, status, elapsed_us, "answered"),
            None => {
                tracing::info!(method = %self.method, route, elapsed_us, "the client left before the answer");
            }
        });
    }
}
