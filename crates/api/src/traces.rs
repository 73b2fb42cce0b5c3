//! Traces: a span for each request, sent to a collector by OTLP over HTTP where the settings name one.
//!
//! A span is made when its request is over, from what is known then: nothing is carried along, and where no collector is
//! named nothing is done at all. It is the child of the span that the client names (W3C Trace Context), whose word also counts
//! on whether it is sampled.

use std::{
    borrow::Cow,
    str::FromStr,
    sync::Arc,
    time::{Duration, SystemTime},
};

use actix_web::http::Method;
use feed_me_domain::ports::Clock;
use opentelemetry::{
    Context, KeyValue, SpanId, TraceFlags, TraceId,
    trace::{
        Span, SpanBuilder, SpanContext, SpanKind, Status, TraceContextExt, TraceState, Tracer, TracerProvider,
    },
};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{Sampler, SdkTracer, SdkTracerProvider},
};

use crate::{request_id::Parent, settings::TelemetrySettings};

/// How long a stop waits for the collector to take what is left.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// Where collectors take traces.
const PATH: &str = "/v1/traces";

/// Sends spans to a collector.
pub struct Traces {
    tracer: SdkTracer,
    provider: SdkTracerProvider,
    clock: Arc<dyn Clock>,
}

/// A request that is over.
#[derive(Debug)]
pub struct Served<'a> {
    /// Its method.
    pub method: &'a Method,
    /// The pattern of its route; none where there is no such route.
    pub route: Option<&'a str>,
    /// The status that was answered; none where the client left before.
    pub status: Option<u16>,
    /// How long it took.
    pub elapsed: Duration,
    /// Its id.
    pub request_id: &'a str,
}

impl Traces {
    /// Begins to send to the collector of the settings; none where they name none. An error says what is wrong with it.
    pub fn start(settings: &TelemetrySettings, clock: &Arc<dyn Clock>) -> Result<Option<Self>, String> {
        let Some(endpoint) = &settings.otlp_endpoint else { return Ok(None) };
        let endpoint = endpoint.trim_end_matches('/');
        let url = if endpoint.ends_with(PATH) { endpoint.to_owned() } else { format!("{endpoint}{PATH}") };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(url)
            .build()
            .map_err(|error| error.to_string())?;
        let resource = Resource::builder()
            .with_service_name("feed-me")
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(settings.sample_ratio)));
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_sampler(sampler)
            .with_resource(resource)
            .build();
        Ok(Some(Self { tracer: provider.tracer("feed-me"), provider, clock: clock.clone() }))
    }

    /// Makes the span of a request; the trace that it belongs to, where it is sampled.
    pub fn served(&self, parent: Option<&Parent>, served: &Served<'_>) -> Option<String> {
        let since_1970 = u64::try_from(self.clock.now().micros()).unwrap_or(0);
        let ended = SystemTime::UNIX_EPOCH + Duration::from_micros(since_1970);
        let method = served.method.as_str().to_owned();
        let name: Cow<'static, str> = match served.route {
            Some(route) => format!("{method} {route}").into(),
            None => method.clone().into(),
        };
        let mut attributes = vec![
            KeyValue::new("http.request.method", method),
            KeyValue::new("feedme.request_id", served.request_id.to_owned()),
        ];
        attributes.extend(served.route.map(|route| KeyValue::new("http.route", route.to_owned())));
        attributes.extend(
            served.status.map(|status| KeyValue::new("http.response.status_code", i64::from(status))),
        );
        let builder = SpanBuilder::from_name(name)
            .with_kind(SpanKind::Server)
            .with_start_time(ended.checked_sub(served.elapsed).unwrap_or(ended))
            .with_attributes(attributes);
        let mut span = self.tracer.build_with_context(builder, &context(parent));
        match served.status {
            Some(status) if status < 500 => {}
            Some(_) => span.set_status(Status::error("")),
            None => span.set_status(Status::error("the client left before the answer")),
        }
        let trace = span.is_recording().then(|| span.span_context().trace_id().to_string());
        span.end_with_timestamp(ended);
        trace
    }

    /// Sends what is left. It blocks for some seconds where the collector does not answer.
    pub fn stop(&self) {
        if let Err(error) = self.provider.shutdown_with_timeout(LAST_WORDS) {
            tracing::warn!(%error, "not all spans were sent");
        }
    }
}

/// What a span is the child of.
fn context(parent: Option<&Parent>) -> Context {
    let Some(parent) = parent else { return Context::new() };
    let (Ok(trace), Ok(span)) = (TraceId::from_hex(&parent.trace), SpanId::from_hex(&parent.span)) else {
        return Context::new();
    };
    let state = TraceState::from_str(&parent.state).unwrap_or_default();
    let flags = TraceFlags::new(parent.flags & TraceFlags::SAMPLED.to_u8());
    Context::new().with_remote_span_context(SpanContext::new(trace, span, flags, true, state))
}
