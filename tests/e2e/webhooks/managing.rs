//! Making, showing, changing and deleting webhooks.

use serde_json::{Value, json};

use super::{Receiver, Reply, log_of, on_both_delivering, subscribed, until};
use crate::kit::World;

on_both_delivering!(
    a_webhook_is_shown_with_its_secret_once_and_without_it_from_then_on,
    every_fault_of_a_webhook_is_told,
    a_webhook_is_changed_paused_and_let_go_on,
    webhooks_and_deliveries_are_paged_newest_first,
    the_secret_of_a_repeated_request_is_not_shown_again,
    a_new_secret_signs_beside_the_former_one_for_a_while,
    a_webhook_follows_a_rename_and_goes_with_an_erasure,
    what_there_is_not_is_not_found,
);

const URL: &str = "https://hooks.invalid/feed";

async fn a_webhook_is_shown_with_its_secret_once_and_without_it_from_then_on(world: &World) {
    world.users(["ivan", "eric"]).await;
    let wish = json!({
        "url": URL, "kinds": ["follow.added", "activity.added"], "actor": "ivan", "verb": "like", "target": "eric",
    });
    let made = world.post("/v1/webhooks", wish).await;
    let (id, secret) = (made.is(201).id(), made.str_at("/secret"));
    assert!(secret.starts_with("whsec_") && secret.len() == 50, "{made}");
    assert_eq!(made.header("cache-control"), "no-store");
    assert!(made.header("location").ends_with(&format!("/v1/webhooks/{id}")), "{made}");
    let shown = world.get(&format!("/v1/webhooks/{id}")).await;
    shown.is(200).header("etag");
    let expected = [
        ("url", json!(URL)),
        ("kinds", json!(["activity.added", "follow.added"])),
        ("actor", json!("ivan")),
        ("verb", json!("like")),
        ("target", json!("eric")),
        ("enabled", json!(true)),
        ("status", json!("enabled")),
        ("failing_since", Value::Null),
        ("position", json!("2")),
    ];
    for (member, value) in expected {
        assert_eq!(shown.at(&format!("/{member}")), value, "{shown}");
        assert_eq!(made.at(&format!("/{member}")), value, "{made}");
    }
    assert_eq!(world.get("/v1/webhooks").await.is(200).items(), [shown.json()]);
    for answer in [&shown, &world.get("/v1/webhooks").await] {
        assert!(!answer.text().contains("secret") && !answer.text().contains("whsec"), "{answer}");
    }
    assert!(!world.server().output().contains(&secret));
    let plain = world.post("/v1/webhooks", json!({ "url": URL, "kinds": null, "enabled": false })).await;
    assert_eq!((plain.is(201).at("/kinds"), plain.at("/status")), (json!([]), json!("paused")));
    world.delete(&format!("/v1/webhooks/{id}")).await.is(204);
    world.delete(&format!("/v1/webhooks/{id}")).await.is_problem(404, "webhook-not-found");
    assert_eq!(world.get("/v1/webhooks").await.ids(), [plain.id()]);
}

async fn every_fault_of_a_webhook_is_told(world: &World) {
    world.users(["ivan"]).await;
    let all = json!({ "url": "gopher://x/", "kinds": ["activity.added", "post", 7], "actor": "nobody",
        "verb": "", "target": "a/b", "enabled": "yes", "secret": "whsec_mine" });
    let faults = ["/url", "/kinds/1", "/kinds/2", "/actor", "/verb", "/target", "/enabled", "/secret"];
    world.post("/v1/webhooks", all.clone()).await.has_faults(&faults);
    let (path, _) = subscribed(world, URL, json!({})).await;
    world.patch(&path, all).await.has_faults(&faults);
    for (body, faults) in [
        (json!({}), &["/url"][..]),
        (json!({ "url": null }), &["/url"]),
        (json!({ "url": URL, "kinds": "all" }), &["/kinds"]),
        (json!({ "url": URL, "kinds": vec!["reset"; 15] }), &["/kinds"]),
        (json!({ "url": URL, "actor": "nobody", "target": "no one" }), &["/actor", "/target"]),
        (json!({ "url": URL, "actor": "ivan", "enabled": null }), &["/enabled"]),
        (json!({ "url": format!("https://x.invalid/{}", "x".repeat(2048)) }), &["/url"]),
    ] {
        world.post("/v1/webhooks", body).await.has_faults(faults);
    }
    world.patch(&path, json!({ "url": null, "enabled": 1 })).await.has_faults(&["/url", "/enabled"]);
    world.patch(&path, json!({ "actor": "nobody" })).await.has_faults(&["/actor"]);
    for (body, faults) in [
        (json!({}), "/from"),
        (json!({ "from": 7 }), "/from"),
        (json!({ "from": "-1" }), "/from"),
        (json!({ "from": "99" }), "/from"),
    ] {
        world.post(&format!("{path}/replay"), body).await.has_faults(&[faults]);
    }
    for hours in [json!(-1), json!(169), json!("1"), json!(1.5)] {
        let body = json!({ "overlap_hours": hours });
        world.post(&format!("{path}/secret"), body).await.has_faults(&["/overlap_hours"]);
    }
    world.get(&format!("{path}/deliveries?state=lost")).await.is_problem(400, "invalid-request");
    world.post("/v1/webhooks", json!([])).await.is_problem(400, "malformed-json");
    assert_eq!(world.get("/v1/webhooks").await.items().len(), 1);
}

