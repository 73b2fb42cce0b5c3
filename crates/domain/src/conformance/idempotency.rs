//! Idempotency keys: one effect, one answer.

use std::fmt::Debug;

use super::{
    kit::{carried_out, doing, done, keyed, name, request},
    world::World,
};
use crate::{
    follow::{FollowRequest, UnfollowRequest},
    idempotency::{Attempt, KEPT_MICROS, KeyRefusal, RequestKey, StoredAnswer},
    ports::{Atomicity, Followed, Posted, Unfollowed},
    text::Username,
};

fn is_created(posted: &Posted) -> bool {
    matches!(posted, Posted::Created(_) | Posted::Existing(_))
}

async fn post(
    world: &World,
    actor: &Username,
    what: &str,
    key: RequestKey,
    named: &[&Username],
) -> Attempt<Posted> {
    done(world.stores.activities.post(doing(actor, what), keyed(key, named, is_created)).await)
}

fn refused<T: Debug>(attempt: &Attempt<T>, expected: KeyRefusal) {
    assert!(
        matches!(attempt, Attempt::Refused(refusal) if *refusal == expected),
        "{attempt:?}, not {expected:?}"
    );
}

fn replayed<T: Debug>(attempt: Attempt<T>) -> StoredAnswer {
    match attempt {
        Attempt::Replayed(answer) => answer,
        other => panic!("{other:?} where the first answer was to be given again"),
    }
}

pub(super) async fn a_repeated_key_gives_the_first_answer_and_has_one_effect(world: World) {
    let ivan = world.user("ivan").await;
    let key = request("post 1", "body");
    let Attempt::Done(Posted::Created(activity)) = post(&world, &ivan, "waited", key, &[&ivan]).await else {
        panic!("a first request is not carried out");
    };
    let position = world.position().await;
    for seconds in [0, 60, 3600] {
        world.clock.advance_seconds(seconds);
        let answer = replayed(post(&world, &ivan, "waited", key, &[&ivan]).await);
        assert_eq!((answer.status, answer.location.as_deref()), (201, Some("/v1/somewhere")));
        assert_eq!(answer.body, format!("{:?}", Posted::Created(activity.clone())));
    }
    assert_eq!(world.own(&ivan).await, ["waited"]);
    assert_eq!(world.position().await, position);
    let other_key = post(&world, &ivan, "waited", request("post 2", "body"), &[&ivan]).await;
    assert!(matches!(other_key, Attempt::Done(Posted::Created(_))), "{other_key:?}");
}

pub(super) async fn a_key_used_again_for_something_else_is_refused(world: World) {
    let ivan = world.user("ivan").await;
    post(&world, &ivan, "waited", request("1", "body"), &[&ivan]).await;
    refused(&post(&world, &ivan, "slept", request("1", "other body"), &[]).await, KeyRefusal::Reused);
    assert_eq!(world.own(&ivan).await, ["waited"]);
}

pub(super) async fn a_key_counts_for_24_hours(world: World) {
    let ivan = world.user("ivan").await;
    let key = request("1", "body");
    let used = world.now();
    post(&world, &ivan, "first", key, &[&ivan]).await;
    world.clock.advance(KEPT_MICROS - 1);
    replayed(post(&world, &ivan, "second", key, &[&ivan]).await);
    assert!(done(world.stores.idempotency.check(key).await).is_some(), "24 hours since {used} are not over");
    world.clock.advance(60_000_000);
    assert_eq!(done(world.stores.idempotency.check(key).await), None);
    let other = request("1", "other body");
    let third = post(&world, &ivan, "third", other, &[&ivan]).await;
    assert!(matches!(third, Attempt::Done(Posted::Created(_))), "an old key is still in the way: {third:?}");
    replayed(post(&world, &ivan, "fourth", other, &[&ivan]).await);
    assert_eq!(world.own(&ivan).await, ["third", "first"]);
}

