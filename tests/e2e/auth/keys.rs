//! Application keys: `/v1/keys` and `feed-me keys`.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    auth::{Guarded, made, on_both_guarded, place},
    kit::Store,
};

on_both_guarded!(
    a_key_is_shown_once_and_listed_without_its_secret,
    every_fault_of_a_new_key_is_told,
    a_revoked_key_is_refused_at_once,
    keys_are_paged_newest_first,
    the_secret_of_a_repeated_request_is_not_shown_again,
    the_last_use_is_told_and_outlives_a_restart,
    the_command_line_makes_lists_and_revokes_keys_beside_a_server,
);

async fn create(guarded: &Guarded, body: Value) -> crate::kit::Answer {
    guarded.send(Method::POST, "/v1/keys", body, &guarded.admin).await
}

async fn a_key_is_shown_once_and_listed_without_its_secret(guarded: &Guarded) {
    let made = create(guarded, json!({ "name": "the shop", "scopes": ["write", "read", "read"] })).await;
    let (id, key) = (made.is(201).id(), made.str_at("/key"));
    assert!(key.starts_with("fm_") && key.len() == 46, "{made}");
    assert_eq!(made.header("cache-control"), "no-store");
    assert!(made.header("location").ends_with(&format!("/v1/keys/{id}")), "{made}");
    assert_eq!((made.at("/name"), made.at("/scopes")), (json!("the shop"), json!(["read", "write"])));
    assert_eq!(made.at("/last_used_at"), Value::Null);
    guarded.get("/v1/users", &key).await.is(200);
    guarded.get("/v1/keys", &key).await.denies();
    for path in ["/v1/keys".to_owned(), format!("/v1/keys/{id}")] {
        let shown = guarded.get(&path, &guarded.admin).await;
        assert!(shown.is(200).text().contains(&id) && !shown.text().contains("fm_"), "{shown}");
        assert!(!shown.text().contains("hash"), "{shown}");
    }
    let listed = guarded.get("/v1/keys", &guarded.admin).await.items();
    assert_eq!(listed[0]["scopes"], json!(["read", "write"]));
    let mut members: Vec<_> = listed[0].as_object().unwrap().keys().cloned().collect();
    members.sort();
    assert_eq!(members, ["created_at", "id", "last_used_at", "name", "scopes"]);
}

async fn every_fault_of_a_new_key_is_told(guarded: &Guarded) {
    for (body, faults) in [
        (json!({}), &["/name", "/scopes"][..]),
        (json!({ "name": "", "scopes": [] }), &["/name", "/scopes"]),
        (json!({ "name": 7, "scopes": "admin" }), &["/name", "/scopes"]),
        (json!({ "name": null, "scopes": null }), &["/name", "/scopes"]),
        (
            json!({ "name": "a".repeat(101), "scopes": ["read", "root", 7] }),
            &["/name", "/scopes/1", "/scopes/2"],
        ),
        (json!({ "name": "a\u{0}", "scopes": ["Read"] }), &["/name", "/scopes/0"]),
        (json!({ "name": "a", "scopes": ["read"], "scope": "admin", "key": "fm_mine" }), &["/scope", "/key"]),
    ] {
        create(guarded, body).await.has_faults(faults);
    }
    create(guarded, json!([])).await.is_problem(400, "malformed-json");
    assert_eq!(guarded.get("/v1/keys", &guarded.admin).await.items().len(), 1);
}

async fn a_revoked_key_is_refused_at_once(guarded: &Guarded) {
    let made = create(guarded, json!({ "name": "short", "scopes": ["admin"] })).await;
    let (path, key) = (format!("/v1/keys/{}", made.is(201).id()), made.str_at("/key"));
    guarded.get("/v1/users", &key).await.is(200);
    guarded.call(Method::DELETE, &path, &guarded.admin).await.is(204);
    guarded.get("/v1/users", &key).await.asks_for_a_credential("invalid_token");
    guarded.call(Method::DELETE, &path, &guarded.admin).await.is_problem(404, "key-not-found");
    guarded.get(&path, &guarded.admin).await.is_problem(404, "key-not-found");
    guarded.call(Method::DELETE, "/v1/keys/x", &guarded.admin).await.is_problem(404, "key-not-found");
    assert_eq!(guarded.get("/v1/keys", &guarded.admin).await.items().len(), 1);
    // A key may revoke itself, and that was its last request.
    let path = format!("/v1/keys/{}", guarded.get("/v1/keys", &guarded.admin).await.ids()[0]);
    guarded.call(Method::DELETE, &path, &guarded.admin).await.is(204);
    guarded.get("/v1/keys", &guarded.admin).await.asks_for_a_credential("invalid_token");
}

