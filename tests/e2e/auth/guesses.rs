//! Guesses, and what is hidden in paths, names and headers.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    auth::{Guarded, made, on_both_guarded, place},
    kit::{Place, Store, raw_answer},
};

on_both_guarded!(
    a_path_that_is_written_oddly_opens_nothing,
    no_header_takes_what_a_client_has_hidden_in_a_name,
    a_guess_that_is_nearly_right_takes_as_long_as_any,
);

fn guessing(store: Store) -> Place {
    place(store)
        .with("FEEDME__LIMITS__ENABLED", "true")
        .with("FEEDME__LIMITS__BAD_CREDENTIALS_PER_MINUTE", "3")
}

fn wrong(number: usize) -> String {
    format!("fm_{number:043}")
}

#[tokio::test]
async fn who_guesses_is_shut_out_and_a_key_in_use_goes_on() {
    let place = guessing(Store::Sqlite);
    let idle = made(&place, "read");
    let guarded = Guarded::at(&place);
    for number in 0..4 {
        guarded.get("/v1/users", &guarded.admin).await.is(200);
        guarded.get("/v1/users", &wrong(number)).await.asks_for_a_credential("invalid_token");
    }
    for number in 4..20 {
        // In steady use, so it is known without a question.
        guarded.get("/v1/users", &guarded.admin).await.is(200);
        let refused = guarded.get("/v1/users", &wrong(number)).await;
        refused.is_problem(429, "too-many-requests").names("bad credentials");
        let wait: u64 = refused.header("retry-after").parse().unwrap();
        assert!((1..=20).contains(&wait), "{refused}");
    }
    // Nobody can tell a guess from a key that was not used lately before they look, and nobody looks.
    guarded.get("/v1/users", &idle).await.is(429);
    let error = guarded.get("/feed/ivan", &wrong(99)).await;
    assert!(error.is_classic_error(429).contains("bad credentials"), "{error}");
    // Who shows nothing guesses nothing, and health is nobody's secret.
    guarded.world.get("/v1/users").await.asks_for_a_credential("");
    guarded.world.get("/readyz").await.is(200);
    let metrics = guarded.get("/metrics", &guarded.admin).await.text();
    let counted = metrics.lines().find(|line| line.contains(r#"class="bad_credential""#)).unwrap();
    assert!(!counted.ends_with(" 0"), "{counted}");
}

#[tokio::test]
async fn who_shows_nothing_is_not_shut_out_and_without_limits_nobody_is() {
    let guarded = Guarded::at(&guessing(Store::Sqlite));
    for _ in 0..20 {
        guarded.world.get("/v1/users").await.asks_for_a_credential("");
    }
    guarded.get("/v1/users", &guarded.admin).await.is(200);
    let guarded = Guarded::start(Store::Sqlite);
    for number in 0..20 {
        guarded.get("/v1/users", &wrong(number)).await.asks_for_a_credential("invalid_token");
    }
}

async fn a_path_that_is_written_oddly_opens_nothing(guarded: &Guarded) {
    guarded.users(&["ivan"]).await;
    let host = guarded.world.host();
    for path in [
        "//v1/keys",
        "/v1//keys",
        "/v1/keys/",
        "/v1/keys%2f",
        "/v1/keys%00",
        "/v1/keys;admin=true",
        "/v1/keys/.",
        "/./v1/keys",
        "/v1/./keys",
        "/livez/../v1/keys",
        "/livez/..%2fv1/keys",
        "/livez/%2e%2e/v1/keys",
        "/docs/../v1/keys",
        "/docs/..%5c..%5cv1/keys",
        "/docs/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "/docs/....//....//etc/passwd",
        "/V1/KEYS",
        "/v1/%6beys",
        "/v1/users/../keys",
        "/v1/users/..%2fkeys",
        "/v1/users/ivan%2f..%2f..%2fkeys",
        "/v1/users/ivan/../ivan",
        "http://localhost/v1/keys",
        "/v1/keys?/livez",
        "/v1/keys#/livez",
        "*",
    ] {
        if let Some((status, text)) = raw_answer(&host, &format!("GET {path}"), "") {
            assert!([400, 401, 404].contains(&status), "{path}: {text}");
            assert!(!text.contains("root:") && !text.contains("\"items\""), "{path}: {text}");
        }
    }
}

/// What comes back in headers is of the server's own making, or escaped.
async fn no_header_takes_what_a_client_has_hidden_in_a_name(guarded: &Guarded) {
    let name = "a>; rel=\"evil\", <http://evil.example";
    let escaped = "a%3E%3B%20rel%3D%22evil%22%2C%20%3Chttp:%2F%2Fevil.example";
    // A slash is in no name, so this one is refused, and the next is as near as one comes.
    let refused = guarded.send(Method::PUT, &format!("/v1/users/{escaped}"), json!({}), &guarded.admin).await;
    refused.is_problem(400, "");
    let (name, escaped) = (name.replace('/', "|"), escaped.replace("%2F", "%7C"));
    let path = format!("/v1/users/{escaped}");
    guarded.send(Method::PUT, &path, json!({}), &guarded.admin).await.is(201);
    for number in 0..3 {
        let body = json!({ "actor": name, "verb": "x\r\nSet-Cookie: a=b", "object": number.to_string() });
        let posted = guarded.send(Method::POST, "/v1/activities", body, &guarded.admin).await;
        posted.is(201);
        assert!(!posted.header("location").contains("evil"), "{posted}");
    }
    let page = guarded.get(&format!("/v1/feeds/{escaped}?limit=1"), &guarded.admin).await;
    let link = page.is(200).header("link");
    assert!(
        link.contains("rel=\"next\"") && !link.contains("\"evil\"") && !link.contains("<http://evil"),
        "{link}"
    );
    assert_eq!(page.find_header("set-cookie"), None);

    let host = guarded.world.host();
    let key = format!("Authorization: Bearer {}\r\n", guarded.admin);
    for header in [
        "X-Request-Id: a%0d%0aSet-Cookie:%20a=b",
        "X-Request-Id: a\tSet-Cookie: a=b",
        "Host: evil.example\" onload=\"x",
        "X-Forwarded-Host: evil.example",
        "X-Forwarded-Proto: javascript",
        "Forwarded: host=evil.example;proto=https",
        "Origin: https://evil.example",
        "Idempotency-Key: a%0d%0aSet-Cookie:%20a=b",
    ] {
        for path in ["/v1/users?limit=1", "/feed/nobody", "/v1/nothing"] {
            let Some((_, text)) = raw_answer(&host, &format!("GET {path}"), &format!("{key}{header}\r\n"))
            else {
                continue;
            };
            let head = text.split("\r\n\r\n").next().unwrap_or_default().to_lowercase();
            for forbidden in ["set-cookie", "evil", "javascript", "access-control-allow-origin"] {
                assert!(!head.contains(forbidden), "{header}: {text}");
            }
        }
    }
}

/// A key is looked up by its digest, so how much of a guess is right cannot be measured. The medians of many of each, taken in
/// turns, differ by far less than they would if the store or we compared keys character by character with a pause.
async fn a_guess_that_is_nearly_right_takes_as_long_as_any(guarded: &Guarded) {
    let last = if guarded.admin.ends_with('A') { 'B' } else { 'A' };
    let nearly = format!("{}{last}", &guarded.admin[..guarded.admin.len() - 1]);
    let far = wrong(7);
    let mut took = [Vec::new(), Vec::new()];
    for round in 0..120 {
        for (kind, credential) in [&nearly, &far].into_iter().enumerate() {
            let began = Instant::now();
            guarded.get("/v1/users", credential).await.asks_for_a_credential("invalid_token");
            if 10 <= round {
                took[kind].push(began.elapsed());
            }
        }
    }
    let [near, far] = took.map(|mut times| {
        times.sort_unstable();
        times[times.len() / 2]
    });
    let (less, more) = (near.min(far), near.max(far));
    assert!(more < less * 2 + Duration::from_millis(2), "nearly right {near:?}, wrong {far:?}");
}

#[tokio::test]
async fn every_line_of_the_log_is_one_whatever_a_client_writes() {
    let guarded = Guarded::at(&place(Store::Sqlite).with("FEEDME__LOG__FORMAT", "json"));
    let forged = r#"{"level":"ERROR","message":"forged"}"#;
    let host = guarded.world.host();
    for line in [
        format!("X-Request-Id: x\r\n X-Folded: {forged}\r\n"),
        format!("X-Request-Id: {forged}\r\n"),
        format!("User-Agent: a\u{1b}[31m\u{2028}{forged}\r\n"),
        format!("Traceparent: 00-{forged}-1-1\r\n"),
        format!("Authorization: Bearer {forged}\r\n"),
        format!("Idempotency-Key: {forged}\r\n"),
    ] {
        for path in
            ["/v1/users/x%0a%7B%22message%22:%22forged%22%7D", "/feed/%0d%0aforged", "/%0aforged?%0aforged"]
        {
            let _ = raw_answer(&host, &format!("GET {path}"), &line);
        }
    }
    let body = json!({ "actor": "x\nforged", "verb": "v\r\nforged" });
    guarded.send(Method::POST, "/v1/activities", body, &guarded.admin).await.is(400);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let output = guarded.world.server().output();
    assert!(!output.contains("forged"), "{output}");
    let lines: Vec<&str> = output.lines().filter(|line| !line.starts_with("feed-me listens on ")).collect();
    assert!(10 < lines.len(), "{output}");
    for line in lines {
        let told: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(told["level"].is_string(), "{line}");
    }
}

/// A connection that is open and was answered.
fn answered(host: &str) -> TcpStream {
    let mut stream = TcpStream::connect(host).unwrap();
    stream.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    assert!(is_answered(&mut stream, Duration::from_secs(20)));
    stream
}

fn is_answered(stream: &mut TcpStream, patience: Duration) -> bool {
    stream.set_read_timeout(Some(patience)).unwrap();
    let mut part = [0; 1024];
    matches!(stream.read(&mut part), Ok(read) if part[..read].starts_with(b"HTTP/1.1 200"))
}

#[tokio::test]
async fn who_comes_beyond_the_most_connections_waits_until_one_goes() {
    let place = Place::fresh(Store::Sqlite)
        .with("FEEDME__SERVER__MAX_CONNECTIONS", "3")
        .with("FEEDME__SERVER__WORKERS", "1");
    let server = place.start();
    let host = server.address.trim_start_matches("http://").to_owned();
    let story = move || {
        let mut held: Vec<TcpStream> = (0..3).map(|_| answered(&host)).collect();
        let mut fourth = TcpStream::connect(&host).unwrap();
        fourth.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        assert!(!is_answered(&mut fourth, Duration::from_secs(1)), "a fourth connection was served");
        held.pop();
        assert!(is_answered(&mut fourth, Duration::from_secs(20)), "nobody was let in after one went");
        assert_eq!(held.len(), 2);
    };
    tokio::task::spawn_blocking(story).await.unwrap();
}
