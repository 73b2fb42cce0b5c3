//! The log of all changes.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::{
    prelude::*,
    sql_types::{BigInt, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use feed_me_domain::{
    ActivityId, StoreError, Timestamp, UserId,
    ports::{EventLog, LogExtent, LoggedEvent},
    sequence::EventKind,
};
use uuid::Uuid;

use super::{
    PgStore,
    errors::Outcome,
    rows::{at, corrupt, instant, limit},
    sql::Sql,
};

#[async_trait]
impl EventLog for PgStore {
    async fn after(&self, position: i64, take: usize) -> Result<Vec<LoggedEvent>, StoreError> {
        self.read(move |conn| {
            // A number that no user has any more gives no id.
            let events = Sql::<EventTypes>::new(
                "select e.position, e.at, e.kind, e.activity,
                    (select u.id from users u where u.key = e.user_key),
                    (select u.id from users u where u.key = e.other_key)
                from events e where e.position > $1 order by e.position limit $2",
            );
            let events = events.bind::<BigInt, _>(position).bind::<BigInt, _>(limit(take));
            events.load::<EventRow>(conn)?.into_iter().map(EventRow::event).collect()
        })
        .await
        .inspect(|events: &Vec<LoggedEvent>| {
            events.last().inspect(|last| self.shared.known.tells(last.position));
        })
    }

    async fn extent(&self) -> Result<LogExtent, StoreError> {
        self.read(|conn| {
            let extent = Sql::<(BigInt, BigInt)>::new(
                "select coalesce((select min(position) from events), s.position + 1), s.position from sequence s",
            );
            let (first, last) = extent.get_result(conn)?;
            Ok(LogExtent { first, last })
        })
        .await
        .inspect(|extent: &LogExtent| self.shared.known.tells(extent.last))
    }

    fn last_committed(&self) -> Option<i64> {
        Some(self.shared.known.committed()).filter(|position| 0 < *position)
    }

    async fn grown(&self, after: i64) {
        self.shared.known.heard_beyond(after).await;
    }

    async fn trim(&self, before: Timestamp, take: usize) -> Result<usize, StoreError> {
        self.read(move |conn| {
            // Where the clock was set back, an older event may have a later time; what is kept stays without gaps.
            let trim = Sql::<()>::new(
                "with oldest as materialized (
                    select position, at from events where position < (select position from sequence)
                    order by position limit $2
                )
                delete from events where position in (
                    select position from oldest
                    where position < coalesce((select min(position) from oldest where at >= $1), 9223372036854775807)
                )",
            );
            let trim = trim.bind::<Timestamptz, _>(at(before)).bind::<BigInt, _>(limit(take));
            let trimmed = trim.execute(conn)?;
            if 0 < trimmed {
                for table in ["erased_activities", "erased_readers"] {
                    // What goes with its event.
                    Sql::<()>::new(format!(
                        "delete from {table} where position < (select min(position) from events)"
                    ))
                    .execute(conn)?;
                }
            }
            Ok(trimmed)
        })
        .await
    }
}

type EventTypes = (BigInt, Timestamptz, Text, Nullable<SqlUuid>, Nullable<SqlUuid>, Nullable<SqlUuid>);

#[derive(Queryable)]
struct EventRow {
    position: i64,
    at: DateTime<Utc>,
    kind: String,
    activity: Option<Uuid>,
    user: Option<Uuid>,
    other: Option<Uuid>,
}

impl EventRow {
    fn event(self) -> Outcome<LoggedEvent> {
        let kind = EventKind::parse(&self.kind)
            .ok_or_else(|| corrupt("a kind of event", &self.kind, "no such kind"))?;
        Ok(LoggedEvent {
            position: self.position,
            at: instant(self.at)?,
            kind,
            activity: self.activity.map(ActivityId::from_uuid),
            user: self.user.map(UserId::from_uuid),
            other: self.other.map(UserId::from_uuid),
        })
    }
}
