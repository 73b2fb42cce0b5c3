//! Tags, conditions and compression.

use actix_web::{http::Method, test::TestRequest};

use crate::kit::{World, json};

#[actix_web::test]
async fn an_unchanged_answer_is_a_304() {
    let world = World::of(&["ivan"]).await;
    let id = world.posted(r#"{"actor":"ivan","verb":"v"}"#).await;
    for path in [
        format!("/v1/activities/{id}"),
        "/v1/users/ivan".to_owned(),
        "/v1/users".to_owned(),
        "/v1/feeds/ivan".to_owned(),
        "/v1/activities?actor=ivan&external_id=x".to_owned(),
    ] {
        let told = world.get(&path).await.is(200);
        let tag = told.header("etag").to_owned();
        assert!(tag.starts_with('"'), "{path}");
        assert_eq!(told.header("cache-control"), "private, no-cache");
        assert_eq!(told.header("vary"), "Accept, Accept-Encoding, Authorization");
        for condition in [tag.clone(), format!("\"x\", W/{tag}"), "*".to_owned()] {
            let request = TestRequest::get().uri(&path).insert_header(("if-none-match", condition));
            let told = world.send(request).await.is(304);
            told.says("");
            assert!(told.header("etag").ends_with(&tag));
            assert_eq!(told.header("cache-control"), "private, no-cache");
            assert_eq!(told.header("vary"), "Accept, Accept-Encoding, Authorization");
        }
    }
    let before = world.get("/v1/feeds/ivan").await.is(200).header("etag").to_owned();
    world.patch("/v1/users/ivan", r#"{"username":"ivana"}"#).await.is(200).text();
    assert_ne!(world.get("/v1/feeds/ivana").await.is(200).header("etag"), before);
}

#[actix_web::test]
async fn if_match_guards_an_edit_and_a_deletion() {
    let world = World::of(&["ivan"]).await;
    let id = world.posted(r#"{"actor":"ivan","verb":"v"}"#).await;
    let path = format!("/v1/activities/{id}");
    let tag = world.get(&path).await.is(200).header("etag").to_owned();
    let patch =
        |tag: &str| json(Method::PATCH, &path, r#"{"verb":"w"}"#).insert_header(("if-match", tag.to_owned()));
    for wrong in ["\"x\"".to_owned(), format!("W/{tag}"), "nonsense".to_owned()] {
        world.send(patch(&wrong)).await.tells(412, "precondition-failed").text();
    }
    let edited = world.send(patch(&tag)).await.is(200);
    assert_ne!(edited.header("etag"), tag);
    world.send(patch(&tag)).await.is(412).text();
    world.send(patch("*")).await.is(200).text();
    let delete = |tag: &str| TestRequest::delete().uri(&path).insert_header(("if-match", tag.to_owned()));
    world.send(delete(&tag)).await.is(412).text();
    let now = world.get(&path).await.is(200).header("etag").to_owned();
    world.send(delete(&now)).await.is(204).text();
}

#[actix_web::test]
async fn compression_weakens_tags_but_never_those_of_activities() {
    let world = World::of(&["ivan"]).await;
    let id = world.posted(r#"{"actor":"ivan","verb":"v"}"#).await;
    for coding in ["gzip", "zstd"] {
        let ask = |request: TestRequest| request.insert_header(("accept-encoding", coding));
        let page = world.send(ask(TestRequest::get().uri("/v1/feeds/ivan"))).await.is(200);
        assert_eq!(page.header("content-encoding"), coding);
        assert!(page.header("etag").starts_with("W/\""));
        let activity = world.send(ask(TestRequest::get().uri(&format!("/v1/activities/{id}")))).await.is(200);
        assert_eq!(
            (activity.header("content-encoding"), activity.header("etag").starts_with('"')),
            ("", true)
        );
        let patch = json(Method::PATCH, &format!("/v1/activities/{id}"), "{}");
        let patched = world.send(ask(patch)).await.is(200);
        assert_eq!((patched.header("content-encoding"), patched.header("etag").starts_with('"')), ("", true));
        let missing = world.send(ask(TestRequest::get().uri("/v1/users/nobody"))).await;
        missing.tells(404, "user-not-found").text();
    }
}

#[actix_web::test]
async fn browsers_may_call_from_the_origins_of_the_settings_alone() {
    let mut settings = crate::kit::settings();
    settings.server.cors_origins = vec!["https://app.example".to_owned()];
    let world = World::with(crate::kit::services(), &settings).await;
    let get =
        |origin: &'static str| TestRequest::get().uri("/v1/users/nobody").insert_header(("origin", origin));
    let told = world.send(get("https://app.example")).await.tells(404, "user-not-found");
    assert_eq!(told.header("access-control-allow-origin"), "https://app.example");
    assert!(told.header("access-control-expose-headers").to_lowercase().contains("feed-position"));
    assert!(told.header("vary").contains("Authorization") && told.header("vary").contains("Origin"));
    let told = world.send(get("https://other.example")).await.is(404);
    assert_eq!(told.header("access-control-allow-origin"), "");
    let preflight = TestRequest::default().method(Method::OPTIONS).uri("/v1/activities/x");
    let preflight = preflight.insert_header(("origin", "https://app.example"));
    let told = world.send(preflight.insert_header(("access-control-request-method", "PATCH"))).await.is(200);
    assert!(told.header("access-control-allow-methods").contains("PATCH"));
}
