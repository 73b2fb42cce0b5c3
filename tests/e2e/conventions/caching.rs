//! Tags, and what a client that has an answer already is told.

use std::io::Read;

use reqwest::Method;
use serde_json::json;

use crate::kit::{Answer, World, on_both_stores, on_sqlite};

on_both_stores!(
    an_unchanged_answer_is_a_304,
    a_page_has_another_tag_when_anything_on_it_changes,
    a_tag_survives_a_restart,
);

on_sqlite!(a_compressed_page_has_a_weak_tag, an_activity_is_never_compressed);

async fn an_unchanged_answer_is_a_304(world: &World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    ivan.follows(&eric).await.is(201);
    let id = eric.posts_to("share", "post:1", &ivan).await.is(201).id();
    let paths = [
        "/v1/users".to_owned(),
        ivan.path(),
        ivan.link("following", &eric),
        format!("{}/following", ivan.path()),
        format!("{}/followers", eric.path()),
        format!("{}/blocks", ivan.path()),
        format!("{}/relationships?with=eric", ivan.path()),
        format!("/v1/activities/{id}"),
        "/v1/activities?actor=eric&external_id=none".to_owned(),
        eric.own_path(),
        ivan.friends_path(),
        ivan.mentions_path(),
        format!("{}/explain?activity={id}", ivan.friends_path()),
    ];
    for path in paths {
        let answer = world.get(&path).await;
        let tag = answer.is(200).header("etag");
        assert!(tag.starts_with('"') && tag.ends_with('"') && 2 < tag.len(), "strong: {answer}");
        for condition in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
            let again = world.get(&path).header("If-None-Match", &condition).await;
            assert_eq!(again.is(304).bytes, b"");
            assert_eq!(again.header("etag").trim_start_matches("W/"), tag);
        }
        let head = world.call(Method::HEAD, &path).header("If-None-Match", &tag).await;
        head.is(304);
        world.get(&path).header("If-None-Match", "\"other\"").await.is(200);
    }
}

async fn a_page_has_another_tag_when_anything_on_it_changes(world: &World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    ivan.follows(&eric).await.is(201);
    let first = eric.posts("share", "post:1").await.is(201).id();
    let mut tag = ivan.friends_feed().await.header("etag");
    let mut changed = |what: &str, page: &Answer| {
        let now = page.is(200).header("etag");
        assert_ne!(now, tag, "{what}: {page}");
        tag = now;
    };
    eric.posts("share", "post:2").await.is(201);
    changed("a post", &ivan.friends_feed().await);
    world.patch(&format!("/v1/activities/{first}"), json!({ "verb": "like" })).await.is(200);
    changed("an edit", &ivan.friends_feed().await);
    eric.renames_to("erich").await.is(200);
    changed("a rename of the actor", &ivan.friends_feed().await);
    world.delete(&format!("/v1/activities/{first}")).await.is(204);
    changed("a deletion", &ivan.friends_feed().await);
    ivan.unfollows(&world.user("erich")).await.is(204);
    changed("an unfollow", &ivan.friends_feed().await);
}

async fn a_tag_survives_a_restart(world: &World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    ivan.follows(&eric).await.is(201);
    let id = eric.posts("share", "post:1").await.is(201).id();
    let paths = [ivan.path(), ivan.friends_path(), format!("/v1/activities/{id}"), "/v1/users".to_owned()];
    let mut tags = Vec::new();
    for path in &paths {
        tags.push(world.get(path).await.is(200).header("etag"));
    }
    world.restart();
    for (path, tag) in paths.iter().zip(tags) {
        world.get(path).header("If-None-Match", tag).await.is(304);
    }
}

async fn a_compressed_page_has_a_weak_tag(world: &World) {
    let [ivan] = world.users(["ivan"]).await;
    for number in 0..20 {
        ivan.posts("share", &format!("post:{number}")).await.is(201);
    }
    let plain = ivan.own_feed().await;
    let packed = ivan.own_feed().header("Accept-Encoding", "gzip").await;
    assert_eq!(packed.is(200).header("content-encoding"), "gzip");
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&*packed.bytes).read_to_end(&mut unpacked).unwrap();
    assert_eq!(unpacked, plain.bytes);
    let tag = packed.header("etag");
    assert_eq!(tag, format!("W/{}", plain.header("etag")));
    let again = ivan.own_feed().header("Accept-Encoding", "gzip").header("If-None-Match", &tag).await;
    again.is(304);
    ivan.own_feed().header("If-None-Match", &tag).await.is(304);
}

async fn an_activity_is_never_compressed(world: &World) {
    let [ivan] = world.users(["ivan"]).await;
    let id = ivan.posts("share", &"long ".repeat(200)).await.is(201).id();
    let path = format!("/v1/activities/{id}");
    for encoding in ["gzip", "zstd", "gzip, deflate, br, zstd"] {
        let answer = world.get(&path).header("Accept-Encoding", encoding).await;
        assert_eq!(answer.is(200).find_header("content-encoding"), None);
        let tag = answer.header("etag");
        assert!(tag.starts_with('"'), "{answer}");
        let edit = world.patch(&path, json!({ "verb": "like" })).header("Accept-Encoding", encoding);
        let edited = edit.header("If-Match", &tag).await;
        assert_eq!(edited.is(200).find_header("content-encoding"), None);
        let tag = edited.header("etag");
        assert_eq!(tag, world.get(&path).await.header("etag"));
        // A tag that somebody on the way made weak is answered with the one that an edit needs.
        let again = world.get(&path).header("If-None-Match", format!("W/{tag}")).await;
        assert_eq!(again.is(304).header("etag"), tag);
    }
}
