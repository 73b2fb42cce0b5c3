//! Numbered pages, and how values come back.

use serde_json::{Value, json};

use super::assert_is_datetime;
use crate::kit::{Store, World, on_both_stores, on_sqlite, raw_answer};

on_both_stores!(
    pages_hold_twenty_and_lead_to_each_other,
    a_page_past_the_end_is_an_empty_list_that_leads_back,
    a_page_that_is_no_positive_whole_number_is_a_400,
    an_object_and_a_target_come_back_as_they_were_sent,
    names_of_any_script_work_in_paths_and_bodies,
    classic_and_v1_are_two_views_of_the_same_feed,
);

on_sqlite!(addresses_of_pages_carry_the_host_that_was_asked);

async fn pages_hold_twenty_and_lead_to_each_other(world: &World) {
    world.users(["ivan"]).await;
    for number in 1..=45 {
        let body = json!({ "actor": "ivan", "verb": "post", "object": number.to_string() });
        world.post("/activity", body).await.is(200);
    }
    let mut address = "/feed/ivan".to_owned();
    let mut met = Vec::new();
    for (size, has_next) in [(20, true), (20, true), (5, false)] {
        let page = world.get(&address).await.is(200).json();
        let items = page["my_feed"].as_array().unwrap();
        assert_eq!(items.len(), size, "{page}");
        met.extend(items.iter().map(|item| item["object"].as_str().unwrap().parse::<u32>().unwrap()));
        assert_eq!(page.get("next_url").is_some(), has_next, "{page}");
        assert_eq!(page.get("previous_url").is_some(), 20 < met.len(), "{page}");
        page["next_url"].as_str().unwrap_or_default().clone_into(&mut address);
    }
    assert_eq!(met, (1..=45).rev().collect::<Vec<_>>());
    // A full last page has no next one.
    for number in 46..=60 {
        let body = json!({ "actor": "ivan", "verb": "post", "object": number.to_string() });
        world.post("/activity", body).await.is(200);
    }
    let last = world.get("/feed/ivan?page=3").await.is(200).json();
    assert_eq!(last["my_feed"].as_array().unwrap().len(), 20);
    assert!(last.get("next_url").is_none(), "{last}");
}

async fn a_page_past_the_end_is_an_empty_list_that_leads_back(world: &World) {
    world.users(["ivan"]).await;
    for (path, name) in [("/feed/ivan", "my_feed"), ("/feed/ivan/friends", "friends_feed")] {
        assert_eq!(world.get(path).await.is(200).json(), json!({ name: [] }));
        for number in ["2", "7", "2147483647"] {
            let page = world.get(&format!("{path}?page={number}")).await.is(200).json();
            assert_eq!(page[name], json!([]));
            assert!(page["previous_url"].as_str().unwrap().starts_with(&world.address()), "{page}");
            assert!(page.get("next_url").is_none(), "{page}");
        }
    }
}

async fn a_page_that_is_no_positive_whole_number_is_a_400(world: &World) {
    world.users(["ivan"]).await;
    for number in ["0", "-1", "1.5", "one", "", "2147483648", "99999999999999999999", "1%20", "%2B1x", "1,2"]
    {
        for path in ["/feed/ivan", "/feed/ivan/friends"] {
            world.get(&format!("{path}?page={number}")).await.is_classic_error(400);
        }
    }
}

async fn an_object_and_a_target_come_back_as_they_were_sent(world: &World) {
    world.users(["ivan", "eric"]).await;
    let cases: [(Value, Value, Value, Value); 7] = [
        (json!("null"), json!("eric"), json!("null"), json!("eric")),
        (json!(null), json!(null), json!(null), json!("")),
        (json!("post:1"), json!(""), json!("post:1"), json!("")),
        (json!(""), json!("ivan"), json!(""), json!("ivan")),
        (json!("  \u{1F600} \" \\ </script>"), json!(null), json!("  \u{1F600} \" \\ </script>"), json!("")),
        (json!("o".repeat(80)), json!(""), json!("o".repeat(80)), json!("")),
        (json!("ö".repeat(80)), json!(""), json!("ö".repeat(80)), json!("")),
    ];
    for (object, target, object_back, target_back) in cases {
        let sent = json!({ "actor": "ivan", "verb": "post", "object": object, "target": target });
        let answer = world.post("/activity", sent).await.is(200).json();
        assert_is_datetime(&answer["datetime"]);
        let wanted = json!({
            "actor": "ivan",
            "datetime": answer["datetime"],
            "object": object_back,
            "target": target_back,
            "verb": "post",
        });
        assert_eq!(answer, wanted);
        assert_eq!(world.get("/feed/ivan").await.is(200).json()["my_feed"][0], wanted);
    }
    let bare = world.post("/activity", json!({ "actor": "ivan", "verb": "post" })).await.is(200).json();
    assert_eq!((&bare["object"], &bare["target"]), (&json!(null), &json!("")));
}

