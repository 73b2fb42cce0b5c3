//! The five tasks of the first feed-me, as its own test suite tried them: with one activity on a page, and as shipped.

use serde_json::{Value, json};

use super::{activity, assert_is_datetime, fixture};
use crate::kit::{Store, World};

/// The whole suite of the first feed-me. `page_size` is what the server was started with.
async fn the_five_tasks(world: &World, page_size: usize) {
    posts_an_activity(world).await;
    reads_my_own_feed(world, page_size).await;
    follows_a_friend(world).await;
    reads_the_feed_of_friends(world, page_size).await;
    unfollows_a_friend(world).await;
}

async fn posts_an_activity(world: &World) {
    fixture(world).await;
    let sent = json!({ "actor": "eric", "verb": "punched", "object": "null", "target": "niko" });
    let answer = world.post("/activity", sent).await;
    let datetime = answer.is(200).at("/datetime");
    assert_is_datetime(&datetime);
    assert_eq!(answer.json(), activity(&datetime, "eric", "punched", "null", "niko"));
    let all = world.get("/activity").await;
    assert_eq!(all.is(200).json().as_array().unwrap().last(), Some(&answer.json()));
}

async fn reads_my_own_feed(world: &World, page_size: usize) {
    let [shared, _, posted, followed] = <[Value; 4]>::try_from(fixture(world).await).unwrap();
    assert_feed(world, "/feed/eric", "my_feed", &[posted], page_size).await;
    assert_feed(world, "/feed/ivan", "my_feed", &[followed, shared], page_size).await;
}

async fn follows_a_friend(world: &World) {
    fixture(world).await;
    let answer = world.post("/feed/eric", json!({ "follow": "ivan" })).await;
    assert_eq!(answer.is(200).json(), json!({ "follow": { "followee": "ivan", "follower": "eric" } }));
    let follows = world.get("/follows").await;
    assert_eq!(
        follows.is(200).json(),
        json!([{ "followee": "eric", "follower": "ivan" }, { "followee": "ivan", "follower": "eric" }])
    );
}

async fn reads_the_feed_of_friends(world: &World, page_size: usize) {
    let [shared, liked, posted, followed] = <[Value; 4]>::try_from(fixture(world).await).unwrap();
    assert_feed(world, "/feed/ivan/friends", "friends_feed", std::slice::from_ref(&posted), page_size).await;
    world.post("/feed/ivan", json!({ "follow": "niko" })).await.is(200);
    let friends = [posted, liked.clone()];
    assert_feed(world, "/feed/ivan/friends", "friends_feed", &friends, page_size).await;
    world.post("/feed/eric", json!({ "follow": "ivan" })).await.is(200);
    world.post("/feed/eric", json!({ "follow": "niko" })).await.is(200);
    let friends = [followed, liked, shared];
    assert_feed(world, "/feed/eric/friends", "friends_feed", &friends, page_size).await;
}

async fn unfollows_a_friend(world: &World) {
    fixture(world).await;
    let answer = world.post("/feed/ivan", json!({ "unfollow": "eric" })).await;
    assert_eq!(answer.is(200).json(), json!({ "unfollow": { "followee": "eric", "follower": "ivan" } }));
    assert_eq!(world.get("/follows").await.is(200).json(), json!([]));
    assert_eq!(world.get("/feed/ivan/friends").await.is(200).json(), json!({ "friends_feed": [] }));
}

/// Reads a feed page by page, following `next_url`, and back again: whole bodies are compared.
async fn assert_feed(world: &World, path: &str, name: &str, wanted: &[Value], page_size: usize) {
    let pages: Vec<_> = wanted.chunks(page_size).collect();
    let url = |page: usize| format!("{}{path}?page={page}", world.address());
    let mut address = path.to_owned();
    for (index, items) in pages.iter().enumerate() {
        let page = index + 1;
        let mut body = json!({ name: items });
        if page < pages.len() {
            body["next_url"] = url(page + 1).into();
        }
        if 1 < page {
            body["previous_url"] = url(page - 1).into();
        }
        let answer = world.get(&address).await;
        assert_eq!(answer.is(200).json(), body, "{answer}");
        // Both addresses lead somewhere.
        if let Some(previous) = body["previous_url"].as_str() {
            assert_eq!(world.get(previous).await.is(200).json()[name], json!(pages[index - 1]));
        }
        if let Some(next) = body["next_url"].as_str() {
            next.clone_into(&mut address);
        }
    }
}

async fn on_a_fresh_server(store: Store, page_size: usize) {
    let world = World::start_with(store, &[("FEEDME__FEED__PAGE_SIZE", &page_size.to_string())]);
    the_five_tasks(&world, page_size).await;
}

#[tokio::test]
async fn the_five_tasks_work_with_one_activity_on_a_page_on_sqlite() {
    on_a_fresh_server(Store::Sqlite, 1).await;
}

#[tokio::test]
async fn the_five_tasks_work_with_one_activity_on_a_page_on_postgres() {
    on_a_fresh_server(Store::Postgres, 1).await;
}

#[tokio::test]
async fn the_five_tasks_work_with_twenty_activities_on_a_page_on_sqlite() {
    on_a_fresh_server(Store::Sqlite, 20).await;
}

#[tokio::test]
async fn the_five_tasks_work_with_twenty_activities_on_a_page_on_postgres() {
    on_a_fresh_server(Store::Postgres, 20).await;
}

/// The first feed-me's suite knows no other port. This is the only test that takes it.
#[tokio::test]
async fn the_five_tasks_work_on_port_5000() {
    if let Err(error) = std::net::TcpListener::bind("127.0.0.1:5000") {
        panic!("port 5000 of 127.0.0.1 must be free for this test: {error}");
    }
    let settings = [("FEEDME__SERVER__LISTEN", "127.0.0.1:5000"), ("FEEDME__FEED__PAGE_SIZE", "1")];
    let world = World::start_with(Store::Sqlite, &settings);
    assert_eq!(world.address(), "http://127.0.0.1:5000");
    the_five_tasks(&world, 1).await;
}
