//! The facts that feeds follow from, in steps that seek to where the last one ended.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use diesel::{
    Connection, RunQueryDsl, SqliteConnection,
    sql_types::{BigInt, Binary, Bool, Integer, Nullable, Text},
};
use feed_me_domain::{
    ActivityId, Position, RelationKind, UserId, UserKey, Verb,
    before::Before,
    changes::{Asked, Found, Happened, Pair},
    error::StoreError,
    follow::{Current, Edge},
    ports::{ActivityFact, Change, EdgeFact, FeedFacts, FollowFact, Traces, UserFact},
    sequence::EventKind,
};
use serde_json::json;

use super::{SqliteStore, errors::Trouble, follows, relations, rows, sql};

#[async_trait]
impl FeedFacts for SqliteStore {
    async fn users(&self, after: UserKey, take: usize) -> Result<Vec<UserFact>, StoreError> {
        const USERS: &str = "select key, id, username from users where key > ?1 order by key limit ?2";
        self.read(move |conn| {
            let query = sql::query::<UserTypes>(USERS).bind(after.0).bind(sql::limit(take));
            query.load::<UserCells>(conn)?.into_iter().map(user).collect()
        })
        .await
    }

    async fn follows(&self, after: Pair, take: usize) -> Result<Vec<FollowFact>, StoreError> {
        const FOLLOWS: &str = "select follower, followee, visible_from from follows \
            where (follower, followee) > (?1, ?2) order by follower, followee limit ?3";
        type Types = (BigInt, BigInt, Nullable<BigInt>);
        self.read(move |conn| {
            let query = sql::query::<Types>(FOLLOWS).bind(after.0.0).bind(after.1.0).bind(sql::limit(take));
            let found = query.load::<(i64, i64, Option<i64>)>(conn)?.into_iter();
            let fact = |(follower, followee, from): (i64, i64, Option<i64>)| {
                let from = from.map(rows::timestamp).transpose()?;
                Ok(FollowFact { follower: UserKey(follower), followee: UserKey(followee), from })
            };
            found.map(fact).collect()
        })
        .await
    }

    async fn kept(&self, after: Pair, take: usize) -> Result<Vec<EdgeFact>, StoreError> {
        const KEPT: &str = "select distinct follower, followee from follow_windows \
            where (follower, followee) > (?1, ?2) order by follower, followee limit ?3";
        self.read(move |conn| {
            let query = sql::query::<(BigInt, BigInt)>(KEPT);
            let pairs = query.bind(after.0.0).bind(after.1.0).bind(sql::limit(take));
            let pairs: Vec<(i64, i64)> = pairs.load(conn)?;
            let pairs: Vec<Pair> =
                pairs.into_iter().map(|(one, other)| (UserKey(one), UserKey(other))).collect();
            let edges = edges(conn, &pairs)?;
            let fact = |pair: Pair| Some(EdgeFact::of(pair.0, pair.1, edges.get(&pair)?));
            Ok(pairs.into_iter().filter_map(fact).collect())
        })
        .await
    }

    async fn relations(&self, kind: RelationKind, after: Pair, take: usize) -> Result<Vec<Pair>, StoreError> {
        self.read(move |conn| {
            let relations::Table { name, owner, other, .. } = relations::table(kind);
            let text = format!(
                "select {owner}, {other} from {name} where ({owner}, {other}) > (?1, ?2) \
                 order by {owner}, {other} limit ?3"
            );
            let query = sql::query::<(BigInt, BigInt)>(text);
            let pairs = query.bind(after.0.0).bind(after.1.0).bind(sql::limit(take));
            let pairs: Vec<(i64, i64)> = pairs.load(conn)?;
            Ok(pairs.into_iter().map(|(one, other)| (UserKey(one), UserKey(other))).collect())
        })
        .await
    }

    async fn activities(
        &self,
        below: Option<Position>,
        take: usize,
    ) -> Result<Vec<ActivityFact>, StoreError> {
        const ACTIVITIES: &str = concat!(
            "select ",
            activity_columns!(),
            " from activities a indexed by activities_by_time where (a.published, a.id) < (?1, ?2) \
              order by a.published desc, a.id desc limit ?3"
        );
        self.read(move |conn| {
            let query = sql::query::<ActivityTypes>(ACTIVITIES);
            let query = match below {
                Some(below) => query.bind(below.published.micros()).bind(rows::blob(below.id.as_uuid())),
                None => query.bind(i64::MAX).bind(Vec::new()),
            };
            query.bind(sql::limit(take)).load::<ActivityCells>(conn)?.into_iter().map(activity).collect()
        })
        .await
    }

