//! After an erasure nothing that is stored names the person or says what the person said.

use std::collections::BTreeSet;

use serde_json::json;

use super::tables::Tables;
use crate::kit::{Store, World, on_both_stores};

/// Found nowhere else by chance.
const NAME: &str = "Zebedee-Quux-the-Erased";
const FORMER_NAME: &str = "Zebedee-before-the-rename";
const DISPLAY_NAME: &str = "Zébédée 🦓 Quux";
/// What the person said, in every member that holds text.
const SAID: [&str; 6] =
    ["zebra-verb", "zebra-object", "zebra-external-id", "zebra-data-key", "zebra-data-value", "zebra-edited"];
/// Whoever reads the traces finds these too: they are keys and ids that the person's requests carried.
const KEYS: [&str; 3] = ["zebra-key-post", "zebra-key-batch", "zebra-key-follow"];

on_both_stores!(no_table_names_the_person_or_holds_what_was_said);

async fn no_table_names_the_person_or_holds_what_was_said(world: &World) {
    let activities = live(world).await;
    let url = world.place().database().url.clone();
    // The scan finds what it looks for as long as it is there.
    let before = Tables::of(&url).everything();
    let found: BTreeSet<&str> =
        traces(&before, &activities.own).into_iter().map(|(trace, _)| trace).collect();
    for trace in [NAME, DISPLAY_NAME].iter().chain(SAID[..5].iter()) {
        assert!(found.contains(trace), "the scan does not find {trace}");
    }

    let person = world.user(NAME);
    person.leaves().await.is(200);
    let after = Tables::of(&url).everything();
    assert!(after.len() < before.len());
    let left = traces(&after, &activities.own);
    let left: Vec<_> = left.iter().filter(|(trace, row)| !is_bare_id_in_events(trace, row)).collect();
    assert!(left.is_empty(), "{left:#?}");
    // What others said without naming the person is there.
    assert!(after.iter().any(|row| row.contains("words-of-eric")));
    world.get(&format!("/v1/activities/{}", activities.about)).await.is(200).at("/object");
    assert_no_key_points_at(&mut Tables::of(&url), &before);
}

struct Activities {
    own: Vec<String>,
    about: String,
}

