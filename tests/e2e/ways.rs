//! Pages of feeds take a short way through the server where their request is written plainly, and the long way of all
//! others otherwise. Nobody can tell which.

use serde_json::json;

use crate::kit::{Answer, Place, Store, World, on_both_stores};

/// Sends the server onto the long way, and changes nothing about the answer.
const LONG_WAY: (&str, &str) = ("Accept-Encoding", "identity;q=1");

/// What both ways answer, without what is new in every answer.
async fn both_ways(world: &World, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut call = world.get(path);
    let mut long = world.get(path).header(LONG_WAY.0, LONG_WAY.1);
    for (name, value) in headers {
        (call, long) = (call.header(name, value), long.header(name, value));
    }
    let (short, long) = (call.await, long.await);
    assert_eq!(short.status, long.status, "{short}");
    let without_ids = |answer: &Answer| answer.text().replace(&answer.header("x-request-id"), "ID");
    assert_eq!(without_ids(&short), without_ids(&long), "{short}");
    let told = |answer: &Answer| {
        let names = answer.headers.keys().filter(|name| !["date", "x-request-id"].contains(&name.as_str()));
        let mut told: Vec<_> =
            names.map(|name| (name.to_string(), answer.find_header(name.as_str()))).collect();
        told.sort();
        told
    };
    assert_eq!(told(&short), told(&long), "{path} with {headers:?}");
    short
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

on_both_stores!(every_request_for_a_feed_is_answered_the_same_on_both_ways);

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
