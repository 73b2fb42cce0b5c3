//! Copies that take in changes are the feeds, on every store.

use std::time::Duration;

use feed_me_adapters::index::{FeedIndex, IndexOptions, Sample};
use feed_me_domain::ports::{EventLog, FeedFacts, Stores};

use crate::{
    fresh_postgres::FreshDatabase,
    world::{World, memory, postgres, sqlite},
};

#[tokio::test]
async fn copies_in_memory_are_the_feeds() {
    for seed in 0..40 {
        let (stores, facts) = memory();
        World::new(stores, facts, seed).await.run(300).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_of_sqlite_are_the_feeds() {
    let folder = tempfile::tempdir().unwrap();
    let store = sqlite(folder.path());
    store.migrate().await.unwrap();
    World::new(Stores::of(store.clone()), store, 7).await.run(500).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_sqlite_has_at_hand_is_what_its_log_tells() {
    let folder = tempfile::tempdir().unwrap();
    let store = sqlite(folder.path());
    store.migrate().await.unwrap();
    assert_eq!(store.recent(0, 1), [], "from now on changes are kept");
    let mut world = World::new(Stores::of(store.clone()), store.clone(), 9).await;
    let mut from = 0;
    for _ in 0..800 {
        let changes = store.changes(from, 100).await.unwrap();
        assert_eq!(store.recent(from, 100), changes);
        from = changes.last().map_or(from, |change| change.position);
        world.step().await;
    }
    assert!(300 < from, "something happened");
}

/// Writes that share commits, from many at once: what the index took in of them is what the database has.
#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_follows_many_writers_is_what_sqlite_has() {
    let folder = tempfile::tempdir().unwrap();
    let store = sqlite(folder.path());
    store.migrate().await.unwrap();
    let options = IndexOptions { stale_after: Duration::from_hours(1), ..IndexOptions::default() };
    let (index, stores) = FeedIndex::over(&Stores::of(store.clone()), store.clone(), options);
    index.fill().await.unwrap();
    let writers: Vec<_> = (0..8)
        .map(|seed| {
            let (stores, store) = (stores.clone(), store.clone());
            tokio::spawn(async move {
                let mut world = World::new(stores, store, seed).await;
                for _ in 0..150 {
                    world.step().await;
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    // Before anybody looks at the log: everything that was answered is in it.
    assert_eq!(index.status().position, store.extent().await.unwrap().last);
    let compared = index.compare(Sample::All, Duration::ZERO, |_, _| ()).await.unwrap();
    assert_eq!((compared.differences, compared.left_to_sql), (vec![], 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_of_postgres_are_the_feeds() {
    let database = FreshDatabase::new();
    let store = postgres(&database);
    World::new(Stores::of(store.clone()), store, 8).await.run(500).await;
}
