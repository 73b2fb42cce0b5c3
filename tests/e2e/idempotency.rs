//! A POST that is sent again has one effect and one answer.

use reqwest::Method;
use serde_json::json;

use crate::kit::{World, on_both_stores};

on_both_stores!(
    the_first_answer_is_given_again,
    the_same_key_with_another_body_is_a_422,
    a_key_belongs_to_its_path,
    a_failed_request_leaves_the_key_free,
    keys_outlive_a_crash,
    two_at_once_have_one_effect,
    a_key_is_one_to_255_characters,
    follows_in_a_batch_are_covered,
);

async fn the_first_answer_is_given_again(world: &World) {
    let [ivan] = world.users(["ivan"]).await;
    let first = ivan.posts("share", "post:1").key("k").await;
    assert_eq!(first.is(201).find_header("idempotency-replayed"), None);
    // What happened to the activity since does not matter.
    world.patch(&format!("/v1/activities/{}", first.id()), json!({ "verb": "like" })).await.is(200);
    let again = ivan.posts("share", "post:1").key("k").await;
    assert_eq!(again.is(201).bytes, first.bytes);
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(again.header("location"), first.header("location"));
    assert!(again.header("content-type").starts_with("application/json"), "{again}");
    ivan.own_feed().await.shows(&["ivan like post:1"]);
    // Without a key, or with another, it is another post.
    ivan.posts("share", "post:1").await.is(201);
    ivan.posts("share", "post:1").key("K").await.is(201);
    assert_eq!(ivan.counts().await.2, 3);
}

async fn the_same_key_with_another_body_is_a_422(world: &World) {
    let [ivan] = world.users(["ivan"]).await;
    ivan.posts("share", "post:1").key("k").await.is(201);
    ivan.posts("share", "post:2").key("k").await.is_problem(422, "");
    // The body is compared by its bytes.
    let spaced = r#"{ "actor":"ivan","verb":"share","object":"post:1"}"#;
    let call = world.call(Method::POST, "/v1/activities").text("application/json", spaced);
    call.key("k").await.is_problem(422, "");
    ivan.own_feed().await.shows(&["ivan share post:1"]);
}

async fn a_key_belongs_to_its_path(world: &World) {
    let [ivan, eric, _] = world.users(["ivan", "eric", "niko"]).await;
    ivan.posts("share", "post:1").key("k").await.is(201);
    for user in [&ivan, &eric] {
        let path = format!("{}/following", user.path());
        let answer = world.post(&path, json!({ "follow": ["niko"] })).key("k").await;
        assert_eq!(answer.is(200).find_header("idempotency-replayed"), None);
    }
    let classic = json!({ "actor": "ivan", "verb": "share", "object": "post:2" });
    world.post("/activity", classic).key("k").await.is(200);
    ivan.own_feed().await.shows(&["ivan share post:2", "ivan share post:1"]);
}

async fn a_failed_request_leaves_the_key_free(world: &World) {
    let ivan = world.user("ivan");
    ivan.posts("share", "post:1").key("k").await.is_problem(400, "");
    world.users(["ivan"]).await;
    let first = ivan.posts("share", "post:1").key("k").await;
    assert_eq!(first.is(201).find_header("idempotency-replayed"), None);
    ivan.posts("", "post:1").key("k2").await.is_problem(400, "");
    ivan.posts("share", "post:2").key("k2").await.is(201);
}

async fn keys_outlive_a_crash(world: &World) {
    let [ivan] = world.users(["ivan"]).await;
    let first = ivan.posts("share", "post:1").key("k").await;
    first.is(201);
    world.crash_and_start_again();
    let again = ivan.posts("share", "post:1").key("k").await;
    assert_eq!(again.is(201).bytes, first.bytes);
    ivan.own_feed().await.shows(&["ivan share post:1"]);
}

async fn two_at_once_have_one_effect(world: &World) {
    let [ivan] = world.users(["ivan"]).await;
    for round in 0..10 {
        let key = format!("k{round}");
        let post = || ivan.posts("share", &round.to_string()).key(&key).into_future();
        let answers = futures_util::future::join_all((0..6).map(|_| post())).await;
        let done: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
        assert!(!done.is_empty());
        assert!(done.iter().all(|answer| answer.bytes == done[0].bytes));
        for other in answers.iter().filter(|answer| answer.status != 201) {
            other.is_problem(409, "");
        }
    }
    assert_eq!(ivan.counts().await.2, 10);
    assert_eq!(ivan.own_feed().await.items().len(), 10);
}

async fn a_key_is_one_to_255_characters(world: &World) {
    let [ivan] = world.users(["ivan"]).await;
    ivan.posts("share", "1").key("").await.is_problem(400, "");
    ivan.posts("share", "1").key(&"k".repeat(256)).await.is_problem(400, "");
    ivan.posts("share", "1").key(&"k".repeat(255)).await.is(201);
    ivan.posts("share", "1").key(&"k".repeat(255)).await.is(201);
    assert_eq!(ivan.counts().await.2, 1);
}

async fn follows_in_a_batch_are_covered(world: &World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    let path = format!("{}/following", ivan.path());
    let body = json!({ "follow": ["eric", "nobody"] });
    let first = world.post(&path, body.clone()).key("k").await;
    ivan.unfollows(&eric).await.is(204);
    let again = world.post(&path, body).key("k").await;
    assert_eq!(again.is(200).bytes, first.is(200).bytes);
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(ivan.counts().await, (0, 0, 0));
}
