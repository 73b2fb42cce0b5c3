//! Blocks and mutes.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::{
    pg::PgConnection,
    prelude::*,
    sql_types::{Array, BigInt, Text, Timestamptz},
};
use feed_me_domain::{
    LinkPlace, Relation, RelationKind, Span, StoreError, Timestamp, UserKey, Username,
    before::Before,
    ports::{Owned, Related, RelationRepository, Unrelated},
    sequence::EventKind,
};

use super::{
    PgStore,
    edges::{Edges, Pair},
    errors::Outcome,
    rows::{Walk, at, first_place, instant, limit, username},
    sql::Sql,
    users,
    writing::Write,
};

#[async_trait]
impl RelationRepository for PgStore {
    async fn add(
        &self,
        kind: RelationKind,
        owner: &Username,
        other: &Username,
    ) -> Result<Related, StoreError> {
        let (owner, other) = (owner.clone(), other.clone());
        self.write(move |write| add(write, kind, &owner, &other)).await
    }

    async fn remove(
        &self,
        kind: RelationKind,
        owner: &Username,
        other: &Username,
    ) -> Result<Unrelated, StoreError> {
        let (owner, other) = (owner.clone(), other.clone());
        self.write(move |write| remove(write, kind, &owner, &other)).await
    }

    async fn list(
        &self,
        kind: RelationKind,
        owner: &Username,
        span: Span<LinkPlace>,
    ) -> Result<Option<Owned<Relation>>, StoreError> {
        let owner = owner.clone();
        self.read(move |conn| {
            let Some(user) = users::find(conn, &owner)? else {
                return Ok(None);
            };
            Ok(Some(Owned { owner: user.id, items: list(conn, kind, user.key, &span)? }))
        })
        .await
    }
}

/// The table of a kind and its columns: whose the row is, and whom it is about.
pub(super) fn table(kind: RelationKind) -> (&'static str, &'static str, &'static str) {
    match kind {
        RelationKind::Block => ("blocks", "blocker", "blocked"),
        RelationKind::Mute => ("mutes", "muter", "muted"),
    }
}

/// The event of a new one.
pub(super) fn added(kind: RelationKind) -> EventKind {
    match kind {
        RelationKind::Block => EventKind::BlockAdded,
        RelationKind::Mute => EventKind::MuteAdded,
    }
}

/// The two numbers, or the name that nobody has.
fn pair(write: &mut Write<'_>, owner: &Username, other: &Username) -> Outcome<Result<Pair, Username>> {
    let keys = users::keys_of(write.conn, [owner, other].into_iter())?;
    let key = |name: &Username| keys.get(name).copied().ok_or_else(|| name.clone());
    Ok(key(owner).and_then(|owner| Ok((owner, key(other)?))))
}

fn add(write: &mut Write<'_>, kind: RelationKind, owner: &Username, other: &Username) -> Outcome<Related> {
    let pair = match pair(write, owner, other)? {
        Ok(pair) => pair,
        Err(unknown) => return Ok(Related::Unknown(unknown)),
    };
    if pair.0 == pair.1 {
        return Ok(Related::Oneself);
    }
    if let Some((_, since)) = find_all(write.conn, kind, &[pair])?.into_iter().next() {
        return Ok(Related::Already(since));
    }
    let since = write.turn.stamp();
    let ordinal = write.turn.record(added(kind), None, Some(UserKey(pair.0)), Some(UserKey(pair.1)));
    insert(write.conn, kind, &[(pair, since, ordinal)])?;
    if kind == RelationKind::Block {
        let back = (pair.1, pair.0);
        let mut edges = Edges::load(write.conn, &[pair, back])?;
        let there = edges.of(pair).edge.clone();
        write.turn.note(Before::of_edges(&there, &edges.of(back).edge));
        edges.block(pair);
        edges.save(write.conn)?;
    }
    Ok(Related::Now(since))
}

