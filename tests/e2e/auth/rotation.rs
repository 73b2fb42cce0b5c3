//! Secrets of user tokens are changed without a moment in which good tokens are refused.

use serde_json::json;

use crate::{
    auth::{Guarded, claims, made, place, signed},
    kit::{Place, Store},
};

const OLD: &str = "the old secret, which is long enough for all";
const NEW: &str = "the new secret, which is long enough for all";

fn by(kid: Option<&str>, secret: &str) -> String {
    let mut header = json!({ "alg": "HS256" });
    if let Some(kid) = kid {
        header["kid"] = json!(kid);
    }
    signed(&header, &claims("ivan"), secret)
}

fn with(place: &Place, secrets: &[(&str, &str)]) -> Place {
    secrets.iter().fold(place.clone(), |place, (kid, secret)| {
        place.with(&format!("FEEDME__AUTH__USER_TOKEN_SECRETS__{kid}"), secret)
    })
}

#[tokio::test]
async fn a_secret_is_rotated_in_three_steps() {
    let place = place(Store::Sqlite);
    let admin = made(&place, "admin");
    let at =
        |secrets: &[(&str, &str)]| Guarded { world: with(&place, secrets).serve(), admin: admin.clone() };
    let minted = {
        let guarded = at(&[("A", OLD)]);
        guarded.users(&["ivan"]).await;
        // There is one secret alone, so a token need not name it.
        for token in [by(None, OLD), by(Some("a"), OLD), by(Some("A"), OLD)] {
            guarded.get("/v1/users/ivan", &token).await.is(200);
        }
        guarded.get("/v1/users/ivan", &by(Some("b"), NEW)).await.asks_for_a_credential("invalid_token");
        guarded.minted("ivan").await
    };
    let guarded = at(&[("A", OLD), ("B", NEW)]);
    for token in [&by(Some("a"), OLD), &by(Some("b"), NEW), &minted] {
        guarded.get("/v1/users/ivan", token).await.is(200);
    }
    for token in [by(None, OLD), by(None, NEW), by(Some("a"), NEW), by(Some("b"), OLD), by(Some("c"), NEW)] {
        guarded.get("/v1/users/ivan", &token).await.asks_for_a_credential("invalid_token");
    }
    let anew = guarded.minted("ivan").await;
    drop(guarded);
    let guarded = at(&[("B", NEW)]);
    for token in [&by(Some("b"), NEW), &by(None, NEW), &anew] {
        guarded.get("/v1/users/ivan", token).await.is(200);
    }
    for token in [&by(Some("a"), OLD), &by(None, OLD), &minted] {
        guarded.get("/v1/users/ivan", token).await.asks_for_a_credential("invalid_token");
    }
}

/// Two instances on one database.
#[tokio::test]
async fn what_one_instance_revokes_or_erases_another_refuses_within_a_second() {
    use reqwest::Method;
    let one = Guarded::start(Store::Postgres);
    let other = Guarded { world: one.world.place().serve(), admin: one.admin.clone() };
    one.users(&["ivan"]).await;
    let body = json!({ "name": "short", "scopes": ["read"] });
    let made = one.send(Method::POST, "/v1/keys", body, &one.admin).await;
    let (id, key) = (made.is(201).id(), made.str_at("/key"));
    let token = crate::auth::token("ivan");
    for guarded in [&one, &other] {
        guarded.get("/v1/users", &key).await.is(200);
        guarded.get("/v1/users", &token).await.is(200);
    }
    one.call(Method::DELETE, &format!("/v1/keys/{id}"), &one.admin).await.is(204);
    one.call(Method::DELETE, "/v1/users/ivan", &one.admin).await.is(200);
    for credential in [&key, &token] {
        one.get("/v1/users", credential).await.asks_for_a_credential("invalid_token");
    }
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    for credential in [&key, &token] {
        other.get("/v1/users", credential).await.asks_for_a_credential("invalid_token");
    }
}
