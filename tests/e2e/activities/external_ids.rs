//! The application's own ids: the same thing posted twice is there once.

use reqwest::Method;
use serde_json::json;

use crate::kit::{World, on_both_stores};

on_both_stores!(
    the_same_activity_again_is_the_stored_one,
    the_same_data_in_another_order_and_spelling_is_the_same_content,
    other_content_under_the_same_external_id_is_a_409,
    only_the_members_that_are_given_are_compared,
    an_external_id_belongs_to_its_actor_and_is_free_after_a_deletion,
    a_lookup_by_external_id_is_a_page_of_one_or_none,
);

async fn the_same_activity_again_is_the_stored_one(world: &World) {
    let [ivan] = world.users(["ivan"]).await;
    let others = json!({ "external_id": "e-1", "published": "2026-01-01T00:00:00.5Z", "data": { "a": 1 } });
    let first = ivan.posts_also("share", "post:1", others.clone()).await;
    first.is(201);
    let second = ivan.posts_also("share", "post:1", others).await;
    assert_eq!(second.is(200).json(), first.json());
    let offset =
        json!({ "external_id": "e-1", "published": "2026-01-01T01:00:00.500000+01:00", "data": { "a": 1 } });
    ivan.posts_also("share", "post:1", offset).await.is(200);
    ivan.own_feed().await.shows(&["ivan share post:1"]);
    assert_eq!(ivan.counts().await.2, 1);
}

async fn the_same_data_in_another_order_and_spelling_is_the_same_content(world: &World) {
    world.users(["ivan"]).await;
    let sent = |data: &str| {
        let body = format!(r#"{{"actor":"ivan","verb":"share","external_id":"e-1","data":{data}}}"#);
        world.call(Method::POST, "/v1/activities").text("application/json", body)
    };
    let first = sent(r#"{"a":1,"b":{"c":[1.5,"é"],"d":null}}"#).await;
    first.is(201);
    for data in
        [r#"{"b":{"d":null,"c":[1.5,"\u00e9"]},"a":1}"#, r#"{ "a": 1.0, "b": {"d":null,"c":[15e-1,"é"]} }"#]
    {
        // What is stored is what was sent first.
        assert_eq!(sent(data).await.is(200).text(), first.text());
    }
    for data in [r#"{"a":1,"b":{"c":["é",1.5],"d":null}}"#, r#"{"a":"1","b":{"c":[1.5,"é"],"d":null}}"#, "{}"]
    {
        sent(data).await.is_problem(409, "external-id-taken");
    }
}

async fn other_content_under_the_same_external_id_is_a_409(world: &World) {
    let [ivan, _] = world.users(["ivan", "eric"]).await;
    let others = json!({ "external_id": "e-1", "target": "eric", "data": { "a": 1 } });
    ivan.posts_also("share", "post:1", others.clone()).await.is(201);
    ivan.posts_also("like", "post:1", others.clone()).await.is_problem(409, "").names("e-1");
    ivan.posts_also("share", "post:2", others.clone()).await.is_problem(409, "");
    for (member, value) in [
        ("target", json!("ivan")),
        ("target", json!(null)),
        ("data", json!({ "a": 2 })),
        ("published", json!("2020-01-01T00:00:00Z")),
        ("object", json!(null)),
    ] {
        let mut other = others.clone();
        other[member] = value;
        ivan.posts_also("share", "post:1", other).await.is_problem(409, "");
    }
    ivan.own_feed().await.shows(&["ivan share post:1 -> eric"]);
}

async fn only_the_members_that_are_given_are_compared(world: &World) {
    let [ivan, _] = world.users(["ivan", "eric"]).await;
    let others = json!({ "external_id": "e-1", "target": "eric", "data": { "a": 1 } });
    let first = ivan.posts_also("share", "post:1", others).await.is(201).json();
    let least = json!({ "actor": "ivan", "verb": "share", "external_id": "e-1" });
    assert_eq!(world.post("/v1/activities", least.clone()).await.is(200).json(), first);
    // Compared with what is stored now.
    let path = format!("/v1/activities/{}", first["id"].as_str().unwrap());
    world.patch(&path, json!({ "verb": "like" })).await.is(200);
    world.post("/v1/activities", least).await.is_problem(409, "");
    let now = json!({ "actor": "ivan", "verb": "like", "external_id": "e-1" });
    assert_eq!(world.post("/v1/activities", now).await.is(200).at("/verb"), "like");
}

async fn an_external_id_belongs_to_its_actor_and_is_free_after_a_deletion(world: &World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    let external = json!({ "external_id": "ö".repeat(255) });
    let id = ivan.posts_also("share", "post:1", external.clone()).await.is(201).id();
    eric.posts_also("like", "post:2", external.clone()).await.is(201);
    world.delete(&format!("/v1/activities/{id}")).await.is(204);
    ivan.posts_also("like", "post:3", external).await.is(201);
    ivan.own_feed().await.shows(&["ivan like post:3"]);
}

async fn a_lookup_by_external_id_is_a_page_of_one_or_none(world: &World) {
    let [ivan] = world.users(["ivan"]).await;
    let stored = ivan.posts_also("share", "post:1", json!({ "external_id": "a b/&?" })).await.is(201).json();
    let found = world.get("/v1/activities?actor=ivan&external_id=a%20b%2F%26%3F").await;
    assert_eq!(found.is(200).items(), [stored]);
    assert_eq!(found.next(), None);
    let none = world.get("/v1/activities?actor=ivan&external_id=other").await;
    assert_eq!(none.is(200).items().len(), 0);
    world.get("/v1/activities?actor=ivan").await.is_problem(400, "").names("external_id");
    world.get("/v1/activities?external_id=x").await.is_problem(400, "").names("actor");
    world.get("/v1/activities").await.is_problem(400, "");
}
