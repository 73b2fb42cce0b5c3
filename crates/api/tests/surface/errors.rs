//! What `/v1` answers to what it cannot do.

use actix_web::{http::Method, test::TestRequest};
use serde_json::json;

use crate::kit::{World, json as with_json};

#[actix_web::test]
async fn every_fault_of_a_body_is_told_at_once() {
    let world = World::of(&["ivan"]).await;
    let body = r#"{"verb":"","target":"nobody","object":5,"published":"soon","external_id":"","data":[],"vreb":"x"}"#;
    let told = world.post("/v1/activities", body).await.tells(400, "invalid-request");
    let mut places = told.places();
    places.sort();
    assert_eq!(
        places,
        ["/actor", "/data", "/external_id", "/object", "/published", "/target", "/verb", "/vreb"]
    );
    let told = world.post("/v1/activities", r#"{"actor":"ivan","verb":"v","target":""}"#).await.is(400);
    assert_eq!(told.places(), ["/target"]);
    world.post("/v1/activities", r#"{"actor":"ivan","verb":"v","external_id":null}"#).await.is(201).text();
    for body in ["", "[]", "null", "{", "{\"actor\":\"\u{0}\"}"] {
        world.post("/v1/activities", body).await.tells(400, "malformed-json").text();
    }
}

#[actix_web::test]
async fn a_patch_tells_all_faults_and_an_unknown_target() {
    let world = World::of(&["ivan"]).await;
    let id = world.posted(r#"{"actor":"ivan","verb":"v"}"#).await;
    let path = format!("/v1/activities/{id}");
    let told = world.patch(&path, r#"{"verb":null,"target":"nobody","actor":"x"}"#).await.is(400);
    assert_eq!(told.places(), ["/actor", "/verb", "/target"]);
    assert_eq!(world.patch(&path, r#"{"target":"nobody"}"#).await.is(400).places(), ["/target"]);
    assert_eq!(world.patch(&path, "{}").await.is(200).value()["edited_at"], json!(null));
    let merge = with_json(Method::PATCH, &path, r#"{"verb":"w"}"#);
    let merge = merge.insert_header(("content-type", "application/merge-patch+json"));
    assert!(world.send(merge).await.is(200).value()["edited_at"].is_string());
}

#[actix_web::test]
async fn a_name_in_a_path_that_cannot_be_is_a_400_and_one_that_nobody_has_a_404() {
    let world = World::start().await;
    for name in ["%FF", "a%2Fb", "%20a", "%00", "..%2F", "%zz", "%E2%80%8B", &"a".repeat(81)] {
        world.get(&format!("/v1/users/{name}")).await.tells(400, "invalid-username").text();
        world.get(&format!("/feed/{name}")).await.says_error(400);
    }
    world.get("/v1/users/nobody").await.tells(404, "user-not-found").text();
    world.get("/v1/activities/nonsense").await.tells(404, "activity-not-found").text();
}

#[actix_web::test]
async fn queries_are_read_strictly() {
    let world = World::of(&["ivan"]).await;
    for query in [
        "limit=0",
        "limit=101",
        "limit=x",
        "limit=1&limit=1",
        "cursor=",
        "cursor=AAAA",
        "verb=",
        "include_self=1",
        "x=%zz",
        "x=%FF",
    ] {
        world.get(&format!("/v1/feeds/ivan/friends?{query}")).await.is(400).text();
    }
    world.get("/v1/feeds/ivan?include_self=1&unknown=1").await.is(200).text();
    world.get("/v1/activities?actor=ivan").await.tells(400, "invalid-request").text();
    world.get("/v1/activities").await.tells(400, "invalid-request").text();
    world.get(&format!("/v1/users?prefix={}", "a".repeat(81))).await.tells(400, "invalid-request").text();
}

#[actix_web::test]
async fn what_is_nowhere_is_a_404_and_a_wrong_method_a_405() {
    let world = World::of(&["ivan"]).await;
    for path in [
        "/nothing",
        "/v1",
        "/v1/",
        "/v1/users/",
        "/v1/users/ivan/",
        "/feed/ivan/",
        "/feed/",
        "/v1//users",
        "/activity/",
    ] {
        world.get(path).await.tells(404, "not-found").text();
    }
    let told = world.delete("/v1/users").await.tells(405, "method-not-allowed");
    assert_eq!(told.header("allow"), "GET, HEAD, OPTIONS");
    let told = world.send(TestRequest::default().uri("/v1/users/ivan").method(Method::TRACE)).await;
    assert_eq!(
        told.tells(405, "method-not-allowed").header("allow"),
        "GET, HEAD, PUT, PATCH, DELETE, OPTIONS"
    );
    world.delete("/feed/ivan").await.says_error(405);
    world.send(TestRequest::default().uri("/reset").method(Method::HEAD)).await.says_error(405);
    let options = world.send(TestRequest::default().uri("/v1/users").method(Method::OPTIONS)).await.is(204);
    assert_eq!(options.header("allow"), "GET, HEAD, OPTIONS");
}

#[actix_web::test]
async fn forms_that_are_not_understood_are_refused() {
    let world = World::of(&["ivan"]).await;
    let body = r#"{"actor":"ivan","verb":"v"}"#;
    let bare = || TestRequest::post().uri("/v1/activities").set_payload(body);
    world.send(bare()).await.tells(415, "unsupported-media-type").text();
    for named in ["text/plain", "application/x-ndjson", "application/json;charset=latin1"] {
        let request = bare().insert_header(("content-type", named));
        world.send(request).await.tells(415, "unsupported-media-type").text();
    }
    let zipped = with_json(Method::POST, "/v1/activities", body).insert_header(("content-encoding", "gzip"));
    world.send(zipped).await.tells(415, "unsupported-media-type").text();
    for accept in ["text/html", "application/activity+json", "*/*;q=0"] {
        let request = TestRequest::get().uri("/v1/users").insert_header(("accept", accept));
        world.send(request).await.tells(406, "not-acceptable").text();
    }
}

#[actix_web::test]
async fn a_body_over_the_limit_is_a_413_on_both_surfaces() {
    let world = World::of(&["ivan"]).await;
    let long = format!(r#"{{"actor":"ivan","verb":"v","data":{{"x":"{}"}}}}"#, "x".repeat(1024 * 1024));
    world.post("/v1/activities", &long).await.tells(413, "body-too-large").text();
    world.post("/activity", &long).await.says_error(413);
    world.post("/v1/activities/batch", &long).await.is(400).text();
    let declared = TestRequest::post().uri("/activity").insert_header(("content-length", "1048577"));
    world.send(declared).await.says_error(413);
}

#[actix_web::test]
async fn requests_are_named() {
    let world = World::start().await;
    let told = world.send(TestRequest::get().uri("/nothing").insert_header(("x-request-id", "mine-1"))).await;
    assert_eq!(told.tells(404, "not-found").header("x-request-id"), "mine-1");
    let told =
        world.send(TestRequest::get().uri("/livez").insert_header(("x-request-id", "a b"))).await.is(200);
    assert_eq!(told.header("x-request-id").len(), 36);
}

#[actix_web::test]
async fn the_server_says_that_it_runs() {
    let world = World::start().await;
    for path in ["/livez", "/healthz", "/readyz"] {
        world.get(path).await.is(200).says(r#"{"status":"ok"}"#);
    }
}
