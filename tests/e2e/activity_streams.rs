//! Feeds as W3C ActivityStreams 2.0, for who asks for that.

use reqwest::Method;
use serde_json::{Value, json};

use crate::kit::{Answer, Call, Store, World, on_both_stores, on_sqlite};

on_both_stores!(every_feed_is_a_page_of_activities, a_walk_by_urls_gives_the_whole_feed);

on_sqlite!(
    the_form_is_the_one_the_client_likes_most,
    a_page_has_the_headers_of_its_json_and_a_tag_of_its_own,
    urls_begin_with_the_public_url,
    errors_are_problems,
    other_routes_have_no_such_form,
);

const ACTIVITY_STREAMS: &str = "application/activity+json";
const JSON_LD: &str = "application/ld+json; profile=\"https://www.w3.org/ns/activitystreams\"";

fn asked(call: Call) -> Call {
    call.header("Accept", ACTIVITY_STREAMS)
}

async fn every_feed_is_a_page_of_activities(world: &World) {
    let [ivan, eric, niko] = world.users(["ivan", "eric", "ni ko"]).await;
    ivan.follows(&eric).await.is(201);
    let first = eric.posts_to("like", "https://example.org/1", &niko).await.is(201).json();
    let data = json!({ "external_id": "x-1", "data": { "n": 1 }, "target": niko.name });
    let second = eric.posts_also("pondered", "life, at large", data).await.is(201).json();
    world
        .patch(&format!("/v1/activities/{}", second["id"].as_str().unwrap()), json!({ "object": null }))
        .await
        .is(200);
    let address = world.address();
    for path in [eric.own_path(), ivan.friends_path(), niko.mentions_path()] {
        let page = asked(world.get(&path)).await;
        assert_eq!(page.is(200).header("content-type"), ACTIVITY_STREAMS);
        let json: Answer = world.get(&path).await;
        let context = page.at("/@context");
        assert_eq!(context[0], "https://www.w3.org/ns/activitystreams");
        assert_eq!(page.str_at("/type"), "OrderedCollectionPage");
        assert_eq!(page.str_at("/id"), format!("{address}{path}?limit=20"));
        assert_eq!(page.str_at("/partOf"), format!("{address}{path}"));
        assert_eq!(page.json().get("next"), None, "{page}");
        assert_eq!(page.str_at("/prev"), format!("{address}{path}?cursor={}", json.previous()));
        let items = page.at("/orderedItems");
        let edited: Value = json.items()[0].clone();
        assert_eq!(
            items[0],
            json!({
                "id": format!("{address}/v1/activities/{}", second["id"].as_str().unwrap()),
                "type": "Activity",
                "verb": "pondered",
                "actor": { "id": format!("{address}/v1/users/eric"), "type": "Person", "name": "eric" },
                "target": { "id": format!("{address}/v1/users/ni%20ko"), "type": "Person", "name": "ni ko" },
                "published": second["published"],
                "updated": edited["edited_at"],
                "externalId": "x-1",
                "data": { "n": 1 },
            })
        );
        assert_eq!(items[1]["type"], "Like");
        assert_eq!(items[1]["object"], "https://example.org/1");
        assert_eq!(items[1].get("updated"), None);
        assert_eq!(items[1]["published"], first["published"]);
        let declared = &context[1];
        for item in items.as_array().unwrap() {
            let ours = item
                .as_object()
                .unwrap()
                .keys()
                .filter(|key| ["verb", "externalId", "data"].contains(&key.as_str()));
            assert!(ours.map(|key| &declared[key]).all(|term| !term.is_null()), "{context}");
            // The URL of an activity leads to it.
            world.get(item["id"].as_str().unwrap()).await.is(200);
            world.get(item["actor"]["id"].as_str().unwrap()).await.is(200);
        }
    }
}

async fn a_walk_by_urls_gives_the_whole_feed(world: &World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    ivan.follows(&eric).await.is(201);
    for number in 0..7 {
        eric.posts(if number == 3 { "b c" } else { "a" }, &number.to_string()).await.is(201);
        ivan.posts("a", "own").await.is(201);
    }
    let query = "?limit=2&verb=a&include_self=true";
    let mut url = format!("{}{}{query}", world.address(), ivan.friends_path());
    let wanted = world.walk_lines(&(ivan.friends_path() + "?verb=a&include_self=true"), 100).await;
    let (mut met, mut pages) = (Vec::new(), 0);
    loop {
        let page = asked(world.get(&url)).await;
        assert_eq!(
            page.is(200).str_at("/partOf"),
            format!("{}{}?verb=a&include_self=true", world.address(), ivan.friends_path())
        );
        let items = page.at("/orderedItems");
        let names = items.as_array().unwrap().iter().map(|item| {
            format!(
                "{} {} {}",
                item["actor"]["name"].as_str().unwrap(),
                item["verb"].as_str().unwrap(),
                item["object"]["name"].as_str().unwrap()
            )
        });
        met.extend(names);
        pages += 1;
        let again = asked(world.get(&page.str_at("/id"))).await;
        assert_eq!(again.at("/orderedItems"), items, "its id leads to the page");
        if pages == 2 {
            let back = asked(world.get(&page.str_at("/prev"))).await;
            assert_eq!(back.at("/orderedItems").as_array().unwrap().len(), 2);
        }
        match page.json().get("next") {
            Some(next) => next.as_str().unwrap().clone_into(&mut url),
            None => break,
        }
    }
    assert_eq!((met, pages), (wanted, 7));
}

