//! One log line for every request.

use std::time::Instant;

use actix_web::{
    Error, HttpMessage,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::{Method, header::HeaderValue},
    middleware::Next,
};

use crate::request_id::{self, RequestId};

/// The middleware.
pub async fn observe<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let id = RequestId::of(request.headers());
    let mut line = LogLine {
        trace_id: request_id::trace_id(request.headers()).map(str::to_owned),
        method: request.method().clone(),
        started: Instant::now(),
        route: None,
        status: None,
        id: id.clone(),
    };
    request.extensions_mut().insert(id);
    let mut response = next.call(request).await?;
    if let Ok(value) = HeaderValue::from_str(&line.id.0) {
        response.headers_mut().insert(request_id::HEADER, value);
    }
    line.answered(&response);
    Ok(response)
}

/// The line, written when the request is over: also when the client is gone before its answer was. It names the request
/// itself, without a span around the work: a span cost as much as the page.
struct LogLine {
    id: RequestId,
    trace_id: Option<String>,
    method: Method,
    started: Instant,
    route: Option<String>,
    status: Option<u16>,
}

impl LogLine {
    fn answered<B>(&mut self, response: &ServiceResponse<B>) {
        self.route = response.request().match_pattern();
        self.status = Some(response.status().as_u16());
    }
}

impl Drop for LogLine {
    fn drop(&mut self) {
        let elapsed_us = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        let (request_id, trace_id, method) = (&*self.id.0, self.trace_id.as_deref(), self.method.as_str());
        // The route's pattern, not the path: that is as the client wrote it, and names people.
        let route = self.route.as_deref().unwrap_or("none");
        if let Some(status) = self.status {
            tracing::info!(request_id, trace_id, method, route, status, elapsed_us, "answered");
        } else {
            let told = "the client left before the answer";
            tracing::info!(request_id, trace_id, method, route, elapsed_us, "{told}");
        }
    }
}
