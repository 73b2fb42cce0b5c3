//! Moving everything from one database to another.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::kit::{Place, Store, World};

/// A small world with one of everything.
pub(crate) async fn lives(world: &World) {
    let [ivan, eric, niko, zoe] = world.users(["ivan", "eric", "Ünïcode 😀", "zoe"]).await;
    world.patch(&zoe.path(), json!({ "display_name": "Zoë \"Z\"" })).await.is(200);
    for (at, object) in [("2019-01-01T00:00:00Z", "old"), ("2020-01-01T00:00:00.123456Z", "mid")] {
        for author in [&eric, &niko, &zoe] {
            author.posts_at(at, "share", object).await.is(201);
        }
    }
    ivan.follows_from(&eric, "2019-06-01T00:00:00Z").await.is(201);
    ivan.follows(&niko).await.is(201);
    ivan.unfollows_keeping_history(&niko).await.is(204);
    ivan.follows_from(&niko, "now").await.is(201);
    ivan.follows(&zoe).await.is(201);
    ivan.unfollows_keeping_history(&zoe).await.is(204);
    eric.follows(&zoe).await.is(201);
    zoe.follows(&eric).await.is(201);
    eric.mutes(&zoe).await.is(201);
    niko.blocks(&zoe).await.is(201);
    let others = json!({
        "external_id": "e-1",
        "target": "ivan",
        "data": { "b": [1.5, -0.0, 18_446_744_073_709_551_615_u64, "\u{1F600}\"\\\n"], "a": {} },
    });
    let id = eric.posts_also("share", "rich", others).await.is(201).id();
    world.patch(&format!("/v1/activities/{id}"), json!({ "verb": "like" })).await.is(200);
    for author in [&niko, &zoe] {
        author.posts("post", "after the unfollow").await.is(201);
    }
    zoe.posts_to("praise", "self", &zoe).await.is(201);
    zoe.posts_to("poke", "the blocker", &niko).await.is(201);
}

/// Everything that can be read, user ids apart: those belong to a database.
async fn everything(world: &World) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for name in ["ivan", "eric", "Ünïcode 😀", "zoe"] {
        let user = world.user(name);
        for path in [user.own_path(), user.friends_path(), user.mentions_path()] {
            all.push((path.clone(), json!(world.walk(&path, 2).await)));
        }
        for list in ["following", "followers", "blocks", "mutes"] {
            let path = format!("{}/{list}", user.path());
            all.push((path.clone(), json!(world.walk(&path, 2).await)));
        }
        let mut shown = world.get(&user.path()).await.is(200).json();
        shown.as_object_mut().unwrap().remove("id");
        all.push((user.path(), shown));
    }
    all
}

async fn moves(from: Store, to: Store) {
    let old = World::start(from);
    lives(&old).await;
    let wanted = everything(&old).await;
    let place = Place::fresh(to);
    let exported = old.place().home().join("moved");
    old.place().run(&["export", "--out", exported.to_str().unwrap(), "--gzip"]);
    let files: Vec<String> = ["users", "activities", "follows", "blocks", "mutes"]
        .map(|kind| exported.join(format!("{kind}.ndjson.gz")).to_str().unwrap().to_owned())
        .to_vec();
    let import: Vec<&str> = std::iter::once("import").chain(files.iter().map(String::as_str)).collect();
    assert!(place.run(&import).contains(" 0 already there, 0 bad"));
    let new = place.serve();
    assert_eq!(everything(&new).await, wanted);
    // The same files again, while it serves: nothing changes.
    assert!(place.run(&import).contains(": 0 new, "));
    assert_eq!(everything(&new).await, wanted);
    // And it exports what it imported, to the byte.
    let (one, other) = (old.place().run(&["export", "--out", "-"]), place.run(&["export", "--out", "-"]));
    assert_eq!(one, other);
    new.user("ivan").posts("post", "here").await.is(201);
    new.user("ivan").own_feed().await.shows(&["ivan post here"]);
}

#[tokio::test]
async fn everything_moves_from_sqlite_to_postgres() {
    moves(Store::Sqlite, Store::Postgres).await;
}

#[tokio::test]
async fn everything_moves_from_postgres_to_sqlite() {
    moves(Store::Postgres, Store::Sqlite).await;
}

/// A few good lines around a bad one.
fn file_with(place: &Place, bad: &str) {
    let good = |object: &str| {
        format!(r#"{{"actor":"ivan","verb":"post","object":"{object}","published":"2020-01-01T00:00:00Z"}}"#)
    };
    let lines = [good("1"), String::new(), bad.to_owned(), good("2")].join("\n");
    std::fs::write(place.home().join("lines.ndjson"), lines + "\n").unwrap();
}

fn a_bad_line_is_told_with_its_number(store: Store) {
    for (bad, reason) in [
        ("nonsense", "JSON"),
        (r#"{"actor":"ivan","verb":"","published":"2020-01-01T00:00:00Z"}"#, "verb"),
        (r#"{"actor":"ivan","verb":"post","published":"yesterday"}"#, "published"),
        (r#"{"actor":"ivan","verb":"post","published":"9999-01-01T00:00:00Z"}"#, "5 minutes"),
        (r#"{"actor":"ivan","verb":"post"}"#, "published"),
        (r#"{"actor":"ivan","verb":"post","published":"2020-01-01T00:00:00Z","vreb":1}"#, "vreb"),
        (r#"{"follower":"ivan","followee":"ivan"}"#, "ivan"),
        (r#"{"username":" ivan"}"#, "username"),
    ] {
        let place = Place::fresh(store);
        file_with(&place, bad);
        let complained = place.run_badly(&["import", "lines.ndjson"]);
        assert!(complained.contains("line 3") && complained.contains(reason), "{bad}: {complained}");
        assert_eq!(place.run(&["export", "--out", "-"]), "", "{bad}: something of the batch is stored");
        let done = place.try_run(&["import", "--skip-bad", "lines.ndjson"]);
        let (said, told) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        assert!(
            done.status.success() && said.contains("2 new, 0 already there, 1 bad"),
            "{bad}: {said}{told}"
        );
        assert!(told.contains("line 3") && told.contains(reason), "{bad}: {told}");
        assert_eq!(
            place.run(&["export", "--out", "-"]).lines().count(),
            3,
            "{bad}: a user and two activities"
        );
    }
}

#[test]
fn a_bad_line_is_told_with_its_number_on_sqlite() {
    a_bad_line_is_told_with_its_number(Store::Sqlite);
}

#[test]
fn a_bad_line_is_told_with_its_number_on_postgres() {
    a_bad_line_is_told_with_its_number(Store::Postgres);
}

#[tokio::test]
async fn what_an_import_brings_is_served_within_a_second() {
    for store in [Store::Sqlite, Store::Postgres] {
        let world = World::start(store);
        let [ivan, eric] = world.users(["ivan", "eric"]).await;
        ivan.follows(&eric).await.is(201);
        let line = r#"{"actor":"eric","verb":"post","object":"1","published":"2020-01-01T00:00:00Z"}"#;
        std::fs::write(world.place().home().join("a.ndjson"), format!("{line}\n{line}\n")).unwrap();
        let said = world.place().run(&["import", "a.ndjson"]);
        assert!(said.contains("1 new, 1 already there"), "{said}");
        let imported = Instant::now();
        while ivan.friends_feed().await.items().is_empty() {
            assert!(imported.elapsed() < Duration::from_secs(1), "the import is not seen");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        ivan.friends_feed().await.shows(&["eric post 1"]);
        assert_eq!(eric.counts().await, (0, 1, 1));
    }
}
