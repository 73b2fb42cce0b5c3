//! Bodies: strict, so that what is stored is what was sent, and told about every fault at once.

use reqwest::Method;
use serde_json::json;

use crate::kit::{Answer, World, on_both_stores, on_sqlite};

on_both_stores!(every_fault_is_listed_with_its_pointer, data_comes_back_as_it_was_sent);

on_sqlite!(
    a_body_that_is_no_json_object_is_a_400,
    an_unknown_member_is_a_400_that_names_it,
    a_key_given_twice_anywhere_is_a_400,
    nul_and_lone_surrogates_are_a_400,
    data_has_a_limit_of_depth_and_size,
    numbers_that_no_integer_and_no_double_holds_are_a_400,
    invalid_utf8_is_a_400,
);

async fn post_raw(world: &World, body: impl Into<Vec<u8>>) -> Answer {
    world.call(Method::POST, "/v1/activities").text("application/json", body).await
}

async fn every_fault_is_listed_with_its_pointer(world: &World) {
    world.users(["ivan"]).await;
    let all_wrong = json!({
        "actor": "nobody",
        "verb": "",
        "object": 1,
        "target": "nobody either",
        "published": "yesterday",
        "external_id": "",
        "data": [],
    });
    let pointers = ["/actor", "/verb", "/object", "/target", "/published", "/external_id", "/data"];
    let answer = world.post("/v1/activities", all_wrong).await;
    answer.has_faults(&pointers).names("nobody either");
    world.post("/v1/activities", json!({})).await.has_faults(&["/actor", "/verb"]);
    let long = json!({
        "actor": "x".repeat(81),
        "verb": "x".repeat(81),
        "object": "x".repeat(1025),
        "target": "x".repeat(81),
        "external_id": "x".repeat(256),
    });
    let pointers = ["/actor", "/verb", "/object", "/target", "/external_id"];
    world.post("/v1/activities", long).await.has_faults(&pointers);
    let also_unknown = json!({ "actor": "nobody", "verb": 7, "vreb": "x" });
    world.post("/v1/activities", also_unknown).await.has_faults(&["/actor", "/verb", "/vreb"]);
    let id = world.user("ivan").posts("share", "post:1").await.is(201).id();
    let patch = json!({ "verb": "", "target": "nobody", "data": 1, "actor": "ivan" });
    let answer = world.patch(&format!("/v1/activities/{id}"), patch).await;
    answer.has_faults(&["/verb", "/target", "/data", "/actor"]);
    let patch = json!({ "username": null, "display_name": "", "name": "x" });
    let answer = world.patch("/v1/users/ivan", patch).await;
    answer.has_faults(&["/username", "/display_name", "/name"]);
}

