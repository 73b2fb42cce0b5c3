//! Importing a batch: the state that decides is loaded at once, the records are gone through in memory, and what is new
//! is inserted at once. The number of statements does not depend on how many records there are.

use std::collections::{HashMap, HashSet};

use diesel::{
    pg::PgConnection,
    prelude::*,
    sql_types::{Array, Uuid as SqlUuid},
};
use feed_me_domain::{
    Activity, ActivityId, RelationKind, Timestamp, User, UserKey, Username, Window,
    error::Fault,
    follow::{Current, Edge, united},
    sequence::EventKind,
    transfer::{FollowRecord, Imported, OnBadRecord, Record, RelationRecord, UserRecord},
};
use uuid::Uuid;

use super::{
    activities::{self, NewRow},
    edges::{Edges, Pair},
    errors::Outcome,
    relations,
    sql::Sql,
    users,
    writing::Write,
};

/// Imports a batch.
pub(super) fn import(
    write: &mut Write<'_>,
    records: &[Record],
    started: Timestamp,
    on_bad: OnBadRecord,
) -> Outcome<Vec<Imported>> {
    write.is_large()?;
    let mut batch = Batch::load(write.conn, records, started)?;
    let before = write.turn.checkpoint();
    let outcomes: Vec<Imported> = records.iter().map(|record| batch.take(write, record)).collect();
    let has_refused = outcomes.iter().any(|outcome| matches!(outcome, Imported::Refused(_)));
    if has_refused && on_bad == OnBadRecord::Stop {
        write.turn.roll_back_to(before);
    } else {
        batch.save(write.conn)?;
    }
    Ok(outcomes)
}

/// What is stored of all that the records name, and what is new.
struct Batch {
    started: Timestamp,
    keys: HashMap<Username, i64>,
    ids: HashSet<Uuid>,
    external: HashMap<(i64, String), ActivityId>,
    edges: Edges,
    blocks: HashSet<Pair>,
    mutes: HashSet<Pair>,
    new_users: Vec<User>,
    new_activities: Vec<NewRow>,
    new_blocks: Vec<(Pair, Timestamp, i64)>,
    new_mutes: Vec<(Pair, Timestamp, i64)>,
}

impl Batch {
    fn load(conn: &mut PgConnection, records: &[Record], started: Timestamp) -> Outcome<Self> {
        let keys = users::keys_of(conn, records.iter().flat_map(names))?;
        let activities = || {
            records.iter().filter_map(|record| match record {
                Record::Activity(activity) => Some(activity),
                _ => None,
            })
        };
        let external = activities().filter_map(|activity| {
            Some((*keys.get(&activity.actor)?, activity.external_id.as_ref()?.as_str().to_owned()))
        });
        let external = activities::find_all_external(conn, external)?;
        let pairs = Pairs::of(records, &keys);
        let standing = |conn: &mut PgConnection, kind, pairs: &[Pair]| {
            Outcome::Ok(relations::find_all(conn, kind, pairs)?.into_iter().map(|(pair, _)| pair).collect())
        };
        Ok(Self {
            started,
            ids: stored_ids(conn, activities().map(|activity| activity.id.as_uuid()).collect())?,
            external: external.into_iter().map(|(key, activity)| (key, activity.id)).collect(),
            edges: Edges::load(conn, &pairs.edges)?,
            blocks: standing(conn, RelationKind::Block, &pairs.blocks)?,
            mutes: standing(conn, RelationKind::Mute, &pairs.mutes)?,
            keys,
            new_users: Vec::new(),
            new_activities: Vec::new(),
            new_blocks: Vec::new(),
            new_mutes: Vec::new(),
        })
    }

    /// Takes the next record; what is refused leaves nothing behind.
    fn take(&mut self, write: &mut Write<'_>, record: &Record) -> Imported {
        let taken = match record {
            Record::User(user) => Ok(self.user(write, user)),
            Record::Activity(activity) => self.activity(write, activity),
            Record::Follow(follow) => self.follow(write, follow),
            Record::Block(block) => self.relation(write, RelationKind::Block, block),
            Record::Mute(mute) => self.relation(write, RelationKind::Mute, mute),
        };
        taken.unwrap_or_else(Imported::Refused)
    }

