//! Who is let in: limits, too much to do, and what takes too long or breaks.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use actix_web::{http::Method, test::TestRequest};
use async_trait::async_trait;
use feed_me_api::{
    app::{Line, Queue, Queues},
    settings::{LimitSettings, Settings},
};
use feed_me_domain::{
    ActivityId, FeedQuery, FeedSlice, StoreError, Username,
    ports::{Explained, FeedRepository},
};
use futures_util::future::join_all;
use tokio::sync::Semaphore;

use crate::kit::{Told, World, json, services, services_with, settings};

fn limited() -> Settings {
    let limits = LimitSettings {
        enabled: true,
        read_per_minute: 4,
        write_per_minute: 2,
        heavy_per_minute: 1,
        bad_credentials_per_minute: 60,
    };
    Settings { limits, ..settings() }
}

fn from(address: &str, request: TestRequest) -> TestRequest {
    request.peer_addr(format!("{address}:4000").parse().unwrap())
}

fn get(path: &str) -> TestRequest {
    TestRequest::get().uri(path)
}

/// What the answer says about the limit.
fn limit(told: &Told) -> (&str, &str) {
    (told.header("ratelimit-policy"), told.header("ratelimit"))
}

#[actix_web::test]
async fn every_answer_that_was_counted_says_what_is_left_and_a_spent_limit_is_a_429() {
    let world = World::with(services(), &limited()).await;
    for (path, left) in
        [("/v1/users", 3), ("/v1/users/nobody", 2), ("/v1/feeds/nobody", 1), ("/feed/nobody", 0)]
    {
        let told = world.get(path).await;
        let t = (4 - left) * 15;
        assert_eq!(limit(&told), ("\"read\";q=4;w=60", &*format!("\"read\";r={left};t={t}")), "{path}");
        assert_eq!(told.header("retry-after"), "", "{path}");
    }
    let spent = world.get("/v1/users").await.tells(429, "too-many-requests");
    assert_eq!(limit(&spent), ("\"read\";q=4;w=60", "\"read\";r=0;t=60"));
    assert_eq!(spent.header("retry-after"), "15");
    let spent = world.get("/feed/nobody").await;
    assert_eq!((spent.header("retry-after"), limit(&spent).1), ("15", "\"read\";r=0;t=60"));
    assert!(spent.says_error(429).contains("'read'"));
    let metrics = world.get("/metrics").await.is(200).text();
    assert!(metrics.contains("feedme_requests_limited_total{class=\"read\"} 2\n"), "{metrics}");
}

#[actix_web::test]
async fn what_is_refused_has_no_effect() {
    let world = World::with(services(), &limited()).await;
    for user in ["a", "b"] {
        let _ = world.put(&format!("/v1/users/{user}"), "{}").await.is(201);
    }
    let _ = world.put("/v1/users/c", "{}").await.is(429);
    assert_eq!(world.get("/v1/users").await.is(200).value()["items"].as_array().unwrap().len(), 2);
}

#[actix_web::test]
async fn health_metrics_and_options_are_never_counted() {
    let world = World::with(services(), &limited()).await;
    for _ in 0..10 {
        for path in ["/livez", "/readyz", "/healthz", "/metrics"] {
            assert_eq!(limit(&world.get(path).await.is(200)), ("", ""), "{path}");
        }
        let options = TestRequest::default().method(Method::OPTIONS).uri("/v1/users");
        assert_eq!(limit(&world.send(options).await.is(204)), ("", ""));
    }
    assert_eq!(limit(&world.get("/v1/users").await.is(200)).1, "\"read\";r=3;t=15");
}

