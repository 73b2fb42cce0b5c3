//! The real data: 109,327 activities and 8,136 follows.
//!
//! One test imports them into both databases and asks everything of them, because importing is what takes time. The
//! feeds of 300 users are walked page by page and compared with what the files say.

mod files;
mod plans;
mod walking;

use std::{sync::Arc, time::Instant};

use self::{
    files::{Files, path_of},
    walking::Walker,
};
use crate::kit::{Place, Store, World};

/// How many users' feeds are walked.
const USERS: usize = 300;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_feeds_of_the_real_data_are_what_the_files_say_on_both_databases() {
    let files = Arc::new(Files::read());
    let [sqlite, postgres] = imported_twice();
    assert_exports_are_the_same(&sqlite, &postgres);
    plans::reading_a_friends_feed_never_looks_at_history(&postgres, &files).await;
    let users = chosen_users(&files);
    let worlds = [Arc::new(sqlite.serve()), Arc::new(postgres.serve())];
    let begun = Instant::now();
    let mut walks = tokio::task::JoinSet::new();
    for world in &worlds {
        // Two readers for each server: the machine may have but two cores.
        for half in users.chunks(USERS / 2) {
            walks.spawn(walk_all(world.clone(), files.clone(), half.to_vec()));
        }
    }
    let requests: usize = walks.join_all().await.into_iter().sum();
    eprintln!("{requests} pages read in {:.1} s", begun.elapsed().as_secs_f64());
}

async fn walk_all(world: Arc<World>, files: Arc<Files>, users: Vec<String>) -> usize {
    let mut walker = Walker::new(&world, &files);
    for user in users {
        walker.compares_the_feeds_of(&user).await;
    }
    walker.requests
}

/// Both databases with the real data in it, each imported twice: the second time changes nothing.
fn imported_twice() -> [Place; 2] {
    let places = [Place::fresh(Store::Sqlite), Place::fresh(Store::Postgres)];
    let lines = files::ACTIVITIES + files::FOLLOWS;
    std::thread::scope(|scope| {
        for (place, name) in places.iter().zip(["SQLite", "PostgreSQL"]) {
            scope.spawn(move || {
                let (activities, follows) = (path_of("activities"), path_of("follows"));
                let import = || place.run(&["import", &activities, &follows]);
                let begun = Instant::now();
                let first = import();
                eprintln!("imported into {name} in {:.1} s: {}", begun.elapsed().as_secs_f64(), first.trim());
                assert!(first.contains(&format!("{lines} new, 0 already there, 0 bad")), "{first}");
                let second = import();
                assert!(second.contains(&format!("0 new, {lines} already there, 0 bad")), "{second}");
            });
        }
    });
    places
}

/// Activities are the same bytes in both, ids too, which were made of the lines alone.
fn assert_exports_are_the_same(sqlite: &Place, postgres: &Place) {
    let exported = |place: &Place| {
        place.run(&["export", "--out", "export"]);
        std::fs::read_to_string(place.home().join("export/activities.ndjson")).unwrap()
    };
    let (one, other) = (exported(sqlite), exported(postgres));
    assert_eq!(one.lines().count(), files::ACTIVITIES);
    assert!(one == other, "the exports of the two databases differ");
}

fn chosen_users(files: &Files) -> Vec<String> {
    let seed = files::seed();
    eprintln!("seed {seed}; FEEDME_TEST_SEED={seed} chooses the same users again");
    let mut names = files.names.clone();
    let mut state = seed;
    for at in 0..USERS.min(names.len()) {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let rest = names.len() - at;
        names.swap(at, at + usize::try_from(state >> 33).unwrap() % rest);
    }
    names.truncate(USERS);
    names
}
