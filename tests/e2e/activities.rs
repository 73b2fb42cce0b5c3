//! Activities: post, get, edit, delete.

mod edits;
mod external_ids;

use serde_json::{Value, json};

use crate::kit::{User, World, assert_well_formed_activity, on_both_stores};

on_both_stores!(
    a_post_is_answered_whole_and_found_where_it_says,
    an_object_may_be_absent_null_or_empty,
    a_target_may_be_the_actor_and_never_an_empty_name,
    a_published_time_is_kept_to_the_microsecond,
    a_fast_clock_is_forgiven_for_five_minutes,
    a_time_that_is_none_is_a_400,
    a_deleted_activity_is_gone_from_every_feed,
);

async fn a_post_is_answered_whole_and_found_where_it_says(world: &World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    let sent = json!({
        "actor": "ivan",
        "verb": "share",
        "object": "post:1",
        "target": "eric",
        "published": "2026-02-24T22:20:58.123456+01:00",
        "external_id": "e-1",
        "data": { "b": 1, "a": [true] },
    });
    let answer = world.post("/v1/activities", sent).await;
    let activity = answer.is(201).json();
    assert_well_formed_activity(&activity);
    let wanted = json!({
        "id": activity["id"],
        "actor": "ivan",
        "verb": "share",
        "object": "post:1",
        "target": "eric",
        "published": "2026-02-24T21:20:58.123456Z",
        "external_id": "e-1",
        "data": { "b": 1, "a": [true] },
        "edited_at": null,
    });
    assert_eq!(activity, wanted);
    let location = answer.header("location");
    assert!(location.ends_with(&format!("/v1/activities/{}", answer.id())), "{answer}");
    assert_eq!(world.get(&location).await.is(200).json(), wanted);
    for feed in [ivan.own_feed(), eric.mentions()] {
        assert_eq!(feed.await.items(), std::slice::from_ref(&wanted));
    }
    // The least that makes an activity.
    let least = world.post("/v1/activities", json!({ "actor": "ivan", "verb": "post" })).await;
    assert_well_formed_activity(&least.is(201).json());
    let (object, target, data) = (least.at("/object"), least.at("/target"), least.at("/data"));
    assert_eq!((object, target, data), (Value::Null, Value::Null, json!({})));
}

async fn an_object_may_be_absent_null_or_empty(world: &World) {
    let [ivan] = world.users(["ivan"]).await;
    for object in [json!(null), json!(""), json!("null"), json!("ö".repeat(1024)), json!(" \n\t ")] {
        let answer = ivan.posts_also("post", "", json!({ "object": object })).await;
        assert_eq!(answer.is(201).at("/object"), object);
    }
}

async fn a_target_may_be_the_actor_and_never_an_empty_name(world: &World) {
    let [ivan] = world.users(["ivan"]).await;
    ivan.posts_to("praise", "self", &ivan).await.is(201);
    ivan.mentions().await.shows(&["ivan praise self -> ivan"]);
    ivan.posts_also("post", "x", json!({ "target": "" })).await.has_faults(&["/target"]);
    ivan.posts_also("post", "x", json!({ "target": null })).await.is(201);
    ivan.posts_also("post", "x", json!({ "target": "nobody" }))
        .await
        .has_faults(&["/target"])
        .names("nobody");
}

async fn published(ivan: &User<'_>, time: &str) -> String {
    ivan.posts_at(time, "post", "x").await.is(201).str_at("/published")
}

