//! Pages of feeds and posts take a short way through the server where their request is written plainly, and the long way of
//! all others otherwise. Nobody can tell which.

use reqwest::Method;
use serde_json::json;

use crate::kit::{Answer, Call, Place, Store, World, on_both_stores};

/// Sends the server onto the long way, and changes nothing about the answer.
const LONG_WAY: (&str, &str) = ("Accept-Encoding", "identity;q=1");

/// What both ways answer to a `GET`, without what is new in every answer.
async fn both_ways(world: &World, path: &str, headers: &[(&str, &str)]) -> Answer {
    let call = || headers.iter().fold(world.get(path), |call, (name, value)| call.header(name, value));
    same(call(), call()).await
}

/// The answer to two calls, of which the second one goes the long way. It must be the same.
async fn same(short: Call, long: Call) -> Answer {
    let (short, long) = (short.await, long.header(LONG_WAY.0, LONG_WAY.1).await);
    assert_eq!(short.status, long.status, "{short}");
    let without_ids = |answer: &Answer| answer.text().replace(&answer.header("x-request-id"), "ID");
    assert_eq!(without_ids(&short), without_ids(&long), "{short}");
    assert_eq!(told(&short, &[]), told(&long, &[]), "{short}");
    short
}

/// The headers of an answer, without those that are new in every answer, and some more.
fn told(answer: &Answer, but: &[&str]) -> Vec<(String, Option<String>)> {
    let is_new = |name: &str| ["date", "x-request-id"].contains(&name) || but.contains(&name);
    let names = answer.headers.keys().filter(|name| !is_new(name.as_str()));
    let mut told: Vec<_> = names.map(|name| (name.to_string(), answer.find_header(name.as_str()))).collect();
    told.sort();
    told
}

async fn every_request_for_a_feed_is_answered_the_same_on_both_ways(world: &World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    ivan.follows(&eric).await.is(201);
    for at in 0..25 {
        eric.posts_also("share", &format!("{at}"), json!({ "target": "ivan" })).await.is(201);
    }
    let paths = [
        "/v1/feeds/ivan",
        "/v1/feeds/ivan/friends",
        "/v1/feeds/ivan/mentions",
        "/v1/feeds/nobody",
        "/v1/feeds/..",
    ];
    let queries = [
        "",
        "?",
        "?limit=3",
        "?limit=0",
        "?limit=3&limit=3",
        "?cursor=",
        "?cursor=abc",
        "?verb=share&verb=like",
        "?verb=",
        "?include_self=true",
        "?include_self=1",
        "?unknown=%F0%9F%98%80+x",
        "?a=%zz",
        "?page=2",
    ];
    let mut answered = 0;
    for path in paths.into_iter().chain([
        "/feed/ivan",
        "/feed/ivan/friends",
        "/feed/eric",
        "/feed/nobody",
        "/feed/ivan/x",
    ]) {
        for query in queries {
            let answer = both_ways(world, &format!("{path}{query}"), &[]).await;
            answered += usize::from(answer.status == 200);
        }
        for headers in [
            &[("Accept", "text/html")][..],
            &[("Accept", "application/json;q=0.5, */*;q=0.1")],
            &[("Accept", "application/activity+json")],
            &[("X-Request-Id", "mine")],
            &[("X-Request-Id", "not safe <>")],
            &[("Feed-Position", "1")],
            &[("Feed-Position", "x")],
            &[("If-None-Match", "*")],
            &[("If-None-Match", "\"other\"")],
            &[("Host", "feed.example:81")],
            &[("Host", "not a host")],
            &[("X-Forwarded-Proto", "https")],
            &[("Authorization", "Bearer nonsense")],
            &[("Origin", "https://app.example")],
            &[("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")],
        ] {
            let _ = both_ways(world, path, headers).await;
        }
    }
    assert!(20 < answered, "{answered} pages");
    let friends = ivan.friends_path();
    let page = both_ways(world, &friends, &[]).await;
    both_ways(world, &friends, &[("If-None-Match", &page.header("etag"))]).await.is(304);
    let next = page.next().unwrap();
    let second = both_ways(world, &format!("{friends}?cursor={next}"), &[]).await;
    assert_eq!(second.is(200).items().len(), 5);
    both_ways(world, &format!("{friends}?cursor={}", second.previous()), &[]).await.is(200);
    both_ways(world, &format!("{friends}?limit=5&cursor={next}x"), &[]).await.is(400);
}

const POSTS: &str = "/v1/activities";

