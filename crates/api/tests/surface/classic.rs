//! The classic contract.

use serde_json::json;

use crate::kit::{World, services, settings};

#[actix_web::test]
async fn the_five_tasks_are_answered_as_the_first_feed_me_did() {
    let world = World::start().await;
    let reset = world.get("/reset").await.is(200);
    assert_eq!(reset.header("cache-control"), "no-store");
    assert_eq!(reset.value()["Followings"], json!([{"followee": "eric", "follower": "ivan"}]));
    assert_eq!(reset.value()["Activities"].as_array().unwrap().len(), 4);
    world
        .get("/user")
        .await
        .is(200)
        .says(r#"[{"id":1,"username":"ivan"},{"id":2,"username":"niko"},{"id":3,"username":"eric"}]"#);
    let body = r#"{"actor":"eric","verb":"punched","object":"null","target":"niko"}"#;
    let posted = world.post("/activity", body).await.is(200).value();
    assert_eq!(posted.as_object().unwrap().len(), 5);
    assert_eq!((&posted["object"], &posted["target"]), (&json!("null"), &json!("niko")));
    world
        .post("/feed/eric", r#"{"follow":"ivan"}"#)
        .await
        .is(200)
        .says(r#"{"follow":{"followee":"ivan","follower":"eric"}}"#);
    let feed = world.get("/feed/eric/friends").await.is(200).value();
    assert_eq!(feed["friends_feed"][0]["verb"], "follow");
    assert_eq!(feed["next_url"], "http://127.0.0.1:5000/feed/eric/friends?page=2");
    assert!(feed.get("previous_url").is_none());
    world
        .post("/feed/eric", r#"{"unfollow":"ivan"}"#)
        .await
        .is(200)
        .says(r#"{"unfollow":{"followee":"ivan","follower":"eric"}}"#);
    world.get("/feed/eric/friends").await.is(200).says(r#"{"friends_feed":[]}"#);
}

#[actix_web::test]
async fn pages_have_neighbours_where_there_are_any() {
    let world = World::of(&["ivan"]).await;
    for verb in ["a", "b"] {
        world.posted(&format!(r#"{{"actor":"ivan","verb":"{verb}"}}"#)).await;
    }
    let urls = async |page: &str| {
        let feed = world.get(&format!("/feed/ivan{page}")).await.is(200).value();
        (feed.get("next_url").is_some(), feed.get("previous_url").is_some())
    };
    assert_eq!(urls("").await, (true, false));
    assert_eq!(urls("?page=2").await, (false, true));
    assert_eq!(urls("?page=2147483647").await, (false, true));
    for page in ["0", "-1", "x", "", "1.0", "2147483648", "99999999999999999999", "+1"] {
        world.get(&format!("/feed/ivan?page={page}")).await.says_error(400);
    }
}

#[actix_web::test]
async fn errors_are_told_as_a_string_with_the_true_status() {
    let world = World::of(&["ivan", "eric"]).await;
    for body in [
        "",
        "nonsense",
        "[]",
        r#"{"verb":"v"}"#,
        r#"{"actor":"ivan"}"#,
        r#"{"actor":"ivan","verb":""}"#,
        r#"{"actor":5,"verb":"v"}"#,
        r#"{"actor":"ivan","verb":"v","object":7}"#,
        r#"{"actor":"ivan","actor":"ivan","verb":"v"}"#,
        r#"{"actor":null,"verb":"v"}"#,
    ] {
        world.post("/activity", body).await.says_error(400);
    }
    for body in [r#"{"actor":"nobody","verb":"v"}"#, r#"{"actor":"ivan","verb":"v","target":"nobody"}"#] {
        assert!(world.post("/activity", body).await.says_error(404).contains("'nobody'"));
    }
    assert!(world.get("/feed/nobody").await.says_error(404).contains("'nobody'"));
    world.post("/feed/ivan", r#"{"follow":"nobody"}"#).await.says_error(404);
    world.post("/feed/nobody", r#"{"follow":"ivan"}"#).await.says_error(404);
    assert!(world.post("/feed/ivan", r#"{"follow":"ivan"}"#).await.says_error(409).contains("themselves"));
    world.post("/feed/ivan", r#"{"unfollow":"eric"}"#).await.says_error(404);
    world.post("/feed/ivan", r#"{"follow":"eric"}"#).await.is(200).text();
    world.post("/feed/ivan", r#"{"follow":"eric"}"#).await.says_error(409);
    for body in ["{}", r#"{"follow":"eric","unfollow":"eric"}"#, r#"{"follow":""}"#, r#"{"follow":null}"#] {
        world.post("/feed/ivan", body).await.says_error(400);
    }
}

#[actix_web::test]
async fn a_body_may_have_more_and_may_miss_its_type() {
    let world = World::of(&["ivan"]).await;
    let body = r#"{"actor":"ivan","verb":"v","target":"","more":[1]}"#;
    let request = actix_web::test::TestRequest::post().uri("/activity").set_payload(body);
    let posted = world.send(request).await.is(200).value();
    assert_eq!((&posted["object"], &posted["target"]), (&json!(null), &json!("")));
}

#[actix_web::test]
async fn without_the_routes_for_development_nothing_is_there() {
    let web = feed_me_api::settings::WebSettings { enabled: false };
    let settings = feed_me_api::settings::Settings { dev_endpoints: false, web, ..settings() };
    let world = World::with(services(), &settings).await;
    for path in ["/", "/reset", "/user", "/follows"] {
        world.get(path).await.tells(404, "not-found").text();
    }
    let told = world.get("/activity").await.is(405);
    assert_eq!(told.header("allow"), "POST, OPTIONS");
    told.says_error(405);
}
