//! The routes for development: there, or not.

use reqwest::Method;
use serde_json::json;

use super::fixture;
use crate::kit::{Store, World, on_both_stores, on_sqlite};

on_both_stores!(a_reset_wipes_everything_and_counts_from_one_again, listings_show_what_is_there);

on_sqlite!(the_root_answers, a_reset_is_never_cached);

async fn a_reset_wipes_everything_and_counts_from_one_again(world: &World) {
    fixture(world).await;
    let [zoe] = world.users(["zoe"]).await;
    zoe.posts("share", "post:9").await.is(201);
    world.post("/feed/zoe", json!({ "follow": "ivan" })).await.is(200);
    assert_eq!(world.get("/user").await.json()[3], json!({ "id": 4, "username": "zoe" }));
    fixture(world).await;
    zoe.own_feed().await.is_problem(404, "user-not-found");
    world.user("ivan").friends_feed().await.shows(&["eric post post:3"]);
    assert_eq!(world.user("ivan").counts().await, (1, 0, 2));
    assert_eq!(world.user("eric").counts().await, (0, 1, 1));
    world.users(["zoe"]).await;
    assert_eq!(world.get("/user").await.json()[3], json!({ "id": 4, "username": "zoe" }));
}

async fn listings_show_what_is_there(world: &World) {
    for path in ["/user", "/activity", "/follows"] {
        assert_eq!(world.get(path).await.is(200).json(), json!([]));
    }
    let wanted = fixture(world).await;
    assert_eq!(world.get("/activity").await.is(200).json(), json!(wanted));
    assert_eq!(
        world.get("/follows").await.is(200).json(),
        json!([{ "followee": "eric", "follower": "ivan" }])
    );
    assert_eq!(world.get("/user").await.is(200).json()[0], json!({ "id": 1, "username": "ivan" }));
    // In order of arrival, whatever an activity says about itself.
    world.user("niko").posts_at("2001-01-01T00:00:00Z", "dig", "old").await.is(201);
    let all = world.get("/activity").await.is(200).json();
    assert_eq!(all[4]["datetime"], "2001-01-01T00:00:00");
}

async fn the_root_answers(world: &World) {
    world.get("/").await.is(200);
}

async fn a_reset_is_never_cached(world: &World) {
    let answer = world.get("/reset").await;
    assert!(answer.is(200).header("cache-control").contains("no-store"), "{answer}");
}

#[tokio::test]
async fn without_the_routes_for_development_only_the_five_tasks_are_there() {
    let world = World::start_with(Store::Sqlite, &[("FEEDME__DEV_ENDPOINTS", "false")]);
    world.users(["eric", "ivan"]).await;
    for path in ["/reset", "/user", "/follows"] {
        world.get(path).await.is(404);
    }
    let answer = world.get("/activity").await;
    answer.is_classic_error(405);
    let allow = answer.header("allow");
    assert!(allow.contains("POST") && !allow.contains("GET") && !allow.contains("HEAD"), "{answer}");
    world.call(Method::HEAD, "/activity").await.is(405);
    world.post("/activity", json!({ "actor": "eric", "verb": "post" })).await.is(200);
    world.post("/feed/ivan", json!({ "follow": "eric" })).await.is(200);
    let friends = world.get("/feed/ivan/friends").await.is(200).json();
    assert_eq!(friends["friends_feed"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_database_with_more_than_five_thousand_users_is_not_reset() {
    let world = World::start(Store::Sqlite);
    let [eric] = world.users(["eric"]).await;
    let lines: String = (0..5000).fold(String::new(), |all, n| all + &format!("{{\"username\":\"u{n}\"}}\n"));
    std::fs::write(world.place().home().join("users.ndjson"), lines).unwrap();
    world.place().run(&["import", "users.ndjson"]);
    eric.posts("share", "post:1").await.is(201);
    world.get("/reset").await.is_classic_error(409);
    eric.own_feed().await.shows(&["eric share post:1"]);
}