    async fn changes(&self, after: i64, take: usize) -> Result<Vec<Change>, StoreError> {
        // At one instant, so that no row is newer than the last event that was there to be read: see `recent`.
        self.read(move |conn| {
            conn.transaction(|conn| {
                let events = happened(conn, after, take)?;
                told(conn, &events)
            })
        })
        .await
    }

    async fn look_up(&self, asked: &Asked) -> Result<Found, StoreError> {
        let asked = asked.clone();
        self.read(move |conn| conn.transaction(|conn| found(conn, &asked))).await
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
        self.writer.committed()
    }

    fn recent(&self, after: i64, take: usize) -> Vec<Change> {
        self.writer.recent(after, take)
    }
}

type UserTypes = (BigInt, Binary, Text);
type UserCells = (i64, Vec<u8>, String);

fn user((key, id, username): UserCells) -> Result<UserFact, Trouble> {
    let id: UserId = rows::user_id(&id)?;
    Ok(UserFact { key: UserKey(key), id, username: rows::username(&username)? })
}

/// The columns of an activity `a`, in the order of [`ActivityTypes`].
macro_rules! activity_columns {
    () => {
        "a.id, a.published, a.version, a.actor, a.target, a.verb"
    };
}
use activity_columns;

type ActivityTypes = (Binary, BigInt, Integer, BigInt, Nullable<BigInt>, Text);
type ActivityCells = (Vec<u8>, i64, i32, i64, Option<i64>, String);

fn activity((id, published, version, actor, target, verb): ActivityCells) -> Result<ActivityFact, Trouble> {
    Ok(ActivityFact {
        position: Position { published: rows::timestamp(published)?, id: rows::activity_id(&id)? },
        version,
        actor: UserKey(actor),
        target: target.map(UserKey),
        verb: Verb::parse(&verb).map_err(|error| Trouble::stored("verb", error))?,
    })
}

fn happened(conn: &mut SqliteConnection, after: i64, take: usize) -> Result<Vec<Happened>, Trouble> {
    const EVENTS: &str = "select position, kind, activity, published, user_key, other_key, before from events \
        where position > ?1 order by position limit ?2";
    type Key = Nullable<BigInt>;
    type Types = (BigInt, Text, Nullable<Binary>, Nullable<BigInt>, Key, Key, Nullable<Text>);
    type Cells = (i64, String, Option<Vec<u8>>, Option<i64>, Option<i64>, Option<i64>, Option<String>);
    let event = |(position, kind, activity, published, user, other, before): Cells| {
        Ok(Happened {
            position,
            kind: EventKind::parse(&kind).ok_or_else(|| Trouble::stored("kind of event", kind))?,
            activity: activity.as_deref().map(rows::activity_id).transpose()?,
            published: published.map(rows::timestamp).transpose()?,
            user: user.map(UserKey),
            other: other.map(UserKey),
            before: before.map(noted).transpose()?,
        })
    };
    let query = sql::query::<Types>(EVENTS).bind(after).bind(sql::limit(take));
    query.load::<Cells>(conn)?.into_iter().map(event).collect()
}

fn noted(raw: String) -> Result<Before, Trouble> {
    Before::parse(&raw).ok_or_else(|| Trouble::stored("note of how it was before", raw))
}

/// What events changed, as the transaction under way sees it.
pub(super) fn told(conn: &mut SqliteConnection, events: &[Happened]) -> Result<Vec<Change>, Trouble> {
    if events.is_empty() {
        return Ok(Vec::new());
    }
    Ok(found(conn, &Asked::about(events))?.told(events))
}

fn found(conn: &mut SqliteConnection, asked: &Asked) -> Result<Found, Trouble> {
    Ok(Found {
        users: users(conn, &asked.users)?,
        activities: activities(conn, &asked.activities)?,
        edges: edges(conn, &asked.edges)?,
        blocks: standing(conn, RelationKind::Block, &asked.blocks)?,
        mutes: standing(conn, RelationKind::Mute, &asked.mutes)?,
    })
}

fn users(conn: &mut SqliteConnection, keys: &[UserKey]) -> Result<HashMap<UserKey, UserFact>, Trouble> {
    const USERS: &str =
        "select u.key, u.id, u.username from json_each(?1) k cross join users u on u.key = k.value";
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let query = sql::query::<UserTypes>(USERS).bind(rows::json(keys.iter().map(|key| key.0)));
    let found = query.load::<UserCells>(conn)?.into_iter().map(user);
    found.map(|user| user.map(|user| (user.key, user))).collect()
}

