//! Storing a batch of records: look up all they name, decide in order, write all that is new. Each of the three asks or
//! tells the database a number of things that does not depend on how many records there are.

use std::collections::{HashMap, HashSet};

use diesel::{
    SqliteConnection,
    prelude::*,
    sql_types::{BigInt, Binary},
};
use feed_me_domain::{
    Activity, ActivityId, ExternalId, Fault, RelationKind, Timestamp, UserId, UserKey, Username,
    follow::united,
    sequence::EventKind,
    transfer::{FollowRecord, Imported, OnBadRecord, Record, RelationRecord, UserRecord},
};
use serde_json::{Value, json};

use super::super::{
    activities,
    errors::Trouble,
    names,
    rows::{self, StoredActivity},
    sql,
    users::{self, NewUser},
    writer::Write,
};

pub(super) fn import(
    write: &mut Write<'_>,
    records: Vec<Record>,
    started: Timestamp,
    on_bad: OnBadRecord,
) -> Result<Vec<Imported>, Trouble> {
    let before = write.turn.checkpoint();
    let stamp = write.turn.stamp();
    let known = Known::load(write.conn, &records)?;
    let mut batch = Batch { known, new: New::default(), started, stamp };
    let outcomes: Vec<_> = records.into_iter().map(|record| batch.take(write, record)).collect();
    let is_refused = |outcome: &Imported| matches!(outcome, Imported::Refused(_));
    if on_bad == OnBadRecord::Stop && outcomes.iter().any(is_refused) {
        write.turn.roll_back_to(before);
    } else {
        batch.new.store(write.conn)?;
    }
    Ok(outcomes)
}

type Pair = (UserKey, UserKey);

/// What the database holds of all that a batch names; what the batch adds comes to it as it goes.
struct Known {
    keys: HashMap<Username, UserKey>,
    activities: HashSet<ActivityId>,
    external: HashSet<(UserKey, ExternalId)>,
    /// Follows and kept windows.
    edges: HashSet<Pair>,
    blocks: HashSet<Pair>,
    mutes: HashSet<Pair>,
}

impl Known {
    fn load(conn: &mut SqliteConnection, records: &[Record]) -> Result<Self, Trouble> {
        const EDGES: &str = "select p.value->>0, p.value->>1 from json_each(?1) p where \
            exists (select 1 from follows where follower = p.value->>0 and followee = p.value->>1) or \
            exists (select 1 from follow_windows where follower = p.value->>0 and followee = p.value->>1)";
        const BLOCKS: &str = "select b.blocker, b.blocked from json_each(?1) p \
            cross join blocks b on b.blocker = p.value->>0 and b.blocked = p.value->>1";
        const MUTES: &str = "select m.muter, m.muted from json_each(?1) p \
            cross join mutes m on m.muter = p.value->>0 and m.muted = p.value->>1";
        let keys = names::keys_of(conn, records.iter().flat_map(names_of))?;
        let posted = || {
            records.iter().filter_map(|record| match record {
                Record::Activity(activity) => Some(activity),
                _ => None,
            })
        };
        let external = posted()
            .filter_map(|activity| Some((*keys.get(&activity.actor)?, activity.external_id.clone()?)));
        let external = activities::by_external_id(conn, external)?.into_keys().collect();
        let mut pairs = Vec::new();
        for record in records {
            let Some((one, other)) = ends_of(record) else { continue };
            if let (Some(one), Some(other)) = (keys.get(one), keys.get(other)) {
                // Both ways: a block and a follow contradict each other either way.
                pairs.extend([json!([one.0, other.0]), json!([other.0, one.0])]);
            }
        }
        let pairs = rows::json(pairs);
        Ok(Self {
            activities: stored_ids(conn, posted().map(|activity| activity.id))?,
            external,
            edges: stored_pairs(conn, EDGES, &pairs)?,
            blocks: stored_pairs(conn, BLOCKS, &pairs)?,
            mutes: stored_pairs(conn, MUTES, &pairs)?,
            keys,
        })
    }
}

fn names_of(record: &Record) -> Vec<&Username> {
    match record {
        Record::User(user) => vec![&user.username],
        Record::Activity(activity) => [&activity.actor].into_iter().chain(&activity.target).collect(),
        other => ends_of(other).map_or_else(Vec::new, |(one, other)| vec![one, other]),
    }
}

fn ends_of(record: &Record) -> Option<(&Username, &Username)> {
    match record {
        Record::User(_) | Record::Activity(_) => None,
        Record::Follow(follow) => Some((&follow.follower, &follow.followee)),
        Record::Block(relation) | Record::Mute(relation) => Some((&relation.owner, &relation.other)),
    }
}

