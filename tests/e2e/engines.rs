//! Feeds from memory and feeds from the database are the same, also for what other processes write.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::kit::{Place, Store, World, on_both_stores};

/// A small world with one of everything that decides about feeds.
async fn lives(world: &World) {
    let [ivan, eric, niko, zoe] = world.users(["ivan", "eric", "Ünïcode \"😀\"", "zoe"]).await;
    for (at, object) in [("2019-01-01T00:00:00Z", "old"), ("2020-01-01T00:00:00.123456Z", "mid")] {
        for author in [&eric, &niko, &zoe, &ivan] {
            author.posts_at(at, "share", object).await.is(201);
        }
    }
    ivan.follows_from(&eric, "2019-06-01T00:00:00Z").await.is(201);
    ivan.follows(&niko).await.is(201);
    ivan.unfollows_keeping_history(&niko).await.is(204);
    ivan.follows(&zoe).await.is(201);
    eric.follows(&zoe).await.is(201);
    eric.follows(&ivan).await.is(201);
    eric.mutes(&zoe).await.is(201);
    niko.blocks(&zoe).await.is(201);
    for author in [&niko, &zoe, &ivan] {
        author.posts_to("praise", "the blocker", &niko).await.is(201);
    }
    let rich =
        json!({ "target": "ivan", "external_id": "e-1", "data": { "a": [1.5, "\u{1F600}\"\\\n"], "b": {} } });
    let id = eric.posts_also("share", "rich", rich).await.is(201).id();
    world.patch(&format!("/v1/activities/{id}"), json!({ "verb": "like" })).await.is(200);
    let gone = zoe.posts("share", "gone").await.is(201).id();
    world.delete(&format!("/v1/activities/{gone}")).await.is(204);
    world.patch(&zoe.path(), json!({ "username": "zoë" })).await.is(200);
    let [erased] = world.users(["erased"]).await;
    ivan.posts_to("praise", "somebody", &erased).await.is(201);
    world.delete(&erased.path()).await.is(200);
}

#[tokio::test]
async fn both_engines_answer_the_same_bytes() {
    let place = Place::fresh(Store::Postgres).with("FEEDME__SERVER__PUBLIC_URL", "https://feed.example.org");
    let world = place.clone().with("FEEDME__FEED__ENGINE", "index").serve();
    lives(&world).await;
    let other = place.with("FEEDME__FEED__ENGINE", "sql").start();
    let names = ["ivan", "eric", "%C3%9Cn%C3%AFcode%20%22%F0%9F%98%80%22", "zo%C3%AB", "nobody"];
    let mut compared = 0;
    for name in names {
        for rest in ["", "/friends", "/friends?include_self=true", "/mentions", "/friends?verb=share&limit=2"]
        {
            let mut path = format!("/v1/feeds/{name}{rest}");
            // To the end of the feed, page by page.
            loop {
                let from_memory = world.get(&path).await;
                let from_sql = world.get(&format!("{}{path}", other.address)).await;
                assert_eq!(from_memory.status, from_sql.status, "{path}");
                if from_memory.status == 404 {
                    break;
                }
                assert_eq!(from_memory.text(), from_sql.text(), "{path}");
                for header in ["etag", "link", "cache-control", "vary", "content-type"] {
                    assert_eq!(
                        from_memory.find_header(header),
                        from_sql.find_header(header),
                        "{header} of {path}"
                    );
                }
                compared += 1;
                let Some(next) = from_memory.next() else { break };
                let sign = if rest.contains('?') { '&' } else { '?' };
                path = format!("/v1/feeds/{name}{rest}{sign}cursor={next}");
            }
        }
        for path in
            [format!("/feed/{name}"), format!("/feed/{name}/friends"), format!("/feed/{name}/friends?page=2")]
        {
            let from_memory = world.get(&path).await;
            let from_sql = world.get(&format!("{}{path}", other.address)).await;
            assert_eq!(from_memory.status, from_sql.status, "{path}");
            if from_memory.status == 200 {
                assert_eq!(from_memory.text(), from_sql.text(), "{path}");
            }
        }
    }
    assert!(20 < compared, "{compared} pages");
}

async fn verify_finds_no_difference_while_a_server_runs(world: &World) {
    lives(world).await;
    for arguments in [&["verify"][..], &["verify", "--sample", "2"]] {
        let said = world.place().run(arguments);
        assert!(said.contains(" 0 differ"), "{said}");
        assert!(!said.starts_with("0 users"), "{said}");
    }
}

/// An import is another process; a server of the same file sees what it wrote within a second, in every feed.
async fn what_another_process_writes_is_read_within_a_second(world: &World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    ivan.follows(&eric).await.is(201);
    ivan.friends_feed().await.is(200);
    let file = world.place().home().join("more.ndjson");
    let line = json!({ "actor": "eric", "verb": "wrote", "published": "2020-01-01T00:00:00Z" });
    std::fs::write(&file, format!("{line}\n")).unwrap();
    world.place().run(&["import", "more.ndjson"]);
    let imported = Instant::now();
    while ivan.friends_feed().await.is(200).items().is_empty() {
        assert!(imported.elapsed() < Duration::from_secs(1), "the import is not seen");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

on_both_stores!(
    verify_finds_no_difference_while_a_server_runs,
    what_another_process_writes_is_read_within_a_second,
);