async fn keys_are_paged_newest_first(guarded: &Guarded) {
    let mut ids = guarded.get("/v1/keys", &guarded.admin).await.ids();
    for number in 0..4 {
        let made = create(guarded, json!({ "name": format!("key {number}"), "scopes": ["read"] })).await;
        ids.insert(0, made.is(201).id());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let first = guarded.get("/v1/keys?limit=3", &guarded.admin).await;
    assert_eq!(first.is(200).ids(), ids[..3]);
    let next = first.next().unwrap();
    let second = guarded.get(&format!("/v1/keys?limit=3&cursor={next}"), &guarded.admin).await;
    assert_eq!((second.ids(), second.next()), (ids[3..].to_vec(), None));
    let back = format!("/v1/keys?limit=3&cursor={}", second.previous());
    assert_eq!(guarded.get(&back, &guarded.admin).await.ids(), ids[..3]);
    guarded.get(&format!("/v1/users?cursor={next}"), &guarded.admin).await.is_problem(400, "invalid-cursor");
    guarded.get("/v1/keys?limit=0", &guarded.admin).await.is_problem(400, "");
}

async fn the_secret_of_a_repeated_request_is_not_shown_again(guarded: &Guarded) {
    guarded.users(&["ivan"]).await;
    let body = json!({ "name": "once", "scopes": ["read"] });
    let create = |body: &Value| guarded.send(Method::POST, "/v1/keys", body.clone(), &guarded.admin).key("k");
    let key = create(&body).await.is(201).str_at("/key");
    let again = create(&body).await;
    again.is_problem(409, "secret-already-shown");
    assert!(!again.text().contains(&key), "{again}");
    create(&json!({ "name": "other", "scopes": ["read"] })).await.is_problem(422, "idempotency-key-reused");
    assert_eq!(guarded.get("/v1/keys", &guarded.admin).await.items().len(), 2);
    guarded.get("/v1/users", &key).await.is(200);
    let mint = || guarded.call(Method::POST, "/v1/users/ivan/tokens", &guarded.admin).key("k");
    mint().await.is(201);
    mint().await.is_problem(409, "secret-already-shown");
    guarded.call(Method::DELETE, "/v1/users/ivan", &guarded.admin).await.is(200);
    guarded.users(&["ivan"]).await;
    mint().await.is_problem(410, "");
}

async fn the_last_use_is_told_and_outlives_a_restart(guarded: &Guarded) {
    let made = create(guarded, json!({ "name": "used", "scopes": ["read"] })).await;
    let path = format!("/v1/keys/{}", made.is(201).id());
    assert_eq!(guarded.get(&path, &guarded.admin).await.at("/last_used_at"), Value::Null);
    guarded.get("/v1/users", &made.str_at("/key")).await.is(200);
    let used = guarded.get(&path, &guarded.admin).await.str_at("/last_used_at");
    assert!(made.str_at("/created_at") <= used);
    // It is stored beside the requests, about once a second.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    guarded.world.restart();
    assert_eq!(guarded.get(&path, &guarded.admin).await.str_at("/last_used_at"), used);
}

async fn the_command_line_makes_lists_and_revokes_keys_beside_a_server(guarded: &Guarded) {
    let place = guarded.world.place();
    let key = made(place, "read,write");
    guarded.get("/v1/users", &key).await.is(200);
    let lines = place.run(&["keys", "list"]);
    let line = lines.lines().next().unwrap();
    let columns: Vec<&str> = line.split('\t').collect();
    assert_eq!((columns[1], columns[4], lines.lines().count()), ("read,write", "a test's", 2), "{lines}");
    assert!(!lines.contains("fm_"), "{lines}");
    assert_eq!(place.run(&["keys", "revoke", columns[0]]), "");
    // Another process cannot tell the server; it looks at least once a second.
    tokio::time::sleep(Duration::from_secs(1)).await;
    guarded.get("/v1/users", &key).await.asks_for_a_credential("invalid_token");
    assert!(place.run_badly(&["keys", "revoke", columns[0]]).contains(columns[0]));
    assert_eq!(place.run(&["keys", "list"]).lines().count(), 1);
}

#[tokio::test]
async fn the_first_key_is_made_before_there_is_a_database() {
    let place = place(Store::Sqlite).with("FEEDME_PROFILE", "production");
    assert!(place.run_badly(&["keys", "list"]).contains("there is no database"));
    let key = made(&place, "admin");
    let world = place.serve();
    world.get("/v1/users").await.is(401);
    world.get("/v1/users").header("Authorization", format!("Bearer {key}")).await.is(200);
    world.get("/user").header("Authorization", format!("Bearer {key}")).await.is(404);
}
