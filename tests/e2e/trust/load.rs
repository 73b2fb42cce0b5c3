//! Clients that write and read all the time while something happens to the database.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use serde_json::json;

use super::tables::Tables;
use crate::kit::{Answer, World};

pub(super) const WRITERS: usize = 6;

/// What was asked and answered.
#[derive(Default)]
pub(super) struct Load {
    is_over: AtomicBool,
    posted: AtomicU64,
    seen: Mutex<Vec<Seen>>,
    writes: Mutex<Vec<Write>>,
}

/// A request and its answer.
pub(super) struct Seen {
    /// Its method and path.
    pub(super) what: String,
    pub(super) asked: Instant,
    pub(super) answered: Instant,
    pub(super) status: u16,
}

/// A post with a key.
struct Write {
    writer: usize,
    number: u64,
    answer: Answer,
}

impl Load {
    /// Makes the users who write; their names.
    pub(super) async fn writers(world: &World) -> Vec<String> {
        let names: Vec<String> = (0..WRITERS).map(|writer| format!("w{writer}")).collect();
        for name in &names {
            world.users([&**name]).await;
        }
        names
    }

    /// Lets all writers post and each path be read, until it is told to end.
    pub(super) async fn run(&self, world: &World, paths: &[&str]) {
        let writing = join_all((0..WRITERS).map(|writer| self.write(world, writer)));
        let reading = join_all(paths.iter().map(|path| self.read(world, path)));
        tokio::join!(writing, reading);
    }

    pub(super) fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    /// Whether a post that was sent after an instant was carried out.
    pub(super) fn has_written_since(&self, since: Instant) -> bool {
        self.seen.lock().unwrap().iter().any(|seen| seen.status == 201 && since <= seen.asked)
    }

    pub(super) fn each_seen(&self, mut look: impl FnMut(&Seen)) {
        self.seen.lock().unwrap().iter().for_each(&mut look);
    }

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

    async fn read(&self, world: &World, path: &str) {
        while !self.is_over.load(Ordering::Relaxed) {
            let asked = Instant::now();
            let answer = world.get(path).await;
            self.note(format!("GET {path}"), asked, &answer);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Whatever happens, an answer is a success or a clear 503.
    fn note(&self, what: String, asked: Instant, answer: &Answer) {
        let status = answer.status.as_u16();
        assert!([200, 201, 503].contains(&status), "{what}: {answer}");
        if status == 503 {
            answer.header("retry-after");
            if what.starts_with("GET /feed/") {
                answer.is_classic_error(503);
            } else {
                answer.is_problem(503, "");
            }
        }
        self.seen.lock().unwrap().push(Seen { what, asked, answered: Instant::now(), status });
    }

    /// Sends all posts again. What was acknowledged is answered as it was, what was not is carried out now, and the log of the
    /// database at `url` has each once. The ids, in order, by writer.
    pub(super) async fn sent_again(self, world: &World, url: &str) -> Vec<Vec<String>> {
        let writes = self.writes.into_inner().unwrap();
        let mut ids = vec![Vec::new(); WRITERS];
        for Write { writer, number, answer } in &writes {
            let again = post(world, *writer, *number).await;
            again.is(201);
            if answer.status == 201 {
                assert_eq!(again.bytes, answer.bytes, "{again}");
            }
            ids[*writer].push(again.id());
        }
        let mut tables = Tables::of(url);
        tables.assert_log_is_dense();
        let added = tables.log().iter().filter(|row| row.kind == "activity.added").count();
        assert_eq!(added, writes.len());
        for ids in &mut ids {
            ids.sort_unstable();
        }
        ids
    }
}

async fn post(world: &World, writer: usize, number: u64) -> Answer {
    let body = json!({ "actor": format!("w{writer}"), "verb": "wrote", "object": number.to_string() });
    world.post("/v1/activities", body).key(&format!("key-{number}")).await
}

/// The ids of all items of a feed, in order.
pub(super) async fn ids_of_feed(world: &World, path: &str) -> Vec<String> {
    let feed = world.walk(path, 100).await;
    let mut ids: Vec<_> = feed.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect();
    ids.sort_unstable();
    ids
}
