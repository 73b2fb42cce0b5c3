use std::collections::HashMap;

use async_trait::async_trait;
use diesel::{
    SqliteConnection,
    prelude::*,
    sql_types::{BigInt, Bool, Nullable, Text},
};
use feed_me_domain::{
    Attempt, Boundary, Direction, Follow, FollowFrom, FollowRequest, FollowSide, Keyed, LinkPlace,
    ListedFollow, Relationship, Span, Timestamp, UnfollowRequest, UserKey, Username, Window,
    before::Before,
    error::StoreError,
    follow::{Current, Edge, FollowStep, UnfollowStep},
    ports::{BatchFollowed, FollowRepository, Followed, FoundFollow, Owned, Unfollowed},
    sequence::EventKind,
};

use super::{
    SqliteStore,
    errors::Trouble,
    names, relations, rows,
    schema::{follow_windows, follows},
    sql::{self, Bind},
    writer::Write,
};

#[async_trait]
impl FollowRepository for SqliteStore {
    async fn follow(
        &self,
        request: FollowRequest,
        keyed: Option<Keyed<Followed>>,
    ) -> Result<Attempt<Followed>, StoreError> {
        self.write_keyed(keyed, move |write| {
            let FollowRequest { follower, followee, from } = request;
            let keys = names::keys_of(write.conn, [&follower, &followee])?;
            let Some(key) = keys.get(&follower) else { return Ok(Followed::Unknown(follower)) };
            follow(write, (*key, &follower), followee, &keys, from)
        })
        .await
    }

    async fn unfollow(
        &self,
        request: UnfollowRequest,
        keyed: Option<Keyed<Unfollowed>>,
    ) -> Result<Attempt<Unfollowed>, StoreError> {
        self.write_keyed(keyed, move |write| {
            let UnfollowRequest { follower, followee, keep_history } = request;
            let keys = names::keys_of(write.conn, [&follower, &followee])?;
            let Some(key) = keys.get(&follower) else { return Ok(Unfollowed::Unknown(follower)) };
            unfollow(write, *key, followee, &keys, keep_history)
        })
        .await
    }

    async fn follow_batch(
        &self,
        follower: &Username,
        follow_names: Vec<Username>,
        unfollow_names: Vec<Username>,
        keyed: Option<Keyed<Option<BatchFollowed>>>,
    ) -> Result<Attempt<Option<BatchFollowed>>, StoreError> {
        let follower = follower.clone();
        self.write_keyed(keyed, move |write| {
            let all = follow_names.iter().chain(&unfollow_names).chain([&follower]);
            let keys = names::keys_of(write.conn, all)?;
            let Some(key) = keys.get(&follower).copied() else { return Ok(None) };
            let mut done = BatchFollowed { followed: Vec::new(), unfollowed: Vec::new() };
            for followee in follow_names {
                done.followed.push(follow(write, (key, &follower), followee, &keys, None)?);
            }
            for followee in unfollow_names {
                done.unfollowed.push(unfollow(write, key, followee, &keys, false)?);
            }
            Ok(Some(done))
        })
        .await
    }

    async fn find(&self, follower: &Username, followee: &Username) -> Result<FoundFollow, StoreError> {
        let (follower, followee) = (follower.clone(), followee.clone());
        self.read(move |conn| conn.transaction(|conn| find(conn, follower, followee))).await
    }

    async fn list(
        &self,
        owner: &Username,
        side: FollowSide,
        span: Span<LinkPlace>,
    ) -> Result<Option<Owned<ListedFollow>>, StoreError> {
        let owner = owner.clone();
        self.read(move |conn| conn.transaction(|conn| list(conn, &owner, side, &span))).await
    }

    async fn relationships(
        &self,
        owner: &Username,
        with: &[Username],
    ) -> Result<Option<Vec<Relationship>>, StoreError> {
        const FIND: &str = "select u.username, \
            exists (select 1 from follows where follower = ?1 and followee = u.key), \
            exists (select 1 from follows where follower = u.key and followee = ?1) \
            from json_each(?2) n cross join users u on u.username = n.value order by n.key";
        let (owner, with) = (owner.clone(), with.to_vec());
        self.read(move |conn| {
            conn.transaction(|conn| {
                let Some(key) = names::key_of(conn, &owner)? else { return Ok(None) };
                let query = sql::query::<(Text, Bool, Bool)>(FIND)
                    .bind(key.0)
                    .bind(rows::json(with.iter().map(Username::as_str)));
                let found = query.load::<(String, bool, bool)>(conn)?.into_iter();
                let found = found.map(|(name, following, followed_by)| {
                    Ok(Relationship { username: rows::username(&name)?, following, followed_by })
                });
                found.collect::<Result<_, Trouble>>().map(Some)
            })
        })
        .await
    }
}

type Keys = HashMap<Username, UserKey>;

