//! The log of all changes.

use super::{
    kit::{carried_out, doing, done, name, shown_as, verb},
    world::World,
};
use crate::{
    activity::{ActivityPatch, Precondition},
    feed::{FeedFilter, FeedKind, FeedQuery, Shape},
    follow::FollowFrom,
    given::Given,
    id::{ActivityId, UserId},
    page::{PageLimit, Span},
    ports::{Atomicity, LogExtent},
    relation::RelationKind,
    sequence::EventKind,
    user::{PutUser, UserPatch},
};

type Told = (EventKind, Option<ActivityId>, Option<UserId>, Option<UserId>);

async fn told_after(world: &World, position: i64) -> Vec<Told> {
    let events = world.events_after(position).await;
    events.into_iter().map(|event| (event.kind, event.activity, event.user, event.other)).collect()
}

pub(super) async fn an_empty_log_begins_with_one(world: World) {
    assert_eq!(done(world.stores.events.extent().await), LogExtent { first: 1, last: 0 });
    assert_eq!(world.events_after(0).await, []);
    world.user("ivan").await;
    assert_eq!(done(world.stores.events.extent().await), LogExtent { first: 1, last: 1 });
    assert_eq!(world.events_after(0).await[0].position, 1);
}

pub(super) async fn every_change_is_one_event_that_tells_whom_it_is_about(world: World) {
    use EventKind as Kind;
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    let (one, other) = (world.found(&ivan).await.id, world.found(&eric).await.id);
    let (one, other) = (Some(one), Some(other));
    assert_eq!(
        told_after(&world, 0).await,
        [(Kind::UserCreated, None, one, None), (Kind::UserCreated, None, other, None)]
    );
    let mut position = world.position().await;
    let mut expect = async |told: Told| {
        assert_eq!(told_after(&world, position).await, [told]);
        position += 1;
    };

    let posted = world.post(doing(&ivan, "greeted").to(&eric)).await;
    expect((Kind::ActivityAdded, Some(posted.id), one, other)).await;
    let patch = ActivityPatch { verb: Some(verb("hugged")), ..ActivityPatch::default() };
    done(world.stores.activities.edit(posted.id, patch, Precondition::None).await);
    expect((Kind::ActivityEdited, Some(posted.id), one, other)).await;
    world.delete(posted.id).await;
    expect((Kind::ActivityRemoved, Some(posted.id), one, other)).await;
    let alone = world.post(doing(&eric, "waited")).await;
    expect((Kind::ActivityAdded, Some(alone.id), other, None)).await;

    world.follow(&ivan, &eric).await;
    expect((Kind::FollowAdded, None, one, other)).await;
    world.try_follow(&ivan, &eric, Some(FollowFrom::Now)).await;
    expect((Kind::FollowChanged, None, one, other)).await;
    world.unfollow(&ivan, &eric, true).await;
    expect((Kind::FollowRemoved, None, one, other)).await;
    world.unfollow(&ivan, &eric, false).await;
    expect((Kind::FollowRemoved, None, one, other)).await;

    world.follow(&eric, &ivan).await;
    expect((Kind::FollowAdded, None, other, one)).await;
    world.block(&ivan, &eric).await;
    expect((Kind::BlockAdded, None, one, other)).await;
    world.end(RelationKind::Block, &ivan, &eric).await;
    expect((Kind::BlockRemoved, None, one, other)).await;
    world.mute(&ivan, &eric).await;
    expect((Kind::MuteAdded, None, one, other)).await;
    world.end(RelationKind::Mute, &ivan, &eric).await;
    expect((Kind::MuteRemoved, None, one, other)).await;

    let put = PutUser { username: ivan.clone(), display_name: Given::Value(shown_as("I")) };
    done(world.stores.users.put(put).await);
    expect((Kind::UserUpdated, None, one, None)).await;
    let patch = UserPatch { username: Some(name("jan")), display_name: Given::Null };
    done(world.stores.users.edit(&ivan, patch).await);
    expect((Kind::UserUpdated, None, one, None)).await;
    world.erase(&eric).await;
    expect((Kind::UserErased, None, None, None)).await;
}

pub(super) async fn what_changes_nothing_is_not_in_the_log(world: World) {
    let ivan = world.user("ivan").await;
    let position = world.position().await;
    let nobody = name("nobody");
    world.clock.advance_seconds(1);
    done(world.stores.users.put(PutUser { username: ivan.clone(), display_name: Given::Null }).await);
    done(world.stores.users.erase(&nobody).await);
    world.try_post(doing(&nobody, "waited")).await;
    world.try_follow(&ivan, &ivan, None).await;
    world.try_follow(&ivan, &nobody, None).await;
    world.unfollow(&ivan, &nobody, true).await;
    done(world.stores.relations.remove(RelationKind::Block, &ivan, &nobody).await);
    carried_out(world.stores.follows.follow_batch(&ivan, vec![nobody.clone()], vec![nobody], None).await);
    done(world.stores.secrets.secret("key", vec![1]).await);
    assert_eq!(world.events_after(position).await, []);
    assert_eq!(world.position().await, position);
}

