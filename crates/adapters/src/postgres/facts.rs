//! The facts that feeds follow from, in steps that seek to where the last one ended.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::{
    RunQueryDsl,
    pg::PgConnection,
    sql_types::{Array, BigInt, Bool, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use feed_me_domain::{
    ActivityId, Position, RelationKind, StoreError, UserId, UserKey, Verb,
    before::Before,
    changes::{Asked, Found, Happened, Pair},
    follow::Edge,
    ports::{ActivityFact, Change, EdgeFact, FeedFacts, FollowFact, Traces, UserFact},
    sequence::EventKind,
};
use uuid::Uuid;

use super::{
    PgStore, edges,
    errors::Outcome,
    relations,
    rows::{at, corrupt, first_place, instant, limit, maybe_instant, username},
    sql::Sql,
};

#[async_trait]
impl FeedFacts for PgStore {
    async fn users(&self, after: UserKey, take: usize) -> Result<Vec<UserFact>, StoreError> {
        self.read(move |conn| {
            let found = Sql::<UserTypes>::new(
                "select u.key, u.id, u.username from users u where u.key > $1 order by u.key limit $2",
            );
            let found = found.bind::<BigInt, _>(after.0).bind::<BigInt, _>(limit(take));
            found.load::<UserCells>(conn)?.into_iter().map(user).collect()
        })
        .await
    }

    async fn follows(&self, after: Pair, take: usize) -> Result<Vec<FollowFact>, StoreError> {
        type Types = (BigInt, BigInt, Nullable<Timestamptz>);
        type Cells = (i64, i64, Option<DateTime<Utc>>);
        self.read(move |conn| {
            let found = Sql::<Types>::new(
                "select f.follower, f.followee, f.visible_from from follows f
                where (f.follower, f.followee) > ($1, $2) order by f.follower, f.followee limit $3",
            );
            let found = found.bind::<BigInt, _>(after.0.0).bind::<BigInt, _>(after.1.0);
            let fact = |(follower, followee, from): Cells| {
                let from = maybe_instant(from)?;
                Ok(FollowFact { follower: UserKey(follower), followee: UserKey(followee), from })
            };
            found.bind::<BigInt, _>(limit(take)).load::<Cells>(conn)?.into_iter().map(fact).collect()
        })
        .await
    }

    async fn kept(&self, after: Pair, take: usize) -> Result<Vec<EdgeFact>, StoreError> {
        self.read(move |conn| {
            let pairs = Sql::<(BigInt, BigInt)>::new(
                "select distinct k.follower, k.followee from follow_windows k
                where (k.follower, k.followee) > ($1, $2) order by k.follower, k.followee limit $3",
            );
            let pairs = pairs.bind::<BigInt, _>(after.0.0).bind::<BigInt, _>(after.1.0);
            let pairs: Vec<(i64, i64)> = pairs.bind::<BigInt, _>(limit(take)).load(conn)?;
            let pairs: Vec<Pair> = pairs.into_iter().map(keys).collect();
            let edges = edges(conn, &pairs)?;
            let fact = |pair: Pair| Some(EdgeFact::of(pair.0, pair.1, edges.get(&pair)?));
            Ok(pairs.into_iter().filter_map(fact).collect())
        })
        .await
    }

    async fn relations(&self, kind: RelationKind, after: Pair, take: usize) -> Result<Vec<Pair>, StoreError> {
        self.read(move |conn| {
            let (table, owner, other) = relations::table(kind);
            let pairs = Sql::<(BigInt, BigInt)>::new(format!(
                "select r.{owner}, r.{other} from {table} r
                where (r.{owner}, r.{other}) > ($1, $2) order by r.{owner}, r.{other} limit $3"
            ));
            let pairs = pairs.bind::<BigInt, _>(after.0.0).bind::<BigInt, _>(after.1.0);
            let pairs: Vec<(i64, i64)> = pairs.bind::<BigInt, _>(limit(take)).load(conn)?;
            Ok(pairs.into_iter().map(keys).collect())
        })
        .await
    }

    async fn activities(
        &self,
        below: Option<Position>,
        take: usize,
    ) -> Result<Vec<ActivityFact>, StoreError> {
        use feed_me_domain::{Boundary, Direction::Forward};
        let Some(first) = first_place(below.map_or(Boundary::Top, Boundary::After), Forward) else {
            return Ok(Vec::new());
        };
        self.read(move |conn| {
            let found = Sql::<ActivityTypes>::new(format!(
                "select {ACTIVITY} from activities a where (a.published, a.id) <= ($1, $2)
                order by a.published desc, a.id desc limit $3"
            ));
            let found = found.bind::<Timestamptz, _>(at(first.published));
            let found = found.bind::<SqlUuid, _>(first.id.as_uuid()).bind::<BigInt, _>(limit(take));
            found.load::<ActivityCells>(conn)?.into_iter().map(activity).collect()
        })
        .await
    }

    async fn changes(&self, after: i64, take: usize) -> Result<Vec<Change>, StoreError> {
        self.read(move |conn| {
            let events = happened(conn, after, take)?;
            if events.is_empty() {
                return Ok(Vec::new());
            }
            Ok(found(conn, &Asked::about(&events))?.told(&events))
        })
        .await
        .inspect(|changes: &Vec<Change>| {
            changes.last().inspect(|last| self.shared.known.tells(last.position));
        })
    }

    async fn look_up(&self, asked: &Asked) -> Result<Found, StoreError> {
        let asked = asked.clone();
        self.read(move |conn| found(conn, &asked)).await
    }

    async fn posted_by(&self, author: UserKey, take: usize) -> Result<Vec<ActivityFact>, StoreError> {
        self.read(move |conn| newest(conn, "actor", author, take)).await
    }

    async fn targeting(&self, target: UserKey, take: usize) -> Result<Vec<ActivityFact>, StoreError> {
        self.read(move |conn| newest(conn, "target", target, take)).await
    }

    async fn traces(&self, position: i64, reader: UserKey, take: usize) -> Result<Traces, StoreError> {
        self.read(move |conn| traces(conn, position, reader, take)).await
    }

    fn committed(&self) -> i64 {
        self.shared.known.committed()
    }

    fn breaks(&self) -> u64 {
        self.shared.known.breaks()
    }
}

type UserTypes = (BigInt, SqlUuid, Text);
type UserCells = (i64, Uuid, String);

fn user((key, id, name): UserCells) -> Outcome<UserFact> {
    Ok(UserFact { key: UserKey(key), id: UserId::from_uuid(id), username: username(&name)? })
}

const ACTIVITY: &str = "a.id, a.published, a.version, a.actor, a.target, a.verb";
type ActivityTypes = (SqlUuid, Timestamptz, Integer, BigInt, Nullable<BigInt>, Text);
type ActivityCells = (Uuid, DateTime<Utc>, i32, i64, Option<i64>, String);

fn activity((id, published, version, actor, target, verb): ActivityCells) -> Outcome<ActivityFact> {
    Ok(ActivityFact {
        position: Position { published: instant(published)?, id: ActivityId::from_uuid(id) },
        version,
        actor: UserKey(actor),
        target: target.map(UserKey),
        verb: Verb::parse(&verb).map_err(|error| corrupt("a verb", &verb, error))?,
    })
}

fn keys((one, other): (i64, i64)) -> Pair {
    (UserKey(one), UserKey(other))
}

fn numbers((one, other): Pair) -> edges::Pair {
    (one.0, other.0)
}

fn happened(conn: &mut PgConnection, after: i64, take: usize) -> Outcome<Vec<Happened>> {
    type Key = Nullable<BigInt>;
    type Types = (BigInt, Text, Nullable<SqlUuid>, Nullable<Timestamptz>, Key, Key, Nullable<Text>);
    type Cells = (i64, String, Option<Uuid>, Option<DateTime<Utc>>, Option<i64>, Option<i64>, Option<String>);
    let event = |(position, kind, activity, published, user, other, before): Cells| {
        Ok(Happened {
            position,
            kind: EventKind::parse(&kind).ok_or_else(|| corrupt("a kind of event", &kind, "no such kind"))?,
            activity: activity.map(ActivityId::from_uuid),
            published: maybe_instant(published)?,
            user: user.map(UserKey),
            other: other.map(UserKey),
            before: before.as_deref().map(noted).transpose()?,
        })
    };
    let events = Sql::<Types>::new(
        "select e.position, e.kind, e.activity, e.published, e.user_key, e.other_key, e.before
        from events e where e.position > $1 order by e.position limit $2",
    );
    let events = events.bind::<BigInt, _>(after).bind::<BigInt, _>(limit(take));
    events.load::<Cells>(conn)?.into_iter().map(event).collect()
}

fn noted(raw: &str) -> Outcome<Before> {
    Before::parse(raw).ok_or_else(|| corrupt("a note of how it was before", raw, "nothing that is noted"))
}

fn found(conn: &mut PgConnection, asked: &Asked) -> Outcome<Found> {
    Ok(Found {
        users: users(conn, &asked.users)?,
        activities: activities(conn, &asked.activities)?,
        edges: edges(conn, &asked.edges)?,
        blocks: standing(conn, RelationKind::Block, &asked.blocks)?,
        mutes: standing(conn, RelationKind::Mute, &asked.mutes)?,
    })
}

fn users(conn: &mut PgConnection, asked: &[UserKey]) -> Outcome<HashMap<UserKey, UserFact>> {
    if asked.is_empty() {
        return Ok(HashMap::new());
    }
    let found = Sql::<UserTypes>::new(
        "select u.key, u.id, u.username from unnest($1) as asked (key)
        cross join lateral (select * from users x where x.key = asked.key offset 0) u",
    );
    let found = found.bind::<Array<BigInt>, _>(asked.iter().map(|key| key.0).collect::<Vec<_>>());
    let found = found.load::<UserCells>(conn)?.into_iter().map(user);
    found.map(|user| user.map(|user| (user.key, user))).collect()
}

fn activities(conn: &mut PgConnection, asked: &[ActivityId]) -> Outcome<HashMap<ActivityId, ActivityFact>> {
    if asked.is_empty() {
        return Ok(HashMap::new());
    }
    let found = Sql::<ActivityTypes>::new(format!(
        "select {ACTIVITY} from unnest($1) as asked (id)
        cross join lateral (select * from activities x where x.id = asked.id offset 0) a"
    ));
    let ids: Vec<Uuid> = asked.iter().map(|id| id.as_uuid()).collect();
    let found = found.bind::<Array<SqlUuid>, _>(ids).load::<ActivityCells>(conn)?.into_iter().map(activity);
    found.map(|activity| activity.map(|activity| (activity.position.id, activity))).collect()
}

fn edges(conn: &mut PgConnection, asked: &[Pair]) -> Outcome<HashMap<Pair, Edge>> {
    let pairs: Vec<edges::Pair> = asked.iter().copied().map(numbers).collect();
    let loaded = edges::stored(conn, &pairs)?;
    Ok(loaded.into_iter().map(|(pair, stored)| (keys(pair), stored.edge)).collect())
}

fn standing(conn: &mut PgConnection, kind: RelationKind, asked: &[Pair]) -> Outcome<HashSet<Pair>> {
    let pairs: Vec<edges::Pair> = asked.iter().copied().map(numbers).collect();
    let found = relations::find_all(conn, kind, &pairs)?;
    Ok(found.into_iter().map(|(pair, _)| keys(pair)).collect())
}

/// The newest activities that have a user as their actor or target.
fn newest(conn: &mut PgConnection, column: &str, user: UserKey, take: usize) -> Outcome<Vec<ActivityFact>> {
    let found = Sql::<ActivityTypes>::new(format!(
        "select {ACTIVITY} from activities a where a.{column} = $1
        order by a.published desc, a.id desc limit $2"
    ));
    let found = found.bind::<BigInt, _>(user.0).bind::<BigInt, _>(limit(take));
    found.load::<ActivityCells>(conn)?.into_iter().map(activity).collect()
}

fn traces(conn: &mut PgConnection, position: i64, reader: UserKey, take: usize) -> Outcome<Traces> {
    let was_reader =
        Sql::<Bool>::new("select exists (select 1 from erased_readers where position = $1 and reader = $2)");
    let was_reader =
        was_reader.bind::<BigInt, _>(position).bind::<BigInt, _>(reader.0).get_result::<bool>(conn)?;
    let mut ids = |is_gone: bool| -> Outcome<Vec<ActivityId>> {
        let found = Sql::<SqlUuid>::new(
            "select activity from erased_activities where position = $1 and is_gone = $2
            order by activity limit $3",
        );
        let found = found.bind::<BigInt, _>(position).bind::<Bool, _>(is_gone);
        let found: Vec<Uuid> = found.bind::<BigInt, _>(limit(take)).load(conn)?;
        Ok(found.into_iter().map(ActivityId::from_uuid).collect())
    };
    Ok(Traces { was_reader, gone: ids(true)?, changed: ids(false)? })
}
