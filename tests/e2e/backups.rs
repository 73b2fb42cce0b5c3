//! `feed-me backup` and `feed-me restore`: what comes back is what was there.

mod refusals;
mod storage;

use std::{
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
};

use serde_json::{Value, json};

use crate::{
    kit::{Answer, Place, Store, World},
    transfer::lives,
};

const NAMES: [&str; 4] = ["ivan", "eric", "Ünïcode 😀", "zoe"];

/// Everything that can be read of those who do nothing meanwhile, as the bytes that were answered.
async fn everything(world: &World) -> Vec<(String, Vec<u8>)> {
    let mut paths = vec!["/v1/users".to_owned(), "/v1/keys".to_owned()];
    for name in NAMES {
        let user = world.user(name);
        paths.push(user.path());
        for feed in [user.own_path(), user.friends_path(), user.mentions_path()] {
            paths.extend([format!("{feed}?limit=2"), format!("{feed}?limit=100"), feed]);
        }
        paths.extend(
            ["following", "followers", "blocks", "mutes"].map(|list| format!("{}/{list}", user.path())),
        );
    }
    let mut all = Vec::new();
    for path in paths {
        let answer = world.get(&path).await;
        answer.is(200);
        all.push((path, answer.bytes));
    }
    for name in NAMES {
        // Their cursors carry the instant of the page.
        let path = world.user(name).own_path() + "/notifications";
        let page = world.get(&path).await;
        let told = ["/groups", "/unseen", "/unread"].map(|pointer| page.at(pointer));
        all.push((path, json!(told).to_string().into_bytes()));
    }
    all
}

fn assert_same(found: &[(String, Vec<u8>)], wanted: &[(String, Vec<u8>)]) {
    assert_eq!(found.len(), wanted.len());
    for ((path, found), (_, wanted)) in found.iter().zip(wanted) {
        assert_eq!(String::from_utf8_lossy(found), String::from_utf8_lossy(wanted), "{path}");
    }
}

/// All events up to a position, the time of none of which may differ.
async fn events_until(world: &World, position: i64) -> Vec<Value> {
    let (mut events, mut after) = (Vec::new(), 0);
    while after < position {
        let page = world.get(&format!("/v1/events?limit=1000&after={after}")).await;
        let found = page.is(200).at("/events").as_array().unwrap().clone();
        assert!(!found.is_empty(), "the log ends at {after}, before {position}");
        after += i64::try_from(found.len()).unwrap();
        events.extend(found);
    }
    events.truncate(usize::try_from(position).unwrap());
    for (place, event) in events.iter().enumerate() {
        assert_eq!(event["position"], (place + 1).to_string(), "the log is not dense");
    }
    events
}

/// What a world has beside feeds: a stored answer, a mark, a key, an erasure.
async fn has_a_past(world: &World) -> Answer {
    let eric = world.user("eric");
    let answer = eric.posts("share", "once").key("again").await;
    answer.is(201);
    world.post("/v1/feeds/ivan/notifications/marks", json!({ "seen": "all" })).await.is(204);
    world.place().run(&["keys", "create", "--name", "shop", "--scopes", "read"]);
    let [gone] = world.users(["gone"]).await;
    gone.posts_to("poke", "bye", &eric).await.is(201);
    gone.leaves().await.is(200);
    answer
}

/// Posts one after the other until it is told to stop, and says how many were answered.
async fn busy(world: &World, stop: &AtomicBool) -> usize {
    let user = world.user("busy");
    let mut posted = 0;
    while !stop.load(Ordering::Relaxed) {
        user.posts("count", &posted.to_string()).await.is(201);
        posted += 1;
    }
    posted
}

