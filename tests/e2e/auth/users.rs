//! Users by their tokens: each acts as nobody else, and no later holder of a name inherits one.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::auth::{Guarded, KID, SECRET, claims, now_s, on_both_guarded, signed, token};

on_both_guarded!(
    a_user_acts_as_nobody_else,
    a_batch_answers_each_item_in_the_name_of_another_with_a_403,
    a_user_changes_their_own_activities_alone,
    a_user_may_erase_themselves_and_nobody_else,
    a_token_ends_with_its_user_and_is_not_the_next_holder_s,
    a_rename_ends_the_tokens_of_the_old_name_at_once,
    a_token_from_before_the_name_was_taken_is_refused,
    an_idempotency_key_belongs_to_its_credential,
);

fn activity(actor: &str, object: &str) -> Value {
    json!({ "actor": actor, "verb": "share", "object": object })
}

async fn a_user_acts_as_nobody_else(guarded: &Guarded) {
    guarded.users(&["ivan", "eric"]).await;
    let ivan = token("ivan");
    let post = async |path, actor| guarded.send(Method::POST, path, activity(actor, "1"), &ivan).await;
    post("/v1/activities", "ivan").await.is(201);
    post("/v1/activities", "eric").await.denies().is_problem(403, "forbidden").names("ivan");
    post("/activity", "ivan").await.is(200);
    post("/activity", "eric").await.denies().is_classic_error(403);
    // Whether there is a user of that name is not told, and what is wrong beside it neither.
    post("/v1/activities", "nobody").await.denies();
    guarded.send(Method::POST, "/v1/activities", json!({ "actor": "eric" }), &ivan).await.denies();
    guarded.send(Method::POST, "/v1/activities", json!({}), &ivan).await.has_faults(&["/actor", "/verb"]);
    guarded.send(Method::POST, "/feed/ivan", json!({ "follow": "eric" }), &ivan).await.is(200);
    guarded.send(Method::POST, "/feed/eric", json!({ "follow": "ivan" }), &ivan).await.denies();
    guarded.get("/v1/feeds/eric", &guarded.admin).await.shows(&[]);
    guarded.get("/v1/feeds/ivan/friends", &ivan).await.shows(&[]);
    guarded.get("/v1/feeds/eric/friends", &ivan).await.denies();
}

async fn a_batch_answers_each_item_in_the_name_of_another_with_a_403(guarded: &Guarded) {
    guarded.users(&["ivan", "eric"]).await;
    let ivan = token("ivan");
    let items =
        [activity("ivan", "1"), activity("eric", "2"), json!({ "actor": "ivan" }), activity("ivan", "3")];
    let body = json!({ "activities": items });
    let post = |path, body: &Value| guarded.send(Method::POST, path, body.clone(), &ivan);
    let first = post("/v1/activities/batch", &body).key("k").await;
    let statuses = |answer: &crate::kit::Answer| -> Vec<Value> {
        answer.at("/results").as_array().unwrap().iter().map(|result| result["status"].clone()).collect()
    };
    assert_eq!(statuses(first.is(200)), [201, 403, 400, 201]);
    assert_eq!(first.at("/results/1/problem/type"), "/problems/forbidden");
    let again = post("/v1/activities/batch", &body).key("k").await;
    assert_eq!(again.is(200).bytes, first.bytes);
    // All or none is none, and so is a batch that holds nothing else.
    post("/v1/activities/batch?atomic=true", &json!({ "activities": items })).await.denies();
    post("/v1/activities/batch", &json!({ "activities": [activity("eric", "4")] })).await.denies();
    guarded.get("/v1/feeds/ivan", &ivan).await.shows(&["ivan share 3", "ivan share 1"]);
    guarded.get("/v1/feeds/eric", &ivan).await.shows(&[]);
}

async fn a_user_changes_their_own_activities_alone(guarded: &Guarded) {
    guarded.users(&["ivan", "eric"]).await;
    let (ivan, eric) = (token("ivan"), token("eric"));
    let path = format!("/v1/activities/{}", guarded.posted("ivan").await);
    guarded.send(Method::PATCH, &path, json!({ "verb": "like" }), &eric).await.denies();
    guarded.call(Method::DELETE, &path, &eric).await.denies();
    guarded.send(Method::PATCH, &path, json!({ "verb": "like" }), &ivan).await.is(200);
    guarded.get(&path, &eric).await.is(200);
    guarded.call(Method::DELETE, &path, &ivan).await.is(204);
    guarded.call(Method::DELETE, &path, &ivan).await.is_problem(404, "activity-not-found");
    guarded.call(Method::DELETE, "/v1/activities/x", &ivan).await.is_problem(404, "activity-not-found");
    for (method, body) in [(Method::PUT, json!({})), (Method::PATCH, json!({ "username": "iwan" }))] {
        guarded.send(method, "/v1/users/ivan", body, &ivan).await.denies();
    }
}

