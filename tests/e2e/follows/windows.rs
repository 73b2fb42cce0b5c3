//! Which part of a followee's activities reaches the follower.

use serde_json::json;

use crate::kit::{User, World, on_both_stores};

on_both_stores!(
    a_follow_may_begin_at_an_instant,
    a_follow_may_begin_now,
    a_second_follow_moves_the_bound_only_when_asked_to,
    kept_history_ends_with_the_unfollow,
    windows_of_one_follow_add_up_without_repeats,
    a_plain_unfollow_forgets_kept_history_too,
    a_bound_too_far_ahead_or_senseless_is_a_400,
);

async fn eric_with_three_years(world: &World) -> [User<'_>; 2] {
    let [eric, ivan] = world.users(["eric", "ivan"]).await;
    for year in ["2019", "2020", "2021"] {
        eric.posts_at(&format!("{year}-06-01T00:00:00Z"), "share", year).await.is(201);
    }
    [eric, ivan]
}

async fn a_follow_may_begin_at_an_instant(world: &World) {
    let [eric, ivan] = eric_with_three_years(world).await;
    let follow = ivan.follows_from(&eric, "2020-06-01T02:00:00+02:00").await;
    assert_eq!(follow.is(201).at("/from"), "2020-06-01T00:00:00.000000Z");
    // The bound itself is inside.
    ivan.friends_feed().await.shows(&["eric share 2021", "eric share 2020"]);
    ivan.follows_from(&eric, "2020-06-01T00:00:00.000001Z").await.is(200);
    ivan.friends_feed().await.shows(&["eric share 2021"]);
    // It is the time of publishing that counts, not that of arrival.
    eric.posts_at("2018-01-01T00:00:00Z", "share", "2018").await.is(201);
    eric.posts_at("2022-01-01T00:00:00Z", "share", "2022").await.is(201);
    assert_eq!(world.walk_lines(&ivan.friends_path(), 1).await, ["eric share 2022", "eric share 2021"]);
}

async fn a_follow_may_begin_now(world: &World) {
    let [eric, ivan] = eric_with_three_years(world).await;
    let follow = ivan.follows_from(&eric, "now").await.is(201).json();
    assert_eq!(follow["from"], follow["since"]);
    ivan.friends_feed().await.shows(&[]);
    eric.posts("share", "news").await.is(201);
    ivan.friends_feed().await.shows(&["eric share news"]);
    assert_eq!(ivan.follows_from(&eric, "beginning").await.is(200).at("/from"), json!(null));
    assert_eq!(ivan.friends_feed().await.items().len(), 4);
}

async fn a_second_follow_moves_the_bound_only_when_asked_to(world: &World) {
    let [eric, ivan] = eric_with_three_years(world).await;
    let first = ivan.follows_from(&eric, "2021-01-01T00:00:00Z").await.is(201).json();
    assert_eq!(ivan.follows(&eric).await.is(200).json(), first);
    ivan.friends_feed().await.shows(&["eric share 2021"]);
    let moved = ivan.follows_from(&eric, "2020-01-01T00:00:00Z").await.is(200).json();
    assert_eq!((&moved["since"], &moved["from"]), (&first["since"], &json!("2020-01-01T00:00:00.000000Z")));
    ivan.friends_feed().await.shows(&["eric share 2021", "eric share 2020"]);
    assert_eq!(world.get(&ivan.link("following", &eric)).await.json(), moved);
}

async fn kept_history_ends_with_the_unfollow(world: &World) {
    let [eric, ivan] = eric_with_three_years(world).await;
    ivan.follows_from(&eric, "2020-01-01T00:00:00Z").await.is(201);
    ivan.unfollows_keeping_history(&eric).await.is(204);
    world.get(&ivan.link("following", &eric)).await.is_problem(404, "follow-not-found");
    eric.posts("share", "after").await.is(201);
    let kept = ["eric share 2021", "eric share 2020"];
    ivan.friends_feed().await.shows(&kept);
    // Backdated into the window it is shown.
    eric.posts_at("2020-12-01T00:00:00Z", "share", "backdated").await.is(201);
    let all = ["eric share 2021", "eric share backdated", "eric share 2020"];
    ivan.friends_feed().await.shows(&all);
    // Again it changes nothing.
    ivan.unfollows_keeping_history(&eric).await.is(204);
    ivan.friends_feed().await.shows(&all);
    assert_eq!((ivan.counts().await, eric.counts().await), ((0, 0, 0), (0, 0, 5)));
}

async fn windows_of_one_follow_add_up_without_repeats(world: &World) {
    let [eric, ivan] = eric_with_three_years(world).await;
    ivan.follows_from(&eric, "2019-01-01T00:00:00Z").await.is(201);
    ivan.unfollows_keeping_history(&eric).await.is(204);
    eric.posts("share", "unseen").await.is(201);
    ivan.follows_from(&eric, "now").await.is(201);
    eric.posts("share", "seen").await.is(201);
    let wanted = ["eric share seen", "eric share 2021", "eric share 2020", "eric share 2019"];
    for limit in [1, 2, 3, 100] {
        assert_eq!(world.walk_lines(&ivan.friends_path(), limit).await, wanted);
    }
    // A window that covers all of it shows nothing twice.
    ivan.follows_from(&eric, "2020-01-01T00:00:00Z").await.is(200);
    let wanted =
        ["eric share seen", "eric share unseen", "eric share 2021", "eric share 2020", "eric share 2019"];
    for limit in [1, 2, 100] {
        assert_eq!(world.walk_lines(&ivan.friends_path(), limit).await, wanted);
    }
}

async fn a_plain_unfollow_forgets_kept_history_too(world: &World) {
    let [eric, ivan] = eric_with_three_years(world).await;
    ivan.follows(&eric).await.is(201);
    ivan.unfollows_keeping_history(&eric).await.is(204);
    ivan.unfollows(&eric).await.is(204);
    ivan.friends_feed().await.shows(&[]);
    ivan.unfollows(&eric).await.is_problem(404, "follow-not-found");
    ivan.unfollows_keeping_history(&eric).await.is_problem(404, "follow-not-found");
    // A present follow takes it along.
    ivan.follows(&eric).await.is(201);
    ivan.unfollows_keeping_history(&eric).await.is(204);
    ivan.follows_from(&eric, "now").await.is(201);
    ivan.unfollows(&eric).await.is(204);
    ivan.friends_feed().await.shows(&[]);
}

async fn a_bound_too_far_ahead_or_senseless_is_a_400(world: &World) {
    let [eric, ivan] = world.users(["eric", "ivan"]).await;
    for from in ["9999-01-01T00:00:00Z", "later", "", "2020-01-01", "Now"] {
        ivan.follows_from(&eric, from).await.has_faults(&["/from"]);
    }
    for from in [json!(1), json!([]), json!(true)] {
        world.put(&ivan.link("following", &eric), json!({ "from": from })).await.has_faults(&["/from"]);
    }
    world.get(&ivan.link("following", &eric)).await.is(404);
}
