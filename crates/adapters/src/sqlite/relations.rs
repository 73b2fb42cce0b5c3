use async_trait::async_trait;
use diesel::{
    SqliteConnection,
    prelude::*,
    sql_types::{BigInt, Bool, Text},
};
use feed_me_domain::{
    LinkPlace, Relation, RelationKind, Span, Timestamp, UserKey, Username,
    before::Before,
    error::StoreError,
    ports::{Owned, Related, RelationRepository, Unrelated},
    sequence::EventKind,
};

use super::{SqliteStore, errors::Trouble, follows, follows::PlaceBound, names, rows, sql, writer::Write};

#[async_trait]
impl RelationRepository for SqliteStore {
    async fn add(
        &self,
        kind: RelationKind,
        owner: &Username,
        other: &Username,
    ) -> Result<Related, StoreError> {
        let (owner, other) = (owner.clone(), other.clone());
        self.write(move |write| match both(write.conn, owner, other)? {
            Ok((owner, other)) if owner == other => Ok(Related::Oneself),
            Ok((owner, other)) => add(write, kind, owner, other),
            Err(unknown) => Ok(Related::Unknown(unknown)),
        })
        .await
    }

    async fn remove(
        &self,
        kind: RelationKind,
        owner: &Username,
        other: &Username,
    ) -> Result<Unrelated, StoreError> {
        let (owner, other) = (owner.clone(), other.clone());
        self.write(move |write| match both(write.conn, owner, other)? {
            Ok((owner, other)) => remove(write, kind, owner, other),
            Err(unknown) => Ok(Unrelated::Unknown(unknown)),
        })
        .await
    }

    async fn list(
        &self,
        kind: RelationKind,
        owner: &Username,
        span: Span<LinkPlace>,
    ) -> Result<Option<Owned<Relation>>, StoreError> {
        let owner = owner.clone();
        self.read(move |conn| conn.transaction(|conn| list(conn, kind, &owner, &span))).await
    }
}

/// The table of a kind: its name, whose row it is, and whom it is about.
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) owner: &'static str,
    pub(super) other: &'static str,
    index: &'static str,
}

/// Where a kind stands.
pub(super) fn table(kind: RelationKind) -> Table {
    match kind {
        RelationKind::Block => {
            Table { name: "blocks", owner: "blocker", other: "blocked", index: "blocks_by_blocker" }
        }
        RelationKind::Mute => {
            Table { name: "mutes", owner: "muter", other: "muted", index: "mutes_by_muter" }
        }
    }
}

/// The numbers of both, or the first name that nobody has.
fn both(
    conn: &mut SqliteConnection,
    owner: Username,
    other: Username,
) -> Result<Result<(UserKey, UserKey), Username>, Trouble> {
    let keys = names::keys_of(conn, [&owner, &other])?;
    let key = |name: Username| keys.get(&name).copied().ok_or(name);
    Ok(key(owner).and_then(|owner| Ok((owner, key(other)?))))
}

fn add(
    write: &mut Write<'_>,
    kind: RelationKind,
    owner: UserKey,
    other: UserKey,
) -> Result<Related, Trouble> {
    let table = table(kind);
    if let Some(since) = since(write.conn, kind, owner, other)? {
        return Ok(Related::Already(since));
    }
    let stamp = write.turn.stamp();
    let event = match kind {
        RelationKind::Block => EventKind::BlockAdded,
        RelationKind::Mute => EventKind::MuteAdded,
    };
    let ordinal = write.turn.record(event, None, Some(owner), Some(other));
    let Table { name, owner: left, other: right, .. } = table;
    sql::command(format!("insert into {name} ({left}, {right}, since, ordinal) values (?1, ?2, ?3, ?4)"))
        .bind(owner.0)
        .bind(other.0)
        .bind(stamp.micros())
        .bind(ordinal)
        .execute(write.conn)?;
    if kind == RelationKind::Block {
        let there = follows::edge(write.conn, owner, other)?;
        let back = follows::edge(write.conn, other, owner)?;
        write.turn.note(Before::of_edges(&there, &back));
        follows::remove(write.conn, owner, other)?;
        follows::remove(write.conn, other, owner)?;
    }
    Ok(Related::Now(stamp))
}

fn remove(
    write: &mut Write<'_>,
    kind: RelationKind,
    owner: UserKey,
    other: UserKey,
) -> Result<Unrelated, Trouble> {
    let Table { name, owner: left, other: right, .. } = table(kind);
    let gone = sql::command(format!("delete from {name} where {left} = ?1 and {right} = ?2"))
        .bind(owner.0)
        .bind(other.0)
        .execute(write.conn)?;
    if gone == 0 {
        return Ok(Unrelated::NotThere);
    }
    let event = match kind {
        RelationKind::Block => EventKind::BlockRemoved,
        RelationKind::Mute => EventKind::MuteRemoved,
    };
    write.turn.stamp();
    write.turn.record(event, None, Some(owner), Some(other));
    Ok(Unrelated::Ended)
}

/// Since when a block or mute stands.
pub(super) fn since(
    conn: &mut SqliteConnection,
    kind: RelationKind,
    owner: UserKey,
    other: UserKey,
) -> Result<Option<Timestamp>, Trouble> {
    let Table { name, owner: left, other: right, .. } = table(kind);
    let text = format!("select since from {name} where {left} = ?1 and {right} = ?2");
    let found = sql::query::<BigInt>(text).bind(owner.0).bind(other.0).get_result::<i64>(conn);
    found.optional()?.map(rows::timestamp).transpose()
}

/// Whether a block stands between two users, either way.
pub(super) fn block_stands(
    conn: &mut SqliteConnection,
    one: UserKey,
    other: UserKey,
) -> Result<bool, Trouble> {
    const STANDS: &str = "select exists (select 1 from blocks where blocker = ?1 and blocked = ?2) \
        or exists (select 1 from blocks where blocker = ?2 and blocked = ?1)";
    Ok(sql::query::<Bool>(STANDS).bind(one.0).bind(other.0).get_result(conn)?)
}

fn list(
    conn: &mut SqliteConnection,
    kind: RelationKind,
    owner: &Username,
    span: &Span<LinkPlace>,
) -> Result<Option<Owned<Relation>>, Trouble> {
    let Some((key, id)) = names::owner(conn, owner)? else { return Ok(None) };
    let Some(bound) = PlaceBound::of(span) else { return Ok(Some(Owned { owner: id, items: Vec::new() })) };
    let Table { name, owner: left, other: right, index } = table(kind);
    let PlaceBound { compare, order, .. } = bound;
    let text = format!(
        "select u.username, r.since, r.ordinal from {name} r indexed by {index} \
         cross join users u on u.key = r.{right} \
         where r.{left} = ?1 and (r.since, r.ordinal) {compare} (?2, ?3) \
         order by r.since {order}, r.ordinal {order} limit ?4"
    );
    let query =
        bound.bind(sql::query::<(Text, BigInt, BigInt)>(text).bind(key.0)).bind(sql::limit(span.take));
    let found = query.load::<(String, i64, i64)>(conn)?.into_iter();
    let items = found.map(|(name, since, order)| {
        Ok(Relation {
            username: rows::username(&name)?,
            place: LinkPlace { since: rows::timestamp(since)?, order },
        })
    });
    Ok(Some(Owned { owner: id, items: items.collect::<Result<_, Trouble>>()? }))
}