fn follow(
    write: &mut Write<'_>,
    (follower, follower_name): (UserKey, &Username),
    followee_name: Username,
    keys: &Keys,
    from: Option<FollowFrom>,
) -> Result<Followed, Trouble> {
    const MOVE: &str = "update follows set visible_from = ?1 where follower = ?2 and followee = ?3";
    let Some(followee) = keys.get(&followee_name).copied() else {
        return Ok(Followed::Unknown(followee_name));
    };
    if follower == followee {
        return Ok(Followed::Oneself);
    }
    if relations::block_stands(write.conn, follower, followee)? {
        return Ok(Followed::Blocked);
    }
    let told = |current: Current| Follow {
        follower: follower_name.clone(),
        followee: followee_name.clone(),
        since: current.since,
        from: current.from,
    };
    let edge = edge(write.conn, follower, followee)?;
    let stamp = write.turn.stamp();
    Ok(match edge.follow(from, stamp) {
        FollowStep::New(current) => {
            let ordinal = write.turn.record(EventKind::FollowAdded, None, Some(follower), Some(followee));
            write.turn.note(Before::of_edge(&edge));
            insert(write.conn, (follower, followee), current, ordinal)?;
            Followed::Now(told(current))
        }
        FollowStep::Moved(current) => {
            write.turn.record(EventKind::FollowChanged, None, Some(follower), Some(followee));
            write.turn.note(Before::of_edge(&edge));
            let bound = sql::command(MOVE).bind(current.from.map(Timestamp::micros));
            bound.bind(follower.0).bind(followee.0).execute(write.conn)?;
            Followed::Already(told(current))
        }
        FollowStep::Already(current) => Followed::Already(told(current)),
    })
}

fn unfollow(
    write: &mut Write<'_>,
    follower: UserKey,
    followee_name: Username,
    keys: &Keys,
    keep_history: bool,
) -> Result<Unfollowed, Trouble> {
    let Some(followee) = keys.get(&followee_name).copied() else {
        return Ok(Unfollowed::Unknown(followee_name));
    };
    let edge = edge(write.conn, follower, followee)?;
    let stamp = write.turn.stamp();
    let kept = match edge.unfollow(keep_history, stamp) {
        UnfollowStep::NotThere => return Ok(Unfollowed::NotThere),
        UnfollowStep::NoChange => return Ok(Unfollowed::Ended),
        UnfollowStep::End { kept, .. } => kept,
    };
    remove(write.conn, follower, followee)?;
    for window in kept {
        let until = window.until.ok_or_else(|| Trouble::Stored("a kept window has no end".to_owned()))?;
        let row = (
            follow_windows::follower.eq(follower.0),
            follow_windows::followee.eq(followee.0),
            follow_windows::visible_from.eq(window.from.map(Timestamp::micros)),
            follow_windows::visible_until.eq(until.micros()),
        );
        diesel::insert_into(follow_windows::table).values(row).execute(write.conn)?;
    }
    write.turn.record(EventKind::FollowRemoved, None, Some(follower), Some(followee));
    write.turn.note(Before::of_edge(&edge));
    Ok(Unfollowed::Ended)
}

/// Stores a present follow and counts it on both sides; no event.
pub(super) fn insert(
    conn: &mut SqliteConnection,
    (follower, followee): (UserKey, UserKey),
    current: Current,
    ordinal: i64,
) -> Result<(), Trouble> {
    let row = (
        follows::follower.eq(follower.0),
        follows::followee.eq(followee.0),
        follows::since.eq(current.since.micros()),
        follows::ordinal.eq(ordinal),
        follows::visible_from.eq(current.from.map(Timestamp::micros)),
    );
    diesel::insert_into(follows::table).values(row).execute(conn)?;
    count(conn, follower, followee, 1)
}

/// Forgets all that one user stores about another's activities, and counts it on both sides; no event.
pub(super) fn remove(
    conn: &mut SqliteConnection,
    follower: UserKey,
    followee: UserKey,
) -> Result<(), Trouble> {
    let windows = follow_windows::table
        .filter(follow_windows::follower.eq(follower.0).and(follow_windows::followee.eq(followee.0)));
    diesel::delete(windows).execute(conn)?;
    if diesel::delete(follows::table.find((follower.0, followee.0))).execute(conn)? == 1 {
        count(conn, follower, followee, -1)?;
    }
    Ok(())
}

fn count(
    conn: &mut SqliteConnection,
    follower: UserKey,
    followee: UserKey,
    change: i64,
) -> Result<(), Trouble> {
    const FOLLOWING: &str = "update users set following = following + ?1 where key = ?2";
    const FOLLOWERS: &str = "update users set followers = followers + ?1 where key = ?2";
    for (text, user) in [(FOLLOWING, follower), (FOLLOWERS, followee)] {
        sql::command(text).bind(change).bind(user.0).execute(conn)?;
    }
    Ok(())
}

