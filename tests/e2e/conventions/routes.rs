//! Which paths and methods there are, and what the others are told.

use reqwest::Method;
use serde_json::json;

use crate::kit::{World, on_both_stores, on_sqlite, raw_answer};

on_sqlite!(
    an_unknown_route_is_a_404,
    a_trailing_slash_is_a_404,
    a_wrong_method_is_a_405_with_the_right_ones,
    every_get_can_be_asked_for_its_head,
    an_accept_that_cannot_be_served_is_a_406,
    another_media_type_or_none_is_a_415,
    a_patch_takes_merge_patches_too,
    a_body_over_the_limit_is_a_413,
    a_query_parameter_that_is_wrong_is_a_400,
    the_names_dot_and_dot_dot_are_nobody,
);

on_both_stores!(a_name_in_the_path_that_is_nobody_s_is_a_404_that_names_it);

async fn an_unknown_route_is_a_404(world: &World) {
    for path in ["/v1", "/v1/nothing", "/v1/users/ivan/nothing", "/v2/users", "/v1/feeds/ivan/enemies"] {
        let answer = world.get(path).await;
        answer.is_problem(404, "");
        assert_eq!(answer.at("/instance"), path);
    }
}

async fn a_trailing_slash_is_a_404(world: &World) {
    world.users(["ivan"]).await;
    for path in
        ["/v1/users/", "/v1/users/ivan/", "/v1/feeds/ivan/", "/v1/feeds/ivan/friends/", "/v1/activities/"]
    {
        world.get(path).await.is_problem(404, "");
    }
    world.post("/v1/activities/", json!({ "actor": "ivan", "verb": "post" })).await.is_problem(404, "");
    world.get("/v1//users").await.is_problem(404, "");
}

async fn a_wrong_method_is_a_405_with_the_right_ones(world: &World) {
    let id = "01890a5d-ac96-774b-bcce-b302099a8057";
    let activity = format!("/v1/activities/{id}");
    let cases: [(Method, &str, &[&str]); 16] = [
        (Method::POST, "/v1/users", &["GET"]),
        (Method::POST, "/v1/users/ivan", &["GET", "PUT", "PATCH", "DELETE"]),
        (Method::PUT, "/v1/activities", &["GET", "POST"]),
        (Method::GET, "/v1/activities/batch", &["POST"]),
        (Method::POST, &activity, &["GET", "PATCH", "DELETE"]),
        (Method::PUT, &activity, &["GET", "PATCH", "DELETE"]),
        (Method::PATCH, "/v1/users/ivan/following/eric", &["GET", "PUT", "DELETE"]),
        (Method::PUT, "/v1/users/ivan/following", &["GET", "POST"]),
        (Method::POST, "/v1/users/ivan/followers", &["GET"]),
        (Method::POST, "/v1/users/ivan/relationships", &["GET"]),
        (Method::GET, "/v1/users/ivan/blocks/eric", &["PUT", "DELETE"]),
        (Method::POST, "/v1/users/ivan/mutes", &["GET"]),
        (Method::POST, "/v1/feeds/ivan", &["GET"]),
        (Method::DELETE, "/v1/feeds/ivan/friends", &["GET"]),
        (Method::PUT, "/v1/feeds/ivan/mentions", &["GET"]),
        (Method::POST, "/v1/feeds/ivan/friends/explain", &["GET"]),
    ];
    for (method, path, allowed) in cases {
        let answer = world.call(method, path).await;
        answer.is_problem(405, "");
        let allow = answer.header("allow");
        let named: Vec<&str> = allow.split(',').map(str::trim).collect();
        for method in allowed {
            assert!(named.contains(method), "{answer}");
        }
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            assert!(allowed.contains(&method) || !named.contains(&method), "{method}: {answer}");
        }
    }
}

async fn every_get_can_be_asked_for_its_head(world: &World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    ivan.follows(&eric).await.is(201);
    let id = eric.posts("share", "post:1").await.is(201).id();
    let paths = [
        "/v1/users".to_owned(),
        ivan.path(),
        ivan.own_path(),
        ivan.friends_path(),
        ivan.mentions_path(),
        ivan.link("following", &eric),
        format!("{}/following", ivan.path()),
        format!("/v1/activities/{id}"),
        format!("{}/explain?activity={id}", ivan.friends_path()),
        "/feed/ivan".to_owned(),
        "/livez".to_owned(),
        "/readyz".to_owned(),
        "/openapi.json".to_owned(),
    ];
    for path in paths {
        let (get, head) = (world.get(&path).await, world.call(Method::HEAD, &path).await);
        assert_eq!(head.is(200).bytes, b"");
        for name in ["content-type", "etag", "link", "cache-control", "vary"] {
            assert_eq!(head.find_header(name), get.find_header(name), "{name} of {path}");
        }
    }
    let missing = world.call(Method::HEAD, "/v1/users/nobody").await;
    assert_eq!(missing.is(404).bytes, b"");
}

