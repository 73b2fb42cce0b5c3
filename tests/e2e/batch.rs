//! Many activities in one request.

use reqwest::Method;
use serde_json::{Value, json};

use crate::kit::{Answer, World, assert_well_formed_activity, on_both_stores, on_sqlite};

on_both_stores!(
    each_item_is_answered_in_its_place,
    items_of_a_batch_are_in_the_order_sent,
    lines_of_json_are_a_batch_too,
    an_atomic_batch_is_stored_whole_or_not_at_all,
    the_same_external_id_twice_in_a_batch_is_one_activity,
    a_thousand_items_are_taken_and_one_more_is_not,
    a_batch_with_a_key_has_one_effect,
);

on_sqlite!(a_batch_that_is_no_list_is_a_400, a_batch_may_ask_for_atomic_in_one_way_alone);

const BATCH: &str = "/v1/activities/batch";

async fn batch(world: &World, activities: Value) -> Answer {
    world.post(BATCH, json!({ "activities": activities })).await
}

fn post(object: &str) -> Value {
    json!({ "actor": "ivan", "verb": "post", "object": object })
}

/// The statuses of the results, in order; and each result has what its status promises.
#[track_caller]
fn statuses(answer: &Answer) -> Vec<u64> {
    let results = answer.is(200).at("/results");
    let check = |result: &Value| {
        let status = result["status"].as_u64().unwrap();
        if status < 300 {
            assert_well_formed_activity(&result["activity"]);
        } else {
            let problem = &result["problem"];
            assert_eq!(problem["status"], status, "{answer}");
            assert!(problem["type"].as_str().unwrap().starts_with("/problems/"), "{answer}");
            assert!(problem["title"].is_string() && problem["detail"].is_string(), "{answer}");
        }
        status
    };
    results.as_array().unwrap().iter().map(check).collect()
}