pub(super) async fn positions_are_dense_and_times_do_not_fall(world: World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    for round in 0..10 {
        world.clock.advance_seconds([5, -20, 0][round % 3]);
        world.post(doing(&ivan, "waited")).await;
        world.follow(&ivan, &eric).await;
        world.try_post(doing(&name("nobody"), "waited")).await;
        let batch = vec![doing(&ivan, "a"), doing(&name("nobody"), "b"), doing(&ivan, "c")];
        for atomicity in [Atomicity::AllOrNone, Atomicity::Each] {
            carried_out(world.stores.activities.post_batch(batch.clone(), atomicity, None).await);
        }
        world.unfollow(&ivan, &eric, false).await;
    }
    let events = world.events_after(0).await;
    assert_eq!(events.len(), 2 + 10 * 5);
    for (index, event) in events.iter().enumerate() {
        assert_eq!(event.position, i64::try_from(index).unwrap_or(0) + 1, "the sequence is not dense");
    }
    assert!(events.is_sorted_by_key(|event| event.at), "an event happened before the one that precedes it");
    assert_eq!(world.position().await, 52);
}

pub(super) async fn an_event_has_the_time_of_its_change(world: World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    world.clock.advance_seconds(5);
    let posted = world.post(doing(&ivan, "waited")).await;
    let follow = world.follow(&ivan, &eric).await;
    let events = world.events_after(2).await;
    assert_eq!((events[0].at, events[1].at), (posted.published, follow.since));
}

pub(super) async fn the_log_is_read_in_stretches(world: World) {
    for index in 0..10 {
        world.user(&format!("user {index}")).await;
    }
    let positions = async |after, take| {
        let events = done(world.stores.events.after(after, take).await);
        events.iter().map(|event| event.position).collect::<Vec<_>>()
    };
    assert_eq!(positions(0, 3).await, [1, 2, 3]);
    assert_eq!(positions(3, 3).await, [4, 5, 6]);
    assert_eq!(positions(8, 3).await, [9, 10]);
    assert_eq!(positions(10, 3).await, [0; 0]);
    assert_eq!(positions(1000, 3).await, [0; 0]);
    assert_eq!(positions(-5, 2).await, [1, 2]);
}

pub(super) async fn trimming_forgets_the_oldest_and_keeps_the_last(world: World) {
    for index in 0..5 {
        world.user(&format!("user {index}")).await;
        world.clock.advance_seconds(10);
    }
    let events = world.events_after(0).await;
    let trim = async |before, take| done(world.stores.events.trim(before, take).await);
    assert_eq!(trim(events[0].at, 100).await, 0, "nothing happened before the first event");
    assert_eq!(trim(events[3].at, 2).await, 2);
    assert_eq!(world.events_after(0).await, events[2..]);
    assert_eq!(done(world.stores.events.extent().await), LogExtent { first: 3, last: 5 });
    assert_eq!(trim(events[3].at, 100).await, 1);
    assert_eq!(world.events_after(0).await, events[3..]);
    assert_eq!(trim(world.now(), 100).await, 1, "the last event went too");
    assert_eq!(done(world.stores.events.extent().await), LogExtent { first: 5, last: 5 });
    assert_eq!(trim(world.now(), 100).await, 0);
    world.user("later").await;
    assert_eq!(world.position().await, 6, "the sequence does not go on");
}

pub(super) async fn a_page_tells_the_position_that_it_includes(world: World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    world.follow(&ivan, &eric).await;
    for round in 0..3 {
        world.post(doing(&eric, "wrote").to(&ivan)).await;
        let position = world.position().await;
        assert_eq!(done(world.stores.events.reached().await), position, "round {round}");
        for kind in [FeedKind::Own, FeedKind::Friends, FeedKind::Mentions] {
            for shape in [Shape::Whole, Shape::Entry] {
                let span = Span::first(PageLimit::default());
                let (owner, filter) = (ivan.clone(), FeedFilter::default());
                let query = FeedQuery { kind, owner, filter, span, skip: 0, shape };
                let slice = done(world.stores.feeds.page(&query).await);
                assert_eq!(slice.map(|slice| slice.position), Some(position), "{kind:?} {shape:?}");
            }
        }
        if let Some(committed) = world.stores.events.last_committed() {
            assert_eq!(committed, position);
        }
    }
}
