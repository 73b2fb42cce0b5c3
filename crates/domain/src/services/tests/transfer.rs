use std::ops::ControlFlow;

use super::*;
use crate::{
    Window,
    ports::MockTransferRepository,
    services::TransferService,
    transfer::{
        FollowRecord, FollowRecordCurrent, Imported, OnBadRecord, Record, RelationRecord, UserRecord,
    },
};

fn service(store: MockTransferRepository, on_bad: OnBadRecord) -> TransferService {
    TransferService::new(Arc::new(store), clock(), on_bad)
}

fn good(second: i64) -> Record {
    Record::Activity(activity("eric", second))
}

/// A record further ahead than any fast clock.
fn ahead() -> Record {
    good(NOW + 301)
}

fn user(created_at: Option<i64>) -> Record {
    Record::User(UserRecord { username: name("ivan"), display_name: None, created_at: created_at.map(at) })
}

fn follow(followee: &str, since: i64, from: Option<i64>, kept: Vec<Window>) -> Record {
    Record::Follow(FollowRecord {
        follower: name("ivan"),
        followee: name(followee),
        current: Some(FollowRecordCurrent { since: at(since), from: from.map(at) }),
        kept,
    })
}

fn relation(other: &str, since: i64) -> RelationRecord {
    RelationRecord { owner: name("ivan"), other: name(other), since: at(since) }
}

fn window(from: impl Into<Option<i64>>, until: impl Into<Option<i64>>) -> Window {
    Window { from: from.into().map(at), until: until.into().map(at) }
}

/// The pointers of what was refused, by record; none for another outcome.
fn refused(outcomes: &[Imported]) -> Vec<Option<&str>> {
    fn pointer(outcome: &Imported) -> Option<&str> {
        match outcome {
            Imported::Refused(fault) => Some(fault.pointer.as_str()),
            Imported::New | Imported::AlreadyThere => None,
        }
    }
    outcomes.iter().map(pointer).collect()
}

#[tokio::test]
async fn a_good_batch_goes_to_the_store_with_the_start_of_the_import() {
    for on_bad in [OnBadRecord::Stop, OnBadRecord::Skip] {
        let mut store = MockTransferRepository::new();
        store
            .expect_import()
            .with(eq(vec![good(1), good(2)]), eq(at(NOW)), eq(on_bad))
            .return_once(|_, _, _| Ok(vec![Imported::New, Imported::AlreadyThere]));
        let service = service(store, on_bad);
        assert_eq!(service.started(), at(NOW));
        let outcomes = service.import(vec![good(1), good(2)]).await;
        assert_eq!(outcomes, Ok(vec![Imported::New, Imported::AlreadyThere]));
    }
}

#[tokio::test]
async fn a_bad_record_stops_its_batch_before_the_store_is_asked() {
    let service = service(MockTransferRepository::new(), OnBadRecord::Stop);
    let outcomes = service.import(vec![good(1), ahead(), good(2), ahead()]).await.unwrap();
    assert_eq!(refused(&outcomes), [None, Some("/published"), None, Some("/published")]);
    assert!(!outcomes.contains(&Imported::New));
}

#[tokio::test]
async fn bad_records_are_left_out_and_the_others_keep_their_places() {
    let mut store = MockTransferRepository::new();
    store.expect_import().withf(|records, _, _| *records == [good(1), good(2), good(3)]).return_once(
        |_, _, _| {
            let fault = Fault::new("/external_id", "is taken");
            Ok(vec![Imported::New, Imported::Refused(fault), Imported::AlreadyThere])
        },
    );
    let service = service(store, OnBadRecord::Skip);
    let outcomes = service.import(vec![ahead(), good(1), ahead(), good(2), good(3)]).await.unwrap();
    assert_eq!(
        refused(&outcomes),
        [Some("/published"), None, Some("/published"), Some("/external_id"), None]
    );
    assert_eq!((&outcomes[1], &outcomes[4]), (&Imported::New, &Imported::AlreadyThere));
}

#[tokio::test]
async fn what_no_store_may_hold_is_refused_with_its_place() {
    let late = NOW + 301;
    let service = service(MockTransferRepository::new(), OnBadRecord::Stop);
    for (record, pointer) in [
        (user(Some(late)), "/created_at"),
        (good(late), "/published"),
        (follow("ivan", 1, None, vec![]), "/followee"),
        (follow("eric", late, None, vec![]), "/since"),
        (follow("eric", 1, Some(late), vec![]), "/from"),
        (follow("eric", 1, None, vec![window(1, None)]), "/kept/0/until"),
        (follow("eric", 1, None, vec![window(2, 1)]), "/kept/0/until"),
        (follow("eric", 1, None, vec![window(1, 2), window(5, late)]), "/kept/1/until"),
        (Record::Block(relation("ivan", 1)), "/username"),
        (Record::Mute(relation("ivan", 1)), "/username"),
        (Record::Block(relation("eric", late)), "/since"),
        (Record::Mute(relation("eric", late)), "/since"),
    ] {
        let outcomes = service.import(vec![record.clone()]).await.unwrap();
        assert_eq!(refused(&outcomes), [Some(pointer)], "{record:?}");
    }
}

#[tokio::test]
async fn what_an_export_writes_is_taken() {
    let records = vec![
        user(None),
        user(Some(NOW + 300)),
        good(NOW + 300),
        follow("eric", NOW + 300, Some(NOW + 300), vec![window(None, 1), window(2, 2), window(5, NOW)]),
        Record::Block(relation("eric", NOW)),
        Record::Mute(relation("eric", NOW)),
    ];
    let mut store = MockTransferRepository::new();
    let count = records.len();
    store
        .expect_import()
        .withf(move |records, _, _| records.len() == count)
        .return_once(move |_, _, _| Ok(vec![Imported::New; count]));
    let outcomes = service(store, OnBadRecord::Stop).import(records).await;
    assert_eq!(outcomes, Ok(vec![Imported::New; count]));
}

#[tokio::test]
async fn kept_windows_reach_the_store_apart_and_in_order() {
    let sent = vec![window(6, 8), window(1, 3), window(2, 4), window(7, 7)];
    let stored = follow("eric", 1, None, vec![window(1, 4), window(6, 8)]);
    let mut store = MockTransferRepository::new();
    store
        .expect_import()
        .withf(move |records, _, _| *records == [stored.clone()])
        .return_once(|_, _, _| Ok(vec![Imported::New]));
    let outcomes = service(store, OnBadRecord::Stop).import(vec![follow("eric", 1, None, sent)]).await;
    assert_eq!(outcomes, Ok(vec![Imported::New]));
}

#[tokio::test]
async fn an_export_and_its_end_are_the_stores_business() {
    let mut store = MockTransferRepository::new();
    store.expect_export().return_once(|mut sink| {
        assert_eq!(sink(good(1)), ControlFlow::Break(()));
        Ok(())
    });
    store.expect_settle().return_once(|| Err(unavailable()));
    let service = service(store, OnBadRecord::Stop);
    assert_eq!(service.export(Box::new(|_| ControlFlow::Break(()))).await, Ok(()));
    assert_eq!(service.settle().await, Err(Error::Store(unavailable())));
}
