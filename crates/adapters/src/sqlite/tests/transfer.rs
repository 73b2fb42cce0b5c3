use std::{
    ops::ControlFlow,
    sync::{Arc, Mutex},
};

use feed_me_domain::{
    Activity, Timestamp, Username,
    ports::{TransferRepository, UserRepository},
    transfer::{
        FollowRecord, FollowRecordCurrent, Imported, OnBadRecord, Record, RelationRecord, UserRecord,
    },
};

use super::{World, wish};

async fn exported(world: &World) -> Vec<Record> {
    let all = Arc::new(Mutex::new(Vec::new()));
    let sink = all.clone();
    world
        .store
        .export(Box::new(move |record| {
            sink.lock().unwrap_or_else(|error| panic!("{error}")).push(record);
            ControlFlow::Continue(())
        }))
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    std::mem::take(&mut all.lock().unwrap_or_else(|error| panic!("{error}")))
}

fn name(raw: &str) -> Username {
    Username::parse(raw).unwrap_or_else(|error| panic!("{error}"))
}

fn follow(follower: &str, followee: &str) -> Record {
    let current = Some(FollowRecordCurrent { since: Timestamp::EPOCH, from: None });
    Record::Follow(FollowRecord {
        follower: name(follower),
        followee: name(followee),
        current,
        kept: Vec::new(),
    })
}

fn block(owner: &str, other: &str) -> Record {
    Record::Block(RelationRecord { owner: name(owner), other: name(other), since: Timestamp::EPOCH })
}

#[tokio::test]
async fn what_one_store_exports_another_imports_and_exports_alike() {
    let world = World::new().await;
    let [ivan, niko] = [world.user("ivan").await, world.user("niko").await];
    for _ in 0..10 {
        world.post(wish(&ivan, None)).await;
    }
    world.follow(&niko, &ivan, None).await;
    let first = exported(&world).await;
    assert_eq!(first.len(), 13);
    let other = World::new().await;
    for expected in [Imported::New, Imported::AlreadyThere] {
        let outcomes = other.store.import(first.clone(), Timestamp::EPOCH, OnBadRecord::Stop).await.unwrap();
        assert_eq!(outcomes, vec![expected; first.len()]);
    }
    other.store.settle().await.unwrap();
    assert_eq!(exported(&other).await, first);
    let counted = other.store.find(&ivan).await.unwrap().unwrap();
    assert_eq!((counted.activities, counted.followers, counted.following), (10, 1, 0));
}

#[tokio::test]
async fn one_refused_record_stops_the_whole_batch_or_is_left_out() {
    let world = World::new().await;
    let user =
        |raw: &str| Record::User(UserRecord { username: name(raw), display_name: None, created_at: None });
    let batch = vec![user("a"), block("a", "b"), follow("b", "a"), follow("c", "a")];
    let stopped = world.store.import(batch.clone(), Timestamp::EPOCH, OnBadRecord::Stop).await.unwrap();
    assert!(matches!(stopped[2], Imported::Refused(_)), "{stopped:?}");
    assert!(exported(&world).await.is_empty());
    world.store.import(batch, Timestamp::EPOCH, OnBadRecord::Skip).await.unwrap();
    // Three users, a block and the other follow.
    assert_eq!(exported(&world).await.len(), 5);
}

#[tokio::test]
async fn an_activity_with_an_external_id_that_is_taken_is_refused_before_users_are_made() {
    let world = World::new().await;
    let ivan = world.user("ivan").await;
    let mut wished = wish(&ivan, None);
    wished.external_id = feed_me_domain::ExternalId::parse("one").ok();
    let stored = world.post(wished).await;
    let twin = Activity {
        id: feed_me_domain::ActivityId::from_uuid(uuid::Uuid::from_u128(7)),
        target: Some(name("nobody")),
        ..stored
    };
    let outcomes =
        world.store.import(vec![Record::Activity(twin)], Timestamp::EPOCH, OnBadRecord::Skip).await.unwrap();
    assert!(matches!(outcomes[..], [Imported::Refused(_)]));
    assert!(world.store.find(&name("nobody")).await.unwrap().is_none());
}
