//! `…/friends/changes`: put into an old copy, it is the feed.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::kit::{Answer, User, World, on_both_stores, on_sqlite};

on_both_stores!(
    without_a_position_only_that_of_now_is_told,
    posts_edits_and_deletions_are_told,
    a_follow_brings_everything_in_and_its_end_takes_it_out,
    windows_mutes_and_blocks_move_what_they_show_and_hide,
    what_is_done_to_strangers_moves_nothing,
    a_display_name_is_no_edit_of_activities,
    an_erasure_takes_out_what_was_there_and_clears_targets,
    another_name_is_an_edit,
    a_copy_is_the_feed_whatever_happens,
);

on_sqlite!(what_is_wrong_is_told, a_change_that_moves_more_than_a_thousand_items_asks_to_read_again);

fn path(user: &User<'_>) -> String {
    user.friends_path() + "/changes"
}

async fn now(world: &World, user: &User<'_>) -> String {
    world.get(&path(user)).await.is(200).str_at("/position")
}

async fn since(world: &World, user: &User<'_>, position: &str) -> Answer {
    let changes = world.get(&format!("{}?since={position}", path(user))).await;
    assert_eq!(changes.is(200).header("feed-position"), changes.str_at("/position"));
    changes
}

/// The objects of what was added and edited, and how many ids were removed.
fn told(changes: &Answer) -> (Vec<String>, Vec<String>, Vec<String>) {
    assert_eq!(changes.at("/resync"), json!(false), "{changes}");
    let all = |list: &str, member: &str| -> Vec<String> {
        let items = changes.at(list);
        let text = |item: &Value| if member.is_empty() { item.clone() } else { item[member].clone() };
        items.as_array().unwrap().iter().map(|item| text(item).as_str().unwrap().to_owned()).collect()
    };
    (all("/added", "object"), all("/edited", "object"), all("/removed", ""))
}

fn strings(items: &[&str]) -> Vec<String> {
    items.iter().map(|item| (*item).to_owned()).collect()
}

async fn without_a_position_only_that_of_now_is_told(world: &World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    ivan.follows(&eric).await.is(201);
    eric.posts("share", "1").await.is(201);
    let changes = world.get(&path(&ivan)).await;
    let expected = json!({
        "added": [], "edited": [], "removed": [], "position": changes.str_at("/position"), "resync": false,
    });
    assert_eq!(changes.is(200).json(), expected);
    assert_eq!(told(&since(world, &ivan, &changes.str_at("/position")).await), (vec![], vec![], vec![]));
}

async fn posts_edits_and_deletions_are_told(world: &World) {
    let [ivan, eric, niko] = world.users(["ivan", "eric", "niko"]).await;
    ivan.follows(&eric).await.is(201);
    let gone = eric.posts("share", "gone").await.is(201).id();
    let kept = eric.posts("share", "kept").await.is(201).id();
    let start = now(world, &ivan).await;
    niko.posts("share", "not followed").await.is(201);
    ivan.posts("share", "own").await.is(201);
    eric.posts("share", "1").await.is(201);
    let added = eric.posts_at("2020-01-01T00:00:00Z", "share", "backdated").await.is(201).json();
    world.patch(&format!("/v1/activities/{kept}"), json!({ "object": "edited" })).await.is(200);
    world.delete(&format!("/v1/activities/{gone}")).await.is(204);
    let changes = since(world, &ivan, &start).await;
    let expected = (strings(&["1", "backdated"]), strings(&["edited"]), vec![gone]);
    assert_eq!(told(&changes), expected);
    assert_eq!(changes.at("/added/1"), added);
    assert_eq!(told(&since(world, &niko, &start).await), (vec![], vec![], vec![]));
}