async fn names_of_any_script_work_in_paths_and_bodies(world: &World) {
    let names = ["Ünïcode", "иван", "李 小龙", "a%2Fb", "x?y#z&w=1", "+plus+", "😀", "q\"uote'\\"];
    let [eric] = world.users(["eric"]).await;
    for user in world.users(names).await {
        let body =
            json!({ "actor": user.name, "verb": "war's los", "object": user.name, "target": user.name });
        world.post("/activity", body).await.is(200);
        let feed = world.get(&format!("/feed/{}", user.encoded())).await.is(200).json();
        assert_eq!(feed["my_feed"][0]["actor"], user.name);
        assert_eq!(feed["my_feed"][0]["verb"], "war's los");
        let path = format!("/feed/{}", eric.encoded());
        let answer = world.post(&path, json!({ "follow": user.name })).await.is(200).json();
        assert_eq!(answer, json!({ "follow": { "followee": user.name, "follower": "eric" } }));
    }
    let friends = world.get("/feed/eric/friends").await.is(200).json();
    assert_eq!(friends["friends_feed"].as_array().unwrap().len(), names.len());
    // Pages of such a user lead to each other, too.
    let [talker] = world.users(["a b/c".replace('/', "ß").as_str()]).await;
    for _ in 0..21 {
        world.post("/activity", json!({ "actor": talker.name, "verb": "post" })).await.is(200);
    }
    let page = world.get(&format!("/feed/{}", talker.encoded())).await.is(200).json();
    let second = world.get(page["next_url"].as_str().unwrap()).await.is(200).json();
    assert_eq!(second["my_feed"].as_array().unwrap().len(), 1);
}

async fn classic_and_v1_are_two_views_of_the_same_feed(world: &World) {
    let [eric, ivan] = world.users(["eric", "ivan"]).await;
    world.post("/feed/ivan", json!({ "follow": "eric" })).await.is(200);
    eric.posts_also(
        "share",
        "post:1",
        json!({ "published": "2019-02-08T08:07:19.987654Z", "target": "ivan", "data": { "a": 1 } }),
    )
    .await
    .is(201);
    world.post("/activity", json!({ "actor": "eric", "verb": "post", "object": null })).await.is(200);
    ivan.friends_feed().await.shows(&["eric post null", "eric share post:1 -> ivan"]);
    let classic = world.get("/feed/ivan/friends").await.is(200).json();
    assert_eq!(
        classic["friends_feed"][1],
        json!({ "actor": "eric", "datetime": "2019-02-08T08:07:19", "object": "post:1", "target": "ivan", "verb": "share" })
    );
    ivan.unfollows(&eric).await.is(204);
    assert_eq!(world.get("/feed/ivan/friends").await.is(200).json(), json!({ "friends_feed": [] }));
}

async fn addresses_of_pages_carry_the_host_that_was_asked(world: &World) {
    world.users(["ivan"]).await;
    for _ in 0..21 {
        world.post("/activity", json!({ "actor": "ivan", "verb": "post" })).await.is(200);
    }
    let request = "GET /feed/ivan HTTP/1.1\r\nHost: feed.example:8080\r\nConnection: close\r\n\r\n";
    let answer = String::from_utf8(crate::kit::raw(&world.host(), request.as_bytes())).unwrap();
    assert!(answer.contains("\"next_url\":\"http://feed.example:8080/feed/ivan?page=2\""), "{answer}");
    // No proxy is trusted here: what it claims to have forwarded is not believed.
    let (status, answer) = raw_answer(
        &world.host(),
        "GET /feed/ivan",
        "X-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: https\r\nForwarded: host=evil.example;proto=https\r\n",
    )
    .unwrap();
    assert_eq!(status, 200);
    assert!(answer.contains(&format!("{}/feed/ivan?page=2", world.address())), "{answer}");
    assert!(!answer.contains("evil"), "{answer}");
}

/// A proxy that is trusted by configuration is believed, hop by hop; a public URL of one's own stands above all.
#[tokio::test]
async fn a_trusted_proxy_is_believed_about_the_address() {
    let forwarded =
        "X-Forwarded-Host: feed.example\r\nX-Forwarded-Proto: https\r\nX-Forwarded-For: 203.0.113.7\r\n";
    for (settings, wanted) in [
        (vec![("FEEDME__SERVER__TRUSTED_PROXIES", "127.0.0.0/8")], "https://feed.example/feed/ivan?page=2"),
        (vec![("FEEDME__SERVER__TRUSTED_PROXIES", "10.0.0.0/8")], "http://127.0.0.1"),
        (vec![("FEEDME__SERVER__PUBLIC_URL", "https://me.example")], "https://me.example/feed/ivan?page=2"),
    ] {
        let world = World::start_with(Store::Sqlite, &settings);
        world.users(["ivan"]).await;
        let items: Vec<_> = (0..21).map(|_| json!({ "actor": "ivan", "verb": "post" })).collect();
        world.post("/v1/activities/batch", json!({ "activities": items })).await.is(200);
        let (_, answer) = raw_answer(&world.host(), "GET /feed/ivan", forwarded).unwrap();
        assert!(answer.contains(&format!("\"next_url\":\"{wanted}")), "{settings:?}: {answer}");
    }
}
