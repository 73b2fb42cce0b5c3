//! The other commands.

use crate::kit::{Place, Store};

#[test]
fn help_lists_the_commands() {
    let help = Place::fresh(Store::Sqlite).run(&["--help"]);
    for command in ["serve", "migrate", "import", "export", "keys", "verify-config", "openapi"] {
        assert!(help.contains(command), "{command}: {help}");
    }
    let output = Place::fresh(Store::Sqlite).try_run(&["dance"]);
    assert_eq!(output.status.code(), Some(2));
}

fn migrations_go_up_and_down(store: Store) {
    let place = Place::fresh(store);
    place.run(&["migrate"]);
    assert!(place.run(&["migrate", "--status"]).contains("current"));
    place.run(&["migrate"]);
    let world_has_users = |place: &Place| place.run(&["export", "--out", "-"]).contains("username");
    std::fs::write(place.home().join("u.ndjson"), "{\"username\":\"ivan\"}\n").unwrap();
    place.run(&["import", "u.ndjson"]);
    assert!(world_has_users(&place));
    // All the way down, and up again: empty, and it serves.
    while !place.run(&["migrate", "--revert"]).contains("no migration") {}
    assert!(place.run(&["migrate", "--status"]).contains("the_feed"));
    place.run_badly(&["export", "--out", "-"]);
    place.run(&["migrate"]);
    assert!(!world_has_users(&place));
    drop(place.start());
}

#[test]
fn migrations_go_up_and_down_on_sqlite() {
    migrations_go_up_and_down(Store::Sqlite);
}

#[test]
fn migrations_go_up_and_down_on_postgres() {
    migrations_go_up_and_down(Store::Postgres);
}

/// Several instances of a new version start at once.
#[test]
fn servers_that_start_at_once_do_not_fight_over_migrations() {
    let place = Place::fresh(Store::Postgres);
    let servers = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..4).map(|_| scope.spawn(|| place.start())).collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(servers.len(), 4);
}
