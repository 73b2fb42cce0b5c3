//! What the stories are told with.

use std::{future::Future, pin::Pin, rc::Rc, sync::Arc};

use actix_web::{
    dev::Service,
    http::{Method, StatusCode, header::HeaderMap},
    test::{self, TestRequest},
    web,
};
use feed_me_adapters::{
    memory::MemoryStore,
    system::{SystemClock, SystemIds, SystemSecrets},
};
use feed_me_api::{
    bodies::Bodies,
    server,
    services::Services,
    settings::{
        AuthMode, AuthSettings, DatabaseSettings, EventSettings, FeedEngine, FeedSettings, LimitSettings,
        LogFormat, LogSettings, ServerSettings, Settings, TelemetrySettings, WebSettings, WebhookSettings,
    },
    shared::Shared,
};
use feed_me_domain::{
    CursorCodec,
    ports::{Clock, FeedFacts, IdGenerator, SecretSource, Stores},
};
use serde_json::Value;

type Call = Box<dyn Fn(TestRequest) -> Pin<Box<dyn Future<Output = Told>>>>;

/// A server of its own for one story.
pub(crate) struct World(Call);

/// An answer.
#[must_use]
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

pub(crate) fn services() -> Services {
    services_with(|_| {})
}

/// With other stores behind some ports.
pub(crate) fn services_with(change: impl FnOnce(&mut Stores)) -> Services {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let ids: Arc<dyn IdGenerator> = Arc::new(SystemIds);
    let store = Arc::new(MemoryStore::new(clock.clone(), ids));
    let mut stores = Stores::of(store.clone());
    change(&mut stores);
    let secrets: Arc<dyn SecretSource> = Arc::new(SystemSecrets);
    let facts: Arc<dyn FeedFacts> = store;
    Services::new(
        &stores,
        &facts,
        &clock,
        &secrets,
        &CursorCodec::new(b"test"),
        Arc::new(Bodies::new(1 << 20)),
        feed_me_domain::webhook::AddressPolicy::default(),
    )
}

pub(crate) fn settings() -> Settings {
    Settings {
        profile: "development".to_owned(),
        dev_endpoints: true,
        web: WebSettings { enabled: true },
        server: ServerSettings {
            listen: "127.0.0.1:0".parse().unwrap(),
            public_url: None,
            trusted_proxies: Vec::new(),
            cors_origins: Vec::new(),
            workers: 1,
            drain_delay_ms: 0,
            shutdown_timeout_s: 1,
            header_timeout_ms: 1000,
            keep_alive_s: 5,
            max_connections: 1000,
            max_requests: 1000,
            request_timeout_ms: 60_000,
        },
        database: DatabaseSettings {
            url: String::new(),
            direct_url: None,
            replicas: Vec::new(),
            pool_size: 1,
            acquire_timeout_ms: 1,
            queue_target_ms: 0,
            commit_group_max: 1,
            read_only: false,
            max_pages: None,
        },
        feed: FeedSettings {
            page_size: 1,
            cursor_key: None,
            engine: FeedEngine::Sql,
            index_memory: 0,
            body_memory: 0,
            page_memory: 0,
        },
        log: LogSettings { format: LogFormat::Json, filter: "off".to_owned() },
        auth: AuthSettings { mode: AuthMode::Off, allow_open: false, user_token_secrets: Vec::new() },
        events: EventSettings { retention_hours: 1 },
        webhooks: WebhookSettings {
            deliver: false,
            allow_private: false,
            allow_http: false,
            timeout_ms: 1000,
            retry_base_ms: 1000,
            retry_max_ms: 1000,
            attempts_max: 3,
            disable_after_hours: 1,
        },
        limits: LimitSettings {
            enabled: false,
            read_per_minute: 1,
            write_per_minute: 1,
            heavy_per_minute: 1,
            bad_credentials_per_minute: 1,
        },
        metrics_listen: None,
        tls: None,
        telemetry: TelemetrySettings { otlp_endpoint: None, sample_ratio: 1.0 },
    }
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::with(services(), &settings()).await
    }

    pub(crate) async fn with(services: Services, settings: &Settings) -> Self {
        let shared = Shared::new(services, settings, "127.0.0.1:5000".parse().unwrap()).unwrap();
        let service = Rc::new(test::init_service(server::app(web::Data::new(shared))).await);
        Self(Box::new(move |request| {
            let service = service.clone();
            Box::pin(async move {
                let response = service.call(request.to_request()).await.unwrap();
                let (status, headers) = (response.status(), response.headers().clone());
                Told { status, headers, body: test::read_body(response).await.to_vec() }
            })
        }))
    }

    /// A world with these users.
    pub(crate) async fn of(users: &[&str]) -> Self {
        let world = Self::start().await;
        for user in users {
            let _ = world.put(&format!("/v1/users/{user}"), "{}").await.is(201);
        }
        world
    }

    pub(crate) async fn send(&self, request: TestRequest) -> Told {
        (self.0)(request).await
    }

    pub(crate) async fn get(&self, path: &str) -> Told {
        self.send(TestRequest::get().uri(path)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Told {
        self.send(TestRequest::delete().uri(path)).await
    }

    pub(crate) async fn put(&self, path: &str, body: &str) -> Told {
        self.json(Method::PUT, path, body).await
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> Told {
        self.json(Method::POST, path, body).await
    }

    pub(crate) async fn patch(&self, path: &str, body: &str) -> Told {
        self.json(Method::PATCH, path, body).await
    }

    pub(crate) async fn json(&self, method: Method, path: &str, body: &str) -> Told {
        self.send(json(method, path, body)).await
    }

    /// Posts an activity and answers its id.
    pub(crate) async fn posted(&self, body: &str) -> String {
        let told = self.post("/v1/activities", body).await.is(201);
        told.value()["id"].as_str().unwrap().to_owned()
    }
}

pub(crate) fn json(method: Method, path: &str, body: &str) -> TestRequest {
    let request = TestRequest::with_uri(path).method(method).set_payload(body.to_owned());
    request.insert_header(("content-type", "application/json"))
}

impl Told {
    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        self
    }

    #[track_caller]
    pub(crate) fn says(&self, body: &str) {
        assert_eq!(self.text(), body);
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(crate) fn value(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// It is a problem of this kind, with everything that a problem has.
    #[track_caller]
    pub(crate) fn tells(self, status: u16, slug: &str) -> Self {
        let told = self.is(status);
        let problem = told.value();
        assert_eq!(told.header("content-type"), "application/problem+json");
        assert_eq!(problem["type"], format!("/problems/{slug}"), "{problem}");
        assert_eq!(problem["status"], status);
        assert_eq!(problem["request_id"], told.header("x-request-id"));
        assert!(
            problem["title"].is_string() && problem["detail"].is_string() && problem["instance"].is_string()
        );
        told
    }

    /// It is an error as the first feed-me told it.
    #[track_caller]
    pub(crate) fn says_error(self, status: u16) -> String {
        let told = self.is(status);
        let error = told.value();
        assert_eq!(error.as_object().unwrap().len(), 1, "{error}");
        error["error"].as_str().unwrap().to_owned()
    }

    /// The pointers and parameters of the faults.
    pub(crate) fn places(&self) -> Vec<String> {
        let value = self.value();
        let faults = value["errors"].as_array().unwrap();
        let place = |fault: &Value| {
            fault.get("pointer").or(fault.get("parameter")).unwrap().as_str().unwrap().to_owned()
        };
        faults.iter().map(place).collect()
    }
}
