//! The promises of the ports, asked of every store we have. One line for each.

#[path = "support/postgres.rs"]
mod fresh_postgres;

use std::{sync::Arc, time::Duration};

use feed_me_adapters::{
    memory::MemoryStore,
    postgres::{PgOptions, PgStore, migrations},
    sqlite::{Access, SqliteOptions, SqliteStore},
};
use feed_me_domain::{
    conformance::Fresh,
    conformance_suite,
    ports::{Clock, IdGenerator, Stores},
};

async fn in_memory(clock: Arc<dyn Clock>, ids: Arc<dyn IdGenerator>) -> Stores {
    Stores::of(Arc::new(MemoryStore::new(clock, ids)))
}

conformance_suite!(memory, in_memory);

async fn in_sqlite(clock: Arc<dyn Clock>, ids: Arc<dyn IdGenerator>) -> Fresh {
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
    Fresh::with_guard(Stores::of(Arc::new(store)), folder)
}

conformance_suite!(sqlite, in_sqlite);

async fn in_postgres(clock: Arc<dyn Clock>, ids: Arc<dyn IdGenerator>) -> Fresh {
    let database = fresh_postgres::FreshDatabase::new();
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
    Fresh::with_guard(Stores::of(Arc::new(store)), database)
}

conformance_suite!(postgres, in_postgres);