/// All that one user stores about another's activities.
pub(super) fn edge(
    conn: &mut SqliteConnection,
    follower: UserKey,
    followee: UserKey,
) -> Result<Edge, Trouble> {
    let current = follows::table
        .find((follower.0, followee.0))
        .select((follows::since, follows::visible_from))
        .first::<(i64, Option<i64>)>(conn)
        .optional()?;
    let current = current.map(|(since, from)| {
        Ok::<_, Trouble>(Current {
            since: rows::timestamp(since)?,
            from: from.map(rows::timestamp).transpose()?,
        })
    });
    let kept: Vec<(Option<i64>, i64)> = follow_windows::table
        .filter(follow_windows::follower.eq(follower.0).and(follow_windows::followee.eq(followee.0)))
        .select((follow_windows::visible_from, follow_windows::visible_until))
        .order(follow_windows::visible_until)
        .load(conn)?;
    let kept = kept.into_iter().map(|(from, until)| window(from, until)).collect::<Result<_, _>>()?;
    Ok(Edge { current: current.transpose()?, kept })
}

pub(super) fn window(from: Option<i64>, until: i64) -> Result<Window, Trouble> {
    Ok(Window { from: from.map(rows::timestamp).transpose()?, until: Some(rows::timestamp(until)?) })
}

fn find(conn: &mut SqliteConnection, follower: Username, followee: Username) -> Result<FoundFollow, Trouble> {
    let keys = names::keys_of(conn, [&follower, &followee])?;
    let Some(from) = keys.get(&follower) else { return Ok(FoundFollow::Unknown(follower)) };
    let Some(to) = keys.get(&followee) else { return Ok(FoundFollow::Unknown(followee)) };
    Ok(match edge(conn, *from, *to)?.current {
        Some(Current { since, from }) => FoundFollow::Follow(Follow { follower, followee, since, from }),
        None => FoundFollow::None,
    })
}

fn list(
    conn: &mut SqliteConnection,
    owner: &Username,
    side: FollowSide,
    span: &Span<LinkPlace>,
) -> Result<Option<Owned<ListedFollow>>, Trouble> {
    let Some((key, id)) = names::owner(conn, owner)? else { return Ok(None) };
    let Some(bound) = PlaceBound::of(span) else { return Ok(Some(Owned { owner: id, items: Vec::new() })) };
    let (one, other, index) = match side {
        FollowSide::Following => ("follower", "followee", "follows_by_follower"),
        FollowSide::Followers => ("followee", "follower", "follows_by_followee"),
    };
    let PlaceBound { compare, order, .. } = bound;
    let text = format!(
        "select u.username, f.since, f.ordinal, f.visible_from from follows f indexed by {index} \
         cross join users u on u.key = f.{other} \
         where f.{one} = ?1 and (f.since, f.ordinal) {compare} (?2, ?3) \
         order by f.since {order}, f.ordinal {order} limit ?4"
    );
    let query = sql::query::<(Text, BigInt, BigInt, Nullable<BigInt>)>(text);
    let query = bound.bind(query.bind(key.0)).bind(sql::limit(span.take));
    let mut items = Vec::new();
    for (name, since, order, from) in query.load::<(String, i64, i64, Option<i64>)>(conn)? {
        let name = rows::username(&name)?;
        let since = rows::timestamp(since)?;
        let (follower, followee) = match side {
            FollowSide::Following => (owner.clone(), name),
            FollowSide::Followers => (name, owner.clone()),
        };
        let from = from.map(rows::timestamp).transpose()?;
        items.push(ListedFollow {
            follow: Follow { follower, followee, since, from },
            place: LinkPlace { since, order },
        });
    }
    Ok(Some(Owned { owner: id, items }))
}

/// Where a list of links, newest first, is entered, and which way: always strictly beyond a place.
pub(super) struct PlaceBound {
    pub(super) compare: &'static str,
    pub(super) order: &'static str,
    since: i64,
    ordinal: i64,
}

impl PlaceBound {
    /// None where nothing can be beyond the boundary.
    pub(super) fn of(span: &Span<LinkPlace>) -> Option<Self> {
        // A position lies far from both ends of its type, so the neighbour of a place always exists.
        let (since, ordinal) = match (span.boundary, span.direction) {
            (Boundary::End, Direction::Forward) | (Boundary::Top, Direction::Backward) => return None,
            (Boundary::Top, Direction::Forward) => (i64::MAX, i64::MAX),
            (Boundary::End, Direction::Backward) => (i64::MIN, i64::MIN),
            (Boundary::Before(place), Direction::Forward) => {
                (place.since.micros(), place.order.saturating_add(1))
            }
            (Boundary::After(place), Direction::Backward) => {
                (place.since.micros(), place.order.saturating_sub(1))
            }
            (Boundary::After(place), Direction::Forward) | (Boundary::Before(place), Direction::Backward) => {
                (place.since.micros(), place.order)
            }
        };
        let (compare, order) = match span.direction {
            Direction::Forward => ("<", "desc"),
            Direction::Backward => (">", "asc"),
        };
        Some(Self { compare, order, since, ordinal })
    }

    pub(super) fn bind<ST>(&self, query: sql::Sql<ST>) -> sql::Sql<ST> {
        query.bind(Bind::from(self.since)).bind(Bind::from(self.ordinal))
    }
}