/// The person does everything that can be done, and has it done by others.
async fn live(world: &World) -> Activities {
    world.users([FORMER_NAME, "eric", "niko"]).await;
    world.user(FORMER_NAME).posts("zebra-verb", "zebra-object").key("zebra-key-before").await.is(201);
    world.user(FORMER_NAME).renames_to(NAME).await.is(200);
    let [person, eric, niko] = [NAME, "eric", "niko"].map(|name| world.user(name));
    world.patch(&person.path(), json!({ "display_name": DISPLAY_NAME })).await.is(200);
    let whole = json!({
        "target": "eric",
        "external_id": "zebra-external-id",
        "data": { "zebra-data-key": ["zebra-data-value", { "name": NAME }] },
    });
    let first = person.posts_also("zebra-verb", "zebra-object", whole).key(KEYS[0]).await.is(201).id();
    world.patch(&format!("/v1/activities/{first}"), json!({ "object": "zebra-edited" })).await.is(200);
    person.posts_to("zebra-verb", "zebra-object", &person).await.is(201);
    let body = json!({ "activities": [
        { "actor": NAME, "verb": "zebra-verb", "object": "zebra-object" },
        { "actor": "eric", "verb": "said", "object": "words-of-eric", "target": NAME },
    ] });
    let batch = world.post("/v1/activities/batch", body).key(KEYS[1]).await;
    let own = vec![first, batch.is(200).str_at("/results/0/activity/id")];
    let about = batch.str_at("/results/1/activity/id");
    world
        .post("/activity", json!({ "actor": NAME, "verb": "zebra-verb", "object": "zebra-object" }))
        .key("zebra-key-classic")
        .await
        .is(200);
    let follow = json!({ "follow": ["eric", "niko"] });
    world.post(&format!("{}/following", person.path()), follow).key(KEYS[2]).await.is(200);
    eric.follows_from(&person, "2020-01-01T00:00:00Z").await.is(201);
    eric.unfollows_keeping_history(&person).await.is(204);
    niko.follows(&person).await.is(201);
    world.post("/feed/eric", json!({ "follow": NAME })).key("zebra-key-classic-follow").await.is(200);
    person.mutes(&eric).await.is(201);
    niko.mutes(&person).await.is(201);
    let [enemy] = world.users(["enemy"]).await;
    person.blocks(&enemy).await.is(201);
    enemy.blocks(&person).await.is(201);
    // Subscriptions: one that names the person, and one that has delivered, or tried to, what the person did.
    let webhook = |filter: serde_json::Value| {
        let mut body = filter;
        body["url"] = json!("https://hooks.invalid/");
        world.post("/v1/webhooks", body)
    };
    webhook(json!({ "actor": NAME, "verb": "zebra-verb" })).key("zebra-key-webhook").await.is(201);
    let all = webhook(json!({})).await.is(201).id();
    world.post(&format!("/v1/webhooks/{all}/replay"), json!({ "from": "beginning" })).await.is(200);
    let deliveries = format!("/v1/webhooks/{all}/deliveries");
    for _ in 0..200 {
        if !world.get(&deliveries).await.items().is_empty() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(!world.get(&deliveries).await.items().is_empty(), "nothing was tried");
    // One that is gone before the person is.
    let gone = person.posts("zebra-verb", "zebra-object").await.is(201).id();
    world.delete(&format!("/v1/activities/{gone}")).await.is(204);
    Activities { own, about }
}

/// What of the person is found in rows: the trace and the row.
fn traces<'r>(rows: &'r [String], ids: &'r [String]) -> Vec<(&'r str, &'r str)> {
    let words = [NAME, FORMER_NAME, DISPLAY_NAME].into_iter().chain(SAID).chain(KEYS);
    let words: Vec<&'r str> = words.chain(ids.iter().map(String::as_str)).collect();
    let find = |row: &'r String| {
        let lower = row.to_lowercase();
        let is_in = move |word: &&str| {
            let word = word.to_lowercase();
            let hex = word.bytes().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
            lower.contains(&word) || lower.contains(&hex) || lower.contains(&word.replace('-', ""))
        };
        words.clone().into_iter().filter(is_in).map(move |word| (word, row.as_str()))
    };
    rows.iter().flat_map(find).collect()
}

/// Ids of what is gone may stay in events, and beside the event of the erasure, which tells listeners what to remove.
fn is_bare_id_in_events(trace: &str, row: &str) -> bool {
    let is_id = uuid::Uuid::parse_str(trace).is_ok();
    let table = row.split(':').next().unwrap_or_default();
    is_id && ["events", "erased_activities"].contains(&table.trim_start_matches("public."))
}

/// No number in the log leads back to a person: whatever number the person had is given to nobody, and no row has it
/// but those of the log.
fn assert_no_key_points_at(tables: &mut Tables, before: &[String]) {
    assert!(before.iter().any(|row| row.contains(NAME)));
    let dangling = "select cast(count(*) as text) as text from activities a \
                    where not exists (select 1 from users u where u.key = a.actor) \
                    or (a.target is not null and not exists (select 1 from users u where u.key = a.target))";
    assert_eq!(tables.lines(dangling), ["0"]);
    let named = "select cast(count(*) as text) as text from idempotency_names n \
                 where not exists (select 1 from users u where u.key = n.user_key)";
    assert_eq!(tables.lines(named), ["0"]);
}

/// Pages of a SQLite file that became free keep what stood on them unless they are overwritten.
#[tokio::test]
async fn the_bytes_of_the_sqlite_file_do_not_hold_what_was_said() {
    let world = World::start(Store::Sqlite);
    live(&world).await;
    world.user(NAME).leaves().await.is(200);
    // A good stop moves the log of writes into the file.
    world.restart();
    let home = world.place().home().to_owned();
    for entry in std::fs::read_dir(home).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Ok(bytes) = std::fs::read(entry.path()) else { continue };
        let found: Vec<_> = [NAME, FORMER_NAME, DISPLAY_NAME]
            .into_iter()
            .chain(SAID)
            .filter(|word| contains(&bytes, word.as_bytes()))
            .collect();
        assert!(found.is_empty(), "{name} still holds {found:?}");
    }
}

fn contains(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window == word)
}
