//! `…/friends/live`: a feed as it changes, by Server-Sent Events.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use reqwest::{Client, Method, Response};
use serde_json::{Value, json};

use crate::kit::{Store, User, World, on_both_stores, on_sqlite};

on_both_stores!(
    what_happens_is_told_as_it_happens,
    what_moves_many_items_is_told_item_by_item,
    an_erasure_and_other_names_are_told,
    a_stream_resumes_without_a_gap_or_a_repeat,
    streams_that_are_cut_again_and_again_bring_the_whole_feed,
    every_stream_of_hundreds_is_told,
    what_moves_much_for_many_at_once_reaches_each_of_them,
    a_server_stops_with_streams_open,
);

on_sqlite!(
    what_is_wrong_is_told,
    a_stream_says_that_it_lives,
    who_does_not_read_is_cut_off_and_resumes,
    both_engines_stream_the_same,
    a_reset_asks_to_read_again,
);

/// Events that come.
struct Stream {
    response: Response,
    buffer: String,
}

/// An event: its name, its position, its data.
#[derive(Clone, Debug)]
struct Told {
    name: String,
    id: i64,
    data: Value,
}

impl Stream {
    async fn open(world: &World, path: &str, last_event_id: Option<i64>) -> Self {
        let client = Client::builder().no_proxy().build().unwrap();
        let mut request = client.get(world.address() + path).header("Accept", "text/event-stream");
        if let Some(id) = last_event_id {
            request = request.header("Last-Event-ID", id.to_string());
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200, "{response:?}");
        assert!(response.headers()["content-type"].to_str().unwrap().starts_with("text/event-stream"));
        assert!(response.headers().get("content-encoding").is_none());
        Self { response, buffer: String::new() }
    }

    async fn of(world: &World, user: &User<'_>) -> Self {
        Self::open(world, &path(user), None).await
    }

    fn starts_at(&self) -> i64 {
        self.response.headers()["feed-position"].to_str().unwrap().parse().unwrap()
    }

    /// The next block, comments too; none where the stream is over.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.buffer.find("\n\n") {
                let rest = self.buffer.split_off(end + 2);
                return Some(std::mem::replace(&mut self.buffer, rest));
            }
            let chunk = tokio::time::timeout(Duration::from_secs(30), self.response.chunk()).await;
            let chunk = chunk.unwrap_or_else(|_| panic!("nothing comes any more"));
            let Ok(Some(chunk)) = chunk else { return None };
            self.buffer.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The next event; none where the stream is over.
    async fn try_next(&mut self) -> Option<Told> {
        loop {
            let block = self.block().await?;
            let field = |name: &str| {
                block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).map(str::to_owned)
            };
            if let Some(name) = field("event") {
                let id = field("id").unwrap().parse().unwrap();
                return Some(Told { name, id, data: serde_json::from_str(&field("data").unwrap()).unwrap() });
            }
        }
    }

    async fn next(&mut self) -> Told {
        self.try_next().await.unwrap_or_else(|| panic!("the stream is over"))
    }

    /// So many events in words, whatever the order within.
    async fn told(&mut self, count: usize) -> Vec<String> {
        let mut words = Vec::new();
        for _ in 0..count {
            words.push(words_of(&self.next().await));
        }
        words
    }

    /// What comes until an activity of this object is added, that one left out.
    async fn until(&mut self, object: &str) -> Vec<String> {
        let mut words = Vec::new();
        loop {
            let told = self.next().await;
            if told.name == "activity.added" && told.data["object"] == object {
                return words;
            }
            words.push(words_of(&told));
        }
    }
}

fn words_of(told: &Told) -> String {
    let what = if told.name == "activity.removed" { &told.data["id"] } else { &told.data["object"] };
    format!("{} {}", told.name.trim_start_matches("activity."), what.as_str().unwrap_or("-"))
}

fn path(user: &User<'_>) -> String {
    user.friends_path() + "/live"
}

async fn what_happens_is_told_as_it_happens(world: &World) {
    let [ivan, eric, niko] = world.users(["ivan", "eric", "niko"]).await;
    ivan.follows(&eric).await.is(201);
    eric.posts("share", "before").await.is(201);
    let mut stream = Stream::of(world, &ivan).await;
    niko.posts("share", "not followed").await.is(201);
    ivan.posts("share", "own").await.is(201);
    let posted = eric.posts_to("share", "1", &niko).await.is(201).json();
    let told = stream.next().await;
    assert_eq!((told.name.as_str(), &told.data), ("activity.added", &posted));
    let id = posted["id"].as_str().unwrap();
    let edited = world.patch(&format!("/v1/activities/{id}"), json!({ "object": "2" })).await.is(200).json();
    let again = stream.next().await;
    assert_eq!((again.name.as_str(), &again.data), ("activity.edited", &edited));
    world.delete(&format!("/v1/activities/{id}")).await.is(204);
    let gone = stream.next().await;
    assert_eq!((gone.name.as_str(), &gone.data), ("activity.removed", &json!({ "id": id })));
    assert!(told.id < again.id && again.id < gone.id);
    eric.posts_at("2020-01-01T00:00:00Z", "share", "backdated").await.is(201);
    assert_eq!(stream.told(1).await, ["added backdated"]);
    let log = world.get(&format!("/v1/events?after={}&limit=1", gone.id - 1)).await;
    assert_eq!(log.at("/events/0/kind"), json!("activity.removed"), "an id is a position of the log");
}

