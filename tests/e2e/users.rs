//! Users: put, get, patch with rename, list.

use reqwest::Method;
use serde_json::json;

use crate::kit::{User, World, on_both_stores};

on_both_stores!(
    a_put_creates_once_and_updates_what_is_given,
    a_user_is_shown_whole,
    counts_are_exact_in_the_next_read,
    a_rename_keeps_everything_and_frees_the_name,
    a_name_that_is_taken_is_a_409,
    names_that_break_the_rules_are_a_400,
    names_of_any_script_are_fine,
    users_are_listed_by_name_in_code_point_order,
    a_prefix_is_literal_and_case_sensitive,
);

async fn a_put_creates_once_and_updates_what_is_given(world: &World) {
    let created = world.put("/v1/users/ivan", json!({ "display_name": "Ivan" })).await;
    created.is(201);
    let put = |body| world.put("/v1/users/ivan", body);
    assert_eq!(put(json!({})).await.is(200).json(), created.json());
    assert_eq!(put(json!({ "display_name": "I." })).await.is(200).at("/display_name"), "I.");
    assert_eq!(put(json!({})).await.at("/display_name"), "I.");
    assert_eq!(put(json!({ "display_name": null })).await.is(200).at("/display_name"), json!(null));
    assert_eq!(put(json!({ "display_name": "ö".repeat(200) })).await.is(200).id(), created.id());
    for wrong in [json!(""), json!(1), json!("x".repeat(201)), json!([])] {
        put(json!({ "display_name": wrong })).await.has_faults(&["/display_name"]);
    }
}

async fn a_user_is_shown_whole(world: &World) {
    let created = world.put("/v1/users/ivan", json!({})).await;
    let user = created.is(201).json();
    let wanted = json!({
        "id": user["id"],
        "username": "ivan",
        "display_name": null,
        "created_at": user["created_at"],
        "following": 0,
        "followers": 0,
        "activities": 0,
    });
    assert_eq!(user, wanted);
    assert_eq!(uuid::Uuid::parse_str(user["id"].as_str().unwrap()).unwrap().get_version_num(), 7);
    let created_at = user["created_at"].as_str().unwrap();
    assert!(created_at.len() == 27 && created_at.ends_with('Z'), "{created_at}");
    assert_eq!(world.get("/v1/users/ivan").await.is(200).json(), user);
    world.get("/v1/users/Ivan").await.is_problem(404, "user-not-found").names("Ivan");
}

async fn counts_are_exact_in_the_next_read(world: &World) {
    let [ivan, eric, niko] = world.users(["ivan", "eric", "niko"]).await;
    ivan.follows(&eric).await.is(201);
    ivan.follows(&eric).await.is(200);
    ivan.follows(&niko).await.is(201);
    eric.follows(&ivan).await.is(201);
    let id = ivan.posts("share", "post:1").await.is(201).id();
    ivan.posts("share", "post:2").await.is(201);
    assert_eq!((ivan.counts().await, eric.counts().await), ((2, 1, 2), (1, 1, 0)));
    world.delete(&format!("/v1/activities/{id}")).await.is(204);
    ivan.unfollows_keeping_history(&niko).await.is(204);
    assert_eq!((ivan.counts().await, niko.counts().await), ((1, 1, 1), (0, 0, 0)));
    ivan.blocks(&eric).await.is(201);
    assert_eq!((ivan.counts().await, eric.counts().await), ((0, 0, 1), (0, 0, 0)));
}

async fn a_rename_keeps_everything_and_frees_the_name(world: &World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    let id = world.get(&eric.path()).await.id();
    ivan.follows(&eric).await.is(201);
    eric.follows(&ivan).await.is(201);
    eric.posts("share", "post:1").await.is(201);
    ivan.posts_to("like", "post:1", &eric).await.is(201);
    let renamed = world.patch(&eric.path(), json!({ "username": "erich", "display_name": "E." })).await;
    assert_eq!(renamed.is(200).id(), id);
    assert_eq!((renamed.at("/username"), renamed.at("/display_name")), (json!("erich"), json!("E.")));
    let erich = world.user("erich");
    assert_eq!(erich.counts().await, (1, 1, 1));
    eric.own_feed().await.is_problem(404, "user-not-found");
    eric.posts("share", "x").await.has_faults(&["/actor"]);
    ivan.friends_feed().await.shows(&["erich share post:1"]);
    erich.mentions().await.shows(&["ivan like post:1 -> erich"]);
    erich.friends_feed().await.shows(&["ivan like post:1 -> erich"]);
    assert_eq!(world.get(&ivan.link("following", &erich)).await.is(200).at("/followee"), "erich");
    // The old name is somebody else now, who has nothing of it.
    let [eric] = world.users(["eric"]).await;
    assert_ne!(world.get(&eric.path()).await.id(), id);
    assert_eq!(eric.counts().await, (0, 0, 0));
    eric.own_feed().await.shows(&[]);
    // To the present name is no change.
    assert_eq!(erich.renames_to("erich").await.is(200).id(), id);
}

