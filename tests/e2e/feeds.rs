//! The three feeds, their filters, and why something is or is not in one.

use serde_json::json;

use crate::kit::{User, World, on_both_stores};

on_both_stores!(
    three_feeds_show_three_views,
    equal_times_are_in_the_order_of_ids,
    a_page_holds_twenty_unless_told_otherwise,
    a_verb_filter_keeps_any_of_the_verbs,
    include_self_adds_one_s_own,
    explain_gives_the_reason_for_each_item,
    explain_tells_of_kept_history,
);

async fn three_feeds_show_three_views(world: &World) {
    let [ivan, eric, niko] = world.users(["ivan", "eric", "niko"]).await;
    ivan.follows(&eric).await.is(201);
    ivan.posts_to("share", "1", &eric).await.is(201);
    eric.posts_to("share", "2", &ivan).await.is(201);
    niko.posts_to("share", "3", &ivan).await.is(201);
    niko.posts("share", "4").await.is(201);
    ivan.own_feed().await.shows(&["ivan share 1 -> eric"]);
    ivan.friends_feed().await.shows(&["eric share 2 -> ivan"]);
    ivan.mentions().await.shows(&["niko share 3 -> ivan", "eric share 2 -> ivan"]);
    eric.friends_feed().await.shows(&[]);
}

async fn equal_times_are_in_the_order_of_ids(world: &World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    ivan.follows(&eric).await.is(201);
    let mut ids = Vec::new();
    for number in 0..9 {
        let at = if number == 8 { "2019-12-31T00:00:00Z" } else { "2020-01-01T00:00:00Z" };
        ids.push(eric.posts_at(at, "share", &number.to_string()).await.is(201).id());
    }
    ids[..8].sort_unstable_by(|a, b| b.cmp(a));
    for limit in [1, 2, 3, 8, 9, 100] {
        let walked = world.walk(&ivan.friends_path(), limit).await;
        assert_eq!(walked.iter().map(|item| item["id"].as_str().unwrap()).collect::<Vec<_>>(), ids);
    }
}

async fn a_page_holds_twenty_unless_told_otherwise(world: &World) {
    let [ivan] = world.users(["ivan"]).await;
    for number in 0..41 {
        ivan.posts("share", &number.to_string()).await.is(201);
    }
    let first = ivan.own_feed().await;
    assert_eq!(first.items().len(), 20);
    let second = world.page(&ivan.own_path(), &first.next().unwrap()).await;
    assert_eq!(second.items().len(), 20);
    // The limit may change between pages.
    let third = world.page(&format!("{}?limit=100", ivan.own_path()), &second.next().unwrap()).await;
    assert_eq!(third.lines(), ["ivan share 0"]);
    assert_eq!(third.next(), None);
    // The link leads where the cursor leads.
    let link = first.header("link");
    let path = link.split(['<', '>']).nth(1).unwrap();
    assert_eq!(world.get(path).await.is(200).lines(), second.lines());
}

async fn a_verb_filter_keeps_any_of_the_verbs(world: &World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    ivan.follows(&eric).await.is(201);
    for number in 0..12 {
        let verb = ["share", "like", "war's & los"][number % 3];
        eric.posts_to(verb, &number.to_string(), &ivan).await.is(201);
    }
    let likes = ["eric like 10 -> ivan", "eric like 7 -> ivan", "eric like 4 -> ivan", "eric like 1 -> ivan"];
    for path in [eric.own_path(), ivan.friends_path(), ivan.mentions_path()] {
        for limit in [1, 3, 4, 100] {
            assert_eq!(world.walk_lines(&format!("{path}?verb=like"), limit).await, likes);
            let both = world.walk(&format!("{path}?verb=like&verb=share"), limit).await;
            assert!(both.len() == 8 && both.iter().all(|item| item["verb"] != "war's & los"));
        }
        assert_eq!(world.walk(&format!("{path}?verb=war%27s%20%26%20los"), 2).await.len(), 4);
        assert_eq!(world.walk(&format!("{path}?verb=Like"), 2).await.len(), 0);
        // The order of the verbs is no other filter; another set is.
        let page = world.get(&format!("{path}?verb=like&verb=share&limit=1")).await;
        let cursor = page.next().unwrap();
        world.page(&format!("{path}?verb=share&verb=like&limit=1"), &cursor).await.is(200);
        for other in ["?verb=like", "?verb=share&verb=like&verb=x", "?limit=1"] {
            world.page(&format!("{path}{other}"), &cursor).await.is_problem(400, "").names("cursor");
        }
    }
    // Deep in a feed where the filter rarely holds.
    let empty = world.get(&format!("{}?verb=never", ivan.friends_path())).await;
    empty.shows(&[]);
    assert_eq!(empty.next(), None);
}