async fn each_item_is_answered_in_its_place(world: &World) {
    let [ivan] = world.users(["ivan"]).await;
    ivan.posts_also("post", "known", json!({ "external_id": "e" })).await.is(201);
    let items = json!([
        post("1"),
        { "actor": "ivan", "verb": "" },
        "no object",
        { "actor": "nobody", "verb": "post", "target": "nobody" },
        { "actor": "ivan", "verb": "post", "object": "known", "external_id": "e" },
        { "actor": "ivan", "verb": "other", "external_id": "e" },
        { "actor": "ivan", "verb": "post", "unknown": 1 },
        null,
        [],
        post("2"),
    ]);
    let answer = batch(world, items).await;
    assert_eq!(statuses(&answer), [201, 400, 400, 400, 200, 409, 400, 400, 400, 201]);
    let pointers = |index: usize| {
        let errors = answer.at(&format!("/results/{index}/problem/errors"));
        errors
            .as_array()
            .unwrap()
            .iter()
            .map(|e| e["pointer"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(pointers(1), ["/verb"]);
    assert_eq!(pointers(3), ["/actor", "/target"]);
    assert_eq!(pointers(6), ["/unknown"]);
    ivan.own_feed().await.shows(&["ivan post 2", "ivan post 1", "ivan post known"]);
    assert_eq!(ivan.counts().await.2, 3);
}

async fn items_of_a_batch_are_in_the_order_sent(world: &World) {
    let [ivan] = world.users(["ivan"]).await;
    let items: Vec<Value> = (0..50).map(|n| post(&n.to_string())).collect();
    let answer = batch(world, json!(items)).await;
    assert_eq!(statuses(&answer), [201; 50]);
    let objects: Vec<_> = (0..50).map(|n| answer.at(&format!("/results/{n}/activity/object"))).collect();
    assert_eq!(objects, (0..50).map(|n| json!(n.to_string())).collect::<Vec<_>>());
    let wanted: Vec<String> = (0..50).rev().map(|n| format!("ivan post {n}")).collect();
    assert_eq!(world.walk_lines(&ivan.own_path(), 7).await, wanted);
}

async fn lines_of_json_are_a_batch_too(world: &World) {
    let [ivan] = world.users(["ivan"]).await;
    let lines = format!("\n{}\n\r\n  \n{}\r\nnonsense\n[]\n{}", post("1"), post("2"), post("3"));
    let call = world.call(Method::POST, BATCH).text("application/x-ndjson", lines);
    assert_eq!(statuses(&call.await), [201, 201, 400, 400, 201]);
    ivan.own_feed().await.shows(&["ivan post 3", "ivan post 2", "ivan post 1"]);
    for empty in ["", "\n \n"] {
        let call = world.call(Method::POST, BATCH).text("application/x-ndjson", empty);
        call.await.is_problem(400, "");
    }
    // A line is an activity, nothing else.
    let call = world.call(Method::POST, BATCH).text("application/x-ndjson", r#"{"activities":[]}"#);
    assert_eq!(statuses(&call.await), [400]);
    let call = world.call(Method::POST, "/v1/activities").text("application/x-ndjson", post("4").to_string());
    call.await.is_problem(415, "");
}

async fn an_atomic_batch_is_stored_whole_or_not_at_all(world: &World) {
    let [ivan] = world.users(["ivan"]).await;
    let atomic =
        |activities: Value| world.post(&format!("{BATCH}?atomic=true"), json!({ "activities": activities }));
    let answer =
        atomic(json!([post("1"), { "actor": "ivan", "verb": "" }, { "actor": "x", "verb": "y" }])).await;
    answer.has_faults(&["/activities/1/verb", "/activities/2/actor"]);
    ivan.own_feed().await.shows(&[]);
    // A conflict alone fails it as well.
    ivan.posts_also("post", "0", json!({ "external_id": "e" })).await.is(201);
    let conflict = json!({ "actor": "ivan", "verb": "other", "external_id": "e" });
    let answer = atomic(json!([post("1"), conflict])).await;
    answer.is_problem(400, "").names("/activities/1");
    assert_eq!(
        atomic(json!([post("1"), "no object"])).await.is_problem(400, "").at("/errors/0/pointer"),
        "/activities/1"
    );
    ivan.own_feed().await.shows(&["ivan post 0"]);
    assert_eq!(ivan.counts().await.2, 1);
    let answer = atomic(json!([post("1"), post("2")])).await;
    assert_eq!(statuses(&answer), [201, 201]);
    ivan.own_feed().await.shows(&["ivan post 2", "ivan post 1", "ivan post 0"]);
}

async fn the_same_external_id_twice_in_a_batch_is_one_activity(world: &World) {
    let [ivan] = world.users(["ivan"]).await;
    let item = json!({ "actor": "ivan", "verb": "post", "object": "1", "external_id": "e" });
    let other = json!({ "actor": "ivan", "verb": "post", "object": "2", "external_id": "e" });
    let answer = batch(world, json!([item, item, other])).await;
    assert_eq!(statuses(&answer), [201, 200, 409]);
    assert_eq!(answer.at("/results/0/activity"), answer.at("/results/1/activity"));
    ivan.own_feed().await.shows(&["ivan post 1"]);
}

async fn a_thousand_items_are_taken_and_one_more_is_not(world: &World) {
    let [ivan] = world.users(["ivan"]).await;
    let items = |count: usize| json!((0..count).map(|n| post(&n.to_string())).collect::<Vec<_>>());
    batch(world, items(1001)).await.is_problem(400, "");
    batch(world, items(0)).await.is_problem(400, "");
    ivan.own_feed().await.shows(&[]);
    let answer = batch(world, items(1000)).await;
    assert_eq!(statuses(&answer), [201; 1000]);
    assert_eq!(ivan.counts().await.2, 1000);
    assert_eq!(world.walk(&ivan.own_path(), 100).await.len(), 1000);
}

async fn a_batch_with_a_key_has_one_effect(world: &World) {
    let [ivan] = world.users(["ivan"]).await;
    let body = json!({ "activities": [post("1"), { "actor": "ivan", "verb": "" }] });
    let first = world.post(BATCH, body.clone()).key("k").await;
    let again = world.post(BATCH, body.clone()).key("k").await;
    assert_eq!(again.is(200).bytes, first.is(200).bytes);
    assert_eq!(again.header("idempotency-replayed"), "true");
    ivan.own_feed().await.shows(&["ivan post 1"]);
    // The query is part of what was asked.
    world.post(&format!("{BATCH}?atomic=true"), body).key("k").await.is_problem(422, "");
}

async fn a_batch_that_is_no_list_is_a_400(world: &World) {
    for body in
        [json!({}), json!({ "activities": {} }), json!({ "activities": null }), json!({ "activities": "x" })]
    {
        world.post(BATCH, body).await.is_problem(400, "").names("activities");
    }
}

async fn a_batch_may_ask_for_atomic_in_one_way_alone(world: &World) {
    world.users(["ivan"]).await;
    let body = json!({ "activities": [post("1")] });
    for query in ["atomic=maybe", "atomic=", "atomic=1"] {
        world.post(&format!("{BATCH}?{query}"), body.clone()).await.is_problem(400, "").names("atomic");
    }
    world.post(&format!("{BATCH}?atomic=false"), body).await.is(200);
}
