//! PostgreSQL goes away under load and comes back.

use std::time::{Duration, Instant};

use super::{
    load::{Load, ids_of_feed},
    own_postgres::{OwnPostgres, Stop},
};
use crate::kit::{Place, Store, World};

const ACQUIRE_TIMEOUT: Duration = Duration::from_millis(600);
/// What an answer may take beyond the time-out: the machine may be busy.
const SLACK: Duration = Duration::from_secs(1);
/// How soon everything works again after the database is back.
const RECOVERY_MAX: Duration = Duration::from_secs(2);
/// How long the load lasts while the database is away, and while it is there before and after.
const AWAY: Duration = Duration::from_secs(2);
const THERE: Duration = Duration::from_millis(3200);

#[tokio::test]
async fn writes_and_reads_answer_503_while_postgres_is_away_and_nothing_is_half_done() {
    let postgres = OwnPostgres::start_new();
    let millis = ACQUIRE_TIMEOUT.as_millis().to_string();
    let place = Place::fresh(Store::Sqlite)
        .with("FEEDME__DATABASE__URL", &postgres.url())
        .with("FEEDME__DATABASE__ACQUIRE_TIMEOUT_MS", &millis)
        .with("FEEDME__LOG__FILTER", "error");
    let world = place.serve();
    Load::writers(&world).await;
    world.users(["reader"]).await;
    world.user("reader").follows(&world.user("w0")).await.is(201);

    let load = Load::default();
    let postgres = std::sync::Arc::new(postgres);
    let stopping = async {
        let away = stop_and_start(&postgres).await;
        load.end();
        away
    };
    let paths = ["/v1/feeds/reader/friends", "/v1/users", "/feed/w1", "/readyz", "/livez"];
    let (away, ()) = tokio::join!(stopping, load.run(&world, &paths));
    assert_refused_only_while(&load, &away);
    assert_nothing_is_half_done(&world, &postgres.url(), load).await;
}

/// When the database was surely away, and when it came back.
struct Away {
    stopping: Instant,
    from: Instant,
    until: Instant,
    back: Instant,
}

async fn stop_and_start(postgres: &std::sync::Arc<OwnPostgres>) -> Vec<Away> {
    let mut away = Vec::new();
    tokio::time::sleep(THERE / 3).await;
    for how in [Stop::Fast, Stop::Immediate] {
        let stopping = Instant::now();
        let server = std::sync::Arc::clone(postgres);
        tokio::task::spawn_blocking(move || server.stop(how)).await.unwrap();
        let from = Instant::now();
        tokio::time::sleep(AWAY).await;
        let until = Instant::now();
        let server = std::sync::Arc::clone(postgres);
        tokio::task::spawn_blocking(move || server.start()).await.unwrap();
        away.push(Away { stopping, from, until, back: Instant::now() });
        tokio::time::sleep(THERE).await;
    }
    away
}

/// Every answer is the one that its time allows, and came in time.
fn assert_refused_only_while(load: &Load, away: &[Away]) {
    let (mut refused, mut served, mut ready_refused) = (0, 0, 0);
    load.each_seen(|seen| {
        let took = seen.answered - seen.asked;
        let when = away.iter().map(|away| format!("{:?}", seen.asked.saturating_duration_since(away.from)));
        let told = format!(
            "{} was answered {} after {took:?}; asked {:?}",
            seen.what,
            seen.status,
            when.collect::<Vec<_>>()
        );
        assert!(took < ACQUIRE_TIMEOUT + SLACK, "too late: {told}");
        if seen.what == "GET /livez" {
            assert_eq!(seen.status, 200, "{told}");
            return;
        }
        // Feeds may be read from memory until it is noticed, which takes less than a second.
        let grace = if seen.what.contains("/feed") { Duration::from_secs(1) } else { Duration::ZERO };
        let is_away = away.iter().any(|away| away.from + grace <= seen.asked && seen.answered <= away.until);
        if is_away {
            assert_eq!(seen.status, 503, "the database is away: {told}");
            refused += 1;
            ready_refused += usize::from(seen.what == "GET /readyz");
        }
        // Before the first stop, and from two seconds after each return to the next stop.
        let mut began = None;
        for away in away {
            if began.is_none_or(|began| began <= seen.asked) && seen.answered < away.stopping {
                assert!(seen.status < 300, "the database is there: {told}");
                served += 1;
            }
            began = Some(away.back + RECOVERY_MAX);
        }
        if began.is_none_or(|began| began <= seen.asked) {
            assert!(seen.status < 300, "the database is back for {RECOVERY_MAX:?}: {told}");
            served += 1;
        }
    });
    eprintln!("{served} answered with the database, {refused} refused without it");
    assert!(20 < refused && 20 < served && 2 < ready_refused, "there was no load: {served}, {refused}");
}

/// Each post is there once or not at all; sent again with its key, it is there once.
async fn assert_nothing_is_half_done(world: &World, url: &str, load: Load) {
    for (writer, wanted) in load.sent_again(world, url).await.into_iter().enumerate() {
        let user = world.user(&format!("w{writer}"));
        let seen = ids_of_feed(world, &user.own_path()).await;
        assert_eq!(seen, wanted, "w{writer} has other activities than it posted");
        assert_eq!(user.counts().await.2, wanted.len() as u64);
    }
}
