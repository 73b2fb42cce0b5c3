//! Notifications: groups are made by the database, of the days that a page looks at (`notices`).
//!
//! The rows of activities for a user come by `activities_by_target`, followers by `follows_by_followee`.

use std::collections::HashMap;

use async_trait::async_trait;
use diesel::{
    SqliteConnection,
    prelude::*,
    sql_types::{BigInt, Binary, Bool, Nullable, Text},
};
use feed_me_domain::{
    Activity, ActivityId, Attempt, Direction, Keyed, Span, Timestamp, UserId, Username,
    error::StoreError,
    notification::{
        self, COUNTED_MAX, Gathered, GroupId, GroupPlace, MARKS_MAX, Mark, MarkRequest, NotificationGroup,
        NotificationSlice,
    },
    ports::NotificationRepository,
};
use uuid::Uuid;

use super::{SqliteStore, errors::Trouble, feeds, names, rows, sql, writer::Write};
use crate::notices::{self, About, Ask, GroupRow, Source, Unreadable};

#[async_trait]
impl NotificationRepository for SqliteStore {
    async fn notifications(
        &self,
        owner: &Username,
        span: &Span<GroupPlace>,
    ) -> Result<Option<NotificationSlice>, StoreError> {
        let (owner, span) = (owner.clone(), *span);
        self.read(move |conn| conn.transaction(|conn| slice(conn, &owner, &span))).await
    }

    async fn mark(
        &self,
        owner: &Username,
        request: MarkRequest,
        keyed: Option<Keyed<bool>>,
    ) -> Result<Attempt<bool>, StoreError> {
        let owner = owner.clone();
        self.write_keyed(keyed, move |write| mark(write, &owner, &request)).await
    }
}

fn slice(
    conn: &mut SqliteConnection,
    owner: &Username,
    span: &Span<GroupPlace>,
) -> Result<Option<NotificationSlice>, Trouble> {
    let Some(Owner { key, id, now, position, of_all }) = find_owner(conn, owner)? else { return Ok(None) };
    let gathered = notices::walk(&mut Notices { conn: &mut *conn, owner: key }, span, now)?;
    let counted = counted(conn, key, of_all)?;
    let ids = gathered.iter().map(|group| group.key.id()).chain(counted.iter().map(|(id, _)| *id));
    let marks = marks(conn, key, ids)?;
    let mark = |id| of_all.joined(marks.get(&id).copied().unwrap_or(Mark::NONE));
    let (unseen, unread) = notification::unmarked(counted, mark);
    let names = shown_names(conn, &gathered)?;
    let latest: Vec<ActivityId> = gathered.iter().filter_map(Gathered::latest).collect();
    let latest: HashMap<ActivityId, Activity> =
        feeds::bodies(conn, &latest)?.into_iter().map(|activity| (activity.id, activity)).collect();
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

fn find_owner(conn: &mut SqliteConnection, owner: &Username) -> Result<Option<Owner>, Trouble> {
    type Types = (BigInt, Binary, BigInt, BigInt, Nullable<BigInt>, Nullable<BigInt>);
    type Row = (i64, Vec<u8>, i64, i64, Option<i64>, Option<i64>);
    const FIND: &str = "select u.key, u.id, s.stamp, s.position, m.seen, m.read from users u cross join sequence s \
        left join notification_marks m on m.owner = u.key and m.group_id = ?2 where u.username = ?1";
    let found = sql::query::<Types>(FIND).bind(owner.as_str()).bind(GroupId::ALL.as_bytes().to_vec());
    let Some((key, id, now, position, seen, read)) = found.get_result::<Row>(conn).optional()? else {
        return Ok(None);
    };
    let of_all = match (seen, read) {
        (Some(seen), Some(read)) => stored_mark(seen, read)?,
        _ => Mark::NONE,
    };
    Ok(Some(Owner { key, id: rows::user_id(&id)?, now: rows::timestamp(now)?, position, of_all }))
}

fn stored_mark(seen: i64, read: i64) -> Result<Mark, Trouble> {
    Ok(Mark { seen: rows::timestamp(seen)?, read: rows::timestamp(read)? })
}

fn unreadable(why: Unreadable) -> Trouble {
    Trouble::stored("notification", why)
}

/// The activities `a` for the user `?1` that count.
const SHOWN: &str = "a.target = ?1 and a.actor <> ?1 \
    and not exists (select 1 from blocks where blocker = ?1 and blocked = a.actor) \
    and not exists (select 1 from blocks where blocker = a.actor and blocked = ?1)";
/// The id of an activity where it tells a time, as text.
const STAMPED: &str = "case when substr(hex(a.id), 13, 1) = '7' then hex(a.id) end";
/// The last arrival of an activity that its id does not tell.
const ARRIVED: &str = "case when substr(hex(a.id), 13, 1) <> '7' and a.published > ifnull(a.moved_at, a.published - 1) \
    then a.published else a.moved_at end";

fn hex(id: Uuid) -> String {
    id.simple().to_string().to_uppercase()
}

/// The microseconds of an instant since the year 1.
fn micros(instant: &str) -> String {
    format!("({instant} + {})", notices::SINCE_YEAR_ONE)
}

/// Where notices are read.
struct Notices<'c> {
    conn: &'c mut SqliteConnection,
    owner: i64,
}