async fn a_webhook_is_changed_paused_and_let_go_on(world: &World) {
    let [ivan] = world.users(["ivan"]).await;
    let (first, second) = (Receiver::start(), Receiver::start());
    let wish = json!({ "kinds": ["activity.added"], "actor": "ivan", "verb": "like" });
    let (path, _) = subscribed(world, &first.url(), wish).await;
    ivan.posts("like", "1").await.is(201);
    first.has_lines(&["ivan like 1"]).await;
    let paused = world.patch(&path, json!({ "enabled": false })).await;
    paused.is(200).header("etag");
    assert_eq!(
        (paused.at("/status"), paused.at("/enabled"), paused.at("/verb")),
        (json!("paused"), json!(false), json!("like"))
    );
    ivan.posts("like", "2").await.is(201);
    ivan.posts("share", "3").await.is(201);
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert_eq!(first.lines().len(), 1, "a paused webhook delivers");
    let on = json!({ "enabled": true, "url": second.url(), "verb": null, "kinds": [], "actor": null });
    let on = world.patch(&path, on).await;
    assert_eq!(
        (on.is(200).at("/verb"), on.at("/kinds"), on.at("/actor")),
        (Value::Null, json!([]), Value::Null)
    );
    second.has_lines(&["ivan like 2", "ivan share 3"]).await;
    assert_eq!(world.patch(&path, json!({})).await.is(200).json()["url"], json!(second.url()));
    assert_eq!(first.lines().len(), 1);
}

