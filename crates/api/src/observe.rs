//! One log line for every request.

use std::{rc::Rc, sync::Arc, time::Instant};

use actix_web::{
    Error, HttpMessage,
    body::MessageBody,
    dev::{RequestHead, ResponseHead, ServiceRequest, ServiceResponse},
    http::{Method, header::HeaderValue},
    middleware::Next,
    web::Data,
};

use crate::{
    metrics::{Metrics, requests::InFlight},
    passage::Passage,
    request_id::{self, Parent, RequestId},
    shared::Shared,
    traces::{Served, Traces},
};

/// The middleware.
pub async fn observe<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let shared = request.app_data::<Data<Shared>>();
    let seen = Seen::begin(request.request().head(), shared.map(Data::get_ref));
    request.extensions_mut().insert(seen.passage().clone());
    let mut response = next.call(request).await?;
    seen.end(response.response_mut().head_mut());
    Ok(response)
}

/// A request that is under way, until this goes.
pub struct Seen {
    line: LogLine,
    _in_flight: Option<InFlight>,
}

impl Seen {
    /// A request has come.
    pub fn begin(asked: &RequestHead, shared: Option<&Shared>) -> Self {
        let line = LogLine {
            parent: Parent::of(&asked.headers),
            traces: shared.and_then(|shared| shared.traces.clone()),
            method: asked.method.clone(),
            started: Instant::now(),
            status: None,
            passage: Passage::begin(RequestId::of(&asked.headers)),
            metrics: shared.map(|shared| shared.services.metrics.clone()),
        };
        let in_flight = line.metrics.as_ref().map(|metrics| metrics.requests.begin());
        Self { line, _in_flight: in_flight }
    }

    /// What is known of it.
    pub fn passage(&self) -> &Rc<Passage> {
        &self.line.passage
    }

    /// It was answered.
    pub fn end(mut self, answer: &mut ResponseHead) {
        if let Ok(value) = HeaderValue::from_str(&self.line.passage.id.0) {
            answer.headers_mut().insert(request_id::HEADER, value);
        }
        self.line.status = Some(answer.status.as_u16());
    }
}

/// The line, written when the request is over: also when the client is gone before its answer was. It names the request
/// itself, without a span around the work: a span cost as much as the page. Where spans are exported ([`Traces`]), they are made
/// here too, when all is known.
struct LogLine {
    passage: Rc<Passage>,
    parent: Option<Parent>,
    traces: Option<Arc<Traces>>,
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
        let traced = self.traces.as_ref().and_then(|traces| {
            let (method, request_id) = (&self.method, &*self.passage.id.0);
            let served = Served { method, route, status: self.status, elapsed, request_id };
            traces.served(self.parent.as_ref(), &served)
        });
        let trace_id = self.parent.as_ref().map(|parent| &*parent.trace).or(traced.as_deref());
        let (request_id, method) = (&*self.passage.id.0, self.method.as_str());
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