impl Source for Notices<'_> {
    type Error = Trouble;

    fn probe(
        &mut self,
        near: Timestamp,
        direction: Direction,
        passed: i64,
    ) -> Result<[Option<Timestamp>; 2], Trouble> {
        let (from, order) = match direction {
            Direction::Forward => ("<=", "desc"),
            Direction::Backward => (">=", "asc"),
        };
        let text = format!(
            "select (select published from activities indexed by activities_by_target \
                where target = ?1 and published {from} ?2 \
                order by published {order}, id {order} limit 1 offset ?3), \
            (select since from follows indexed by follows_by_followee \
                where followee = ?1 and since {from} ?2 \
                order by since {order}, ordinal {order} limit 1 offset ?3)"
        );
        let found = sql::query::<(Nullable<BigInt>, Nullable<BigInt>)>(text);
        let found = found.bind(self.owner).bind(near.micros()).bind(passed);
        let (activity, follow): (Option<i64>, Option<i64>) = found.get_result(self.conn)?;
        Ok([activity.map(rows::timestamp).transpose()?, follow.map(rows::timestamp).transpose()?])
    }

    fn groups(&mut self, ask: &Ask) -> Result<Vec<Gathered<i64>>, Trouble> {
        type Types = (
            Bool,
            Nullable<Text>,
            Nullable<Text>,
            Text,
            Text,
            BigInt,
            BigInt,
            Text,
            Nullable<Text>,
            Nullable<BigInt>,
        );
        type Row = (
            bool,
            Option<String>,
            Option<String>,
            String,
            String,
            i64,
            i64,
            String,
            Option<String>,
            Option<i64>,
        );
        let found = sql::query::<Types>(groups_text(ask))
            .bind(self.owner)
            .bind(ask.from.micros())
            .bind(ask.until.micros())
            .bind(ask.as_of.micros())
            .bind(rows::blob(notification::last_id_by(ask.as_of)))
            .bind(ask.key(hex))
            .bind(sql::limit(ask.take));
        let group = |row: Row| {
            let (is_follow, verb, object, newest, stands, actor_count, activity_count, actors, stamped, late) =
                row;
            let arrived = late.map(rows::timestamp).transpose()?;
            let about = About { is_follow, verb, object, stamped, arrived };
            let actors = actors.split(',').map(str::parse).collect::<Result<_, _>>();
            let actors = actors.map_err(|error| Trouble::stored("actor", error))?;
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
        "with notices as ( \
            select 0 as is_follow, a.verb as verb, a.object as object, {published} / 86400000000 as day, \
                a.actor as actor, printf('%018d', {published}) || hex(a.id) as place, \
                (case when substr(hex(a.id), 13, 1) = '7' then a.id <= ?5 else a.published <= ?4 end) \
                    and ifnull(a.moved_at <= ?4, 1) as is_old, \
                {STAMPED} as stamped, {ARRIVED} as arrived \
            from activities a indexed by activities_by_target \
            where {SHOWN} and a.published between ?2 and ?3 \
            union all \
            select 1, null, null, {since} / 86400000000, f.follower, \
                printf('%018d', {since}) || printf('%032X', f.ordinal), f.since <= ?4, null, f.since \
            from follows f indexed by follows_by_followee where f.followee = ?1 and f.since between ?2 and ?3 \
        ), \
        of_actors as ( \
            select is_follow, verb, object, day, actor, count(*) as activities, max(place) as newest, \
                max(place) filter (where is_old) as stands, max(stamped) as stamped, max(arrived) as arrived, \
                row_number() over (partition by is_follow, verb, object, day order by max(place) desc) as rank \
            from notices group by is_follow, verb, object, day, actor \
        ) \
        select is_follow, verb, object, max(newest), max(stands), count(*), sum(activities), \
            group_concat(actor, ',' order by rank) filter (where rank <= {}), max(stamped), max(arrived) \
        from of_actors group by is_follow, verb, object, day \
        having max(stands) {compare} ?6 order by max(stands) {order} limit ?7",
        notification::ACTORS_SHOWN
    )
}

