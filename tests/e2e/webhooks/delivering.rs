//! What arrives, in what order, and what happens when it does not.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Receiver, Reply, log_of, on_both_delivering, place, subscribed, until};
use crate::kit::{Store, World};

on_both_delivering!(
    what_happens_arrives_once_in_order_and_signed,
    a_filter_lets_through_what_it_names,
    a_delivery_that_fails_is_tried_again_and_the_next_one_waits,
    a_dead_letter_is_listed_and_delivered_when_asked_for,
    a_replay_delivers_again_what_the_log_holds,
    a_receiver_that_is_gone_is_left_alone,
    a_slow_receiver_does_not_slow_another,
    what_a_kill_interrupted_goes_on_in_order,
    a_message_tells_the_state_of_now_and_no_name_of_the_erased,
    what_is_delivered_is_counted,
);

async fn what_happens_arrives_once_in_order_and_signed(world: &World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    let receiver = Receiver::start();
    let (path, secret) = subscribed(world, &receiver.url(), json!({})).await;
    let posted = ivan.posts_also("like", "post:1", json!({ "target": "eric", "data": { "a": "ü" } })).await;
    let id = posted.is(201).id();
    eric.follows(&ivan).await.is(201);
    world.patch(&format!("/v1/activities/{id}"), json!({ "verb": "love" })).await.is(200);
    world.delete(&format!("/v1/activities/{id}")).await.is(204);
    let arrived = receiver.has(4).await;
    let types: Vec<Value> = arrived.iter().map(|it| it.json()["type"].clone()).collect();
    assert_eq!(types, ["activity.added", "follow.added", "activity.edited", "activity.removed"]);
    let events = world.get("/v1/events?after=2").await.at("/events");
    for (arrived, event) in arrived.iter().zip(events.as_array().unwrap()) {
        arrived.is_signed_by(&secret);
        assert_eq!(arrived.line, "POST /hook HTTP/1.1");
        assert_eq!(arrived.header("content-type"), "application/json");
        assert!(arrived.header("user-agent").starts_with("feed-me/"));
        let message = arrived.json();
        assert_eq!(message["timestamp"], event["at"]);
        for (member, value) in event.as_object().unwrap() {
            assert_eq!(message["data"][member], *value, "{message}");
        }
    }
    // What was told of the activity is what it was when that was sent; by the end it is gone.
    assert_eq!(arrived[3].json()["data"]["activity"], Value::Null);
    let mut ids: Vec<&str> = arrived.iter().map(|it| it.header("webhook-id")).collect();
    ids.dedup();
    assert_eq!(ids.len(), 4);
    until("all is noted", async || world.get(&path).await.at("/position") == json!("6")).await;
    for number in 0..30 {
        ivan.posts("share", &number.to_string()).await.is(201);
    }
    receiver.has(34).await;
    let wanted: Vec<String> = (0..30).map(|number| format!("ivan share {number}")).collect();
    assert_eq!(receiver.lines()[4..], wanted);
    let shown = world.get(&format!("{path}/deliveries/3")).await;
    assert_eq!((shown.is(200).at("/state"), shown.at("/attempts")), (json!("delivered"), json!(1)));
    assert_eq!((shown.at("/last_status"), shown.at("/last_error")), (json!(204), Value::Null));
    assert_eq!(shown.str_at("/message_id"), arrived[0].header("webhook-id"));
}

async fn a_filter_lets_through_what_it_names(world: &World) {
    let [ivan, eric, niko] = world.users(["ivan", "eric", "niko"]).await;
    let [by_ivan, to_eric, likes, follows] = [(); 4].map(|()| Receiver::start());
    subscribed(world, &by_ivan.url(), json!({ "actor": "ivan" })).await;
    subscribed(world, &to_eric.url(), json!({ "target": "eric", "kinds": ["activity.added"] })).await;
    subscribed(world, &likes.url(), json!({ "verb": "like" })).await;
    subscribed(
        world,
        &follows.url(),
        json!({ "kinds": ["follow.added", "follow.removed"], "actor": "niko" }),
    )
    .await;
    ivan.posts_to("like", "1", &eric).await.is(201);
    niko.posts_to("share", "2", &eric).await.is(201);
    eric.posts_to("like", "3", &ivan).await.is(201);
    ivan.follows(&eric).await.is(201);
    niko.follows(&eric).await.is(201);
    ivan.posts("share", "4").await.is(201);
    by_ivan.has_lines(&["ivan like 1", "follow.added", "ivan share 4"]).await;
    to_eric.has_lines(&["ivan like 1", "niko share 2"]).await;
    likes.has_lines(&["ivan like 1", "eric like 3"]).await;
    follows.has_lines(&["follow.added"]).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let counts = [&by_ivan, &to_eric, &likes, &follows].map(|receiver| receiver.lines().len());
    assert_eq!(counts, [3, 2, 2, 1]);
}