fn stored_ids(
    conn: &mut SqliteConnection,
    asked: impl Iterator<Item = ActivityId>,
) -> Result<HashSet<ActivityId>, Trouble> {
    const STORED: &str = "select a.id from json_each(?1) k cross join activities a on a.id = unhex(k.value)";
    let found: Vec<Vec<u8>> =
        sql::query::<Binary>(STORED).bind(rows::json(asked.map(rows::hex))).load(conn)?;
    found.iter().map(|id| rows::activity_id(id)).collect()
}

fn stored_pairs(
    conn: &mut SqliteConnection,
    text: &'static str,
    pairs: &str,
) -> Result<HashSet<Pair>, Trouble> {
    let found: Vec<(i64, i64)> = sql::query::<(BigInt, BigInt)>(text).bind(pairs).load(conn)?;
    Ok(found.into_iter().map(|(one, other)| (UserKey(one), UserKey(other))).collect())
}

/// A batch while it is decided upon.
struct Batch {
    known: Known,
    new: New,
    started: Timestamp,
    stamp: Timestamp,
}

impl Batch {
    fn take(&mut self, write: &mut Write<'_>, record: Record) -> Imported {
        match record {
            Record::User(user) => self.user(write, user),
            Record::Activity(activity) => self.activity(write, activity),
            Record::Follow(follow) => self.follow(write, follow),
            Record::Block(relation) => self.relation(write, RelationKind::Block, &relation),
            Record::Mute(relation) => self.relation(write, RelationKind::Mute, &relation),
        }
    }

    fn user(&mut self, write: &mut Write<'_>, record: UserRecord) -> Imported {
        if self.known.keys.contains_key(&record.username) {
            return Imported::AlreadyThere;
        }
        self.create(write, record);
        Imported::New
    }

    fn create(&mut self, write: &mut Write<'_>, record: UserRecord) -> UserKey {
        let UserRecord { username, display_name, created_at } = record;
        let id = UserId::from_uuid(write.turn.uuid(self.stamp));
        let key = write.turn.user_key();
        write.turn.record(EventKind::UserCreated, None, Some(key), None);
        self.known.keys.insert(username.clone(), key);
        let created_at = created_at.unwrap_or(self.stamp);
        self.new.users.push(NewUser { key, id, username, display_name, created_at, named_at: self.stamp });
        key
    }

    /// The user of a name, made where there is none.
    fn met(&mut self, write: &mut Write<'_>, username: &Username) -> UserKey {
        if let Some(key) = self.known.keys.get(username) {
            return *key;
        }
        let username = username.clone();
        self.create(write, UserRecord { username, display_name: None, created_at: Some(self.started) })
    }

    fn activity(&mut self, write: &mut Write<'_>, activity: Activity) -> Imported {
        if self.known.activities.contains(&activity.id) {
            return Imported::AlreadyThere;
        }
        if let (Some(actor), Some(external_id)) =
            (self.known.keys.get(&activity.actor), &activity.external_id)
            && self.known.external.contains(&(*actor, external_id.clone()))
        {
            return Imported::Refused(Fault::new(
                "/external_id",
                format!("'{}' already has another activity with '{external_id}'", activity.actor),
            ));
        }
        let actor = self.met(write, &activity.actor);
        let target = activity.target.as_ref().map(|target| self.met(write, target));
        write.turn.record(EventKind::ActivityAdded, Some(activity.position()), Some(actor), target);
        self.known.activities.insert(activity.id);
        self.known.external.extend(activity.external_id.clone().map(|external_id| (actor, external_id)));
        self.new.activities.push(StoredActivity { activity, actor, target });
        Imported::New
    }

    fn pair(&self, one: &Username, other: &Username) -> Option<Pair> {
        Some((*self.known.keys.get(one)?, *self.known.keys.get(other)?))
    }