/// The groups that have news beyond the mark of all, of the newest activities and followers, with when that came.
fn counted(
    conn: &mut SqliteConnection,
    owner: i64,
    of_all: Mark,
) -> Result<Vec<(GroupId, Timestamp)>, Trouble> {
    type Types = (Bool, Nullable<Text>, Nullable<Text>, BigInt, Nullable<Text>, Nullable<BigInt>);
    type Row = (bool, Option<String>, Option<String>, i64, Option<String>, Option<i64>);
    let (published, since) = (micros("a.published"), micros("f.since"));
    let text = format!(
        "select is_follow, verb, object, day, max(stamped), max(arrived) from ( \
            select * from (select 0 as is_follow, a.verb as verb, a.object as object, \
                {published} / 86400000000 as day, {STAMPED} as stamped, {ARRIVED} as arrived \
                from activities a indexed by activities_by_target \
                where {SHOWN} order by a.published desc, a.id desc limit {COUNTED_MAX}) \
            union all \
            select * from (select 1, null, null, {since} / 86400000000, null, f.since \
                from follows f indexed by follows_by_followee \
                where f.followee = ?1 order by f.since desc, f.ordinal desc limit {COUNTED_MAX}) \
        ) where stamped > ?3 or arrived > ?2 group by is_follow, verb, object, day"
    );
    let mark = of_all.seen.min(of_all.read);
    let found = sql::query::<Types>(text);
    let found = found.bind(owner).bind(mark.micros()).bind(hex(notification::last_id_by(mark)));
    let since_year_one = notices::SINCE_YEAR_ONE / 86_400_000_000;
    let group = |(is_follow, verb, object, day, stamped, arrived): Row| {
        let arrived = arrived.map(rows::timestamp).transpose()?;
        let about = About { is_follow, verb, object, stamped, arrived };
        let key = about.key(day - since_year_one).map_err(unreadable)?;
        Ok((key.id(), about.news().map_err(unreadable)?))
    };
    found.load::<Row>(conn)?.into_iter().map(group).collect()
}

/// The marks of these groups.
fn marks(
    conn: &mut SqliteConnection,
    owner: i64,
    ids: impl Iterator<Item = GroupId>,
) -> Result<HashMap<GroupId, Mark>, Trouble> {
    const MARKS: &str = "select m.group_id, m.seen, m.read from json_each(?2) k \
        cross join notification_marks m on m.owner = ?1 and m.group_id = unhex(k.value)";
    let ids = rows::json(ids.map(|id| id.to_string()));
    let found = sql::query::<(Binary, BigInt, BigInt)>(MARKS).bind(owner).bind(ids);
    let mark = |(id, seen, read): (Vec<u8>, i64, i64)| {
        let id = <[u8; 16]>::try_from(id).map_err(|_| Trouble::stored("group of a mark", "not 16 bytes"))?;
        Ok((GroupId::from_bytes(id), stored_mark(seen, read)?))
    };
    found.load::<(Vec<u8>, i64, i64)>(conn)?.into_iter().map(mark).collect()
}

/// The names of all actors that are shown.
fn shown_names(
    conn: &mut SqliteConnection,
    groups: &[Gathered<i64>],
) -> Result<HashMap<i64, Username>, Trouble> {
    const NAMES: &str = "select u.key, u.username from json_each(?1) k cross join users u on u.key = k.value";
    let mut keys: Vec<i64> = groups.iter().flat_map(|group| group.actors.iter().copied()).collect();
    keys.sort_unstable();
    keys.dedup();
    let found = sql::query::<(BigInt, Text)>(NAMES).bind(rows::json(keys));
    let found: Vec<(i64, String)> = found.load(conn)?;
    found.into_iter().map(|(key, name)| Ok((key, rows::username(&name)?))).collect()
}

fn mark(write: &mut Write<'_>, owner: &Username, request: &MarkRequest) -> Result<bool, Trouble> {
    const MARK: &str = "insert into notification_marks (owner, group_id, seen, read) \
        select ?1, unhex(k.value ->> 0), k.value ->> 1, k.value ->> 2 from json_each(?2) k where true \
        on conflict (owner, group_id) do update \
        set seen = max(seen, excluded.seen), read = max(read, excluded.read)";
    let Some(key) = names::key_of(write.conn, owner)? else { return Ok(false) };
    let (marks, is_all) = request.marks(write.turn.last_stamp());
    if is_all {
        sql::command("delete from notification_marks where owner = ?1").bind(key.0).execute(write.conn)?;
    }
    let marks = rows::json(
        marks
            .iter()
            .map(|(id, mark)| serde_json::json!([id.to_string(), mark.seen.micros(), mark.read.micros()])),
    );
    sql::command(MARK).bind(key.0).bind(marks).execute(write.conn)?;
    let surplus = format!(
        "delete from notification_marks where owner = ?1 and group_id in ( \
            select group_id from notification_marks where owner = ?1 and group_id <> ?2 \
            order by read desc, group_id limit -1 offset {MARKS_MAX})"
    );
    sql::command(surplus).bind(key.0).bind(GroupId::ALL.as_bytes().to_vec()).execute(write.conn)?;
    Ok(true)
}
