//! What the writer keeps at hand of its last commits. That it is what the log tells is asked by `tests/changes/`, with
//! random writes.

use std::{sync::Arc, time::Duration};

use diesel::{RunQueryDsl, connection::SimpleConnection};
use feed_me_domain::{
    FeedFilter, FeedItem, FeedKind, FeedQuery, Shape, StoreError,
    ports::{ActivityRepository, Atomicity, Change, EventLog, FeedFacts, Stores, UserRepository},
    sequence::EventKind,
};

use super::{World, friends, open, wish};
use crate::{
    index::{FeedIndex, IndexOptions},
    sqlite::{
        SqliteStore,
        errors::Trouble,
        recent::{CHANGES_MAX, EVENTS_MAX},
        sql::command,
    },
    watch::{Line, Watch},
};

const MANY: usize = 10_000;

fn positions(changes: &[Change]) -> Vec<i64> {
    changes.iter().map(|change| change.position).collect()
}

async fn last(store: &SqliteStore) -> i64 {
    store.extent().await.unwrap().last
}

/// A world with a user in which somebody has asked for changes.
async fn asked() -> (World, feed_me_domain::Username) {
    let world = World::new().await;
    let ivan = world.user("ivan").await;
    assert_eq!(world.store.recent(0, MANY), [], "nobody had asked");
    (world, ivan)
}

#[tokio::test]
async fn what_is_at_hand_begins_where_it_is_asked_for_and_ends_with_the_last_commit() {
    let (world, ivan) = asked().await;
    for _ in 0..3 {
        world.post(wish(&ivan, None)).await;
    }
    let changes = world.store.changes(1, MANY).await.unwrap();
    assert_eq!(world.store.recent(1, MANY), changes);
    assert_eq!(world.store.recent(2, 1), changes[1..2]);
    assert_eq!(world.store.recent(4, MANY), []);
    assert_eq!(world.store.recent(0, MANY), [], "the first was committed before anybody asked");
    assert_eq!(world.store.recent(9, MANY), []);
}

#[tokio::test]
async fn of_a_write_or_a_commit_that_failed_nothing_is_told() {
    let (world, ivan) = asked().await;
    let failed = world.store.write(|write| {
        write.turn.record(EventKind::UserUpdated, None, None, None);
        Err::<(), _>(Trouble::Stored("on purpose".to_owned()))
    });
    assert!(matches!(failed.await, Err(StoreError::Failed(_))));
    assert_eq!(world.store.recent(1, MANY), []);
    let not_committed = world.store.write(|write| {
        // The reference to nobody is found at the commit.
        write.conn.batch_execute("pragma defer_foreign_keys = on")?;
        command("insert into follows (follower, followee, since, ordinal) values (1, 99, 0, 0)")
            .execute(write.conn)?;
        write.turn.record(EventKind::FollowAdded, None, None, None);
        Ok(())
    });
    assert!(not_committed.await.is_err());
    assert_eq!((world.store.recent(1, MANY), last(&world.store).await), (vec![], 1));
    world.post(wish(&ivan, None)).await;
    let recent = world.store.recent(1, MANY);
    assert_eq!(recent, world.store.changes(1, MANY).await.unwrap());
    assert_eq!(recent[0].kind, EventKind::ActivityAdded, "the position was given again");
}

#[tokio::test]
async fn what_others_write_makes_a_gap() {
    let (world, ivan) = asked().await;
    world.post(wish(&ivan, None)).await;
    let other = open(&world.folder, world.clock.clone());
    ActivityRepository::post(&other, wish(&ivan, None), None).await.unwrap();
    assert_eq!(positions(&world.store.recent(1, MANY)), [2]);
    assert_eq!(world.store.recent(2, MANY), []);
    world.post(wish(&ivan, None)).await;
    assert_eq!(world.store.recent(1, MANY), []);
    assert_eq!(world.store.recent(2, MANY), []);
    assert_eq!(positions(&world.store.recent(3, MANY)), [4]);
}

