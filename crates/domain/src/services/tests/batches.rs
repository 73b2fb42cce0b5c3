use super::*;
use crate::{
    ports::{Atomicity, BatchPosted, MockActivityRepository, MockUserRepository, Posted},
    services::{ActivityService, BatchResults, Stored},
};

fn service(activities: MockActivityRepository, users: MockUserRepository) -> ActivityService {
    ActivityService::new(Arc::new(activities), Arc::new(users), clock())
}

fn without_verb(actor: &str) -> ActivityDraft {
    ActivityDraft { verb: None, ..draft(actor) }
}

/// A store that is asked for the good items of these actors and answers with `posted`.
fn storing(actors: &'static [&'static str], posted: BatchPosted) -> MockActivityRepository {
    let mut activities = MockActivityRepository::new();
    activities
        .expect_post_batch()
        .withf(|items, _, _| items.iter().map(|item| item.actor.as_str()).eq(actors.iter().copied()))
        .return_once(move |_, _, _| Ok(Attempt::Done(posted)));
    activities
}

fn knowing_all() -> MockUserRepository {
    let mut users = MockUserRepository::new();
    users.expect_unknown().returning(|_| Ok(Vec::new()));
    users
}

#[track_caller]
fn done(attempt: Result<Attempt<BatchResults>>) -> BatchResults {
    match attempt {
        Ok(Attempt::Done(results)) => results,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_batch_has_1_to_1000_items() {
    let nothing = || service(MockActivityRepository::new(), MockUserRepository::new());
    for count in [0, 1001] {
        let drafts = (0..count).map(|_| draft("eric")).collect();
        let told = nothing().post_batch(drafts, Atomicity::Each, None).await;
        assert_eq!(pointers(told), ["/activities"]);
    }
    let mut activities = MockActivityRepository::new();
    activities.expect_post_batch().return_once(|items, _, _| {
        let outcomes = items.iter().map(|_| Posted::Created(activity("eric", 5))).collect();
        Ok(Attempt::Done(BatchPosted { stored: true, outcomes }))
    });
    let drafts = (0..1000).map(|_| draft("eric")).collect();
    let posted =
        service(activities, MockUserRepository::new()).post_batch(drafts, Atomicity::Each, None).await;
    assert_eq!(done(posted).len(), 1000);
}

#[tokio::test]
async fn each_item_is_answered_in_its_place_and_faulty_ones_never_reach_the_store() {
    let outcomes = vec![
        Posted::Created(activity("eric", 1)),
        Posted::UnknownUsers { actor: true, target: false },
        Posted::Existing(activity("ivan", 3)),
    ];
    let activities = storing(&["eric", "nobody", "ivan"], BatchPosted { stored: true, outcomes });
    let drafts = vec![without_verb("a"), draft("eric"), draft("nobody"), without_verb("b"), draft("ivan")];
    let results = done(service(activities, knowing_all()).post_batch(drafts, Atomicity::Each, None).await);
    let faulty = || Err(Error::Invalid(vec![Fault::new("/verb", "is required")]));
    assert_eq!(
        results,
        [
            faulty(),
            Ok(Stored::Created(activity("eric", 1))),
            Err(Error::Invalid(vec![Fault::unknown_user("/actor", name("nobody"))])),
            faulty(),
            Ok(Stored::Existing(activity("ivan", 3))),
        ]
    );
}

#[tokio::test]
async fn the_names_of_all_faulty_items_are_looked_up_in_one_question() {
    let mut users = MockUserRepository::new();
    users
        .expect_unknown()
        .times(1)
        .withf(|asked| *asked == names(&["x", "niko", "y"]))
        .return_once(|_| Ok(names(&["niko", "y"])));
    let activities = storing(
        &["eric"],
        BatchPosted { stored: true, outcomes: vec![Posted::Created(activity("eric", 1))] },
    );
    let first = ActivityDraft { target: Given::Value(name("niko")), ..without_verb("x") };
    let drafts = vec![first, draft("eric"), without_verb("y")];
    let results = done(service(activities, users).post_batch(drafts, Atomicity::Each, None).await);
    assert_eq!(pointers(results[0].clone()), ["/verb", "/target"]);
    assert_eq!(pointers(results[2].clone()), ["/verb", "/actor"]);
}

#[tokio::test]
async fn a_batch_of_faulty_items_alone_still_goes_to_the_store_for_its_key() {
    let mut activities = MockActivityRepository::new();
    activities
        .expect_post_batch()
        .withf(|items, _, keyed| items.is_empty() && keyed.is_some())
        .return_once(|_, _, _| Ok(replayed()));
    let posted = service(activities, knowing_all())
        .post_batch(vec![without_verb("eric")], Atomicity::Each, Some(keyed()))
        .await;
    assert_eq!(posted, Ok(replayed()));
}

#[tokio::test]
async fn an_atomic_batch_with_a_faulty_item_tells_the_faults_of_all_and_stores_nothing() {
    // The good item names somebody who does not exist: a fault like the others, though no store was asked to post it.
    let mut users = MockUserRepository::new();
    users.expect_unknown().times(1).return_once(|_| Ok(names(&["nobody"])));
    let drafts = vec![
        draft("eric"),
        ActivityDraft { target: Given::Value(name("nobody")), ..draft("eric") },
        draft("eric"),
        ActivityDraft { published: Some(at(NOW + 301)), ..without_verb("nobody") },
    ];
    let told =
        service(MockActivityRepository::new(), users).post_batch(drafts, Atomicity::AllOrNone, None).await;
    assert_eq!(
        pointers(told),
        ["/activities/1/target", "/activities/3/published", "/activities/3/verb", "/activities/3/actor"]
    );
}

#[tokio::test]
async fn an_atomic_batch_that_the_store_refuses_fails_with_pointers_into_the_batch() {
    let outcomes = vec![
        Posted::Created(activity("eric", 1)),
        Posted::UnknownUsers { actor: true, target: true },
        Posted::ExternalIdTaken(activity("ivan", 3)),
    ];
    let mut activities = MockActivityRepository::new();
    activities
        .expect_post_batch()
        .withf(|items, atomicity, _| items.len() == 3 && *atomicity == Atomicity::AllOrNone)
        .return_once(|_, _, _| Ok(Attempt::Done(BatchPosted { stored: false, outcomes })));
    let drafts = vec![
        draft("eric"),
        ActivityDraft { target: Given::Value(name("no one")), ..draft("nobody") },
        ActivityDraft { external_id: Some(external("x")), ..draft("ivan") },
    ];
    let told =
        service(activities, MockUserRepository::new()).post_batch(drafts, Atomicity::AllOrNone, None).await;
    assert_eq!(pointers(told), ["/activities/1/actor", "/activities/1/target", "/activities/2/external_id"]);
}

#[tokio::test]
async fn an_answer_is_kept_for_a_batch_of_single_items_and_for_an_atomic_one_only_when_it_is_stored() {
    for atomicity in [Atomicity::Each, Atomicity::AllOrNone] {
        let mut activities = MockActivityRepository::new();
        activities.expect_post_batch().return_once(move |_, _, keyed| {
            let refused = vec![Posted::UnknownUsers { actor: true, target: false }];
            let refused = BatchPosted { stored: atomicity == Atomicity::Each, outcomes: refused };
            let answer = kept(keyed.as_ref(), &refused);
            assert_eq!(answer.is_some(), atomicity == Atomicity::Each, "{answer:?}");
            let stored = vec![Posted::Created(activity("eric", 1))];
            let stored = BatchPosted { stored: true, outcomes: stored };
            assert!(kept(keyed.as_ref(), &stored).is_some());
            Ok(Attempt::Done(stored))
        });
        let service = service(activities, MockUserRepository::new());
        let posted = service.post_batch(vec![draft("eric")], atomicity, Some(keyed())).await;
        assert_eq!(done(posted), [Ok(Stored::Created(activity("eric", 1)))]);
    }
}

#[tokio::test]
async fn an_item_that_the_store_left_out_is_told_as_its_failure() {
    let activities = storing(&["eric"], BatchPosted { stored: true, outcomes: Vec::new() });
    let service = service(activities, MockUserRepository::new());
    let results = done(service.post_batch(vec![draft("eric")], Atomicity::Each, None).await);
    assert!(matches!(results[0], Err(Error::Store(StoreError::Failed(_)))), "{results:?}");
}
