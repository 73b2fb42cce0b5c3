//! PostgreSQL goes away under load and comes back.

use std::{
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
    for writer in 0..WRITERS {
        world.users([&*format!("w{writer}")]).await;
    }
    world.users(["reader"]).await;
    world.user("reader").follows(&world.user("w0")).await.is(201);

    let load = Load::default();
    let postgres = std::sync::Arc::new(postgres);
    let stopping = async {
        let away = stop_and_start(&postgres).await;
        load.is_over.store(true, Ordering::Relaxed);
        away
    };
    let (away, ()) = tokio::join!(stopping, async {
        let writing = join_all((0..WRITERS).map(|writer| load.write(&world, writer)));
        let reading = join_all(
            ["/v1/feeds/reader/friends", "/v1/users", "/feed/w1"].map(|path| load.ask(&world, path)),
        );
        let health = join_all(["/readyz", "/livez"].map(|path| load.ask(&world, path)));
        tokio::join!(writing, reading, health);
    });
    load.is_as_promised(&away);
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

/// What was asked and answered.
#[derive(Default)]
struct Load {
    is_over: AtomicBool,
    posted: AtomicU64,
    seen: Mutex<Vec<Seen>>,
    writes: Mutex<Vec<Write>>,
}

struct Seen {
    what: String,
    asked: Instant,
    answered: Instant,
    status: u16,
}

/// A post with a key.
struct Write {
    writer: usize,
    number: u64,
    answer: Answer,
}

impl Load {
    async fn write(&self, world: &World, writer: usize) {
        while !self.is_over.load(Ordering::Relaxed) {
            let number = self.posted.fetch_add(1, Ordering::Relaxed);
            let asked = Instant::now();
            let answer = post(world, writer, number).await;
            self.note(format!("POST of w{writer}"), asked, &answer);
            self.writes.lock().unwrap().push(Write { writer, number, answer });
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn ask(&self, world: &World, path: &str) {
        while !self.is_over.load(Ordering::Relaxed) {
            let asked = Instant::now();
            let answer = world.get(path).await;
            self.note(format!("GET {path}"), asked, &answer);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn note(&self, what: String, asked: Instant, answer: &Answer) {
        let status = answer.status.as_u16();
        if status == 503 {
            answer.header("retry-after");
            if what.ends_with("/feed/w1") {
                answer.is_classic_error(503);
            } else {
                answer.is_problem(503, "");
            }
        }
        self.seen.lock().unwrap().push(Seen { what, asked, answered: Instant::now(), status });
    }

    /// Every answer is the one that its time allows, and came in time.
    fn is_as_promised(&self, away: &[Away]) {
        let (mut refused, mut served, mut ready_refused) = (0, 0, 0);
        for seen in self.seen.lock().unwrap().iter() {
            let took = seen.answered - seen.asked;
            let when =
                away.iter().map(|away| format!("{:?}", seen.asked.saturating_duration_since(away.from)));
            let told = format!(
                "{} was answered {} after {took:?}; asked {:?}",
                seen.what,
                seen.status,
                when.collect::<Vec<_>>()
            );
            assert!(took < ACQUIRE_TIMEOUT + SLACK, "too late: {told}");
            if seen.what == "GET /livez" {
                assert_eq!(seen.status, 200, "{told}");
                continue;
            }
            assert!([200, 201, 503].contains(&seen.status), "{told}");
            // Feeds may be read from memory until it is noticed, which takes less than a second.
            let grace = if seen.what.contains("/feed") { Duration::from_secs(1) } else { Duration::ZERO };
            let is_away =
                away.iter().any(|away| away.from + grace <= seen.asked && seen.answered <= away.until);
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
        }
        eprintln!("{served} answered with the database, {refused} refused without it");
        assert!(20 < refused && 20 < served && 2 < ready_refused, "there was no load: {served}, {refused}");
    }
}

/// Each post is there once or not at all; sent again with its key, it is there once.
async fn assert_nothing_is_half_done(world: &World, url: &str, load: Load) {
    let writes = load.writes.into_inner().unwrap();
    let mut sure = vec![Vec::new(); WRITERS];
    for write in &writes {
        let again = post(world, write.writer, write.number).await;
        again.is(201);
        if write.answer.status == 201 {
            assert_eq!(again.bytes, write.answer.bytes, "{again}");
        }
        sure[write.writer].push(again.id());
    }
    for (writer, mut wanted) in sure.into_iter().enumerate() {
        let user = world.user(&format!("w{writer}"));
        let feed = world.walk(&user.own_path(), 100).await;
        let mut seen: Vec<_> = feed.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect();
        seen.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(seen, wanted, "w{writer} has other activities than it posted");
        assert_eq!(user.counts().await.2, wanted.len() as u64);
    }
    let mut tables = Tables::of(url);
    tables.assert_log_is_dense();
    let added = tables.log().iter().filter(|row| row.kind == "activity.added").count();
    assert_eq!(added, writes.len());
}

async fn post(world: &World, writer: usize, number: u64) -> Answer {
    let body = json!({ "actor": format!("w{writer}"), "verb": "wrote", "object": number.to_string() });
    world.post("/v1/activities", body).key(&format!("key-{number}")).await
}