async fn a_delivery_that_fails_is_tried_again_and_the_next_one_waits(world: &World) {
    let [ivan] = world.users(["ivan"]).await;
    let receiver = Receiver::start();
    let elsewhere = Receiver::start();
    let (path, secret) = subscribed(world, &receiver.url(), json!({})).await;
    receiver.answers([
        Reply::status(500).body("a body with the name ivan"),
        // A redirection is not followed.
        Reply::status(302).header("Location", &elsewhere.url()),
        Reply::status(429).header("Retry-After", "1").body(vec![b'x'; 1_000_000]),
    ]);
    ivan.posts("like", "1").await.is(201);
    ivan.posts("like", "2").await.is(201);
    let first = "ivan like 1";
    receiver.has_lines(&[first, first, first, first, "ivan like 2"]).await;
    let arrived = receiver.arrived();
    for attempt in &arrived[..4] {
        attempt.is_signed_by(&secret);
        assert_eq!(attempt.header("webhook-id"), arrived[0].header("webhook-id"));
    }
    let pause = |number: usize| arrived[number].at - arrived[number - 1].at;
    assert!(Duration::from_millis(50) <= pause(1) && Duration::from_millis(100) <= pause(2));
    // The receiver wanted a second; the longest pause is shorter, and counts.
    assert!(Duration::from_millis(400) <= pause(3), "{:?}", pause(3));
    assert!(elsewhere.arrived().is_empty(), "a redirection was followed");
    until("all is noted", async || log_of(world, &path, "").await == ["2 delivered 4", "3 delivered 1"])
        .await;
    assert_eq!(world.get(&path).await.at("/failing_since"), Value::Null);
    // Too slow is a failure, too.
    receiver.answers([Reply::status(204).after(Duration::from_secs(4))]);
    ivan.posts("like", "3").await.is(201);
    let arrived = receiver.has(7).await;
    let pause = arrived[6].at - arrived[5].at;
    assert!(Duration::from_secs(2) <= pause && pause < Duration::from_secs(4), "{pause:?}");
    assert_eq!(receiver.lines()[5..], ["ivan like 3", "ivan like 3"]);
}

async fn a_dead_letter_is_listed_and_delivered_when_asked_for(world: &World) {
    let [ivan] = world.users(["ivan"]).await;
    let receiver = Receiver::start();
    let (path, _) = subscribed(world, &receiver.url(), json!({})).await;
    receiver.answers([503, 503, 503, 503].map(Reply::status));
    ivan.posts("like", "1").await.is(201);
    ivan.posts("like", "2").await.is(201);
    let first = "ivan like 1";
    receiver.has_lines(&[first, first, first, first, "ivan like 2"]).await;
    until("all is noted", async || log_of(world, &path, "").await == ["2 dead 4", "3 delivered 1"]).await;
    assert_eq!(log_of(world, &path, "?state=dead").await, ["2 dead 4"]);
    let letter = format!("{path}/deliveries/2");
    let shown = world.get(&letter).await;
    assert_eq!((shown.is(200).at("/last_status"), shown.at("/next_at")), (json!(503), Value::Null));
    assert_eq!(shown.str_at("/last_error"), "the receiver answered 503");
    let again = world.call(reqwest::Method::POST, &format!("{letter}/redeliver")).await;
    assert_eq!((again.is(202).at("/state"), again.at("/attempts")), (json!("pending"), json!(0)));
    receiver.has_lines(&[first, first, first, first, "ivan like 2", first]).await;
    until("it is noted", async || log_of(world, &path, "?state=dead").await.is_empty()).await;
    world.post(&format!("{letter}/redeliver"), json!({})).await.is(202);
    receiver.has(7).await;
    let arrived = receiver.arrived();
    assert_eq!(arrived[6].header("webhook-id"), arrived[0].header("webhook-id"));
    world.post(&format!("{letter}/redeliver"), json!({ "now": true })).await.has_faults(&["/now"]);
}

