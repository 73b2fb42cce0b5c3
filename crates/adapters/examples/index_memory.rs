//! What the index takes of memory, by the count of an allocator: once with hardly any activities, once with all of them.
//!
//! ```text
//! cargo run --release -p feed-me-adapters --example index_memory -- path/to/feed-me.db
//! ```
#![expect(clippy::print_stdout, reason = "an example talks to whoever runs it")]

use std::{
    alloc::System,
    error::Error,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use feed_me_adapters::{
    index::{FeedIndex, IndexOptions, IndexStatus},
    sqlite::{Access, SqliteOptions, SqliteStore},
    system::{SystemClock, SystemIds},
};
use feed_me_domain::ports::Stores;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).map(PathBuf::from).ok_or("the path of a SQLite file is missing")?;
    let options = SqliteOptions {
        path,
        access: Access::ReadOnly,
        readers: 2,
        acquire_timeout: Duration::from_mins(1),
        commit_group_max: 1,
    };
    let store = Arc::new(SqliteStore::open(options, Arc::new(SystemClock), Arc::new(SystemIds))?);
    let (few, bytes_few) = filled(&store, 0).await?;
    let (all, bytes_all) = filled(&store, usize::MAX >> 1).await?;
    println!("{} users, {} follows, {} activities", all.users, all.edges, all.activities);
    println!(
        "users and follows take {bytes_few} bytes: {:.1} a follow, the users counted with them",
        ratio(bytes_few, few.edges)
    );
    let activities = all.activities - few.activities;
    println!(
        "activities take {} bytes: {:.1} each",
        bytes_all - bytes_few,
        ratio(bytes_all - bytes_few, activities)
    );
    println!("the index itself reckons with {} bytes in all", all.bytes);
    Ok(())
}

/// Fills an index that may take so much; answers what it holds and the bytes that it has allocated.
async fn filled(store: &Arc<SqliteStore>, memory: usize) -> Result<(IndexStatus, usize), Box<dyn Error>> {
    let before = Region::new(ALLOCATOR);
    let started = Instant::now();
    let options = IndexOptions { memory, ..IndexOptions::default() };
    let (index, _stores) = FeedIndex::over(&Stores::of(store.clone()), store.clone(), options);
    index.fill().await?;
    let change = before.change();
    let bytes =
        change.bytes_allocated.saturating_add_signed(change.bytes_reallocated) - change.bytes_deallocated;
    println!("filled in {:.1} s", started.elapsed().as_secs_f64());
    Ok((index.status(), bytes))
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn ratio(bytes: usize, count: usize) -> f64 {
    bytes as f64 / count.max(1) as f64
}