async fn a_user_may_erase_themselves_and_nobody_else(guarded: &Guarded) {
    guarded.users(&["ivan", "eric"]).await;
    guarded.call(Method::DELETE, "/v1/users/ivan", &token("eric")).await.denies();
    guarded.call(Method::DELETE, "/v1/users/ivan", &guarded.key("read,write")).await.denies();
    guarded.call(Method::DELETE, "/v1/users/ivan", &token("ivan")).await.is(200);
    guarded.call(Method::DELETE, "/v1/users/eric", &guarded.admin).await.is(200);
    guarded.get("/v1/users", &guarded.admin).await.is(200);
    assert_eq!(guarded.get("/v1/users", &guarded.admin).await.items(), [] as [Value; 0]);
}

async fn a_token_ends_with_its_user_and_is_not_the_next_holder_s(guarded: &Guarded) {
    guarded.users(&["ivan", "eric"]).await;
    let (signed, minted) = (token("ivan"), guarded.minted("ivan").await);
    for token in [&signed, &minted] {
        guarded.get("/v1/feeds/ivan/friends", token).await.is(200);
    }
    guarded.call(Method::DELETE, "/v1/users/ivan", &guarded.admin).await.is(200);
    for token in [&signed, &minted] {
        guarded.get("/v1/users/eric", token).await.asks_for_a_credential("invalid_token");
    }
    // Somebody else takes the name in the next second, or in this one.
    guarded.users(&["ivan"]).await;
    guarded.get("/v1/feeds/ivan/friends", &minted).await.asks_for_a_credential("invalid_token");
    let anew = guarded.minted("ivan").await;
    guarded.get("/v1/feeds/ivan/friends", &anew).await.is(200);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    guarded.call(Method::DELETE, "/v1/users/ivan", &guarded.admin).await.is(200);
    guarded.users(&["ivan"]).await;
    for token in [&signed, &minted, &anew] {
        guarded.get("/v1/feeds/ivan/friends", token).await.asks_for_a_credential("invalid_token");
    }
}

async fn a_rename_ends_the_tokens_of_the_old_name_at_once(guarded: &Guarded) {
    guarded.users(&["ivan"]).await;
    let old = token("ivan");
    guarded.get("/v1/users/ivan", &old).await.is(200);
    let rename = async |from: &str, to: &str| {
        let body = json!({ "username": to });
        guarded.send(Method::PATCH, &format!("/v1/users/{from}"), body, &guarded.admin).await.is(200);
    };
    tokio::time::sleep(Duration::from_millis(1100)).await;
    rename("ivan", "iwan").await;
    guarded.get("/v1/users", &old).await.asks_for_a_credential("invalid_token");
    // Nor is it good for whoever has the name next, not even for the same user.
    guarded.users(&["ivan"]).await;
    guarded.get("/v1/users", &old).await.asks_for_a_credential("invalid_token");
    guarded.get("/v1/feeds/iwan/friends", &token("iwan")).await.is(200);
    guarded.get("/v1/feeds/iwan/friends", &guarded.minted("iwan").await).await.is(200);
}

async fn a_token_from_before_the_name_was_taken_is_refused(guarded: &Guarded) {
    guarded.users(&["ivan"]).await;
    let named_at = guarded.get("/v1/users/ivan", &guarded.admin).await.str_at("/created_at");
    let named_at = chrono::DateTime::parse_from_rfc3339(&named_at).unwrap().timestamp();
    let header = json!({ "alg": "HS256", "kid": KID });
    for (iat, status) in [(named_at - 1, 401), (named_at, 200), (named_at - 86_400, 401)] {
        let mut claims = claims("ivan");
        claims["iat"] = json!(iat);
        claims["exp"] = json!(now_s() + 600);
        guarded.get("/v1/users/ivan", &signed(&header, &claims, SECRET)).await.is(status);
    }
}

async fn an_idempotency_key_belongs_to_its_credential(guarded: &Guarded) {
    guarded.users(&["ivan", "eric"]).await;
    let (shop, ivan, eric) = (guarded.key("write"), token("ivan"), token("eric"));
    let post = async |actor, credential: &str| {
        guarded.send(Method::POST, "/v1/activities", activity(actor, "1"), credential).key("k").await
    };
    let first = post("ivan", &guarded.admin).await.is(201).id();
    let others = [post("ivan", &shop).await, post("ivan", &ivan).await, post("eric", &eric).await];
    for other in &others {
        assert_eq!(other.is(201).find_header("idempotency-replayed"), None, "{other}");
        assert_ne!(other.id(), first);
    }
    let again = post("ivan", &guarded.admin).await;
    assert_eq!((again.is(201).id(), again.header("idempotency-replayed")), (first, "true".to_owned()));
    // A user's next token is the same user's.
    let next = guarded.minted("ivan").await;
    assert_eq!(post("ivan", &next).await.is(201).id(), others[1].id());
}