async fn a_replay_delivers_again_what_the_log_holds(world: &World) {
    let [ivan] = world.users(["ivan"]).await;
    let receiver = Receiver::start();
    ivan.posts("like", "before").await.is(201);
    let (path, _) = subscribed(world, &receiver.url(), json!({ "kinds": ["activity.added"] })).await;
    ivan.posts("like", "1").await.is(201);
    receiver.has_lines(&["ivan like 1"]).await;
    until("it is noted", async || world.get(&path).await.at("/position") == json!("3")).await;
    let replayed = world.post(&format!("{path}/replay"), json!({ "from": "beginning" })).await;
    assert_eq!(replayed.is(200).at("/position"), json!("0"));
    let all = ["ivan like 1", "ivan like before", "ivan like 1"];
    receiver.has_lines(&all).await;
    let arrived = receiver.arrived();
    assert_eq!(arrived[2].header("webhook-id"), arrived[0].header("webhook-id"));
    until("it is noted", async || world.get(&path).await.at("/position") == json!("3")).await;
    world.post(&format!("{path}/replay"), json!({ "from": "2" })).await.is(200);
    receiver.has(4).await;
    assert_eq!(receiver.lines()[3], "ivan like 1");
    // Past what waits.
    receiver.always(Reply::status(500));
    ivan.posts("like", "never").await.is(201);
    receiver.has(5).await;
    world.post(&format!("{path}/replay"), json!({ "from": "now" })).await.is(200);
    receiver.always(Reply::status(200));
    ivan.posts("like", "at last").await.is(201);
    until("it arrives", async || receiver.lines().last().is_some_and(|line| line == "ivan like at last"))
        .await;
    assert_eq!(log_of(world, &path, "?state=dead").await, [""; 0]);
}

async fn a_receiver_that_is_gone_is_left_alone(world: &World) {
    let [ivan] = world.users(["ivan"]).await;
    let receiver = Receiver::start();
    let (path, _) = subscribed(world, &receiver.url(), json!({})).await;
    receiver.always(Reply::status(410));
    ivan.posts("like", "1").await.is(201);
    until("it is switched off", async || world.get(&path).await.at("/status") == json!("gone")).await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(receiver.lines(), ["ivan like 1"]);
    receiver.always(Reply::status(204));
    let on = world.patch(&path, json!({ "enabled": true })).await;
    assert_eq!((on.is(200).at("/status"), on.at("/failing_since")), (json!("enabled"), Value::Null));
    receiver.has_lines(&["ivan like 1", "ivan like 1"]).await;
}

async fn a_slow_receiver_does_not_slow_another(world: &World) {
    let [ivan] = world.users(["ivan"]).await;
    let (slow, quick) = (Receiver::start(), Receiver::start());
    slow.always(Reply::status(204).after(Duration::from_millis(1500)));
    for _ in 0..5 {
        subscribed(world, &slow.url(), json!({})).await;
    }
    subscribed(world, &quick.url(), json!({})).await;
    for number in 0..10 {
        ivan.posts("like", &number.to_string()).await.is(201);
    }
    quick.has(10).await;
    let wanted: Vec<String> = (0..10).map(|number| format!("ivan like {number}")).collect();
    assert_eq!(quick.lines(), wanted);
    assert!(slow.arrived().len() < 50, "the slow one was not slow");
}

