//! PATCH, and preconditions.

use serde_json::{Value, json};

use crate::kit::{World, assert_well_formed_activity, on_both_stores};

on_both_stores!(
    an_edit_changes_what_is_given_and_says_when,
    an_empty_patch_changes_nothing,
    an_edit_of_what_others_have_seen_is_refused,
    a_deletion_honours_the_same_condition,
    an_edited_target_moves_between_mentions,
);

async fn an_edit_changes_what_is_given_and_says_when(world: &World) {
    let [ivan, _] = world.users(["ivan", "eric"]).await;
    let others = json!({ "target": "eric", "data": { "a": 1 }, "external_id": "e" });
    let posted = ivan.posts_also("share", "post:1", others).await.is(201).json();
    let path = format!("/v1/activities/{}", posted["id"].as_str().unwrap());
    let mut wanted = posted.clone();
    for (member, value) in [
        ("verb", json!("like")),
        ("object", json!("post:2")),
        ("object", Value::Null),
        ("target", Value::Null),
        ("target", json!("ivan")),
        ("data", json!({ "b": { "c": [1.5] } })),
    ] {
        let answer = world.patch(&path, json!({ member: value })).await;
        wanted[member] = value;
        wanted["edited_at"] = answer.is(200).at("/edited_at");
        assert_eq!(answer.json(), wanted);
        assert_well_formed_activity(&wanted);
        assert!(wanted["edited_at"].is_string(), "{answer}");
        assert_eq!(world.get(&path).await.is(200).json(), wanted);
        assert_eq!(ivan.own_feed().await.items(), std::slice::from_ref(&wanted));
    }
    for (member, value) in [
        ("verb", Value::Null),
        ("verb", json!("")),
        ("object", json!(7)),
        ("target", json!("nobody")),
        ("target", json!("")),
        ("data", json!([])),
        ("actor", json!("eric")),
        ("published", json!("2020-01-01T00:00:00Z")),
        ("external_id", json!("x")),
    ] {
        world.patch(&path, json!({ member: value })).await.has_faults(&[&format!("/{member}")]);
    }
    assert_eq!(world.get(&path).await.is(200).json(), wanted);
}

async fn an_empty_patch_changes_nothing(world: &World) {
    let [ivan] = world.users(["ivan"]).await;
    let posted = ivan.posts("share", "post:1").await.is(201).json();
    let path = format!("/v1/activities/{}", posted["id"].as_str().unwrap());
    let tag = world.get(&path).await.header("etag");
    let answer = world.patch(&path, json!({})).await;
    assert_eq!(answer.is(200).json(), posted);
    assert_eq!(answer.header("etag"), tag);
    world.patch(&path, json!({})).header("If-Match", "\"other\"").await.is_problem(412, "");
}

async fn an_edit_of_what_others_have_seen_is_refused(world: &World) {
    let [ivan] = world.users(["ivan"]).await;
    let id = ivan.posts("share", "post:1").await.is(201).id();
    let path = format!("/v1/activities/{id}");
    let first = world.get(&path).await.header("etag");
    let edit = |verb: &str| world.patch(&path, json!({ "verb": verb }));
    let edited = edit("like").header("If-Match", &first).await;
    let second = edited.is(200).header("etag");
    assert_ne!(first, second);
    assert_eq!(world.get(&path).await.header("etag"), second);
    edit("hate").header("If-Match", &first).await.is_problem(412, "").names(&id);
    edit("hate").header("If-Match", format!("W/{second}")).await.is_problem(412, "");
    edit("hate").header("If-Match", "\"nonsense\"").await.is_problem(412, "");
    assert_eq!(world.get(&path).await.at("/verb"), "like");
    edit("love").header("If-Match", format!("\"nonsense\", {second}")).await.is(200);
    edit("adore").header("If-Match", "*").await.is(200);
    let missing = "/v1/activities/01890a5d-ac96-774b-bcce-b302099a8057";
    let answer = world.patch(missing, json!({ "verb": "x" })).header("If-Match", "*").await;
    assert!(answer.status == 404 || answer.status == 412, "{answer}");
}

async fn a_deletion_honours_the_same_condition(world: &World) {
    let [ivan] = world.users(["ivan"]).await;
    let id = ivan.posts("share", "post:1").await.is(201).id();
    let path = format!("/v1/activities/{id}");
    let tag = world.get(&path).await.header("etag");
    world.delete(&path).header("If-Match", format!("W/{tag}")).await.is_problem(412, "");
    world.delete(&path).header("If-Match", "\"other\"").await.is_problem(412, "");
    ivan.own_feed().await.shows(&["ivan share post:1"]);
    world.delete(&path).header("If-Match", &tag).await.is(204);
    ivan.own_feed().await.shows(&[]);
}

async fn an_edited_target_moves_between_mentions(world: &World) {
    let [ivan, eric, niko] = world.users(["ivan", "eric", "niko"]).await;
    let id = ivan.posts_to("share", "post:1", &eric).await.is(201).id();
    let path = format!("/v1/activities/{id}");
    world.patch(&path, json!({ "target": "niko" })).await.is(200);
    eric.mentions().await.shows(&[]);
    niko.mentions().await.shows(&["ivan share post:1 -> niko"]);
    world.patch(&path, json!({ "target": null })).await.is(200);
    niko.mentions().await.shows(&[]);
    // An edit moves nothing in time.
    ivan.posts("share", "post:2").await.is(201);
    world.patch(&path, json!({ "verb": "like" })).await.is(200);
    ivan.own_feed().await.shows(&["ivan share post:2", "ivan like post:1"]);
}