async fn data_comes_back_as_it_was_sent(world: &World) {
    let [ivan] = world.users(["ivan"]).await;
    let sent = [
        r#"{"b":1,"a":{"z":[1.0,1e5,-0,0.10,18446744073709551615,-9223372036854775808],"y":null},"":true}"#,
        r#"{"t":" \"quoted\" \\ \/ \u00e9 é 😀 \ud83d\ude00 \n"}"#,
        r#"{"18446744073709551616":18446744073709551616,"x":1E+2,"deep":[[[[{}]]]]}"#,
        "{}",
    ];
    for data in sent {
        let body = format!(r#"{{"actor":"ivan","verb":"post","data":{data}}}"#);
        let answer = post_raw(world, body).await;
        assert!(answer.is(201).text().contains(&format!("\"data\":{data}")), "{answer}");
        let id = answer.id();
        for path in [format!("/v1/activities/{id}"), ivan.own_path()] {
            let answer = world.get(&path).await;
            assert!(answer.is(200).text().contains(&format!("\"data\":{data}")), "{answer}");
        }
    }
    let spaced = "{\"actor\":\"ivan\",\"verb\":\"post\",\"data\": { \"a\" : [ 1 ,\n 2 ] } }";
    let answer = post_raw(world, spaced).await;
    assert!(answer.is(201).text().contains(r#""data":{"a":[1,2]}"#), "{answer}");
    assert!(ivan.posts("post", "x").await.text().contains(r#""data":{}"#));
}

async fn a_body_that_is_no_json_object_is_a_400(world: &World) {
    let [ivan] = world.users(["ivan"]).await;
    let following = format!("{}/following", ivan.path());
    let calls = [
        (Method::POST, "/v1/activities"),
        (Method::POST, "/v1/activities/batch"),
        (Method::PUT, "/v1/users/eric"),
        (Method::PATCH, "/v1/users/ivan"),
        (Method::POST, &following),
    ];
    for (method, path) in calls {
        for body in
            ["{", "nonsense", "[]", "null", "1", "\"x\"", "{}{}", "{\"a\":1,}", "{'a':1}", "\u{feff}{}"]
        {
            let answer = world.call(method.clone(), path).text("application/json", body).await;
            answer.is_problem(400, "");
        }
    }
    world.get("/v1/users/eric").await.is(404);
    post_raw(world, "").await.is_problem(400, "");
}

async fn an_unknown_member_is_a_400_that_names_it(world: &World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    let activity = json!({ "actor": "ivan", "verb": "post", "vreb": "x" });
    world.post("/v1/activities", activity).await.has_faults(&["/vreb"]).names("vreb");
    world
        .post("/v1/activities", json!({ "actor": "ivan", "verb": "post", "id": "x" }))
        .await
        .has_faults(&["/id"]);
    world.put("/v1/users/ivan", json!({ "nick/name": "x" })).await.has_faults(&["/nick~1name"]);
    world.patch("/v1/users/ivan", json!({ "id": "x" })).await.has_faults(&["/id"]);
    world.put(&ivan.link("following", &eric), json!({ "form": "now" })).await.has_faults(&["/form"]);
    let following = format!("{}/following", ivan.path());
    world.post(&following, json!({ "follow": ["eric"], "block": [] })).await.has_faults(&["/block"]);
    let batch = json!({ "activities": [], "atomic": true });
    world.post("/v1/activities/batch", batch).await.is_problem(400, "").names("atomic");
}

async fn a_key_given_twice_anywhere_is_a_400(world: &World) {
    world.users(["ivan"]).await;
    for body in [
        r#"{"actor":"ivan","verb":"a","verb":"b"}"#,
        r#"{"actor":"ivan","verb":"a","v\u0065rb":"a"}"#,
        r#"{"actor":"ivan","verb":"a","data":{"x":1,"x":1}}"#,
        r#"{"actor":"ivan","verb":"a","data":{"l":[{"x":1,"\u0078":2}]}}"#,
        r#"{"actor":"ivan","verb":"a","data":{},"data":{}}"#,
    ] {
        post_raw(world, body).await.is_problem(400, "");
    }
    let user = world.call(Method::PUT, "/v1/users/eric");
    user.text("application/json", r#"{"display_name":"a","display_name":"b"}"#).await.is_problem(400, "");
}

async fn nul_and_lone_surrogates_are_a_400(world: &World) {
    world.users(["ivan"]).await;
    for bad in [r"\u0000", r"\ud800", r"\udfff", r"\ud800\ud800", r"\udc00\ud800"] {
        for body in [
            format!(r#"{{"actor":"iv{bad}an","verb":"a"}}"#),
            format!(r#"{{"actor":"ivan","verb":"a{bad}"}}"#),
            format!(r#"{{"actor":"ivan","verb":"a","object":"{bad}"}}"#),
            format!(r#"{{"actor":"ivan","verb":"a","external_id":"{bad}"}}"#),
            format!(r#"{{"actor":"ivan","verb":"a","data":{{"x":"{bad}"}}}}"#),
            format!(r#"{{"actor":"ivan","verb":"a","data":{{"{bad}":1}}}}"#),
            format!(r#"{{"actor":"ivan","verb":"a","{bad}":1}}"#),
        ] {
            post_raw(world, body).await.is_problem(400, "");
        }
        let user = world.call(Method::PUT, "/v1/users/eric");
        user.text("application/json", format!(r#"{{"display_name":"x{bad}"}}"#)).await.is_problem(400, "");
    }
    // A pair of surrogates is a character.
    post_raw(world, r#"{"actor":"ivan","verb":"\ud83d\ude00"}"#).await.is(201);
}

async fn data_has_a_limit_of_depth_and_size(world: &World) {
    world.users(["ivan"]).await;
    let of = |data: String| format!(r#"{{"actor":"ivan","verb":"a","data":{data}}}"#);
    let nested = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1));
    post_raw(world, of(nested(64))).await.is(201);
    for levels in [65, 127, 128, 129, 10_000, 200_000] {
        post_raw(world, of(nested(levels))).await.is_problem(400, "");
    }
    let sized = |bytes: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - 8));
    post_raw(world, of(sized(16 * 1024))).await.is(201);
    post_raw(world, of(sized(16 * 1024 + 1))).await.has_faults(&["/data"]);
}

async fn numbers_that_no_integer_and_no_double_holds_are_a_400(world: &World) {
    world.users(["ivan"]).await;
    for number in ["1e309", "-1e400", "1e-400", "18446744073709551617", "123456789012345678901234567890"] {
        let body = format!(r#"{{"actor":"ivan","verb":"a","data":{{"n":{number}}}}}"#);
        post_raw(world, body).await.has_faults(&["/data"]);
    }
    for number in ["01", "+1", ".5", "1.", "NaN", "Infinity", "0x10", "-"] {
        let body = format!(r#"{{"actor":"ivan","verb":"a","data":{{"n":{number}}}}}"#);
        post_raw(world, body).await.is_problem(400, "");
    }
}

async fn invalid_utf8_is_a_400(world: &World) {
    world.users(["ivan"]).await;
    for bad in [&b"\xff"[..], b"\xc0\x80", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xe2\x82"] {
        let body = [&b"{\"actor\":\"ivan\",\"verb\":\"a"[..], bad, b"\"}"].concat();
        post_raw(world, body).await.is_problem(400, "");
    }
    for path in ["/v1/users/%FF", "/v1/feeds/%C0%80", "/v1/users/%ED%A0%80"] {
        let answer = world.get(path).await;
        assert!(answer.status == 400 || answer.status == 404, "{answer}");
    }
    let answer = world.put("/v1/users/%FF", json!({})).await;
    answer.is_problem(400, "");
}
