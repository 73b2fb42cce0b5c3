//! Row by row, the table of errors of the classic contract.

use reqwest::Method;
use serde_json::{Value, json};

use crate::kit::{World, on_both_stores, on_sqlite};

on_both_stores!(
    an_unknown_actor_target_or_user_is_a_404_that_names_it,
    following_oneself_is_a_409_that_says_so,
    following_twice_is_a_409_and_the_follow_stays,
    unfollowing_where_there_is_no_follow_is_a_404,
    the_feed_of_friends_of_a_user_who_follows_nobody_is_empty,
);

on_sqlite!(
    a_body_that_is_no_json_object_is_a_400,
    a_missing_key_a_wrong_type_and_an_empty_or_long_name_are_a_400,
    a_body_with_neither_or_both_of_follow_and_unfollow_is_a_400,
    unknown_members_are_ignored,
    a_body_without_a_content_type_is_read_as_json,
    a_wrong_method_is_a_405_that_names_the_right_ones,
    a_body_over_the_limit_is_a_413,
    an_unknown_route_is_a_problem,
    a_retried_post_with_a_key_has_one_effect,
);

async fn an_unknown_actor_target_or_user_is_a_404_that_names_it(world: &World) {
    world.users(["eric"]).await;
    let bodies = [
        json!({ "actor": "nobody", "verb": "post" }),
        json!({ "actor": "eric", "verb": "post", "target": "nobody" }),
    ];
    for body in bodies {
        let error = world.post("/activity", body).await.is_classic_error(404);
        assert!(error.contains("nobody"), "{error}");
    }
    for body in [json!({ "follow": "nobody" }), json!({ "unfollow": "nobody" })] {
        let error = world.post("/feed/eric", body).await.is_classic_error(404);
        assert!(error.contains("nobody"), "{error}");
    }
    for body in [json!({ "follow": "eric" }), json!({ "unfollow": "eric" })] {
        let error = world.post("/feed/nobody", body).await.is_classic_error(404);
        assert!(error.contains("nobody"), "{error}");
    }
    for path in ["/feed/nobody", "/feed/nobody/friends"] {
        let error = world.get(path).await.is_classic_error(404);
        assert!(error.contains("nobody"), "{error}");
    }
    assert_eq!(world.get("/activity").await.is(200).json(), json!([]));
}

async fn following_oneself_is_a_409_that_says_so(world: &World) {
    world.users(["eric"]).await;
    let error = world.post("/feed/eric", json!({ "follow": "eric" })).await.is_classic_error(409);
    assert!(error.contains("eric") && error.contains("themselves"), "{error}");
    assert_eq!(world.get("/follows").await.is(200).json(), json!([]));
}

async fn following_twice_is_a_409_and_the_follow_stays(world: &World) {
    let [eric, ivan] = world.users(["eric", "ivan"]).await;
    world.post("/feed/eric", json!({ "follow": "ivan" })).await.is(200);
    let before = world.get(&eric.link("following", &ivan)).await.is(200).json();
    world.post("/feed/eric", json!({ "follow": "ivan" })).await.is_classic_error(409);
    assert_eq!(world.get(&eric.link("following", &ivan)).await.is(200).json(), before);
}

async fn unfollowing_where_there_is_no_follow_is_a_404(world: &World) {
    let [eric, ivan] = world.users(["eric", "ivan"]).await;
    world.post("/feed/eric", json!({ "unfollow": "ivan" })).await.is_classic_error(404);
    world.post("/feed/eric", json!({ "unfollow": "eric" })).await.is_classic_error(404);
    // Kept history alone can be unfollowed, once.
    eric.follows(&ivan).await.is(201);
    eric.unfollows_keeping_history(&ivan).await.is(204);
    world.post("/feed/eric", json!({ "unfollow": "ivan" })).await.is(200);
    world.post("/feed/eric", json!({ "unfollow": "ivan" })).await.is_classic_error(404);
}

async fn the_feed_of_friends_of_a_user_who_follows_nobody_is_empty(world: &World) {
    world.users(["eric"]).await;
    assert_eq!(world.get("/feed/eric/friends").await.is(200).json(), json!({ "friends_feed": [] }));
}

async fn a_body_that_is_no_json_object_is_a_400(world: &World) {
    world.users(["eric"]).await;
    for path in ["/activity", "/feed/eric"] {
        for body in ["", " ", "{", "nonsense", "[]", "null", "1", "\"x\"", "{\"actor\":}", "{}{}", "\u{0}"] {
            let call = world.call(Method::POST, path).text("application/json", body);
            call.await.is_classic_error(400);
        }
        let not_utf8 = b"{\"actor\":\"eric\",\"verb\":\"\xff\"}".to_vec();
        world.call(Method::POST, path).text("application/json", not_utf8).await.is_classic_error(400);
    }
    let twice = r#"{"actor":"eric","verb":"a","verb":"b"}"#;
    world.call(Method::POST, "/activity").text("application/json", twice).await.is_classic_error(400);
}

