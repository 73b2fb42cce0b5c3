//! Who follows whom.

mod batch;
mod lists;
mod windows;

use reqwest::Method;
use serde_json::json;

use crate::kit::{World, on_both_stores};

on_both_stores!(
    a_post_is_in_the_friends_feed_while_the_follow_lasts,
    a_follow_is_shown_whole,
    following_twice_leaves_the_follow_as_it_is,
    nobody_follows_themselves,
    relationships_are_told_for_those_who_exist,
);

async fn a_post_is_in_the_friends_feed_while_the_follow_lasts(world: &World) {
    let [eric, ivan] = world.users(["eric", "ivan"]).await;
    eric.posts("punched", "niko").await.is(201);
    ivan.friends_feed().await.shows(&[]);
    ivan.follows(&eric).await.is(201);
    ivan.friends_feed().await.shows(&["eric punched niko"]);
    eric.posts("hugged", "niko").await.is(201);
    ivan.friends_feed().await.shows(&["eric hugged niko", "eric punched niko"]);
    ivan.unfollows(&eric).await.is(204);
    ivan.friends_feed().await.shows(&[]);
    ivan.follows(&eric).await.is(201);
    ivan.friends_feed().await.shows(&["eric hugged niko", "eric punched niko"]);
}

async fn a_follow_is_shown_whole(world: &World) {
    let [eric, ivan] = world.users(["eric", "ivan"]).await;
    let path = ivan.link("following", &eric);
    world.get(&path).await.is_problem(404, "follow-not-found");
    ivan.unfollows(&eric).await.is_problem(404, "follow-not-found");
    let follow = ivan.follows(&eric).await.is(201).json();
    let since = follow["since"].clone();
    assert!(since.as_str().is_some_and(|since| since.len() == 27 && since.ends_with('Z')), "{follow}");
    assert_eq!(follow, json!({ "follower": "ivan", "followee": "eric", "since": since, "from": null }));
    assert_eq!(world.get(&path).await.is(200).json(), follow);
    // It has one direction.
    world.get(&eric.link("following", &ivan)).await.is_problem(404, "follow-not-found");
    assert_eq!(ivan.unfollows(&eric).await.is(204).bytes, b"");
    world.get(&path).await.is_problem(404, "follow-not-found");
    ivan.unfollows(&eric).await.is_problem(404, "follow-not-found");
}

async fn following_twice_leaves_the_follow_as_it_is(world: &World) {
    let [eric, ivan] = world.users(["eric", "ivan"]).await;
    let first = ivan.follows_from(&eric, "2020-01-01T00:00:00Z").await.is(201).json();
    assert_eq!(ivan.follows(&eric).await.is(200).json(), first);
    let path = ivan.link("following", &eric);
    assert_eq!(world.put(&path, json!({})).await.is(200).json(), first);
    // No body at all may still say what it would be.
    let call = world.call(Method::PUT, &path).text("application/json", "");
    assert_eq!(call.await.is(200).json(), first);
    assert_eq!(ivan.counts().await, (1, 0, 0));
}

async fn nobody_follows_themselves(world: &World) {
    let [ivan] = world.users(["ivan"]).await;
    ivan.follows(&ivan).await.is_problem(409, "on-oneself").names("ivan");
    ivan.posts("share", "post:1").await.is(201);
    ivan.friends_feed().await.shows(&[]);
    world.get(&ivan.link("following", &ivan)).await.is_problem(404, "");
}

async fn relationships_are_told_for_those_who_exist(world: &World) {
    let [ivan, a, b, _c] = world.users(["ivan", "a", "b", "c"]).await;
    ivan.follows(&a).await.is(201);
    a.follows(&ivan).await.is(201);
    b.follows(&ivan).await.is(201);
    let path = format!("{}/relationships", ivan.path());
    let answer = world.get(&format!("{path}?with=b&with=nobody&with=a&with=c")).await;
    assert_eq!(
        answer.is(200).json(),
        json!({ "relationships": [
            { "username": "b", "following": false, "followed_by": true },
            { "username": "a", "following": true, "followed_by": true },
            { "username": "c", "following": false, "followed_by": false },
        ] })
    );
    world.get(&path).await.is_problem(400, "").names("with");
    let with = |count: usize| (0..count).map(|n| format!("with=u{n}")).collect::<Vec<_>>().join("&");
    assert_eq!(
        world.get(&format!("{path}?{}", with(100))).await.is(200).json(),
        json!({ "relationships": [] })
    );
    world.get(&format!("{path}?{}", with(101))).await.is_problem(400, "").names("with");
}
