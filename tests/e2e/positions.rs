//! `Feed-Position`: what a write did is in every read that brings its position.

use serde_json::json;

use crate::kit::{Answer, Store, World, on_both_stores, on_sqlite};

on_both_stores!(
    every_write_tells_a_position_and_a_page_one_that_includes_it,
    an_answer_that_is_given_again_tells_a_position_too,
    positions_go_on_after_a_restart,
    both_engines_tell_positions,
);

on_sqlite!(what_is_no_position_is_refused_and_what_never_comes_is_a_503);

fn position(answer: &Answer) -> i64 {
    answer.header("feed-position").parse().unwrap_or_else(|error| panic!("{error}: {answer}"))
}

async fn every_write_tells_a_position_and_a_page_one_that_includes_it(world: &World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    let id = eric.posts("share", "1").await.is(201).id();
    let activity = format!("/v1/activities/{id}");
    let writes = [
        world.put(&ivan.path(), json!({ "display_name": "I" })).await,
        ivan.follows(&eric).await,
        ivan.follows(&eric).await,
        world.post("/v1/users/ivan/following", json!({ "unfollow": ["eric"] })).await,
        ivan.blocks(&eric).await,
        ivan.unblocks(&eric).await,
        ivan.mutes(&eric).await,
        eric.posts("share", "2").await,
        world.patch(&activity, json!({ "object": "3" })).await,
        world.post("/v1/feeds/ivan/notifications/marks", json!({ "seen": "all" })).await,
        world.post("/activity", json!({ "actor": "eric", "verb": "share", "target": "" })).await,
        world.post("/feed/ivan", json!({ "follow": "eric" })).await,
        world.delete(&activity).await,
        eric.renames_to("erich").await,
        world.user("erich").leaves().await,
    ];
    let mut before = 0;
    for write in &writes {
        assert!(write.status.is_success(), "{write}");
        assert!(before <= position(write), "{write}");
        before = position(write);
    }
    for path in ["/v1/feeds/ivan", "/v1/feeds/ivan/friends", "/v1/feeds/ivan/mentions", "/feed/ivan"] {
        let page = world.get(path).await;
        assert_eq!(position(page.is(200)), before, "{page}");
        if let Some(tag) = page.find_header("etag") {
            let unchanged = world.get(path).header("If-None-Match", tag).await;
            assert_eq!(position(unchanged.is(304)), before);
        }
        let waited = world.get(path).header("Feed-Position", before.to_string()).await;
        assert!(before <= position(waited.is(200)));
    }
    assert_eq!(position(&world.get("/v1/feeds/ivan/notifications").await), before);
    let log = world.get("/v1/events?limit=1000").await;
    assert_eq!(log.str_at("/position"), before.to_string(), "a position is one of the log");
    // What is no feed waits as well.
    world.get(&ivan.path()).header("Feed-Position", before.to_string()).await.is(200);
}

async fn an_answer_that_is_given_again_tells_a_position_too(world: &World) {
    world.users(["ivan"]).await;
    let post = || world.post("/v1/activities", json!({ "actor": "ivan", "verb": "share" })).key("k");
    let first = post().await;
    world.restart();
    let again = post().await;
    assert_eq!(again.is(201).header("idempotency-replayed"), "true");
    assert!(position(&first) <= position(&again));
}

async fn positions_go_on_after_a_restart(world: &World) {
    let [ivan] = world.users(["ivan"]).await;
    let before = position(&ivan.posts("share", "1").await);
    world.restart();
    // Nothing was written since.
    let nothing = world.put(&ivan.path(), json!({})).await;
    assert_eq!(position(nothing.is(200)), before);
    assert_eq!(position(&ivan.own_feed().await), before);
    assert_eq!(position(&ivan.posts("share", "2").await), before + 1);
}

async fn both_engines_tell_positions(world: &World) {
    let [ivan] = world.users(["ivan"]).await;
    let before = position(&ivan.posts("share", "1").await);
    assert_eq!(position(&ivan.own_feed().await), before);
    world.server().kill();
    let mut other = world.place().clone().with("FEEDME__FEED__ENGINE", "sql").start();
    let page = world.get(&format!("{}{}", other.address, ivan.own_path())).await;
    assert_eq!(position(page.is(200)), before);
    other.kill();
    world.start_again();
}

async fn what_is_no_position_is_refused_and_what_never_comes_is_a_503(world: &World) {
    let [ivan] = world.users(["ivan"]).await;
    for raw in ["", "x", "-1", "1.5", "99999999999999999999", "1, 2"] {
        let refused = world.get(&ivan.own_path()).header("Feed-Position", raw).await;
        refused.is_problem(400, "invalid-position");
    }
    let started = std::time::Instant::now();
    let never = world.get(&ivan.own_path()).header("Feed-Position", "1000000").await;
    never.is_problem(503, "position-not-reached").names("1000000");
    assert_eq!(never.header("retry-after"), "1");
    assert!(started.elapsed().as_secs() < 8, "a wait has an end");
    // A write does not wait.
    world.put(&ivan.path(), json!({})).header("Feed-Position", "1000000").await.is(200);
}

#[tokio::test]
async fn a_read_elsewhere_waits_for_the_write_it_brings() {
    let world = World::start(Store::Postgres);
    let other = world.place().start();
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    let friends = format!("{}{}", other.address, ivan.friends_path());
    world
        .get(&friends)
        .header("Feed-Position", position(&ivan.follows(&eric).await).to_string())
        .await
        .is(200);
    for number in 0..20 {
        let object = number.to_string();
        let written = position(&eric.posts("share", &object).await);
        let read = world.get(&friends).header("Feed-Position", written.to_string()).await;
        assert!(written <= position(read.is(200)));
        assert_eq!(read.items()[0]["object"], object, "{read}");
    }
}
