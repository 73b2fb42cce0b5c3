//! Reads from a real standby, which is near, held back, gone and back again.

use std::time::{Duration, Instant};

use super::own_postgres::{OwnPostgres, Stop};
use crate::kit::{Answer, Place, Store, World};

/// Far more than it should take; the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(30);
/// How late others' writes may be, and what a busy machine may add.
const LATE_MAX: Duration = Duration::from_millis(1500);

/// A server that answers feeds from its databases alone.
fn serve(primary: &OwnPostgres, standby: &OwnPostgres, engine: &str) -> World {
    Place::fresh(Store::Sqlite)
        .with("FEEDME__DATABASE__URL", &primary.url())
        .with("FEEDME__DATABASE__REPLICAS", &standby.url())
        .with("FEEDME__FEED__ENGINE", engine)
        .serve()
}

/// The value of a series, which has the standby's label.
async fn value(world: &World, name: &str, standby: &OwnPostgres, outcome: &str) -> f64 {
    let told = world.get("/metrics").await.is(200).text();
    let outcome = if outcome.is_empty() { String::new() } else { format!("outcome=\"{outcome}\",") };
    let series = format!("{name}{{{outcome}standby=\"{}\"}} ", standby.place());
    let line = told.lines().find_map(|line| line.strip_prefix(&series));
    line.unwrap_or_else(|| panic!("{series} in {told}")).parse().unwrap()
}

async fn until_up(world: &World, standby: &OwnPostgres, up: bool) {
    let begun = Instant::now();
    while (value(world, "feedme_standby_up", standby, "").await > 0.5) != up {
        assert!(begun.elapsed() < PATIENCE, "the standby never was {}", if up { "up" } else { "down" });
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn answered(world: &World, standby: &OwnPostgres) -> f64 {
    value(world, "feedme_standby_reads_total", standby, "answered").await
}

fn count(page: &Answer) -> usize {
    page.is(200).items().len()
}

#[tokio::test]
async fn a_standby_answers_reads_and_never_hides_what_was_answered() {
    let primary = OwnPostgres::start_new();
    let standby = primary.start_standby();
    let here = serve(&primary, &standby, "sql");
    let elsewhere = serve(&primary, &standby, "sql");
    until_up(&here, &standby, true).await;
    let [ivan, eric] = here.users(["ivan", "eric"]).await;
    ivan.follows(&eric).await.is(201);

    // Near: it answers, and what was written here is there at once all the same.
    for number in 1..=40 {
        eric.posts("share", &number.to_string()).await.is(201);
        assert_eq!(count(&here.get("/v1/feeds/ivan/friends?limit=100").await), number);
        tokio::time::sleep(Duration::from_millis(15)).await;
        assert_eq!(count(&here.get("/v1/feeds/ivan/friends?limit=100").await), number);
        let listed = here.get("/v1/users/ivan/following").await;
        assert_eq!(count(&listed), 1);
    }
    assert!(20.0 < answered(&here, &standby).await, "the standby was hardly read");

    // Held back: the primary answers, here at once, for others' writes within a second, with a position at once.
    standby.tell("select pg_wal_replay_pause()");
    eric.posts("share", "41").await.is(201);
    assert_eq!(count(&here.get("/v1/feeds/ivan/friends?limit=100").await), 41);
    let posted = elsewhere.user("eric").posts("share", "42").await;
    let position = posted.is(201).header("feed-position");
    let written = Instant::now();
    let brought = here.get("/v1/feeds/ivan/friends?limit=100").header("Feed-Position", &position).await;
    assert_eq!(count(&brought), 42);
    elsewhere.user("eric").posts("share", "43").await.is(201);
    while count(&here.get("/v1/feeds/ivan/friends?limit=100").await) < 43 {
        assert!(written.elapsed() < LATE_MAX, "others' writes are late");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    while value(&here, "feedme_standby_lag_seconds", &standby, "").await < 0.01 {
        assert!(written.elapsed() < PATIENCE, "the lag is not told");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(0.5 < value(&here, "feedme_standby_reads_total", &standby, "behind").await);
    standby.tell("select pg_wal_replay_resume()");

    // Gone: nobody notices. Back: it is read again.
    standby.stop(Stop::Immediate);
    for _ in 0..30 {
        assert_eq!(count(&here.get("/v1/feeds/ivan/friends?limit=100").await), 43);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    until_up(&here, &standby, false).await;
    standby.start();
    until_up(&here, &standby, true).await;
    let (before, begun) = (answered(&here, &standby).await, Instant::now());
    while answered(&here, &standby).await <= before {
        assert_eq!(count(&here.get("/v1/feeds/ivan/friends?limit=100").await), 43);
        assert!(begun.elapsed() < PATIENCE, "the standby is not read again");
    }
}

#[tokio::test]
async fn under_the_index_a_standby_gives_bodies_and_the_pages_are_those_of_the_database() {
    let primary = OwnPostgres::start_new();
    let standby = primary.start_standby();
    let writer = serve(&primary, &standby, "sql");
    let [ivan, eric] = writer.users(["ivan", "eric"]).await;
    ivan.follows(&eric).await.is(201);
    // The bodies of these are nowhere in memory.
    let reader = serve(&primary, &standby, "index");
    until_up(&reader, &standby, true).await;
    let mut position = String::new();
    for number in 0..30 {
        position = eric.posts("share", &number.to_string()).await.is(201).header("feed-position");
        let page = reader.get("/v1/feeds/ivan/friends?limit=100").header("Feed-Position", &position).await;
        assert_eq!(count(&page), number + 1);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let fresh = serve(&primary, &standby, "index");
    until_up(&fresh, &standby, true).await;
    let (before, begun) = (answered(&fresh, &standby).await, Instant::now());
    let wanted = writer.get("/v1/feeds/ivan/friends?limit=7").header("Feed-Position", &position).await;
    loop {
        let page = fresh.get("/v1/feeds/ivan/friends?limit=7").header("Feed-Position", &position).await;
        assert_eq!(page.is(200).text(), wanted.text());
        if before < answered(&fresh, &standby).await {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "the standby was not read");
        // Other bodies are read where these are kept by now.
        let walked = fresh.walk("/v1/feeds/ivan/friends", 3).await;
        assert_eq!(walked.len(), 30);
        fresh.walk("/v1/users/ivan/following", 10).await;
    }
}