async fn comes_back(from: Store, to: Store) {
    let old = World::start(from);
    lives(&old).await;
    let answered = has_a_past(&old).await;
    old.users(["busy"]).await;
    let walk = old.user("ivan").friends_path() + "?limit=2";
    let cursor = old.get(&walk).await.next().unwrap();

    let kept = old.place().home().join("kept");
    let stop = AtomicBool::new(false);
    let backing_up = async {
        // Some of its posts before, some after, whatever the machine has to do meanwhile.
        while old.user("busy").counts().await.2 < 5 {}
        let before = old.user("busy").counts().await.2;
        let mut running = old.place().command(&["backup", kept.to_str().unwrap()]).spawn().unwrap();
        let status = loop {
            if let Some(status) = running.try_wait().unwrap() {
                break status;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        };
        assert!(status.success());
        while old.user("busy").counts().await.2 < before + 5 {}
        stop.store(true, Ordering::Relaxed);
        before
    };
    let (posted, before) = tokio::join!(busy(&old, &stop), backing_up);

    let place = Place::fresh(to);
    let said = place.run(&["restore", kept.to_str().unwrap()]);
    assert!(said.starts_with("restored "), "{said}");
    let new = place.serve();

    // One instant: all that was answered before, nothing from after, and no hole.
    let counted = new.user("busy").counts().await.2;
    assert!(before <= counted && counted < posted as u64, "{before} <= {counted} < {posted}");
    let newest = (0..counted.min(100)).map(|back| format!("busy count {}", counted - 1 - back));
    let page = new.get(&(new.user("busy").own_path() + "?limit=100")).await;
    assert_eq!(page.lines(), newest.collect::<Vec<_>>());
    let position: i64 = new.get("/v1/events?limit=1").await.str_at("/position").parse().unwrap_or(0);
    let extent: i64 = page.header("feed-position").parse().unwrap();
    assert!(position <= extent);
    assert_eq!(events_until(&new, extent).await, events_until(&old, extent).await);

    // What nobody changed is the same to the byte, the cursors in it too, and an old cursor goes on.
    let but_busy = |all: Vec<(String, Vec<u8>)>| -> Vec<_> {
        all.into_iter().filter(|(path, _)| path != "/v1/users").collect()
    };
    assert_same(&but_busy(everything(&new).await), &but_busy(everything(&old).await));
    assert_eq!(new.page(&walk, &cursor).await.is(200).bytes, old.page(&walk, &cursor).await.is(200).bytes);
    assert_eq!(new.place().run(&["keys", "list"]), old.place().run(&["keys", "list"]));

    // A write that was answered before is not done again, and what comes now goes on from there.
    let again = new.user("eric").posts("share", "once").key("again").await;
    assert_eq!(again.is(201).bytes, answered.bytes);
    assert_eq!(again.header("idempotency-replayed"), "true");
    let next = new.user("eric").posts("share", "afterwards").await;
    assert_eq!(next.is(201).header("feed-position"), (extent + 1).to_string());
    new.get("/v1/users/gone").await.is(404);
    let verified = place.run(&["verify"]);
    assert!(!verified.is_empty());
}

#[tokio::test]
async fn what_is_backed_up_while_it_is_written_comes_back_on_sqlite() {
    comes_back(Store::Sqlite, Store::Sqlite).await;
}

#[tokio::test]
async fn what_is_backed_up_while_it_is_written_comes_back_on_postgres() {
    comes_back(Store::Postgres, Store::Postgres).await;
}

#[tokio::test]
async fn what_was_on_sqlite_comes_back_on_postgres() {
    comes_back(Store::Sqlite, Store::Postgres).await;
}

#[tokio::test]
async fn what_was_on_postgres_comes_back_on_sqlite() {
    comes_back(Store::Postgres, Store::Sqlite).await;
}

/// A small backup, and the place that it is of. The server has stopped.
async fn backed_up(store: Store) -> (World, PathBuf) {
    let world = World::start(store);
    lives(&world).await;
    let kept = world.place().home().join("kept");
    world.place().run(&["backup", kept.to_str().unwrap()]);
    (world, kept)
}
