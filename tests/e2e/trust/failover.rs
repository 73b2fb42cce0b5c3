//! The primary is lost while clients write, and its standby takes over.

use std::{
    ops::Range,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use serde_json::json;

use super::{
    own_postgres::{OwnPostgres, Stop},
    tables::Tables,
};
use crate::kit::{Answer, Place, Store, World};

const WRITERS: usize = 6;
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
    for writer in 0..WRITERS {
        let name = format!("w{writer}");
        world.users([&*name]).await;
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
        while load.last_success.lock().unwrap().is_none_or(|at| at < back) {
            assert!(back.elapsed() < RECOVERY_MAX, "nothing is written {RECOVERY_MAX:?} after the promotion");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        eprintln!("writes again {:?} after the promotion", back.elapsed());
        tokio::time::sleep(PART).await;
        load.is_over.store(true, Ordering::Relaxed);
        (away..promoting, back, primary, standby)
    };
    let writing = join_all((0..WRITERS).map(|writer| load.write(&world, writer)));
    let reading = join_all(["/v1/feeds/reader/friends", "/v1/users"].map(|path| load.ask(&world, path)));
    let ((away, back, _primary, standby), _, _) = tokio::join!(taking_over, writing, reading);
    load.is_as_promised(&away, back);
    assert!(
        world.server().output().contains("another server has become the primary"),
        "the index has to be read anew"
    );
    assert_all_is_there(&world, &standby.url(), load).await;
    let said = world.place().run(&["verify"]);
    assert!(said.contains(", 0 differ"), "{said}");
}

#[derive(Default)]
struct Load {
    is_over: AtomicBool,
    posted: AtomicU64,
    last_success: Mutex<Option<Instant>>,
    seen: Mutex<Vec<(String, Range<Instant>, u16)>>,
    writes: Mutex<Vec<(usize, u64, Answer)>>,
}

impl Load {
    async fn write(&self, world: &World, writer: usize) {
        while !self.is_over.load(Ordering::Relaxed) {
            let number = self.posted.fetch_add(1, Ordering::Relaxed);
            let asked = Instant::now();
            let answer = post(world, writer, number).await;
            if answer.status == 201 {
                *self.last_success.lock().unwrap() = Some(asked);
            }
            self.note("POST", asked, &answer);
            self.writes.lock().unwrap().push((writer, number, answer));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn ask(&self, world: &World, path: &str) {
        while !self.is_over.load(Ordering::Relaxed) {
            let asked = Instant::now();
            let answer = world.get(path).await;
            self.note(path, asked, &answer);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn note(&self, what: &str, asked: Instant, answer: &Answer) {
        let status = answer.status.as_u16();
        if status == 503 {
            answer.is_problem(503, "").header("retry-after");
        } else {
            assert!([200, 201].contains(&status), "{answer}");
        }
        self.seen.lock().unwrap().push((what.to_owned(), asked..Instant::now(), status));
    }

    fn is_as_promised(&self, away: &Range<Instant>, back: Instant) {
        let seen = self.seen.lock().unwrap();
        let writes = |from: Instant, until: Instant, status: u16| {
            let is_in = |took: &Range<Instant>| from <= took.start && took.end < until;
            seen.iter().filter(|(what, took, seen)| what == "POST" && is_in(took) && *seen == status).count()
        };
        let before = writes(away.start.checked_sub(PART).unwrap(), away.start, 201);
        let refused = writes(away.start, away.end, 503);
        let after = writes(back, Instant::now(), 201);
        assert_eq!(writes(away.start, away.end, 201), 0, "there was no primary");
        assert!(10 < before && 2 < refused && 10 < after, "there was no load: {before}, {refused}, {after}");
        eprintln!("{before} written before, {refused} refused meanwhile, {after} written after");
    }
}

/// What was acknowledged is there as it was, once; what was not, is there once when it is sent again.
async fn assert_all_is_there(world: &World, url: &str, load: Load) {
    let writes = load.writes.into_inner().unwrap();
    let mut wanted = Vec::new();
    for (writer, number, answer) in &writes {
        let again = post(world, *writer, *number).await;
        again.is(201);
        if answer.status == 201 {
            assert_eq!(again.bytes, answer.bytes, "{again}");
        }
        wanted.push(again.id());
    }
    let feed = world.walk(&world.user("reader").friends_path(), 100).await;
    let mut seen: Vec<_> = feed.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect();
    seen.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(seen, wanted);
    let mut tables = Tables::of(url);
    tables.assert_log_is_dense();
    let added = tables.log().iter().filter(|row| row.kind == "activity.added").count();
    assert_eq!(added, writes.len());
}

async fn post(world: &World, writer: usize, number: u64) -> Answer {
    let body = json!({ "actor": format!("w{writer}"), "verb": "wrote", "object": number.to_string() });
    world.post("/v1/activities", body).key(&format!("key-{number}")).await
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
