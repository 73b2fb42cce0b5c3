//! Whole databases: export and import, reset; and the windows of edges in a page.

use std::{
    ops::ControlFlow,
    sync::{Arc, Mutex},
};

use feed_me_domain::{
    Activity, ActivityId, Boundary, Data, Direction, FeedFilter, FeedKind, FeedQuery, FollowFrom, FollowSide,
    Object, PageLimit, RelationKind, Span, Timestamp, UserKey, Verb, Window,
    ports::{
        DevelopmentRepository, EventLog, FeedRepository, Fixture, FollowRepository, RelationRepository,
        ResetDone, TransferRepository, UserRepository,
    },
    sequence::EventKind,
    transfer::{
        FollowRecord, FollowRecordCurrent, Imported, OnBadRecord, Record, RelationRecord, UserRecord,
    },
};
use uuid::Uuid;

use super::{fresh, name, post_of};
use crate::postgres::PgStore;

fn at(second: i64) -> Timestamp {
    Timestamp::from_micros(second * 1_000_000).unwrap()
}

fn window(from: Option<i64>, until: i64) -> Window {
    Window { from: from.map(at), until: Some(at(until)) }
}

/// Activities of `actor`, one each second from 1 to 20, the second being the id.
fn activities(actor: &str, series: u128) -> impl Iterator<Item = Record> {
    let actor = name(actor);
    (1..=20).map(move |second| {
        Record::Activity(Activity {
            id: ActivityId::from_uuid(Uuid::from_u128(series * 100 + u128::try_from(second).unwrap())),
            actor: actor.clone(),
            verb: Verb::parse(if second % 2 == 0 { "even" } else { "odd" }).unwrap(),
            object: Some(Object::parse("it's \"$1\"").unwrap()),
            target: (second == 3).then(|| name("viewer")),
            published: at(second),
            edited_at: (second == 4).then(|| at(40)),
            external_id: None,
            data: Data::parse(r#"{"a":"$9"}"#).unwrap(),
            version: 2,
        })
    })
}

fn follow(followee: &str, current: Option<FollowFrom>, kept: Vec<Window>) -> Record {
    let from = |from| match from {
        FollowFrom::At(instant) => Some(instant),
        FollowFrom::Beginning | FollowFrom::Now => None,
    };
    let current = current.map(|bound| FollowRecordCurrent { since: at(50), from: from(bound) });
    Record::Follow(FollowRecord { follower: name("viewer"), followee: name(followee), current, kept })
}

fn world() -> Vec<Record> {
    let relation =
        |owner: &str, other: &str| RelationRecord { owner: name(owner), other: name(other), since: at(60) };
    let mut records = vec![Record::User(UserRecord {
        username: name("viewer"),
        display_name: None,
        created_at: Some(at(7)),
    })];
    records.extend(activities("windowed", 1).chain(activities("whole", 2)).chain(activities("kept", 3)));
    records.extend(activities("muted", 4));
    records.push(follow(
        "windowed",
        Some(FollowFrom::At(at(15))),
        vec![window(None, 2), window(Some(5), 17)],
    ));
    records.push(follow("whole", Some(FollowFrom::Beginning), vec![window(Some(5), 7)]));
    records.push(follow("muted", Some(FollowFrom::Beginning), vec![]));
    records.push(follow("kept", None, vec![window(Some(10), 11)]));
    records.extend([Record::Mute(relation("viewer", "muted")), Record::Block(relation("whole", "other"))]);
    records
}

async fn imported(store: &PgStore, records: Vec<Record>) -> Vec<Imported> {
    store.import(records, at(9), OnBadRecord::Stop).await.unwrap()
}

async fn exported(store: &PgStore) -> Vec<Record> {
    let records = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&records);
    let sink = move |record| {
        into.lock().unwrap().push(record);
        ControlFlow::Continue(())
    };
    store.export(Box::new(sink)).await.unwrap();
    let records = records.lock().unwrap();
    records.clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_exported_makes_the_same_database_again_and_a_second_import_changes_nothing() {
    let (_one, first) = fresh(2);
    let (_other, second) = fresh(2);
    assert!(imported(&first, world()).await.iter().all(|outcome| *outcome == Imported::New));
    let last = first.extent().await.unwrap().last;
    assert!(imported(&first, world()).await.iter().all(|outcome| *outcome == Imported::AlreadyThere));
    assert_eq!(first.extent().await.unwrap().last, last);
    let records = exported(&first).await;
    assert_eq!(records.len(), 6 + 80 + 4 + 2);
    assert!(imported(&second, records.clone()).await.iter().all(|outcome| *outcome == Imported::New));
    assert_eq!(exported(&second).await, records);
    second.settle().await.unwrap();
    let viewer = UserRepository::find(&second, &name("viewer")).await.unwrap().unwrap();
    assert_eq!((viewer.following, viewer.created_at), (3, at(7)));
}

async fn seconds(store: &PgStore, verbs: &[&str], direction: Direction, kind: FeedKind) -> Vec<(u128, u128)> {
    let boundary = if direction == Direction::Forward { Boundary::Top } else { Boundary::End };
    let filter = FeedFilter::new(verbs.iter().map(|verb| Verb::parse(verb).unwrap()).collect(), true);
    let mut query = FeedQuery {
        kind,
        owner: name("viewer"),
        filter,
        span: Span::from_boundary(boundary, direction, PageLimit::new(6).unwrap()),
        skip: 0,
        shape: feed_me_domain::Shape::Whole,
    };
    let mut seen = Vec::new();
    loop {
        let page = store.page(&query).await.unwrap().unwrap().into_whole().unwrap();
        let Some(last) = page.last().map(Activity::position) else { return seen };
        seen.extend(page.iter().map(|activity| {
            let id = activity.id.as_uuid().as_u128();
            (id % 100, id / 100)
        }));
        query.span.boundary =
            if direction == Direction::Forward { Boundary::After(last) } else { Boundary::Before(last) };
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_activity_in_several_windows_comes_once_by_either_way_and_in_either_direction() {
    let (database, store) = fresh(2);
    imported(&store, world()).await;
    let mut expected: Vec<(u128, u128)> = (1..=20).map(|second| (second, 2)).collect();
    expected.extend([1, 2].into_iter().chain(5..=20).map(|second| (second, 1)));
    expected.extend([(10, 3), (11, 3)]);
    expected.sort_unstable();
    let odd: Vec<_> = expected.iter().copied().filter(|(second, _)| second % 2 == 1).collect();
    let reversed = |list: &[(u128, u128)]| list.iter().rev().copied().collect::<Vec<_>>();
    for following in [3, 1000] {
        // A user who is said to follow many is read by a window first.
        let update = format!("update users set following = {following} where username = 'viewer'");
        let mut conn = <diesel::PgConnection as diesel::Connection>::establish(&database.url).unwrap();
        diesel::connection::SimpleConnection::batch_execute(&mut conn, &update).unwrap();
        assert_eq!(seconds(&store, &[], Direction::Forward, FeedKind::Friends).await, reversed(&expected));
        assert_eq!(seconds(&store, &[], Direction::Backward, FeedKind::Friends).await, expected);
        assert_eq!(
            seconds(&store, &["odd", "o'dd"], Direction::Forward, FeedKind::Friends).await,
            reversed(&odd)
        );
    }
    let mentions = seconds(&store, &[], Direction::Forward, FeedKind::Mentions).await;
    assert_eq!(mentions, [(3, 4), (3, 3), (3, 2), (3, 1)]);
    store.add(RelationKind::Block, &name("whole"), &name("viewer")).await.unwrap();
    let mentions = seconds(&store, &[], Direction::Forward, FeedKind::Mentions).await;
    assert_eq!(mentions, [(3, 4), (3, 3), (3, 1)]);
    let friends = seconds(&store, &[], Direction::Forward, FeedKind::Friends).await;
    assert!(friends.len() == 20 && friends.iter().all(|(_, series)| *series != 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_clears_targets_and_counts_and_leaves_no_id_in_the_log() {
    let (_database, store) = fresh(2);
    imported(&store, world()).await;
    let gone = store.erase(&name("whole")).await.unwrap().unwrap();
    assert_eq!((gone.activities, gone.followers, gone.kept_windows, gone.blocks), (20, 1, 1, 1));
    assert_eq!(UserRepository::find(&store, &name("viewer")).await.unwrap().unwrap().following, 2);
    let gone = store.erase(&name("viewer")).await.unwrap().unwrap();
    assert_eq!((gone.mentions, gone.following, gone.kept_windows, gone.mutes), (3, 2, 3, 1));
    let events = store.after(0, 1000).await.unwrap();
    assert!(
        events.iter().filter(|event| event.kind == EventKind::UserErased).all(|event| event.user.is_none())
    );
    let listed = UserRepository::list(&store, "k", Span::first(PageLimit::default())).await.unwrap();
    assert_eq!(listed.iter().map(|user| user.username.as_str()).collect::<Vec<_>>(), ["kept"]);
    assert_eq!(store.trim(Timestamp::MAX, 10_000).await.unwrap(), events.len() - 1);
    let extent = store.extent().await.unwrap();
    assert_eq!(extent.first, extent.last);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_is_one_event_and_numbers_the_users_from_1() {
    let (_database, store) = fresh(2);
    imported(&store, world()).await;
    let last = store.extent().await.unwrap().last;
    let fixture = Fixture {
        users: vec![name("ivan"), name("eric")],
        activities: vec![post_of("ivan"), post_of("eric")],
        follows: vec![(name("ivan"), name("eric"))],
    };
    assert_eq!(store.reset(fixture.clone(), 5).await.unwrap(), ResetDone::TooLarge);
    assert_eq!(store.reset(fixture, 6).await.unwrap(), ResetDone::Reset);
    let events = store.after(0, 10).await.unwrap();
    assert_eq!(
        events.iter().map(|event| (event.position, event.kind)).collect::<Vec<_>>(),
        [(last + 1, EventKind::Reset)]
    );
    let users = DevelopmentRepository::users(&store, 10).await.unwrap();
    assert_eq!(users, [(UserKey(1), name("ivan")), (UserKey(2), name("eric"))]);
    assert_eq!(DevelopmentRepository::activities(&store, 10).await.unwrap()[0].actor, name("ivan"));
    assert_eq!(DevelopmentRepository::follows(&store, 10).await.unwrap().len(), 1);
    super::put(&store, "niko").await;
    assert_eq!(UserRepository::find(&store, &name("niko")).await.unwrap().unwrap().key, UserKey(3));
    let span = Span::first(PageLimit::default());
    let following = FollowRepository::list(&store, &name("ivan"), FollowSide::Following, span).await;
    assert_eq!(following.unwrap().unwrap().items.len(), 1);
}