fn activities(
    conn: &mut SqliteConnection,
    ids: &[ActivityId],
) -> Result<HashMap<ActivityId, ActivityFact>, Trouble> {
    const ACTIVITIES: &str = concat!(
        "select ",
        activity_columns!(),
        " from json_each(?1) k cross join activities a on a.id = unhex(k.value)"
    );
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let query = sql::query::<ActivityTypes>(ACTIVITIES).bind(rows::json(ids.iter().copied().map(rows::hex)));
    let found = query.load::<ActivityCells>(conn)?.into_iter().map(activity);
    found.map(|activity| activity.map(|activity| (activity.position.id, activity))).collect()
}

fn edges(conn: &mut SqliteConnection, pairs: &[Pair]) -> Result<HashMap<Pair, Edge>, Trouble> {
    const CURRENT: &str = "select f.follower, f.followee, f.since, f.visible_from from json_each(?1) k \
        cross join follows f on f.follower = k.value->>0 and f.followee = k.value->>1";
    const KEPT: &str = "select w.follower, w.followee, w.visible_from, w.visible_until from json_each(?1) k \
        cross join follow_windows w on w.follower = k.value->>0 and w.followee = k.value->>1 \
        order by w.follower, w.followee, w.visible_until";
    let mut edges: HashMap<Pair, Edge> = HashMap::new();
    if pairs.is_empty() {
        return Ok(edges);
    }
    let asked = as_json(pairs);
    let query = sql::query::<(BigInt, BigInt, BigInt, Nullable<BigInt>)>(CURRENT).bind(asked.clone());
    for (follower, followee, since, from) in query.load::<(i64, i64, i64, Option<i64>)>(conn)? {
        let from = from.map(rows::timestamp).transpose()?;
        let current = Some(Current { since: rows::timestamp(since)?, from });
        edges.entry((UserKey(follower), UserKey(followee))).or_default().current = current;
    }
    let query = sql::query::<(BigInt, BigInt, Nullable<BigInt>, BigInt)>(KEPT).bind(asked);
    for (follower, followee, from, until) in query.load::<(i64, i64, Option<i64>, i64)>(conn)? {
        let edge = edges.entry((UserKey(follower), UserKey(followee))).or_default();
        edge.kept.push(follows::window(from, until)?);
    }
    Ok(edges)
}

fn standing(
    conn: &mut SqliteConnection,
    kind: RelationKind,
    pairs: &[Pair],
) -> Result<HashSet<Pair>, Trouble> {
    if pairs.is_empty() {
        return Ok(HashSet::new());
    }
    let relations::Table { name, owner, other, .. } = relations::table(kind);
    let text = format!(
        "select r.{owner}, r.{other} from json_each(?1) k \
         cross join {name} r on r.{owner} = k.value->>0 and r.{other} = k.value->>1"
    );
    let found: Vec<(i64, i64)> = sql::query::<(BigInt, BigInt)>(text).bind(as_json(pairs)).load(conn)?;
    Ok(found.into_iter().map(|(one, other)| (UserKey(one), UserKey(other))).collect())
}

fn as_json(pairs: &[Pair]) -> String {
    rows::json(pairs.iter().map(|(one, other)| json!([one.0, other.0])))
}

/// The newest activities that have a user as their actor or target.
fn newest(
    conn: &mut SqliteConnection,
    column: &str,
    user: UserKey,
    take: usize,
) -> Result<Vec<ActivityFact>, Trouble> {
    let text = format!(
        concat!(
            "select ",
            activity_columns!(),
            " from activities a indexed by activities_by_{column} where a.{column} = ?1 \
              order by a.published desc, a.id desc limit ?2"
        ),
        column = column
    );
    let found = sql::query::<ActivityTypes>(text).bind(user.0).bind(sql::limit(take));
    found.load::<ActivityCells>(conn)?.into_iter().map(activity).collect()
}

fn traces(
    conn: &mut SqliteConnection,
    position: i64,
    reader: UserKey,
    take: usize,
) -> Result<Traces, Trouble> {
    const READER: &str = "select exists (select 1 from erased_readers where position = ?1 and reader = ?2)";
    const IDS: &str = "select activity from erased_activities where position = ?1 and is_gone = ?2 \
        order by activity limit ?3";
    let was_reader = sql::query::<Bool>(READER).bind(position).bind(reader.0).get_result::<bool>(conn)?;
    let mut ids = |is_gone: i64| -> Result<Vec<ActivityId>, Trouble> {
        let found = sql::query::<Binary>(IDS).bind(position).bind(is_gone).bind(sql::limit(take));
        found.load::<Vec<u8>>(conn)?.iter().map(|id| rows::activity_id(id)).collect()
    };
    Ok(Traces { was_reader, gone: ids(1)?, changed: ids(0)? })
}
