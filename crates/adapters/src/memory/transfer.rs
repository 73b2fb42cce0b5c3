//! Import into and export from memory.

use async_trait::async_trait;
use feed_me_domain::{
    Activity, RelationKind, StoreError, Timestamp, UserKey, Username,
    error::Fault,
    follow::{Current, LinkPlace, united},
    ports::{ExportSink, TransferRepository},
    sequence::{EventKind, Turn},
    transfer::{
        FollowRecord, FollowRecordCurrent, Imported, OnBadRecord, Record, RelationRecord, UserRecord,
    },
};

use super::{
    MemoryStore,
    links::EdgeRow,
    relations,
    state::{ActivityRow, State, Undo},
    users,
};

#[async_trait]
impl TransferRepository for MemoryStore {
    async fn import(
        &self,
        records: Vec<Record>,
        started: Timestamp,
        on_bad: OnBadRecord,
    ) -> Result<Vec<Imported>, StoreError> {
        Ok(self.write(|state, turn| {
            let before = turn.checkpoint();
            let mut import = Import { state, turn, started, steps: Vec::new() };
            let outcomes: Vec<_> = records.into_iter().map(|record| import.record(record)).collect();
            let is_refused = |outcome: &Imported| matches!(outcome, Imported::Refused(_));
            if on_bad == OnBadRecord::Stop && outcomes.iter().any(is_refused) {
                let steps = std::mem::take(&mut import.steps);
                import.state.undo(steps);
                import.turn.roll_back_to(before);
            }
            outcomes
        }))
    }

    async fn export(&self, mut sink: ExportSink) -> Result<(), StoreError> {
        // Gathered under the lock and given away after it: a slow sink holds nobody up.
        let records = export(&self.state.read());
        for record in records {
            if sink(record).is_break() {
                break;
            }
        }
        Ok(())
    }

    async fn settle(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// One batch under way, with the steps that take it back.
struct Import<'a, 't> {
    state: &'a mut State,
    turn: &'a mut Turn<'t>,
    started: Timestamp,
    steps: Vec<Undo>,
}

impl Import<'_, '_> {
    fn record(&mut self, record: Record) -> Imported {
        match record {
            Record::User(user) => self.user(user),
            Record::Activity(activity) => self.activity(activity),
            Record::Follow(follow) => self.follow(&follow),
            Record::Block(block) => self.relation(RelationKind::Block, &block),
            Record::Mute(mute) => self.relation(RelationKind::Mute, &mute),
        }
    }

    fn user(&mut self, user: UserRecord) -> Imported {
        if self.state.key_of(&user.username).is_some() {
            return Imported::AlreadyThere;
        }
        let stamp = self.turn.stamp();
        let created_at = user.created_at.unwrap_or(stamp);
        self.create(user, created_at, stamp);
        Imported::New
    }

    fn create(&mut self, user: UserRecord, created_at: Timestamp, named_at: Timestamp) -> UserKey {
        let key =
            users::create(self.state, self.turn, user.username, user.display_name, created_at, named_at);
        self.turn.record(EventKind::UserCreated, None, Some(key), None);
        self.steps.push(Undo::User(key));
        key
    }

    /// The user of a name, made now where there is none.
    fn met(&mut self, username: &Username) -> UserKey {
        if let Some(key) = self.state.key_of(username) {
            return key;
        }
        let stamp = self.turn.stamp();
        let user = UserRecord { username: username.clone(), display_name: None, created_at: None };
        self.create(user, self.started, stamp)
    }

    fn activity(&mut self, activity: Activity) -> Imported {
        if self.state.activities.contains_key(&activity.id) {
            return Imported::AlreadyThere;
        }
        let external_id = self.state.key_of(&activity.actor).zip(activity.external_id.clone());
        if let Some((actor, external_id)) = external_id
            && let Some(stored) = self.state.external_ids.get(&(actor, external_id.clone()))
        {
            let detail = format!("'{external_id}' belongs to the activity {stored} of '{}'", activity.actor);
            return Imported::Refused(Fault::new("/external_id", detail));
        }
        let actor = self.met(&activity.actor);
        let target = activity.target.as_ref().map(|name| self.met(name));
        let place = activity.position();
        self.state.insert_activity(ActivityRow::new(activity, actor, target));
        self.turn.record(EventKind::ActivityAdded, Some(place), Some(actor), target);
        self.steps.push(Undo::Activity(place.id));
        Imported::New
    }

    fn follow(&mut self, record: &FollowRecord) -> Imported {
        if let Ok((one, other)) = self.state.keys_of(&record.follower, &record.followee) {
            if !self.state.links.get(one, other).is_empty() {
                return Imported::AlreadyThere;
            }
            if self.state.is_blocked(one, other) {
                let detail =
                    format!("a block stands between '{}' and '{}'", record.follower, record.followee);
                return Imported::Refused(Fault::new("/followee", detail));
            }
        }
        let one = self.met(&record.follower);
        let other = self.met(&record.followee);
        let kind = if record.current.is_some() { EventKind::FollowAdded } else { EventKind::FollowChanged };
        let order = self.turn.record(kind, None, Some(one), Some(other));
        let current =
            record.current.map(|current| (Current { since: current.since, from: current.from }, order));
        let row = EdgeRow { current, kept: united(record.kept.clone()) };
        let before = self.state.links.set(one, other, row);
        self.steps.push(Undo::Edge(one, other, before));
        Imported::New
    }

    fn relation(&mut self, kind: RelationKind, record: &RelationRecord) -> Imported {
        let keys = self.state.keys_of(&record.owner, &record.other);
        if keys.is_ok_and(|(one, other)| self.state.relations(kind).place(one, other).is_some()) {
            return Imported::AlreadyThere;
        }
        let owner = self.met(&record.owner);
        let other = self.met(&record.other);
        let order = self.turn.record(relations::added(kind), None, Some(owner), Some(other));
        let place = LinkPlace { since: record.since, order };
        let steps = relations::add(self.state, kind, owner, other, place);
        self.steps.extend(steps);
        Imported::New
    }
}

fn export(state: &State) -> Vec<Record> {
    let users = state.users.values().map(|row| {
        Record::User(UserRecord {
            username: row.username.clone(),
            display_name: row.display_name.clone(),
            created_at: Some(row.created_at),
        })
    });
    let activities = state.activities.values().map(|row| Record::Activity(state.activity(row)));
    let mut records: Vec<Record> = users.chain(activities).collect();

    let mut edges: Vec<_> = state.links.all().collect();
    // Present follows in the order in which they came, then kept histories without one.
    edges.sort_by_key(|(_, _, row)| {
        let place = row.current.map(|(current, order)| (current.since, order));
        (place.is_none(), place)
    });
    records.extend(edges.into_iter().map(|(follower, followee, row)| {
        Record::Follow(FollowRecord {
            follower: state.name_of(follower),
            followee: state.name_of(followee),
            current: row
                .current
                .map(|(current, _)| FollowRecordCurrent { since: current.since, from: current.from }),
            kept: row.kept.clone(),
        })
    }));

    for kind in [RelationKind::Block, RelationKind::Mute] {
        let mut relations: Vec<_> = state.relations(kind).all().collect();
        relations.sort_by_key(|(_, _, place)| *place);
        records.extend(relations.into_iter().map(|(owner, other, place)| {
            let record = RelationRecord {
                owner: state.name_of(owner),
                other: state.name_of(other),
                since: place.since,
            };
            match kind {
                RelationKind::Block => Record::Block(record),
                RelationKind::Mute => Record::Mute(record),
            }
        }));
    }
    records
}