    fn save(&self, conn: &mut PgConnection) -> Outcome<()> {
        users::insert(conn, &self.new_users)?;
        activities::insert(conn, &self.new_activities)?;
        self.edges.save(conn)?;
        relations::insert(conn, RelationKind::Block, &self.new_blocks)?;
        relations::insert(conn, RelationKind::Mute, &self.new_mutes)
    }

    fn user(&mut self, write: &mut Write<'_>, record: &UserRecord) -> Imported {
        if self.keys.contains_key(&record.username) {
            return Imported::AlreadyThere;
        }
        let UserRecord { username, display_name, created_at } = record.clone();
        let user = users::made(write, username, display_name, created_at);
        self.add_user(user);
        Imported::New
    }

    fn add_user(&mut self, user: User) -> i64 {
        let key = user.key.0;
        self.keys.insert(user.username.clone(), key);
        self.new_users.push(user);
        key
    }

    /// The number of a user, who is made where there is none.
    fn met(&mut self, write: &mut Write<'_>, name: &Username) -> i64 {
        if let Some(key) = self.keys.get(name) {
            return *key;
        }
        let user = users::made(write, name.clone(), None, Some(self.started));
        self.add_user(user)
    }

    /// The two numbers, where both names are users'.
    fn known_pair(&self, one: &Username, other: &Username) -> Option<Pair> {
        Some((*self.keys.get(one)?, *self.keys.get(other)?))
    }

    fn activity(&mut self, write: &mut Write<'_>, activity: &Activity) -> Result<Imported, Fault> {
        if self.ids.contains(&activity.id.as_uuid()) {
            return Ok(Imported::AlreadyThere);
        }
        let external_id = activity.external_id.as_ref().map(|external_id| external_id.as_str().to_owned());
        if let (Some(external_id), Some(actor)) = (&external_id, self.keys.get(&activity.actor))
            && let Some(stored) = self.external.get(&(*actor, external_id.clone()))
        {
            let actor = &activity.actor;
            let detail =
                format!("'{external_id}' is the external_id of another activity of '{actor}', {stored}");
            return Err(Fault::new("/external_id", detail));
        }
        let actor = self.met(write, &activity.actor);
        let target = activity.target.as_ref().map(|target| self.met(write, target));
        self.ids.insert(activity.id.as_uuid());
        if let Some(external_id) = external_id {
            self.external.insert((actor, external_id), activity.id);
        }
        let (user, other) = (Some(UserKey(actor)), target.map(UserKey));
        write.turn.record(EventKind::ActivityAdded, Some(activity.position()), user, other);
        self.new_activities.push(NewRow { activity: activity.clone(), actor, target });
        Ok(Imported::New)
    }

    fn follow(&mut self, write: &mut Write<'_>, record: &FollowRecord) -> Result<Imported, Fault> {
        refuse_oneself("/followee", &record.follower, &record.followee)?;
        let kept = checked_kept(&record.kept)?;
        if let Some(pair) = self.known_pair(&record.follower, &record.followee) {
            if self.edges.of(pair).edge != Edge::default() {
                return Ok(Imported::AlreadyThere);
            }
            if self.edges.is_blocked(pair) {
                let (follower, followee) = (&record.follower, &record.followee);
                let detail = format!("'{follower}' cannot follow '{followee}': one of them blocks the other");
                return Err(Fault::new("/followee", detail));
            }
        }
        if record.current.is_none() && kept.is_empty() {
            return Ok(Imported::AlreadyThere);
        }
        let pair = (self.met(write, &record.follower), self.met(write, &record.followee));
        let event = if record.current.is_some() { EventKind::FollowAdded } else { EventKind::FollowChanged };
        let position = write.turn.record(event, None, Some(UserKey(pair.0)), Some(UserKey(pair.1)));
        let stored = self.edges.of(pair);
        stored.edge.current =
            record.current.map(|current| Current { since: current.since, from: current.from });
        stored.edge.kept = kept;
        stored.ordinal = position;
        Ok(Imported::New)
    }

