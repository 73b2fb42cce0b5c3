//! Writes that race each other: some serial order of them explains every answer and what is stored afterwards.
//!
//! A small model of the contract carries out the same operations in every order. What was observed has to be what one of
//! the orders gives; on PostgreSQL the racers go to two processes.

mod little;
mod scenes;

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;

use self::little::{Little, Op, Seen};
use super::chance::{Chance, number_from};
use crate::kit::{Answer, Place, Store, World};

#[tokio::test]
async fn a_serial_order_explains_every_race_on_sqlite() {
    scenes::race_all(&[World::start(Store::Sqlite)]).await;
}

#[tokio::test]
async fn a_serial_order_explains_every_race_on_postgres_over_two_processes() {
    let place = Place::fresh(Store::Postgres);
    scenes::race_all(&[place.serve(), place.serve()]).await;
}

#[tokio::test]
async fn of_edits_with_one_etag_one_alone_is_done_on_sqlite() {
    edits_with_one_etag(&[World::start(Store::Sqlite)]).await;
}

#[tokio::test]
async fn of_edits_with_one_etag_one_alone_is_done_on_postgres_over_two_processes() {
    let place = Place::fresh(Store::Postgres);
    edits_with_one_etag(&[place.serve(), place.serve()]).await;
}

/// Operations that come before a race, and those that race.
#[derive(Clone, Debug)]
struct Scene {
    before: Vec<Op>,
    racing: Vec<Op>,
}

/// Plays a scene with users whose names begin with `prefix`.
async fn play(worlds: &[World], scene: &Scene, prefix: &str, chance: &mut Chance) {
    let mut little = Little::default();
    for op in &scene.before {
        let wanted = op.apply(&mut little);
        op.call(&worlds[0], prefix).await.is(wanted);
    }
    let calls =
        scene.racing.iter().map(|op| op.call(&worlds[chance.below(worlds.len())], prefix).into_future());
    let answers: Vec<Answer> = join_all(calls).await;
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status.as_u16()).collect();
    let explanations: Vec<(Vec<u16>, Seen)> =
        orders(scene.racing.len()).iter().map(|order| in_order(&little, &scene.racing, order)).collect();
    for world in worlds {
        // Another instance may take up to a second to see what one has answered.
        let begun = Instant::now();
        loop {
            let observed = (statuses.clone(), Seen::of(world, prefix).await);
            if explanations.contains(&observed) {
                break;
            }
            assert!(
                begun.elapsed() < Duration::from_secs(1),
                "no serial order explains\n{observed:#?}\nof {scene:#?}\nthe orders give\n{explanations:#?}\n{answers:?}"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// What the operations answer, each in its place, and what is stored in the end, when they happen in this order.
fn in_order(before: &Little, racing: &[Op], order: &[usize]) -> (Vec<u16>, Seen) {
    let mut little = before.clone();
    let mut statuses = vec![0; racing.len()];
    for index in order {
        statuses[*index] = racing[*index].apply(&mut little);
    }
    (statuses, little.seen())
}

/// All orders of `0..count`.
fn orders(count: usize) -> Vec<Vec<usize>> {
    let Some(last) = count.checked_sub(1) else { return vec![Vec::new()] };
    let insert = |order: Vec<usize>| {
        (0..=order.len()).map(move |place| {
            let mut longer = order.clone();
            longer.insert(place, last);
            longer
        })
    };
    orders(last).into_iter().flat_map(insert).collect()
}

async fn edits_with_one_etag(worlds: &[World]) {
    let rounds = number_from("FEEDME_TEST_RACE_ROUNDS").unwrap_or(6);
    let [ivan] = worlds[0].users(["ivan"]).await;
    let path = format!("/v1/activities/{}", ivan.posts("share", "1").await.is(201).id());
    for round in 0..rounds {
        let tag = worlds[0].get(&path).await.header("etag");
        let edit = |index: usize| {
            let call =
                worlds[index % worlds.len()].patch(&path, json!({ "verb": format!("v{round}-{index}") }));
            call.header("If-Match", &tag).into_future()
        };
        let answers = join_all((0..4).map(edit)).await;
        let done: Vec<_> = answers.iter().filter(|answer| answer.status == 200).collect();
        assert_eq!(done.len(), 1, "{answers:?}");
        answers.iter().filter(|answer| answer.status != 200).for_each(|answer| {
            answer.is_problem(412, "");
        });
        assert_eq!(worlds[0].get(&path).await.at("/verb"), done[0].at("/verb"));
    }
    // Deleted under the tag once: the others find nothing, or another version.
    let tag = worlds[0].get(&path).await.header("etag");
    let delete = |index: usize| {
        worlds[index % worlds.len()].call(Method::DELETE, &path).header("If-Match", &tag).into_future()
    };
    let answers = join_all((0..4).map(delete)).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 204).count(), 1, "{answers:?}");
    assert!(answers.iter().all(|answer| [204, 404, 412].contains(&answer.status.as_u16())), "{answers:?}");
}
