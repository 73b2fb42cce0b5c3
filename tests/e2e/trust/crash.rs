//! `kill -9` of the server at random moments, while eight writers write.
//!
//! Each writer writes only what is its own (its activities, its follows), one thing after the other, so what it knows
//! after each answer is exact. After a restart it finds out about the one write that had no answer, by looking or by
//! sending it again with its key; then everything that the server tells must be what the writers know.

mod check;
mod known;
mod write;

use std::time::Duration;

use futures_util::future::join_all;

use self::{
    check::{assert_everything_is_known, assert_log_tells_every_write_once, assert_retries_change_nothing},
    known::{Known, WRITERS},
};
use super::{
    chance::{Chance, number_from},
    tables::Tables,
};
use crate::kit::{Store, World};

#[tokio::test]
async fn nothing_acknowledged_is_lost_or_doubled_by_a_kill_on_sqlite() {
    crash_rounds(Store::Sqlite).await;
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_or_doubled_by_a_kill_on_postgres() {
    crash_rounds(Store::Postgres).await;
}

async fn crash_rounds(store: Store) {
    let rounds = number_from("FEEDME_TEST_CRASH_ROUNDS").unwrap_or(2);
    let mut chance = Chance::fresh();
    let world = World::start_with(store, &[("FEEDME__LOG__FILTER", "warn")]);
    let mut writers = Vec::new();
    for index in 0..WRITERS {
        writers.push(Known::start(&world, index, chance.split()).await);
    }
    let url = world.place().database().url.clone();
    for round in 1..=rounds {
        let before = acknowledged(&writers);
        write_until_killed(&world, &mut writers, &mut chance).await;
        Tables::of(&url).wait_until_alone();
        world.start_again();
        let unsettled = writers.iter().filter(|writer| writer.unsettled.is_some()).count();
        for writer in &mut writers {
            writer.settle(&world).await;
        }
        let mut tables = Tables::of(&url);
        tables.assert_whole();
        assert_retries_change_nothing(&world, &mut writers).await;
        let all_friends = round == rounds;
        assert_everything_is_known(&world, &writers, &mut chance, all_friends).await;
        tables.assert_log_is_dense();
        assert_log_tells_every_write_once(&tables.log(), &writers);
        let more = acknowledged(&writers) - before;
        eprintln!("round {round} on {store:?}: {more} writes acknowledged, {unsettled} without an answer");
    }
    assert!(rounds * 4 < acknowledged(&writers), "so few writes were acknowledged that nothing was tested");
}

/// All write at once; at some moment the server is killed.
async fn write_until_killed(world: &World, writers: &mut [Known], chance: &mut Chance) {
    let delay = Duration::from_millis(150 + chance.next() % 850);
    let writing = join_all(writers.iter_mut().map(|writer| writer.write_until_there_is_no_answer(world)));
    let killing = async {
        tokio::time::sleep(delay).await;
        world.server().kill();
    };
    tokio::join!(writing, killing);
}

fn acknowledged(writers: &[Known]) -> u64 {
    writers.iter().map(|writer| writer.acknowledged).sum()
}
