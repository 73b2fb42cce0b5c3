use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::write::Write;
use crate::{
    kit::{Answer, User, World},
    trust::chance::Chance,
};

/// How many write at once.
pub(super) const WRITERS: usize = 8;
/// Backdated posts share these times, so that equal times are common.
const TIMES: [&str; 3] =
    ["2020-01-01T00:00:00.000000Z", "2020-01-01T00:00:00.000001Z", "2024-02-29T23:59:59.999999Z"];

/// A writer and all that it knows to be stored.
pub(super) struct Known {
    pub(super) index: usize,
    /// Its activities as they were answered last, by id.
    pub(super) activities: BTreeMap<String, Value>,
    /// How often each activity was edited, those that are gone too.
    pub(super) edits: BTreeMap<String, usize>,
    pub(super) gone: BTreeSet<String>,
    pub(super) following: BTreeSet<usize>,
    /// Writes with a key and the answer that they got.
    pub(super) keyed: Vec<(Write, Answer)>,
    /// A write without an answer.
    pub(super) unsettled: Option<Write>,
    pub(super) acknowledged: u64,
    pub(super) chance: Chance,
    made: u64,
}

impl Known {
    pub(super) async fn start(world: &World, index: usize, chance: Chance) -> Self {
        world.put(&world.user(&name_of(index)).path(), json!({})).await.is(201);
        Self {
            index,
            activities: BTreeMap::new(),
            edits: BTreeMap::new(),
            gone: BTreeSet::new(),
            following: BTreeSet::new(),
            keyed: Vec::new(),
            unsettled: None,
            acknowledged: 0,
            chance,
            made: 0,
        }
    }

    pub(super) fn user<'w>(&self, world: &'w World) -> User<'w> {
        world.user(&name_of(self.index))
    }

    /// Writes until the server is gone.
    pub(super) async fn write_until_there_is_no_answer(&mut self, world: &World) {
        loop {
            let write = self.next_write();
            let Ok(answer) = write.call(world, self).attempt().await else {
                self.unsettled = Some(write);
                return;
            };
            self.learn(write, answer);
        }
    }

    /// Finds out what became of the write that had no answer.
    pub(super) async fn settle(&mut self, world: &World) {
        if let Some(write) = self.unsettled.take() {
            write.settle(world, self).await;
        }
    }

    /// Takes an answer as true.
    pub(super) fn learn(&mut self, write: Write, answer: Answer) {
        write.acknowledge(self, &answer);
        self.acknowledged += 1;
        if write.key().is_some() {
            self.keyed.push((write, answer));
        }
    }

    /// An activity is stored like this.
    pub(super) fn keep(&mut self, activity: &Value) {
        let id = activity["id"].as_str().unwrap().to_owned();
        self.edits.entry(id.clone()).or_default();
        self.activities.insert(id, activity.clone());
    }

    pub(super) fn forget(&mut self, id: &str) {
        self.activities.remove(id);
        self.gone.insert(id.to_owned());
    }

    fn next_write(&mut self) -> Write {
        match self.chance.below(10) {
            0..=3 => Write::Post { body: self.body(), key: self.perhaps_key() },
            4 => self.batch(),
            5 => Write::Follow { other: self.other() },
            6 => Write::Unfollow { other: self.other() },
            7 => self.follow_many(),
            8 => match self.some_id() {
                Some(id) => Write::Edit { id, verb: format!("edited{}", self.number()) },
                None => Write::Post { body: self.body(), key: None },
            },
            _ => match self.some_id() {
                Some(id) => Write::Delete { id },
                None => Write::Post { body: self.body(), key: self.perhaps_key() },
            },
        }
    }

    fn batch(&mut self) -> Write {
        let count = 1 + self.chance.below(12);
        let items = (0..count).map(|_| self.body()).collect();
        Write::Batch { items, is_atomic: self.chance.one_in(2), key: self.perhaps_key() }
    }

    fn follow_many(&mut self) -> Write {
        let (follow, unfollow) = (self.other(), self.other());
        let unfollow = (follow != unfollow).then_some(unfollow);
        // Always with a key: what became of it cannot be told by looking.
        Write::FollowMany { follow, unfollow, key: self.key() }
    }

    /// An activity that nobody else posts.
    fn body(&mut self) -> Value {
        let number = self.number();
        let mut body = json!({
            "actor": name_of(self.index),
            "verb": "wrote",
            "object": format!("{}-{number}", self.index),
            "data": { "n": number, "filler": "x".repeat(self.chance.below(300)) },
        });
        if self.chance.one_in(3) {
            body["target"] = json!(name_of(self.chance.below(WRITERS)));
        }
        if self.chance.one_in(3) {
            body["external_id"] = json!(format!("e{number}"));
        }
        if self.chance.one_in(4) {
            body["published"] = json!(self.chance.pick(&TIMES));
        }
        body
    }

    fn number(&mut self) -> u64 {
        self.made += 1;
        self.made
    }

    fn key(&mut self) -> String {
        let number = self.number();
        format!("key-{}-{number}", self.index)
    }

    fn perhaps_key(&mut self) -> Option<String> {
        if self.chance.one_in(2) { Some(self.key()) } else { None }
    }

    fn other(&mut self) -> usize {
        (self.index + 1 + self.chance.below(WRITERS - 1)) % WRITERS
    }

    fn some_id(&mut self) -> Option<String> {
        let nth = self.chance.below(self.activities.len().max(1));
        self.activities.keys().nth(nth).cloned()
    }
}

pub(super) fn name_of(index: usize) -> String {
    format!("writer-{index}")
}