async fn what_moves_many_items_is_told_item_by_item(world: &World) {
    let [ivan, eric, niko] = world.users(["ivan", "eric", "niko"]).await;
    ivan.follows(&niko).await.is(201);
    let first = eric.posts_at("2020-01-01T00:00:00Z", "share", "1").await.is(201).id();
    let second = eric.posts("share", "2").await.is(201).id();
    let removed = |ids: &[&String]| -> Vec<String> { ids.iter().map(|id| format!("removed {id}")).collect() };
    let mut stream = Stream::of(world, &ivan).await;
    ivan.follows(&eric).await.is(201);
    assert_eq!(stream.told(2).await, ["added 1", "added 2"]);
    ivan.mutes(&eric).await.is(201);
    assert_eq!(stream.told(2).await, removed(&[&first, &second]));
    let muted = eric.posts("share", "muted").await.is(201).id();
    ivan.unmutes(&eric).await.is(204);
    assert_eq!(stream.told(3).await, ["added 1", "added 2", "added muted"]);
    ivan.unfollows_keeping_history(&eric).await.is(204);
    eric.posts("share", "too late").await.is(201);
    niko.posts("share", "mark").await.is(201);
    assert_eq!(stream.until("mark").await, [""; 0], "what is kept stays, and what never came does not go");
    eric.blocks(&ivan).await.is(201);
    assert_eq!(stream.told(3).await, removed(&[&first, &second, &muted]));
    eric.posts("share", "blocked").await.is(201);
    eric.unblocks(&ivan).await.is(204);
    ivan.unfollows(&niko).await.is(204);
    assert!(stream.told(1).await[0].starts_with("removed "));
}

async fn an_erasure_and_other_names_are_told(world: &World) {
    let [ivan, eric, niko] = world.users(["ivan", "eric", "niko"]).await;
    ivan.follows(&eric).await.is(201);
    eric.posts_to("share", "1", &niko).await.is(201);
    let mut stream = Stream::of(world, &ivan).await;
    niko.renames_to("nikola").await.is(200);
    let told = stream.next().await;
    assert_eq!((told.name.as_str(), &told.data["target"]), ("activity.edited", &json!("nikola")));
    eric.renames_to("erich").await.is(200);
    let told = stream.next().await;
    assert_eq!((told.name.as_str(), &told.data["actor"]), ("activity.edited", &json!("erich")));
    world.user("nikola").leaves().await.is(200);
    let told = stream.next().await;
    assert_eq!((told.name.as_str(), &told.data["target"]), ("activity.edited", &Value::Null));
    world.user("erich").leaves().await.is(200);
    assert_eq!(stream.next().await.name, "activity.removed");
    // Whose feed it is no more, that stream ends.
    ivan.leaves().await.is(200);
    assert!(stream.try_next().await.is_none());
}

async fn a_stream_resumes_without_a_gap_or_a_repeat(world: &World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    ivan.follows(&eric).await.is(201);
    let mut stream = Stream::of(world, &ivan).await;
    let start = stream.starts_at();
    for number in 0..6 {
        eric.posts("share", &number.to_string()).await.is(201);
    }
    stream.told(2).await;
    let third = stream.next().await;
    drop(stream);
    eric.posts("share", "6").await.is(201);
    let rest = ["added 3", "added 4", "added 5", "added 6", "added 7"];
    let mut resumed = Stream::open(world, &path(&ivan), Some(third.id)).await;
    assert_eq!(resumed.starts_at(), third.id);
    eric.posts("share", "7").await.is(201);
    assert_eq!(resumed.told(5).await, rest);
    let mut since = Stream::open(world, &format!("{}?since={}", path(&ivan), third.id), None).await;
    assert_eq!(since.told(5).await, rest);
    // What a browser sends when it comes again.
    let at_start = format!("{}?since={start}", path(&ivan));
    let mut again = Stream::open(world, &at_start, Some(third.id)).await;
    assert_eq!(again.told(5).await, rest);
    world.restart();
    let mut after = Stream::open(world, &path(&ivan), Some(third.id)).await;
    eric.posts("share", "8").await.is(201);
    assert_eq!(after.told(5).await, rest);
    assert_eq!(after.told(1).await, ["added 8"]);
}

