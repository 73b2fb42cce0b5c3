//! Spans of requests, as a collector sees them.

use std::{
    sync::mpsc,
    time::{Duration, Instant},
};

use actix_web::{App, HttpResponse, HttpServer, rt::System, web};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value},
    trace::v1::{Span, span::SpanKind, status::StatusCode},
};
use prost::Message;
use serde_json::json;

use crate::kit::{Place, Store, World};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

/// A collector that keeps what it is sent.
struct Collector {
    address: String,
    received: mpsc::Receiver<ExportTraceServiceRequest>,
    spans: Vec<Span>,
}

impl Collector {
    fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (sender, received) = mpsc::channel();
        std::thread::spawn(move || {
            let server = HttpServer::new(move || {
                let sender = sender.clone();
                let take = move |body: web::Bytes| {
                    sender.send(ExportTraceServiceRequest::decode(body).unwrap()).unwrap();
                    async { HttpResponse::Ok().content_type("application/x-protobuf").finish() }
                };
                App::new().route("/v1/traces", web::post().to(take))
            });
            System::new()
                .block_on(server.workers(1).disable_signals().listen(listener).unwrap().run())
                .unwrap();
        });
        Self { address, received, spans: Vec::new() }
    }

    /// Takes what came until then.
    fn gather(&mut self) {
        while let Ok(request) = self.received.try_recv() {
            for resource in request.resource_spans {
                let attributes = &resource.resource.as_ref().unwrap().attributes;
                assert_eq!(text(attributes, "service.name").as_deref(), Some("feed-me"));
                assert!(text(attributes, "service.version").is_some());
                self.spans.extend(resource.scope_spans.into_iter().flat_map(|scope| scope.spans));
            }
        }
    }

    /// Waits for the span of a name.
    async fn span(&mut self, name: &str) -> Span {
        let begun = Instant::now();
        loop {
            self.gather();
            if let Some(span) = self.spans.iter().find(|span| span.name == name) {
                return span.clone();
            }
            assert!(begun.elapsed() < Duration::from_mins(1), "no span {name} in {:?}", self.spans);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn value(attributes: &[KeyValue], key: &str) -> Option<Value> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    found.value.as_ref()?.value.clone()
}

fn text(attributes: &[KeyValue], key: &str) -> Option<String> {
    match value(attributes, key)? {
        Value::StringValue(text) => Some(text),
        other => panic!("{key} is {other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

fn traced(collector: &Collector) -> World {
    Place::fresh(Store::Sqlite).with("FEEDME__TELEMETRY__OTLP_ENDPOINT", &collector.address).serve()
}

#[tokio::test]
async fn a_request_is_a_span_of_its_route_and_status_and_continues_the_trace_of_its_client() {
    let mut collector = Collector::start();
    let world = traced(&collector);
    let [ivan] = world.users(["ivan"]).await;
    let parent = format!("00-{TRACE}-{PARENT}-01");
    let feed = ivan.own_feed().header("traceparent", &parent).header("tracestate", "vendor=1").await;
    feed.is(200);
    world.get("/v1/users/nobody").await.is(404);
    world.get("/nowhere/at/all").await.is(404);
    // A stop sends what is left.
    world.server().terminate();
    assert!(world.server().wait().success());

    let span = collector.span("GET /v1/feeds/{username}").await;
    assert_eq!((hex(&span.trace_id), hex(&span.parent_span_id)), (TRACE.to_owned(), PARENT.to_owned()));
    assert_ne!(hex(&span.span_id), PARENT);
    assert_eq!((span.kind, span.trace_state.as_str()), (SpanKind::Server as i32, "vendor=1"));
    assert_eq!(text(&span.attributes, "http.route").as_deref(), Some("/v1/feeds/{username}"));
    assert_eq!(text(&span.attributes, "http.request.method").as_deref(), Some("GET"));
    assert_eq!(text(&span.attributes, "feedme.request_id"), feed.find_header("x-request-id"));
    assert!(matches!(value(&span.attributes, "http.response.status_code"), Some(Value::IntValue(200))));
    assert!(span.start_time_unix_nano < span.end_time_unix_nano);
    let lasted = Duration::from_nanos(span.end_time_unix_nano - span.start_time_unix_nano);
    assert!(lasted < Duration::from_secs(30), "{lasted:?}");

    let own = collector.span("PUT /v1/users/{username}").await;
    assert!(own.parent_span_id.is_empty() && hex(&own.trace_id) != TRACE, "{own:?}");
    let missing = collector.span("GET /v1/users/{username}").await;
    assert!(matches!(value(&missing.attributes, "http.response.status_code"), Some(Value::IntValue(404))));
    // A client's mistake is no error of the server's.
    assert!(missing.status.is_none_or(|status| status.code != StatusCode::Error as i32));
    let unrouted = collector.span("GET").await;
    assert!(value(&unrouted.attributes, "http.route").is_none());

    // The log tells the traces too, and no span tells who was asked about.
    let output = world.server().output();
    assert!(output.contains(TRACE) && output.contains(&hex(&own.trace_id)), "{output}");
    for span in &collector.spans {
        let told = format!("{span:?}");
        assert!(!told.contains("ivan") && !told.contains("nobody") && !told.contains("nowhere"), "{told}");
    }
}

#[tokio::test]
async fn what_the_client_does_not_sample_is_not_sent_and_a_server_error_is_one() {
    let mut collector = Collector::start();
    let world = Place::fresh(Store::Sqlite)
        .with("FEEDME__TELEMETRY__OTLP_ENDPOINT", &format!("{}/v1/traces", collector.address))
        .with("FEEDME__TELEMETRY__SAMPLE_RATIO", "0")
        .serve();
    world.get("/livez").await.is(200);
    world.get("/readyz").header("traceparent", format!("00-{TRACE}-{PARENT}-00")).await.is(200);
    let sampled = format!("00-{TRACE}-{PARENT}-01");
    // A position that never comes is a 503.
    let late = world.get("/v1/users").header("traceparent", sampled).header("Feed-Position", "9999");
    late.await.is(503);
    world.server().terminate();
    assert!(world.server().wait().success());
    let span = collector.span("GET /v1/users").await;
    assert_eq!(span.status.unwrap().code, StatusCode::Error as i32);
    assert_eq!(collector.spans.len(), 1, "{:?}", collector.spans);
}

#[tokio::test]
async fn a_collector_that_is_away_harms_nobody_and_its_password_is_not_told() {
    let endpoint = "http://me:geheimnis@127.0.0.1:1";
    let place = Place::fresh(Store::Sqlite).with("FEEDME__TELEMETRY__OTLP_ENDPOINT", endpoint);
    let shown = place.run(&["verify-config", "--show"]);
    assert!(shown.contains("telemetry.otlp_endpoint") && !shown.contains("geheimnis"), "{shown}");
    let world = place.serve();
    let [ivan] = world.users(["ivan"]).await;
    ivan.posts("post", "1").await.is(201);
    world.server().terminate();
    assert!(world.server().wait().success());
    let output = world.server().output();
    assert!(!output.contains("geheimnis"), "{output}");
    for wrong in ["collector", "ftp://a", "http://"] {
        let place = Place::fresh(Store::Sqlite).with("FEEDME__TELEMETRY__OTLP_ENDPOINT", wrong);
        assert!(place.run_badly(&["verify-config"]).contains("telemetry.otlp_endpoint"));
    }
    let place = Place::fresh(Store::Sqlite).with("FEEDME__TELEMETRY__SAMPLE_RATIO", "2");
    assert!(place.run_badly(&["verify-config"]).contains("telemetry.sample_ratio"));
}

#[tokio::test]
async fn without_a_collector_nothing_is_made() {
    let world = World::start(Store::Sqlite);
    world.put("/v1/users/ivan", json!({})).await.is(201);
    assert!(!world.server().output().contains("trace_id"), "{}", world.server().output());
}
