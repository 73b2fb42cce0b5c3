//! Follows: beginning, ending, finding, listing. What they show is in `windows`.

use super::{
    kit::{carried_out, done, expected_span, name, newest_first, spans},
    world::World,
};
use crate::{
    follow::{Follow, FollowFrom, FollowSide, LinkPlace, ListedFollow, Relationship},
    page::{Boundary, Direction, Placed, Span},
    ports::{BatchFollowed, Followed, FoundFollow, Unfollowed},
    text::Username,
    time::Timestamp,
    transfer::{FollowRecord, FollowRecordCurrent, Imported, OnBadRecord, Record},
};

pub(super) async fn a_follow_begins_now_and_is_found(world: World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    world.clock.advance_seconds(3);
    let expected = Follow { follower: ivan.clone(), followee: eric.clone(), since: world.now(), from: None };
    assert_eq!(world.try_follow(&ivan, &eric, None).await, Followed::Now(expected.clone()));
    let found = done(world.stores.follows.find(&ivan, &eric).await);
    assert_eq!(found, FoundFollow::Follow(expected));
    assert_eq!(done(world.stores.follows.find(&eric, &ivan).await), FoundFollow::None);
    assert_eq!((world.found(&ivan).await.following, world.found(&ivan).await.followers), (1, 0));
    assert_eq!((world.found(&eric).await.following, world.found(&eric).await.followers), (0, 1));
}

pub(super) async fn a_second_follow_leaves_the_first_as_it_was(world: World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    let first = world.follow_from(&ivan, &eric, FollowFrom::Now).await;
    let position = world.position().await;
    world.clock.advance_seconds(3);
    assert_eq!(world.try_follow(&ivan, &eric, None).await, Followed::Already(first.clone()));
    let same = FollowFrom::At(first.from.unwrap_or(Timestamp::EPOCH));
    assert_eq!(world.try_follow(&ivan, &eric, Some(same)).await, Followed::Already(first.clone()));
    assert_eq!(done(world.stores.follows.find(&ivan, &eric).await), FoundFollow::Follow(first));
    assert_eq!(world.found(&ivan).await.following, 1);
    assert_eq!(world.position().await, position, "a follow that changes nothing is in the log");
}

pub(super) async fn a_follow_with_a_bound_moves_the_bound_and_keeps_its_since(world: World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    let first = world.follow(&ivan, &eric).await;
    world.clock.advance_seconds(3);
    for (from, bound) in [
        (FollowFrom::Now, Some(world.now())),
        (FollowFrom::At(Timestamp::EPOCH), Some(Timestamp::EPOCH)),
        (FollowFrom::Beginning, None),
    ] {
        let moved = Follow { from: bound, ..first.clone() };
        match world.try_follow(&ivan, &eric, Some(from)).await {
            // The turn's instant is the clock's or, where several turns come at once, a few microseconds later.
            Followed::Already(found) if from == FollowFrom::Now => {
                assert_eq!(found.since, moved.since);
                assert!(found.from.is_some_and(|from| world.now() <= from), "{found:?}");
            }
            answered => assert_eq!(answered, Followed::Already(moved)),
        }
    }
    assert_eq!(done(world.stores.follows.find(&ivan, &eric).await), FoundFollow::Follow(first));
    assert_eq!(world.found(&ivan).await.following, 1);
}

pub(super) async fn a_follow_checks_names_then_oneself_then_blocks(world: World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    let (nobody, none) = (name("nobody"), name("none"));
    let position = world.position().await;
    for (follower, followee, unknown) in
        [(&nobody, &none, &nobody), (&ivan, &none, &none), (&nobody, &ivan, &nobody), (&none, &none, &none)]
    {
        let expected = Followed::Unknown(unknown.clone());
        assert_eq!(world.try_follow(follower, followee, None).await, expected);
        let expected = Unfollowed::Unknown(unknown.clone());
        assert_eq!(world.unfollow(follower, followee, false).await, expected);
        let expected = FoundFollow::Unknown(unknown.clone());
        assert_eq!(done(world.stores.follows.find(follower, followee).await), expected);
    }
    assert_eq!(world.try_follow(&ivan, &ivan, None).await, Followed::Oneself);
    assert_eq!(world.unfollow(&ivan, &ivan, false).await, Unfollowed::NotThere);
    assert_eq!(done(world.stores.follows.find(&ivan, &ivan).await), FoundFollow::None);
    assert_eq!(world.position().await, position);
    world.block(&eric, &ivan).await;
    assert_eq!(world.try_follow(&ivan, &eric, None).await, Followed::Blocked);
}