async fn a_follow_brings_everything_in_and_its_end_takes_it_out(world: &World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    let first = eric.posts("share", "1").await.is(201).id();
    let second = eric.posts("share", "2").await.is(201).id();
    let start = now(world, &ivan).await;
    ivan.follows(&eric).await.is(201);
    let changes = since(world, &ivan, &start).await;
    assert_eq!(told(&changes), (strings(&["2", "1"]), vec![], vec![]));
    let followed = changes.str_at("/position");
    ivan.unfollows(&eric).await.is(204);
    let changes = since(world, &ivan, &followed).await;
    assert_eq!(told(&changes), (vec![], vec![], vec![first.clone(), second.clone()]));
    // Both at once: the copy had nothing, and has nothing.
    assert_eq!(told(&since(world, &ivan, &start).await).0, [""; 0]);
    ivan.follows(&eric).await.is(201);
    let again = now(world, &ivan).await;
    ivan.unfollows_keeping_history(&eric).await.is(204);
    eric.posts("share", "3").await.is(201);
    assert_eq!(told(&since(world, &ivan, &again).await), (vec![], vec![], vec![]), "what is kept stays");
}

async fn windows_mutes_and_blocks_move_what_they_show_and_hide(world: &World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    let old = eric.posts_at("2020-01-01T00:00:00Z", "share", "old").await.is(201).id();
    let new = eric.posts_at("2021-01-01T00:00:00Z", "share", "new").await.is(201).id();
    ivan.follows(&eric).await.is(201);
    let start = now(world, &ivan).await;
    ivan.follows_from(&eric, "2020-06-01T00:00:00Z").await.is(200);
    let changes = since(world, &ivan, &start).await;
    assert_eq!(told(&changes), (vec![], vec![], vec![old.clone()]));
    let bounded = changes.str_at("/position");
    ivan.follows_from(&eric, "beginning").await.is(200);
    let changes = since(world, &ivan, &bounded).await;
    assert_eq!(told(&changes), (strings(&["old"]), vec![], vec![]));
    let before = changes.str_at("/position");
    ivan.mutes(&eric).await.is(201);
    let changes = since(world, &ivan, &before).await;
    let both = [old, new];
    let is_both = |removed: Vec<String>| removed.len() == 2 && both.iter().all(|id| removed.contains(id));
    assert!(is_both(told(&changes).2), "{changes}");
    let muted = changes.str_at("/position");
    ivan.unmutes(&eric).await.is(204);
    let changes = since(world, &ivan, &muted).await;
    assert_eq!(told(&changes).0, ["new", "old"]);
    let before = changes.str_at("/position");
    eric.blocks(&ivan).await.is(201);
    let changes = since(world, &ivan, &before).await;
    assert!(is_both(told(&changes).2), "{changes}");
    let blocked = changes.str_at("/position");
    eric.unblocks(&ivan).await.is(204);
    assert_eq!(told(&since(world, &ivan, &blocked).await), (vec![], vec![], vec![]));
}

/// Nothing of them was in the feed, so nothing comes or goes.
async fn what_is_done_to_strangers_moves_nothing(world: &World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    eric.posts("share", "1").await.is(201);
    let start = now(world, &ivan).await;
    ivan.mutes(&eric).await.is(201);
    ivan.blocks(&eric).await.is(201);
    ivan.unblocks(&eric).await.is(204);
    eric.blocks(&ivan).await.is(201);
    ivan.unmutes(&eric).await.is(204);
    assert_eq!(told(&since(world, &ivan, &start).await), (vec![], vec![], vec![]));
}

async fn a_display_name_is_no_edit_of_activities(world: &World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    ivan.follows(&eric).await.is(201);
    eric.posts("share", "1").await.is(201);
    let start = now(world, &ivan).await;
    world.patch("/v1/users/eric", json!({ "display_name": "Eric" })).await.is(200);
    assert_eq!(told(&since(world, &ivan, &start).await), (vec![], vec![], vec![]));
}

async fn an_erasure_takes_out_what_was_there_and_clears_targets(world: &World) {
    let [ivan, eric, niko] = world.users(["ivan", "eric", "niko"]).await;
    ivan.follows(&eric).await.is(201);
    ivan.follows(&niko).await.is(201);
    let first = eric.posts("share", "1").await.is(201).id();
    let second = eric.posts("share", "2").await.is(201).id();
    niko.posts_to("share", "3", &eric).await.is(201);
    let start = now(world, &ivan).await;
    world.delete(&format!("/v1/activities/{first}")).await.is(204);
    eric.leaves().await.is(200);
    let changes = since(world, &ivan, &start).await;
    let (added, edited, mut removed) = told(&changes);
    removed.sort();
    assert_eq!((added, edited, removed), (vec![], strings(&["3"]), vec![first, second]));
    assert_eq!(changes.at("/edited/0/target"), Value::Null);
    // Whom the erased user's activities did not reach, nothing is told of them.
    assert_eq!(told(&since(world, &niko, &start).await), (vec![], vec![], vec![]));
}

