use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use reqwest::Method;

use super::{Attack, refused, request, victim, withstands};

/// Every route that reads a body.
const ROUTES: [&str; 10] = [
    "POST /v1/activities",
    "POST /v1/activities/batch",
    "PUT /v1/users/eric",
    "PATCH /v1/users/eric",
    "PUT /v1/users/eric/following/ivan",
    "POST /v1/users/eric/following",
    "PATCH /v1/activities/0193e8a5-7c00-7000-8000-000000000000",
    "POST /activity",
    "POST /feed/eric",
    "POST /v1/activities/batch?atomic=true",
];

#[tokio::test]
async fn bodies_that_no_honest_client_sends_are_refused_by_every_route() {
    let world = victim().await;
    for (name, body) in rotten() {
        let attack = |route: &str| {
            let length = format!("Content-Length: {}", body.len());
            refused(
                name,
                request(route, &["Content-Type: application/json", &length, "Connection: close"], &body),
            )
        };
        withstands(&world, ROUTES.iter().map(|route| attack(route)).collect()).await;
    }
    withstands(&world, lines()).await;
    world.get("/v1/feeds/eric").await.shows(&["eric share post:1"]);
    world.get("/v1/users/eric/following").await.is(200);
    assert_eq!(world.user("eric").counts().await, (0, 1, 1));
}

#[tokio::test]
async fn a_compressed_body_does_not_fill_the_memory() {
    let world = victim().await;
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    let zeros = vec![b' '; 1 << 20];
    (0..300).for_each(|_| bomb.write_all(&zeros).unwrap());
    let bomb = bomb.finish().unwrap();
    assert!(bomb.len() < 1 << 20);
    for (coding, body) in [
        ("gzip", bomb.clone()),
        ("zstd", bomb.clone()),
        ("deflate", bomb.clone()),
        ("br", bomb),
        ("gzip", b"rubbish".to_vec()),
    ] {
        let call = world
            .call(Method::POST, "/v1/activities")
            .text("application/json", body)
            .header("Content-Encoding", coding);
        let answer = call.await;
        assert!([400, 413, 415].contains(&answer.status.as_u16()), "{answer}");
    }
}

fn rotten() -> Vec<(&'static str, Vec<u8>)> {
    let deep = |open: &str, count: usize| open.repeat(count).into_bytes();
    let activity = |value: &[u8]| {
        [b"{\"actor\":\"eric\",\"verb\":\"x\",\"follow\":\"ivan\",\"data\":{\"a\":", value, b"}}"].concat()
    };
    let name = |value: &[u8]| {
        [
            b"{\"actor\":\"",
            value,
            b"\",\"follow\":\"",
            value,
            b"\",\"verb\":\"",
            value,
            b"\",\"display_name\":\"",
            value,
            b"\",\"username\":\"",
            value,
            b"\"}",
        ]
        .concat()
    };
    vec![
        ("brackets without an end", deep("[", 1_000_000)),
        ("braces without an end", deep("{\"a\":", 200_000)),
        ("deep data", activity(&[deep("[", 400_000), deep("]", 400_000)].concat())),
        ("deep data of objects", activity(&[deep("{\"a\":", 100_000), b"1".to_vec(), deep("}", 100_000)].concat())),
        ("invalid UTF-8", name(b"\xff\xfe")),
        ("overlong UTF-8", name(b"\xc0\xaf")),
        ("surrogates as UTF-8", name(b"\xed\xa0\x80\xed\xb0\x80")),
        ("a lone surrogate", name(b"\\ud800")),
        ("a surrogate with a letter after it", name(b"\\ud800a")),
        ("NUL", name(b"\\u0000")),
        ("a raw NUL", name(b"\0")),
        ("a raw line feed", name(b"\n")),
        ("a key twice", b"{\"actor\":\"eric\",\"verb\":\"x\",\"verb\":\"x\",\"follow\":\"ivan\",\"follow\":\"ivan\",\"display_name\":\"x\",\"display_name\":\"x\",\"from\":\"now\",\"from\":\"now\"}".to_vec()),
        ("a key twice, once escaped", b"{\"actor\":\"eric\",\"verb\":\"x\",\"v\\u0065rb\":\"x\",\"follow\":1,\"f\\u006fllow\":1,\"display_name\":1,\"display_nam\\u0065\":1,\"from\":1,\"fro\\u006d\":1}".to_vec()),
        ("a number without an end", activity(&b"1".repeat(900_000))),
        ("an exponent without an end", activity(&[b"1e".to_vec(), b"9".repeat(900_000)].concat())),
        ("UTF-16", "{\"actor\":\"eric\"}".encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("a byte order mark", b"\xef\xbb\xbf{\"actor\":\"eric\",\"verb\":\"x\",\"follow\":\"ivan\"}".to_vec()),
        ("two values", b"{\"actor\":\"eric\",\"verb\":\"x\",\"follow\":\"ivan\"}{}".to_vec()),
        ("a million commas", [b"[".to_vec(), b",".repeat(900_000), b"]".to_vec()].concat()),
        ("a hundred thousand members", {
            let members: Vec<_> = (0..60_000).map(|number| format!("\"k{number}\":1")).collect();
            format!("{{{},\"follow\":5}}", members.join(",")).into_bytes()
        }),
        ("a text of a megabyte", name(&b"x".repeat(100_000))),
    ]
}

/// Lines that no honest client sends in a batch. A bad line is told in its place, so the answer as a whole may be a 200.
fn lines() -> Vec<Attack> {
    let of = |name, body: Vec<u8>| {
        let length = format!("Content-Length: {}", body.len());
        super::harmless(
            name,
            request("POST /v1/activities/batch", &["Content-Type: application/x-ndjson", &length], &body),
        )
    };
    vec![
        of("lines of nothing", b"\n".repeat(1_000_000)),
        of("lines of brackets", b"[\n".repeat(1000)),
        of("more lines than may be", b"{}\n".repeat(1001)),
        of("far more lines than may be", b"{}\n".repeat(1_000_000)),
        of("a line of sixteen megabytes", b"x".repeat(16 * 1024 * 1024)),
        of("invalid UTF-8 in a line", b"{\"actor\":\"\xff\"}\n".to_vec()),
        of("carriage returns", b"{}\r\r\r\n{}\r".to_vec()),
    ]
}
