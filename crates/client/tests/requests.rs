//! How requests are sent, and sent again; against a server that says what it is told to.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use feed_me_client::{Client, Error, NewActivity, Position, ProblemKind, Retries};
use futures_util::TryStreamExt;
use serde_json::{Value, json};
use wiremock::{
    Mock, MockServer, Request, ResponseTemplate,
    matchers::{header, method, path, query_param},
};

fn client(server: &MockServer) -> Client {
    let retries = Retries { first_pause: Duration::from_millis(5), ..Retries::default() };
    Client::builder(&server.uri()).credential("fm_secret").retries(retries).build().unwrap()
}

fn activity() -> Value {
    json!({
        "id": "019c0000-0000-7000-8000-000000000001", "actor": "eric", "verb": "share", "object": "1", "target": null,
        "published": "2026-02-24T21:20:58.123456Z", "external_id": null, "data": {"n": 1.0}, "edited_at": null,
    })
}

fn problem(status: u16, kind: &str) -> ResponseTemplate {
    let body = json!({
        "type": format!("/problems/{kind}"), "title": "t", "status": status, "detail": "d", "instance": "/", "request_id": "r",
    });
    ResponseTemplate::new(status).set_body_raw(body.to_string(), "application/problem+json")
}

fn keys(requests: &[Request]) -> BTreeSet<String> {
    requests.iter().map(|it| it.headers["idempotency-key"].to_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_post_is_sent_again_under_the_same_key_and_two_posts_have_two() {
    let server = MockServer::start().await;
    let busy = problem(503, "overloaded").insert_header("retry-after", "0");
    Mock::given(method("POST")).respond_with(busy).up_to_n_times(2).mount(&server).await;
    let done = ResponseTemplate::new(201).set_body_json(activity());
    Mock::given(method("POST")).and(path("/v1/activities")).respond_with(done).mount(&server).await;
    let client = client(&server);
    let posted = client.post(&NewActivity::new("eric", "share").object("1")).await.unwrap();
    assert!(posted.is_created());
    assert_eq!((posted.verb.as_str(), &posted.data["n"]), ("share", &json!(1.0)));
    let requests = server.received_requests().await.unwrap();
    assert_eq!((requests.len(), keys(&requests).len()), (3, 1));
    assert_eq!(requests[0].body, br#"{"actor":"eric","verb":"share","object":"1"}"#);
    client.post(&NewActivity::new("eric", "share")).await.unwrap();
    assert_eq!(keys(&server.received_requests().await.unwrap()).len(), 2);
    client.post_once("mine", &NewActivity::new("eric", "share")).await.unwrap();
    assert!(keys(&server.received_requests().await.unwrap()).contains("mine"));
}

#[tokio::test]
async fn the_server_says_how_long_to_wait() {
    let server = MockServer::start().await;
    let spent = problem(429, "too-many-requests").insert_header("retry-after", "1");
    Mock::given(method("GET")).respond_with(spent).up_to_n_times(1).mount(&server).await;
    Mock::given(method("GET")).respond_with(problem(404, "user-not-found")).mount(&server).await;
    let begun = Instant::now();
    let error = client(&server).user("ivan").await.unwrap_err();
    assert!(error.is(ProblemKind::UserNotFound) && error.status() == Some(404), "{error}");
    assert!(Duration::from_secs(1) <= begun.elapsed(), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn what_will_not_pass_is_not_tried_again_and_what_does_not_pass_ends() {
    let server = MockServer::start().await;
    Mock::given(method("GET")).respond_with(problem(503, "unavailable")).mount(&server).await;
    Mock::given(method("PUT")).respond_with(problem(403, "blocked")).mount(&server).await;
    let far = problem(503, "unavailable").insert_header("retry-after", "3600");
    Mock::given(method("DELETE")).respond_with(far).mount(&server).await;
    let client = client(&server);
    assert!(client.user("ivan").await.unwrap_err().is(ProblemKind::Unavailable));
    assert_eq!(server.received_requests().await.unwrap().len(), 5);
    assert!(client.follow("ivan", "eric").await.unwrap_err().is(ProblemKind::Blocked));
    assert_eq!(server.received_requests().await.unwrap().len(), 6);
    let error = client.unfollow("ivan", "eric").await.unwrap_err();
    assert_eq!(error.problem().unwrap().retry_after, Some(Duration::from_hours(1)));
    assert_eq!(server.received_requests().await.unwrap().len(), 7);
}

#[tokio::test]
async fn what_was_written_is_read() {
    let server = MockServer::start().await;
    let done = |position: &str| {
        ResponseTemplate::new(201).set_body_json(activity()).insert_header("feed-position", position)
    };
    Mock::given(method("POST")).respond_with(done("9")).up_to_n_times(1).mount(&server).await;
    Mock::given(method("POST")).respond_with(done("7")).mount(&server).await;
    let page = json!({ "items": [activity()], "next_cursor": null, "previous_cursor": "p" });
    let page = ResponseTemplate::new(200).set_body_json(page).insert_header("feed-position", "12");
    Mock::given(method("GET")).respond_with(page.insert_header("etag", "\"t\"")).mount(&server).await;
    let client = client(&server);
    let before = client.friends_feed("ivan").page().await.unwrap();
    assert_eq!((before.position, before.etag.as_deref()), (Some(Position(12)), Some("\"t\"")));
    let clone = client.clone();
    clone.post(&NewActivity::new("eric", "share")).await.unwrap();
    clone.post(&NewActivity::new("eric", "share")).await.unwrap();
    client.friends_feed("ivan").page().await.unwrap();
    client.forget_position();
    client.see(Position(20));
    client.friends_feed("ivan").page().await.unwrap();
    let requests = server.received_requests().await.unwrap();
    let told =
        |index: usize| requests[index].headers.get("feed-position").map(|it| it.to_str().unwrap().to_owned());
    assert_eq!((told(0), told(3).as_deref(), told(4).as_deref()), (None, Some("9"), Some("20")));
    assert!(requests.iter().all(|request| request.headers["authorization"] == "Bearer fm_secret"));
}

#[tokio::test]
async fn a_listing_is_walked_both_ways() {
    let server = MockServer::start().await;
    let user = |name: &str| {
        json!({ "id": "019c0000-0000-7000-8000-000000000001", "username": name, "display_name": null,
            "created_at": "2026-02-24T21:20:58Z", "following": 0, "followers": 0, "activities": 0 })
    };
    let page = |names: &[&str], next: Option<&str>, previous: &str| {
        let items: Vec<Value> = names.iter().map(|name| user(name)).collect();
        ResponseTemplate::new(200)
            .set_body_json(json!({ "items": items, "next_cursor": next, "previous_cursor": previous }))
    };
    for (cursor, answer) in [
        ("2", page(&["c", "d"], Some("3"), "1")),
        ("3", page(&["e"], None, "2b")),
        ("up", page(&["a", "b"], Some("2"), "top")),
        ("top", page(&[], Some("2"), "top")),
    ] {
        let at = Mock::given(method("GET")).and(query_param("cursor", cursor)).and(query_param("limit", "2"));
        at.respond_with(answer).with_priority(1).mount(&server).await;
    }
    let first = Mock::given(path("/v1/users")).and(query_param("prefix", "a b&c"));
    first.respond_with(page(&["a", "b"], Some("2"), "up")).mount(&server).await;
    let client = client(&server);
    let names =
        |users: Vec<feed_me_client::User>| users.into_iter().map(|it| it.username).collect::<String>();
    let listing = client.users().prefix("a b&c").limit(2);
    assert_eq!(names(listing.clone().items().try_collect().await.unwrap()), "abcde");
    assert_eq!(names(listing.cursor("up").newer().try_collect().await.unwrap()), "ba");
}

#[tokio::test]
async fn names_are_segments_whatever_they_are() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(header("accept", "application/json"))
        .respond_with(problem(404, "user-not-found"))
        .mount(&server)
        .await;
    let client = Client::new(&format!("{}/base/", server.uri())).unwrap();
    client.user("a b%2F?#é;+").await.unwrap_err();
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests[0].url.path(), "/base/v1/users/a%20b%252F%3F%23%C3%A9;+");
}

#[tokio::test]
async fn an_answer_that_is_lost_is_asked_for_again_where_that_is_safe() {
    // Nobody listens there.
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let retries = Retries { times: 2, first_pause: Duration::from_millis(1), ..Retries::default() };
    let client = Client::builder(&format!("http://{free}")).retries(retries).build().unwrap();
    assert!(matches!(client.user("ivan").await, Err(Error::Transport(_))));
    // Somebody who takes a request and hangs up.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = Client::builder(&format!("http://{}", listener.local_addr().unwrap()))
        .retries(retries)
        .build()
        .unwrap();
    let hanging_up = tokio::spawn(async move {
        let mut taken = 0;
        while let Ok(Ok((stream, _))) = tokio::time::timeout(Duration::from_secs(1), listener.accept()).await
        {
            stream.readable().await.unwrap();
            let _ = stream.try_read(&mut [0; 4096]);
            taken += 1;
        }
        taken
    });
    assert!(matches!(client.post(&NewActivity::new("a", "b")).await, Err(Error::Transport(_))));
    let patch = feed_me_client::UserPatch::new().username("x");
    assert!(matches!(client.edit_user("ivan", &patch).await, Err(Error::Transport(_))));
    assert_eq!(hanging_up.await.unwrap(), 3 + 1, "the post three times, the patch once");
}

#[test]
fn what_is_no_server_is_refused() {
    for url in ["", "feed.example", "mailto:x", "data:x"] {
        assert!(matches!(Client::new(url), Err(Error::Unusable(_))), "{url}");
    }
    assert!(matches!(Client::builder("http://x").credential("a\nb").build(), Err(Error::Unusable(_))));
}