pub(super) async fn an_unfollow_ends_the_follow_and_says_whether_there_was_one(world: World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    assert_eq!(world.unfollow(&ivan, &eric, false).await, Unfollowed::NotThere);
    assert_eq!(world.unfollow(&ivan, &eric, true).await, Unfollowed::NotThere);
    world.follow(&ivan, &eric).await;
    assert_eq!(world.unfollow(&ivan, &eric, false).await, Unfollowed::Ended);
    assert_eq!(done(world.stores.follows.find(&ivan, &eric).await), FoundFollow::None);
    assert_eq!(world.unfollow(&ivan, &eric, false).await, Unfollowed::NotThere);
    assert_eq!((world.found(&ivan).await.following, world.found(&eric).await.followers), (0, 0));
    let again = world.follow(&ivan, &eric).await;
    assert!(world.now() < again.since, "the second follow has the time of the first");
}

pub(super) async fn a_batch_follows_and_unfollows_in_order(world: World) {
    let [ivan, eric, niko, zoe] = world.users(["ivan", "eric", "niko", "zoe"]).await;
    world.block(&zoe, &ivan).await;
    world.follow(&ivan, &niko).await;
    let position = world.position().await;
    let nobody = name("nobody");
    let follow = [&eric, &niko, &ivan, &zoe, &nobody].map(Clone::clone).to_vec();
    let unfollow = [&niko, &zoe, &nobody].map(Clone::clone).to_vec();
    let answered = carried_out(world.stores.follows.follow_batch(&ivan, follow, unfollow, None).await);
    let Some(BatchFollowed { followed, unfollowed }) = answered else { panic!("'ivan' is a user") };
    assert!(
        matches!(&followed[0], Followed::Now(follow) if follow.followee == eric && follow.from.is_none())
    );
    assert!(matches!(&followed[1], Followed::Already(follow) if follow.followee == niko));
    assert_eq!(followed[2..], [Followed::Oneself, Followed::Blocked, Followed::Unknown(nobody.clone())]);
    assert_eq!(unfollowed, [Unfollowed::Ended, Unfollowed::NotThere, Unfollowed::Unknown(nobody.clone())]);
    let following = listed(&world, &ivan, FollowSide::Following).await;
    assert_eq!(following.iter().map(|item| &item.follow.followee).collect::<Vec<_>>(), [&eric]);
    assert_eq!(world.found(&ivan).await.following, 1);
    assert_eq!(world.position().await, position + 2);
    let of_nobody = world.stores.follows.follow_batch(&nobody, vec![eric.clone()], vec![], None).await;
    assert_eq!(carried_out(of_nobody), None);
}

pub(super) async fn a_batch_may_end_what_it_began(world: World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    let names = vec![eric.clone()];
    let answered = carried_out(world.stores.follows.follow_batch(&ivan, names.clone(), names, None).await);
    assert_eq!(answered.map(|batch| batch.unfollowed), Some(vec![Unfollowed::Ended]));
    assert_eq!(done(world.stores.follows.find(&ivan, &eric).await), FoundFollow::None);
    assert_eq!(world.found(&eric).await.followers, 0);
}

pub(super) async fn a_batch_may_name_a_thousand(world: World) {
    let ivan = world.user("ivan").await;
    let names: Vec<Username> = (0..1000).map(|index| name(&format!("user {index}"))).collect();
    super::imports::import_users(&world, &names).await;
    let answered = carried_out(world.stores.follows.follow_batch(&ivan, names.clone(), vec![], None).await);
    let followed = answered.map(|batch| batch.followed).unwrap_or_default();
    assert!(followed.iter().all(|outcome| matches!(outcome, Followed::Now(_))));
    assert_eq!(world.found(&ivan).await.following, 1000);
    // In order: each has a later place than the one before.
    let mut listed = listed(&world, &ivan, FollowSide::Following).await;
    listed.reverse();
    assert_eq!(listed.into_iter().map(|item| item.follow.followee).collect::<Vec<_>>(), names);
}

async fn listed(world: &World, owner: &Username, side: FollowSide) -> Vec<ListedFollow> {
    let span = Span { boundary: Boundary::Top, direction: Direction::Forward, take: 5000 };
    let listed = done(world.stores.follows.list(owner, side, span).await);
    listed.unwrap_or_else(|| panic!("'{owner}' has no list")).items
}

