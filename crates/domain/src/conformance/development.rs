//! What the routes for development need.

use super::{
    kit::{doing, done, keyed, name, request},
    world::World,
};
use crate::{
    feed::FeedKind,
    follow::Follow,
    ports::{Fixture, LogExtent, Posted, ResetDone},
    relation::RelationKind,
    sequence::EventKind,
    text::Username,
};

fn fixture() -> Fixture {
    let [zoe, adam, mia] = ["zoe", "adam", "mia"].map(name);
    Fixture {
        activities: vec![
            doing(&zoe, "first").to(&adam),
            doing(&mia, "second"),
            doing(&zoe, "third").to(&zoe),
        ],
        follows: vec![(adam.clone(), zoe.clone()), (mia.clone(), zoe.clone()), (adam.clone(), mia.clone())],
        users: vec![zoe, adam, mia],
    }
}

async fn reset(world: &World, users_max: usize) -> ResetDone {
    done(world.stores.development.reset(fixture(), users_max).await)
}

fn numbered(users: &[(crate::UserKey, Username)]) -> Vec<(i64, &str)> {
    users.iter().map(|(key, username)| (key.0, username.as_str())).collect()
}

pub(super) async fn a_reset_loads_the_fixture_and_numbers_users_from_one(world: World) {
    world.users(["ivan", "eric", "zoe"]).await;
    for _ in 0..2 {
        assert_eq!(reset(&world, 5).await, ResetDone::Reset);
        let users = done(world.stores.development.users(100).await);
        assert_eq!(numbered(&users), [(1, "zoe"), (2, "adam"), (3, "mia")]);
        let activities = done(world.stores.development.activities(100).await);
        assert_eq!(super::kit::verbs(&activities), ["first", "second", "third"]);
        assert!(
            activities.is_sorted_by(|one, other| one.position() < other.position()),
            "not stamped in order"
        );
        let follows = done(world.stores.development.follows(100).await);
        let pairs: Vec<(&str, &str)> =
            follows.iter().map(|follow| (follow.follower.as_str(), follow.followee.as_str())).collect();
        assert_eq!(pairs, [("adam", "zoe"), ("mia", "zoe"), ("adam", "mia")]);
    }
    let [zoe, adam] = ["zoe", "adam"].map(name);
    assert_eq!(world.friends(&adam).await, ["third", "second", "first"]);
    assert_eq!(world.mentions(&adam).await, ["first"]);
    let user = world.found(&zoe).await;
    assert_eq!((user.following, user.followers, user.activities), (0, 2, 2));
    let user = world.found(&adam).await;
    assert_eq!((user.following, user.followers, user.activities), (2, 0, 0));
    world.user("next").await;
    assert_eq!(world.found(&name("next")).await.key.0, 4);
}

pub(super) async fn a_reset_wipes_everything_but_secrets(world: World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    let key = request("1", "body");
    let posted = world
        .stores
        .activities
        .post(
            doing(&ivan, "greeted").to(&eric),
            keyed(key, &[&ivan], |posted| matches!(posted, Posted::Created(_))),
        )
        .await;
    done(posted);
    world.follow(&ivan, &eric).await;
    world.unfollow(&ivan, &eric, true).await;
    world.mute(&ivan, &eric).await;
    world.block(&eric, &ivan).await;
    done(world.stores.secrets.secret("cursor", vec![7]).await);
    assert_eq!(reset(&world, 5).await, ResetDone::Reset);
    assert_eq!(done(world.stores.users.find(&ivan).await), None);
    assert_eq!(done(world.stores.idempotency.check(key).await), None, "a stored answer is left");
    assert_eq!(done(world.stores.secrets.secret("cursor", vec![8]).await), [7], "the secret went");
    // The same names again find nothing of the ones before.
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    for kind in [FeedKind::Own, FeedKind::Friends, FeedKind::Mentions] {
        assert_eq!(world.feed(kind, &ivan).await, []);
    }
    world.follow(&ivan, &eric).await;
    world.mute(&ivan, &eric).await;
    world.end(RelationKind::Mute, &ivan, &eric).await;
}

pub(super) async fn a_reset_is_one_event_and_the_sequence_goes_on(world: World) {
    world.users(["ivan", "eric"]).await;
    let before = world.position().await;
    world.clock.advance_seconds(-60);
    reset(&world, 5).await;
    assert_eq!(done(world.stores.events.extent().await), LogExtent { first: before + 1, last: before + 1 });
    let events = world.events_after(0).await;
    assert_eq!(events.iter().map(|event| event.kind).collect::<Vec<_>>(), [EventKind::Reset]);
    assert_eq!((events[0].activity, events[0].user, events[0].other), (None, None, None));
    let zoe = name("zoe");
    let newest = world.feed(FeedKind::Own, &zoe).await[0].clone();
    let next = world.post(doing(&zoe, "next")).await;
    assert!(newest.position() < next.position(), "instants were given again");
    assert_eq!(world.position().await, before + 2);
}

pub(super) async fn a_store_with_many_users_is_not_reset(world: World) {
    world.users(["a", "b", "c"]).await;
    let position = world.position().await;
    assert_eq!(reset(&world, 2).await, ResetDone::TooLarge);
    assert_eq!(world.position().await, position);
    assert_eq!(done(world.stores.development.users(100).await).len(), 3);
    assert_eq!(reset(&world, 3).await, ResetDone::Reset);
}

pub(super) async fn listings_are_in_order_of_arrival_and_bounded(world: World) {
    let [zoe, adam, mia] = world.users(["zoe", "adam", "mia"]).await;
    world.post(doing(&zoe, "first")).await;
    world.post(doing(&adam, "second").at(crate::Timestamp::EPOCH)).await;
    world.post(doing(&zoe, "third")).await;
    let first = world.follow(&zoe, &mia).await;
    let second = world.follow(&adam, &mia).await;
    world.follow(&mia, &adam).await;
    world.unfollow(&mia, &adam, true).await;
    let development = &world.stores.development;
    assert_eq!(numbered(&done(development.users(2).await)), [(1, "zoe"), (2, "adam")]);
    assert_eq!(super::kit::verbs(&done(development.activities(100).await)), ["first", "second", "third"]);
    assert_eq!(super::kit::verbs(&done(development.activities(2).await)), ["first", "second"]);
    assert_eq!(done(development.follows(100).await), [first.clone(), second]);
    assert_eq!(done(development.follows(1).await), [first] as [Follow; 1]);
    done(development.ready().await);
}