pub(super) async fn a_failure_is_not_stored(world: World) {
    let key = request("1", "body");
    let ivan = name("ivan");
    let failed = post(&world, &ivan, "waited", key, &[]).await;
    assert_eq!(failed, Attempt::Done(Posted::UnknownUsers { actor: true, target: false }));
    assert_eq!(done(world.stores.idempotency.check(key).await), None);
    world.user("ivan").await;
    let tried_afresh = post(&world, &ivan, "waited", key, &[&ivan]).await;
    assert!(matches!(tried_afresh, Attempt::Done(Posted::Created(_))), "{tried_afresh:?}");
}

pub(super) async fn an_answer_without_a_change_is_stored_too(world: World) {
    let ivan = world.user("ivan").await;
    let stored = world.post(doing(&ivan, "shared").known_as("1")).await;
    let key = request("1", "body");
    let again = || doing(&ivan, "shared").known_as("1");
    let first = world.stores.activities.post(again(), keyed(key, &[&ivan], is_created)).await;
    assert_eq!(carried_out(first), Posted::Existing(stored.clone()));
    world.delete(stored.id).await;
    let second = world.stores.activities.post(again(), keyed(key, &[&ivan], is_created)).await;
    replayed(done(second));
}

pub(super) async fn an_erasure_drops_answers_that_name_the_user_and_keeps_their_keys(world: World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    post(&world, &ivan, "one", request("1", "body"), &[&ivan, &eric]).await;
    post(&world, &ivan, "two", request("2", "body"), &[&eric]).await;
    post(&world, &ivan, "three", request("3", "body"), &[&ivan]).await;
    assert_eq!(world.erase(&eric).await.stored_answers, 2);
    for scope in ["1", "2"] {
        for content in ["body", "other body"] {
            let key = request(scope, content);
            refused(&post(&world, &ivan, "again", key, &[]).await, KeyRefusal::Erased);
            let met = done(world.stores.idempotency.check(key).await);
            assert_eq!(met, Some(Attempt::Refused(KeyRefusal::Erased)));
        }
    }
    replayed(post(&world, &ivan, "again", request("3", "body"), &[]).await);
    assert_eq!(world.erase(&ivan).await.stored_answers, 1, "what is dropped already does not count again");
}

pub(super) async fn a_rename_does_not_hide_a_stored_answer_from_an_erasure(world: World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    let key = request("1", "body");
    post(&world, &ivan, "waited", key, &[&eric]).await;
    let erich = world.rename(&eric, "erich").await;
    world.user("eric").await;
    assert_eq!(world.erase(&eric).await.stored_answers, 0, "another holder of the name");
    replayed(post(&world, &ivan, "waited", key, &[]).await);
    assert_eq!(world.erase(&erich).await.stored_answers, 1);
    refused(&post(&world, &ivan, "waited", key, &[]).await, KeyRefusal::Erased);
}

pub(super) async fn every_write_that_takes_a_key_keeps_its_answer(world: World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    let activities = &world.stores.activities;
    let follows = &world.stores.follows;
    let key = request("batch", "body");
    let batch = async || {
        let wishes = vec![doing(&ivan, "one"), doing(&ivan, "two")];
        done(activities.post_batch(wishes, Atomicity::Each, keyed(key, &[&ivan], |batch| batch.stored)).await)
    };
    assert!(matches!(batch().await, Attempt::Done(_)));
    replayed(batch().await);
    assert_eq!(world.own(&ivan).await, ["two", "one"]);

    let key = request("follow", "body");
    let follow = async || {
        let request = FollowRequest { follower: ivan.clone(), followee: eric.clone(), from: None };
        done(follows.follow(request, keyed(key, &[], |done| matches!(done, Followed::Now(_)))).await)
    };
    assert!(matches!(follow().await, Attempt::Done(Followed::Now(_))));
    replayed(follow().await);

    let key = request("unfollow", "body");
    let unfollow = async || {
        let (follower, followee) = (ivan.clone(), eric.clone());
        let request = UnfollowRequest { follower, followee, keep_history: false };
        done(follows.unfollow(request, keyed(key, &[], |done| *done == Unfollowed::Ended)).await)
    };
    assert_eq!(unfollow().await, Attempt::Done(Unfollowed::Ended));
    replayed(unfollow().await);

    let key = request("follow batch", "body");
    let batch = async || {
        let answer = keyed(key, &[&ivan, &eric], |done: &Option<_>| done.is_some());
        done(follows.follow_batch(&ivan, vec![eric.clone()], vec![], answer).await)
    };
    assert!(matches!(batch().await, Attempt::Done(Some(_))));
    world.unfollow(&ivan, &eric, false).await;
    replayed(batch().await);
    assert_eq!(world.found(&ivan).await.following, 0, "a replay followed again");
}

