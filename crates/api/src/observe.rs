//! One log line for every request.

use std::{rc::Rc, sync::Arc, time::Instant};

use actix_web::{
    Error, HttpMessage,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::{Method, header::HeaderValue},
    middleware::Next,
    web::Data,
};

use crate::{
    metrics::Metrics,
    passage::Passage,
    request_id::{self, RequestId},
    shared::Shared,
};

/// The middleware.
pub async fn observe<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let passage = Passage::begin(RequestId::of(request.headers()));
    let mut line = LogLine {
        trace_id: request_id::trace_id(request.headers()).map(str::to_owned),
        method: request.method().clone(),
        started: Instant::now(),
        status: None,
        passage: passage.clone(),
        metrics: request.app_data::<Data<Shared>>().map(|shared| shared.services.metrics.clone()),
    };
    request.extensions_mut().insert(passage);
    let _in_flight = line.metrics.as_ref().map(|metrics| metrics.requests.begin());
    let mut response = next.call(request).await?;
    if let Ok(value) = HeaderValue::from_str(&line.passage.id.0) {
        response.headers_mut().insert(request_id::HEADER, value);
    }
    line.status = Some(response.status().as_u16());
    Ok(response)
}

/// The line, written when the request is over: also when the client is gone before its answer was. It names the request
/// itself, without a span around the work: a span cost as much as the page.
struct LogLine {
    passage: Rc<Passage>,
    trace_id: Option<String>,
    method: Method,
    started: Instant,
    status: Option<u16>,
    metrics: Option<Arc<Metrics>>,
}

impl Drop for LogLine {
    fn drop(&mut self) {
        let elapsed = self.started.elapsed();
        let route = self.passage.route();
        if let Some(metrics) = &self.metrics {
            metrics.requests.count(route, &self.method, self.status, elapsed);
        }
        let elapsed_us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        let (request_id, trace_id, method) =
            (&*self.passage.id.0, self.trace_id.as_deref(), self.method.as_str());
        // The route's pattern, not the path: that is as the client wrote it, and names people.
        let route = route.unwrap_or("none");
        if let Some(status) = self.status {
            tracing::info!(request_id, trace_id, method, route, status, elapsed_us, "answered");
        } else {
            let told = "the client left before the answer";
            tracing::info!(request_id, trace_id, method, route, elapsed_us, "{told}");
        }
    }
}
