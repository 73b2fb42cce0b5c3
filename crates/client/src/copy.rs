use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
};

use chrono::{DateTime, Utc};
use futures_util::TryStreamExt;
use uuid::Uuid;

use crate::{
    client::Client,
    error::Result,
    live::{Change, LiveEvent},
    model::{activity::Activity, feeds::Changes},
    position::Position,
};

/// A copy of a friends feed, or of its newest part, that follows what a stream or changes tell.
///
/// It is in the order of feeds: `published` descending, then `id` descending.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FeedCopy {
    places: HashMap<Uuid, DateTime<Utc>>,
    activities: BTreeMap<Reverse<(DateTime<Utc>, Uuid)>, Activity>,
}

impl FeedCopy {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a whole feed, and the position from which a stream goes on.
    pub async fn read(client: &Client, username: &str) -> Result<(Self, Position)> {
        // Behind the first page others may have changed already; whatever is told again does no harm.
        let position = client.changes(username, None).await?.position;
        let mut copy = Self::new();
        let mut items = client.friends_feed(username).limit(100).items();
        while let Some(activity) = items.try_next().await? {
            copy.put(activity);
        }
        Ok((copy, position))
    }

    /// Puts an activity in, in the place of what it was.
    pub fn put(&mut self, activity: Activity) {
        self.remove(activity.id);
        self.places.insert(activity.id, activity.published);
        self.activities.insert(Reverse((activity.published, activity.id)), activity);
    }

    /// Takes an activity out, if it is there.
    pub fn remove(&mut self, id: Uuid) -> Option<Activity> {
        let published = self.places.remove(&id)?;
        self.activities.remove(&Reverse((published, id)))
    }

    /// Applies what a stream told. False: the feed has to be read again.
    #[must_use = "where it is false the copy is out of date"]
    pub fn apply(&mut self, event: &LiveEvent) -> bool {
        match &event.change {
            Change::Added(activity) | Change::Edited(activity) => self.put(activity.clone()),
            Change::Removed(id) => drop(self.remove(*id)),
            Change::Resync => return false,
        }
        true
    }

    /// Applies changes. False: the feed has to be read again.
    #[must_use = "where it is false the copy is out of date"]
    pub fn apply_changes(&mut self, changes: &Changes) -> bool {
        if changes.resync {
            return false;
        }
        for id in &changes.removed {
            self.remove(*id);
        }
        for activity in changes.added.iter().chain(&changes.edited) {
            self.put(activity.clone());
        }
        true
    }

    /// An activity of the copy.
    pub fn get(&self, id: Uuid) -> Option<&Activity> {
        self.activities.get(&Reverse((*self.places.get(&id)?, id)))
    }

    /// The activities, newest first.
    pub fn iter(&self) -> impl Iterator<Item = &Activity> {
        self.activities.values()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.activities.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.activities.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn activity(id: u128, published: &str, object: &str) -> Activity {
        serde_json::from_value(json!({
            "id": Uuid::from_u128(id), "actor": "eric", "verb": "share", "object": object, "target": null,
            "published": published, "external_id": null, "data": {}, "edited_at": null,
        }))
        .unwrap()
    }

    fn event(change: Change) -> LiveEvent {
        LiveEvent { position: Position(1), change }
    }

    #[test]
    fn a_copy_is_in_the_order_of_feeds_and_has_nothing_twice() {
        let mut copy = FeedCopy::new();
        let early = "2026-01-01T00:00:00.000001Z";
        for (id, published, object) in
            [(1, early, "a"), (3, early, "b"), (2, "2026-01-01T00:00:00.000002Z", "c"), (1, early, "d")]
        {
            assert!(copy.apply(&event(Change::Added(activity(id, published, object)))));
        }
        let objects: Vec<_> = copy.iter().map(|it| it.object.as_deref().unwrap()).collect();
        assert_eq!((objects, copy.len()), (vec!["c", "b", "d"], 3));
        assert!(copy.apply(&event(Change::Removed(Uuid::from_u128(3)))));
        assert!(copy.apply(&event(Change::Removed(Uuid::from_u128(9)))));
        assert!(copy.get(Uuid::from_u128(3)).is_none() && copy.get(Uuid::from_u128(1)).is_some());
        assert!(!copy.apply(&event(Change::Resync)));
    }
}
