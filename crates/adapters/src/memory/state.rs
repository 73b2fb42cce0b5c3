//! Everything that the store holds, and the small steps in which it changes. Each step keeps all orders of it in line.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use feed_me_domain::{
    Activity, ActivityId, Data, DisplayName, ExternalId, Object, Position, RelationKind, Timestamp, User,
    UserId, UserKey, Username, Verb,
    notification::{GroupId, Mark},
    sequence::{Counters, Event, Turn},
};

use super::{
    answers::Answers,
    application_keys::Keys,
    links::{EdgeRow, Links, Relations},
    webhooks::Webhooks,
};

/// A user. The counts are the lengths of the structures, so they cannot be wrong.
pub(super) struct UserRow {
    pub(super) id: UserId,
    pub(super) username: Username,
    pub(super) display_name: Option<DisplayName>,
    pub(super) created_at: Timestamp,
    pub(super) named_at: Timestamp,
}

/// An activity. Users stand in it by number, so that a rename need not look for it.
#[derive(Clone)]
pub(super) struct ActivityRow {
    pub(super) id: ActivityId,
    pub(super) actor: UserKey,
    pub(super) verb: Verb,
    pub(super) object: Option<Object>,
    pub(super) target: Option<UserKey>,
    pub(super) published: Timestamp,
    pub(super) edited_at: Option<Timestamp>,
    pub(super) external_id: Option<ExternalId>,
    pub(super) data: Data,
    pub(super) version: i32,
    /// When an edit last said something else.
    pub(super) moved_at: Option<Timestamp>,
}

impl ActivityRow {
    pub(super) fn new(activity: Activity, actor: UserKey, target: Option<UserKey>) -> Self {
        Self {
            id: activity.id,
            actor,
            verb: activity.verb,
            object: activity.object,
            target,
            published: activity.published,
            edited_at: activity.edited_at,
            external_id: activity.external_id,
            data: activity.data,
            version: activity.version,
            moved_at: None,
        }
    }

    pub(super) fn position(&self) -> Position {
        Position { published: self.published, id: self.id }
    }
}

/// A step to take back when a batch is not to be stored after all.
pub(super) enum Undo {
    User(UserKey),
    Activity(ActivityId),
    Edge(UserKey, UserKey, EdgeRow),
    Relation(RelationKind, UserKey, UserKey),
}

/// What an erasure took away and changed, and who could see it.
pub(super) struct Traced {
    pub(super) gone: Vec<ActivityId>,
    pub(super) changed: Vec<ActivityId>,
    pub(super) readers: BTreeSet<UserKey>,
}

pub(super) struct State {
    pub(super) counters: Counters,
    pub(super) users: BTreeMap<UserKey, UserRow>,
    /// By name, which sorts by code point because UTF-8 does.
    pub(super) names: BTreeMap<Box<str>, UserKey>,
    pub(super) activities: BTreeMap<ActivityId, ActivityRow>,
    pub(super) by_actor: HashMap<UserKey, BTreeSet<Position>>,
    pub(super) by_target: HashMap<UserKey, BTreeSet<Position>>,
    pub(super) external_ids: HashMap<(UserKey, ExternalId), ActivityId>,
    pub(super) links: Links,
    pub(super) blocks: Relations,
    pub(super) mutes: Relations,
    /// What users have seen and read of their notifications.
    pub(super) marks: HashMap<UserKey, HashMap<GroupId, Mark>>,
    /// What erasures did, by the positions of their events.
    pub(super) traces: BTreeMap<i64, Traced>,
    pub(super) events: VecDeque<Event>,
    pub(super) answers: Answers,
    pub(super) secrets: BTreeMap<String, Vec<u8>>,
    pub(super) application_keys: Keys,
    pub(super) webhooks: Webhooks,
}

impl State {
    /// Nothing is in it but the sequence, the secrets and the application keys, which outlive a reset.
    pub(super) fn empty(
        counters: Counters,
        secrets: BTreeMap<String, Vec<u8>>,
        application_keys: Keys,
    ) -> Self {
        Self {
            counters,
            users: BTreeMap::new(),
            names: BTreeMap::new(),
            activities: BTreeMap::new(),
            by_actor: HashMap::new(),
            by_target: HashMap::new(),
            external_ids: HashMap::new(),
            links: Links::default(),
            blocks: Relations::default(),
            mutes: Relations::default(),
            marks: HashMap::new(),
            traces: BTreeMap::new(),
            events: VecDeque::new(),
            answers: Answers::default(),
            secrets,
            application_keys,
            webhooks: Webhooks::default(),
        }
    }

    /// Takes over what a turn leaves behind.
    pub(super) fn keep(&mut self, turn: Turn<'_>) {
        let (counters, events) = turn.finish();
        self.counters = counters;
        self.events.extend(events);
    }

    pub(super) fn key_of(&self, username: &Username) -> Option<UserKey> {
        self.names.get(username.as_str()).copied()
    }

