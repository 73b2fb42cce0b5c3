//! Everything as it was at one instant, row by row from a snapshot.

use std::ops::ControlFlow;

use diesel::{
    SqliteConnection,
    connection::DefaultLoadingMode,
    prelude::*,
    sql_types::{BigInt, Nullable, Text},
};
use feed_me_domain::{
    DisplayName, RelationKind,
    transfer::{FollowRecord, FollowRecordCurrent, Record, RelationRecord, UserRecord},
};

use super::super::{
    errors::Trouble,
    follows,
    rows::{self, ActivityCells, ActivityTypes, activity_columns},
    sql,
};

type Sink<'s> = dyn FnMut(Record) -> ControlFlow<()> + Send + 's;
type Flow = Result<ControlFlow<()>, Trouble>;

/// Breaks where the sink does.
pub(super) fn export(conn: &mut SqliteConnection, sink: &mut Sink<'_>) -> Flow {
    let steps: [fn(&mut SqliteConnection, &mut Sink<'_>) -> Flow; 6] = [
        users,
        activities,
        follows,
        kept_alone,
        |conn, sink| relations(conn, sink, RelationKind::Block),
        |conn, sink| relations(conn, sink, RelationKind::Mute),
    ];
    for step in steps {
        if step(conn, sink)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

fn users(conn: &mut SqliteConnection, sink: &mut Sink<'_>) -> Flow {
    const USERS: &str = "select username, display_name, created_at from users order by key";
    let query = sql::query::<(Text, Nullable<Text>, BigInt)>(USERS);
    for row in query.load_iter::<(String, Option<String>, i64), DefaultLoadingMode>(conn)? {
        let (username, display_name, created_at) = row?;
        let record = UserRecord {
            username: rows::username(&username)?,
            display_name: rows::parsed(display_name.as_deref(), "display_name", DisplayName::parse)?,
            created_at: Some(rows::timestamp(created_at)?),
        };
        if sink(Record::User(record)).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

fn activities(conn: &mut SqliteConnection, sink: &mut Sink<'_>) -> Flow {
    const ACTIVITIES: &str = concat!(
        "select ",
        activity_columns!(),
        " from activities a cross join users u on u.key = a.actor left join users t on t.key = a.target order by a.id"
    );
    let query = sql::query::<ActivityTypes>(ACTIVITIES);
    for row in query.load_iter::<ActivityCells, DefaultLoadingMode>(conn)? {
        if sink(Record::Activity(rows::activity(row?)?)).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// A row for each kept window beside a follow, or one without any.
type FollowTypes = (Text, Text, BigInt, Nullable<BigInt>, Nullable<BigInt>, Nullable<BigInt>);
type FollowCells = (String, String, i64, Option<i64>, Option<i64>, Option<i64>);

fn follows(conn: &mut SqliteConnection, sink: &mut Sink<'_>) -> Flow {
    const FOLLOWS: &str = "select u.username, o.username, f.since, f.visible_from, w.visible_from, w.visible_until \
        from follows f cross join users u on u.key = f.follower cross join users o on o.key = f.followee \
        left join follow_windows w on w.follower = f.follower and w.followee = f.followee \
        order by f.since, f.ordinal, f.follower, f.followee, w.visible_until";
    let query = sql::query::<FollowTypes>(FOLLOWS);
    let mut open: Option<FollowRecord> = None;
    for row in query.load_iter::<FollowCells, DefaultLoadingMode>(conn)? {
        let (follower, followee, since, from, kept_from, kept_until) = row?;
        let kept = kept_until.map(|until| follows::window(kept_from, until)).transpose()?;
        let (follower, followee) = (rows::username(&follower)?, rows::username(&followee)?);
        if let Some(record) = &mut open
            && (&record.follower, &record.followee) == (&follower, &followee)
        {
            record.kept.extend(kept);
            continue;
        }
        let current = FollowRecordCurrent {
            since: rows::timestamp(since)?,
            from: from.map(rows::timestamp).transpose()?,
        };
        let kept = kept.into_iter().collect();
        let before = open.replace(FollowRecord { follower, followee, current: Some(current), kept });
        if let Some(record) = before
            && sink(Record::Follow(record)).is_break()
        {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(open.map_or(ControlFlow::Continue(()), |record| sink(Record::Follow(record))))
}

fn kept_alone(conn: &mut SqliteConnection, sink: &mut Sink<'_>) -> Flow {
    const KEPT: &str = "select u.username, o.username, w.visible_from, w.visible_until from follow_windows w \
        cross join users u on u.key = w.follower cross join users o on o.key = w.followee \
        where not exists (select 1 from follows f where f.follower = w.follower and f.followee = w.followee) \
        order by w.follower, w.followee, w.visible_until";
    let query = sql::query::<(Text, Text, Nullable<BigInt>, BigInt)>(KEPT);
    let mut open: Option<FollowRecord> = None;
    for row in query.load_iter::<(String, String, Option<i64>, i64), DefaultLoadingMode>(conn)? {
        let (follower, followee, from, until) = row?;
        let window = follows::window(from, until)?;
        let (follower, followee) = (rows::username(&follower)?, rows::username(&followee)?);
        if let Some(record) = &mut open
            && (&record.follower, &record.followee) == (&follower, &followee)
        {
            record.kept.push(window);
            continue;
        }
        let before = open.replace(FollowRecord { follower, followee, current: None, kept: vec![window] });
        if let Some(record) = before
            && sink(Record::Follow(record)).is_break()
        {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(open.map_or(ControlFlow::Continue(()), |record| sink(Record::Follow(record))))
}

fn relations(conn: &mut SqliteConnection, sink: &mut Sink<'_>, kind: RelationKind) -> Flow {
    const BLOCKS: &str = "select u.username, o.username, r.since from blocks r \
        cross join users u on u.key = r.blocker cross join users o on o.key = r.blocked order by r.since, r.ordinal";
    const MUTES: &str = "select u.username, o.username, r.since from mutes r \
        cross join users u on u.key = r.muter cross join users o on o.key = r.muted order by r.since, r.ordinal";
    let query = sql::query::<(Text, Text, BigInt)>(match kind {
        RelationKind::Block => BLOCKS,
        RelationKind::Mute => MUTES,
    });
    for row in query.load_iter::<(String, String, i64), DefaultLoadingMode>(conn)? {
        let (owner, other, since) = row?;
        let record = RelationRecord {
            owner: rows::username(&owner)?,
            other: rows::username(&other)?,
            since: rows::timestamp(since)?,
        };
        let record = match kind {
            RelationKind::Block => Record::Block(record),
            RelationKind::Mute => Record::Mute(record),
        };
        if sink(record).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}
