//! What the server tells about itself.

use actix_web::{http::Method, test::TestRequest};

use crate::kit::{World, services, settings};

/// The value of a series; none where it is not told.
fn value(text: &str, series: &str) -> Option<f64> {
    let line = text.lines().find(|line| line.rsplit_once(' ').is_some_and(|(name, _)| name == series));
    line.map(|line| line.rsplit_once(' ').unwrap().1.parse().unwrap())
}

#[actix_web::test]
async fn requests_are_told_by_their_routes() {
    let world = World::of(&["ivan"]).await;
    for path in ["/v1/users/ivan", "/v1/users/nobody", "/v1/feeds/ivan?limit=1", "/nothing/here"] {
        let _ = world.get(path).await;
    }
    let told = world.get("/metrics").await.is(200);
    assert_eq!(told.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    assert_eq!(told.header("cache-control"), "no-store");
    let text = told.text();
    for (route, method, status) in [
        ("/v1/users/{username}", "PUT", "2xx"),
        ("/v1/users/{username}", "GET", "2xx"),
        ("/v1/users/{username}", "GET", "4xx"),
        ("/v1/feeds/{username}", "GET", "2xx"),
        ("none", "GET", "4xx"),
    ] {
        let series =
            format!(r#"feedme_http_requests_total{{method="{method}",route="{route}",status="{status}"}}"#);
        assert_eq!(value(&text, &series), Some(1.0), "{series}: {text}");
    }
    assert_eq!(value(&text, "feedme_http_requests_in_flight"), Some(1.0), "itself");
    assert!(!text.contains("nothing/here") && !text.contains("ivan"), "{text}");
}

#[actix_web::test]
async fn an_answer_that_finds_an_unknown_name_counts_as_the_client_saw_it() {
    let world = World::of(&["ivan"]).await;
    let body = r#"{"actor":"nobody","verb":"v","object":null,"target":""}"#;
    let _ = world.post("/activity", body).await.says_error(404);
    let text = world.get("/metrics").await.text();
    let series = r#"feedme_http_requests_total{method="POST",route="/activity",status="4xx"}"#;
    assert_eq!(value(&text, series), Some(1.0));
}

#[actix_web::test]
async fn methods_that_nobody_knows_share_a_label() {
    let world = World::start().await;
    for method in ["BREW", "FIND"] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        world
            .send(TestRequest::with_uri("/v1/users").method(method))
            .await
            .tells(405, "method-not-allowed")
            .text();
    }
    let text = world.get("/metrics").await.text();
    let series = r#"feedme_http_requests_total{method="other",route="/v1/users",status="4xx"}"#;
    assert_eq!(value(&text, series), Some(2.0));
    assert!(!text.contains("BREW"), "{text}");
}

#[actix_web::test]
async fn where_metrics_have_a_listener_of_their_own_they_are_not_told_here() {
    let mut settings = settings();
    settings.metrics_listen = Some("127.0.0.1:0".parse().unwrap());
    let world = World::with(services(), &settings).await;
    world.get("/metrics").await.tells(404, "not-found").text();
}
