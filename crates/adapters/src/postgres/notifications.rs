//! Notifications: groups are made by the database, of the days that a page looks at (`notices`).
//!
//! The rows of activities for a user come by `activities_by_target`, followers by `follows_by_followee`.

use std::collections::HashMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::{
    pg::PgConnection,
    prelude::*,
    sql_types::{Array, BigInt, Binary, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use feed_me_domain::{
    Activity, ActivityId, Attempt, Direction, Keyed, Span, StoreError, Timestamp, UserId, Username,
    notification::{
        self, COUNTED_MAX, Gathered, GroupId, GroupPlace, MARKS_MAX, Mark, MarkRequest, NotificationGroup,
        NotificationSlice,
    },
    ports::NotificationRepository,
};

use super::{
    PgStore, activities,
    errors::{Outcome, PgError},
    rows::{Walk, at, corrupt, instant, limit, maybe_instant, username},
    sql::Sql,
    users,
    writing::Write,
};
use crate::notices::{self, About, Ask, GroupRow, Source, Unreadable};

#[async_trait]
impl NotificationRepository for PgStore {
    async fn notifications(
        &self,
        owner: &Username,
        span: &Span<GroupPlace>,
    ) -> Result<Option<NotificationSlice>, StoreError> {
        let (owner, span) = (owner.clone(), *span);
        self.read_at_once(move |conn| slice(conn, &owner, &span)).await
    }

    async fn mark(
        &self,
        owner: &Username,
        request: MarkRequest,
        keyed: Option<Keyed<bool>>,
    ) -> Result<Attempt<bool>, StoreError> {
        let owner = owner.clone();
        self.attempt(keyed, move |write| mark(write, &owner, &request)).await
    }
}

fn slice(
    conn: &mut PgConnection,
    owner: &Username,
    span: &Span<GroupPlace>,
) -> Outcome<Option<NotificationSlice>> {
    let Some(Owner { key, id, now, position, of_all }) = find_owner(conn, owner)? else { return Ok(None) };
    let gathered = notices::walk(&mut Notices { conn: &mut *conn, owner: key }, span, now)?;
    let counted = counted(conn, key, of_all)?;
    let ids = gathered.iter().map(|group| group.key.id()).chain(counted.iter().map(|(id, _)| *id));
    let marks = marks(conn, key, ids)?;
    let mark = |id| of_all.joined(marks.get(&id).copied().unwrap_or(Mark::NONE));
    let (unseen, unread) = notification::unmarked(counted, mark);
    let names = names(conn, &gathered)?;
    let latest: Vec<ActivityId> = gathered.iter().filter_map(Gathered::latest).collect();
    let latest: HashMap<ActivityId, Activity> =
        activities::find_all(conn, &latest)?.into_iter().map(|activity| (activity.id, activity)).collect();
    let groups = gathered.iter().map(|group| {
        let actors = group.actors.iter().filter_map(|actor| names.get(actor).cloned()).collect();
        let latest = group.latest().and_then(|id| latest.get(&id).cloned());
        NotificationGroup::of(group, actors, latest, mark)
    });
    Ok(Some(NotificationSlice { owner: id, position, groups: groups.collect(), unseen, unread }))
}

struct Owner {
    key: i64,
    id: UserId,
    /// The last stamp.
    now: Timestamp,
    /// That of the last event.
    position: i64,
    /// The mark of all groups.
    of_all: Mark,
}

fn find_owner(conn: &mut PgConnection, owner: &Username) -> Outcome<Option<Owner>> {
    type Types = (BigInt, SqlUuid, Timestamptz, BigInt, Nullable<BigInt>, Nullable<BigInt>);
    type Row = (i64, uuid::Uuid, DateTime<Utc>, i64, Option<i64>, Option<i64>);
    let found = Sql::<Types>::new(
        "select u.key, u.id, s.stamp, s.position, m.seen, m.read from users u cross join sequence s
        left join notification_marks m on m.owner = u.key and m.group_id = $2
        where u.username = $1",
    );
    let found = found.bind::<Text, _>(owner.as_str()).bind::<Binary, _>(&GroupId::ALL.as_bytes()[..]);
    let Some((key, id, now, position, seen, read)) = found.get_result::<Row>(conn).optional()? else {
        return Ok(None);
    };
    let of_all = match (seen, read) {
        (Some(seen), Some(read)) => stored_mark(seen, read)?,
        _ => Mark::NONE,
    };
    Ok(Some(Owner { key, id: UserId::from_uuid(id), now: instant(now)?, position, of_all }))
}

fn stored_mark(seen: i64, read: i64) -> Outcome<Mark> {
    let instant = |micros: i64| {
        Timestamp::from_micros(micros).map_err(|error| corrupt("a mark", &micros.to_string(), error))
    };
    Ok(Mark { seen: instant(seen)?, read: instant(read)? })
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err calls")]
fn unreadable(why: Unreadable) -> PgError {
    PgError::failed(format!("the database holds a notification that cannot be read: {why}"))
}

/// The activities `a` for the user `$1` that count.
const SHOWN: &str = "a.target = $1 and a.actor <> $1 and (a.actor in (
        select b.blocked from blocks b where b.blocker = $1
        union all select b.blocker from blocks b where b.blocked = $1
    )) is not true";
/// The id of an activity where it tells a time, as text.
const STAMPED: &str = "case when substr(a.id::text, 15, 1) = '7' then a.id::text end";
/// The last arrival of an activity that its id does not tell.
const ARRIVED: &str = "greatest(a.moved_at, case when substr(a.id::text, 15, 1) <> '7' then a.published end)";

/// The microseconds of an instant since the year 1.
fn micros(instant: &str) -> String {
    format!("((extract(epoch from {instant}) * 1000000)::bigint + {})", notices::SINCE_YEAR_ONE)
}

/// Where notices are read.
struct Notices<'c> {
    conn: &'c mut PgConnection,
    owner: i64,
}