async fn another_name_is_an_edit(world: &World) {
    let [ivan, eric, niko] = world.users(["ivan", "eric", "niko"]).await;
    ivan.follows(&eric).await.is(201);
    eric.posts_to("share", "1", &niko).await.is(201);
    let start = now(world, &ivan).await;
    eric.renames_to("erich").await.is(200);
    niko.renames_to("nikola").await.is(200);
    let changes = since(world, &ivan, &start).await;
    assert_eq!(told(&changes), (vec![], strings(&["1"]), vec![]));
    let names = (changes.at("/edited/0/actor"), changes.at("/edited/0/target"));
    assert_eq!(names, (json!("erich"), json!("nikola")));
}

/// Puts changes into a copy.
fn apply(copy: &mut BTreeMap<String, Value>, changes: &Answer) {
    for id in changes.at("/removed").as_array().unwrap() {
        copy.remove(id.as_str().unwrap());
    }
    for list in ["/added", "/edited"] {
        for item in changes.at(list).as_array().unwrap() {
            copy.insert(item["id"].as_str().unwrap().to_owned(), item.clone());
        }
    }
}

async fn a_copy_is_the_feed_whatever_happens(world: &World) {
    let [ivan, eric, niko, lena] = world.users(["ivan", "eric", "niko", "lena"]).await;
    let (mut copy, mut position) = (BTreeMap::new(), now(world, &ivan).await);
    for round in 0..6 {
        for author in [&eric, &niko, &lena] {
            author.posts_to("share", &round.to_string(), &ivan).await.is(201);
        }
        match round {
            0 => drop(ivan.follows(&eric).await.is(201)),
            1 => drop(ivan.follows(&niko).await.is(201)),
            2 => drop(ivan.mutes(&eric).await.is(201)),
            3 => drop(ivan.unfollows_keeping_history(&niko).await.is(204)),
            4 => drop(ivan.unmutes(&eric).await.is(204)),
            _ => drop(niko.leaves().await.is(200)),
        }
        let changes = since(world, &ivan, &position).await;
        assert_eq!(changes.at("/resync"), json!(false));
        apply(&mut copy, &changes);
        position = changes.str_at("/position");
        let feed = world.walk(&ivan.friends_path(), 100).await;
        let feed: BTreeMap<String, Value> =
            feed.into_iter().map(|item| (item["id"].as_str().unwrap().to_owned(), item)).collect();
        assert_eq!(copy, feed, "round {round}");
    }
}

async fn what_is_wrong_is_told(world: &World) {
    let [ivan] = world.users(["ivan"]).await;
    for raw in ["", "x", "-1", "1.5", "1000000", "99999999999999999999", "1&since=2"] {
        world.get(&format!("{}?since={raw}", path(&ivan))).await.is_problem(400, "invalid-request");
    }
    world.get(&path(&world.user("nobody"))).await.is_problem(404, "user-not-found");
    world.get(&path(&ivan)).header("Accept", "text/html").await.is_problem(406, "");
    world.call(reqwest::Method::HEAD, &path(&ivan)).await.is(200);
}

async fn a_change_that_moves_more_than_a_thousand_items_asks_to_read_again(world: &World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    let item = json!({ "actor": "eric", "verb": "share" });
    for _ in 0..2 {
        let batch = json!({ "activities": vec![item.clone(); 600] });
        world.post("/v1/activities/batch", batch).await.is(200);
    }
    let start = now(world, &ivan).await;
    ivan.follows(&eric).await.is(201);
    let changes = since(world, &ivan, &start).await;
    assert_eq!((changes.at("/resync"), changes.at("/added")), (json!(true), json!([])));
    eric.posts("share", "more").await.is(201);
    let changes = since(world, &ivan, &changes.str_at("/position")).await;
    assert_eq!(told(&changes).0, ["more"]);
}
