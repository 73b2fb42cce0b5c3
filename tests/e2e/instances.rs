//! Several instances of one database, and an instance on its way down.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use reqwest::Method;
use serde_json::json;

use crate::kit::{Call, Place, Server, Store, World, raw_answer};

/// How often something is tried whose fastest time tells whether an instance was told or has looked.
const TRIES: usize = 6;
/// What an instance remembers of a credential lives longer than this, so it must have been told.
const TOLD_WITHIN: Duration = Duration::from_millis(300);

#[test]
fn three_instances_started_at_once_on_an_empty_database_migrate_it_once_and_serve() {
    let place = Place::fresh(Store::Postgres);
    let starting: Vec<_> = (0..3)
        .map(|_| {
            let place = place.clone();
            std::thread::spawn(move || place.try_start())
        })
        .collect();
    let servers: Vec<_> = starting.into_iter().map(|thread| thread.join().unwrap().unwrap()).collect();
    for (number, server) in servers.iter().enumerate() {
        let host = server.address.trim_start_matches("http://");
        assert_eq!(raw_answer(host, "GET /readyz", "").unwrap().0, 200);
        let create = "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
        assert_eq!(raw_answer(host, &format!("PUT /v1/users/u{number}"), create).unwrap().0, 201);
    }
    let migrated = || {
        let said = |server: &Server| server.output().contains("the schema was brought up to date");
        servers.iter().filter(|server| said(server)).count()
    };
    // What a process has written is read a little later.
    let begun = Instant::now();
    while migrated() == 0 && begun.elapsed() < Duration::from_secs(10) {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(migrated(), 1, "one of them ran the migrations");
}

#[test]
fn migrations_go_to_the_direct_url() {
    let place = Place::fresh(Store::Postgres)
        .with("FEEDME__DATABASE__DIRECT_URL", "postgres://me:s3cret@127.0.0.1:1/feed");
    let refused = place.try_start().err().unwrap();
    assert!(refused.contains("postgres://me:***@127.0.0.1:1/feed"), "{refused}");
    assert!(!refused.contains("s3cret"), "{refused}");
    let place = Place::fresh(Store::Sqlite)
        .with("FEEDME__DATABASE__DIRECT_URL", "postgres://127.0.0.1/feed")
        .with("FEEDME__DATABASE__REPLICAS", "postgres://127.0.0.1/feed");
    let refused = place.run_badly(&["verify-config"]);
    assert!(refused.contains("database.direct_url") && refused.contains("database.replicas"), "{refused}");
}

/// Two instances that ask who calls, and the key of their operator.
struct Pair {
    one: World,
    other: World,
    admin: String,
}

impl Pair {
    fn start() -> Self {
        let place = Place::fresh(Store::Postgres).with("FEEDME__AUTH__MODE", "keys");
        let admin = place.run(&["keys", "create", "--name", "admin", "--scopes", "admin"]);
        Self { one: place.serve(), other: place.serve(), admin: admin.trim_end().to_owned() }
    }

    fn call(&self, world: &World, method: Method, path: &str) -> Call {
        world.call(method, path).header("Authorization", format!("Bearer {}", self.admin))
    }
}

/// How long a credential that was good is still taken.
async fn still_taken(world: &World, path: &str, credential: &str) -> Duration {
    let since = Instant::now();
    loop {
        let answer = world.get(path).header("Authorization", format!("Bearer {credential}")).await;
        if answer.status == 401 {
            return since.elapsed();
        }
        answer.is(200);
        assert!(since.elapsed() < Duration::from_secs(3), "it is taken for ever");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn what_ends_a_credential_on_one_instance_ends_it_on_another_as_soon_as_that_is_told() {
    let pair = Pair::start();
    let (mut tokens, mut keys) = (Vec::new(), Vec::new());
    for number in 0..TRIES {
        let name = format!("user{number}");
        let path = format!("/v1/users/{name}");
        pair.call(&pair.one, Method::PUT, &path).json(json!({})).await.is(201);
        let minted = pair.call(&pair.one, Method::POST, &format!("{path}/tokens")).await;
        let token = minted.is(201).str_at("/token");
        let made =
            pair.call(&pair.one, Method::POST, "/v1/keys").json(json!({ "name": name, "scopes": ["read"] }));
        let made = made.await;
        let (id, key) = (made.is(201).id(), made.str_at("/key"));
        for credential in [&token, &key] {
            let known = pair.other.get("/v1/users").header("Authorization", format!("Bearer {credential}"));
            known.await.is(200);
        }
        let renamed = json!({ "username": format!("other{number}") });
        pair.call(&pair.one, Method::PATCH, &path).json(renamed).await.is(200);
        tokens.push(still_taken(&pair.other, "/v1/users", &token).await);
        // Looked up anew, so that what is remembered of it is young.
        pair.other.get("/v1/users").header("Authorization", format!("Bearer {key}")).await.is(200);
        pair.call(&pair.one, Method::DELETE, &format!("/v1/keys/{id}")).await.is(204);
        keys.push(still_taken(&pair.other, "/v1/users", &key).await);
    }
    for times in [tokens, keys] {
        assert!(times.iter().min().unwrap() < &TOLD_WITHIN, "it was not told: {times:?}");
        assert!(times.iter().max().unwrap() < &Duration::from_secs(2), "{times:?}");
    }
}

#[tokio::test]
async fn a_stream_of_one_instance_tells_what_happens_on_another_as_soon_as_that_is_told() {
    /// Streams look by themselves every 250 ms.
    const MEDIAN_MAX: Duration = Duration::from_millis(90);
    for engine in ["index", "sql"] {
        let place = Place::fresh(Store::Postgres).with("FEEDME__FEED__ENGINE", engine);
        let (one, other) = (place.serve(), place.serve());
        let [ivan, eric] = one.users(["ivan", "eric"]).await;
        ivan.follows(&eric).await.is(201);
        // The other one has seen all that by now.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let mut stream = TcpStream::connect(other.host()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let head = "Accept: text/event-stream\r\nHost: feed-me\r\n\r\n";
        write!(stream, "GET /v1/feeds/ivan/friends/live HTTP/1.1\r\n{head}").unwrap();
        read_until(&mut stream, "200 OK");
        tokio::time::sleep(Duration::from_millis(300)).await;
        let mut times = Vec::new();
        for number in 0..2 * TRIES {
            let object = format!("object {number}.");
            eric.posts("share", &object).await.is(201);
            let since = Instant::now();
            read_until(&mut stream, &object);
            times.push(since.elapsed());
            // At no particular time of whatever looks by itself.
            tokio::time::sleep(Duration::from_millis(37 * number as u64)).await;
        }
        times.sort_unstable();
        assert!(times[TRIES] < MEDIAN_MAX, "{engine}: it was not told: {times:?}");
    }
}

fn read_until(stream: &mut TcpStream, wanted: &str) {
    let (mut read, mut buffer) = (String::new(), [0; 4096]);
    while !read.contains(wanted) {
        let count = stream.read(&mut buffer).unwrap();
        assert!(count != 0, "the end came before {wanted}: {read}");
        read.push_str(&String::from_utf8_lossy(&buffer[..count]));
    }
}

/// A connection that is kept, and what comes on it.
struct Kept(TcpStream);

impl Kept {
    fn open(host: &str) -> Self {
        let stream = TcpStream::connect(host).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Self(stream)
    }

    /// The head of the answer, in lower case.
    fn ask(&mut self, host: &str, path: &str) -> String {
        write!(self.0, "GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        let mut buffer = [0; 4096];
        while !answer.windows(4).any(|four| four == b"\r\n\r\n") {
            let count = self.0.read(&mut buffer).unwrap();
            assert!(count != 0, "closed in the midst of {}", String::from_utf8_lossy(&answer));
            answer.extend(&buffer[..count]);
        }
        String::from_utf8_lossy(&answer).to_ascii_lowercase()
    }
}

#[tokio::test]
async fn who_is_asked_to_stop_goes_on_for_the_delay_and_ends_its_connections_cleanly() {
    const DELAY: Duration = Duration::from_secs(2);
    let world = World::start_with(Store::Sqlite, &[("FEEDME__SERVER__DRAIN_DELAY_MS", "2000")]);
    let [ivan] = world.users(["ivan"]).await;
    let host = world.host();
    let (mut busy, mut idle) = (Kept::open(&host), Kept::open(&host));
    for kept in [&mut busy, &mut idle] {
        let head = kept.ask(&host, "/v1/feeds/ivan");
        assert!(head.starts_with("http/1.1 200") && !head.contains("connection: close"), "{head}");
    }
    let asked = Instant::now();
    world.server().terminate();
    let mut told = world.get("/readyz").await;
    while told.status == 200 && asked.elapsed() < DELAY {
        told = world.get("/readyz").await;
    }
    told.is_problem(503, "not-ready");
    // It takes new connections and answers everything, and none of them is kept.
    for number in 0..10 {
        let posted = ivan.posts("share", &number.to_string()).await;
        assert_eq!(posted.is(201).header("connection"), "close");
        assert_eq!(world.get("/nothing").await.is(404).header("connection"), "close");
    }
    let head = busy.ask(&host, "/v1/feeds/ivan");
    assert!(head.starts_with("http/1.1 200") && head.contains("connection: close"), "{head}");
    let mut rest = Vec::new();
    busy.0.read_to_end(&mut rest).unwrap();
    assert!(asked.elapsed() < DELAY, "the machine is too slow for this test");
    // The end of one that nobody used is an end, and no reset.
    idle.0.read_to_end(&mut rest).unwrap();
    assert!(DELAY <= asked.elapsed(), "it did not wait");
    let status = world.server().wait();
    assert_eq!(status.code(), Some(0), "{}", world.server().output());
    eprintln!("ended {:?} after it was asked", asked.elapsed());
    assert!(asked.elapsed() < DELAY + Duration::from_secs(20));
    world.start_again();
    assert_eq!(ivan.own_feed().await.items().len(), 10);
}

#[tokio::test]
async fn a_second_signal_does_not_wait() {
    let world = World::start_with(Store::Sqlite, &[("FEEDME__SERVER__DRAIN_DELAY_MS", "60000")]);
    world.get("/readyz").await.is(200);
    let asked = Instant::now();
    world.server().terminate();
    while world.get("/readyz").await.status == 200 {}
    world.server().terminate();
    assert_eq!(world.server().wait().code(), Some(0));
    assert!(asked.elapsed() < Duration::from_secs(30));
}