impl Source for Notices<'_> {
    type Error = PgError;

    fn probe(
        &mut self,
        near: Timestamp,
        direction: Direction,
        passed: i64,
    ) -> Outcome<[Option<Timestamp>; 2]> {
        let Walk { from, order, .. } = Walk::of(direction);
        let found = Sql::<(Nullable<Timestamptz>, Nullable<Timestamptz>)>::new(format!(
            "select (
                select a.published from activities a where a.target = $1 and a.published {from} $2
                order by a.published {order}, a.id {order} limit 1 offset $3
            ), (
                select f.since from follows f where f.followee = $1 and f.since {from} $2
                order by f.since {order}, f.ordinal {order} limit 1 offset $3
            )"
        ));
        let found =
            found.bind::<BigInt, _>(self.owner).bind::<Timestamptz, _>(at(near)).bind::<BigInt, _>(passed);
        let (activity, follow): (Option<DateTime<Utc>>, Option<DateTime<Utc>>) =
            found.get_result(self.conn)?;
        Ok([maybe_instant(activity)?, maybe_instant(follow)?])
    }

    fn groups(&mut self, ask: &Ask) -> Outcome<Vec<Gathered<i64>>> {
        type Types = (
            Bool,
            Nullable<Text>,
            Nullable<Text>,
            Text,
            Text,
            BigInt,
            BigInt,
            Array<BigInt>,
            Nullable<Text>,
            Nullable<Timestamptz>,
        );
        type Row = (
            bool,
            Option<String>,
            Option<String>,
            String,
            String,
            i64,
            i64,
            Vec<i64>,
            Option<String>,
            Option<DateTime<Utc>>,
        );
        let found = Sql::<Types>::new(groups_text(ask))
            .bind::<BigInt, _>(self.owner)
            .bind::<Timestamptz, _>(at(ask.from))
            .bind::<Timestamptz, _>(at(ask.until))
            .bind::<Timestamptz, _>(at(ask.as_of))
            .bind::<SqlUuid, _>(notification::last_id_by(ask.as_of))
            .bind::<Text, _>(ask.key(|tie| tie.hyphenated().to_string()))
            .bind::<BigInt, _>(limit(ask.take));
        let group = |row: Row| {
            let (is_follow, verb, object, newest, stands, actor_count, activity_count, actors, stamped, late) =
                row;
            let arrived = maybe_instant(late)?;
            let about = About { is_follow, verb, object, stamped, arrived };
            let row = GroupRow { about, newest, stands, actors, actor_count, activity_count };
            row.gathered(ask.as_of).map_err(unreadable)
        };
        found.load::<Row>(self.conn)?.into_iter().map(group).collect()
    }
}

