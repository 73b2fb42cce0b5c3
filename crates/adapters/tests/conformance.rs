//! The promises of the ports, asked of every store we have. One line for each.

#[path = "support/postgres.rs"]
mod fresh_postgres;

use std::{sync::Arc, time::Duration};

use feed_me_adapters::{
    index::{FeedIndex, IndexOptions},
    memory::MemoryStore,
    postgres::{Copies, PgOptions, PgStore, Standbys, migrations},
    sqlite::{Access, SqliteOptions, SqliteStore},
};
use feed_me_domain::{
    conformance::Fresh,
    conformance_suite,
    ports::{Clock, FeedFacts, IdGenerator, Stores},
};
use fresh_postgres::FreshDatabase;
use tempfile::TempDir;

async fn in_memory(clock: Arc<dyn Clock>, ids: Arc<dyn IdGenerator>) -> Stores {
    Stores::of(Arc::new(MemoryStore::new(clock, ids)))
}

conformance_suite!(memory, in_memory);

/// Opens a store in a folder of its own.
async fn sqlite(clock: Arc<dyn Clock>, ids: Arc<dyn IdGenerator>) -> (Arc<SqliteStore>, TempDir) {
    let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("no temporary folder: {error}"));
    let options = SqliteOptions {
        path: folder.path().join("feed-me.db"),
        access: Access::ReadWrite { pages_max: None },
        readers: 4,
        acquire_timeout: Duration::from_secs(30),
        commit_group_max: 256,
    };
    let opened = SqliteStore::open(options, clock, ids);
    let store = opened.unwrap_or_else(|error| panic!("{error}"));
    store.migrate().await.unwrap_or_else(|error| panic!("{error}"));
    (Arc::new(store), folder)
}

async fn in_sqlite(clock: Arc<dyn Clock>, ids: Arc<dyn IdGenerator>) -> Fresh {
    let (store, folder) = sqlite(clock, ids).await;
    Fresh::with_guard(Stores::of(store), folder)
}

conformance_suite!(sqlite, in_sqlite);

/// Opens a store in a database of its own.
fn postgres(clock: Arc<dyn Clock>, ids: Arc<dyn IdGenerator>) -> (Arc<PgStore>, FreshDatabase) {
    let database = FreshDatabase::new();
    let opened = migrations::run_pending(&database.url).and_then(|_| {
        let options = PgOptions {
            url: database.url.clone(),
            pool_size: 4,
            acquire_timeout: Duration::from_secs(30),
            commit_group_max: 256,
        };
        PgStore::connect(options, clock, ids)
    });
    let store = opened.unwrap_or_else(|error| panic!("{error}"));
    (Arc::new(store), database)
}

async fn in_postgres(clock: Arc<dyn Clock>, ids: Arc<dyn IdGenerator>) -> Fresh {
    let (store, database) = postgres(clock, ids);
    Fresh::with_guard(Stores::of(store), database)
}

conformance_suite!(postgres, in_postgres);

/// A store that reads from a copy of its database: the database itself, which always has come far enough.
async fn in_postgres_with_a_copy(clock: Arc<dyn Clock>, ids: Arc<dyn IdGenerator>) -> Fresh {
    let (store, database) = postgres(clock.clone(), ids.clone());
    let stores = with_copy(&store, &database.url, &database.url, &clock, &ids);
    Fresh::with_guard(stores, database)
}

/// A store that tries to read from a database that never comes far enough.
async fn in_postgres_with_a_copy_behind(clock: Arc<dyn Clock>, ids: Arc<dyn IdGenerator>) -> Fresh {
    let (store, database) = postgres(clock.clone(), ids.clone());
    let (_, behind) = postgres(clock.clone(), ids.clone());
    let stores = with_copy(&store, &database.url, &behind.url, &clock, &ids);
    Fresh::with_guard(stores, (database, behind))
}

fn with_copy(
    store: &PgStore,
    url: &str,
    copy: &str,
    clock: &Arc<dyn Clock>,
    ids: &Arc<dyn IdGenerator>,
) -> Stores {
    let before = Standbys::before(store, url, &[copy.to_owned()], Copies::Any, clock, ids);
    let (standbys, stores) = before.unwrap_or_else(|error| panic!("{error}"));
    // Until it was seen for the first time, it is not asked.
    for _ in 0..1000 {
        if standbys.load().iter().all(|standby| standby.is_up) {
            return stores;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("the copy does not answer");
}

conformance_suite!(postgres_with_a_copy, in_postgres_with_a_copy);
conformance_suite!(postgres_with_a_copy_behind, in_postgres_with_a_copy_behind);

/// A filled index over a store.
async fn indexed(stores: Stores, facts: Arc<dyn FeedFacts>, memory: usize) -> Stores {
    // A promise may take its time; nobody else writes.
    let options = IndexOptions { memory, stale_after: Duration::from_hours(1), ..IndexOptions::default() };
    let (index, stores) = FeedIndex::over(&stores, facts, options);
    index.fill().await.unwrap_or_else(|error| panic!("the index cannot be filled: {error}"));
    stores
}

/// Room for everything that a promise makes.
const AMPLE: usize = 1 << 26;
/// Room for a few activities: most pages reach below the floor.
const SCANT: usize = 4096;

async fn in_index_over_memory(clock: Arc<dyn Clock>, ids: Arc<dyn IdGenerator>) -> Stores {
    let store = Arc::new(MemoryStore::new(clock, ids));
    indexed(Stores::of(store.clone()), store, AMPLE).await
}

conformance_suite!(index_over_memory, in_index_over_memory);

async fn in_scant_index_over_memory(clock: Arc<dyn Clock>, ids: Arc<dyn IdGenerator>) -> Stores {
    let store = Arc::new(MemoryStore::new(clock, ids));
    indexed(Stores::of(store.clone()), store, SCANT).await
}

conformance_suite!(scant_index_over_memory, in_scant_index_over_memory);

async fn in_index_over_sqlite(clock: Arc<dyn Clock>, ids: Arc<dyn IdGenerator>) -> Fresh {
    let (store, folder) = sqlite(clock, ids).await;
    Fresh::with_guard(indexed(Stores::of(store.clone()), store, AMPLE).await, folder)
}

conformance_suite!(index_over_sqlite, in_index_over_sqlite);

async fn in_index_over_postgres(clock: Arc<dyn Clock>, ids: Arc<dyn IdGenerator>) -> Fresh {
    let (store, database) = postgres(clock, ids);
    Fresh::with_guard(indexed(Stores::of(store.clone()), store, AMPLE).await, database)
}

conformance_suite!(index_over_postgres, in_index_over_postgres);