async fn webhooks_and_deliveries_are_paged_newest_first(world: &World) {
    let [ivan] = world.users(["ivan"]).await;
    let receiver = Receiver::start();
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.insert(0, world.post("/v1/webhooks", json!({ "url": URL, "enabled": false })).await.is(201).id());
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    let first = world.get("/v1/webhooks?limit=3").await;
    assert_eq!(first.is(200).ids(), ids[..3]);
    assert!(first.header("link").contains("rel=\"next\""));
    let second = world.page("/v1/webhooks?limit=3", &first.next().unwrap()).await;
    assert_eq!((second.ids(), second.next()), (ids[3..].to_vec(), None));
    assert_eq!(world.page("/v1/webhooks?limit=3", &second.previous()).await.ids(), ids[..3]);
    let (path, _) = subscribed(world, &receiver.url(), json!({})).await;
    for number in 0..5 {
        ivan.posts("like", &number.to_string()).await.is(201);
    }
    receiver.has(5).await;
    until("all is noted", async || log_of(world, &path, "?state=delivered").await.len() == 5).await;
    let positions = |answer: &crate::kit::Answer| {
        answer.items().iter().map(|it| it["position"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let list = format!("{path}/deliveries?limit=2");
    let first = world.get(&list).await;
    assert_eq!(positions(first.is(200)), ["6", "5"]);
    let second = world.page(&list, &first.next().unwrap()).await;
    assert_eq!(positions(&second), ["4", "3"]);
    assert_eq!(positions(&world.page(&list, &second.previous()).await), ["6", "5"]);
    world.page(&format!("{list}&state=dead"), &first.next().unwrap()).await.is_problem(400, "invalid-cursor");
    world.page("/v1/webhooks", &first.next().unwrap()).await.is_problem(400, "invalid-cursor");
    world.get("/v1/webhooks?limit=0").await.is_problem(400, "");
}

async fn the_secret_of_a_repeated_request_is_not_shown_again(world: &World) {
    let body = json!({ "url": URL, "enabled": false });
    let made = world.post("/v1/webhooks", body.clone()).key("k").await;
    let (id, secret) = (made.is(201).id(), made.str_at("/secret"));
    let again = world.post("/v1/webhooks", body).key("k").await;
    again.is_problem(409, "secret-already-shown");
    assert!(!again.text().contains(&secret), "{again}");
    world
        .post("/v1/webhooks", json!({ "url": URL }))
        .key("k")
        .await
        .is_problem(422, "idempotency-key-reused");
    assert_eq!(world.get("/v1/webhooks").await.ids(), std::slice::from_ref(&id));
    let rotate = || world.post(&format!("/v1/webhooks/{id}/secret"), json!({})).key("r");
    let fresh = rotate().await;
    assert_ne!(fresh.is(200).str_at("/secret"), secret);
    rotate().await.is_problem(409, "secret-already-shown");
    let replay = || world.post(&format!("/v1/webhooks/{id}/replay"), json!({ "from": "beginning" })).key("p");
    let first = replay().await;
    let second = replay().await;
    assert_eq!(first.is(200).json(), second.is(200).json());
    assert_eq!(second.header("idempotency-replayed"), "true");
}

async fn a_new_secret_signs_beside_the_former_one_for_a_while(world: &World) {
    let [ivan] = world.users(["ivan"]).await;
    let receiver = Receiver::start();
    let (path, former) = subscribed(world, &receiver.url(), json!({})).await;
    let fresh = world.call(reqwest::Method::POST, &format!("{path}/secret")).await;
    assert_eq!(fresh.header("cache-control"), "no-store");
    let fresh = fresh.is(200).str_at("/secret");
    ivan.posts("like", "1").await.is(201);
    let arrived = receiver.has(1).await;
    arrived[0].is_signed_by(&fresh);
    arrived[0].is_signed_by(&former);
    let last = world.post(&format!("{path}/secret"), json!({ "overlap_hours": 0 })).await;
    let last = last.is(200).str_at("/secret");
    ivan.posts("like", "2").await.is(201);
    let arrived = receiver.has(2).await;
    arrived[1].is_signed_by(&last);
    assert!(!arrived[1].signed_by(&fresh) && !arrived[1].signed_by(&former), "a secret that is over signs");
}

async fn a_webhook_follows_a_rename_and_goes_with_an_erasure(world: &World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    let receiver = Receiver::start();
    let wish = json!({ "url": receiver.url(), "actor": "ivan", "kinds": ["activity.added"] });
    let made = world.post("/v1/webhooks", wish.clone()).key("k").await;
    let path = format!("/v1/webhooks/{}", made.is(201).id());
    ivan.renames_to("jan").await.is(200);
    assert_eq!(world.get(&path).await.at("/actor"), json!("jan"));
    let jan = world.user("jan");
    jan.posts("like", "1").await.is(201);
    eric.posts("like", "2").await.is(201);
    receiver.has_lines(&["jan like 1"]).await;
    receiver.always(Reply::status(500));
    jan.posts("like", "3").await.is(201);
    receiver.has(2).await;
    jan.leaves().await.is(200);
    world.get(&path).await.is_problem(404, "webhook-not-found");
    world.get(&format!("{path}/deliveries")).await.is_problem(404, "webhook-not-found");
    world.post("/v1/webhooks", wish).key("k").await.is_problem(410, "idempotent-answer-erased");
    let before = receiver.arrived().len();
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let late = &receiver.arrived()[before..];
    assert!(late.len() <= 1, "it goes on delivering: {late:?}");
}

async fn what_there_is_not_is_not_found(world: &World) {
    let none = "/v1/webhooks/01890a5d-ac96-774b-bcce-b302099a8057";
    for path in [none, "/v1/webhooks/x", "/v1/webhooks/%FF"] {
        world.get(path).await.is_problem(404, "webhook-not-found");
        world.patch(path, json!({})).await.is_problem(404, "webhook-not-found");
        world.delete(path).await.is_problem(404, "webhook-not-found");
        world.post(&format!("{path}/secret"), json!({})).await.is_problem(404, "webhook-not-found");
        world
            .post(&format!("{path}/replay"), json!({ "from": "now" }))
            .await
            .is_problem(404, "webhook-not-found");
        for below in ["/deliveries", "/deliveries/1"] {
            world.get(&format!("{path}{below}")).await.is_problem(404, "webhook-not-found");
        }
        world
            .post(&format!("{path}/deliveries/1/redeliver"), json!({}))
            .await
            .is_problem(404, "webhook-not-found");
    }
    let (path, _) = subscribed(world, URL, json!({ "enabled": false })).await;
    for position in ["1", "0", "-1", "x", "99999999999999999999"] {
        let path = format!("{path}/deliveries/{position}");
        world.get(&path).await.is_problem(404, "delivery-not-found");
        world.post(&format!("{path}/redeliver"), json!({})).await.is_problem(404, "delivery-not-found");
    }
    world.put(&path, json!({})).await.is_problem(405, "method-not-allowed");
}
