//! Activities: posting, stamping, external ids, editing, deleting. Batches are in `batches`.

use super::{
    kit::{doing, done, external, name, object, verb},
    world::World,
};
use crate::{
    activity::{AHEAD_MAX_MICROS, ActivityPatch, NewActivity, Precondition},
    data::Data,
    feed::FeedKind,
    given::Given,
    id::ActivityId,
    ports::{Deleted, Edited, Posted},
    time::Timestamp,
};

pub(super) fn data(raw: &str) -> Data {
    Data::parse(raw).unwrap_or_else(|error| panic!("{raw} is no data: {error}"))
}

fn unused_id() -> ActivityId {
    ActivityId::from_uuid(uuid::Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001))
}

pub(super) async fn a_post_is_stored_as_it_was_sent(world: World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    let published = Timestamp::EPOCH.plus_micros(-123_456_789);
    let sent = NewActivity {
        actor: ivan.clone(),
        verb: verb("wrote '\"\\%_\u{1F600}"),
        object: Given::Value(object("line one\nline\ttwo \\ \"quoted\" 'single' ☃ null")),
        target: Given::Value(eric.clone()),
        published: Some(published),
        external_id: Some(external("a/b?c#é")),
        data: Some(data(r#"{"n":18446744073709551615,"f":1.0e2,"s":"\u00e9\"","l":[null,true,{}]}"#)),
    };
    let stored = world.post(sent.clone()).await;
    assert_eq!(stored.actor, ivan);
    assert_eq!(stored.verb, sent.verb);
    assert_eq!(Given::Value(stored.object.clone().unwrap_or_else(|| object(""))), sent.object);
    assert_eq!(stored.target, Some(eric));
    assert_eq!(stored.published, published);
    assert_eq!(stored.external_id, sent.external_id);
    assert_eq!(Some(stored.data.clone()), sent.data);
    assert_eq!((stored.edited_at, stored.version), (None, 1));
    assert_eq!(world.activity(stored.id).await, Some(stored.clone()));
    assert_eq!(done(world.stores.activities.find_external(&ivan, &external("a/b?c#é")).await), Some(stored));
}

pub(super) async fn what_is_not_sent_is_empty(world: World) {
    let ivan = world.user("ivan").await;
    let stored = world.post(doing(&ivan, "waited")).await;
    assert_eq!((stored.object, stored.target, stored.external_id), (None, None, None));
    assert_eq!(stored.data, Data::empty());
    let empty = world.post(NewActivity { object: Given::Value(object("")), ..doing(&ivan, "waited") }).await;
    assert_eq!(empty.object, Some(object("")), "an empty object is not none");
}

pub(super) async fn posts_at_the_same_instant_have_rising_times_and_ids(world: World) {
    let ivan = world.user("ivan").await;
    let first = world.post(doing(&ivan, "waited")).await;
    let mut last = first.clone();
    for _ in 0..20 {
        let next = world.post(doing(&ivan, "waited")).await;
        assert!(last.published < next.published, "{} is not after {}", next.published, last.published);
        assert!(last.id < next.id, "{} is not after {}", next.id, last.id);
        assert_eq!(next.id.stamp(), Some(next.published), "the id does not tell the instant of its turn");
        last = next;
    }
    assert!(last.published <= first.published.plus_micros(1000), "times run away from the clock");
}

pub(super) async fn a_clock_that_goes_back_does_not_put_a_later_post_below(world: World) {
    let ivan = world.user("ivan").await;
    let before = world.post(doing(&ivan, "waited")).await;
    world.clock.advance_seconds(-3600);
    let after = world.post(doing(&ivan, "waited")).await;
    assert!(before.position() < after.position(), "{after:?} sorts below {before:?}");
    world.clock.advance_seconds(7200);
    let later = world.post(doing(&ivan, "waited")).await;
    assert_eq!(later.published, world.now(), "the clock is ahead again and is not believed");
}

pub(super) async fn a_published_that_lies_ahead_counts_as_now_and_a_past_one_is_kept(world: World) {
    let ivan = world.user("ivan").await;
    world.clock.advance_seconds(60);
    let fast = world.post(doing(&ivan, "waited").at(world.now().plus_micros(AHEAD_MAX_MICROS))).await;
    assert_eq!(fast.published, world.now());
    for past in [Timestamp::MIN, Timestamp::EPOCH.plus_micros(-1), world.now().plus_micros(-1)] {
        let stored = world.post(doing(&ivan, "waited").at(past)).await;
        assert_eq!(stored.published, past);
        assert_eq!(world.activity(stored.id).await.map(|activity| activity.published), Some(past));
        assert!(fast.id < stored.id, "the id tells of `published`, not of the turn");
    }
}

pub(super) async fn a_post_that_names_nobody_is_not_stored_and_says_who_is_missing(world: World) {
    let ivan = world.user("ivan").await;
    let (nobody, none) = (name("nobody"), name("none"));
    let position = world.position().await;
    let unknown = |actor, target| Posted::UnknownUsers { actor, target };
    assert_eq!(world.try_post(doing(&nobody, "waited")).await, unknown(true, false));
    assert_eq!(world.try_post(doing(&ivan, "greeted").to(&nobody)).await, unknown(false, true));
    assert_eq!(world.try_post(doing(&nobody, "greeted").to(&none)).await, unknown(true, true));
    assert_eq!(world.try_post(doing(&nobody, "greeted").to(&ivan)).await, unknown(true, false));
    assert_eq!(world.own(&ivan).await, [""; 0]);
    assert_eq!(world.found(&ivan).await.activities, 0);
    assert_eq!(world.position().await, position);
}

pub(super) async fn a_target_may_be_the_actor(world: World) {
    let ivan = world.user("ivan").await;
    world.post(doing(&ivan, "reminded").to(&ivan)).await;
    assert_eq!(world.mentions(&ivan).await, ["reminded"]);
}

pub(super) async fn an_external_id_sent_again_with_the_same_content_is_the_same_activity(world: World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    let full = NewActivity {
        object: Given::Value(object("post:1")),
        data: Some(data(r#"{"a":1}"#)),
        ..doing(&ivan, "shared").to(&eric).at(Timestamp::EPOCH).known_as("1")
    };
    let stored = world.post(full.clone()).await;
    let position = world.position().await;
    let bare = doing(&ivan, "shared").known_as("1");
    let nulls_left_out = NewActivity { object: Given::Value(object("post:1")), ..bare.clone() };
    for again in [full, bare, nulls_left_out] {
        assert_eq!(world.try_post(again).await, Posted::Existing(stored.clone()));
    }
    assert_eq!(world.found(&ivan).await.activities, 1);
    assert_eq!(world.position().await, position, "a repeat is in the log");
}

pub(super) async fn an_external_id_sent_again_with_other_content_is_taken(world: World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    let bare = || doing(&ivan, "shared").known_as("1");
    let stored = world.post(bare().to(&eric).at(Timestamp::EPOCH)).await;
    let others = [
        doing(&ivan, "liked").known_as("1"),
        NewActivity { object: Given::Value(object("post:2")), ..bare() },
        NewActivity { target: Given::Null, ..bare() },
        bare().to(&ivan),
        bare().at(Timestamp::EPOCH.plus_micros(1)),
        NewActivity { data: Some(data(r#"{"a":1}"#)), ..bare() },
    ];
    for other in others {
        assert_eq!(world.try_post(other.clone()).await, Posted::ExternalIdTaken(stored.clone()), "{other:?}");
    }
    assert_eq!(world.own(&ivan).await, ["shared"]);
}

pub(super) async fn a_post_from_a_fast_clock_is_the_same_when_it_is_sent_again(world: World) {
    let ivan = world.user("ivan").await;
    let ahead = doing(&ivan, "shared").at(world.now().plus_micros(60_000_000)).known_as("1");
    let stored = world.post(ahead.clone()).await;
    assert_eq!(world.try_post(ahead.clone()).await, Posted::Existing(stored.clone()));
    world.clock.advance_seconds(600);
    assert_eq!(world.try_post(ahead).await, Posted::Existing(stored), "when the clock has passed it");
}

pub(super) async fn an_external_id_belongs_to_its_actor(world: World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    let one = world.post(doing(&ivan, "shared").known_as("1")).await;
    let other = world.post(doing(&eric, "liked").known_as("1")).await;
    let find = async |actor| done(world.stores.activities.find_external(actor, &external("1")).await);
    assert_eq!((find(&ivan).await, find(&eric).await), (Some(one), Some(other)));
    assert_eq!(find(&name("nobody")).await, None);
    assert_eq!(done(world.stores.activities.find_external(&ivan, &external("2")).await), None);
}

pub(super) async fn an_external_id_is_free_again_after_a_delete(world: World) {
    let ivan = world.user("ivan").await;
    let first = world.post(doing(&ivan, "shared").known_as("1")).await;
    world.delete(first.id).await;
    assert_eq!(done(world.stores.activities.find_external(&ivan, &external("1")).await), None);
    let second = world.post(doing(&ivan, "liked").known_as("1")).await;
    assert_ne!(first.id, second.id);
}

pub(super) async fn a_repeat_is_compared_with_what_is_stored_now(world: World) {
    let ivan = world.user("ivan").await;
    let stored = world.post(doing(&ivan, "shared").known_as("1")).await;
    let patch = ActivityPatch { verb: Some(verb("liked")), ..ActivityPatch::default() };
    done(world.stores.activities.edit(stored.id, patch, Precondition::None).await);
    let first_wish = world.try_post(doing(&ivan, "shared").known_as("1")).await;
    assert!(matches!(first_wish, Posted::ExternalIdTaken(_)), "{first_wish:?}");
    let present = world.try_post(doing(&ivan, "liked").known_as("1")).await;
    assert!(matches!(present, Posted::Existing(_)), "{present:?}");
}

pub(super) async fn an_edit_sets_what_is_given_and_says_when(world: World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    let before = world.post(doing(&ivan, "shared").at(Timestamp::EPOCH).known_as("1")).await;
    world.clock.advance_seconds(5);
    let patch = ActivityPatch {
        verb: Some(verb("liked")),
        object: Given::Value(object("post:2")),
        target: Given::Value(eric.clone()),
        data: Some(data(r#"{"b":2}"#)),
    };
    let after = match done(world.stores.activities.edit(before.id, patch, Precondition::None).await) {
        Edited::Edited(activity) => activity,
        other => panic!("an edit answers {other:?}"),
    };
    assert_eq!((after.id, after.published), (before.id, before.published));
    assert_eq!(after.external_id, before.external_id);
    assert_eq!((after.verb.as_str(), after.object.clone()), ("liked", Some(object("post:2"))));
    assert_eq!((after.target.clone(), after.data.as_str()), (Some(eric), r#"{"b":2}"#));
    assert_eq!((after.edited_at, after.version), (Some(world.now()), 2));
    assert_ne!(after.tag(), before.tag());
    assert_eq!(world.activity(before.id).await, Some(after.clone()));

    let clear = ActivityPatch { object: Given::Null, target: Given::Null, ..ActivityPatch::default() };
    match done(world.stores.activities.edit(before.id, clear, Precondition::None).await) {
        Edited::Edited(cleared) => {
            assert_eq!((cleared.object, cleared.target, cleared.version), (None, None, 3));
            assert_eq!((cleared.verb, cleared.data), (after.verb, after.data));
        }
        other => panic!("an edit answers {other:?}"),
    }
}

pub(super) async fn an_edit_that_asks_for_nothing_sets_no_time(world: World) {
    let ivan = world.user("ivan").await;
    let stored = world.post(doing(&ivan, "shared")).await;
    let position = world.position().await;
    let nothing = ActivityPatch::default();
    let edited = done(world.stores.activities.edit(stored.id, nothing, Precondition::None).await);
    assert_eq!(edited, Edited::Edited(stored));
    assert_eq!(world.position().await, position);
}

pub(super) async fn an_edit_needs_its_precondition_and_a_target_that_is_a_user(world: World) {
    let ivan = world.user("ivan").await;
    let first = world.post(doing(&ivan, "shared")).await;
    let wish = |what: &str| ActivityPatch { verb: Some(verb(what)), ..ActivityPatch::default() };
    let edit = async |patch, tags: &[_]| {
        let precondition = Precondition::OneOf(tags.to_vec());
        done(world.stores.activities.edit(first.id, patch, precondition).await)
    };
    let Edited::Edited(second) = edit(wish("liked"), &[first.tag()]).await else {
        panic!("the tag of the present state is refused");
    };
    assert_eq!(edit(wish("hated"), &[first.tag()]).await, Edited::PreconditionFailed);
    assert_eq!(edit(ActivityPatch::default(), &[first.tag()]).await, Edited::PreconditionFailed);
    assert_eq!(edit(wish("hated"), &[]).await, Edited::PreconditionFailed);
    assert_eq!(world.activity(first.id).await, Some(second.clone()));
    let any = edit(wish("hated"), &[first.tag(), second.tag()]).await;
    assert!(matches!(any, Edited::Edited(_)), "{any:?}");

    let nobody = ActivityPatch { target: Given::Value(name("nobody")), ..ActivityPatch::default() };
    let refused = done(world.stores.activities.edit(first.id, nobody, Precondition::None).await);
    assert_eq!(refused, Edited::UnknownTarget(name("nobody")));
    let unknown = done(world.stores.activities.edit(unused_id(), wish("liked"), Precondition::None).await);
    assert_eq!(unknown, Edited::Unknown);
}

pub(super) async fn a_rename_gives_an_activity_another_tag(world: World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    let stored = world.post(doing(&ivan, "greeted").to(&eric)).await;
    world.rename(&eric, "erich").await;
    let precondition = Precondition::OneOf(vec![stored.tag()]);
    let deleted = done(world.stores.activities.delete(stored.id, precondition).await);
    assert_eq!(deleted, Deleted::PreconditionFailed);
}

pub(super) async fn an_edited_target_moves_between_mentions(world: World) {
    let [ivan, eric, niko] = world.users(["ivan", "eric", "niko"]).await;
    let stored = world.post(doing(&ivan, "greeted").to(&eric)).await;
    let retarget = |target| ActivityPatch { target, ..ActivityPatch::default() };
    let moved = retarget(Given::Value(niko.clone()));
    done(world.stores.activities.edit(stored.id, moved, Precondition::None).await);
    assert_eq!((world.mentions(&eric).await.len(), world.mentions(&niko).await.len()), (0, 1));
    done(world.stores.activities.edit(stored.id, retarget(Given::Null), Precondition::None).await);
    assert_eq!(world.mentions(&niko).await, [""; 0]);
}

pub(super) async fn a_delete_takes_the_activity_out_of_every_feed(world: World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    world.follow(&ivan, &eric).await;
    let stored = world.post(doing(&eric, "greeted").to(&ivan)).await;
    let stale = Precondition::OneOf(vec![]);
    assert_eq!(done(world.stores.activities.delete(stored.id, stale).await), Deleted::PreconditionFailed);
    let fresh = Precondition::OneOf(vec![stored.tag()]);
    assert_eq!(done(world.stores.activities.delete(stored.id, fresh).await), Deleted::Deleted);
    assert_eq!(world.activity(stored.id).await, None);
    for (kind, owner) in [(FeedKind::Own, &eric), (FeedKind::Friends, &ivan), (FeedKind::Mentions, &ivan)] {
        assert_eq!(world.feed(kind, owner).await, [], "{kind:?} of {owner}");
    }
    assert_eq!(world.found(&eric).await.activities, 0);
    let again = done(world.stores.activities.delete(stored.id, Precondition::None).await);
    assert_eq!(again, Deleted::Unknown);
}