async fn every_post_is_answered_the_same_on_both_ways(world: &World) {
    let _ = world.users(["ivan", "eric"]).await;
    let sent = |body: &[u8], headers: &[(&str, &str)]| {
        let call = world.call(Method::POST, POSTS).bare(body);
        headers.iter().fold(call, |call, (name, value)| call.header(name, value))
    };
    let json_type = ("Content-Type", "application/json");
    let post = br#"{"actor":"ivan","verb":"share","object":"a"}"#;
    // What is new differs by its id and time alone.
    let (short, long) = (sent(post, &[json_type]).await, sent(post, &[json_type, LONG_WAY]).await);
    let new = ["feed-position", "location"];
    assert_eq!(told(short.is(201), &new), told(long.is(201), &new));
    let members = |answer: &Answer| answer.json().as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(members(&short), members(&long));
    for answer in [&short, &long] {
        assert!(answer.header("location").ends_with(answer.json()["id"].as_str().unwrap()), "{answer}");
    }
    // What is there already is the same to the last byte.
    let named = br#"{"actor":"ivan","verb":"share","object":"b","external_id":"mine"}"#;
    sent(named, &[json_type]).await.is(201);
    let again = |headers: &[(&str, &str)]| same(sent(named, headers), sent(named, headers));
    again(&[json_type]).await.is(200);
    again(&[json_type, ("Host", "feed.example:81")]).await.is(200);
    again(&[json_type, ("X-Request-Id", "mine")]).await.is(200);
    again(&[("Content-Type", "application/json; charset=latin1")]).await.is(415);
    again(&[("Content-Type", "text/plain")]).await.is(415);
    again(&[]).await.is(415);
    again(&[json_type, ("Content-Encoding", "gzip")]).await.is(415);
    again(&[json_type, ("Accept", "text/html")]).await.is(406);
    again(&[json_type, ("Accept", "text/html"), ("Content-Encoding", "gzip")]).await.is(406);
    again(&[json_type, ("Idempotency-Key", "")]).await.is(400);
    again(&[json_type, ("Authorization", "Bearer nonsense")]).await.is(200);
    // A key that the one way has used is known on the other, whichever is first.
    for (key, first) in [("one", None), ("two", Some(LONG_WAY))] {
        let keyed: Vec<_> = [json_type, ("Idempotency-Key", key)].into_iter().chain(first).collect();
        let done = sent(post, &keyed).await;
        let replayed = again_with_key(&sent, post, key).await;
        assert_eq!(replayed.text(), done.is(201).text());
        let other = br#"{"actor":"ivan","verb":"share","object":"c"}"#;
        again_with_key(&sent, other, key).await.is(422);
    }
    let too_large = vec![b' '; 1024 * 1024 + 1];
    for body in [
        &b""[..],
        b"{",
        b"[]",
        b"null",
        b"\xFF",
        br#"{"actor":"ivan"}"#,
        br#"{"actor":"nobody","verb":"share"}"#,
        br#"{"actor":"ivan","verb":"share","target":"nobody"}"#,
        br#"{"actor":"ivan","verb":"share","odd":1}"#,
        br#"{"actor":"ivan","verb":"share","published":"tomorrow"}"#,
        &too_large,
    ] {
        let answer = same(sent(body, &[json_type]), sent(body, &[json_type])).await;
        assert!((400..500).contains(&answer.status.as_u16()), "{answer}");
    }
    // Beside it nothing has changed.
    same(world.get(POSTS), world.get(POSTS)).await.is(400);
    same(world.delete(POSTS), world.delete(POSTS)).await.is(405);
    let slash = || world.call(Method::POST, "/v1/activities/").json(json!({}));
    same(slash(), slash()).await.is(404);
}

/// What both ways answer to a key that was used.
async fn again_with_key(sent: &impl Fn(&[u8], &[(&str, &str)]) -> Call, body: &[u8], key: &str) -> Answer {
    let headers = [("Content-Type", "application/json"), ("Idempotency-Key", key)];
    same(sent(body, &headers), sent(body, &headers)).await
}

on_both_stores!(
    every_request_for_a_feed_is_answered_the_same_on_both_ways,
    every_post_is_answered_the_same_on_both_ways
);

#[tokio::test]
async fn who_may_and_how_often_is_asked_on_both_ways() {
    let guarded = Place::fresh(Store::Sqlite)
        .with("FEEDME__AUTH__MODE", "keys")
        .with("FEEDME__LIMITS__ENABLED", "true")
        .with("FEEDME__LIMITS__READ_PER_MINUTE", "60");
    let key = |scopes: &str| {
        let made = guarded.run(&["keys", "create", "--name", "one", "--scopes", scopes]);
        format!("Bearer {}", made.trim_end())
    };
    let [admin, reads, writes, spends] = ["admin", "read", "write", "read"].map(key);
    let world = guarded.serve();
    world.put("/v1/users/ivan", json!({})).header("Authorization", &admin).await.is(201);
    let path = "/v1/feeds/ivan/friends";
    both_ways(&world, path, &[]).await.is_problem(401, "unauthorized");
    both_ways(&world, path, &[("Authorization", "Bearer fm_unknown")]).await.is(401);
    both_ways(&world, path, &[("Authorization", &writes)]).await.is(403);
    both_ways(&world, "/feed/ivan", &[("Authorization", &writes)]).await.is(403);
    let left = async |long: bool| {
        let call = world.get(path).header("Authorization", &reads);
        let answer = if long { call.header(LONG_WAY.0, LONG_WAY.1).await } else { call.await };
        answer.is(200).header("ratelimit").split(';').nth(1).unwrap().to_owned()
    };
    assert_eq!([left(false).await, left(true).await, left(false).await], ["r=59", "r=58", "r=57"]);
    let mut spent = world.get(path).header("Authorization", &spends).await;
    for _ in 0..80 {
        if spent.status == 429 {
            break;
        }
        spent = world.get(path).header("Authorization", &spends).await;
    }
    spent.is_problem(429, "too-many-requests");
    let told = world.get("/metrics").header("Authorization", &admin).await.text();
    let refused = told.lines().find(|line| line.contains("friends") && line.contains("4xx")).unwrap();
    assert!(refused.contains(r#"route="/v1/feeds/{username}/friends""#), "{refused}");
}