#[tokio::test]
async fn large_commits_are_left_to_the_log() {
    let (world, ivan) = asked().await;
    world.post(wish(&ivan, None)).await;
    let batch = vec![wish(&ivan, None); EVENTS_MAX + 1];
    world.store.post_batch(batch, Atomicity::Each, None).await.unwrap();
    let after = last(&world.store).await;
    assert_eq!(world.store.recent(2, MANY), []);
    world.post(wish(&ivan, None)).await;
    assert_eq!(world.store.recent(1, MANY), []);
    assert_eq!(positions(&world.store.recent(after, MANY)), [after + 1]);
}

#[tokio::test]
async fn only_so_many_are_kept() {
    let (world, ivan) = asked().await;
    for _ in 0..=CHANGES_MAX / EVENTS_MAX {
        let batch = vec![wish(&ivan, None); EVENTS_MAX];
        world.store.post_batch(batch, Atomicity::Each, None).await.unwrap();
    }
    let end = last(&world.store).await;
    let first = end - i64::try_from(CHANGES_MAX).unwrap();
    assert_eq!(world.store.recent(first - 1, MANY), []);
    assert_eq!(positions(&world.store.recent(first, MANY)), (first + 1..=end).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_erasure_and_what_no_event_tells_end_what_was_known() {
    let (world, ivan) = asked().await;
    world.post(wish(&ivan, None)).await;
    world.store.erase(&ivan).await.unwrap();
    assert_eq!(world.store.recent(1, MANY), []);
    assert_eq!(positions(&world.store.recent(2, MANY)), [3]);
    world.store.writer.run_bare(|_| Ok(())).await.unwrap();
    assert_eq!(world.store.recent(2, MANY), []);
}

/// Lets nobody read.
struct NoReads;

impl Watch for NoReads {
    fn may_wait(&self, line: Line, _: Duration) -> bool {
        line == Line::Write
    }
    fn waited(&self, _: Line, _: Duration) {}
    fn grouped(&self, _: usize) {}
}

fn own_feed(owner: &feed_me_domain::Username) -> FeedQuery {
    let (kind, shape) = (FeedKind::Own, Shape::Entry);
    FeedQuery { kind, shape, filter: FeedFilter::default(), ..friends(owner, 10) }
}

async fn shown(stores: &Stores, query: &FeedQuery) -> usize {
    stores.feeds.page(query).await.unwrap().unwrap().items.iter().map(FeedItem::id).count()
}

#[tokio::test]
async fn the_index_takes_a_write_in_without_reading() {
    let (World { store, folder: _folder, .. }, ivan) = asked().await;
    let store = Arc::new(store);
    let (index, stores) = FeedIndex::over(
        &Stores::of(store.clone()),
        store.clone(),
        IndexOptions { stale_after: Duration::from_hours(1), ..IndexOptions::default() },
    );
    index.fill().await.unwrap();
    let nobody: Arc<dyn Watch> = Arc::new(NoReads);
    store.queue(Line::Read).watch(&nobody);
    for posts in 1..=3 {
        stores.activities.post(wish(&ivan, None), None).await.unwrap();
        assert_eq!(shown(&stores, &own_feed(&ivan)).await, posts);
    }
    assert_eq!(index.status().pages_from_memory, 3);
    assert!(index.catch_up().await.is_err(), "the log is read, and nobody may");
}

#[tokio::test]
async fn one_s_own_writes_say_nothing_about_those_of_others() {
    let (world, ivan) = asked().await;
    let other = open(&world.folder, world.clock.clone());
    let store = Arc::new(world.store);
    let stale_after = Duration::from_millis(100);
    let options = IndexOptions { stale_after, ..IndexOptions::default() };
    let (index, stores) = FeedIndex::over(&Stores::of(store.clone()), store.clone(), options);
    index.fill().await.unwrap();
    tokio::time::sleep(2 * stale_after).await;
    stores.activities.post(wish(&ivan, None), None).await.unwrap();
    ActivityRepository::post(&other, wish(&ivan, None), None).await.unwrap();
    assert_eq!(shown(&stores, &own_feed(&ivan)).await, 2);
    assert_eq!(index.status().pages_from_memory, 0, "the end of the log was not seen");
    // With the gap that the other one has made, the log is read.
    stores.activities.post(wish(&ivan, None), None).await.unwrap();
    assert_eq!(shown(&stores, &own_feed(&ivan)).await, 3);
    assert_eq!((index.status().position, index.status().pages_from_memory), (last(&store).await, 1));
}