async fn include_self_adds_one_s_own(world: &World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    ivan.follows(&eric).await.is(201);
    eric.posts("share", "1").await.is(201);
    ivan.posts("share", "2").await.is(201);
    eric.posts("share", "3").await.is(201);
    ivan.posts("like", "4").await.is(201);
    let path = format!("{}?include_self=true", ivan.friends_path());
    let all = ["ivan like 4", "eric share 3", "ivan share 2", "eric share 1"];
    for limit in [1, 2, 3, 100] {
        assert_eq!(world.walk_lines(&path, limit).await, all);
    }
    world
        .get(&format!("{}?include_self=false", ivan.friends_path()))
        .await
        .shows(&["eric share 3", "eric share 1"]);
    assert_eq!(world.walk_lines(&format!("{path}&verb=share"), 2).await, all[1..]);
    let cursor = world.get(&format!("{path}&limit=1")).await.next().unwrap();
    world.page(&ivan.friends_path(), &cursor).await.is_problem(400, "");
    // Without a `include_self` at all it is the same as false.
    let cursor = world.get(&format!("{}?limit=1", ivan.friends_path())).await.next().unwrap();
    world.page(&format!("{}?include_self=false", ivan.friends_path()), &cursor).await.is(200);
    // One who follows nobody sees at least this.
    eric.friends_feed().await.shows(&[]);
    world
        .get(&format!("{}?include_self=true", eric.friends_path()))
        .await
        .shows(&["eric share 3", "eric share 1"]);
}

/// What is said about an activity is what the feed does with it.
async fn hidden(viewer: &User<'_>, id: &str, reason: &str) {
    let answer = viewer.asks_why(id).await;
    assert_eq!(answer.is(200).at("/shown"), false, "{answer}");
    assert_eq!(answer.at("/reason"), reason, "{answer}");
    assert!(answer.str_at("/detail").len() > 3, "{answer}");
    assert!(!viewer.friends_feed().await.ids().contains(&id.to_owned()));
}

async fn explain_gives_the_reason_for_each_item(world: &World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    let own = ivan.posts("share", "0").await.is(201).id();
    let old = eric.posts_at("2019-01-01T00:00:00Z", "share", "1").await.is(201).id();
    hidden(&ivan, &own, "own").await;
    hidden(&ivan, &old, "not-followed").await;
    let follow = ivan.follows_from(&eric, "2019-06-01T00:00:00Z").await.is(201).json();
    hidden(&ivan, &old, "before-follow-window").await;
    let new = eric.posts("share", "2").await.is(201).id();
    let answer = ivan.asks_why(&new).await;
    assert_eq!(answer.is(200).json(), json!({ "shown": true, "because": { "follow": follow } }));
    ivan.mutes(&eric).await.is(201);
    hidden(&ivan, &new, "muted").await;
    ivan.unmutes(&eric).await.is(204);
    eric.blocks(&ivan).await.is(201);
    hidden(&ivan, &new, "hidden").await;
    ivan.blocks(&eric).await.is(201);
    hidden(&ivan, &new, "blocked").await;
    eric.unblocks(&ivan).await.is(204);
    hidden(&ivan, &new, "blocked").await;
    ivan.unblocks(&eric).await.is(204);
    hidden(&ivan, &new, "not-followed").await;
    world.delete(&format!("/v1/activities/{new}")).await.is(204);
    ivan.asks_why(&new).await.is_problem(404, "activity-not-found");
}

async fn explain_tells_of_kept_history(world: &World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    let before = eric.posts_at("2018-01-01T00:00:00Z", "share", "1").await.is(201).id();
    let kept = eric.posts_at("2019-01-01T00:00:00Z", "share", "2").await.is(201).id();
    ivan.follows_from(&eric, "2018-06-01T00:00:00Z").await.is(201);
    ivan.unfollows_keeping_history(&eric).await.is(204);
    let after = eric.posts("share", "3").await.is(201).id();
    let answer = ivan.asks_why(&kept).await;
    assert_eq!(answer.is(200).at("/shown"), true);
    assert_eq!(answer.at("/because/kept_history/from"), "2018-06-01T00:00:00.000000Z");
    assert!(answer.str_at("/because/kept_history/until").starts_with("20"));
    ivan.friends_feed().await.shows(&["eric share 2"]);
    hidden(&ivan, &after, "unfollowed").await;
    hidden(&ivan, &before, "before-follow-window").await;
}
