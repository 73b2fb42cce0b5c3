//! Start, stop, and what outlives both.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use serde_json::json;

use crate::kit::{Place, Server, Store, World, feed_me, on_both_stores, raw_answer};

/// The rest of a request that creates a user.
const CREATE: &str = "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";

on_both_stores!(a_restart_keeps_everything, a_stop_answers_what_is_under_way_and_ends_well, health_is_told,);

async fn a_restart_keeps_everything(world: &World) {
    let [ivan, eric, niko] = world.users(["ivan", "eric", "niko"]).await;
    ivan.follows_from(&eric, "2020-01-01T00:00:00Z").await.is(201);
    ivan.follows(&niko).await.is(201);
    ivan.unfollows_keeping_history(&niko).await.is(204);
    ivan.mutes(&niko).await.is(201);
    niko.blocks(&eric).await.is(201);
    let others = json!({ "external_id": "e", "data": { "a": [1.0, "ö"] }, "target": "ivan" });
    let id = eric.posts_also("share", "1", others).await.is(201).id();
    world.patch(&format!("/v1/activities/{id}"), json!({ "verb": "like" })).await.is(200);
    let paths = [
        "/v1/users".to_owned(),
        ivan.friends_path(),
        ivan.mentions_path(),
        eric.own_path(),
        format!("{}/following", ivan.path()),
        format!("{}/mutes", ivan.path()),
        format!("{}/blocks", niko.path()),
        format!("/v1/activities/{id}"),
        "/follows".to_owned(),
        "/activity".to_owned(),
        "/user".to_owned(),
    ];
    let mut before = Vec::new();
    for path in &paths {
        before.push(world.get(path).await.is(200).text());
    }
    world.restart();
    for (path, before) in paths.iter().zip(before) {
        assert_eq!(world.get(path).await.is(200).text(), before, "{path}");
    }
    // Ids and times go on where they stood.
    let newer = eric.posts("share", "2").await.is(201).id();
    assert!(id < newer);
}

async fn a_stop_answers_what_is_under_way_and_ends_well(world: &World) {
    let [ivan] = world.users(["ivan"]).await;
    let body = r#"{"actor":"ivan","verb":"share","object":"slow"}"#;
    let (half, rest) = body.split_at(20);
    let mut stream = TcpStream::connect(world.host()).unwrap();
    let head = format!(
        "POST /v1/activities HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        world.host(),
        body.len()
    );
    stream.write_all((head + half).as_bytes()).unwrap();
    // The server has surely begun to read by the time it has answered somebody else.
    std::thread::sleep(Duration::from_millis(200));
    ivan.own_feed().await.shows(&[]);
    world.server().terminate();
    std::thread::sleep(Duration::from_millis(300));
    stream.write_all(rest.as_bytes()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    let status = world.server().wait();
    assert_eq!(status.code(), Some(0), "{}", world.server().output());
    world.start_again();
    ivan.own_feed().await.shows(&["ivan share slow"]);
}

async fn health_is_told(world: &World) {
    for path in ["/livez", "/healthz", "/readyz"] {
        world.get(path).await.is(200);
    }
}

/// Whoever runs it for the first time has nothing but the binary.
#[test]
fn in_an_empty_folder_it_makes_its_own_database() {
    let home = tempfile::TempDir::new().unwrap();
    let listen = [("FEEDME__SERVER__LISTEN".to_owned(), "127.0.0.1:0".to_owned())];
    let server = Server::start(home.path(), &listen);
    assert!(home.path().join("data/feed-me.db").is_file());
    let host = server.address.trim_start_matches("http://");
    let (status, _) = raw_answer(host, "PUT /v1/users/ivan", CREATE).unwrap();
    assert_eq!(status, 201);
    // A relative URL is a path from the folder that it was started in.
    let output = feed_me(home.path(), &listen).args(["export", "--out", "-"]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("\"username\":\"ivan\""), "{output:?}");
}

#[test]
fn a_second_server_on_the_same_file_is_refused() {
    let place = Place::fresh(Store::Sqlite);
    let mut first = place.start();
    let refused = place.try_start().err().unwrap();
    assert!(refused.contains("feed-me.db"), "{refused}");
    // The first one did not notice; and when it is gone, however it went, the file is free.
    let host = first.address.trim_start_matches("http://").to_owned();
    assert_eq!(raw_answer(&host, "GET /readyz", "").unwrap().0, 200);
    first.kill();
    drop(place.start());
}

#[test]
fn several_servers_share_one_postgres_database() {
    let place = Place::fresh(Store::Postgres);
    let (one, other) = (place.start(), place.start());
    let host = |server: &Server| server.address.trim_start_matches("http://").to_owned();
    let (status, _) = raw_answer(&host(&one), "PUT /v1/users/ivan", CREATE).unwrap();
    assert_eq!(status, 201);
    assert_eq!(raw_answer(&host(&other), "GET /v1/users/ivan", "").unwrap().0, 200);
}

#[test]
fn an_address_in_use_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let place = Place::fresh(Store::Sqlite).with("FEEDME__SERVER__LISTEN", &address);
    let refused = place.try_start().err().unwrap();
    assert!(refused.contains(&address), "{refused}");
}

/// The database goes away under a running server: it says so, and never answers a 500.
#[tokio::test]
async fn without_its_database_it_is_alive_and_not_ready() {
    let settings = [("FEEDME__DATABASE__ACQUIRE_TIMEOUT_MS", "500")];
    let world = World::start_with(Store::Postgres, &settings);
    let [ivan] = world.users(["ivan"]).await;
    world.place().database().vanish();
    world.get("/livez").await.is(200);
    let ready = world.get("/readyz").await;
    ready.is(503).names("database");
    // What is in memory may be read for a moment longer; nobody can know of later writes.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    for answer in [ivan.own_feed().await, ivan.posts("share", "1").await] {
        answer.is_problem(503, "");
        answer.header("retry-after");
    }
    let error = world.get("/feed/ivan").await.is_classic_error(503);
    assert!(!error.contains("e2e_"), "our own affairs are not the client's: {error}");
}
