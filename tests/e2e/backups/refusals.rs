//! What is not whole, not ours or not wanted is refused, and the database stays as it was.

use std::{
    fs,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use super::backed_up;
use crate::kit::{Place, Store};

/// A copy of a backup, to be spoilt.
fn copy(of: &Path, name: &str) -> PathBuf {
    let to = of.with_file_name(name);
    fs::create_dir(&to).unwrap();
    for file in fs::read_dir(of).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
    to
}

fn part_of(backup: &Path, table: &str) -> PathBuf {
    let suffix = format!("-{table}.ndjson.zst");
    let files = fs::read_dir(backup).unwrap().map(|file| file.unwrap().path());
    files.into_iter().find(|path| path.to_string_lossy().ends_with(&suffix)).unwrap()
}

/// Changes the manifest as somebody does who also corrects its sum.
fn forged(backup: &Path, change: impl Fn(String) -> String) {
    let path = backup.join("manifest.json");
    let json = change(fs::read_to_string(&path).unwrap());
    let sum = Sha256::digest(&json).iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    fs::write(path, json).unwrap();
    fs::write(backup.join("SHA256SUMS"), format!("{sum}  manifest.json\n")).unwrap();
}

type Spoil = fn(&Path);

/// Ways to spoil a backup, and what is said about it.
const SPOILT: &[(&str, Spoil, &str)] = &[
    ("cut-off", |backup| fs::remove_file(backup.join("SHA256SUMS")).unwrap(), "there is no backup"),
    ("empty-sums", |backup| fs::write(backup.join("SHA256SUMS"), "").unwrap(), "manifest.json is not what"),
    ("no-manifest", |backup| fs::remove_file(backup.join("manifest.json")).unwrap(), "there is no backup"),
    (
        "missing",
        |backup| fs::remove_file(part_of(backup, "activities")).unwrap(),
        "activities.ndjson.zst is missing",
    ),
    (
        "shorter",
        |backup| {
            let part = part_of(backup, "follows");
            let bytes = fs::read(&part).unwrap();
            fs::write(part, &bytes[..bytes.len() - 1]).unwrap();
        },
        "follows.ndjson.zst has another size",
    ),
    (
        "a-bit",
        |backup| {
            let part = part_of(backup, "activities");
            let mut bytes = fs::read(&part).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(part, bytes).unwrap();
        },
        "activities.ndjson.zst is not what was written",
    ),
    (
        "other-file",
        |backup| fs::write(backup.join("manifest.json"), "{\"a\":1}").unwrap(),
        "not of a backup of feed-me",
    ),
    (
        "edited",
        |backup| {
            let path = backup.join("manifest.json");
            let json = fs::read_to_string(&path).unwrap().replace("\"taken_at\": \"2", "\"taken_at\": \"3");
            fs::write(path, json).unwrap();
        },
        "manifest.json is not what SHA256SUMS says",
    ),
    (
        "foreign",
        |backup| forged(backup, |json| json.replace("feed-me backup", "somebody's backup")),
        "not of a backup of feed-me",
    ),
    (
        "later-form",
        |backup| forged(backup, |json| json.replace("\"version\": 1,", "\"version\": 7,")),
        "has the form 7",
    ),
    (
        "fewer-rows",
        |backup| {
            forged(backup, |json| {
                let mut manifest: serde_json::Value = serde_json::from_str(&json).unwrap();
                let parts = manifest["parts"].as_array_mut().unwrap();
                let part = parts.iter_mut().find(|part| part["table"] == "users").unwrap();
                part["rows"] = 3.into();
                manifest.to_string()
            });
        },
        "other rows than the manifest says",
    ),
];

/// What only a database can tell.
const UNFIT: &[(&str, Spoil, &str)] = &[
    (
        "later-schema",
        |backup| {
            forged(backup, |json| {
                json.replace(
                    "\"2026-11-24-000000_the_feed\",",
                    "\"2026-11-24-000000_the_feed\", \"2999-01-01-000000_x\",",
                )
            });
        },
        "a later version",
    ),
    (
        "other-columns",
        |backup| forged(backup, |json| json.replacen("\"display_name\"", "\"colour\"", 1)),
        "differ in the columns of the table 'users'",
    ),
    (
        // Good sums, and rows that the database takes until a constraint says no.
        "broken-reference",
        |backup| {
            forged(backup, |json| {
                let mut manifest: serde_json::Value = serde_json::from_str(&json).unwrap();
                let parts = manifest["parts"].as_array_mut().unwrap();
                parts.retain(|part| part["table"] != "users");
                manifest.to_string()
            });
        },
        "the database is as it was",
    ),
];

async fn refuses_what_is_spoilt(store: Store) {
    let (world, kept) = backed_up(store).await;
    let place = Place::fresh(store);
    // Somebody is there already, so that it can be seen that nothing changes.
    let line = r#"{"actor":"here","verb":"stay","published":"2020-01-01T00:00:00Z"}"#;
    fs::write(place.home().join("a.ndjson"), format!("{line}\n")).unwrap();
    place.run(&["import", "a.ndjson"]);
    let before = place.run(&["export", "--out", "-"]);
    for (name, spoil, reason) in SPOILT.iter().chain(UNFIT) {
        let spoilt = copy(&kept, name);
        spoil(&spoilt);
        let complained = place.run_badly(&["restore", "--replace", spoilt.to_str().unwrap()]);
        assert!(complained.contains(reason), "{name}: {complained}");
        assert_eq!(
            complained.lines().filter(|line| line.starts_with("feed-me: ")).count(),
            1,
            "{complained}"
        );
        assert_eq!(place.run(&["export", "--out", "-"]), before, "{name}: the database has changed");
    }
    for (name, _, reason) in SPOILT {
        let spoilt = kept.with_file_name(name);
        let complained = place.run_badly(&["restore", "--check", spoilt.to_str().unwrap()]);
        assert!(complained.contains(reason), "{name}: {complained}");
    }
    let complained = place.run_badly(&["restore", "nowhere"]);
    assert!(complained.contains("nowhere: there is no backup"), "{complained}");

    // Not without being told to.
    let kept = kept.to_str().unwrap();
    let complained = place.run_badly(&["restore", kept]);
    assert!(complained.contains("not empty") && complained.contains("--replace"), "{complained}");
    assert_eq!(place.run(&["export", "--out", "-"]), before);
    assert!(place.run(&["restore", "--check", kept]).contains("is whole"));
    place.run(&["restore", "--replace", kept]);
    assert_eq!(place.run(&["export", "--out", "-"]), world.place().run(&["export", "--out", "-"]));
}

#[tokio::test]
async fn what_is_spoilt_changes_nothing_on_sqlite() {
    refuses_what_is_spoilt(Store::Sqlite).await;
}

#[tokio::test]
async fn what_is_spoilt_changes_nothing_on_postgres() {
    refuses_what_is_spoilt(Store::Postgres).await;
}

#[tokio::test]
async fn a_place_has_one_backup_and_a_served_file_is_left_alone() {
    let (world, kept) = backed_up(Store::Sqlite).await;
    let kept = kept.to_str().unwrap();
    let complained = world.place().run_badly(&["backup", kept]);
    assert!(complained.contains("already"), "{complained}");
    let complained = world.place().run_badly(&["restore", "--replace", kept]);
    assert!(complained.contains("served by another process"), "{complained}");
    // Whoever only started a server on a new database has nothing to lose.
    let other = Place::fresh(Store::Sqlite).serve();
    other.get("/v1/feeds/nobody").await.is(404);
    other.server().terminate();
    assert!(other.server().wait().success());
    other.place().run(&["restore", kept]);
}

#[tokio::test]
async fn a_served_database_of_postgres_is_left_alone() {
    let (world, kept) = backed_up(Store::Postgres).await;
    let restore = ["restore", "--replace", kept.to_str().unwrap()];
    let before = world.place().run(&["export", "--out", "-"]);
    let complained = world.place().run_badly(&restore);
    assert!(complained.contains("the database is served; stop all of its servers first"), "{complained}");
    assert_eq!(world.place().run(&["export", "--out", "-"]), before);
    world.server().terminate();
    assert!(world.server().wait().success());
    assert!(world.place().run(&restore).contains("restored"));
}

/// Tables as they were before anything was written to them, without their rows.
const BEFORE_WEBHOOKS: &[(&str, &[(&str, &str)])] = &[
    (
        "webhooks",
        &[
            ("id", "bytes"),
            ("url", "text"),
            ("kinds", "text"),
            ("actor", "integer"),
            ("verb", "text"),
            ("target", "integer"),
            ("secret", "bytes"),
            ("created_at", "integer"),
            ("position", "integer"),
        ],
    ),
    (
        "webhook_deliveries",
        &[
            ("webhook", "bytes"),
            ("position", "integer"),
            ("attempts", "integer"),
            ("next_at", "integer"),
            ("last_status", "integer"),
            ("last_error", "text"),
        ],
    ),
];

/// A backup of an older schema is brought up to date by the migrations that came since.
async fn an_older_schema_is_brought_up_to_date(store: Store) {
    let old = Place::fresh(store);
    old.run(&["migrate"]);
    let newest = old.run(&["migrate", "--revert"]);
    let status = old.run(&["migrate", "--status"]);
    assert!(!status.trim().is_empty(), "{newest}");
    // Commands want a current schema, so what an older version would have written is made of a current backup.
    old.run(&["migrate"]);
    let kept = old.home().join("kept");
    old.run(&["backup", kept.to_str().unwrap()]);
    forged(&kept, |json| {
        let mut manifest: serde_json::Value = serde_json::from_str(&json).unwrap();
        let schema = manifest["schema"].as_array_mut().unwrap();
        schema.truncate(4);
        // The fifth migration made these.
        let tables = manifest["tables"].as_array_mut().unwrap();
        tables.retain(|table| !table["name"].as_str().unwrap().starts_with("erased_"));
        // The sixth made these anew.
        for (name, columns) in BEFORE_WEBHOOKS {
            let table = tables.iter_mut().find(|table| table["name"] == *name).unwrap();
            let columns =
                columns.iter().map(|(name, kind)| serde_json::json!({ "name": name, "kind": kind }));
            table["columns"] = columns.collect();
        }
        // The seventh added this.
        let events = tables.iter_mut().find(|table| table["name"] == "events").unwrap();
        events["columns"].as_array_mut().unwrap().retain(|column| column["name"] != "before");
        manifest.to_string()
    });
    let tables = fs::read_to_string(kept.join("manifest.json")).unwrap();
    assert!(tables.contains("activities_moved") && !tables.contains("erasure_traces"), "{tables}");
    let new = Place::fresh(store);
    new.run(&["restore", kept.to_str().unwrap()]);
    let world = new.serve();
    let [ivan] = world.users(["ivan"]).await;
    ivan.posts("post", "1").await.is(201);
    ivan.leaves().await.is(200);
}

#[tokio::test]
async fn an_older_schema_is_brought_up_to_date_on_sqlite() {
    an_older_schema_is_brought_up_to_date(Store::Sqlite).await;
}

#[tokio::test]
async fn an_older_schema_is_brought_up_to_date_on_postgres() {
    an_older_schema_is_brought_up_to_date(Store::Postgres).await;
}