/// Puts an event into a copy.
fn apply(copy: &mut BTreeMap<String, Value>, told: &Told) {
    let id = told.data["id"].as_str().unwrap().to_owned();
    match told.name.as_str() {
        "activity.removed" => drop(copy.remove(&id)),
        "activity.added" | "activity.edited" => drop(copy.insert(id, told.data.clone())),
        other => panic!("{other}"),
    }
}

async fn streams_that_are_cut_again_and_again_bring_the_whole_feed(world: &World) {
    let [ivan, eric, niko] = world.users(["ivan", "eric", "niko"]).await;
    ivan.follows(&eric).await.is(201);
    let (mut copy, mut seen) = (BTreeMap::new(), BTreeMap::<String, usize>::new());
    let start = world.get(&(ivan.friends_path() + "/changes")).await.str_at("/position");
    let mut last: i64 = start.parse().unwrap();
    let writing = async {
        for number in 0..60 {
            let id = eric.posts("share", &number.to_string()).await.is(201).id();
            match number % 6 {
                0 => drop(world.delete(&format!("/v1/activities/{id}")).await.is(204)),
                1 => drop(
                    world.patch(&format!("/v1/activities/{id}"), json!({ "data": { "a": 1 } })).await.is(200),
                ),
                2 => drop(niko.posts("share", "nothing").await.is(201)),
                _ => {}
            }
        }
        eric.posts("share", "end").await.is(201);
    };
    let listening = async {
        let mut is_over = false;
        for length in (1..6).cycle() {
            let mut stream = Stream::open(world, &path(&ivan), Some(last)).await;
            for _ in 0..length {
                let told = stream.next().await;
                assert!(last < told.id, "{told:?} again, after {last}");
                last = told.id;
                if told.name == "activity.added" {
                    *seen.entry(told.data["object"].as_str().unwrap().to_owned()).or_default() += 1;
                }
                apply(&mut copy, &told);
                is_over = told.data["object"] == "end";
                if is_over {
                    break;
                }
            }
            if is_over {
                break;
            }
        }
    };
    tokio::join!(writing, listening);
    let feed = world.walk(&ivan.friends_path(), 100).await;
    let feed: BTreeMap<String, Value> =
        feed.into_iter().map(|item| (item["id"].as_str().unwrap().to_owned(), item)).collect();
    assert_eq!(copy, feed);
    assert!(seen.values().all(|times| *times == 1), "{seen:?}");
}

async fn every_stream_of_hundreds_is_told(world: &World) {
    let [eric] = world.users(["eric"]).await;
    let mut streams = Vec::new();
    for number in 0..50 {
        let [reader] = world.users([format!("reader {number}").as_str()]).await;
        reader.follows(&eric).await.is(201);
        for _ in 0..6 {
            streams.push(Stream::of(world, &reader).await);
        }
    }
    eric.posts("share", "1").await.is(201);
    for stream in &mut streams {
        assert_eq!(stream.told(1).await, ["added 1"]);
    }
}

async fn what_moves_much_for_many_at_once_reaches_each_of_them(world: &World) {
    const READERS: usize = 60;
    let [eric, niko] = world.users(["eric", "niko"]).await;
    niko.posts("share", "1").await.is(201);
    niko.posts("share", "2").await.is(201);
    let mut streams = Vec::new();
    for number in 0..READERS {
        let [reader] = world.users([format!("reader {number}").as_str()]).await;
        reader.follows(&eric).await.is(201);
        streams.push(Stream::of(world, &reader).await);
    }
    let follows = (0..READERS).map(|number| async move {
        let reader = world.user(&format!("reader {number}"));
        reader.follows(&world.user("niko")).await.is(201);
    });
    // Who posts meanwhile is told as well, once to each.
    let post = async {
        eric.posts("share", "meanwhile").await.is(201);
    };
    tokio::join!(futures_util::future::join_all(follows), post);
    for stream in &mut streams {
        let mut told = stream.told(3).await;
        told.sort();
        assert_eq!(told, ["added 1", "added 2", "added meanwhile"]);
    }
    eric.renames_to("erich").await.is(200);
    niko.leaves().await.is(200);
    world.user("erich").posts("share", "end").await.is(201);
    for stream in &mut streams {
        // Who fell behind by the other name is told all of it together, in an order of its own.
        let (mut removed, mut is_end_told) = (0, false);
        while removed < 2 || !is_end_told {
            let told = stream.told(1).await.remove(0);
            match told.as_str() {
                "added end" | "edited end" => is_end_told = true,
                "edited meanwhile" => {}
                told => {
                    assert!(told.starts_with("removed "), "{told}");
                    removed += 1;
                }
            }
        }
    }
}