async fn a_name_that_is_taken_is_a_409(world: &World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    ivan.renames_to("eric").await.is_problem(409, "").names("eric");
    assert_eq!(world.get(&ivan.path()).await.is(200).at("/username"), "ivan");
    // Another case is another name.
    ivan.renames_to("Eric").await.is(200);
    eric.own_feed().await.shows(&[]);
}

async fn names_that_break_the_rules_are_a_400(world: &World) {
    let [ivan] = world.users(["ivan"]).await;
    let mut bad: Vec<String> =
        ["", ".", "..", " ivan", "ivan ", "\u{a0}ivan", "iv/an", "iv\nan", "iv\u{7f}an"]
            .map(str::to_owned)
            .to_vec();
    bad.extend(
        ["\u{200b}", "\u{200e}", "\u{200f}", "\u{202a}", "\u{202e}", "\u{2066}", "\u{2069}", "\u{feff}"]
            .map(|hidden| format!("iv{hidden}an")),
    );
    bad.extend(["x".repeat(81), "😀".repeat(81), "iv\u{85}an".to_owned(), "iv\u{0}an".to_owned()]);
    for name in bad {
        ivan.renames_to(&name).await.has_faults(&["/username"]);
        let actor = world.post("/v1/activities", json!({ "actor": name, "verb": "post" })).await;
        actor.has_faults(&["/actor"]);
        let user = world.user(&name);
        // These three are no such path at all, or are tidied up by clients.
        if !["", ".", ".."].contains(&&*name) {
            world.put(&user.path(), json!({})).await.is_problem(400, "");
            let answer = world.get(&user.path()).await;
            assert!(answer.status == 400 || answer.status == 404, "{answer}");
        }
    }
    assert_eq!(world.get("/v1/users").await.items().len(), 1);
}

async fn names_of_any_script_are_fine(world: &World) {
    let long = "😀".repeat(80);
    let names =
        ["Ünïcode", "иван", "李 小龙", "a%2Fb", "x?y#z", "+", "é", "e\u{301}", "...", "\u{200d}👩", &long];
    for user in world.users(names).await {
        assert_eq!(world.get(&user.path()).await.is(200).at("/username"), user.name);
        user.posts_to(&user.name, &user.name, &user).await.is(201);
        let line = format!("{0} {0} {0} -> {0}", user.name);
        user.own_feed().await.shows(&[&line]);
        user.mentions().await.shows(&[&line]);
    }
    // No normalisation: the two ways to write é are two users.
    assert_eq!(world.get("/v1/users?prefix=e").await.items().len(), 1);
    let location = world.user("李 小龙").posts("share", "x").await.is(201).header("location");
    world.get(&location).await.is(200);
}

async fn users_are_listed_by_name_in_code_point_order(world: &World) {
    // UTF-16 would put U+FF5E after U+1F600; a locale would put `b` before `B`, and `ä` beside `a`.
    let sorted = ["A", "B", "a", "a b", "aa", "b", "ä", "\u{ff5e}", "😀"];
    let mut shuffled = sorted;
    shuffled.sort_by_key(|name| name.len() * 7 % 5);
    world.users(shuffled).await;
    for limit in [1, 2, 4, 100] {
        let users = world.walk("/v1/users", limit).await;
        let names: Vec<_> = users.iter().map(|user| user["username"].as_str().unwrap()).collect();
        assert_eq!(names, sorted);
        assert!(users.iter().all(|user| user.as_object().unwrap().len() == 7));
    }
    let middle = world.get("/v1/users?limit=4").await;
    let next = middle.next().unwrap();
    let rest = world.page("/v1/users?limit=100", &next).await;
    let back = world.walk_back("/v1/users", &rest.previous(), 3).await;
    assert_eq!(back, middle.items());
}

async fn a_prefix_is_literal_and_case_sensitive(world: &World) {
    world.users(["iv", "ivan", "ivana", "Ivan", "i%van", "i_van", "iw", "ivä", "i", "iv\u{10FFFF}"]).await;
    let listed = async |prefix: &str| {
        let prefix: User<'_> = world.user(prefix);
        let users = world.walk(&format!("/v1/users?prefix={}", prefix.encoded()), 2).await;
        users.iter().map(|user| user["username"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(listed("iv").await, ["iv", "ivan", "ivana", "ivä", "iv\u{10FFFF}"]);
    assert_eq!(listed("ivan").await, ["ivan", "ivana"]);
    assert_eq!(listed("i%").await, ["i%van"]);
    assert_eq!(listed("i_").await, ["i_van"]);
    assert_eq!(listed("I").await, ["Ivan"]);
    assert_eq!(listed("iv\u{10FFFF}").await, ["iv\u{10FFFF}"]);
    assert_eq!(listed("nobody").await, [""; 0]);
    assert_eq!(listed("").await.len(), 10);
    // A cursor belongs to its prefix.
    let cursor = world.get("/v1/users?prefix=iv&limit=1").await.next().unwrap();
    world.page("/v1/users?prefix=i&limit=1", &cursor).await.is_problem(400, "");
    world.page("/v1/users?limit=1", &cursor).await.is_problem(400, "");
    let head = world.call(Method::HEAD, "/v1/users?prefix=iv").await;
    head.is(200);
}