async fn a_published_time_is_kept_to_the_microsecond(world: &World) {
    let [ivan] = world.users(["ivan"]).await;
    for (sent, kept) in [
        ("2026-02-24T21:20:58Z", "2026-02-24T21:20:58.000000Z"),
        ("2026-02-24T21:20:58.1Z", "2026-02-24T21:20:58.100000Z"),
        ("2026-02-24t21:20:58.123456z", "2026-02-24T21:20:58.123456Z"),
        ("2026-02-24T21:20:58.123456999Z", "2026-02-24T21:20:58.123456Z"),
        ("2026-02-24T23:59:59.9999999-23:59", "2026-02-25T23:58:59.999999Z"),
        ("1969-12-31T23:59:59.9999999Z", "1969-12-31T23:59:59.999999Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"),
        ("1600-02-29T00:00:00+00:00", "1600-02-29T00:00:00.000000Z"),
    ] {
        assert_eq!(published(&ivan, sent).await, kept, "{sent}");
    }
    let times = ivan.own_feed().await.items();
    assert!(times.is_sorted_by(|a, b| a["published"].as_str() >= b["published"].as_str()));
    // All of it comes back from a page that was reached by a cursor, too.
    assert_eq!(world.walk(&ivan.own_path(), 1).await, times);
}

/// An instant that is `seconds` away from now.
fn from_now(seconds: i64) -> String {
    #[expect(clippy::disallowed_methods, reason = "a test is a client, and has a clock of its own")]
    let now = chrono::Utc::now();
    (now + chrono::TimeDelta::seconds(seconds)).to_rfc3339()
}

async fn a_fast_clock_is_forgiven_for_five_minutes(world: &World) {
    let [ivan] = world.users(["ivan"]).await;
    let now = from_now(0);
    let stored = published(&ivan, &from_now(240)).await;
    assert!(stored < from_now(60), "{stored} was sent at {now}");
    ivan.posts_at(&from_now(420), "post", "x").await.has_faults(&["/published"]);
    ivan.posts_at("9999-12-31T23:59:59Z", "post", "x").await.has_faults(&["/published"]);
    // What was stored as now sorts among what else was posted now.
    ivan.posts("post", "later").await.is(201);
    ivan.own_feed().await.shows(&["ivan post later", "ivan post x"]);
}

async fn a_time_that_is_none_is_a_400(world: &World) {
    let [ivan] = world.users(["ivan"]).await;
    for time in [
        "",
        "yesterday",
        "2026-02-24",
        "2026-02-24T21:20:58",
        "2026-02-30T00:00:00Z",
        "2026-02-24T24:00:00Z",
        "2026-02-24T21:20:60Z",
        "2026-02-24T21:60:00Z",
        "0000-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
        "-001-01-01T00:00:00Z",
        "2026-02-24T21:20:58.Z",
        "2026-02-24T21:20:58+24:00",
        "1771968058",
        "0001-01-01T00:00:00+01:00",
        "2026-2-24T21:20:58Z",
        " 2026-02-24T21:20:58Z",
    ] {
        ivan.posts_at(time, "post", "x").await.has_faults(&["/published"]);
    }
    for time in [json!(1_771_968_058), json!(true), json!({})] {
        ivan.posts_also("post", "x", json!({ "published": time })).await.has_faults(&["/published"]);
    }
    ivan.own_feed().await.shows(&[]);
}

async fn a_deleted_activity_is_gone_from_every_feed(world: &World) {
    let [ivan, eric, niko] = world.users(["ivan", "eric", "niko"]).await;
    niko.follows(&ivan).await.is(201);
    let id = ivan.posts_to("share", "post:1", &eric).await.is(201).id();
    for feed in [ivan.own_feed(), eric.mentions(), niko.friends_feed()] {
        feed.await.shows(&["ivan share post:1 -> eric"]);
    }
    let path = format!("/v1/activities/{id}");
    assert_eq!(world.delete(&path).await.is(204).bytes, b"");
    for feed in [ivan.own_feed(), eric.mentions(), niko.friends_feed()] {
        feed.await.shows(&[]);
    }
    world.get(&path).await.is_problem(404, "activity-not-found").names(&id);
    world.delete(&path).await.is_problem(404, "activity-not-found");
    for nonsense in ["nonsense", "123", "01890a5d-ac96-774b-bcce-b302099a805"] {
        let answer = world.get(&format!("/v1/activities/{nonsense}")).await;
        assert!(answer.status == 404 || answer.status == 400, "{answer}");
    }
}
