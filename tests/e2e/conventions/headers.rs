//! What every answer carries.

use reqwest::Method;
use serde_json::json;
use uuid::Uuid;

use crate::kit::{Store, World, on_sqlite, raw_answer};

on_sqlite!(
    a_request_id_is_taken_over_when_it_is_safe,
    every_answer_tells_caches_what_it_depends_on,
    without_configured_origins_no_origin_is_told_anything,
);

async fn a_request_id_is_taken_over_when_it_is_safe(world: &World) {
    for id in ["abc", "A-b_c.1:2", "x".repeat(128).as_str()] {
        let answer = world.get("/v1/users/nobody").header("X-Request-Id", id).await;
        assert_eq!(answer.is_problem(404, "").header("x-request-id"), id);
    }
    for id in ["x".repeat(129).as_str(), "a b", "<script>", "\"quoted\"", "semi;colon"] {
        let answer = world.get("/v1/users/nobody").header("X-Request-Id", id).await;
        assert_ne!(answer.header("x-request-id"), id);
        let fresh = Uuid::parse_str(&answer.header("x-request-id")).unwrap();
        assert_eq!(fresh.get_version_num(), 7);
    }
    let (one, other) = (world.get("/livez").await, world.get("/livez").await);
    assert_ne!(one.header("x-request-id"), other.header("x-request-id"));
    let (_, answer) = raw_answer(&world.host(), "GET /v1/users", "X-Request-Id: caf\u{e9}\r\n").unwrap();
    assert!(!answer.contains("caf"), "{answer}");
}

async fn every_answer_tells_caches_what_it_depends_on(world: &World) {
    let [ivan] = world.users(["ivan"]).await;
    for path in [ivan.path(), ivan.own_path(), "/v1/users".to_owned(), "/v1/users/nobody".to_owned()] {
        let answer = world.get(&path).await;
        let vary = answer.header("vary").to_ascii_lowercase();
        for name in ["accept", "accept-encoding", "authorization"] {
            assert!(vary.split(',').any(|named| named.trim() == name), "{answer}");
        }
    }
    for path in [ivan.own_path(), ivan.friends_path(), ivan.mentions_path()] {
        assert_eq!(world.get(&path).await.header("cache-control"), "private, no-cache");
    }
}

async fn without_configured_origins_no_origin_is_told_anything(world: &World) {
    let answer = world.get("/v1/users").header("Origin", "https://app.example").await;
    assert_eq!(answer.is(200).find_header("access-control-allow-origin"), None);
}

#[tokio::test]
async fn configured_origins_may_call_and_read_our_headers() {
    let origins = "https://app.example,https://other.example";
    let world = World::start_with(Store::Sqlite, &[("FEEDME__SERVER__CORS_ORIGINS", origins)]);
    for origin in ["https://app.example", "https://other.example"] {
        let preflight = world
            .call(Method::OPTIONS, "/v1/activities")
            .header("Origin", origin)
            .header("Access-Control-Request-Method", "POST")
            .header("Access-Control-Request-Headers", "content-type,idempotency-key")
            .await;
        assert!(preflight.status.is_success(), "{preflight}");
        assert_eq!(preflight.header("access-control-allow-origin"), origin);
        assert!(preflight.header("access-control-allow-methods").contains("POST"), "{preflight}");
        let allowed = preflight.header("access-control-allow-headers").to_ascii_lowercase();
        assert!(allowed.contains("idempotency-key"), "{preflight}");
        for path in ["/v1/users", "/v1/users/nobody"] {
            let answer = world.get(path).header("Origin", origin).await;
            assert_eq!(answer.header("access-control-allow-origin"), origin);
            let exposed = answer.header("access-control-expose-headers").to_ascii_lowercase();
            for name in [
                "link",
                "etag",
                "location",
                "ratelimit",
                "ratelimit-policy",
                "retry-after",
                "x-request-id",
                "feed-position",
            ] {
                assert!(exposed.split(',').any(|named| named.trim() == name), "{name}: {answer}");
            }
        }
    }
    let refused = world.call(Method::OPTIONS, "/v1/activities").header("Origin", "https://evil.example");
    let refused = refused.header("Access-Control-Request-Method", "POST").await;
    refused.is_problem(400, "bad-request").names("Origin");
    assert_eq!(refused.find_header("access-control-allow-origin"), None);
    let stranger = world.get("/v1/users").header("Origin", "https://evil.example").await;
    assert_eq!(stranger.find_header("access-control-allow-origin"), None);
    world.put("/v1/users/ivan", json!({})).header("Origin", "https://app.example").await.is(201);
}
