//! A database that is opened to be read: `database.read_only`.

use reqwest::Method;
use serde_json::json;

use super::tables::Tables;
use crate::kit::{Place, Store};

#[tokio::test]
async fn a_read_only_database_is_read_and_every_write_is_a_503() {
    let place = Place::fresh(Store::Sqlite);
    let world = place.serve();
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    let id = ivan.posts("share", "post:1").key("k").await.is(201).id();
    eric.follows(&ivan).await.is(201);
    drop(world);

    let url = place.database().url.clone();
    let before = Tables::of(&url).everything();
    let world = place.clone().with("FEEDME__DATABASE__READ_ONLY", "true").serve();
    let [ivan, eric] = ["ivan", "eric"].map(|name| world.user(name));
    for call in [
        ivan.posts("share", "post:2"),
        ivan.posts("share", "post:2").key("another"),
        ivan.renames_to("niko"),
        ivan.leaves(),
        ivan.follows(&eric),
        eric.unfollows(&ivan),
        ivan.blocks(&eric),
        ivan.mutes(&eric),
        world.put("/v1/users/niko", json!({})),
        world.patch(&format!("/v1/activities/{id}"), json!({ "verb": "like" })),
        world.delete(&format!("/v1/activities/{id}")),
        world.post("/v1/activities/batch", json!({ "activities": [{ "actor": "ivan", "verb": "x" }] })),
        world.post("/v1/users/ivan/following", json!({ "follow": ["eric"] })),
    ] {
        call.await.is_problem(503, "").header("retry-after");
    }
    let classic = json!({ "actor": "ivan", "verb": "share", "object": "post:3" });
    world.post("/activity", classic).await.is_classic_error(503);
    world.call(Method::GET, "/reset").await.is_classic_error(503);

    eric.friends_feed().await.shows(&["ivan share post:1"]);
    ivan.own_feed().await.shows(&["ivan share post:1"]);
    assert_eq!(eric.counts().await, (1, 0, 0));
    world.get("/livez").await.is(200);
    // What was answered before is answered again: that is a read.
    ivan.posts("share", "post:1").key("k").await.is(201);
    drop(world);
    assert_eq!(Tables::of(&url).everything(), before);

    // Opened to be written again, it is.
    let world = place.serve();
    world.user("ivan").posts("share", "post:2").await.is(201);
    world.user("eric").friends_feed().await.shows(&["ivan share post:2", "ivan share post:1"]);
    Tables::of(&url).assert_whole();
}