async fn the_form_is_the_one_the_client_likes_most(world: &World) {
    let [eric] = world.users(["eric"]).await;
    eric.posts("like", "1").await.is(201);
    for (accept, media_type) in [
        ("*/*", "application/json"),
        ("", "application/json"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "application/json"),
        ("application/json, application/activity+json;q=0.9", "application/json"),
        ("application/json;q=0.5, application/activity+json;q=0.9", ACTIVITY_STREAMS),
        ("application/activity+json, */*;q=0.1", ACTIVITY_STREAMS),
        (JSON_LD, JSON_LD),
        ("application/ld+json", JSON_LD),
    ] {
        let answer = eric.own_feed().header("Accept", accept).await;
        assert_eq!(answer.is(200).header("content-type"), media_type, "{accept}");
        let member = if media_type == "application/json" { "items" } else { "orderedItems" };
        assert_eq!(answer.json()[member].as_array().map(Vec::len), Some(1), "{answer}");
    }
    for accept in
        ["text/html", "application/activity+json;q=0", "application/ld+json;profile=\"https://example.org\""]
    {
        eric.own_feed()
            .header("Accept", accept)
            .await
            .is_problem(406, "not-acceptable")
            .names("activity+json");
    }
}

async fn a_page_has_the_headers_of_its_json_and_a_tag_of_its_own(world: &World) {
    let [eric] = world.users(["eric"]).await;
    for number in 0..3 {
        eric.posts("like", &number.to_string()).await.is(201);
    }
    let path = eric.own_path() + "?limit=2";
    let json = world.get(&path).await;
    let page = asked(world.get(&path)).await;
    for name in ["link", "feed-position", "vary", "cache-control"] {
        assert_eq!(page.header(name), json.header(name), "{name}");
    }
    assert!(page.header("vary").contains("Accept"), "{page}");
    let tags = [
        json.header("etag"),
        page.header("etag"),
        world.get(&path).header("Accept", JSON_LD).await.header("etag"),
    ];
    assert!(tags[0] != tags[1] && tags[1] != tags[2], "{tags:?}");
    let unchanged = asked(world.get(&path)).header("If-None-Match", &tags[1]).await;
    assert_eq!((unchanged.is(304).header("etag"), unchanged.bytes.len()), (tags[1].clone(), 0));
    unchanged.header("feed-position");
    asked(world.get(&path)).header("If-None-Match", &tags[0]).await.is(200);
    let head = asked(world.call(Method::HEAD, &path)).await;
    assert_eq!(
        (head.is(200).header("etag"), head.header("content-type")),
        (tags[1].clone(), ACTIVITY_STREAMS.to_owned())
    );
    assert!(head.bytes.is_empty());
    eric.posts("like", "3").await.is(201);
    let changed = asked(world.get(&path)).header("If-None-Match", &tags[1]).await;
    assert_ne!(changed.is(200).header("etag"), tags[1]);
}

async fn urls_begin_with_the_public_url(_: &World) {
    let world = World::start_with(Store::Sqlite, &[("FEEDME__SERVER__PUBLIC_URL", "https://feed.example/")]);
    let [eric] = world.users(["eric"]).await;
    eric.posts("like", "1").await.is(201);
    let page = asked(eric.own_feed()).await;
    assert_eq!(page.str_at("/partOf"), "https://feed.example/v1/feeds/eric");
    for pointer in ["/id", "/prev", "/orderedItems/0/id", "/orderedItems/0/actor/id"] {
        assert!(page.str_at(pointer).starts_with("https://feed.example/v1/"), "{page}");
    }
}

async fn errors_are_problems(world: &World) {
    asked(world.user("nobody").own_feed()).await.is_problem(404, "user-not-found");
    let [eric] = world.users(["eric"]).await;
    asked(world.get(&(eric.own_path() + "?limit=0"))).await.is_problem(400, "invalid-request");
    asked(world.get(&(eric.own_path() + "?cursor=x"))).await.is_problem(400, "invalid-cursor");
}

async fn other_routes_have_no_such_form(world: &World) {
    let [eric] = world.users(["eric"]).await;
    asked(world.get(&eric.path())).await.is_problem(406, "not-acceptable");
    asked(world.get(&(eric.own_path() + "/notifications"))).await.is_problem(406, "not-acceptable");
}