async fn what_a_kill_interrupted_goes_on_in_order(world: &World) {
    let [ivan] = world.users(["ivan"]).await;
    let receiver = Receiver::start();
    receiver.always(Reply::status(204).after(Duration::from_millis(30)));
    let (path, secret) = subscribed(world, &receiver.url(), json!({})).await;
    let mut wanted = Vec::new();
    for round in 0..3 {
        for number in 0..15 {
            let object = format!("{round}/{number}");
            ivan.posts("like", &object).await.is(201);
            wanted.push(format!("ivan like {object}"));
        }
        receiver.has(round * 15 + 5).await;
        world.crash_and_start_again();
    }
    until("all arrives", async || receiver.lines().last() == wanted.last()).await;
    let arrived = receiver.arrived();
    // What was sent and could not be noted is sent again, right away and under its id.
    let mut lines = receiver.lines();
    lines.dedup();
    assert_eq!(lines, wanted);
    assert!(arrived.len() <= wanted.len() + 3, "{} for {}", arrived.len(), wanted.len());
    for it in &arrived {
        it.is_signed_by(&secret);
    }
    until("all is noted", async || world.get(&path).await.at("/position") == json!("46")).await;
}

async fn a_message_tells_the_state_of_now_and_no_name_of_the_erased(world: &World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    let receiver = Receiver::start();
    let (path, _) = subscribed(world, &receiver.url(), json!({})).await;
    world.patch(&path, json!({ "enabled": false })).await.is(200);
    ivan.posts("like", "1").await.is(201);
    eric.posts_to("greet", "2", &ivan).await.is(201);
    eric.renames_to("erich").await.is(200);
    ivan.leaves().await.is(200);
    world.patch(&path, json!({ "enabled": true })).await.is(200);
    receiver.has_lines(&["activity.added", "erich greet 2", "user.updated", "user.erased"]).await;
    for arrived in receiver.arrived() {
        assert!(!arrived.body.contains("ivan"), "{}", arrived.body);
    }
    let first = receiver.arrived()[0].json();
    assert_eq!((&first["data"]["user_id"], &first["data"]["activity"]), (&Value::Null, &Value::Null));
    assert_eq!(receiver.arrived()[1].json()["data"]["activity"]["target"], Value::Null);
}

async fn what_is_delivered_is_counted(world: &World) {
    let [ivan] = world.users(["ivan"]).await;
    let receiver = Receiver::start();
    subscribed(world, &receiver.url(), json!({})).await;
    subscribed(world, &receiver.url(), json!({ "enabled": false })).await;
    receiver.answers([500, 500, 500, 500].map(Reply::status));
    ivan.posts("like", "1").await.is(201);
    ivan.posts("like", "2").await.is(201);
    receiver.has(5).await;
    let wanted = [
        r#"feedme_webhook_attempts_total{outcome="delivered"} 1"#,
        r#"feedme_webhook_attempts_total{outcome="retried"} 3"#,
        r#"feedme_webhook_attempts_total{outcome="dead"} 1"#,
        "feedme_webhook_attempt_seconds_count 5",
        "feedme_webhook_dead_letters 1",
        "feedme_webhook_lag_events 0",
        r#"feedme_webhooks{status="enabled"} 1"#,
        r#"feedme_webhooks{status="paused"} 1"#,
    ];
    until("all is counted", async || {
        let told = world.get("/metrics").await.is(200).text();
        wanted.iter().all(|line| told.lines().any(|told| told == *line))
    })
    .await;
}

/// A stop waits for what is being sent, and notes it.
#[tokio::test]
async fn a_good_stop_leaves_nothing_to_be_sent_again() {
    let world = place(Store::Sqlite).serve();
    let [ivan] = world.users(["ivan"]).await;
    let receiver = Receiver::start();
    let (path, _) = subscribed(&world, &receiver.url(), json!({})).await;
    receiver.answers([Reply::status(204).after(Duration::from_millis(700))]);
    ivan.posts("like", "1").await.is(201);
    receiver.has(1).await;
    world.restart();
    assert_eq!(log_of(&world, &path, "").await, ["2 delivered 1"]);
    world.user("ivan").posts("like", "2").await.is(201);
    receiver.has_lines(&["ivan like 1", "ivan like 2"]).await;
}

#[tokio::test]
async fn a_server_that_is_told_not_to_deliver_does_not() {
    let world = place(Store::Sqlite).with("FEEDME__WEBHOOKS__DELIVER", "false").serve();
    let [ivan] = world.users(["ivan"]).await;
    let receiver = Receiver::start();
    let (path, _) = subscribed(&world, &receiver.url(), json!({})).await;
    ivan.posts("like", "1").await.is(201);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(receiver.arrived().is_empty());
    assert_eq!(world.get(&path).await.at("/position"), json!("1"));
}
