//! Several clients at once: some order, one after the other, explains every answer.

use std::collections::HashMap;

use futures_util::future::join_all;
use serde_json::json;

use crate::kit::{Answer, World, on_both_stores};

on_both_stores!(
    of_equal_posts_at_once_one_is_stored,
    of_equal_follows_at_once_one_is_new,
    of_two_who_want_a_name_one_gets_it,
    of_two_edits_of_one_version_one_wins,
    an_erasure_beside_other_writes_leaves_nothing,
);

fn statuses(answers: &[Answer]) -> HashMap<u16, usize> {
    let mut counted = HashMap::new();
    for answer in answers {
        *counted.entry(answer.status.as_u16()).or_default() += 1;
    }
    counted
}

async fn of_equal_posts_at_once_one_is_stored(world: &World) {
    let [ivan] = world.users(["ivan"]).await;
    for round in 0..8 {
        let post =
            |_| ivan.posts_also("share", "1", json!({ "external_id": format!("e{round}") })).into_future();
        let answers = join_all((0..6).map(post)).await;
        assert_eq!(statuses(&answers), HashMap::from([(201, 1), (200, 5)]));
        assert!(answers.iter().all(|answer| answer.id() == answers[0].id()));
    }
    assert_eq!(ivan.counts().await.2, 8);
}

async fn of_equal_follows_at_once_one_is_new(world: &World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    for _ in 0..8 {
        let answers = join_all((0..6).map(|_| ivan.follows(&eric).into_future())).await;
        assert_eq!(statuses(&answers), HashMap::from([(201, 1), (200, 5)]));
        assert!(answers.iter().all(|answer| answer.json() == answers[0].json()));
        assert_eq!((ivan.counts().await.0, eric.counts().await.1), (1, 1));
        let answers = join_all((0..6).map(|_| ivan.unfollows(&eric).into_future())).await;
        assert_eq!(statuses(&answers), HashMap::from([(204, 1), (404, 5)]));
        assert_eq!((ivan.counts().await.0, eric.counts().await.1), (0, 0));
    }
}

async fn of_two_who_want_a_name_one_gets_it(world: &World) {
    for round in 0..8 {
        let names = [format!("a{round}"), format!("b{round}")];
        let [one, other] = world.users([&*names[0], &*names[1]]).await;
        let wanted = format!("c{round}");
        let create = || world.put(&format!("/v1/users/{wanted}"), json!({})).into_future();
        let renames = join_all([
            one.renames_to(&wanted).into_future(),
            other.renames_to(&wanted).into_future(),
            create(),
        ]);
        let answers = renames.await;
        let renamed = answers[..2].iter().filter(|answer| answer.status == 200).count();
        let created = usize::from(answers[2].status == 201);
        assert_eq!(renamed + created, 1, "{answers:?}");
        assert!(
            answers[..2].iter().all(|answer| answer.status == 200 || answer.status == 409),
            "{answers:?}"
        );
        let there = world.get(&format!("/v1/users?prefix={wanted}")).await;
        assert_eq!(there.items().len(), 1);
    }
}

async fn of_two_edits_of_one_version_one_wins(world: &World) {
    let [ivan] = world.users(["ivan"]).await;
    let id = ivan.posts("share", "1").await.is(201).id();
    let path = format!("/v1/activities/{id}");
    for round in 0..8 {
        let tag = world.get(&path).await.header("etag");
        let edit =
            |n| world.patch(&path, json!({ "verb": format!("v{round}-{n}") })).header("If-Match", &tag);
        let answers = join_all((0..6).map(|n| edit(n).into_future())).await;
        assert_eq!(statuses(&answers), HashMap::from([(200, 1), (412, 5)]));
        let won = answers.iter().find(|answer| answer.status == 200).unwrap();
        assert_eq!(world.get(&path).await.json(), won.json());
    }
}

async fn an_erasure_beside_other_writes_leaves_nothing(world: &World) {
    let [eric, niko] = world.users(["eric", "niko"]).await;
    for round in 0..8 {
        let name = format!("leaver-{round}");
        let [leaver] = world.users([&*name]).await;
        leaver.follows(&eric).await.is(201);
        let posts = (0..3).map(|_| leaver.posts_to("share", "1", &eric).into_future());
        let mentions = (0..3).map(|_| niko.posts_to("share", "2", &leaver).into_future());
        let follows = [eric.follows(&leaver).into_future(), leaver.follows(&niko).into_future()];
        let calls = posts.chain(mentions).chain(follows).chain([leaver.leaves().into_future()]);
        let answers = join_all(calls).await;
        answers.last().unwrap().is(200);
        for answer in &answers {
            assert!(answer.status.as_u16() < 500, "{answer}");
        }
        leaver.own_feed().await.is_problem(404, "user-not-found");
        for path in
            [eric.mentions_path(), eric.friends_path(), niko.own_path(), format!("{}/followers", niko.path())]
        {
            let answer = world.get(&format!("{path}?limit=100")).await;
            assert!(!answer.is(200).text().contains(&name), "{answer}");
        }
        assert_eq!((eric.counts().await.0, eric.counts().await.1, niko.counts().await.1), (0, 0, 0));
        let own = world.walk(&niko.own_path(), 100).await;
        assert_eq!(niko.counts().await.2, own.len() as u64);
    }
}
