//! What concerns a user: groups, what was seen and read, and walks through them.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::kit::{Answer, User, World, on_both_stores, on_sqlite};

on_both_stores!(
    what_targets_a_user_comes_in_groups,
    new_followers_are_a_group_of_their_day,
    ones_own_doings_and_those_of_blocked_users_are_left_out,
    groups_are_exact_in_the_next_read,
    marks_hold_until_there_is_news,
    a_walk_gives_each_group_once_while_news_arrive,
    previous_cursors_lead_to_what_is_newer,
    a_mark_with_a_key_has_one_effect,
    marks_outlive_a_restart_and_a_rename,
);

on_sqlite!(what_is_wrong_is_told, head_and_tags_work_as_on_other_lists);

fn path(user: &User<'_>) -> String {
    user.own_path() + "/notifications"
}

async fn notified(world: &World, user: &User<'_>) -> Answer {
    world.get(&path(user)).await
}

async fn marks(world: &World, user: &User<'_>, body: Value) -> Answer {
    world.post(&format!("{}/marks", path(user)), body).await
}

fn groups(answer: &Answer) -> Vec<Value> {
    answer.is(200).at("/groups").as_array().unwrap().clone()
}

/// Each group in words: who, and how many, did what how often.
fn told(answer: &Answer) -> Vec<String> {
    let words = |group: &Value| {
        let actors: Vec<&str> =
            group["actors"].as_array().unwrap().iter().map(|actor| actor.as_str().unwrap()).collect();
        let object = group["object"].as_str().unwrap_or("-");
        format!(
            "{} ({}) {} {object} ({})",
            actors.join(","),
            group["actor_count"],
            group["verb"].as_str().unwrap(),
            group["activity_count"]
        )
    };
    groups(answer).iter().map(words).collect()
}

fn counts(answer: &Answer) -> (u64, u64) {
    (answer.at("/unseen").as_u64().unwrap(), answer.at("/unread").as_u64().unwrap())
}

async fn what_targets_a_user_comes_in_groups(world: &World) {
    let [ivan, eric, niko, lena, olga] = world.users(["ivan", "eric", "niko", "lena", "olga"]).await;
    for actor in [&eric, &niko, &lena, &olga, &eric] {
        actor.posts_to("like", "post:1", &ivan).await.is(201);
    }
    let latest = niko.posts_to("share", "post:1", &ivan).await.is(201).json();
    let answer = notified(world, &ivan).await;
    assert_eq!(told(&answer), ["niko (1) share post:1 (1)", "eric,olga,lena (4) like post:1 (5)"]);
    let first = groups(&answer)[0].clone();
    assert_eq!(first["latest"], latest);
    assert_eq!(first["updated_at"], latest["published"]);
    assert_eq!((first["seen"].clone(), first["read"].clone()), (json!(false), json!(false)));
    let names: BTreeSet<&str> = first.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = "activity_count actor_count actors id latest object read seen updated_at verb";
    assert_eq!(names, expected.split(' ').collect());
    assert_eq!(counts(&answer), (2, 2));
    // Another day is another group, and names are those of now.
    eric.posts_also(
        "like",
        "post:1",
        json!({ "target": "ivan", "published": "2020-02-29T23:59:59.999999Z" }),
    )
    .await
    .is(201);
    eric.posts_also("like", "post:1", json!({ "target": "ivan", "published": "2020-03-01T01:00:00+01:00" }))
        .await
        .is(201);
    eric.renames_to("erich").await.is(200);
    let answer = notified(world, &ivan).await;
    assert_eq!(
        told(&answer)[1..],
        ["erich,olga,lena (4) like post:1 (5)", "erich (1) like post:1 (1)", "erich (1) like post:1 (1)"]
    );
    let ids: BTreeSet<String> = groups(&answer).iter().map(|group| group["id"].to_string()).collect();
    assert_eq!(ids.len(), 4);
}

async fn new_followers_are_a_group_of_their_day(world: &World) {
    let [ivan, eric, niko] = world.users(["ivan", "eric", "niko"]).await;
    eric.follows(&ivan).await.is(201);
    let since = niko.follows(&ivan).await.is(201).at("/since");
    let answer = notified(world, &ivan).await;
    assert_eq!(told(&answer), ["niko,eric (2) follow - (2)"]);
    let group = groups(&answer)[0].clone();
    assert_eq!((&group["latest"], &group["updated_at"]), (&Value::Null, &since));
    niko.unfollows(&ivan).await.is(204);
    assert_eq!(told(&notified(world, &ivan).await), ["eric (1) follow - (1)"]);
    niko.posts_to("follow", "1", &ivan).await.is(201);
    assert_eq!(told(&notified(world, &ivan).await), ["niko (1) follow 1 (1)", "eric (1) follow - (1)"]);
}

