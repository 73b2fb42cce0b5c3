//! A database that may not grow any more: `database.max_pages` stands for a full disk.

use futures_util::future::join_all;
use serde_json::json;

use super::tables::Tables;
use crate::kit::{Answer, Place, Store, World};

/// About as much as `data` may hold.
const LARGE: usize = 15_000;

#[tokio::test]
async fn a_full_disk_is_a_503_and_nothing_is_broken_or_lost() {
    let place = Place::fresh(Store::Sqlite)
        .with("FEEDME__DATABASE__MAX_PAGES", "300")
        .with("FEEDME__LOG__FILTER", "error");
    let url = place.database().url.clone();
    let world = place.serve();
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    eric.follows(&ivan).await.is(201);
    let stored = fill(&world).await;
    assert!(10 < stored.len(), "the database was full at once");

    // Nothing that needs room is done, by whatever route, and nothing of it is there.
    for attempt in 0..5 {
        let names: Vec<_> = (0..8).map(|number| format!("{attempt}-{number}")).collect();
        let answers = join_all(names.iter().map(|name| post(&world, name))).await;
        answers.iter().for_each(assert_refused);
        assert_refused(&world.post("/v1/activities/batch?atomic=true", batch()).await);
    }
    // Reads go on.
    world.get("/livez").await.is(200);
    assert_feed(&world, &stored).await;
    let mut tables = Tables::of(&url);
    tables.assert_whole();
    tables.assert_log_is_dense();

    // Space returns when the operator deletes.
    let (gone, stored) = stored.split_at(4);
    for (id, _) in gone {
        world.delete(&format!("/v1/activities/{id}")).await.is(204);
    }
    let again = post(&world, "after-deleting").await;
    let mut stored = stored.to_vec();
    stored.push((again.is(201).id(), "after-deleting".to_owned()));
    assert_feed(&world, &stored).await;

    // And when there is more of it; what was refused before is done with the key that it had.
    world.server().kill();
    let world = place.with("FEEDME__DATABASE__MAX_PAGES", "100000").serve();
    assert_feed(&world, &stored).await;
    for name in ["0-0", "0-0", "4-7"] {
        let answer = post(&world, name).await;
        stored.push((answer.is(201).id(), name.to_owned()));
    }
    stored.remove(stored.len() - 3);
    assert_feed(&world, &stored).await;
    let mut tables = Tables::of(&url);
    tables.assert_whole();
    tables.assert_log_is_dense();
}

/// Posts until there is no room. Gives what is stored: id and key.
async fn fill(world: &World) -> Vec<(String, String)> {
    let mut stored = Vec::new();
    let mut refused = 0;
    for number in 0..2000 {
        let name = format!("fill-{number}");
        let answer = post(world, &name).await;
        if answer.status == 503 {
            assert_refused(&answer);
            refused += 1;
            // A smaller one may still have found room, but never one of this size.
            if refused == 3 {
                return stored;
            }
        } else {
            stored.push((answer.is(201).id(), name));
        }
    }
    panic!("the database never became full");
}

fn assert_refused(answer: &Answer) {
    answer.is_problem(503, "");
    answer.header("retry-after");
}

async fn post(world: &World, name: &str) -> Answer {
    let data = json!({ "filler": "x".repeat(LARGE) });
    world.user("ivan").posts_also("wrote", name, json!({ "data": data })).key(name).await
}

fn batch() -> serde_json::Value {
    let item = json!({ "actor": "ivan", "verb": "batched", "data": { "filler": "x".repeat(LARGE) } });
    json!({ "activities": vec![item; 20] })
}

/// The feed, the friend's feed and the count are these and no others.
async fn assert_feed(world: &World, stored: &[(String, String)]) {
    let mut wanted: Vec<_> = stored.iter().map(|(id, _)| id.clone()).collect();
    wanted.sort_unstable_by(|a, b| b.cmp(a));
    for path in ["/v1/feeds/ivan", "/v1/feeds/eric/friends"] {
        let seen = world.walk(path, 50).await;
        let seen: Vec<_> = seen.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect();
        assert_eq!(seen, wanted, "{path}");
    }
    assert_eq!(world.user("ivan").counts().await.2, wanted.len() as u64);
}
