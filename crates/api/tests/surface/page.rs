//! The page at `/`: where it is, how it is kept, and what it may load.

use actix_web::{http::Method, test::TestRequest};
use feed_me_api::settings::{Settings, WebSettings};

use crate::kit::{Told, World, services, settings};

async fn world(has_page: bool, dev_endpoints: bool) -> World {
    let settings = Settings { web: WebSettings { enabled: has_page }, dev_endpoints, ..settings() };
    World::with(services(), &settings).await
}

fn get(path: &str, header: (&'static str, &str)) -> TestRequest {
    TestRequest::get().uri(path).insert_header((header.0, header.1.to_owned()))
}

fn is_page(told: &Told) {
    assert_eq!(told.header("content-type"), "text/html; charset=utf-8");
    assert!(told.text().starts_with("<!doctype html>"), "{}", told.text());
}

fn loaded(page: &Told) -> Vec<String> {
    let parts = page.text();
    parts.split('"').filter(|part| part.starts_with("/web/")).map(str::to_owned).collect()
}

#[actix_web::test]
async fn the_page_is_there_where_the_settings_say_so() {
    for dev_endpoints in [true, false] {
        let with = world(true, dev_endpoints).await;
        is_page(&with.get("/").await.is(200));
        let without = world(false, dev_endpoints).await;
        without.get("/web/main.js").await.tells(404, "not-found").text();
        without.get("/web/vendor/preact.js").await.tells(404, "not-found").text();
        if dev_endpoints {
            assert_eq!(without.get("/").await.is(200).value()["name"], "feed-me");
        } else {
            without.get("/").await.tells(404, "not-found").text();
        }
    }
}

#[actix_web::test]
async fn who_prefers_json_is_told_where_to_read_on() {
    let world = World::start().await;
    let told = world.send(get("/", ("accept", "application/json"))).await.is(200);
    assert_eq!(told.value()["openapi"], "/openapi.json");
    assert!(told.header("vary").to_lowercase().contains("accept"), "{told:?}");
    for accept in ["text/html,application/xhtml+xml,*/*;q=0.8", "*/*"] {
        is_page(&world.send(get("/", ("accept", accept))).await.is(200));
    }
    world.json(Method::POST, "/", "{}").await.is(405).says_error(405);
}

#[actix_web::test]
async fn all_that_the_page_loads_is_served_with_its_type_and_a_strict_policy() {
    let world = World::start().await;
    let page = world.get("/").await.is(200);
    let parts = loaded(&page);
    assert!(20 < parts.len(), "{parts:?}");
    for part in parts {
        let told = world.get(&part).await.is(200);
        let expected = match part.rsplit_once('.').map(|(_, end)| end) {
            Some("js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            _ => "image/svg+xml",
        };
        assert_eq!(told.header("content-type"), expected, "{part}");
        assert_eq!(told.header("x-content-type-options"), "nosniff", "{part}");
    }
    let policy = page.header("content-security-policy");
    for directive in ["default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'"] {
        assert!(policy.split("; ").any(|part| part == directive), "{policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains("http") && !policy.contains('*'), "{policy}");
    let licences = world.get("/web/vendor/LICENSES.txt").await.is(200).text();
    assert!(licences.contains("MIT License") && licences.contains("Apache License"), "{licences}");
}

#[actix_web::test]
async fn what_a_browser_has_already_is_not_sent_again() {
    let world = World::start().await;
    for path in ["/", "/web/main.js", "/web/vendor/preact.js"] {
        let told = world.get(path).await.is(200);
        let tag = told.header("etag").to_owned();
        assert_eq!(told.header("cache-control"), "no-cache");
        let again = world.send(get(path, ("if-none-match", &tag))).await.is(304);
        assert_eq!((again.header("etag"), again.body.len()), (tag.as_str(), 0));
        world.send(get(path, ("if-none-match", "\"other\""))).await.is(200).text();
        let packed = world.send(get(path, ("accept-encoding", "gzip"))).await.is(200);
        assert_eq!(
            (packed.header("content-encoding"), packed.header("etag")),
            ("gzip", &*format!("W/{tag}"))
        );
        world.send(get(path, ("if-none-match", &format!("W/{tag}")))).await.is(304).text();
        let head = world.send(TestRequest::default().method(Method::HEAD).uri(path)).await.is(200);
        assert_eq!(head.header("etag"), tag);
    }
}

#[actix_web::test]
async fn what_is_no_part_of_the_page_is_not_there() {
    let world = World::start().await;
    for path in [
        "/web/nothing.js",
        "/web/index.html",
        "/web/package.json",
        "/web/vendor/main.js",
        "/web/vendor%2Fpreact.js",
        "/web/..%2F..%2FCargo.toml",
        "/web/%2e%2e",
        "/web/",
        "/web",
    ] {
        world.get(path).await.tells(404, "not-found").text();
    }
}