fn remove(
    write: &mut Write<'_>,
    kind: RelationKind,
    owner: &Username,
    other: &Username,
) -> Outcome<Unrelated> {
    let pair = match pair(write, owner, other)? {
        Ok(pair) => pair,
        Err(unknown) => return Ok(Unrelated::Unknown(unknown)),
    };
    let (table, owners, others) = table(kind);
    let gone = Sql::<()>::new(format!("delete from {table} where {owners} = $1 and {others} = $2"))
        .bind::<BigInt, _>(pair.0)
        .bind::<BigInt, _>(pair.1)
        .execute(write.conn)?;
    if gone == 0 {
        return Ok(Unrelated::NotThere);
    }
    let event = match kind {
        RelationKind::Block => EventKind::BlockRemoved,
        RelationKind::Mute => EventKind::MuteRemoved,
    };
    write.turn.record(event, None, Some(UserKey(pair.0)), Some(UserKey(pair.1)));
    Ok(Unrelated::Ended)
}

/// Those of `pairs` that stand, and since when, in one question.
pub(super) fn find_all(
    conn: &mut PgConnection,
    kind: RelationKind,
    pairs: &[Pair],
) -> Outcome<Vec<(Pair, Timestamp)>> {
    if pairs.is_empty() {
        return Ok(Vec::new());
    }
    let (table, owners, others) = table(kind);
    let (owner_keys, other_keys): (Vec<i64>, Vec<i64>) = pairs.iter().copied().unzip();
    let found = Sql::<(BigInt, BigInt, Timestamptz)>::new(format!(
        "select r.{owners}, r.{others}, r.since from unnest($1, $2) as asked (owner, other)
        cross join lateral (
            select * from {table} x where x.{owners} = asked.owner and x.{others} = asked.other offset 0
        ) r"
    ));
    let found = found.bind::<Array<BigInt>, _>(owner_keys).bind::<Array<BigInt>, _>(other_keys);
    let found: Vec<(i64, i64, DateTime<Utc>)> = found.load(conn)?;
    found.into_iter().map(|(owner, other, since)| Ok(((owner, other), instant(since)?))).collect()
}

/// Inserts some, each with its time and the position of its event.
pub(super) fn insert(
    conn: &mut PgConnection,
    kind: RelationKind,
    new: &[(Pair, Timestamp, i64)],
) -> Outcome<()> {
    if new.is_empty() {
        return Ok(());
    }
    let (table, owners, others) = table(kind);
    Sql::<()>::new(format!(
        "insert into {table} ({owners}, {others}, since, ordinal) select * from unnest($1, $2, $3, $4)"
    ))
    .bind::<Array<BigInt>, _>(new.iter().map(|(pair, ..)| pair.0).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(new.iter().map(|(pair, ..)| pair.1).collect::<Vec<_>>())
    .bind::<Array<Timestamptz>, _>(new.iter().map(|(_, since, _)| at(*since)).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(new.iter().map(|(.., ordinal)| *ordinal).collect::<Vec<_>>())
    .execute(conn)?;
    Ok(())
}

fn list(
    conn: &mut PgConnection,
    kind: RelationKind,
    owner: UserKey,
    span: &Span<LinkPlace>,
) -> Outcome<Vec<Relation>> {
    let Some(first) = first_place(span.boundary, span.direction) else {
        return Ok(Vec::new());
    };
    let Walk { from, order, .. } = Walk::of(span.direction);
    let (table, owners, others) = table(kind);
    let found = Sql::<(Text, Timestamptz, BigInt)>::new(format!(
        "select (select u.username from users u where u.key = r.{others}), r.since, r.ordinal
        from {table} r where r.{owners} = $1 and (r.since, r.ordinal) {from} ($2, $3)
        order by r.since {order}, r.ordinal {order} limit $4"
    ))
    .bind::<BigInt, _>(owner.0)
    .bind::<Timestamptz, _>(at(first.since))
    .bind::<BigInt, _>(first.order)
    .bind::<BigInt, _>(limit(span.take));
    let relation = |(name, since, order): (String, DateTime<Utc>, i64)| {
        let place = LinkPlace { since: instant(since)?, order };
        Ok(Relation { username: username(&name)?, place })
    };
    found.load::<(String, DateTime<Utc>, i64)>(conn)?.into_iter().map(relation).collect()
}
