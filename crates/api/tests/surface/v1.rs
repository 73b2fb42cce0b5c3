//! The good days of `/v1`.

use serde_json::json;

use crate::kit::World;

#[actix_web::test]
async fn a_user_is_made_renamed_and_erased() {
    let world = World::start().await;
    world.put("/v1/users/%2541%20%F0%9F%98%80", r#"{"display_name":"A"}"#).await.is(201).text();
    let user = world.get("/v1/users/%2541%20%F0%9F%98%80").await.is(200);
    assert_eq!((&user.value()["username"], &user.value()["display_name"]), (&json!("%41 😀"), &json!("A")));
    world.put("/v1/users/%2541%20%F0%9F%98%80", r#"{"display_name":null}"#).await.is(200).text();
    let user = world.patch("/v1/users/%2541%20%F0%9F%98%80", r#"{"username":"ivan"}"#).await.is(200);
    assert_eq!(user.value()["display_name"], json!(null));
    world.get("/v1/users/%2541%20%F0%9F%98%80").await.tells(404, "user-not-found").text();
    world.patch("/v1/users/ivan", r#"{"username":null}"#).await.tells(400, "invalid-request").text();
    let receipt = world.delete("/v1/users/ivan").await.is(200).value();
    assert_eq!(receipt["erased"]["activities"], 0);
    world.delete("/v1/users/ivan").await.tells(404, "user-not-found").text();
}

#[actix_web::test]
async fn an_activity_comes_back_as_it_was_sent() {
    let world = World::of(&["ivan", "eric"]).await;
    let body = r#"{"actor":"ivan","verb":"v","object":null,"target":"eric","published":"2020-01-02T03:04:05.1234567+01:00",
        "external_id":"x/1","data":{ "b": 1.50, "a": [ "ü" ] }}"#;
    let posted = world.post("/v1/activities", body).await.is(201);
    let id = posted.value()["id"].as_str().unwrap().to_owned();
    assert_eq!(posted.header("location"), format!("http://127.0.0.1:5000/v1/activities/{id}"));
    posted.says(&format!(
        r#"{{"actor":"ivan","verb":"v","object":null,"target":"eric","published":"2020-01-02T02:04:05.123456Z","external_id":"x/1","data":{{"b":1.50,"a":["ü"]}},"id":"{id}","edited_at":null}}"#
    ));
    world.post("/v1/activities", body).await.is(200).text();
    world
        .post("/v1/activities", &body.replace("\"v\"", "\"w\""))
        .await
        .tells(409, "external-id-taken")
        .text();
    let found = world.get("/v1/activities?actor=ivan&external_id=x%2F1").await.is(200).value();
    assert_eq!(found["items"][0]["id"], *id);
    assert_eq!(found["next_cursor"], json!(null));
    world.delete(&format!("/v1/activities/{id}")).await.is(204).says("");
    world.get(&format!("/v1/activities/{id}")).await.tells(404, "activity-not-found").text();
}

#[actix_web::test]
async fn a_feed_is_walked_by_its_links() {
    let world = World::of(&["ivan"]).await;
    for verb in ["a", "b", "c"] {
        world.posted(&format!(r#"{{"actor":"ivan","verb":"{verb}"}}"#)).await;
    }
    let (mut path, mut seen) = ("/v1/feeds/ivan?verb=a&verb=c&limit=1".to_owned(), Vec::new());
    loop {
        let page = world.get(&path).await.is(200);
        seen.push(page.value()["items"][0]["verb"].as_str().unwrap().to_owned());
        let link = page.header("link").to_owned();
        assert!(link.contains("rel=\"prev\""));
        let Some(next) = link.split(", ").find(|link| link.ends_with("rel=\"next\"")) else {
            assert_eq!(page.value()["next_cursor"], json!(null));
            break;
        };
        let url = next.trim_start_matches('<').split('>').next().unwrap();
        assert!(url.contains(page.value()["next_cursor"].as_str().unwrap()));
        url.trim_start_matches("http://127.0.0.1:5000").clone_into(&mut path);
    }
    assert_eq!(seen, ["c", "a"]);
}

#[actix_web::test]
async fn a_batch_answers_each_item_in_its_place() {
    let world = World::of(&["ivan"]).await;
    let good = r#"{"actor":"ivan","verb":"v"}"#;
    let body = format!(r#"{{"activities":[{good},7,{{"actor":"nobody","verb":1,"x":2}}]}}"#);
    let told = world.post("/v1/activities/batch", &body).await.is(200).value();
    let results = told["results"].as_array().unwrap();
    assert_eq!((&results[0]["status"], &results[0]["activity"]["verb"]), (&json!(201), &json!("v")));
    assert_eq!(
        results[1]["problem"]["errors"],
        json!([{"pointer":"","detail":"must be a JSON object, not a number"}])
    );
    let places: Vec<_> = results[2]["problem"]["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| fault["pointer"].clone())
        .collect();
    assert_eq!(places, ["/x", "/verb", "/actor"]);
    let failed = world.post("/v1/activities/batch?atomic=true", &body).await.tells(400, "invalid-request");
    assert_eq!(
        failed.places(),
        ["/activities/1", "/activities/2/x", "/activities/2/verb", "/activities/2/actor"]
    );
    assert_eq!(world.get("/v1/users/ivan").await.is(200).value()["activities"], 1);
}

#[actix_web::test]
async fn a_batch_may_be_lines() {
    let world = World::of(&["ivan"]).await;
    let body = b"{\"actor\":\"ivan\",\"verb\":\"v\"}\r\n\n  \n{\"actor\":\"\xFF\"}\n[".to_vec();
    let request = actix_web::test::TestRequest::post().uri("/v1/activities/batch").set_payload(body);
    let told =
        world.send(request.insert_header(("content-type", "application/x-ndjson"))).await.is(200).value();
    let statuses: Vec<_> =
        told["results"].as_array().unwrap().iter().map(|it| it["status"].clone()).collect();
    assert_eq!(statuses, [201, 400, 400]);
}

#[actix_web::test]
async fn a_batch_has_1_to_1000_items() {
    let world = World::start().await;
    let many = |count: usize| format!(r#"{{"activities":[{}]}}"#, vec!["1"; count].join(","));
    world.post("/v1/activities/batch", &many(0)).await.tells(400, "invalid-request").text();
    world.post("/v1/activities/batch", &many(1001)).await.tells(400, "invalid-request").text();
    world.post("/v1/activities/batch", &many(1000)).await.is(200).text();
    for body in ["{}", r#"{"activities":null}"#, r#"{"activities":{}}"#] {
        world.post("/v1/activities/batch", body).await.tells(400, "invalid-request").text();
    }
}

#[actix_web::test]
async fn follows_are_made_listed_and_ended() {
    let world = World::of(&["ivan", "eric"]).await;
    let path = "/v1/users/ivan/following/eric";
    let request = actix_web::test::TestRequest::put().uri(path);
    let follow = world.send(request).await.is(201).value();
    assert_eq!((&follow["followee"], &follow["from"]), (&json!("eric"), &json!(null)));
    world.put(path, r#"{"from":"2020-01-01T00:00:00Z"}"#).await.is(200).text();
    assert_eq!(world.get(path).await.is(200).value()["from"], "2020-01-01T00:00:00.000000Z");
    assert_eq!(world.get("/v1/users/eric/followers").await.is(200).value()["items"][0]["follower"], "ivan");
    assert_eq!(world.get("/v1/users/ivan/following").await.is(200).value()["items"][0]["followee"], "eric");
    world
        .get("/v1/users/ivan/relationships?with=eric&with=nobody")
        .await
        .is(200)
        .says(r#"{"relationships":[{"username":"eric","following":true,"followed_by":false}]}"#);
    world.get("/v1/users/ivan/relationships").await.tells(400, "invalid-request").text();
    world.delete(&format!("{path}?keep_history=true")).await.is(204).text();
    world.delete(path).await.is(204).text();
    world.delete(path).await.tells(404, "follow-not-found").text();
    world.put("/v1/users/ivan/following/ivan", "{}").await.tells(409, "on-oneself").text();
    world.put(path, r#"{"from":"soon"}"#).await.tells(400, "invalid-request").text();
}

#[actix_web::test]
async fn a_batch_of_follows_answers_each_name() {
    let world = World::of(&["ivan", "eric"]).await;
    let body = r#"{"follow":["eric","nobody","ivan"],"unfollow":["niko"]}"#;
    let told = world.post("/v1/users/ivan/following", body).await.is(200).value();
    let results = told["results"].as_array().unwrap();
    assert_eq!(results[0], json!({"username":"eric","action":"follow","status":201,"problem":null}));
    let statuses: Vec<_> = results.iter().map(|result| result["status"].clone()).collect();
    assert_eq!(statuses, [201, 404, 409, 404]);
    assert_eq!(results[3]["problem"]["type"], "/problems/user-not-found");
    for body in ["{}", r#"{"follow":["a","a"]}"#, r#"{"follow":["a"],"unfollow":["a"]}"#, r#"{"follow":"a"}"#]
    {
        world.post("/v1/users/ivan/following", body).await.tells(400, "invalid-request").text();
    }
    let faulty =
        world.post("/v1/users/ivan/following", r#"{"follow":["a",1],"unfollow":[""]}"#).await.is(400);
    assert_eq!(faulty.places(), ["/follow/1", "/unfollow/0"]);
}

#[actix_web::test]
async fn blocks_and_mutes_are_set_listed_and_ended() {
    let world = World::of(&["ivan", "eric"]).await;
    for kind in ["blocks", "mutes"] {
        let path = format!("/v1/users/ivan/{kind}/eric");
        let set = || actix_web::test::TestRequest::put().uri(&path);
        let new = world.send(set()).await.is(201).text();
        assert_eq!(world.send(set()).await.is(200).text(), new);
        let items = world.get(&format!("/v1/users/ivan/{kind}")).await.is(200).value()["items"].clone();
        assert_eq!(items[0]["username"], "eric");
        if kind == "blocks" {
            world.put("/v1/users/eric/following/ivan", "{}").await.tells(403, "blocked").text();
        }
        world.delete(&path).await.is(204).text();
        world.delete(&path).await.is(404).text();
        world.put(&format!("/v1/users/ivan/{kind}/ivan"), "").await.tells(409, "on-oneself").text();
    }
}

#[actix_web::test]
async fn explain_tells_why_and_why_not() {
    let world = World::of(&["ivan", "eric"]).await;
    let id = world.posted(r#"{"actor":"eric","verb":"v"}"#).await;
    let path = format!("/v1/feeds/ivan/friends/explain?activity={id}");
    let told = world.get(&path).await.is(200).value();
    assert_eq!((&told["shown"], &told["reason"]), (&json!(false), &json!("not-followed")));
    world.put("/v1/users/ivan/following/eric", "{}").await.is(201).text();
    let told = world.get(&path).await.is(200).value();
    assert_eq!(told["because"]["follow"]["followee"], "eric");
    let own = world.get(&format!("/v1/feeds/eric/friends/explain?activity={id}")).await.is(200).value();
    assert_eq!(own["reason"], "own");
    world.get("/v1/feeds/ivan/friends/explain").await.tells(400, "invalid-request").text();
    let gone = "/v1/feeds/ivan/friends/explain?activity=019c91a9-5b3b-7123-8000-000000000000";
    world.get(gone).await.tells(404, "activity-not-found").text();
}