async fn an_accept_that_cannot_be_served_is_a_406(world: &World) {
    let [ivan] = world.users(["ivan"]).await;
    for path in [ivan.path(), ivan.own_path(), "/v1/users".to_owned()] {
        for accept in ["text/html", "application/xml", "image/*", "application/json;q=0", "*/*;q=0"] {
            world.get(&path).header("Accept", accept).await.is_problem(406, "");
        }
        for accept in [
            "application/json",
            "*/*",
            "application/*",
            "text/html, application/json;q=0.1",
            "text/html, */*;q=0.1",
            "APPLICATION/JSON; charset=utf-8",
        ] {
            world.get(&path).header("Accept", accept).await.is(200);
        }
    }
    let answer = world.put("/v1/users/eric", json!({})).header("Accept", "text/html").await;
    answer.is_problem(406, "");
    // It was refused before anything happened.
    world.get("/v1/users/eric").await.is_problem(404, "user-not-found");
}

async fn another_media_type_or_none_is_a_415(world: &World) {
    let [ivan] = world.users(["ivan"]).await;
    let body = r#"{"actor":"ivan","verb":"post"}"#;
    for media_type in ["text/plain", "application/xml", "application/x-www-form-urlencoded", "nonsense"] {
        let call = world.call(Method::POST, "/v1/activities").text(media_type, body);
        call.await.is_problem(415, "");
        world.call(Method::PATCH, &ivan.path()).text(media_type, "{}").await.is_problem(415, "");
        world.call(Method::PUT, "/v1/users/eric").text(media_type, "{}").await.is_problem(415, "");
    }
    world.call(Method::POST, "/v1/activities").bare(body).await.is_problem(415, "");
    for media_type in
        ["application/json; charset=utf-8", "Application/JSON", "application/json;charset=\"UTF-8\""]
    {
        world.call(Method::POST, "/v1/activities").text(media_type, body).await.is(201);
    }
}

