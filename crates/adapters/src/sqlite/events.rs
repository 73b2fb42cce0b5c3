use async_trait::async_trait;
use diesel::{SqliteConnection, prelude::*, sql_types};
use feed_me_domain::{
    Timestamp,
    error::StoreError,
    ports::{EventLog, LogExtent, LoggedEvent},
    sequence::{Counters, Event, EventKind},
};

use super::{
    SqliteStore,
    errors::Trouble,
    rows,
    schema::events,
    sql::{self, Bind},
};

type Row = (i64, i64, String, Option<Vec<u8>>, Option<Vec<u8>>, Option<Vec<u8>>);

#[async_trait]
impl EventLog for SqliteStore {
    async fn after(&self, position: i64, take: usize) -> Result<Vec<LoggedEvent>, StoreError> {
        const AFTER: &str = "select e.position, e.at, e.kind, e.activity, u.id, o.id from events e \
            left join users u on u.key = e.user_key left join users o on o.key = e.other_key \
            where e.position > ?1 order by e.position limit ?2";
        type Types = (
            sql_types::BigInt,
            sql_types::BigInt,
            sql_types::Text,
            sql_types::Nullable<sql_types::Binary>,
            sql_types::Nullable<sql_types::Binary>,
            sql_types::Nullable<sql_types::Binary>,
        );
        self.read(move |conn| {
            let query = sql::query::<Types>(AFTER).bind(position).bind(sql::limit(take));
            query.load::<Row>(conn)?.into_iter().map(logged).collect()
        })
        .await
    }

    async fn extent(&self) -> Result<LogExtent, StoreError> {
        // One statement, so that both ends are of one instant.
        const EXTENT: &str =
            "select ifnull((select min(position) from events), position + 1), position from sequence";
        self.read(|conn| {
            let (first, last) =
                sql::query::<(sql_types::BigInt, sql_types::BigInt)>(EXTENT).get_result(conn)?;
            Ok(LogExtent { first, last })
        })
        .await
    }

    fn last_committed(&self) -> Option<i64> {
        Some(self.writer.committed()).filter(|position| 0 < *position)
    }

    async fn trim(&self, before: Timestamp, take: usize) -> Result<usize, StoreError> {
        self.write(move |write| {
            let last = counters(write.conn)?.position;
            // The log stays without gaps: only what is oldest goes, up to the first event that is young enough.
            let oldest: Vec<(i64, i64)> = events::table
                .select((events::position, events::at))
                .order(events::position)
                .limit(sql::limit(take))
                .load(write.conn)?;
            let old = oldest.iter().take_while(|(position, at)| *position < last && *at < before.micros());
            let Some((up_to, _)) = old.last() else { return Ok(0) };
            for table in ["erased_activities", "erased_readers"] {
                // What goes with its event.
                let text = format!("delete from {table} where position <= ?1");
                sql::command(text).bind(*up_to).execute(write.conn)?;
            }
            Ok(diesel::delete(events::table.filter(events::position.le(up_to))).execute(write.conn)?)
        })
        .await
    }
}

fn logged((position, at, kind, activity, user, other): Row) -> Result<LoggedEvent, Trouble> {
    Ok(LoggedEvent {
        position,
        at: rows::timestamp(at)?,
        kind: EventKind::parse(&kind).ok_or_else(|| Trouble::stored("kind of event", kind))?,
        activity: activity.as_deref().map(rows::activity_id).transpose()?,
        user: user.as_deref().map(rows::user_id).transpose()?,
        other: other.as_deref().map(rows::user_id).transpose()?,
    })
}

/// The counters, which the transaction under way has locked.
pub(super) fn counters(conn: &mut SqliteConnection) -> Result<Counters, Trouble> {
    const COUNTERS: &str = "select position, stamp, user_key from sequence";
    type Types = (sql_types::BigInt, sql_types::BigInt, sql_types::BigInt);
    let (position, stamp, user_key) = sql::query::<Types>(COUNTERS).get_result::<(i64, i64, i64)>(conn)?;
    Ok(Counters { position, stamp: rows::timestamp(stamp)?, user_key })
}

pub(super) fn store_counters(conn: &mut SqliteConnection, counters: &Counters) -> Result<(), Trouble> {
    const STORE: &str = "update sequence set position = ?1, stamp = ?2, user_key = ?3";
    let Counters { position, stamp, user_key } = *counters;
    sql::command(STORE).bind(position).bind(stamp.micros()).bind(user_key).execute(conn)?;
    Ok(())
}

/// Appends what happened to the log.
pub(super) fn append(conn: &mut SqliteConnection, happened: &[Event]) -> Result<(), Trouble> {
    let rows = happened.iter().map(|event| {
        [
            event.position.into(),
            event.at.micros().into(),
            event.kind.as_str().into(),
            event.activity.map(|place| rows::blob(place.id.as_uuid())).into(),
            event.user.map(|key| key.0).into(),
            event.other.map(|key| key.0).into(),
            event.activity.map(|place| place.published.micros()).into(),
            event.before.as_ref().map_or(Bind::Null, |before| before.to_string().into()),
        ]
    });
    sql::insert(
        conn,
        "events (position, at, kind, activity, user_key, other_key, published, before)",
        rows.collect(),
    )?;
    Ok(())
}
