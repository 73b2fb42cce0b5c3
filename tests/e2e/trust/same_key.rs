//! The same key, many times at once.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::chance::{Chance, number_from};
use crate::kit::{Answer, Place, Store, World};

const AT_ONCE: usize = 8;

#[tokio::test]
async fn a_key_sent_many_times_at_once_has_one_effect_on_sqlite() {
    race(&[World::start(Store::Sqlite)]).await;
}

#[tokio::test]
async fn a_key_sent_many_times_at_once_has_one_effect_on_postgres() {
    race(&[World::start(Store::Postgres)]).await;
}

#[tokio::test]
async fn a_key_sent_to_two_processes_at_once_has_one_effect() {
    let place = Place::fresh(Store::Postgres);
    race(&[place.serve(), place.serve()]).await;
}

/// A request with an effect that can be counted.
struct Keyed {
    path: String,
    body: Value,
    done: u16,
}

async fn race(worlds: &[World]) {
    let mut chance = Chance::fresh();
    let world = &worlds[0];
    world.users(["ivan", "eric", "niko"]).await;
    let rounds = number_from("FEEDME_TEST_RACE_ROUNDS").unwrap_or(6);
    let mut posts = 0;
    for round in 0..rounds {
        for request in requests(round) {
            let key = format!("{round}-{}", request.path);
            let send =
                |world: &'_ World| world.post(&request.path, request.body.clone()).key(&key).into_future();
            let answers = join_all((0..AT_ONCE).map(|_| send(&worlds[chance.below(worlds.len())]))).await;
            let first = assert_one_answer(&answers, request.done);
            // Whichever instance is asked later knows it.
            for world in worlds {
                let again = send(world).await;
                assert_eq!((again.status, &again.bytes), (first.status, &first.bytes), "{again}");
                assert_eq!(again.header("idempotency-replayed"), "true");
            }
        }
        posts += 3 + 1 + 1;
        for world in worlds {
            assert_eq!(world.user("ivan").counts().await, (2, 0, posts));
            // The feed of another instance may take up to a second.
            let begun = Instant::now();
            while world.walk("/v1/feeds/ivan", 100).await.len() as u64 != posts {
                assert!(begun.elapsed() < Duration::from_secs(1), "ivan's feed has not {posts} activities");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        for other in ["eric", "niko"] {
            world.user("ivan").unfollows(&world.user(other)).await.is(204);
        }
    }
}

fn requests(round: u64) -> [Keyed; 4] {
    let activity =
        |object: &str| json!({ "actor": "ivan", "verb": "wrote", "object": format!("{object}-{round}") });
    let of = |path: &str, body: Value, done: u16| Keyed { path: path.to_owned(), body, done };
    [
        of("/v1/activities", activity("one"), 201),
        of(
            "/v1/activities/batch",
            json!({ "activities": [activity("a"), activity("b"), activity("c")] }),
            200,
        ),
        of("/v1/users/ivan/following", json!({ "follow": ["eric", "niko"] }), 200),
        of("/activity", activity("classic"), 200),
    ]
}

/// One did it; the others were told that it is under way, or were given the same answer.
fn assert_one_answer(answers: &[Answer], done: u16) -> Answer {
    let (served, refused): (Vec<&Answer>, Vec<_>) = answers.iter().partition(|answer| answer.status == done);
    for answer in refused {
        answer.is(409);
        assert!(answer.text().contains("way"), "{answer}");
    }
    let is_replayed = |answer: &&&Answer| answer.find_header("idempotency-replayed").is_some();
    let firsts: Vec<_> = served.iter().filter(|answer| !is_replayed(answer)).collect();
    assert_eq!(
        firsts.len(),
        1,
        "one alone was not a repetition: {:?}",
        answers.iter().map(|it| it.status).collect::<Vec<_>>()
    );
    assert!(served.iter().all(|answer| answer.bytes == firsts[0].bytes));
    (*firsts[0]).clone()
}