async fn a_missing_key_a_wrong_type_and_an_empty_or_long_name_are_a_400(world: &World) {
    world.users(["eric"]).await;
    let good = json!({ "actor": "eric", "verb": "post", "object": "post:1", "target": null });
    for key in ["actor", "verb"] {
        let mut body = good.clone();
        body.as_object_mut().unwrap().remove(key);
        let error = world.post("/activity", body).await.is_classic_error(400);
        assert!(error.contains(key), "{error}");
    }
    let mut wrong: Vec<(&str, Value)> = Vec::new();
    for value in [json!(null), json!(""), json!(1), json!(true), json!([]), json!({}), json!("x".repeat(81))]
    {
        wrong.push(("actor", value.clone()));
        wrong.push(("verb", value));
    }
    for value in [json!(1), json!(true), json!(["x"]), json!({})] {
        wrong.push(("object", value.clone()));
        wrong.push(("target", value));
    }
    wrong.push(("target", json!("x".repeat(81))));
    wrong.push(("object", json!("x".repeat(1025))));
    for (key, value) in wrong {
        let mut body = good.clone();
        body[key] = value;
        let error = world.post("/activity", body).await.is_classic_error(400);
        assert!(error.contains(key), "{key}: {error}");
    }
    for value in [json!(null), json!(""), json!(1), json!(true), json!([]), json!({}), json!("x".repeat(81))]
    {
        for key in ["follow", "unfollow"] {
            world.post("/feed/eric", json!({ key: value })).await.is_classic_error(400);
        }
    }
    // Eighty characters are fine, of whatever script; nobody has this name, though.
    for character in ["x", "ö", "😀"] {
        let body = json!({ "actor": "eric", "verb": character.repeat(80) });
        world.post("/activity", body).await.is(200);
        world.post("/feed/eric", json!({ "follow": character.repeat(80) })).await.is_classic_error(404);
    }
}

async fn a_body_with_neither_or_both_of_follow_and_unfollow_is_a_400(world: &World) {
    world.users(["eric", "ivan"]).await;
    for body in [json!({}), json!({ "followed": "ivan" }), json!({ "follow": "ivan", "unfollow": "ivan" })] {
        world.post("/feed/eric", body).await.is_classic_error(400);
    }
    assert_eq!(world.get("/follows").await.is(200).json(), json!([]));
}

async fn unknown_members_are_ignored(world: &World) {
    world.users(["eric", "ivan"]).await;
    let body =
        json!({ "actor": "eric", "verb": "post", "datetime": "2001-01-01T00:00:00", "x": { "y": [1] } });
    let answer = world.post("/activity", body).await.is(200).json();
    assert_eq!(answer.as_object().unwrap().len(), 5, "{answer}");
    assert_ne!(answer["datetime"], "2001-01-01T00:00:00");
    world.post("/feed/eric", json!({ "follow": "ivan", "x": 1 })).await.is(200);
}

async fn a_body_without_a_content_type_is_read_as_json(world: &World) {
    world.users(["eric", "ivan"]).await;
    let post = r#"{"actor":"eric","verb":"punched","object":"null","target":"ivan"}"#;
    world.call(Method::POST, "/activity").bare(post).await.is(200);
    world.call(Method::POST, "/feed/eric").bare(r#"{"follow":"ivan"}"#).await.is(200);
}

async fn a_wrong_method_is_a_405_that_names_the_right_ones(world: &World) {
    let cases = [
        (Method::DELETE, "/activity", vec!["GET", "POST"]),
        (Method::PUT, "/activity", vec!["GET", "POST"]),
        (Method::PUT, "/feed/eric", vec!["GET", "POST"]),
        (Method::DELETE, "/feed/eric", vec!["GET", "POST"]),
        (Method::POST, "/feed/eric/friends", vec!["GET"]),
        (Method::PATCH, "/feed/eric/friends", vec!["GET"]),
        (Method::POST, "/reset", vec!["GET"]),
        (Method::POST, "/user", vec!["GET"]),
        (Method::DELETE, "/follows", vec!["GET"]),
    ];
    for (method, path, allowed) in cases {
        let answer = world.call(method, path).await;
        answer.is_classic_error(405);
        let allow = answer.header("allow");
        for method in allowed {
            assert!(allow.split(", ").any(|name| name == method), "{answer}");
        }
    }
    // A HEAD of what changes everything is no harmless look.
    let answer = world.call(Method::HEAD, "/reset").await;
    assert!(!answer.is(405).header("allow").contains("HEAD"), "{answer}");
}

async fn a_body_over_the_limit_is_a_413(world: &World) {
    world.users(["eric"]).await;
    let body = format!(r#"{{"actor":"eric","verb":"post","x":"{}"}}"#, "x".repeat(1024 * 1024));
    for path in ["/activity", "/feed/eric"] {
        world.call(Method::POST, path).text("application/json", body.clone()).await.is_classic_error(413);
    }
}

async fn an_unknown_route_is_a_problem(world: &World) {
    for path in ["/nothing", "/feed", "/feed/", "/feed/eric/enemies", "/activity/1", "/feed/eric/friends/"] {
        world.get(path).await.is_problem(404, "");
    }
}

async fn a_retried_post_with_a_key_has_one_effect(world: &World) {
    world.users(["eric", "ivan"]).await;
    let body = json!({ "actor": "eric", "verb": "post", "object": "post:1" });
    let first = world.post("/activity", body.clone()).key("k1").await;
    let second = world.post("/activity", body).key("k1").await;
    assert_eq!(second.is(200).json(), first.is(200).json());
    assert_eq!(second.header("idempotency-replayed"), "true");
    assert_eq!(world.get("/activity").await.json().as_array().unwrap().len(), 1);
    let other = json!({ "actor": "eric", "verb": "post", "object": "post:2" });
    world.post("/activity", other.clone()).key("k1").await.is_classic_error(422);
    world.post("/activity", other).key(&"k".repeat(256)).await.is_classic_error(400);
    let follow = json!({ "follow": "ivan" });
    world.post("/feed/eric", follow.clone()).key("k1").await.is(200);
    world.post("/feed/eric", follow).key("k1").await.is(200);
}
