//! Batches of activities.

use super::{
    kit::{carried_out, doing, name, verbs},
    world::World,
};
use crate::{
    activity::NewActivity,
    feed::FeedKind,
    ports::{Atomicity, BatchPosted, Posted},
    sequence::EventKind,
};

async fn batch(world: &World, activities: Vec<NewActivity>, atomicity: Atomicity) -> BatchPosted {
    carried_out(world.stores.activities.post_batch(activities, atomicity, None).await)
}

pub(super) async fn a_batch_stores_what_it_can_and_answers_in_the_order_sent(world: World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    let position = world.position().await;
    let posted = batch(
        &world,
        vec![
            doing(&ivan, "first"),
            doing(&name("nobody"), "second"),
            doing(&eric, "third").to(&ivan),
            doing(&eric, "fourth").to(&name("none")),
        ],
        Atomicity::Each,
    )
    .await;
    assert!(posted.stored);
    let [Posted::Created(first), second, Posted::Created(third), fourth] = &posted.outcomes[..] else {
        panic!("a batch answers {:?}", posted.outcomes);
    };
    assert_eq!(*second, Posted::UnknownUsers { actor: true, target: false });
    assert_eq!(*fourth, Posted::UnknownUsers { actor: false, target: true });
    assert_eq!((first.verb.as_str(), third.verb.as_str()), ("first", "third"));
    assert!(first.position() < third.position(), "a later item sorts below an earlier one");
    assert_eq!(world.activity(first.id).await.as_ref(), Some(first));
    assert_eq!(
        (world.own(&ivan).await, world.own(&eric).await),
        (vec!["first".into()], vec!["third".into()])
    );
    assert_eq!((world.found(&ivan).await.activities, world.found(&eric).await.activities), (1, 1));
    assert_eq!(world.kinds_after(position).await, [EventKind::ActivityAdded; 2]);
}

pub(super) async fn a_batch_of_all_or_none_stores_nothing_when_one_fails(world: World) {
    let ivan = world.user("ivan").await;
    let position = world.position().await;
    let nobody = name("nobody");
    let wishes =
        |last| vec![doing(&ivan, "first").known_as("1"), doing(&ivan, "second"), doing(last, "third")];
    let posted = batch(&world, wishes(&nobody), Atomicity::AllOrNone).await;
    assert!(!posted.stored);
    assert_eq!(posted.outcomes.len(), 3);
    assert_eq!(posted.outcomes[2], Posted::UnknownUsers { actor: true, target: false });
    assert_eq!(world.own(&ivan).await, [""; 0]);
    assert_eq!(world.found(&ivan).await.activities, 0);
    assert_eq!(world.position().await, position, "what was not stored is in the log");

    // Nothing of it stands in the way of the batch that is set right.
    let posted = batch(&world, wishes(&ivan), Atomicity::AllOrNone).await;
    assert!(
        posted.stored && posted.outcomes.iter().all(|item| matches!(item, Posted::Created(_))),
        "{posted:?}"
    );
    assert_eq!(world.own(&ivan).await, ["third", "second", "first"]);
    assert_eq!(
        world.events_after(position).await.iter().map(|event| event.position).collect::<Vec<_>>(),
        [position + 1, position + 2, position + 3]
    );
}

pub(super) async fn a_batch_of_all_or_none_fails_by_a_taken_external_id_too(world: World) {
    let ivan = world.user("ivan").await;
    world.post(doing(&ivan, "shared").known_as("1")).await;
    let taken = vec![doing(&ivan, "new"), doing(&ivan, "liked").known_as("1")];
    let posted = batch(&world, taken, Atomicity::AllOrNone).await;
    assert!(!posted.stored && matches!(posted.outcomes[1], Posted::ExternalIdTaken(_)), "{posted:?}");
    assert_eq!(world.own(&ivan).await, ["shared"]);
    let repeated = vec![doing(&ivan, "new"), doing(&ivan, "shared").known_as("1")];
    let posted = batch(&world, repeated, Atomicity::AllOrNone).await;
    assert!(posted.stored && matches!(posted.outcomes[1], Posted::Existing(_)), "{posted:?}");
    assert_eq!(world.own(&ivan).await, ["new", "shared"]);
}

pub(super) async fn an_external_id_counts_within_a_batch(world: World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    let wishes = vec![
        doing(&ivan, "shared").known_as("1"),
        doing(&ivan, "shared").known_as("1"),
        doing(&ivan, "liked").known_as("1"),
        doing(&eric, "liked").known_as("1"),
        doing(&ivan, "liked").known_as("2"),
    ];
    let posted = batch(&world, wishes, Atomicity::Each).await;
    let [
        Posted::Created(first),
        Posted::Existing(repeat),
        Posted::ExternalIdTaken(taken),
        Posted::Created(_),
        Posted::Created(_),
    ] = &posted.outcomes[..]
    else {
        panic!("a batch answers {:?}", posted.outcomes);
    };
    assert_eq!((repeat, taken), (first, first));
    assert_eq!((world.found(&ivan).await.activities, world.found(&eric).await.activities), (2, 1));
}

pub(super) async fn a_thousand_items_are_one_batch(world: World) {
    let ivan = world.user("ivan").await;
    let wishes = (0..1000).map(|index| doing(&ivan, &format!("step {index}")).known_as(&index.to_string()));
    let posted = batch(&world, wishes.collect(), Atomicity::AllOrNone).await;
    assert!(posted.stored, "a batch of a thousand good items is not stored");
    assert_eq!(posted.outcomes.len(), 1000);
    let mut own = verbs(&world.feed(FeedKind::Own, &ivan).await);
    own.reverse();
    assert_eq!(own, (0..1000).map(|index| format!("step {index}")).collect::<Vec<_>>());
    assert_eq!(world.found(&ivan).await.activities, 1000);
}

pub(super) async fn an_empty_batch_changes_nothing(world: World) {
    world.user("ivan").await;
    let position = world.position().await;
    for atomicity in [Atomicity::Each, Atomicity::AllOrNone] {
        let posted = batch(&world, vec![], atomicity).await;
        assert_eq!(posted, BatchPosted { stored: true, outcomes: vec![] });
    }
    assert_eq!(world.position().await, position);
}
