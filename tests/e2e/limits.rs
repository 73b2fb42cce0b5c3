//! How much one client may ask for, and who is turned away when there is too much to do.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;

use crate::kit::{Answer, Place, Store, World, on_sqlite};

on_sqlite!(a_developer_has_no_limits);

async fn a_developer_has_no_limits(world: &World) {
    for _ in 0..20 {
        let answer = world.get("/v1/users").await;
        answer.is(200);
        assert_eq!((answer.find_header("ratelimit"), answer.find_header("ratelimit-policy")), (None, None));
    }
}

fn limited(place: Place) -> Place {
    let place = place.with("FEEDME__LIMITS__ENABLED", "true");
    let place = place.with("FEEDME__LIMITS__READ_PER_MINUTE", "60");
    place.with("FEEDME__LIMITS__WRITE_PER_MINUTE", "3").with("FEEDME__LIMITS__HEAVY_PER_MINUTE", "2")
}

fn policy_and_left(answer: &Answer) -> (String, String) {
    (answer.header("ratelimit-policy"), answer.header("ratelimit"))
}

#[tokio::test]
async fn who_spends_a_limit_waits_as_long_as_the_answer_says() {
    let world = limited(Place::fresh(Store::Sqlite)).serve();
    let first = world.get("/v1/users").await;
    let wanted = ("\"read\";q=60;w=60".to_owned(), "\"read\";r=59;t=1".to_owned());
    assert_eq!(policy_and_left(first.is(200)), wanted);
    let answers = join_all((0..90).map(|_| world.get("/v1/users").into_future())).await;
    let spent: Vec<_> = answers.iter().filter(|answer| answer.status == 429).collect();
    assert!(!spent.is_empty());
    for answer in spent {
        answer.is_problem(429, "too-many-requests");
        assert_eq!(answer.header("retry-after"), "1");
        assert_eq!(policy_and_left(answer), (wanted.0.clone(), "\"read\";r=0;t=60".to_owned()));
    }
    // Others are as they were: health, and another class.
    world.get("/livez").await.is(200);
    world.put("/v1/users/ivan", json!({})).await.is(201);
    tokio::time::sleep(Duration::from_millis(1200)).await;
    world.get("/v1/users").await.is(200);
}

#[tokio::test]
async fn the_classic_routes_are_limited_in_their_own_words() {
    let world = limited(Place::fresh(Store::Sqlite)).serve();
    let post =
        || world.post("/activity", json!({ "actor": "nobody", "verb": "v", "object": null, "target": "" }));
    for _ in 0..3 {
        assert_eq!(policy_and_left(post().await.is(404)).0, "\"write\";q=3;w=60");
    }
    let spent = post().await;
    assert!(spent.is(429).json()["error"].as_str().unwrap().contains("'write'"), "{spent}");
    assert_eq!(spent.header("retry-after"), "20");
    assert_eq!(policy_and_left(world.get("/feed/nobody?page=5000").await.is(404)).0, "\"heavy\";q=2;w=60");
}

#[tokio::test]
async fn each_key_has_limits_of_its_own_and_so_has_a_user() {
    let place = limited(Place::fresh(Store::Sqlite)).with("FEEDME__AUTH__MODE", "keys");
    let key =
        |name: &str| place.run(&["keys", "create", "--name", name, "--scopes", "admin"]).trim().to_owned();
    let (one, other) = (key("one"), key("other"));
    let world = place.serve();
    let call = |method: Method, path: &str, key: &str| {
        world.call(method, path).header("Authorization", format!("Bearer {key}"))
    };
    let write = |user: &str, key: &str| call(Method::PUT, &format!("/v1/users/{user}"), key).json(json!({}));
    for user in ["a", "b", "c"] {
        write(user, &one).await.is(201);
    }
    write("d", &one).await.is(429);
    write("d", &other).await.is(201);
    let token = call(Method::POST, "/v1/users/a/tokens", &other).await.is(201).str_at("/token");
    let follow = call(Method::PUT, "/v1/users/a/following/b", &token).await;
    assert_eq!(policy_and_left(follow.is(201)).1, "\"write\";r=2;t=20");
    // Who is not known spends nobody's limit.
    let stranger = world.get("/v1/users").await;
    assert_eq!(stranger.is(401).find_header("ratelimit"), None);
    let read = call(Method::GET, "/v1/users", &one).await;
    assert_eq!(policy_and_left(read.is(200)).1, "\"read\";r=59;t=1");
}

/// A server whose database is soon too slow: one connection, and hardly any patience.
fn narrow(store: Store) -> World {
    World::start_with(
        store,
        &[
            ("FEEDME__DATABASE__POOL_SIZE", "1"),
            ("FEEDME__DATABASE__QUEUE_TARGET_MS", "1"),
            ("FEEDME__FEED__ENGINE", "sql"),
        ],
    )
}

async fn too_much_to_do(store: Store) {
    let world = narrow(store);
    let [ivan] = world.users(["ivan"]).await;
    world.get("/v1/users").await.is(200);
    let lists = join_all((0..300).map(|_| world.get("/v1/users").into_future()));
    let health = async {
        for _ in 0..10 {
            world.get("/livez").await.is(200);
            world.get("/metrics").await.is(200);
        }
    };
    let (answers, ()) = tokio::join!(lists, health);
    let turned_away: Vec<_> = answers.iter().filter(|answer| answer.status == 503).collect();
    assert!(!turned_away.is_empty(), "300 lists at once by one connection");
    for answer in turned_away {
        answer.is_problem(503, "overloaded");
        assert_eq!(answer.header("retry-after"), "1");
    }
    assert!(answers.iter().all(|answer| [200, 503].contains(&answer.status.as_u16())));
    // And when it is over, everybody is served.
    world.get("/v1/users").await.is(200);
    ivan.posts("share", "post:1").await.is(201);
    let metrics = world.get("/metrics").await.text();
    let shed = metrics
        .lines()
        .find(|line| line.starts_with("feedme_requests_shed_total{rank=\"list\",reason=\"queue\"}"));
    assert!(shed.is_some_and(|line| !line.ends_with(" 0")), "{metrics}");
}

#[tokio::test]
async fn when_there_is_too_much_to_do_lists_are_turned_away_on_sqlite() {
    too_much_to_do(Store::Sqlite).await;
}

#[tokio::test]
async fn when_there_is_too_much_to_do_lists_are_turned_away_on_postgres() {
    too_much_to_do(Store::Postgres).await;
}