    /// The numbers of two names; the name that nobody has, the first one where both are unknown.
    pub(super) fn keys_of(&self, one: &Username, other: &Username) -> Result<(UserKey, UserKey), Username> {
        let key = |name: &Username| self.key_of(name).ok_or_else(|| name.clone());
        Ok((key(one)?, key(other)?))
    }

    /// The present name of a number that rows refer to; rows of erased users are gone, so there is one.
    pub(super) fn name_of(&self, key: UserKey) -> Username {
        self.users[&key].username.clone()
    }

    pub(super) fn user(&self, key: UserKey) -> User {
        let row = &self.users[&key];
        User {
            key,
            id: row.id,
            username: row.username.clone(),
            display_name: row.display_name.clone(),
            created_at: row.created_at,
            named_at: row.named_at,
            following: self.links.following.count(key),
            followers: self.links.followers.count(key),
            activities: self.by_actor.get(&key).map_or(0, |positions| positions.len() as u64),
        }
    }

    pub(super) fn insert_user(&mut self, key: UserKey, row: UserRow) {
        self.names.insert(row.username.as_str().into(), key);
        self.users.insert(key, row);
    }

    pub(super) fn rename(&mut self, key: UserKey, username: Username, at: Timestamp) {
        if let Some(row) = self.users.get_mut(&key) {
            self.names.remove(row.username.as_str());
            self.names.insert(username.as_str().into(), key);
            row.username = username;
            row.named_at = at;
        }
    }

    /// Removes the user alone; what refers to them has to be gone.
    pub(super) fn remove_user(&mut self, key: UserKey) {
        self.marks.remove(&key);
        self.webhooks.forget_user(key);
        if let Some(row) = self.users.remove(&key) {
            self.names.remove(row.username.as_str());
        }
    }

    pub(super) fn activity(&self, row: &ActivityRow) -> Activity {
        Activity {
            id: row.id,
            actor: self.name_of(row.actor),
            verb: row.verb.clone(),
            object: row.object.clone(),
            target: row.target.map(|key| self.name_of(key)),
            published: row.published,
            edited_at: row.edited_at,
            external_id: row.external_id.clone(),
            data: row.data.clone(),
            version: row.version,
        }
    }

    pub(super) fn insert_activity(&mut self, row: ActivityRow) {
        self.by_actor.entry(row.actor).or_default().insert(row.position());
        if let Some(target) = row.target {
            self.by_target.entry(target).or_default().insert(row.position());
        }
        if let Some(external_id) = row.external_id.clone() {
            self.external_ids.insert((row.actor, external_id), row.id);
        }
        self.activities.insert(row.id, row);
    }

    pub(super) fn remove_activity(&mut self, id: ActivityId) -> Option<ActivityRow> {
        let row = self.activities.remove(&id)?;
        remove_from(&mut self.by_actor, row.actor, row.position());
        if let Some(target) = row.target {
            remove_from(&mut self.by_target, target, row.position());
        }
        if let Some(external_id) = row.external_id.clone() {
            self.external_ids.remove(&(row.actor, external_id));
        }
        Some(row)
    }

    /// Puts another state of the same activity into its place.
    pub(super) fn replace_activity(&mut self, row: ActivityRow) {
        self.remove_activity(row.id);
        self.insert_activity(row);
    }

    pub(super) fn relations(&self, kind: RelationKind) -> &Relations {
        match kind {
            RelationKind::Block => &self.blocks,
            RelationKind::Mute => &self.mutes,
        }
    }

    pub(super) fn relations_mut(&mut self, kind: RelationKind) -> &mut Relations {
        match kind {
            RelationKind::Block => &mut self.blocks,
            RelationKind::Mute => &mut self.mutes,
        }
    }

    /// Whether a block stands between two users, either way.
    pub(super) fn is_blocked(&self, one: UserKey, other: UserKey) -> bool {
        self.blocks.place(one, other).is_some() || self.blocks.place(other, one).is_some()
    }

    /// Takes steps back, the last one first.
    pub(super) fn undo(&mut self, steps: Vec<Undo>) {
        for step in steps.into_iter().rev() {
            match step {
                Undo::User(key) => self.remove_user(key),
                Undo::Activity(id) => drop(self.remove_activity(id)),
                Undo::Edge(follower, followee, before) => drop(self.links.set(follower, followee, before)),
                Undo::Relation(kind, owner, other) => {
                    self.relations_mut(kind).remove(owner, other);
                }
            }
        }
    }
}

impl Default for State {
    fn default() -> Self {
        Self::empty(Counters::START, BTreeMap::new(), Keys::new())
    }
}

fn remove_from(index: &mut HashMap<UserKey, BTreeSet<Position>>, key: UserKey, position: Position) {
    if let Some(positions) = index.get_mut(&key) {
        positions.remove(&position);
        if positions.is_empty() {
            index.remove(&key);
        }
    }
}
