//! Clients that do not keep to HTTP: an answer of 4xx or a closed connection, and others are served meanwhile.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use crate::kit::{Store, World, on_sqlite, raw, raw_answer};

on_sqlite!(
    what_is_no_http_is_refused_or_closed,
    wrong_lengths_harm_nobody,
    a_flood_of_headers_is_refused,
    a_header_cannot_be_smuggled_into_an_answer,
    a_body_that_never_ends_its_nesting_is_a_400,
);

/// Sends bytes, and fails where they are answered with anything but a 4xx or a closed connection, or harm others.
async fn is_refused(world: &World, what: &str, request: &[u8]) {
    let answer = String::from_utf8_lossy(&raw(&world.host(), request)).into_owned();
    let is_refused =
        answer.is_empty() || answer.starts_with("HTTP/1.1 4") || answer.starts_with("HTTP/1.0 4");
    assert!(is_refused, "{what}: {answer}");
    world.get("/v1/users").await.is(200);
}

async fn what_is_no_http_is_refused_or_closed(world: &World) {
    let cases: [(&str, &[u8]); 12] = [
        ("nothing known", b"\r\n\r\nhello\r\n\r\n"),
        ("binary", &[0, 1, 2, 255, 254, 13, 10, 13, 10]),
        ("a TLS hello", b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03"),
        ("no version", b"GET /v1/users\r\n\r\n"),
        ("another version", b"GET /v1/users HTTP/9.9\r\n\r\n"),
        ("a space in the path", b"GET /v1/us ers HTTP/1.1\r\nHost: x\r\n\r\n"),
        ("a method of noise", b"G\x00T /v1/users HTTP/1.1\r\nHost: x\r\n\r\n"),
        ("a header without a colon", b"GET /v1/users HTTP/1.1\r\nHost: x\r\nnonsense\r\n\r\n"),
        ("a header name with a space", b"GET /v1/users HTTP/1.1\r\nHost : x\r\na b: c\r\n\r\n"),
        ("a NUL in a header", b"GET /v1/users HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n"),
        ("a NUL in the path", b"GET /v1/users/\x00 HTTP/1.1\r\nHost: x\r\n\r\n"),
        ("a bad percent sign", b"GET /v1/users/%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
    ];
    for (what, request) in cases {
        is_refused(world, what, request).await;
    }
}

async fn wrong_lengths_harm_nobody(world: &World) {
    let post = "POST /v1/activities HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
    for (what, rest) in [
        ("a negative length", "Content-Length: -1\r\n\r\n{}"),
        ("a length of noise", "Content-Length: ten\r\n\r\n{}"),
        ("two lengths", "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"),
        ("length and chunks", "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ("a length beyond all numbers", "Content-Length: 99999999999999999999999999\r\n\r\n{}"),
        ("a length far over the limit", "Content-Length: 9999999999\r\n\r\n{}"),
        ("chunks of noise", "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"),
        ("an unknown coding", "Transfer-Encoding: nonsense\r\n\r\n{}"),
        ("less than the length says", "Content-Length: 2\r\nConnection: close\r\n\r\n{}and more"),
    ] {
        is_refused(world, what, (post.to_owned() + rest).as_bytes()).await;
    }
    // More is announced than ever comes: the connection waits, others do not.
    let mut waiting = TcpStream::connect(world.host()).unwrap();
    waiting.write_all((post.to_owned() + "Content-Length: 100\r\n\r\n{").as_bytes()).unwrap();
    world.get("/v1/users").await.is(200);
    drop(waiting);
    world.get("/v1/users").await.is(200);
}

async fn a_flood_of_headers_is_refused(world: &World) {
    let many: String = (0..2000).fold(String::new(), |all, number| all + &format!("X-{number}: x\r\n"));
    is_refused(world, "many headers", format!("GET /v1/users HTTP/1.1\r\nHost: x\r\n{many}\r\n").as_bytes())
        .await;
    let long = "x".repeat(2 * 1024 * 1024);
    is_refused(
        world,
        "a long header",
        format!("GET /v1/users HTTP/1.1\r\nHost: x\r\nX: {long}\r\n\r\n").as_bytes(),
    )
    .await;
    is_refused(world, "a long path", format!("GET /{long} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await;
    is_refused(world, "a long method", format!("{long} / HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await;
}

async fn a_header_cannot_be_smuggled_into_an_answer(world: &World) {
    for path in
        ["/v1/users/a%0d%0aX-Evil:%201", "/v1/feeds/a?cursor=%0d%0aX-Evil:%201", "/feed/a%0aX-Evil:%201"]
    {
        let (status, answer) = raw_answer(&world.host(), &format!("GET {path}"), "").unwrap();
        assert!((400..500).contains(&status), "{answer}");
        assert!(!answer.to_ascii_lowercase().contains("\nx-evil"), "{answer}");
    }
}

async fn a_body_that_never_ends_its_nesting_is_a_400(world: &World) {
    world.users(["ivan"]).await;
    for body in
        ["[".repeat(900_000), "{\"a\":".repeat(150_000), format!("{{\"data\":{}", "[".repeat(900_000))]
    {
        for path in ["/v1/activities", "/v1/activities/batch", "/activity", "/feed/ivan"] {
            let call = world.call(reqwest::Method::POST, path).text("application/json", body.clone());
            call.await.is(400);
        }
        let call =
            world.call(reqwest::Method::POST, "/v1/activities/batch").text("application/x-ndjson", body);
        assert_eq!(call.await.is(200).at("/results/0/status"), 400);
    }
}

/// Whoever sends a header a second is cut off; a hundred of them do not keep others out.
#[tokio::test]
async fn slow_headers_are_cut_off_and_keep_nobody_out() {
    let world = World::start_with(Store::Sqlite, &[("FEEDME__SERVER__HEADER_TIMEOUT_MS", "1500")]);
    let mut slow: Vec<TcpStream> = (0..100).map(|_| TcpStream::connect(world.host()).unwrap()).collect();
    for stream in &mut slow {
        stream.write_all(b"GET /v1/users HTTP/1.1\r\nHost: x\r\nX-Slow: ").unwrap();
    }
    let begun = Instant::now();
    world.get("/v1/users").await.is(200);
    assert!(begun.elapsed() < Duration::from_secs(1), "others had to wait");
    let mut stream = slow.swap_remove(0);
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut answer = Vec::new();
    let ended = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer);
    assert!(ended.is_ok() || !answer.is_empty(), "never cut off: {ended:?}");
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}");
    world.get("/v1/users").await.is(200);
}