async fn ones_own_doings_and_those_of_blocked_users_are_left_out(world: &World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    ivan.posts_to("like", "1", &ivan).await.is(201);
    eric.posts_to("like", "1", &ivan).await.is(201);
    let all = ["eric (1) like 1 (1)"];
    assert_eq!(told(&notified(world, &ivan).await), all);
    for (one, other) in [(&ivan, &eric), (&eric, &ivan)] {
        one.blocks(other).await.is(201);
        let answer = notified(world, &ivan).await;
        assert_eq!((told(&answer), counts(&answer)), (vec![], (0, 0)));
        one.unblocks(other).await.is(204);
        assert_eq!(told(&notified(world, &ivan).await), all);
    }
}

async fn groups_are_exact_in_the_next_read(world: &World) {
    let [ivan, eric, niko] = world.users(["ivan", "eric", "niko"]).await;
    niko.posts_to("like", "1", &ivan).await.is(201);
    let id = eric.posts_to("like", "1", &ivan).await.is(201).id();
    let activity = format!("/v1/activities/{id}");
    world.patch(&activity, json!({ "object": "2" })).await.is(200);
    assert_eq!(told(&notified(world, &ivan).await), ["eric (1) like 2 (1)", "niko (1) like 1 (1)"]);
    world.patch(&activity, json!({ "target": null })).await.is(200);
    assert_eq!(told(&notified(world, &ivan).await), ["niko (1) like 1 (1)"]);
    world.patch(&activity, json!({ "object": "1", "target": "ivan" })).await.is(200);
    assert_eq!(told(&notified(world, &ivan).await), ["eric,niko (2) like 1 (2)"]);
    world.delete(&activity).await.is(204);
    assert_eq!(told(&notified(world, &ivan).await), ["niko (1) like 1 (1)"]);
    niko.leaves().await.is(200);
    let answer = notified(world, &ivan).await;
    assert_eq!((told(&answer), counts(&answer)), (vec![], (0, 0)));
    ivan.leaves().await.is(200);
    notified(world, &ivan).await.is_problem(404, "user-not-found");
}

async fn marks_hold_until_there_is_news(world: &World) {
    let [ivan, eric, niko] = world.users(["ivan", "eric", "niko"]).await;
    for object in ["1", "2", "3"] {
        eric.posts_to("like", object, &ivan).await.is(201);
    }
    assert_eq!(counts(&notified(world, &ivan).await), (3, 3));
    assert_eq!(marks(world, &ivan, json!({ "seen": "all" })).await.is(204).bytes, b"");
    assert_eq!(counts(&notified(world, &ivan).await), (0, 3));
    let ids: Vec<Value> =
        groups(&notified(world, &ivan).await).iter().map(|group| group["id"].clone()).collect();
    marks(world, &ivan, json!({ "read": [ids[0], ids[1]] })).await.is(204);
    let answer = notified(world, &ivan).await;
    assert_eq!(counts(&answer), (0, 1));
    let read: Vec<bool> = groups(&answer).iter().map(|group| group["read"].as_bool().unwrap()).collect();
    assert_eq!(read, [true, true, false]);
    // News of a group that was read, under the same id.
    niko.posts_to("like", "2", &ivan).await.is(201);
    let answer = notified(world, &ivan).await;
    assert_eq!(counts(&answer), (1, 2));
    assert_eq!(
        (&groups(&answer)[0]["id"], &groups(&answer)[0]["seen"], &groups(&answer)[0]["read"]),
        (&ids[1], &json!(false), &json!(false))
    );
    marks(world, &ivan, json!({ "read": "all" })).await.is(204);
    assert_eq!(counts(&notified(world, &ivan).await), (0, 0));
    eric.follows(&ivan).await.is(201);
    assert_eq!(counts(&notified(world, &ivan).await), (1, 1));
    marks(world, &ivan, json!({ "read": ["00000000000000000000000000000001", "nothing"] })).await.is(204);
    marks(world, &ivan, json!({ "read": [] })).await.is(204);
    assert_eq!(counts(&notified(world, &ivan).await), (1, 1));
    let id = groups(&notified(world, &ivan).await)[0]["id"].clone();
    marks(world, &ivan, json!({ "read": [id] })).await.is(204);
    assert_eq!(counts(&notified(world, &ivan).await), (0, 0), "read is seen");
    assert_eq!(counts(&notified(world, &eric).await), (0, 0));
}

async fn a_walk_gives_each_group_once_while_news_arrive(world: &World) {
    let [ivan, eric, niko] = world.users(["ivan", "eric", "niko"]).await;
    for number in 0..9 {
        eric.posts_to("like", &number.to_string(), &ivan).await.is(201);
    }
    for day in ["2020-01-01", "2020-01-02", "1969-12-31"] {
        let published = format!("{day}T12:00:00Z");
        let others = json!({ "target": "ivan", "published": published });
        eric.posts_also("like", "old", others).await.is(201);
    }
    let id = |group: &Value| group["id"].as_str().unwrap().to_owned();
    let all: Vec<String> = groups(&notified(world, &ivan).await).iter().map(id).collect();
    assert_eq!(all.len(), 12);
    let listing = format!("{}?limit=2", path(&ivan));
    let (mut walked, mut page) = (Vec::new(), world.get(&listing).await);
    loop {
        walked.extend(groups(&page).iter().map(id));
        let Some(next) = page.next() else { break };
        // Groups above and below move to the top.
        for number in [8, 4, 0] {
            niko.posts_to("like", &number.to_string(), &ivan).await.is(201);
        }
        niko.posts_to("like", &format!("new {}", walked.len()), &ivan).await.is(201);
        page = world.page(&listing, &next).await;
    }
    assert_eq!(walked, all);
}

