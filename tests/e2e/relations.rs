//! Blocks and mutes.

use serde_json::{Value, json};

use crate::kit::{World, on_both_stores};

on_both_stores!(
    a_mute_hides_from_the_friends_feed_alone,
    a_block_ends_follows_and_hides_each_from_the_other,
    while_a_block_stands_nobody_follows,
    an_unblock_brings_mentions_back_and_nothing_else,
    a_block_forgets_kept_history,
    puts_and_deletes_say_what_was_there,
    nobody_blocks_or_mutes_themselves,
    lists_are_newest_first_and_can_be_walked,
);

async fn a_mute_hides_from_the_friends_feed_alone(world: &World) {
    let [ivan, eric, niko] = world.users(["ivan", "eric", "niko"]).await;
    for reader in [&ivan, &niko] {
        reader.follows(&eric).await.is(201);
    }
    eric.posts_to("share", "post:1", &ivan).await.is(201);
    ivan.mutes(&eric).await.is(201);
    let line = ["eric share post:1 -> ivan"];
    ivan.friends_feed().await.shows(&[]);
    ivan.mentions().await.shows(&line);
    niko.friends_feed().await.shows(&line);
    eric.own_feed().await.shows(&line);
    // The follow stands, and one who is muted may be followed.
    assert_eq!(ivan.counts().await, (1, 0, 0));
    ivan.unmutes(&eric).await.is(204);
    ivan.friends_feed().await.shows(&line);
}

async fn a_block_ends_follows_and_hides_each_from_the_other(world: &World) {
    let [ivan, eric, niko] = world.users(["ivan", "eric", "niko"]).await;
    for (one, other) in [(&ivan, &eric), (&eric, &ivan), (&niko, &eric), (&niko, &ivan)] {
        one.follows(other).await.is(201);
    }
    eric.posts_to("share", "1", &ivan).await.is(201);
    ivan.posts_to("share", "2", &eric).await.is(201);
    niko.posts_to("share", "3", &eric).await.is(201);
    ivan.blocks(&eric).await.is(201);
    for one in [&ivan, &eric] {
        one.friends_feed().await.shows(&[]);
        assert_eq!((one.counts().await.0, one.counts().await.1), (0, 1));
    }
    ivan.mentions().await.shows(&[]);
    eric.mentions().await.shows(&["niko share 3 -> eric"]);
    world.get(&ivan.link("following", &eric)).await.is(404);
    world.get(&eric.link("following", &ivan)).await.is(404);
    // Third persons see both, and what is said about either.
    niko.friends_feed().await.shows(&["ivan share 2 -> eric", "eric share 1 -> ivan"]);
    ivan.follows(&niko).await.is(201);
    ivan.friends_feed().await.shows(&["niko share 3 -> eric"]);
    // What targets the blocker is stored, and not shown to them.
    let id = eric.posts_to("share", "4", &ivan).await.is(201).id();
    ivan.mentions().await.shows(&[]);
    world.get(&format!("/v1/activities/{id}")).await.is(200);
    eric.own_feed().await.shows(&["eric share 4 -> ivan", "eric share 1 -> ivan"]);
}

async fn while_a_block_stands_nobody_follows(world: &World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    ivan.blocks(&eric).await.is(201);
    ivan.follows(&eric).await.is_problem(403, "blocked");
    eric.follows(&ivan).await.is_problem(403, "blocked");
    world.post("/feed/eric", json!({ "follow": "ivan" })).await.is_classic_error(403);
    eric.blocks(&ivan).await.is(201);
    ivan.unblocks(&eric).await.is(204);
    // The other one still stands.
    ivan.follows(&eric).await.is_problem(403, "blocked");
    eric.unblocks(&ivan).await.is(204);
    ivan.follows(&eric).await.is(201);
}

async fn an_unblock_brings_mentions_back_and_nothing_else(world: &World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    ivan.follows(&eric).await.is(201);
    eric.posts_to("share", "1", &ivan).await.is(201);
    ivan.blocks(&eric).await.is(201);
    eric.posts_to("share", "2", &ivan).await.is(201);
    ivan.unblocks(&eric).await.is(204);
    ivan.mentions().await.shows(&["eric share 2 -> ivan", "eric share 1 -> ivan"]);
    ivan.friends_feed().await.shows(&[]);
    world.get(&ivan.link("following", &eric)).await.is(404);
}

async fn a_block_forgets_kept_history(world: &World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    for (one, other) in [(&ivan, &eric), (&eric, &ivan)] {
        other.posts("share", "1").await.is(201);
        one.follows(other).await.is(201);
        one.unfollows_keeping_history(other).await.is(204);
        one.friends_feed().await.shows(&[&format!("{} share 1", other.name)]);
    }
    ivan.blocks(&eric).await.is(201);
    ivan.unblocks(&eric).await.is(204);
    for one in [&ivan, &eric] {
        one.friends_feed().await.shows(&[]);
    }
    ivan.unfollows(&eric).await.is_problem(404, "follow-not-found");
}

async fn puts_and_deletes_say_what_was_there(world: &World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    for kind in ["blocks", "mutes"] {
        let path = ivan.link(kind, &eric);
        world.delete(&path).await.is_problem(404, "");
        let first = world.put(&path, json!({})).await;
        let since = first.is(201).at("/since");
        assert_eq!(first.json(), json!({ "username": "eric", "since": since }));
        assert_eq!(world.call(reqwest::Method::PUT, &path).await.is(200).json(), first.json());
        let list = world.get(&format!("{}/{kind}", ivan.path())).await;
        assert_eq!(list.is(200).items(), [first.json()]);
        assert_eq!(world.get(&format!("{}/{kind}", eric.path())).await.items(), [Value::Null; 0]);
        assert_eq!(world.delete(&path).await.is(204).bytes, b"");
        world.delete(&path).await.is_problem(404, "");
        world.put(&path, json!({ "x": 1 })).await.has_faults(&["/x"]);
    }
}

async fn nobody_blocks_or_mutes_themselves(world: &World) {
    let [ivan] = world.users(["ivan"]).await;
    ivan.blocks(&ivan).await.is_problem(409, "").names("ivan");
    ivan.mutes(&ivan).await.is_problem(409, "").names("ivan");
}

async fn lists_are_newest_first_and_can_be_walked(world: &World) {
    let [ivan, a, b, c, d] = world.users(["ivan", "a", "b", "c", "d"]).await;
    for other in [&c, &a, &d, &b] {
        ivan.blocks(other).await.is(201);
        ivan.mutes(other).await.is(201);
    }
    for kind in ["blocks", "mutes"] {
        for limit in [1, 3, 100] {
            let walked = world.walk(&format!("{}/{kind}", ivan.path()), limit).await;
            let names: Vec<_> = walked.iter().map(|item| item["username"].as_str().unwrap()).collect();
            assert_eq!(names, ["b", "d", "a", "c"]);
        }
        let path = format!("{}/{kind}?limit=2", ivan.path());
        let first = world.get(&path).await;
        world.delete(&ivan.link(kind, &d)).await.is(204);
        let second = world.page(&path, &first.next().unwrap()).await;
        assert_eq!(second.is(200).items().len(), 2);
        let other = if kind == "blocks" { "mutes" } else { "blocks" };
        let foreign = world.page(&format!("{}/{other}?limit=2", ivan.path()), &first.next().unwrap()).await;
        foreign.is_problem(400, "");
    }
}
