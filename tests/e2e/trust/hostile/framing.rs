//! Where one request ends and the next begins: wrong lengths, broken chunks, and the shapes of request smuggling.

use std::time::Duration;

use super::{Attack, harmless, refused, request, send, statuses_of, victim, withstands};
use crate::kit::World;

const POST: &str = "POST /v1/activities";
const JSON: &str = "Content-Type: application/json";
const BODY: &[u8] = b"{\"actor\":\"ivan\",\"verb\":\"smuggled\"}";

/// The request that nobody should find.
const HIDDEN: &str = "DELETE /v1/users/hidden HTTP/1.1\r\nHost: localhost\r\n\r\n";

#[tokio::test]
async fn wrong_lengths_and_broken_chunks_are_refused() {
    let world = victim().await;
    withstands(&world, lengths()).await;
    withstands(&world, chunks()).await;
    // Nothing of it was taken for a whole request.
    world.get("/v1/feeds/ivan").await.shows(&[]);
}

#[tokio::test]
async fn a_hidden_request_is_not_carried_out() {
    let world = victim().await;
    // One that is not hidden is: so this test would see it.
    world.users(["hidden"]).await;
    let length = format!("Content-Length: {}", BODY.len());
    let honest = [request(POST, &[JSON, &length], BODY), HIDDEN.as_bytes().to_vec()].concat();
    assert_eq!(statuses_of(&send(&world.host(), &honest, Duration::from_secs(8))), [201, 200]);
    world.get("/v1/users/hidden").await.is(404);
    for (name, bytes) in smuggling() {
        world.users(["hidden"]).await;
        let answers = send(&world.host(), &bytes, Duration::from_secs(8));
        let statuses = statuses_of(&answers);
        assert!(statuses.iter().all(|status| *status < 500), "{name} was answered {statuses:?}");
        let hidden = world.user("hidden");
        let still_there = world.get(&hidden.path()).await.status == 200;
        assert!(still_there, "{name}: the request in the body was carried out; it was answered {statuses:?}");
        hidden.leaves().await.is(200);
    }
}

#[tokio::test]
async fn requests_that_follow_at_once_are_answered_in_order() {
    let world = victim().await;
    assert_pipelined(&world, 50).await;
    withstands(&world, vec![harmless("a thousand requests at once", get("ivan").repeat(1000))]).await;
}

async fn assert_pipelined(world: &World, count: usize) {
    let mut bytes = Vec::new();
    for number in 0..count {
        bytes.extend(get(if number % 2 == 0 { "ivan" } else { "nobody" }));
    }
    let host = world.host();
    let answers =
        tokio::task::spawn_blocking(move || send(&host, &bytes, Duration::from_secs(8))).await.unwrap();
    let wanted: Vec<u16> = (0..count).map(|number| if number % 2 == 0 { 200 } else { 404 }).collect();
    assert_eq!(statuses_of(&answers), wanted);
}

fn get(user: &str) -> Vec<u8> {
    request(&format!("GET /v1/users/{user}"), &[], b"")
}

fn lengths() -> Vec<Attack> {
    let with = |length: &str| request(POST, &[JSON, &format!("Content-Length: {length}")], BODY);
    let over = BODY.len() + 100;
    let mut attacks: Vec<_> = [
        "-1",
        "+34",
        "0x22",
        "34.0",
        "1e1",
        " ",
        "34 34",
        "34, 35",
        "18446744073709551616",
        "99999999999999999999999",
        "a",
    ]
    .iter()
    .map(|length| refused("a length that is none", with(length)))
    .collect();
    attacks.extend([
        refused("a body that is shorter than its length", with(&over.to_string())),
        refused("a body that is longer than its length", with("5")),
        refused("a huge length", with("9999999999999")),
        refused("the greatest length", with("18446744073709551615")),
        refused(
            "two different lengths",
            request(POST, &[JSON, "Content-Length: 34", "Content-Length: 5"], BODY),
        ),
        refused(
            "a length and a longer body of zeros",
            request(POST, &[JSON, "Content-Length: 0"], &[0; 100]),
        ),
        refused("no length", request(POST, &[JSON], BODY)),
        refused(
            "a body over the limit",
            request(POST, &[JSON, "Content-Length: 3000000"], &vec![b'x'; 3_000_000]),
        ),
        harmless("a body on a GET", request("GET /v1/users/ivan", &[JSON, "Content-Length: 2"], b"{}")),
        harmless(
            "a body on a DELETE",
            request("DELETE /v1/users/nobody", &[JSON, "Content-Length: 2"], b"{}"),
        ),
    ]);
    attacks
}

