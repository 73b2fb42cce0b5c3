//! The lists of whom a user follows and who follows them.

use serde_json::Value;

use crate::kit::{World, on_both_stores};

on_both_stores!(
    lists_are_newest_first_and_walked_like_feeds,
    a_walk_of_a_list_survives_what_happens_meanwhile,
    a_cursor_belongs_to_its_list_and_its_owner,
);

fn names(follows: &[Value], side: &str) -> Vec<String> {
    follows.iter().map(|follow| follow[side].as_str().unwrap().to_owned()).collect()
}

async fn lists_are_newest_first_and_walked_like_feeds(world: &World) {
    let [ivan, ann, bob, cat, dan, eve] = world.users(["ivan", "a", "b", "c", "d", "e"]).await;
    for friend in [&cat, &ann, &eve, &bob, &dan] {
        ivan.follows(friend).await.is(201);
        friend.follows(&ann).await.is(if friend.name == "a" { 409 } else { 201 });
    }
    let following = format!("{}/following", ivan.path());
    for limit in [1, 2, 5, 100] {
        let walked = world.walk(&following, limit).await;
        assert_eq!(names(&walked, "followee"), ["d", "b", "e", "a", "c"]);
        assert!(walked.iter().all(|follow| follow["follower"] == "ivan" && follow["from"].is_null()));
        let followers = world.walk(&format!("{}/followers", ann.path()), limit).await;
        assert_eq!(names(&followers, "follower"), ["d", "b", "e", "ivan", "c"]);
    }
    // Following again is not a new follow; after an unfollow it is.
    ivan.follows(&cat).await.is(200);
    ivan.unfollows(&eve).await.is(204);
    ivan.follows(&eve).await.is(201);
    assert_eq!(names(&world.walk(&following, 3).await, "followee"), ["e", "d", "b", "a", "c"]);
    // Kept history is not a follow.
    ivan.unfollows_keeping_history(&dan).await.is(204);
    assert_eq!(names(&world.walk(&following, 3).await, "followee"), ["e", "b", "a", "c"]);
}

async fn a_walk_of_a_list_survives_what_happens_meanwhile(world: &World) {
    let [ivan, ann, bob, cat, dan, eve] = world.users(["ivan", "a", "b", "c", "d", "e"]).await;
    for friend in [&ann, &bob, &cat, &dan] {
        ivan.follows(friend).await.is(201);
    }
    let path = format!("{}/following?limit=2", ivan.path());
    let first = world.get(&path).await;
    assert_eq!(names(&first.items(), "followee"), ["d", "c"]);
    // The item that the cursor stands on goes, a new one comes, and somebody has another name.
    ivan.unfollows(&cat).await.is(204);
    ivan.follows(&eve).await.is(201);
    ivan.renames_to("iwan").await.is(200);
    let ivan = world.user("iwan");
    let path = format!("{}/following?limit=2", ivan.path());
    let second = world.page(&path, &first.next().unwrap()).await;
    assert_eq!(names(&second.is(200).items(), "followee"), ["b", "a"]);
    assert_eq!(second.next(), None);
    let newer = world.page(&path, &first.previous()).await;
    assert_eq!(names(&newer.is(200).items(), "followee"), ["e"]);
    let newest = world.page(&path, &newer.previous()).await;
    assert_eq!(newest.is(200).items(), [Value::Null; 0]);
    let back = world.page(&path, &newest.next().unwrap()).await;
    assert_eq!(names(&back.is(200).items(), "followee"), ["e", "d"]);
}

async fn a_cursor_belongs_to_its_list_and_its_owner(world: &World) {
    let [ivan, ann, bob] = world.users(["ivan", "a", "b"]).await;
    for (one, other) in [(&ivan, &ann), (&ivan, &bob), (&ann, &bob), (&ann, &ivan), (&bob, &ivan)] {
        one.follows(other).await.is(201);
    }
    let following = format!("{}/following?limit=1", ivan.path());
    let cursor = world.get(&following).await.next().unwrap();
    world.page(&following, &cursor).await.is(200);
    for path in [
        format!("{}/followers?limit=1", ivan.path()),
        format!("{}/following?limit=1", ann.path()),
        format!("{}/blocks?limit=1", ivan.path()),
        ivan.own_path(),
        "/v1/users".to_owned(),
    ] {
        world.page(&path, &cursor).await.is_problem(400, "").names("cursor");
    }
}
