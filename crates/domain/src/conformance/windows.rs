//! Windows: which part of whose activities reaches the friends feed.

use super::{
    kit::{doing, done},
    world::World,
};
use crate::{
    follow::FollowFrom,
    ports::{Followed, FoundFollow, Unfollowed},
    text::Username,
    time::Timestamp,
};

/// An author with activities named by the second of 1970 in which they were published.
async fn author(world: &World, name: &str, seconds: &[i64]) -> Username {
    let author = world.user(name).await;
    for second in seconds {
        world.post(doing(&author, &second.to_string()).at(second_of_1970(*second))).await;
    }
    author
}

fn second_of_1970(second: i64) -> Timestamp {
    Timestamp::EPOCH.plus_micros(second * 1_000_000)
}

pub(super) async fn a_follow_shows_all_history_and_all_that_comes(world: World) {
    let ivan = world.user("ivan").await;
    let eric = author(&world, "eric", &[1, 2]).await;
    world.follow(&ivan, &eric).await;
    world.post(doing(&eric, "new")).await;
    world.post(doing(&eric, "old").at(Timestamp::MIN)).await;
    assert_eq!(world.friends(&ivan).await, ["new", "2", "1", "old"]);
}

pub(super) async fn a_bound_is_inclusive_and_about_the_time_published(world: World) {
    let ivan = world.user("ivan").await;
    let eric = author(&world, "eric", &[1, 2, 3]).await;
    world.follow_from(&ivan, &eric, FollowFrom::At(second_of_1970(2))).await;
    world.post(doing(&eric, "just before").at(second_of_1970(2).plus_micros(-1))).await;
    world.post(doing(&eric, "on it").at(second_of_1970(2))).await;
    assert_eq!(world.friends(&ivan).await, ["3", "on it", "2"]);
    world.try_follow(&ivan, &eric, Some(FollowFrom::At(second_of_1970(3)))).await;
    assert_eq!(world.friends(&ivan).await, ["3"]);
    world.try_follow(&ivan, &eric, Some(FollowFrom::Beginning)).await;
    assert_eq!(world.friends(&ivan).await, ["3", "on it", "2", "just before", "1"]);
}

pub(super) async fn a_follow_from_now_shows_what_is_published_from_now_on(world: World) {
    let ivan = world.user("ivan").await;
    let eric = author(&world, "eric", &[1]).await;
    world.post(doing(&eric, "before")).await;
    let follow = world.follow_from(&ivan, &eric, FollowFrom::Now).await;
    assert_eq!(follow.from, Some(follow.since));
    world.post(doing(&eric, "after")).await;
    assert_eq!(world.friends(&ivan).await, ["after"]);
}

pub(super) async fn a_bound_that_lies_ahead_counts_as_now(world: World) {
    let ivan = world.user("ivan").await;
    let eric = author(&world, "eric", &[1]).await;
    let ahead = FollowFrom::At(world.now().plus_micros(200_000_000));
    let follow = world.follow_from(&ivan, &eric, ahead).await;
    assert_eq!(follow.from, Some(follow.since));
    world.post(doing(&eric, "after")).await;
    assert_eq!(world.friends(&ivan).await, ["after"]);
}

pub(super) async fn an_unfollow_hides_all_at_once(world: World) {
    let ivan = world.user("ivan").await;
    let eric = author(&world, "eric", &[1, 2]).await;
    world.follow(&ivan, &eric).await;
    world.unfollow(&ivan, &eric, false).await;
    assert_eq!(world.friends(&ivan).await, [""; 0]);
}

pub(super) async fn kept_history_shows_what_was_published_up_to_the_unfollow(world: World) {
    let ivan = world.user("ivan").await;
    let eric = author(&world, "eric", &[1, 2, 3]).await;
    world.follow_from(&ivan, &eric, FollowFrom::At(second_of_1970(2))).await;
    world.post(doing(&eric, "while following")).await;
    assert_eq!(world.unfollow(&ivan, &eric, true).await, Unfollowed::Ended);
    assert_eq!(done(world.stores.follows.find(&ivan, &eric).await), FoundFollow::None);
    assert_eq!(world.found(&ivan).await.following, 0);
    world.post(doing(&eric, "after")).await;
    world.post(doing(&eric, "backdated into it").at(second_of_1970(3))).await;
    world.post(doing(&eric, "backdated before it").at(second_of_1970(1))).await;
    assert_eq!(world.friends(&ivan).await, ["while following", "backdated into it", "3", "2"]);
}

