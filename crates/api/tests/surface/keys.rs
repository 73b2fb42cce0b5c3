//! Requests that are sent again with their `Idempotency-Key`.

use actix_web::{http::Method, test::TestRequest};

use crate::kit::{World, json};

fn keyed(path: &str, key: &str, body: &str) -> TestRequest {
    json(Method::POST, path, body).insert_header(("idempotency-key", key.to_owned()))
}

#[actix_web::test]
async fn every_post_has_one_effect_and_one_answer() {
    let world = World::of(&["ivan", "eric"]).await;
    for (path, body) in [
        ("/v1/activities", r#"{"actor":"ivan","verb":"v"}"#),
        ("/v1/activities/batch", r#"{"activities":[{"actor":"ivan","verb":"v"},1]}"#),
        ("/activity", r#"{"actor":"ivan","verb":"v"}"#),
        ("/feed/ivan", r#"{"follow":"eric"}"#),
        ("/v1/users/ivan/following", r#"{"unfollow":["eric"]}"#),
    ] {
        let first = world.send(keyed(path, "k", body)).await;
        assert!(first.status.is_success(), "{path}: {}", first.text());
        assert_eq!(first.header("idempotency-replayed"), "");
        let again = world.send(keyed(path, "k", body)).await;
        assert_eq!((again.status, again.text()), (first.status, first.text()), "{path}");
        assert_eq!(again.header("idempotency-replayed"), "true");
        assert_eq!(again.header("location"), first.header("location"));
        let other = world.send(keyed(path, "k", &format!("{body} "))).await;
        if path.starts_with("/v1") {
            other.tells(422, "idempotency-key-reused").text();
        } else {
            other.says_error(422);
        }
    }
    assert_eq!(world.get("/v1/users/ivan").await.is(200).value()["activities"], 3);
}

#[actix_web::test]
async fn a_request_that_failed_is_tried_afresh() {
    let world = World::of(&["ivan"]).await;
    let post = || keyed("/v1/activities", "k", r#"{"actor":"eric","verb":"v"}"#);
    world.send(post()).await.tells(400, "invalid-request").text();
    world.put("/v1/users/eric", "{}").await.is(201).text();
    world.send(post()).await.is(201).text();
    for key in ["", " ", &"k".repeat(256)] {
        world.send(keyed("/v1/activities", key, "{}")).await.tells(400, "invalid-idempotency-key").text();
        world.send(keyed("/activity", key, "{}")).await.says_error(400);
    }
}

#[actix_web::test]
async fn an_answer_that_named_an_erased_user_is_gone_whatever_the_retry_says() {
    let world = World::of(&["ivan", "eric"]).await;
    let body = r#"{"actor":"ivan","verb":"v","target":"eric"}"#;
    world.send(keyed("/v1/activities", "k", body)).await.is(201).text();
    world.send(keyed("/feed/ivan", "k", r#"{"follow":"eric"}"#)).await.is(200).text();
    world.delete("/v1/users/eric").await.is(200).text();
    for body in [body, "nonsense"] {
        world.send(keyed("/v1/activities", "k", body)).await.tells(410, "idempotent-answer-erased").text();
        world.send(keyed("/feed/ivan", "k", body)).await.says_error(410);
    }
}