fn chunks() -> Vec<Attack> {
    let with = |body: &[u8]| request(POST, &[JSON, "Transfer-Encoding: chunked"], body);
    let coded = |coding: &str| {
        request(POST, &[JSON, &format!("Transfer-Encoding: {coding}")], b"5\r\n{\"a\":\r\n0\r\n\r\n")
    };
    let mut many = b"1\r\nx\r\n".repeat(50_000);
    many.extend(b"0\r\n\r\n");
    let large =
        [format!("{:x}\r\n", 3_000_000).into_bytes(), vec![b'x'; 3_000_000], b"\r\n0\r\n\r\n".to_vec()]
            .concat();
    let mut attacks = vec![
        refused("a chunk's size that is no number", with(b"zz\r\n{}\r\n0\r\n\r\n")),
        refused("a negative chunk", with(b"-2\r\n{}\r\n0\r\n\r\n")),
        refused("a chunk's size with 0x", with(b"0x2\r\n{}\r\n0\r\n\r\n")),
        refused("a chunk of 2^64 bytes", with(b"10000000000000000\r\n{}\r\n0\r\n\r\n")),
        refused("a chunk of nearly 2^64 bytes", with(b"ffffffffffffffff\r\n{}\r\n0\r\n\r\n")),
        refused("a chunk that is longer than its size", with(b"1\r\n{}\r\n0\r\n\r\n")),
        refused("a chunk that is shorter than its size", with(b"9\r\n{}\r\n0\r\n\r\n")),
        refused("chunks without an end", with(b"2\r\n{}\r\n")),
        refused("chunks of rubbish", with(&[0xff; 300])),
        refused(
            "a chunk's extension of a megabyte",
            with(&[b"2;".to_vec(), vec![b'x'; 1_000_000], b"\r\n{}\r\n0\r\n\r\n".to_vec()].concat()),
        ),
        refused("bare line feeds between chunks", with(b"2\n{}\n0\n\n")),
        refused("fifty thousand chunks", with(&many)),
        refused("a chunk over the limit", with(&large)),
    ];
    let codings = [
        "identity",
        "xchunked",
        "chunked, identity",
        "identity, chunked",
        "chunked chunked",
        "\u{b}chunked",
        "\"chunked\"",
        "gzip, chunked",
        "gzip",
        "chunked, chunked",
    ];
    attacks.extend(codings.iter().map(|coding| refused("an odd transfer coding", coded(coding))));
    attacks
}

/// Requests that two readers may cut in different places. The second one, inside the first, erases a user.
fn smuggling() -> Vec<(&'static str, Vec<u8>)> {
    let hidden = HIDDEN;
    let both = |coding: &str| {
        let body = format!("0\r\n\r\n{hidden}");
        let length = format!("Content-Length: {}", body.len());
        request(POST, &[JSON, &length, coding], body.as_bytes())
    };
    let both_turned = |coding: &str| {
        let body = format!("0\r\n\r\n{hidden}");
        let length = format!("Content-Length: {}", body.len());
        request(POST, &[JSON, coding, &length], body.as_bytes())
    };
    let te_cl = {
        let body = format!("{:x}\r\n{hidden}\r\n0\r\n\r\n", hidden.len());
        request(POST, &[JSON, "Content-Length: 4", "Transfer-Encoding: chunked"], body.as_bytes())
    };
    let two_lengths = {
        let long = format!("Content-Length: {}", hidden.len());
        [
            request(POST, &[JSON, "Content-Length: 0", &long], hidden.as_bytes()),
            request(POST, &[JSON, &long, "Content-Length: 0"], hidden.as_bytes()),
        ]
    };
    let [zero_first, zero_last] = two_lengths;
    let length = format!("Content-Length : {}", hidden.len());
    let folded = format!("Content-Length:\r\n {}", hidden.len());
    vec![
        ("a length and chunks", both("Transfer-Encoding: chunked")),
        ("chunks and a length", both_turned("Transfer-Encoding: chunked")),
        ("a length and chunks in another case", both("TRANSFER-ENCODING: Chunked")),
        ("a length and chunks after a tab", both("Transfer-Encoding:\tchunked")),
        ("a length and two codings", both("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked")),
        ("a length and an odd coding", both("Transfer-Encoding: xchunked")),
        ("a length and a coding with a space before the colon", both("Transfer-Encoding : chunked")),
        ("a length and a folded coding", both("Transfer-Encoding:\r\n chunked")),
        ("chunks that hold a request, and a length of 4", te_cl),
        ("a length of zero and a length", zero_first),
        ("a length and a length of zero", zero_last),
        ("a length with a space before the colon", request(POST, &[JSON, &length], hidden.as_bytes())),
        ("a folded length", request(POST, &[JSON, &folded], hidden.as_bytes())),
    ]
}