    fn relation(
        &mut self,
        write: &mut Write<'_>,
        kind: RelationKind,
        record: &RelationRecord,
    ) -> Result<Imported, Fault> {
        refuse_oneself("/username", &record.owner, &record.other)?;
        let pair = (self.met(write, &record.owner), self.met(write, &record.other));
        let (standing, new) = match kind {
            RelationKind::Block => (&mut self.blocks, &mut self.new_blocks),
            RelationKind::Mute => (&mut self.mutes, &mut self.new_mutes),
        };
        if !standing.insert(pair) {
            return Ok(Imported::AlreadyThere);
        }
        let event = relations::added(kind);
        let position = write.turn.record(event, None, Some(UserKey(pair.0)), Some(UserKey(pair.1)));
        new.push((pair, record.since, position));
        if kind == RelationKind::Block {
            self.edges.block(pair);
        }
        Ok(Imported::New)
    }
}

fn refuse_oneself(pointer: &str, one: &Username, other: &Username) -> Result<(), Fault> {
    if one == other {
        return Err(Fault::new(pointer, format!("'{one}' cannot be on both sides")));
    }
    Ok(())
}

/// Kept windows as they may be stored: closed, and disjoint.
fn checked_kept(kept: &[Window]) -> Result<Vec<Window>, Fault> {
    for (index, window) in kept.iter().enumerate() {
        let Some(until) = window.until else {
            return Err(Fault::new(
                format!("/kept/{index}/until"),
                "is missing: history that is kept has an end",
            ));
        };
        if window.from.is_some_and(|from| until < from) {
            return Err(Fault::new(
                format!("/kept/{index}/until"),
                "lies before the beginning of the window",
            ));
        }
    }
    Ok(united(kept.to_vec()))
}

/// Every name that a record mentions.
fn names(record: &Record) -> Vec<&Username> {
    match record {
        Record::User(user) => vec![&user.username],
        Record::Activity(activity) => std::iter::once(&activity.actor).chain(&activity.target).collect(),
        Record::Follow(follow) => vec![&follow.follower, &follow.followee],
        Record::Block(relation) | Record::Mute(relation) => vec![&relation.owner, &relation.other],
    }
}

/// The pairs of users that records are about, where both are there. A block is about the edges both ways.
#[derive(Default)]
struct Pairs {
    edges: Vec<Pair>,
    blocks: Vec<Pair>,
    mutes: Vec<Pair>,
}

impl Pairs {
    fn of(records: &[Record], keys: &HashMap<Username, i64>) -> Self {
        let pair = |one: &Username, other: &Username| Some((*keys.get(one)?, *keys.get(other)?));
        let mut pairs = Self::default();
        for record in records {
            match record {
                Record::User(_) | Record::Activity(_) => {}
                Record::Follow(follow) => pairs.edges.extend(pair(&follow.follower, &follow.followee)),
                Record::Block(relation) => {
                    if let Some((owner, other)) = pair(&relation.owner, &relation.other) {
                        pairs.edges.extend([(owner, other), (other, owner)]);
                        pairs.blocks.push((owner, other));
                    }
                }
                Record::Mute(relation) => pairs.mutes.extend(pair(&relation.owner, &relation.other)),
            }
        }
        pairs
    }
}

fn stored_ids(conn: &mut PgConnection, asked: Vec<Uuid>) -> Outcome<HashSet<Uuid>> {
    if asked.is_empty() {
        return Ok(HashSet::new());
    }
    let found = Sql::<SqlUuid>::new("select id from activities where id = any($1)");
    Ok(found.bind::<Array<SqlUuid>, _>(asked).load::<Uuid>(conn)?.into_iter().collect())
}