pub(super) async fn keeping_history_again_changes_nothing_and_a_plain_unfollow_removes_it(world: World) {
    let ivan = world.user("ivan").await;
    let eric = author(&world, "eric", &[1]).await;
    world.follow(&ivan, &eric).await;
    world.unfollow(&ivan, &eric, true).await;
    world.post(doing(&eric, "after")).await;
    let position = world.position().await;
    assert_eq!(world.unfollow(&ivan, &eric, true).await, Unfollowed::Ended);
    assert_eq!(world.position().await, position, "keeping again is in the log");
    assert_eq!(world.friends(&ivan).await, ["1"]);
    assert_eq!(world.unfollow(&ivan, &eric, false).await, Unfollowed::Ended);
    assert_eq!(world.position().await, position + 1);
    assert_eq!(world.friends(&ivan).await, [""; 0]);
    assert_eq!(world.unfollow(&ivan, &eric, false).await, Unfollowed::NotThere);
}

pub(super) async fn windows_add_up_and_show_nothing_twice(world: World) {
    let ivan = world.user("ivan").await;
    let eric = author(&world, "eric", &[1, 2, 3]).await;
    world.follow_from(&ivan, &eric, FollowFrom::At(second_of_1970(3))).await;
    world.post(doing(&eric, "first span")).await;
    world.unfollow(&ivan, &eric, true).await;
    world.clock.advance_seconds(10);
    world.post(doing(&eric, "between")).await;
    world.clock.advance_seconds(10);
    world.follow_from(&ivan, &eric, FollowFrom::Now).await;
    world.post(doing(&eric, "second span")).await;
    assert_eq!(world.friends(&ivan).await, ["second span", "first span", "3"]);
    // The present window grows over the kept one, which then must not show its part a second time.
    world.try_follow(&ivan, &eric, Some(FollowFrom::At(second_of_1970(2)))).await;
    assert_eq!(world.friends(&ivan).await, ["second span", "between", "first span", "3", "2"]);
    world.unfollow(&ivan, &eric, true).await;
    world.post(doing(&eric, "after")).await;
    assert_eq!(world.friends(&ivan).await, ["second span", "between", "first span", "3", "2"]);
    // A new follow that begins later leaves what was kept.
    world.follow_from(&ivan, &eric, FollowFrom::Now).await;
    world.post(doing(&eric, "third span")).await;
    let all = ["third span", "second span", "between", "first span", "3", "2"];
    assert_eq!(world.friends(&ivan).await, all);
    world.unfollow(&ivan, &eric, false).await;
    assert_eq!(world.friends(&ivan).await, [""; 0], "a plain unfollow removes every window");
}

pub(super) async fn three_kept_spans_stand_side_by_side(world: World) {
    let ivan = world.user("ivan").await;
    let eric = author(&world, "eric", &[]).await;
    for span in ["one", "two", "three"] {
        world.follow_from(&ivan, &eric, FollowFrom::Now).await;
        world.post(doing(&eric, span)).await;
        world.clock.advance_seconds(1);
        world.unfollow(&ivan, &eric, true).await;
        world.clock.advance_seconds(1);
        world.post(doing(&eric, "between")).await;
        world.clock.advance_seconds(1);
    }
    assert_eq!(world.friends(&ivan).await, ["three", "two", "one"]);
    let erasure = world.erase(&eric).await;
    assert_eq!((erasure.followers, erasure.kept_windows), (0, 3));
}

pub(super) async fn a_follow_after_kept_history_is_new(world: World) {
    let ivan = world.user("ivan").await;
    let eric = author(&world, "eric", &[1]).await;
    let first = world.follow(&ivan, &eric).await;
    world.unfollow(&ivan, &eric, true).await;
    match world.try_follow(&ivan, &eric, None).await {
        Followed::Now(second) => assert!(first.since < second.since && second.from.is_none(), "{second:?}"),
        other => panic!("a follow after kept history answers {other:?}"),
    }
    assert_eq!(world.friends(&ivan).await, ["1"]);
}

pub(super) async fn windows_of_one_edge_are_not_those_of_another(world: World) {
    let [ivan, niko] = world.users(["ivan", "niko"]).await;
    let eric = author(&world, "eric", &[1, 2]).await;
    let zoe = author(&world, "zoe", &[1, 2]).await;
    world.follow_from(&ivan, &eric, FollowFrom::At(second_of_1970(2))).await;
    world.follow(&ivan, &zoe).await;
    world.unfollow(&ivan, &zoe, true).await;
    world.follow(&niko, &eric).await;
    world.follow_from(&niko, &zoe, FollowFrom::Now).await;
    world.post(doing(&zoe, "new")).await;
    assert_eq!(world.friends(&ivan).await, ["2", "2", "1"]);
    assert_eq!(world.friends(&niko).await, ["new", "2", "1"]);
}
