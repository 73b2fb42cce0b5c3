//! `kill -9` while writers write: everything that was acknowledged is there, once.

use std::collections::{HashMap, HashSet};

use serde_json::json;

use crate::kit::{World, on_both_stores};

on_both_stores!(what_was_acknowledged_survives_a_kill_once_even_when_it_is_retried);

const WRITERS: usize = 8;
const ROUNDS: usize = 3;

/// What a writer knows when the server is gone: posts that were answered, by their object, and the one that was not.
#[derive(Default)]
struct Known {
    answered: HashMap<String, String>,
    in_doubt: Vec<String>,
}

/// Posts under keys until the server is gone.
async fn writes(world: &World, round: usize, writer: usize) -> Known {
    let user = world.user(&format!("w{writer}"));
    let mut known = Known::default();
    for number in 0.. {
        let object = format!("{round}-{writer}-{number}");
        let Ok(answer) = user.posts("post", &object).key(&object).attempt().await else {
            known.in_doubt.push(object);
            break;
        };
        known.answered.insert(object, answer.is(201).id());
    }
    known
}

async fn what_was_acknowledged_survives_a_kill_once_even_when_it_is_retried(world: &World) {
    let [reader] = world.users(["reader"]).await;
    for writer in 0..WRITERS {
        let name = format!("w{writer}");
        world.put(&format!("/v1/users/{name}"), json!({})).await.is(201);
        reader.follows(&world.user(&name)).await.is(201);
    }
    let mut all: HashMap<String, String> = HashMap::new();
    for round in 0..ROUNDS {
        let kill = async {
            tokio::time::sleep(std::time::Duration::from_millis(300 + 170 * round as u64)).await;
            world.server().kill();
            Known::default()
        };
        let writers =
            (0..WRITERS).map(|writer| futures_util::future::Either::Left(writes(world, round, writer)));
        let everybody = writers.chain(std::iter::once(futures_util::future::Either::Right(kill)));
        let known = futures_util::future::join_all(everybody).await;
        world.start_again();
        for Known { answered, in_doubt } in known {
            for object in in_doubt {
                // Whether it got through or not: with its key it is there once now.
                let writer = world.user(&format!("w{}", object.split('-').nth(1).unwrap()));
                let answer = writer.posts("post", &object).key(&object).await;
                all.insert(object, answer.is(201).id());
            }
            // A retry of what was acknowledged gets the same answer.
            for (object, id) in answered.iter().take(3) {
                let writer = world.user(&format!("w{}", object.split('-').nth(1).unwrap()));
                assert_eq!(writer.posts("post", object).key(object).await.is(201).id(), *id);
            }
            all.extend(answered);
        }
        let feed = world.walk(&reader.friends_path(), 100).await;
        let shown: HashMap<String, String> = feed
            .iter()
            .map(|item| (item["object"].as_str().unwrap().into(), item["id"].as_str().unwrap().into()))
            .collect();
        assert_eq!(feed.len(), shown.len(), "something is there twice");
        let missing: HashSet<_> = all.keys().filter(|object| !shown.contains_key(*object)).collect();
        assert!(missing.is_empty(), "acknowledged and lost: {missing:?}");
        assert_eq!(shown, all);
    }
    assert!(WRITERS * ROUNDS < all.len(), "hardly anything was written: {}", all.len());
    let mut counted = 0;
    for writer in 0..WRITERS {
        counted += world.user(&format!("w{writer}")).counts().await.2;
    }
    assert_eq!(counted, all.len() as u64);
}
