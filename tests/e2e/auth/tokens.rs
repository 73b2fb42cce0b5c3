//! `POST /v1/users/{username}/tokens`

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    auth::{Guarded, KID, on_both_guarded, place, token},
    kit::{Place, Store, World},
};

on_both_guarded!(
    a_minted_token_is_its_user_s_and_ends,
    minting_needs_write_and_a_user,
    every_fault_of_a_wish_for_a_token_is_told,
);

fn part(token: &str, index: usize) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(index).unwrap()).unwrap()).unwrap()
}

async fn a_minted_token_is_its_user_s_and_ends(guarded: &Guarded) {
    guarded.users(&["ivan"]).await;
    let mint = async |body: Value| {
        guarded.send(Method::POST, "/v1/users/ivan/tokens", body, &guarded.key("write")).await
    };
    let minted = mint(json!({ "expires_in": 600 })).await;
    let token = minted.is(201).str_at("/token");
    assert_eq!(minted.header("cache-control"), "no-store");
    assert_eq!(minted.str_at("/username"), "ivan");
    let (header, claims) = (part(&token, 0), part(&token, 1));
    assert_eq!((&header["alg"], &header["kid"]), (&json!("HS256"), &json!(KID)));
    assert_eq!(claims["sub"], "ivan");
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 600);
    let ends = chrono::DateTime::parse_from_rfc3339(&minted.str_at("/expires_at")).unwrap();
    assert_eq!(json!(ends.timestamp()), claims["exp"]);
    guarded.get("/v1/feeds/ivan/friends", &token).await.is(200);
    let short = mint(json!({ "expires_in": 1 })).await.is(201).str_at("/token");
    tokio::time::sleep(Duration::from_millis(2100)).await;
    guarded.get("/v1/feeds/ivan/friends", &short).await.asks_for_a_credential("invalid_token");
}

async fn minting_needs_write_and_a_user(guarded: &Guarded) {
    guarded.users(&["ivan"]).await;
    let mint = async |name: &str, credential: &str| {
        guarded.call(Method::POST, &format!("/v1/users/{name}/tokens"), credential).await
    };
    mint("ivan", &guarded.key("write")).await.is(201);
    mint("ivan", &guarded.key("read")).await.denies();
    mint("ivan", &token("ivan")).await.denies();
    mint("nobody", &guarded.admin).await.is_problem(404, "user-not-found");
    mint("%FF", &guarded.admin).await.is_problem(400, "invalid-username");
    guarded.world.call(Method::POST, "/v1/users/ivan/tokens").await.asks_for_a_credential("");
}

async fn every_fault_of_a_wish_for_a_token_is_told(guarded: &Guarded) {
    guarded.users(&["ivan"]).await;
    let mint =
        async |body: Value| guarded.send(Method::POST, "/v1/users/ivan/tokens", body, &guarded.admin).await;
    mint(json!({})).await.is(201);
    for seconds in [json!(0), json!(-1), json!(2_592_001), json!(1.5), json!("60"), json!(null)] {
        mint(json!({ "expires_in": seconds })).await.has_faults(&["/expires_in"]);
    }
    mint(json!({ "expires_in": 0, "ttl": 5 })).await.has_faults(&["/expires_in", "/ttl"]);
}

async fn mint(world: &World, admin: &str, name: &str) -> String {
    let call = world.call(Method::POST, &format!("/v1/users/{name}/tokens"));
    call.header("Authorization", format!("Bearer {admin}")).await.is(201).str_at("/token")
}

/// Without a word in the settings the database keeps a secret of its own, which no other server has.
#[tokio::test]
async fn without_a_configured_secret_the_database_keeps_one() {
    for store in [Store::Sqlite, Store::Postgres] {
        let [one, other]: [Guarded; 2] = [0; 2].map(|_| Guarded::at(&place(store)));
        for guarded in [&one, &other] {
            guarded.users(&["ivan"]).await;
        }
        let token = mint(&one.world, &one.admin, "ivan").await;
        one.get("/v1/feeds/ivan/friends", &token).await.is(200);
        other.get("/v1/feeds/ivan/friends", &token).await.asks_for_a_credential("invalid_token");
        one.world.restart();
        one.get("/v1/feeds/ivan/friends", &token).await.is(200);
        // Nobody knows it, so nobody can sign by it.
        one.get("/v1/users", &crate::auth::token("ivan")).await.asks_for_a_credential("invalid_token");
    }
}

/// Where everybody may call, tokens and keys can be made all the same, for the day when auth is turned on.
#[tokio::test]
async fn an_open_server_makes_keys_and_tokens_too() {
    let world = Place::fresh(Store::Sqlite).serve();
    world.users(["ivan"]).await;
    world.post("/v1/users/ivan/tokens", json!({})).await.is(201);
    world.post("/v1/keys", json!({ "name": "first", "scopes": ["admin"] })).await.is(201);
    world.get("/v1/keys").header("Authorization", "Bearer wrong").await.is(200);
}