    fn follow(&mut self, write: &mut Write<'_>, record: FollowRecord) -> Imported {
        let FollowRecord { follower, followee, current, kept } = record;
        if let Some((one, other)) = self.pair(&follower, &followee) {
            if self.known.edges.contains(&(one, other)) {
                return Imported::AlreadyThere;
            }
            if self.known.blocks.contains(&(one, other)) || self.known.blocks.contains(&(other, one)) {
                let detail = format!("a block stands between '{follower}' and '{followee}'");
                return Imported::Refused(Fault::new("/followee", detail));
            }
        }
        if current.is_none() && kept.is_empty() {
            return Imported::Refused(Fault::new("/since", "is missing, and no history is kept"));
        }
        let kept = united(kept);
        if kept.iter().any(|window| window.until.is_none()) {
            return Imported::Refused(Fault::new("/kept", "has a window without an end"));
        }
        let pair = (self.met(write, &follower), self.met(write, &followee));
        let (one, other) = pair;
        let event = if current.is_some() { EventKind::FollowAdded } else { EventKind::FollowChanged };
        let ordinal = write.turn.record(event, None, Some(one), Some(other));
        self.known.edges.insert(pair);
        if let Some(current) = current {
            let (since, from) = (current.since.micros(), current.from.map(Timestamp::micros));
            self.new.follows.push(json!([one.0, other.0, since, ordinal, from]));
            self.new.counts.entry(one.0).or_default().0 += 1;
            self.new.counts.entry(other.0).or_default().1 += 1;
        }
        self.new.windows.extend(kept.into_iter().map(|window| {
            json!([one.0, other.0, window.from.map(Timestamp::micros), window.until.map(Timestamp::micros)])
        }));
        Imported::New
    }

    fn relation(&mut self, write: &mut Write<'_>, kind: RelationKind, record: &RelationRecord) -> Imported {
        let RelationRecord { owner, other, since } = record;
        if let Some((one, two)) = self.pair(owner, other) {
            let there = match kind {
                RelationKind::Block => &self.known.blocks,
                RelationKind::Mute => &self.known.mutes,
            };
            if there.contains(&(one, two)) {
                return Imported::AlreadyThere;
            }
            let edges = &self.known.edges;
            if kind == RelationKind::Block && (edges.contains(&(one, two)) || edges.contains(&(two, one))) {
                let detail = format!("a follow or its history stands between '{owner}' and '{other}'");
                return Imported::Refused(Fault::new("/username", detail));
            }
        }
        let pair = (self.met(write, owner), self.met(write, other));
        let (event, there, new) = match kind {
            RelationKind::Block => (EventKind::BlockAdded, &mut self.known.blocks, &mut self.new.blocks),
            RelationKind::Mute => (EventKind::MuteAdded, &mut self.known.mutes, &mut self.new.mutes),
        };
        let ordinal = write.turn.record(event, None, Some(pair.0), Some(pair.1));
        there.insert(pair);
        new.push(json!([pair.0.0, pair.1.0, since.micros(), ordinal]));
        Imported::New
    }
}

/// What a batch adds.
#[derive(Default)]
struct New {
    users: Vec<NewUser>,
    activities: Vec<StoredActivity>,
    follows: Vec<Value>,
    windows: Vec<Value>,
    blocks: Vec<Value>,
    mutes: Vec<Value>,
    /// How many each user follows, and is followed by, more than before.
    counts: HashMap<i64, (i64, i64)>,
}

impl New {
    fn store(self, conn: &mut SqliteConnection) -> Result<(), Trouble> {
        const FOLLOWS: &str = "insert into follows (follower, followee, since, ordinal, visible_from) \
            select value->>0, value->>1, value->>2, value->>3, value->>4 from json_each(?1)";
        const WINDOWS: &str = "insert into follow_windows (follower, followee, visible_from, visible_until) \
            select value->>0, value->>1, value->>2, value->>3 from json_each(?1)";
        const BLOCKS: &str = "insert into blocks (blocker, blocked, since, ordinal) \
            select value->>0, value->>1, value->>2, value->>3 from json_each(?1)";
        const MUTES: &str = "insert into mutes (muter, muted, since, ordinal) \
            select value->>0, value->>1, value->>2, value->>3 from json_each(?1)";
        const COUNTS: &str = "update users set following = following + n.value->>1, \
            followers = followers + n.value->>2 from json_each(?1) n where users.key = n.value->>0";
        users::insert_many(conn, &self.users)?;
        activities::insert_many(conn, &self.activities)?;
        let counts = self
            .counts
            .into_iter()
            .map(|(key, (following, followers))| json!([key, following, followers]))
            .collect();
        let tables = [
            (FOLLOWS, self.follows),
            (WINDOWS, self.windows),
            (BLOCKS, self.blocks),
            (MUTES, self.mutes),
            (COUNTS, counts),
        ];
        for (text, rows) in tables {
            if !rows.is_empty() {
                sql::command(text).bind(rows::json(rows)).execute(conn)?;
            }
        }
        Ok(())
    }
}
