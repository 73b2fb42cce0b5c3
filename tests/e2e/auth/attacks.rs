//! What else is tried on a door: headers in headers, bodies that are never read, a store that is away.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;

use crate::{
    auth::{Guarded, on_both_guarded, place, token},
    kit::{Store, raw, raw_answer},
};

on_both_guarded!(
    a_header_in_a_header_opens_nothing,
    a_body_of_a_stranger_is_not_read,
    sql_looking_credentials_are_refused_like_others,
    preflights_need_no_credential,
);

async fn a_header_in_a_header_opens_nothing(guarded: &Guarded) {
    let host = guarded.world.host();
    let admin = &guarded.admin;
    for rest in [
        format!("X-Authorization: Bearer {admin}\r\n"),
        format!("X-A: a\nAuthorization: Bearer {admin}\r\n\r\n").replace('\n', "%0a"),
        format!("Proxy-Authorization: Bearer {admin}\r\n"),
        format!("Cookie: Authorization=Bearer {admin}\r\n"),
        format!("Authorization : Bearer {admin}\r\n"),
        "X-Forwarded-User: admin\r\nX-Original-URL: /livez\r\nX-HTTP-Method-Override: OPTIONS\r\n".to_owned(),
    ] {
        if let Some((status, text)) = raw_answer(&host, "GET /v1/keys", &rest) {
            assert!([400, 401].contains(&status), "{rest}: {text}");
        }
    }
    for path in [format!("/v1/keys?access_token={admin}"), format!("/v1/keys?authorization=Bearer%20{admin}")]
    {
        guarded.world.get(&path).await.asks_for_a_credential("");
    }
    // A body is no credential either.
    let body = json!({ "access_token": admin, "name": "a", "scopes": ["admin"] });
    guarded.world.post("/v1/keys", body).await.asks_for_a_credential("");
}

async fn a_body_of_a_stranger_is_not_read(guarded: &Guarded) {
    // 16 MiB are announced and never sent; the answer does not wait for them.
    let begun = Instant::now();
    let request = format!(
        "POST /v1/activities/batch HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
         Content-Length: 16000000\r\n\r\n{{",
        guarded.world.host()
    );
    let answer = String::from_utf8_lossy(&raw(&guarded.world.host(), request.as_bytes())).into_owned();
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
}

async fn sql_looking_credentials_are_refused_like_others(guarded: &Guarded) {
    guarded.users(&["ivan"]).await;
    for credential in ["fm_'or'1'='1", "fm_x\"or", "fm_;drop", "fm_--", "fm_%27"] {
        let answer = guarded.get("/v1/users", credential).await;
        assert_eq!(answer.status, 401, "{answer}");
    }
    for name in ["ivan' or '1'='1", "ivan\"; drop table users; --", "%", "_van", "*"] {
        guarded.get("/v1/users", &token(name)).await.asks_for_a_credential("invalid_token");
    }
    guarded.get("/v1/users/ivan", &token("ivan")).await.is(200);
}

async fn preflights_need_no_credential(guarded: &Guarded) {
    // Without origins there is no CORS, and a plain OPTIONS is answered all the same.
    let call = guarded.world.call(Method::OPTIONS, "/v1/keys").header("Origin", "https://app.example.org");
    call.header("Access-Control-Request-Method", "POST").await.is(204);
}

#[tokio::test]
async fn pages_of_other_origins_may_ask_and_read_the_refusal() {
    let guarded =
        Guarded::at(&place(Store::Sqlite).with("FEEDME__SERVER__CORS_ORIGINS", "https://app.example.org"));
    let call =
        |method, path: &str| guarded.world.call(method, path).header("Origin", "https://app.example.org");
    let preflight = call(Method::OPTIONS, "/v1/users")
        .header("Access-Control-Request-Method", "GET")
        .header("Access-Control-Request-Headers", "authorization")
        .await;
    assert_eq!(preflight.is(200).header("access-control-allow-origin"), "https://app.example.org");
    assert!(preflight.header("access-control-allow-headers").to_lowercase().contains("authorization"));
    let refused = call(Method::GET, "/v1/users").await;
    refused.asks_for_a_credential("");
    assert_eq!(refused.header("access-control-allow-origin"), "https://app.example.org");
}

/// Whose a credential is cannot be said while the database is away. That is no reason to refuse it, or to believe it.
#[tokio::test]
async fn a_store_that_is_away_is_a_503_and_not_a_401() {
    let guarded = Guarded::start(Store::Postgres);
    guarded.users(&["ivan"]).await;
    guarded.get("/v1/users/ivan", &guarded.admin).await.is(200);
    guarded.world.place().database().vanish();
    tokio::time::sleep(Duration::from_secs(1)).await;
    for credential in [&guarded.admin, &token("ivan")] {
        let answer = guarded.get("/v1/users/ivan", credential).await;
        answer.is_problem(503, "unavailable").header("retry-after");
    }
    guarded.get("/v1/users/ivan", "nonsense").await.asks_for_a_credential("invalid_token");
    guarded.world.get("/livez").await.is(200);
}