async fn a_patch_takes_merge_patches_too(world: &World) {
    let [ivan] = world.users(["ivan"]).await;
    let id = ivan.posts("share", "post:1").await.is(201).id();
    for (path, body) in
        [(ivan.path(), r#"{"display_name":"I"}"#), (format!("/v1/activities/{id}"), r#"{"verb":"like"}"#)]
    {
        for media_type in ["application/json", "application/merge-patch+json"] {
            world.call(Method::PATCH, &path).text(media_type, body).await.is(200);
        }
    }
    let body = r#"{"actor":"ivan","verb":"post"}"#;
    let call = world.call(Method::POST, "/v1/activities").text("application/merge-patch+json", body);
    call.await.is_problem(415, "");
}

async fn a_body_over_the_limit_is_a_413(world: &World) {
    let [ivan] = world.users(["ivan"]).await;
    let of = |bytes: usize| format!("{{\"verb\":\"{}\"}}", "x".repeat(bytes - 11));
    let over = of(1024 * 1024 + 1);
    world
        .call(Method::POST, "/v1/activities")
        .text("application/json", over.clone())
        .await
        .is_problem(413, "");
    world.call(Method::PATCH, &ivan.path()).text("application/json", over.clone()).await.is_problem(413, "");
    let follow = format!("{}/following", ivan.path());
    world.call(Method::POST, &follow).text("application/json", over.clone()).await.is_problem(413, "");
    // At the limit it is read, and has its faults.
    world
        .call(Method::POST, "/v1/activities")
        .text("application/json", of(1024 * 1024))
        .await
        .is_problem(400, "");
    // A batch may have more.
    world.call(Method::POST, "/v1/activities/batch").text("application/json", over).await.is_problem(400, "");
    let far_over = of(16 * 1024 * 1024 + 1);
    world
        .call(Method::POST, "/v1/activities/batch")
        .text("application/json", far_over)
        .await
        .is_problem(413, "");
}

async fn a_query_parameter_that_is_wrong_is_a_400(world: &World) {
    let [ivan] = world.users(["ivan"]).await;
    let mut paths = vec!["/v1/users".to_owned(), ivan.own_path(), ivan.friends_path(), ivan.mentions_path()];
    for list in ["following", "followers", "blocks", "mutes"] {
        paths.push(format!("{}/{list}", ivan.path()));
    }
    for path in &paths {
        for query in [
            "limit=0",
            "limit=101",
            "limit=-1",
            "limit=x",
            "limit=",
            "limit=1.0",
            "cursor=",
            "cursor=nonsense",
        ] {
            let answer = world.get(&format!("{path}?{query}")).await;
            answer.is_problem(400, "").names(query.split('=').next().unwrap());
        }
        world.get(&format!("{path}?limit=100")).await.is(200);
    }
    let friends = ivan.friends_path();
    for query in ["include_self=1", "include_self=", "include_self=yes", "verb=", "verb=%00"] {
        world.get(&format!("{friends}?{query}")).await.is_problem(400, "");
    }
    world.get(&format!("{friends}?verb={}", "x".repeat(81))).await.is_problem(400, "");
    world.get(&format!("{friends}?limit=0&include_self=maybe")).await.is_problem(400, "");
    world.get(&format!("{}?keep_history=maybe", ivan.link("following", &ivan))).await.is_problem(404, "");
    let keep = format!("{}?keep_history=maybe", ivan.link("following", &ivan));
    world.delete(&keep).await.is_problem(400, "");
    world.get(&format!("{friends}/explain")).await.is_problem(400, "");
    world.get(&format!("{friends}/explain?activity=nonsense")).await.is_problem(400, "");
}

async fn the_names_dot_and_dot_dot_are_nobody(world: &World) {
    // Clients tidy such paths up, so these are sent by hand.
    for path in ["/v1/users/.", "/v1/users/..", "/v1/users/%2E", "/v1/users/%2e%2e", "/v1/feeds/..%2f"] {
        let (status, answer) = raw_answer(&world.host(), &format!("GET {path}"), "").unwrap();
        assert!(status == 400 || status == 404, "{path}: {answer}");
        let (status, answer) =
            raw_answer(&world.host(), &format!("PUT {path}"), "Content-Length: 0\r\n").unwrap();
        assert!((400..500).contains(&status), "{path}: {answer}");
    }
    assert_eq!(world.get("/v1/users").await.items().len(), 0);
}

async fn a_name_in_the_path_that_is_nobody_s_is_a_404_that_names_it(world: &World) {
    let [ivan] = world.users(["ivan"]).await;
    let nobody = world.user("nobody");
    for path in [nobody.path(), nobody.own_path(), nobody.friends_path(), nobody.mentions_path()] {
        world.get(&path).await.is_problem(404, "user-not-found").names("nobody");
    }
    for list in ["following", "followers", "blocks", "mutes", "relationships?with=ivan"] {
        let answer = world.get(&format!("{}/{list}", nobody.path())).await;
        answer.is_problem(404, "user-not-found").names("nobody");
    }
    for (one, other) in [(&nobody, &ivan), (&ivan, &nobody)] {
        world.get(&one.link("following", other)).await.is_problem(404, "user-not-found").names("nobody");
        one.follows(other).await.is_problem(404, "user-not-found").names("nobody");
        one.unfollows(other).await.is_problem(404, "user-not-found").names("nobody");
        one.blocks(other).await.is_problem(404, "user-not-found").names("nobody");
        one.unblocks(other).await.is_problem(404, "user-not-found").names("nobody");
        one.mutes(other).await.is_problem(404, "user-not-found").names("nobody");
        one.unmutes(other).await.is_problem(404, "user-not-found").names("nobody");
    }
    nobody.renames_to("somebody").await.is_problem(404, "user-not-found").names("nobody");
    nobody.leaves().await.is_problem(404, "user-not-found").names("nobody");
    let batch = json!({ "follow": ["ivan"] });
    world.post(&format!("{}/following", nobody.path()), batch).await.is_problem(404, "user-not-found");
    let id = "01890a5d-ac96-774b-bcce-b302099a8057";
    let activity = format!("/v1/activities/{id}");
    world.get(&activity).await.is_problem(404, "activity-not-found").names(id);
    world.patch(&activity, json!({})).await.is_problem(404, "activity-not-found").names(id);
    world.delete(&activity).await.is_problem(404, "activity-not-found").names(id);
}
