//! Random bodies, paths and queries: whatever is sent, the answer is never a 5xx. (The kit fails on any 500; here on all.)

use proptest::{prelude::*, test_runner::TestRunner};
use reqwest::Method;
use serde_json::{Value, json};

use crate::kit::{Call, Store, World};

/// Cases for each kind of request; each is a round trip.
const CASES: u32 = 150;

/// Any JSON, often with the members that the server knows.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any_text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(any_member(), inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn any_member() -> impl Strategy<Value = String> {
    const KNOWN: [&str; 13] = [
        "actor",
        "verb",
        "object",
        "target",
        "published",
        "external_id",
        "data",
        "follow",
        "unfollow",
        "from",
        "username",
        "display_name",
        "activities",
    ];
    prop_oneof![3 => prop::sample::select(&KNOWN[..]).prop_map(str::to_owned), 1 => any_text()]
}

/// Text of all kinds: names that exist, instants, noise of every plane.
fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(
            &["ivan", "eric", "", "now", "2020-01-01T00:00:00Z", "9999-12-31T23:59:59Z", ".", ".."][..]
        )
        .prop_map(str::to_owned),
        any::<String>(),
        "[\\x00-\\x7f]{0,12}",
        "[a-z]{70,90}",
    ]
}

/// JSON as text, sometimes damaged.
fn any_body() -> impl Strategy<Value = Vec<u8>> {
    (any_json(), any::<prop::sample::Index>(), any::<u8>(), 0..4_u8).prop_map(|(value, at, byte, damage)| {
        let mut body = value.to_string().into_bytes();
        let at = at.index(body.len());
        match damage {
            0 => body[at] = byte,
            1 => body.truncate(at),
            _ => {}
        }
        body
    })
}

fn any_query() -> impl Strategy<Value = String> {
    let name = prop::sample::select(
        &[
            "limit",
            "cursor",
            "verb",
            "include_self",
            "prefix",
            "page",
            "with",
            "activity",
            "actor",
            "external_id",
            "keep_history",
            "atomic",
            "x",
        ][..],
    );
    let pair = (name, any_text()).prop_map(|(name, value)| format!("{name}={}", encoded(&value)));
    prop::collection::vec(pair, 0..4).prop_map(|pairs| pairs.join("&"))
}

fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// Sends every case to a server and fails, with the smallest case, on an answer of 5xx.
async fn never_fails<S: Strategy>(store: Store, strategy: S, call: impl Fn(&World, &S::Value) -> Call)
where
    S::Value: Clone,
{
    let world = World::start(store);
    world.users(["ivan", "eric"]).await;
    let mut runner =
        TestRunner::new(ProptestConfig { cases: CASES, failure_persistence: None, ..Default::default() });
    let handle = tokio::runtime::Handle::current();
    let run = || {
        runner.run(&strategy, |case| {
            let answer = handle.block_on(call(&world, &case).into_future());
            prop_assert!(answer.status.as_u16() < 500, "{}", answer);
            Ok(())
        })
    };
    if let Err(failure) = tokio::task::block_in_place(run) {
        panic!("{failure}");
    }
    world.get("/readyz").await.is(200);
}

macro_rules! never_fails_on_both_stores {
    ($($name:ident: $strategy:expr, $call:expr;)+) => {
        mod sqlite {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
            async fn $name() {
                never_fails(Store::Sqlite, $strategy, $call).await;
            })+
        }
        mod postgres {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
            async fn $name() {
                never_fails(Store::Postgres, $strategy, $call).await;
            })+
        }
    };
}

fn paths_with_bodies() -> impl Strategy<Value = (Method, &'static str)> {
    prop::sample::select(vec![
        (Method::POST, "/activity"),
        (Method::POST, "/feed/ivan"),
        (Method::POST, "/v1/activities"),
        (Method::POST, "/v1/activities/batch"),
        (Method::POST, "/v1/activities/batch?atomic=true"),
        (Method::POST, "/v1/users/ivan/following"),
        (Method::PUT, "/v1/users/zoe"),
        (Method::PUT, "/v1/users/ivan/following/eric"),
        (Method::PATCH, "/v1/users/eric"),
    ])
}

fn paths_with_queries() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "/feed/ivan",
        "/feed/ivan/friends",
        "/v1/users",
        "/v1/users/ivan/following",
        "/v1/users/ivan/followers",
        "/v1/users/ivan/blocks",
        "/v1/users/ivan/mutes",
        "/v1/users/ivan/relationships",
        "/v1/activities",
        "/v1/feeds/ivan",
        "/v1/feeds/ivan/friends",
        "/v1/feeds/ivan/mentions",
        "/v1/feeds/ivan/friends/explain",
    ])
}

never_fails_on_both_stores!(
    a_body_never_makes_a_5xx: (paths_with_bodies(), any_body()), |world, ((method, path), body)| {
        world.call(method.clone(), path).text("application/json", body.clone())
    };
    an_almost_right_activity_never_makes_a_5xx: prop::collection::btree_map(any_member(), any_json(), 0..5), |world, members| {
        let mut body = json!({ "actor": "ivan", "verb": "post" });
        body.as_object_mut().unwrap().extend(members.clone());
        world.post("/v1/activities", body)
    };
    a_query_never_makes_a_5xx: (paths_with_queries(), any_query()), |world, (path, query)| {
        world.get(&format!("{path}?{query}"))
    };
    a_name_in_a_path_never_makes_a_5xx: (any_text(), 0..6_usize), |world, (name, route)| {
        let name = encoded(name);
        match route {
            0 => world.put(&format!("/v1/users/{name}"), json!({})),
            1 => world.get(&format!("/v1/feeds/{name}/friends")),
            2 => world.put(&format!("/v1/users/ivan/following/{name}"), json!({})),
            3 => world.get(&format!("/v1/activities/{name}")),
            4 => world.get(&format!("/feed/{name}?page=2")),
            _ => world.delete(&format!("/v1/users/{name}/blocks/eric")),
        }
    };
);
