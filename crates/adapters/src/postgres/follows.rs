//! Follows.

use std::collections::HashMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::{
    pg::PgConnection,
    prelude::*,
    sql_types::{Array, BigInt, Bool, Nullable, Text, Timestamptz},
};
use feed_me_domain::{
    Attempt, Follow, FollowFrom, FollowRequest, FollowSide, Keyed, LinkPlace, ListedFollow, Relationship,
    Span, StoreError, UnfollowRequest, UserKey, Username,
    before::Before,
    follow::{Current, FollowStep, UnfollowStep},
    ports::{BatchFollowed, FollowRepository, Followed, FoundFollow, Owned, Unfollowed},
    sequence::EventKind,
};

use super::{
    PgStore,
    edges::Edges,
    errors::Outcome,
    rows::{Walk, at, first_place, instant, limit, maybe_instant, username},
    sql::Sql,
    users,
    writing::Write,
};

#[async_trait]
impl FollowRepository for PgStore {
    async fn follow(
        &self,
        request: FollowRequest,
        keyed: Option<Keyed<Followed>>,
    ) -> Result<Attempt<Followed>, StoreError> {
        self.attempt(keyed, move |write| {
            let mut wishes = Wishes::load(write, &request.follower, &[&request.followee])?;
            let followed = wishes.follow(write, &request.followee, request.from);
            wishes.edges.save(write.conn)?;
            Ok(followed)
        })
        .await
    }

    async fn unfollow(
        &self,
        request: UnfollowRequest,
        keyed: Option<Keyed<Unfollowed>>,
    ) -> Result<Attempt<Unfollowed>, StoreError> {
        self.attempt(keyed, move |write| {
            let mut wishes = Wishes::load(write, &request.follower, &[&request.followee])?;
            let unfollowed = wishes.unfollow(write, &request.followee, request.keep_history);
            wishes.edges.save(write.conn)?;
            Ok(unfollowed)
        })
        .await
    }

    async fn follow_batch(
        &self,
        follower: &Username,
        follow: Vec<Username>,
        unfollow: Vec<Username>,
        keyed: Option<Keyed<Option<BatchFollowed>>>,
    ) -> Result<Attempt<Option<BatchFollowed>>, StoreError> {
        let follower = follower.clone();
        self.attempt(keyed, move |write| {
            let names: Vec<&Username> = follow.iter().chain(&unfollow).collect();
            let mut wishes = Wishes::load(write, &follower, &names)?;
            if wishes.follower_key.is_none() {
                return Ok(None);
            }
            let followed = follow.iter().map(|name| wishes.follow(write, name, None)).collect();
            let unfollowed = unfollow.iter().map(|name| wishes.unfollow(write, name, false)).collect();
            wishes.edges.save(write.conn)?;
            Ok(Some(BatchFollowed { followed, unfollowed }))
        })
        .await
    }

    async fn find(&self, follower: &Username, followee: &Username) -> Result<FoundFollow, StoreError> {
        let (follower, followee) = (follower.clone(), followee.clone());
        self.read(move |conn| find(conn, &follower, &followee)).await
    }

    async fn list(
        &self,
        owner: &Username,
        side: FollowSide,
        span: Span<LinkPlace>,
    ) -> Result<Option<Owned<ListedFollow>>, StoreError> {
        let owner = owner.clone();
        self.read(move |conn| {
            let Some(user) = users::find(conn, &owner)? else {
                return Ok(None);
            };
            let items = list(conn, (&owner, user.key), side, &span)?;
            Ok(Some(Owned { owner: user.id, items }))
        })
        .await
    }

    async fn relationships(
        &self,
        owner: &Username,
        with: &[Username],
    ) -> Result<Option<Vec<Relationship>>, StoreError> {
        let (owner, with) = (owner.clone(), with.to_vec());
        self.read(move |conn| match users::find(conn, &owner)? {
            Some(user) => relationships(conn, user.key, &with).map(Some),
            None => Ok(None),
        })
        .await
    }
}

/// What one user wants of others, with the state that decides it.
struct Wishes<'a> {
    follower: &'a Username,
    follower_key: Option<i64>,
    keys: HashMap<Username, i64>,
    edges: Edges,
}

impl<'a> Wishes<'a> {
    fn load(write: &mut Write<'_>, follower: &'a Username, followees: &[&Username]) -> Outcome<Self> {
        let keys = users::keys_of(write.conn, followees.iter().copied().chain([follower]))?;
        let follower_key = keys.get(follower).copied();
        let pairs = followees.iter().filter_map(|name| Some((follower_key?, *keys.get(*name)?)));
        let edges = Edges::load(write.conn, &pairs.collect::<Vec<_>>())?;
        Ok(Self { follower, follower_key, keys, edges })
    }

    /// The two numbers, or the name that nobody has.
    fn pair(&self, followee: &Username) -> Result<(i64, i64), Username> {
        let follower = self.follower_key.ok_or_else(|| self.follower.clone())?;
        Ok((follower, *self.keys.get(followee).ok_or_else(|| followee.clone())?))
    }