async fn a_server_stops_with_streams_open(world: &World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    ivan.follows(&eric).await.is(201);
    let mut streams = Vec::new();
    for _ in 0..20 {
        streams.push(Stream::of(world, &ivan).await);
    }
    eric.posts("share", "1").await.is(201);
    for stream in &mut streams {
        assert_eq!(stream.told(1).await, ["added 1"]);
    }
    let started = Instant::now();
    world.server().terminate();
    assert!(world.server().wait().success());
    assert!(started.elapsed() < Duration::from_secs(5), "it took {:?}", started.elapsed());
    for stream in &mut streams {
        assert!(stream.try_next().await.is_none());
    }
    world.start_again();
}

async fn what_is_wrong_is_told(world: &World) {
    let [ivan] = world.users(["ivan"]).await;
    world.get(&path(&world.user("nobody"))).await.is_problem(404, "user-not-found");
    for raw in ["", "x", "-1", "1000000"] {
        world.get(&format!("{}?since={raw}", path(&ivan))).await.is_problem(400, "invalid-request");
    }
    for raw in ["x", "-1", "1000000"] {
        world.get(&path(&ivan)).header("Last-Event-ID", raw).await.is_problem(400, "invalid-request");
    }
    world.get(&path(&ivan)).header("Accept", "application/json").await.is_problem(406, "not-acceptable");
    let head = world.call(Method::HEAD, &path(&ivan)).await;
    assert!(head.is(200).header("content-type").starts_with("text/event-stream"));
    world.post(&path(&ivan), json!({})).await.is_problem(405, "method-not-allowed");
}

async fn a_stream_says_that_it_lives(world: &World) {
    let [ivan] = world.users(["ivan"]).await;
    let mut stream = Stream::of(world, &ivan).await;
    let started = Instant::now();
    loop {
        let block = stream.block().await.unwrap();
        assert!(!block.contains("event:"), "{block}");
        if block.contains(": heartbeat") {
            break;
        }
    }
    let waited = started.elapsed().as_secs();
    assert!((14..=17).contains(&waited), "after {waited} s");
}

async fn who_does_not_read_is_cut_off_and_resumes(world: &World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    ivan.follows(&eric).await.is(201);
    let mut slow = Stream::of(world, &ivan).await;
    let mut quick = Stream::of(world, &ivan).await;
    let item = json!({ "actor": "eric", "verb": "share", "data": { "text": "x".repeat(12_000) } });
    let (batches, size) = (20, 100);
    for _ in 0..batches {
        world.post("/v1/activities/batch", json!({ "activities": vec![item.clone(); size] })).await.is(200);
        for _ in 0..size {
            quick.next().await;
        }
    }
    let (mut last, mut received) = (slow.starts_at(), 0);
    while let Some(told) = slow.try_next().await {
        assert!(last < told.id);
        (last, received) = (told.id, received + 1);
    }
    assert!(received < batches * size, "everything was held for a client that did not read");
    let mut resumed = Stream::open(world, &path(&ivan), Some(last)).await;
    for _ in received..batches * size {
        resumed.next().await;
    }
}

async fn both_engines_stream_the_same(world: &World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    ivan.follows(&eric).await.is(201);
    let start = world.get(&(ivan.friends_path() + "/changes")).await.str_at("/position");
    eric.posts("share", "1").await.is(201);
    world.server().terminate();
    world.server().wait();
    let other = World::start_with(Store::Sqlite, &[("FEEDME__FEED__ENGINE", "sql")]);
    let [ivan, eric] = other.users(["ivan", "eric"]).await;
    ivan.follows(&eric).await.is(201);
    let mut stream = Stream::open(&other, &format!("{}?since={start}", path(&ivan)), None).await;
    eric.posts("share", "1").await.is(201);
    assert_eq!(stream.told(1).await, ["added 1"]);
    ivan.unfollows(&eric).await.is(204);
    assert!(stream.told(1).await[0].starts_with("removed "));
    world.start_again();
}

async fn a_reset_asks_to_read_again(world: &World) {
    world.get("/reset").await.is(200);
    let mut stream = Stream::of(world, &world.user("ivan")).await;
    world.get("/reset").await.is(200);
    let told = stream.next().await;
    assert_eq!((told.name.as_str(), &told.data), ("resync", &json!({})));
    assert!(stream.try_next().await.is_none());
    let mut again = Stream::open(world, &path(&world.user("ivan")), Some(told.id)).await;
    world.post("/v1/activities", json!({ "actor": "eric", "verb": "share", "object": "1" })).await.is(201);
    assert_eq!(again.told(1).await, ["added 1"]);
}
