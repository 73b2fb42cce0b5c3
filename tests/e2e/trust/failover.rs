//! The primary is lost while clients write, and its standby takes over.

use std::{
    ops::Range,
    time::{Duration, Instant},
};

use super::{
    load::{Load, ids_of_feed},
    own_postgres::{OwnPostgres, Stop},
    tables::Tables,
};
use crate::kit::{Place, Store, World};

/// How long there is load before, between and after.
const PART: Duration = Duration::from_millis(1500);
/// How soon everything works again after the standby was promoted; the machine may be busy.
const RECOVERY_MAX: Duration = Duration::from_secs(6);

#[tokio::test]
async fn when_a_standby_takes_over_errors_are_clear_and_nothing_acknowledged_is_lost() {
    let primary = OwnPostgres::start_new();
    let standby = primary.start_standby();
    // A commit is answered when the standby has it too.
    primary.tell("alter system set synchronous_standby_names = '*'");
    primary.tell("select pg_reload_conf()");
    let url = format!("postgres://postgres@{},{}/postgres", primary.place(), standby.place());
    let world = Place::fresh(Store::Sqlite)
        .with("FEEDME__DATABASE__URL", &url)
        .with("FEEDME__DATABASE__REPLICAS", &standby.url())
        .with("FEEDME__DATABASE__ACQUIRE_TIMEOUT_MS", "600")
        .with("FEEDME__LOG__FILTER", "warn")
        .serve();
    world.users(["reader"]).await;
    for name in Load::writers(&world).await {
        world.user("reader").follows(&world.user(&name)).await.is(201);
    }

    let load = Load::default();
    let taking_over = async {
        tokio::time::sleep(PART).await;
        let (primary, standby) = tokio::task::spawn_blocking(move || {
            primary.stop(Stop::Immediate);
            (primary, standby)
        })
        .await
        .unwrap();
        let away = Instant::now();
        tokio::time::sleep(PART).await;
        let promoting = Instant::now();
        let standby = tokio::task::spawn_blocking(move || {
            standby.promote();
            standby
        })
        .await
        .unwrap();
        let back = Instant::now();
        while !load.has_written_since(back) {
            assert!(back.elapsed() < RECOVERY_MAX, "nothing is written {RECOVERY_MAX:?} after the promotion");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        eprintln!("writes again {:?} after the promotion", back.elapsed());
        tokio::time::sleep(PART).await;
        load.end();
        (away..promoting, back, primary, standby)
    };
    let running = load.run(&world, &["/v1/feeds/reader/friends", "/v1/users"]);
    let ((away, back, _primary, standby), ()) = tokio::join!(taking_over, running);
    assert_refused_only_while(&load, &away, back);
    assert!(
        world.server().output().contains("another server has become the primary"),
        "the index has to be read anew"
    );
    assert_all_is_there(&world, &standby.url(), load).await;
    let said = world.place().run(&["verify"]);
    assert!(said.contains(", 0 differ"), "{said}");
}

/// There was load all the time, and nothing was written while there was no primary.
fn assert_refused_only_while(load: &Load, away: &Range<Instant>, back: Instant) {
    let writes = |from: Instant, until: Instant, status: u16| {
        let mut count = 0;
        load.each_seen(|seen| {
            let is_in = from <= seen.asked && seen.answered < until;
            count += usize::from(seen.what.starts_with("POST") && is_in && seen.status == status);
        });
        count
    };
    let before = writes(away.start.checked_sub(PART).unwrap(), away.start, 201);
    let refused = writes(away.start, away.end, 503);
    let after = writes(back, Instant::now(), 201);
    assert_eq!(writes(away.start, away.end, 201), 0, "there was no primary");
    assert!(10 < before && 2 < refused && 10 < after, "there was no load: {before}, {refused}, {after}");
    eprintln!("{before} written before, {refused} refused meanwhile, {after} written after");
}

/// What was acknowledged is there as it was, once; what was not, is there once when it is sent again.
async fn assert_all_is_there(world: &World, url: &str, load: Load) {
    let mut wanted = load.sent_again(world, url).await.concat();
    wanted.sort_unstable();
    assert_eq!(ids_of_feed(world, &world.user("reader").friends_path()).await, wanted);
}

/// Without synchronous replication a standby that takes over may lack what was answered last. That is lost; but nothing may
/// go on showing it, and what is written next, under the same positions, must not be missed.
#[tokio::test]
async fn what_a_standby_that_takes_over_lacks_is_not_shown_from_memory() {
    let primary = OwnPostgres::start_new();
    let standby = primary.start_standby();
    let url = format!("postgres://postgres@{},{}/postgres", primary.place(), standby.place());
    let world = Place::fresh(Store::Sqlite).with("FEEDME__DATABASE__URL", &url).serve();
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    ivan.follows(&eric).await.is(201);
    let kept = eric.posts("share", "kept").await.is(201).header("feed-position");
    wait_until("the standby has what is kept", || {
        let last = Tables::of(&standby.url()).log().last().map(|row| row.position.to_string());
        last.as_ref() == Some(&kept)
    })
    .await;
    standby.stop(Stop::Fast);
    for number in 0..3 {
        eric.posts("share", &format!("lost {number}")).await.is(201);
    }
    ivan.friends_feed().await.shows(&[
        "eric share lost 2",
        "eric share lost 1",
        "eric share lost 0",
        "eric share kept",
    ]);
    primary.stop(Stop::Immediate);
    standby.start();
    standby.promote();
    let begun = Instant::now();
    let mut number = 0;
    // As many as were lost, and so under the same positions.
    while number < 3 {
        let posted = eric.posts("share", &format!("new {number}")).key(&format!("new {number}")).await;
        if posted.status == 201 {
            number += 1;
        } else {
            posted.is_problem(503, "");
        }
        assert!(begun.elapsed() < RECOVERY_MAX * 3, "nothing is written");
    }
    let wanted = ["eric share new 2", "eric share new 1", "eric share new 0", "eric share kept"];
    ivan.friends_feed().await.shows(&wanted);
    // From memory as well, when it answers again.
    let served = async || {
        let told = world.get("/metrics").await.text();
        told.lines().any(|line| line == "feedme_index_serving 1")
    };
    while !served().await {
        assert!(begun.elapsed() < RECOVERY_MAX * 5, "the index does not serve again");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    ivan.friends_feed().await.shows(&wanted);
    let said = world.place().run(&["verify"]);
    assert!(said.contains(", 0 differ"), "{said}");
}

async fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(30), "never: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