pub(super) async fn a_batch_that_is_not_stored_leaves_its_key_free(world: World) {
    let ivan = world.user("ivan").await;
    let key = request("1", "body");
    let batch = async |second: &Username| {
        let wishes = vec![doing(&ivan, "one"), doing(second, "two")];
        let answer = keyed(key, &[&ivan], |batch: &crate::ports::BatchPosted| batch.stored);
        done(world.stores.activities.post_batch(wishes, Atomicity::AllOrNone, answer).await)
    };
    assert!(matches!(batch(&name("nobody")).await, Attempt::Done(batch) if !batch.stored));
    assert!(matches!(batch(&ivan).await, Attempt::Done(batch) if batch.stored));
    replayed(batch(&ivan).await);
}

pub(super) async fn a_look_tells_what_a_key_meets(world: World) {
    let ivan = world.user("ivan").await;
    let (key, other) = (request("1", "body"), request("1", "other body"));
    let check = async |key| done(world.stores.idempotency.check(key).await);
    assert_eq!(check(key).await, None);
    post(&world, &ivan, "waited", key, &[&ivan]).await;
    match check(key).await {
        Some(Attempt::Replayed(answer)) => assert_eq!(answer.status, 201),
        other => panic!("a used key meets {other:?}"),
    }
    assert_eq!(check(other).await, Some(Attempt::Refused(KeyRefusal::Reused)));
    assert_eq!(check(request("2", "body")).await, None);
}

pub(super) async fn a_sweep_forgets_old_keys_a_few_at_a_time(world: World) {
    let ivan = world.user("ivan").await;
    let mut used = Vec::new();
    for index in 0..5 {
        used.push(world.now());
        post(&world, &ivan, "waited", request(&index.to_string(), ""), &[&ivan]).await;
        world.clock.advance_seconds(10);
    }
    let sweep = async |before, take| done(world.stores.idempotency.sweep(before, take).await);
    assert_eq!(sweep(used[0], 10).await, 0, "a key of that very instant went");
    assert_eq!(sweep(used[3], 2).await, 2);
    assert_eq!(sweep(used[3], 2).await, 1);
    assert_eq!(sweep(used[3], 2).await, 0);
    for index in 0..5 {
        let met = done(world.stores.idempotency.check(request(&index.to_string(), "")).await);
        assert_eq!(met.is_some(), 3 <= index, "key {index}");
    }
    assert_eq!(world.erase(&ivan).await.stored_answers, 2, "a swept answer still names the user");
}

pub(super) async fn an_answer_alone_is_remembered_and_forgotten_with_its_user(world: World) {
    let ivan = world.user("ivan").await;
    let position = world.position().await;
    let remember = async |content| {
        let keyed = keyed(request("1", content), &[&ivan], |()| true);
        let Some(keyed) = keyed else { panic!("no key") };
        done(world.stores.idempotency.remember(keyed).await)
    };
    assert_eq!(remember("body").await, Attempt::Done(()));
    assert!(matches!(remember("body").await, Attempt::Replayed(_)));
    assert_eq!(remember("other").await, Attempt::Refused(KeyRefusal::Reused));
    assert_eq!(world.position().await, position);
    world.erase(&ivan).await;
    assert_eq!(remember("body").await, Attempt::Refused(KeyRefusal::Erased));
}
