//! Import into and export from the notebook.

use async_trait::async_trait;
use feed_me_domain::{
    Activity, LinkPlace, RelationKind, StoreError, Timestamp, UserKey, Username,
    error::Fault,
    follow::{Current, Edge, united},
    ports::{ExportSink, TransferRepository},
    sequence::{EventKind, Turn},
    transfer::{
        FollowRecord, FollowRecordCurrent, Imported, OnBadRecord, Record, RelationRecord, UserRecord,
    },
};

use crate::{
    activities,
    notebook::{Notebook, Pages, Tie},
    relations, users,
};

#[async_trait]
impl TransferRepository for Notebook {
    async fn import(
        &self,
        records: Vec<Record>,
        started: Timestamp,
        on_bad: OnBadRecord,
    ) -> Result<Vec<Imported>, StoreError> {
        Ok(self.write(|pages, turn| {
            let (before, checkpoint) = (pages.clone(), turn.checkpoint());
            let mut import = Import { pages, turn, started };
            let outcomes: Vec<Imported> = records.into_iter().map(|record| import.record(record)).collect();
            let is_bad = |outcome: &Imported| matches!(outcome, Imported::Refused(_));
            if on_bad == OnBadRecord::Stop && outcomes.iter().any(is_bad) {
                *pages = before;
                turn.roll_back_to(checkpoint);
            }
            outcomes
        }))
    }

    async fn export(&self, mut sink: ExportSink) -> Result<(), StoreError> {
        let records = export(&self.read());
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

struct Import<'a, 't> {
    pages: &'a mut Pages,
    turn: &'a mut Turn<'t>,
    started: Timestamp,
}

impl Import<'_, '_> {
    fn record(&mut self, record: Record) -> Imported {
        match record {
            Record::User(user) => self.user(user),
            Record::Activity(activity) => self.activity(activity),
            Record::Follow(follow) => self.follow(&follow),
            Record::Block(block) => self.tie(RelationKind::Block, &block),
            Record::Mute(mute) => self.tie(RelationKind::Mute, &mute),
        }
    }

    fn user(&mut self, user: UserRecord) -> Imported {
        if self.pages.key(&user.username).is_some() {
            return Imported::AlreadyThere;
        }
        let stamp = self.turn.stamp();
        let created_at = user.created_at.unwrap_or(stamp);
        let user = users::create(self.pages, self.turn, &user.username, user.display_name, created_at, stamp);
        self.turn.record(EventKind::UserCreated, None, Some(user.key), None);
        Imported::New
    }

    /// The number of a user, who is made where there is none.
    fn met(&mut self, username: &Username) -> UserKey {
        if let Some(key) = self.pages.key(username) {
            return key;
        }
        let stamp = self.turn.stamp();
        let user = users::create(self.pages, self.turn, username, None, self.started, stamp);
        self.turn.record(EventKind::UserCreated, None, Some(user.key), None);
        user.key
    }

    fn activity(&mut self, activity: Activity) -> Imported {
        if self.pages.activities.iter().any(|stored| stored.id == activity.id) {
            return Imported::AlreadyThere;
        }
        let external_id = activity.external_id.as_ref();
        if external_id.is_some_and(|id| activities::external(self.pages, &activity.actor, id).is_some()) {
            return Imported::Refused(Fault::new("/external_id", "belongs to another activity"));
        }
        self.met(&activity.actor);
        if let Some(target) = &activity.target {
            self.met(target);
        }
        activities::tell(self.pages, self.turn, EventKind::ActivityAdded, &activity);
        self.pages.activities.push(activity);
        Imported::New
    }

    fn follow(&mut self, record: &FollowRecord) -> Imported {
        let FollowRecord { follower, followee, current, kept } = record;
        if self.pages.link(follower, followee).is_some() {
            return Imported::AlreadyThere;
        }
        if self.pages.is_blocked(follower, followee) {
            return Imported::Refused(Fault::new("/followee", "a block stands between the two"));
        }
        let (one, other) = (self.met(follower), self.met(followee));
        let kind = if current.is_some() { EventKind::FollowAdded } else { EventKind::FollowChanged };
        let order = self.turn.record(kind, None, Some(one), Some(other));
        let current = current.map(|current| Current { since: current.since, from: current.from });
        let edge = Edge { current, kept: united(kept.clone()) };
        self.pages.set_edge(follower, followee, edge, order);
        Imported::New
    }

    fn tie(&mut self, kind: RelationKind, record: &RelationRecord) -> Imported {
        let RelationRecord { owner, other, since } = record;
        if self.pages.tie(kind, owner, other).is_some() {
            return Imported::AlreadyThere;
        }
        let (one, two) = (self.met(owner), self.met(other));
        let order = self.turn.record(relations::added(kind), None, Some(one), Some(two));
        let place = LinkPlace { since: *since, order };
        self.pages.add_tie(Tie { kind, owner: owner.clone(), other: other.clone(), place });
        Imported::New
    }
}

fn export(pages: &Pages) -> Vec<Record> {
    let mut users = pages.users.clone();
    users.sort_by_key(|user| user.key);
    let mut activities = pages.activities.clone();
    activities.sort_by_key(|activity| activity.id);
    let mut links = pages.links.clone();
    links.sort_by_key(|link| (link.place().is_none(), link.place()));
    let mut ties = pages.relations.clone();
    ties.sort_by_key(|tie| (tie.kind == RelationKind::Mute, tie.place));

    let users = users.into_iter().map(|user| {
        let (username, display_name, created_at) = (user.username, user.display_name, Some(user.created_at));
        Record::User(UserRecord { username, display_name, created_at })
    });
    let activities = activities.into_iter().map(Record::Activity);
    let links = links.into_iter().map(|link| {
        let current = link.edge.current;
        let current = current.map(|current| FollowRecordCurrent { since: current.since, from: current.from });
        let (follower, followee, kept) = (link.follower, link.followee, link.edge.kept);
        Record::Follow(FollowRecord { follower, followee, current, kept })
    });
    let ties = ties.into_iter().map(|tie| {
        let record = RelationRecord { owner: tie.owner, other: tie.other, since: tie.place.since };
        match tie.kind {
            RelationKind::Block => Record::Block(record),
            RelationKind::Mute => Record::Mute(record),
        }
    });
    users.chain(activities).chain(links).chain(ties).collect()
}