/// First each actor of each group, so that actors are counted and named once, then the groups.
fn groups_text(ask: &Ask) -> String {
    let (published, since) = (micros("a.published"), micros("f.since"));
    let (compare, order) = (ask.compare(), ask.order());
    format!(
        "with notices as (
            select false as is_follow, a.verb, a.object, {published} / 86400000000 as day, a.actor,
                lpad({published}::text, 18, '0') || a.id::text as place,
                (case when substr(a.id::text, 15, 1) = '7' then a.id <= $5 else a.published <= $4 end)
                    and coalesce(a.moved_at <= $4, true) as is_old,
                {STAMPED} as stamped, {ARRIVED} as arrived
            from activities a where {SHOWN} and a.published between $2 and $3
            union all
            select true, null, null, {since} / 86400000000, f.follower,
                lpad({since}::text, 18, '0') || lpad(to_hex(f.ordinal), 32, '0')::uuid::text,
                f.since <= $4, null, f.since
            from follows f where f.followee = $1 and f.since between $2 and $3
        ),
        of_actors as (
            select is_follow, verb, object, day, actor, count(*) as activities,
                max(place collate \"C\") as newest, max(place collate \"C\") filter (where is_old) as stands,
                max(stamped collate \"C\") as stamped, max(arrived) as arrived,
                row_number() over (
                    partition by is_follow, verb, object, day order by max(place collate \"C\") desc
                ) as rank
            from notices group by is_follow, verb, object, day, actor
        )
        select is_follow, verb, object, max(newest), max(stands), count(*), sum(activities)::bigint,
            array_agg(actor order by rank) filter (where rank <= {}), max(stamped), max(arrived)
        from of_actors group by is_follow, verb, object, day
        having max(stands) {compare} $6 collate \"C\" order by max(stands) {order} limit $7",
        notification::ACTORS_SHOWN
    )
}

/// The groups that have news beyond the mark of all, of the newest activities and followers, with when that came.
fn counted(conn: &mut PgConnection, owner: i64, of_all: Mark) -> Outcome<Vec<(GroupId, Timestamp)>> {
    type Types = (Bool, Nullable<Text>, Nullable<Text>, BigInt, Nullable<Text>, Nullable<Timestamptz>);
    type Row = (bool, Option<String>, Option<String>, i64, Option<String>, Option<DateTime<Utc>>);
    let (published, since) = (micros("a.published"), micros("f.since"));
    let found = Sql::<Types>::new(format!(
        "select n.is_follow, n.verb, n.object, n.day, max(n.stamped collate \"C\"), max(n.arrived) from (
            (select false as is_follow, a.verb, a.object, {published} / 86400000000 as day,
                {STAMPED} as stamped, {ARRIVED} as arrived
            from activities a where {SHOWN} order by a.published desc, a.id desc limit {COUNTED_MAX})
            union all
            (select true, null, null, {since} / 86400000000, null, f.since
            from follows f where f.followee = $1 order by f.since desc, f.ordinal desc limit {COUNTED_MAX})
        ) n
        where n.stamped collate \"C\" > $3 or n.arrived > $2 group by n.is_follow, n.verb, n.object, n.day"
    ));
    let mark = of_all.seen.min(of_all.read);
    let found = found
        .bind::<BigInt, _>(owner)
        .bind::<Timestamptz, _>(at(mark))
        .bind::<Text, _>(notification::last_id_by(mark).hyphenated().to_string());
    let since_year_one = notices::SINCE_YEAR_ONE / 86_400_000_000;
    let group = |(is_follow, verb, object, day, stamped, arrived): Row| {
        let about = About { is_follow, verb, object, stamped, arrived: maybe_instant(arrived)? };
        let key = about.key(day - since_year_one).map_err(unreadable)?;
        Ok((key.id(), about.news().map_err(unreadable)?))
    };
    found.load::<Row>(conn)?.into_iter().map(group).collect()
}

/// The marks of these groups.
fn marks(
    conn: &mut PgConnection,
    owner: i64,
    ids: impl Iterator<Item = GroupId>,
) -> Outcome<HashMap<GroupId, Mark>> {
    let ids: Vec<Vec<u8>> = ids.map(|id| id.as_bytes().to_vec()).collect();
    let found = Sql::<(Binary, BigInt, BigInt)>::new(
        "select group_id, seen, read from notification_marks where owner = $1 and group_id = any($2)",
    );
    let found = found.bind::<BigInt, _>(owner).bind::<Array<Binary>, _>(ids);
    let mark = |(id, seen, read): (Vec<u8>, i64, i64)| {
        let id = <[u8; 16]>::try_from(id).map_err(|_| PgError::failed("a mark's group has not 16 bytes"))?;
        Ok((GroupId::from_bytes(id), stored_mark(seen, read)?))
    };
    found.load::<(Vec<u8>, i64, i64)>(conn)?.into_iter().map(mark).collect()
}

/// The names of all actors that are shown.
fn names(conn: &mut PgConnection, groups: &[Gathered<i64>]) -> Outcome<HashMap<i64, Username>> {
    let mut keys: Vec<i64> = groups.iter().flat_map(|group| group.actors.iter().copied()).collect();
    keys.sort_unstable();
    keys.dedup();
    let found = Sql::<(BigInt, Text)>::new("select u.key, u.username from users u where u.key = any($1)");
    let found: Vec<(i64, String)> = found.bind::<Array<BigInt>, _>(keys).load(conn)?;
    found.into_iter().map(|(key, name)| Ok((key, username(&name)?))).collect()
}

fn mark(write: &mut Write<'_>, owner: &Username, request: &MarkRequest) -> Outcome<bool> {
    let Some(user) = users::find(write.conn, owner)? else { return Ok(false) };
    let (marks, is_all) = request.marks(write.turn.last_stamp());
    let key = user.key.0;
    if is_all {
        Sql::<()>::new("delete from notification_marks where owner = $1")
            .bind::<BigInt, _>(key)
            .execute(write.conn)?;
    }
    let column = |of: fn(&Mark) -> Timestamp| -> Vec<i64> {
        marks.iter().map(|(_, mark)| of(mark).micros()).collect()
    };
    Sql::<()>::new(
        "insert into notification_marks as m (owner, group_id, seen, read)
        select $1, * from unnest($2, $3, $4)
        on conflict (owner, group_id) do update
        set seen = greatest(m.seen, excluded.seen), read = greatest(m.read, excluded.read)",
    )
    .bind::<BigInt, _>(key)
    .bind::<Array<Binary>, _>(marks.iter().map(|(id, _)| id.as_bytes().to_vec()).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(column(|mark| mark.seen))
    .bind::<Array<BigInt>, _>(column(|mark| mark.read))
    .execute(write.conn)?;
    Sql::<()>::new(format!(
        "delete from notification_marks where owner = $1 and group_id in (
            select group_id from notification_marks where owner = $1 and group_id <> $2
            order by read desc, group_id offset {MARKS_MAX}
        )"
    ))
    .bind::<BigInt, _>(key)
    .bind::<Binary, _>(&GroupId::ALL.as_bytes()[..])
    .execute(write.conn)?;
    Ok(true)
}