#[actix_web::test]
async fn classes_have_limits_of_their_own() {
    let world = World::with(services(), &limited()).await;
    let batch = || world.post("/v1/activities/batch", r#"{"activities":[]}"#);
    assert_eq!(limit(&batch().await.is(400)).0, "\"heavy\";q=1;w=60");
    let _ = batch().await.is(429);
    let _ = world.get("/feed/nobody?page=1000").await.is(429);
    assert_eq!(limit(&world.get("/feed/nobody?page=2").await.is(404)).0, "\"read\";q=4;w=60");
    assert_eq!(limit(&world.put("/v1/users/a", "{}").await.is(201)).0, "\"write\";q=2;w=60");
}

#[actix_web::test]
async fn clients_are_told_apart_by_address_and_a_proxy_is_believed_where_it_is_trusted() {
    let mut settings = limited();
    settings.server.trusted_proxies = vec!["10.0.0.0/8".to_owned()];
    let world = World::with(services(), &settings).await;
    let left = async |request| limit(&world.send(request).await).1.to_owned();
    let forwarded = |address: &'static str| get("/v1/users").insert_header(("x-forwarded-for", address));
    assert_eq!(left(from("192.0.2.1", get("/v1/users"))).await, "\"read\";r=3;t=15");
    assert_eq!(left(from("192.0.2.1", get("/v1/users"))).await, "\"read\";r=2;t=30");
    assert_eq!(left(from("192.0.2.2", get("/v1/users"))).await, "\"read\";r=3;t=15");
    // Not a proxy of ours: its word does not count.
    assert_eq!(left(from("192.0.2.2", forwarded("198.51.100.1"))).await, "\"read\";r=2;t=30");
    assert_eq!(left(from("10.0.0.1", forwarded("198.51.100.1"))).await, "\"read\";r=3;t=15");
    assert_eq!(left(from("10.0.0.2", forwarded("6.6.6.6, 198.51.100.1"))).await, "\"read\";r=2;t=30");
}

/// Feeds of a database that serves one at a time, and takes its time.
struct Slow {
    queue: Arc<Queue>,
    turn: Semaphore,
    takes: Duration,
}

#[async_trait]
impl FeedRepository for Slow {
    async fn page(&self, _: &FeedQuery) -> Result<Option<FeedSlice>, StoreError> {
        let waiting = self.queue.enter()?;
        let _turn = self.turn.acquire().await.unwrap();
        waiting.has_its_turn();
        tokio::time::sleep(self.takes).await;
        self.queue.took(self.takes);
        Ok(None)
    }

    async fn explain(&self, _: &Username, _: ActivityId) -> Result<Explained, StoreError> {
        panic!("nobody asked")
    }
}

const TAKES: Duration = Duration::from_millis(20);

async fn slow_world() -> World {
    let (read, write) = (Queue::new(Line::Read, 1, 1), Queue::new(Line::Write, 1, 1));
    let slow = Slow { queue: read.clone(), turn: Semaphore::new(1), takes: TAKES };
    let mut services = services_with(|stores| stores.feeds = Arc::new(slow));
    services.queues = Some(Queues::of(|line| if line == Line::Read { &read } else { &write }));
    let mut settings = settings();
    settings.database.queue_target_ms = 100;
    World::with(services, &settings).await
}

#[actix_web::test]
async fn under_overload_deep_pages_go_before_first_pages_and_health_and_writes_stay() {
    let world = slow_world().await;
    // How long a turn takes is known when one is over.
    let _ = world.get("/feed/nobody").await.is(404);
    let statuses = async |path: &str, count: usize| {
        let answers = join_all((0..count).map(|_| world.get(path))).await;
        answers.iter().filter(|told| told.status.as_u16() == 503).count()
    };
    let first_pages = async {
        let begun = Instant::now();
        let shed = statuses("/v1/feeds/nobody", 60).await;
        (shed, begun.elapsed())
    };
    let others = async {
        // Once the line is as long as first pages may make it.
        tokio::time::sleep(TAKES * 2).await;
        let deep = world.get("/v1/feeds/nobody?cursor=x").await;
        let list = world.get("/v1/users").await;
        let health = world.get("/livez").await;
        let write = world.put("/v1/users/ivan", "{}").await;
        (deep, list, health, write)
    };
    let ((shed, took), (deep, list, health, write)) = tokio::join!(first_pages, others);
    // One has its turn and ten wait: 200 ms is what a first page may wait.
    assert!((40..=52).contains(&shed), "{shed}");
    assert!(took < Duration::from_secs(2), "who was let in waited {took:?}");
    assert_eq!(deep.header("retry-after"), "1");
    deep.tells(503, "overloaded").text();
    list.tells(503, "overloaded").text();
    let _ = (health.is(200), write.is(201));
    let metrics = world.get("/metrics").await.is(200).text();
    assert!(metrics.contains("feedme_requests_shed_total{rank=\"list\",reason=\"queue\"} 2\n"), "{metrics}");
    // And when it is over, all are served again.
    world.get("/v1/feeds/nobody").await.tells(404, "user-not-found").text();
    let _ = world.get("/v1/users").await.is(200);
}

#[actix_web::test]
async fn the_classic_routes_are_turned_away_in_their_own_words() {
    let world = slow_world().await;
    // How long a turn takes is known when one is over.
    let _ = world.get("/feed/nobody").await.is(404);
    let flood = join_all((0..30).map(|_| world.get("/feed/nobody"))).await;
    let turned_away = flood.into_iter().find(|told| told.status.as_u16() == 503).unwrap();
    assert_eq!(turned_away.header("retry-after"), "1");
    assert!(turned_away.says_error(503).contains("too much to do"));
}

/// Feeds that break, or never come.
struct Broken {
    is_stuck: bool,
}

#[async_trait]
impl FeedRepository for Broken {
    async fn page(&self, _: &FeedQuery) -> Result<Option<FeedSlice>, StoreError> {
        if self.is_stuck {
            std::future::pending::<()>().await;
        }
        panic!("a secret of the code")
    }

    async fn explain(&self, _: &Username, _: ActivityId) -> Result<Explained, StoreError> {
        panic!("nobody asked")
    }
}

#[actix_web::test]
async fn a_panic_is_a_500_that_tells_nothing_and_the_server_goes_on() {
    let world =
        World::with(services_with(|stores| stores.feeds = Arc::new(Broken { is_stuck: false })), &settings())
            .await;
    for _ in 0..3 {
        let told = world.get("/v1/feeds/ivan").await.tells(500, "internal");
        assert!(!told.text().contains("secret"), "{}", told.text());
        assert!(!world.get("/feed/ivan").await.says_error(500).contains("secret"));
    }
    let _ = world.put("/v1/users/ivan", "{}").await.is(201);
    let metrics = world.get("/metrics").await.is(200).text();
    assert!(metrics.contains("feedme_http_requests_in_flight 1\n"), "{metrics}");
    let broken = r#"feedme_http_requests_total{method="GET",route="/v1/feeds/{username}",status="5xx"} 3"#;
    assert!(metrics.contains(broken), "{metrics}");
}

#[actix_web::test]
async fn a_request_that_takes_too_long_is_given_up() {
    let mut settings = settings();
    settings.server.request_timeout_ms = 50;
    let world =
        World::with(services_with(|stores| stores.feeds = Arc::new(Broken { is_stuck: true })), &settings)
            .await;
    let told = world.get("/v1/feeds/ivan").await.tells(503, "took-too-long");
    assert_eq!(told.header("retry-after"), "1");
    assert!(world.get("/feed/ivan?page=2").await.says_error(503).contains("longer"));
    let _ = world.get("/v1/users").await.is(200);
}

#[actix_web::test]
async fn what_is_counted_does_not_change_what_is_answered() {
    let world = World::with(services(), &limited()).await;
    let _ = world.put("/v1/users/ivan", "{}").await.is(201);
    let told = world.send(json(Method::PATCH, "/v1/users/ivan", r#"{"username":""}"#)).await;
    assert_eq!(limit(&told).0, "\"write\";q=2;w=60");
    told.tells(400, "invalid-request").text();
}