    fn follow(&mut self, write: &mut Write<'_>, followee: &Username, from: Option<FollowFrom>) -> Followed {
        let pair = match self.pair(followee) {
            Ok(pair) => pair,
            Err(unknown) => return Followed::Unknown(unknown),
        };
        if pair.0 == pair.1 {
            return Followed::Oneself;
        }
        if self.edges.is_blocked(pair) {
            return Followed::Blocked;
        }
        let (user, other) = (Some(UserKey(pair.0)), Some(UserKey(pair.1)));
        let follow = |current: Current| Follow {
            follower: self.follower.clone(),
            followee: followee.clone(),
            since: current.since,
            from: current.from,
        };
        let stored = self.edges.of(pair);
        let before = Before::of_edge(&stored.edge);
        match stored.edge.follow(from, write.turn.stamp()) {
            FollowStep::New(current) => {
                stored.edge.current = Some(current);
                stored.ordinal = write.turn.record(EventKind::FollowAdded, None, user, other);
                write.turn.note(before);
                Followed::Now(follow(current))
            }
            FollowStep::Moved(current) => {
                stored.edge.current = Some(current);
                write.turn.record(EventKind::FollowChanged, None, user, other);
                write.turn.note(before);
                Followed::Already(follow(current))
            }
            FollowStep::Already(current) => Followed::Already(follow(current)),
        }
    }

    fn unfollow(&mut self, write: &mut Write<'_>, followee: &Username, keep_history: bool) -> Unfollowed {
        let pair = match self.pair(followee) {
            Ok(pair) => pair,
            Err(unknown) => return Unfollowed::Unknown(unknown),
        };
        let stored = self.edges.of(pair);
        let before = Before::of_edge(&stored.edge);
        match stored.edge.unfollow(keep_history, write.turn.stamp()) {
            UnfollowStep::NotThere => Unfollowed::NotThere,
            UnfollowStep::NoChange => Unfollowed::Ended,
            UnfollowStep::End { current: _, kept } => {
                stored.edge.current = None;
                stored.edge.kept = kept;
                let (user, other) = (Some(UserKey(pair.0)), Some(UserKey(pair.1)));
                write.turn.record(EventKind::FollowRemoved, None, user, other);
                write.turn.note(before);
                Unfollowed::Ended
            }
        }
    }
}

fn find(conn: &mut PgConnection, follower: &Username, followee: &Username) -> Outcome<FoundFollow> {
    let keys = users::keys_of(conn, [follower, followee].into_iter())?;
    for name in [follower, followee] {
        if !keys.contains_key(name) {
            return Ok(FoundFollow::Unknown(name.clone()));
        }
    }
    Ok(present(conn, (follower, keys[follower]), (followee, keys[followee]))?
        .map_or(FoundFollow::None, FoundFollow::Follow))
}

/// The present follow of two users.
fn present(
    conn: &mut PgConnection,
    (follower, follower_key): (&Username, i64),
    (followee, followee_key): (&Username, i64),
) -> Outcome<Option<Follow>> {
    type Row = (DateTime<Utc>, Option<DateTime<Utc>>);
    let row = Sql::<(Timestamptz, Nullable<Timestamptz>)>::new(
        "select since, visible_from from follows where follower = $1 and followee = $2",
    )
    .bind::<BigInt, _>(follower_key)
    .bind::<BigInt, _>(followee_key);
    let Some((since, from)) = row.get_result::<Row>(conn).optional()? else {
        return Ok(None);
    };
    Ok(Some(Follow {
        follower: follower.clone(),
        followee: followee.clone(),
        since: instant(since)?,
        from: maybe_instant(from)?,
    }))
}

fn list(
    conn: &mut PgConnection,
    (owner, key): (&Username, UserKey),
    side: FollowSide,
    span: &Span<LinkPlace>,
) -> Outcome<Vec<ListedFollow>> {
    type Types = (Text, Timestamptz, BigInt, Nullable<Timestamptz>);
    type Row = (String, DateTime<Utc>, i64, Option<DateTime<Utc>>);
    let Some(first) = first_place(span.boundary, span.direction) else {
        return Ok(Vec::new());
    };
    let Walk { from, order, .. } = Walk::of(span.direction);
    let (owners, others) = match side {
        FollowSide::Following => ("follower", "followee"),
        FollowSide::Followers => ("followee", "follower"),
    };
    let found = Sql::<Types>::new(format!(
        "select (select u.username from users u where u.key = f.{others}), f.since, f.ordinal, f.visible_from
        from follows f where f.{owners} = $1 and (f.since, f.ordinal) {from} ($2, $3)
        order by f.since {order}, f.ordinal {order} limit $4"
    ))
    .bind::<BigInt, _>(key.0)
    .bind::<Timestamptz, _>(at(first.since))
    .bind::<BigInt, _>(first.order)
    .bind::<BigInt, _>(limit(span.take));
    let listed = |(other, since, order, from): Row| {
        let since = instant(since)?;
        let other = username(&other)?;
        let (follower, followee) = match side {
            FollowSide::Following => (owner.clone(), other),
            FollowSide::Followers => (other, owner.clone()),
        };
        let follow = Follow { follower, followee, since, from: maybe_instant(from)? };
        Ok(ListedFollow { follow, place: LinkPlace { since, order } })
    };
    found.load::<Row>(conn)?.into_iter().map(listed).collect()
}

fn relationships(conn: &mut PgConnection, owner: UserKey, with: &[Username]) -> Outcome<Vec<Relationship>> {
    let names: Vec<&str> = with.iter().map(Username::as_str).collect();
    let found = Sql::<(Text, Bool, Bool)>::new(
        "select u.username,
            exists (select 1 from follows f where f.follower = $1 and f.followee = u.key),
            exists (select 1 from follows f where f.follower = u.key and f.followee = $1)
        from unnest($2) with ordinality as asked (name, place)
        cross join lateral (select * from users x where x.username = asked.name offset 0) u
        order by asked.place",
    );
    let found = found.bind::<BigInt, _>(owner.0).bind::<Array<Text>, _>(names);
    let relationship = |(name, following, followed_by): (String, bool, bool)| {
        Ok(Relationship { username: username(&name)?, following, followed_by })
    };
    found.load::<(String, bool, bool)>(conn)?.into_iter().map(relationship).collect()
}
