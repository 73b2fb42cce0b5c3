//! Following and unfollowing many at once.

use serde_json::{Value, json};

use crate::kit::{Answer, User, World, on_both_stores};

on_both_stores!(
    each_name_is_answered_in_its_place,
    a_name_that_is_not_there_or_not_allowed_fails_alone,
    a_batch_that_says_two_things_about_one_is_a_400,
    a_thousand_names_are_taken_and_one_more_is_not,
);

async fn batch(world: &World, ivan: &User<'_>, body: Value) -> Answer {
    world.post(&format!("{}/following", ivan.path()), body).await
}

/// `eric follow 201` for each result.
#[track_caller]
fn lines(answer: &Answer) -> Vec<String> {
    let results = answer.is(200).at("/results");
    let line = |result: &Value| {
        let status = result["status"].as_u64().unwrap();
        let problem = &result["problem"];
        assert_eq!(problem.is_null(), status < 300, "{answer}");
        assert!(problem.is_null() || problem["status"] == status, "{answer}");
        assert_eq!(result.as_object().unwrap().len(), 4, "{answer}");
        format!("{} {} {status}", result["username"].as_str().unwrap(), result["action"].as_str().unwrap())
    };
    results.as_array().unwrap().iter().map(line).collect()
}

async fn each_name_is_answered_in_its_place(world: &World) {
    let [ivan, a, b, c, d] = world.users(["ivan", "a", "b", "c", "d"]).await;
    for friend in [&a, &b] {
        ivan.follows(friend).await.is(201);
    }
    let answer = batch(world, &ivan, json!({ "unfollow": ["b", "d"], "follow": ["c", "a"] })).await;
    assert_eq!(lines(&answer), ["c follow 201", "a follow 200", "b unfollow 204", "d unfollow 404"]);
    assert_eq!(ivan.counts().await, (2, 0, 0));
    c.posts("share", "post:1").await.is(201);
    b.posts("share", "post:2").await.is(201);
    ivan.friends_feed().await.shows(&["c share post:1"]);
    let answer = batch(world, &ivan, json!({ "follow": ["d"] })).await;
    assert_eq!(lines(&answer), ["d follow 201"]);
    assert_eq!(d.counts().await, (0, 1, 0));
}

async fn a_name_that_is_not_there_or_not_allowed_fails_alone(world: &World) {
    let [ivan, a, b] = world.users(["ivan", "a", "b"]).await;
    b.blocks(&ivan).await.is(201);
    let answer =
        batch(world, &ivan, json!({ "follow": ["nobody", "ivan", "b", "a"], "unfollow": ["nobody2"] })).await;
    assert_eq!(
        lines(&answer),
        ["nobody follow 404", "ivan follow 409", "b follow 403", "a follow 201", "nobody2 unfollow 404"]
    );
    assert_eq!(answer.at("/results/0/problem/type"), "/problems/user-not-found");
    assert_eq!(answer.at("/results/2/problem/type"), "/problems/blocked");
    assert_eq!(a.counts().await, (0, 1, 0));
}

async fn a_batch_that_says_two_things_about_one_is_a_400(world: &World) {
    let [ivan, _, _] = world.users(["ivan", "a", "b"]).await;
    for body in [
        json!({}),
        json!({ "follow": [] }),
        json!({ "follow": [], "unfollow": [] }),
        json!({ "follow": ["a", "a"] }),
        json!({ "unfollow": ["a", "b", "a"] }),
        json!({ "follow": ["a"], "unfollow": ["a"] }),
        json!({ "follow": "a" }),
        json!({ "follow": null }),
        json!({ "follow": [1] }),
        json!({ "follow": ["a", ""] }),
        json!({ "follow": ["a", " b"] }),
    ] {
        batch(world, &ivan, body).await.is_problem(400, "");
    }
    batch(world, &ivan, json!({ "follow": ["a", 1, ""] })).await.has_faults(&["/follow/1", "/follow/2"]);
    assert_eq!(ivan.counts().await, (0, 0, 0));
}

async fn a_thousand_names_are_taken_and_one_more_is_not(world: &World) {
    let [ivan, _] = world.users(["ivan", "a"]).await;
    let names = |count: usize| (0..count).map(|n| format!("u{n}")).collect::<Vec<_>>();
    batch(world, &ivan, json!({ "follow": names(1001) })).await.is_problem(400, "");
    batch(world, &ivan, json!({ "follow": ["a"], "unfollow": names(1000) })).await.is_problem(400, "");
    let answer = batch(world, &ivan, json!({ "follow": ["a"], "unfollow": names(999) })).await;
    let lines = lines(&answer);
    assert_eq!((lines.len(), &*lines[0], &*lines[999]), (1000, "a follow 201", "u998 unfollow 404"));
}
