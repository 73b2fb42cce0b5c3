//! Whatever is sent, the server is not at fault.

use actix_web::{http::Method, test::TestRequest};
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};

use crate::kit::World;

const PATHS: &[(&str, &str)] = &[
    ("POST", "/v1/activities"),
    ("PATCH", "/v1/activities/019c91a9-5b3b-7123-8000-000000000000"),
    ("POST", "/v1/activities/batch"),
    ("PUT", "/v1/users/ivan"),
    ("PATCH", "/v1/users/ivan"),
    ("PUT", "/v1/users/ivan/following/eric"),
    ("POST", "/v1/users/ivan/following"),
    ("POST", "/activity"),
    ("POST", "/feed/ivan"),
    ("GET", "/v1/feeds/ivan/friends"),
    ("GET", "/v1/users"),
    ("GET", "/v1/users/ivan/relationships"),
    ("GET", "/v1/activities"),
    ("GET", "/feed/ivan"),
    ("GET", "/feed/ivan/friends"),
];

/// JSON that is nearly what a route takes.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let value = prop_oneof![
        "[a-z]{0,3}".prop_map(|text| format!("\"{text}\"")),
        Just("\"ivan\"".to_owned()),
        Just("\"\\ud800\"".to_owned()),
        Just("\"\\u0000\"".to_owned()),
        Just("null".to_owned()),
        Just("{\"a\":[1e400]}".to_owned()),
        Just("{\"a\":{}}".to_owned()),
        Just("[\"eric\",7]".to_owned()),
        Just("[{\"actor\":\"ivan\",\"verb\":\"v\"},{}]".to_owned()),
        Just("\"2026-02-30T00:00:00Z\"".to_owned()),
        any::<f64>().prop_map(|number| number.to_string()),
    ];
    let name = prop::sample::select(vec![
        "actor",
        "verb",
        "object",
        "target",
        "published",
        "external_id",
        "data",
        "activities",
        "follow",
        "unfollow",
        "from",
        "username",
        "display_name",
        "x/~",
    ]);
    let object = prop::collection::vec((name, value), 0..6).prop_map(|members| {
        let members: Vec<String> =
            members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        format!("{{{}}}", members.join(",")).into_bytes()
    });
    prop_oneof![4 => object, 1 => prop::collection::vec(any::<u8>(), 0..60), 1 => "\\PC{0,60}".prop_map(String::into_bytes)]
}

fn query() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec![
        "limit",
        "cursor",
        "verb",
        "include_self",
        "with",
        "page",
        "prefix",
        "actor",
        "external_id",
        "atomic",
    ]);
    let pair = (name, "([a-zA-Z0-9_.~+-]|%[0-9A-F]{2}|%){0,20}");
    prop::collection::vec(pair, 0..4).prop_map(|pairs| {
        pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
    })
}

#[actix_web::test]
async fn no_body_and_no_query_makes_the_server_fail() {
    let world = World::of(&["ivan", "eric"]).await;
    let strategy = (prop::sample::select(PATHS.to_vec()), body(), query(), any::<bool>());
    let mut runner = TestRunner::default();
    for _ in 0..3000 {
        let ((method, path), body, query, is_lines) = strategy.new_tree(&mut runner).unwrap().current();
        let media_type = if is_lines { "application/x-ndjson" } else { "application/json" };
        let request = TestRequest::with_uri(&format!("{path}?{query}"))
            .method(Method::from_bytes(method.as_bytes()).unwrap())
            .insert_header(("content-type", media_type))
            .set_payload(body.clone());
        let told = world.send(request).await;
        assert!(
            !told.status.is_server_error(),
            "{method} {path}?{query} {:?}",
            String::from_utf8_lossy(&body)
        );
    }
}

#[actix_web::test]
async fn no_path_makes_the_server_fail() {
    let world = World::start().await;
    let mut runner = TestRunner::default();
    let strategy =
        "(/(v1|users|feeds|feed|activity|activities|blocks|[a-z]|%[0-9A-Fa-f]{2}|%|\\.\\.|;|\\+){0,3}){1,6}";
    let strategy = proptest::string::string_regex(strategy).unwrap();
    for _ in 0..3000 {
        let path = strategy.new_tree(&mut runner).unwrap().current();
        let told = world.get(&path).await;
        assert!(!told.status.is_server_error(), "{path}: {}", told.text());
    }
}
