//! A person who leaves, leaves nothing behind.

use serde_json::json;

use crate::kit::{World, on_both_stores};

on_both_stores!(
    a_receipt_counts_what_went,
    nothing_shows_the_person_any_more,
    an_erased_name_is_free_and_has_nothing,
    a_stored_answer_that_named_the_person_is_gone,
    a_walk_goes_on_past_what_was_erased,
);

async fn a_receipt_counts_what_went(world: &World) {
    let [ivan, eric, niko] = world.users(["ivan", "eric", "niko"]).await;
    ivan.posts("share", "1").await.is(201);
    ivan.posts_to("share", "2", &ivan).await.is(201);
    eric.posts_to("like", "3", &ivan).await.is(201);
    niko.posts_to("like", "4", &ivan).await.is(201);
    niko.posts_to("like", "5", &ivan).await.is(201);
    ivan.follows(&eric).await.is(201);
    ivan.follows(&niko).await.is(201);
    eric.follows(&ivan).await.is(201);
    let answer = ivan.leaves().await;
    let erased = answer.is(200).at("/erased");
    // A mention is an activity of somebody else.
    for (what, count) in [("activities", 2), ("mentions", 3), ("following", 2), ("followers", 1)] {
        assert_eq!(erased[what], count, "{what}: {answer}");
    }
    let at = answer.str_at("/at");
    assert!(at.len() == 27 && at.ends_with('Z'), "{answer}");
    ivan.leaves().await.is_problem(404, "user-not-found");
}

async fn nothing_shows_the_person_any_more(world: &World) {
    let [ivan, eric, niko] = world.users(["ivan-the-erased", "eric", "niko"]).await;
    eric.follows(&ivan).await.is(201);
    eric.follows(&niko).await.is(201);
    ivan.follows(&eric).await.is(201);
    ivan.mutes(&niko).await.is(201);
    niko.blocks(&ivan).await.is(201);
    let own = ivan.posts_to("share", "1", &eric).await.is(201).id();
    let about = niko.posts_to("like", "2", &ivan).await.is(201).id();
    let tag = world.get(&format!("/v1/activities/{about}")).await.header("etag");
    ivan.leaves().await.is(200);
    world.get(&format!("/v1/activities/{own}")).await.is_problem(404, "activity-not-found");
    // What others said stays, and says it to nobody.
    let left = world.get(&format!("/v1/activities/{about}")).await;
    assert_eq!(left.is(200).at("/target"), json!(null));
    assert_ne!(left.header("etag"), tag);
    eric.friends_feed().await.shows(&["niko like 2"]);
    eric.mentions().await.shows(&[]);
    for user in [&eric, &niko] {
        for list in
            ["", "/following", "/followers", "/blocks", "/mutes", "/relationships?with=ivan-the-erased"]
        {
            let answer = world.get(&format!("{}{list}", user.path())).await;
            assert!(!answer.is(200).text().contains("ivan-the-erased"), "{answer}");
        }
    }
    assert!(!world.get("/v1/users").await.is(200).text().contains("ivan-the-erased"));
    assert_eq!((eric.counts().await, niko.counts().await), ((1, 0, 0), (0, 1, 1)));
}

async fn an_erased_name_is_free_and_has_nothing(world: &World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    let id = world.get(&ivan.path()).await.id();
    eric.follows(&ivan).await.is(201);
    ivan.posts_also("share", "1", json!({ "external_id": "e" })).await.is(201);
    ivan.leaves().await.is(200);
    let [ivan] = world.users(["ivan"]).await;
    assert_ne!(world.get(&ivan.path()).await.id(), id);
    assert_eq!(ivan.counts().await, (0, 0, 0));
    for feed in [ivan.own_feed(), ivan.friends_feed(), ivan.mentions(), eric.friends_feed()] {
        feed.await.shows(&[]);
    }
    ivan.posts_also("like", "2", json!({ "external_id": "e" })).await.is(201);
}

async fn a_stored_answer_that_named_the_person_is_gone(world: &World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    ivan.posts("share", "1").key("by").await.is(201);
    eric.posts_to("share", "2", &ivan).key("about").await.is(201);
    eric.posts("share", "3").key("neither").await.is(201);
    ivan.leaves().await.is(200);
    // A retry, whatever its body, is told so; it would not help to do it again.
    ivan.posts("share", "1").key("by").await.is_problem(410, "");
    ivan.posts("other", "1").key("by").await.is_problem(410, "");
    eric.posts_to("share", "2", &ivan).key("about").await.is_problem(410, "");
    eric.posts("share", "3").key("neither").await.is(201);
    eric.own_feed().await.shows(&["eric share 3", "eric share 2"]);
    // Also after somebody else has the name.
    world.users(["ivan"]).await;
    ivan.posts("share", "1").key("by").await.is_problem(410, "");
    ivan.own_feed().await.shows(&[]);
}

async fn a_walk_goes_on_past_what_was_erased(world: &World) {
    let [reader, ivan, eric] = world.users(["reader", "ivan", "eric"]).await;
    reader.follows(&ivan).await.is(201);
    reader.follows(&eric).await.is(201);
    for number in 0..3 {
        eric.posts("share", &number.to_string()).await.is(201);
        ivan.posts("share", &number.to_string()).await.is(201);
    }
    let path = format!("{}?limit=1", reader.friends_path());
    let first = world.get(&path).await;
    first.shows(&["ivan share 2"]);
    ivan.leaves().await.is(200);
    let path = format!("{}?limit=100", reader.friends_path());
    let rest = world.page(&path, &first.next().unwrap()).await;
    rest.shows(&["eric share 2", "eric share 1", "eric share 0"]);
    // The erased person's own cursors have nothing to open.
    reader.leaves().await.is(200);
    world.users(["reader"]).await;
    world.page(&path, &first.next().unwrap()).await.is_problem(400, "");
}