async fn previous_cursors_lead_to_what_is_newer(world: &World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    let empty = notified(world, &ivan).await;
    assert_eq!((told(&empty), empty.next()), (vec![], None));
    for object in ["1", "2", "3"] {
        eric.posts_to("like", object, &ivan).await.is(201);
    }
    let above = world.page(&path(&ivan), &empty.previous()).await;
    assert_eq!(told(&above), ["eric (1) like 3 (1)", "eric (1) like 2 (1)", "eric (1) like 1 (1)"]);
    assert_eq!(above.next(), None);
    let nothing = world.page(&path(&ivan), &above.previous()).await;
    assert_eq!(told(&nothing), [""; 0]);
    eric.posts_to("like", "4", &ivan).await.is(201);
    eric.posts_to("like", "1", &ivan).await.is(201);
    let news = world.page(&path(&ivan), &nothing.previous()).await;
    assert_eq!(told(&news), ["eric (1) like 1 (2)", "eric (1) like 4 (1)"]);
    let link = news.header("link");
    assert!(link.contains("rel=\"prev\""), "{news}");
    // The cursor of another list, and another user's.
    world.page(&ivan.mentions_path(), &news.previous()).await.is_problem(400, "invalid-cursor");
    world.page(&path(&eric), &news.previous()).await.is_problem(400, "invalid-cursor");
}

async fn a_mark_with_a_key_has_one_effect(world: &World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    eric.posts_to("like", "1", &ivan).await.is(201);
    let at = format!("{}/marks", path(&ivan));
    let all = || world.post(&at, json!({ "read": "all" })).header("Idempotency-Key", "once");
    all().await.is(204);
    eric.posts_to("like", "1", &ivan).await.is(201);
    let again = all().await;
    assert_eq!(again.is(204).header("idempotency-replayed"), "true");
    assert_eq!(counts(&notified(world, &ivan).await), (1, 1));
    let other = world.post(&at, json!({ "seen": "all" })).header("Idempotency-Key", "once").await;
    other.is_problem(422, "idempotency-key-reused");
}

async fn marks_outlive_a_restart_and_a_rename(world: &World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    eric.posts_to("like", "1", &ivan).await.is(201);
    marks(world, &ivan, json!({ "read": "all" })).await.is(204);
    world.restart();
    assert_eq!(counts(&notified(world, &ivan).await), (0, 0));
    ivan.renames_to("ivo").await.is(200);
    assert_eq!(counts(&notified(world, &world.user("ivo")).await), (0, 0));
}

async fn what_is_wrong_is_told(world: &World) {
    let [ivan] = world.users(["ivan"]).await;
    for (body, pointers) in [
        (json!({}), vec!["/read"]),
        (json!({ "seen": ["x"] }), vec!["/seen"]),
        (json!({ "seen": "some", "read": "none" }), vec!["/seen", "/read"]),
        (json!({ "read": [1, "x", null] }), vec!["/read/0", "/read/2"]),
        (json!({ "read": null }), vec!["/read"]),
        (json!({ "read": "all", "unread": "all" }), vec!["/unread"]),
        (json!({ "read": vec!["x"; 1001] }), vec!["/read"]),
    ] {
        marks(world, &ivan, body).await.has_faults(&pointers);
    }
    marks(world, &world.user("nobody"), json!({ "seen": "all" })).await.is_problem(404, "user-not-found");
    notified(world, &world.user("nobody")).await.is_problem(404, "user-not-found");
    for query in ["limit=0", "limit=101", "cursor=", "cursor=x"] {
        world.get(&format!("{}?{query}", path(&ivan))).await.is_problem(400, "");
    }
    let delete = world.delete(&path(&ivan)).await;
    assert_eq!(delete.is_problem(405, "method-not-allowed").header("allow"), "GET, HEAD, OPTIONS");
}

async fn head_and_tags_work_as_on_other_lists(world: &World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    eric.posts_to("like", "1", &ivan).await.is(201);
    let tag = notified(world, &ivan).await.header("etag");
    assert_eq!(world.call(Method::HEAD, &path(&ivan)).await.is(200).header("etag"), tag);
    world.get(&path(&ivan)).header("If-None-Match", &tag).await.is(304);
    marks(world, &ivan, json!({ "seen": "all" })).await.is(204);
    world.get(&path(&ivan)).header("If-None-Match", &tag).await.is(200);
}