pub(super) async fn follows_are_listed_newest_first_from_both_ends(world: World) {
    let names = ["a", "b", "c", "d", "e"];
    let hub = world.user("hub").await;
    for raw in names {
        let other = world.user(raw).await;
        world.follow(&hub, &other).await;
        world.follow(&other, &hub).await;
        world.clock.advance(1);
    }
    world.unfollow(&hub, &name("c"), false).await;
    world.unfollow(&hub, &name("d"), true).await;
    world.follow(&hub, &name("c")).await;
    let following = listed(&world, &hub, FollowSide::Following).await;
    let followees: Vec<&str> = following.iter().map(|item| item.follow.followee.as_str()).collect();
    assert_eq!(followees, ["c", "e", "b", "a"]);
    let followers = listed(&world, &hub, FollowSide::Followers).await;
    let names: Vec<&str> = followers.iter().map(|item| item.follow.follower.as_str()).collect();
    assert_eq!(names, ["e", "d", "c", "b", "a"]);
    for (side, list) in [(FollowSide::Following, &following), (FollowSide::Followers, &followers)] {
        assert!(list.iter().all(|item| item.place.since == item.follow.since));
        check_list(&world, &hub, side, list).await;
    }
}

/// Asks for every span of a list of follows, from places in it, between them and beside them.
async fn check_list(world: &World, owner: &Username, side: FollowSide, list: &[ListedFollow]) {
    let mut places: Vec<LinkPlace> = list.iter().map(Placed::place).collect();
    for place in places.clone() {
        places.push(LinkPlace { order: place.order - 1, ..place });
        places.push(LinkPlace { since: place.since.plus_micros(1), ..place });
    }
    let id = world.found(owner).await.id;
    for span in spans(&places) {
        let answered = done(world.stores.follows.list(owner, side, span).await);
        let Some(answered) = answered else { panic!("'{owner}' has no list") };
        let expected = expected_span(list, &span, Placed::place, newest_first);
        assert!(
            answered.items.iter().eq(expected.clone()),
            "{span:?}: {:?}, not {expected:?}",
            answered.items
        );
        assert_eq!(answered.owner, id);
    }
}

pub(super) async fn follows_of_the_same_instant_are_listed_by_their_order(world: World) {
    let since = world.now();
    let names: Vec<Username> = ["z", "m", "a", "q", "b"].map(name).to_vec();
    let records = names.iter().map(|followee| {
        Record::Follow(FollowRecord {
            follower: name("hub"),
            followee: followee.clone(),
            current: Some(FollowRecordCurrent { since, from: None }),
            kept: vec![],
        })
    });
    let imported = world.stores.transfer.import(records.collect(), since, OnBadRecord::Stop).await;
    assert_eq!(done(imported), vec![Imported::New; 5]);
    let list = listed(&world, &name("hub"), FollowSide::Following).await;
    let followees: Vec<&Username> = list.iter().map(|item| &item.follow.followee).collect();
    assert_eq!(followees, names.iter().rev().collect::<Vec<_>>(), "the last one came last");
    check_list(&world, &name("hub"), FollowSide::Following, &list).await;
}

pub(super) async fn a_list_of_nobody_is_none(world: World) {
    let ivan = world.user("ivan").await;
    let span = || Span { boundary: Boundary::Top, direction: Direction::Forward, take: 10 };
    for side in [FollowSide::Following, FollowSide::Followers] {
        assert_eq!(done(world.stores.follows.list(&name("nobody"), side, span()).await), None);
        assert_eq!(listed(&world, &ivan, side).await, []);
    }
    assert_eq!(done(world.stores.follows.relationships(&name("nobody"), &[ivan]).await), None);
}

pub(super) async fn relationships_are_told_in_the_order_asked_without_unknown_names(world: World) {
    let [ivan, eric, niko, zoe] = world.users(["ivan", "eric", "niko", "zoe"]).await;
    world.follow(&ivan, &eric).await;
    world.follow(&eric, &ivan).await;
    world.follow(&niko, &ivan).await;
    world.follow(&ivan, &zoe).await;
    world.unfollow(&ivan, &zoe, true).await;
    let asked = [&zoe, &name("nobody"), &eric, &niko, &ivan].map(Clone::clone);
    let told = done(world.stores.follows.relationships(&ivan, &asked).await);
    let expected = [(&zoe, false, false), (&eric, true, true), (&niko, false, true), (&ivan, false, false)];
    let expected = expected.map(|(username, following, followed_by)| Relationship {
        username: username.clone(),
        following,
        followed_by,
    });
    assert_eq!(told, Some(expected.to_vec()));
}
