use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use serde_json::Value;

use super::known::{Known, name_of};
use crate::{
    kit::World,
    trust::{chance::Chance, tables::Logged},
};

/// How many of the last writes with a key are sent again.
const RETRIED: usize = 12;

/// A write that was answered, sent again with its key, is given the same answer and does nothing.
pub(super) async fn assert_retries_change_nothing(world: &World, writers: &mut [Known]) {
    for writer in writers {
        let count = writer.keyed.len();
        let mut chosen: BTreeSet<usize> = (count.saturating_sub(RETRIED)..count).collect();
        if 0 < count {
            chosen.insert(writer.chance.below(count));
        }
        for nth in chosen {
            let (write, first) = &writer.keyed[nth];
            let again = write.call(world, writer).await;
            assert_eq!((again.status, &again.bytes), (first.status, &first.bytes), "{again}");
            assert_eq!(again.header("idempotency-replayed"), "true", "{again}");
        }
    }
}

/// Feeds, lists and counts are exactly what the writers know.
pub(super) async fn assert_everything_is_known(
    world: &World,
    writers: &[Known],
    chance: &mut Chance,
    all_friends: bool,
) {
    let lucky = chance.below(writers.len());
    for writer in writers {
        let user = writer.user(world);
        assert_is_feed(world, &user.own_path(), feed_of([writer])).await;
        let followers = writers.iter().filter(|other| other.following.contains(&writer.index));
        let followers: BTreeSet<_> = followers.map(|other| name_of(other.index)).collect();
        let following = writer.following.iter().map(|other| name_of(*other)).collect();
        let counts = (writer.following.len() as u64, followers.len() as u64, writer.activities.len() as u64);
        assert_eq!(user.counts().await, counts, "the counts of {}", user.name);
        assert_are_names(world, &format!("{}/following", user.path()), "followee", following).await;
        assert_are_names(world, &format!("{}/followers", user.path()), "follower", followers).await;
        if all_friends || writer.index == lucky {
            let friends = writer.following.iter().map(|other| &writers[*other]);
            assert_is_feed(world, &user.friends_path(), feed_of(friends)).await;
            let mut mentions = feed_of(writers);
            mentions.retain(|activity| activity["target"] == user.name.as_str());
            assert_is_feed(world, &user.mentions_path(), mentions).await;
        }
    }
}

/// The log has one row for each change of an activity: no write is missing in it, none stands there twice.
#[track_caller]
pub(super) fn assert_log_tells_every_write_once(log: &[Logged], writers: &[Known]) {
    let mut told: BTreeMap<(String, &str), usize> = BTreeMap::new();
    for row in log {
        if let Some(activity) = &row.activity {
            *told.entry((activity.clone(), &row.kind)).or_default() += 1;
        }
    }
    let mut known: BTreeMap<(String, &str), usize> = BTreeMap::new();
    for writer in writers {
        for (id, edits) in &writer.edits {
            let id = id.replace('-', "");
            known.insert((id.clone(), "activity.added"), 1);
            if 0 < *edits {
                known.insert((id, "activity.edited"), *edits);
            }
        }
        for id in &writer.gone {
            known.insert((id.replace('-', ""), "activity.removed"), 1);
        }
    }
    let differs = told.iter().find(|(what, count)| known.get(*what) != Some(*count));
    assert_eq!(differs, None, "the log tells what is not known, or not so often");
    let missing = known.keys().find(|what| !told.contains_key(*what));
    assert_eq!(missing, None, "the log does not tell it");
}

/// The activities of these, newest first.
fn feed_of<'k>(writers: impl IntoIterator<Item = &'k Known>) -> Vec<Value> {
    let mut all: Vec<Value> =
        writers.into_iter().flat_map(|writer| writer.activities.values().cloned()).collect();
    let place = |activity: &Value| (activity["published"].to_string(), activity["id"].to_string());
    all.sort_by_key(|activity| Reverse(place(activity)));
    all
}

async fn assert_is_feed(world: &World, path: &str, wanted: Vec<Value>) {
    let seen = world.walk(path, 100).await;
    let differs = seen.iter().zip(&wanted).find(|(seen, wanted)| seen != wanted);
    assert_eq!(differs, None, "{path} is not what was acknowledged (it shows the first of these)");
    assert_eq!(seen.len(), wanted.len(), "{path} has another number of activities than were acknowledged");
}

async fn assert_are_names(world: &World, path: &str, member: &str, wanted: BTreeSet<String>) {
    let items = world.walk(path, 100).await;
    let seen: BTreeSet<_> = items.iter().map(|item| item[member].as_str().unwrap().to_owned()).collect();
    assert_eq!(seen, wanted, "{path}");
    assert_eq!(items.len(), wanted.len(), "{path} has somebody twice");
}
