//! Edges (present follows and kept windows) of a write: loaded at its beginning, changed in memory by what the domain
//! says, saved as the difference. So a batch of any size takes the same few statements.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use diesel::{
    pg::PgConnection,
    prelude::*,
    sql_types::{Array, BigInt, Bool, Nullable, Timestamptz},
};
use feed_me_domain::{
    Window,
    follow::{Current, Edge},
};

use super::{
    errors::{Outcome, PgError},
    rows::{at, instant, maybe_instant},
    sql::Sql,
};

/// Follower and followee.
pub(super) type Pair = (i64, i64);

/// An edge with what its row holds beside it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Stored {
    /// The edge.
    pub(super) edge: Edge,
    /// The position of the event that made the present follow.
    pub(super) ordinal: i64,
}

/// The edges that a write is about.
#[derive(Default)]
pub(super) struct Edges {
    before: HashMap<Pair, Stored>,
    now: HashMap<Pair, Stored>,
    blocked: HashSet<Pair>,
}

impl Edges {
    /// Loads the edges of some pairs, and whether a block stands between the two, either way.
    pub(super) fn load(conn: &mut PgConnection, pairs: &[Pair]) -> Outcome<Self> {
        if pairs.is_empty() {
            return Ok(Self::default());
        }
        let mut edges = Self { before: stored(conn, pairs)?, ..Self::default() };
        edges.blocked = blocked(conn, pairs)?;
        edges.now.clone_from(&edges.before);
        Ok(edges)
    }

    /// The edge of a pair, as the write has left it so far.
    pub(super) fn of(&mut self, pair: Pair) -> &mut Stored {
        self.now.entry(pair).or_default()
    }

    /// Whether a block stands between the two.
    pub(super) fn is_blocked(&self, pair: Pair) -> bool {
        self.blocked.contains(&pair)
    }

    /// From now on a block stands between the two: the edges both ways go.
    pub(super) fn block(&mut self, (one, other): Pair) {
        for pair in [(one, other), (other, one)] {
            self.blocked.insert(pair);
            self.now.insert(pair, Stored::default());
        }
    }

    /// Writes down what has changed, and counts it.
    pub(super) fn save(&self, conn: &mut PgConnection) -> Outcome<()> {
        let none = Stored::default();
        let mut changes = Changes::default();
        for (&pair, now) in &self.now {
            let before = self.before.get(&pair).unwrap_or(&none);
            match (before.edge.current, now.edge.current) {
                (Some(_), None) => changes.ended.push(pair),
                (None, Some(current)) => changes.begun.push((pair, current, now.ordinal)),
                (Some(was), Some(is)) if was != is || before.ordinal != now.ordinal => {
                    changes.moved.push((pair, is, now.ordinal));
                }
                _ => {}
            }
            if before.edge.kept != now.edge.kept {
                if !before.edge.kept.is_empty() {
                    changes.kept_gone.push(pair);
                }
                changes.kept_new.extend(now.edge.kept.iter().map(|window| (pair, *window)));
            }
        }
        changes.save(conn)
    }
}

type Arrays = (Vec<i64>, Vec<i64>);

fn arrays(pairs: impl IntoIterator<Item = Pair>) -> Arrays {
    pairs.into_iter().unzip()
}

/// The edges of some pairs; those that have none are left out.
pub(super) fn stored(conn: &mut PgConnection, pairs: &[Pair]) -> Outcome<HashMap<Pair, Stored>> {
    if pairs.is_empty() {
        return Ok(HashMap::new());
    }
    let mut stored = currents(conn, pairs)?;
    for (pair, window) in kept(conn, pairs)? {
        stored.entry(pair).or_default().edge.kept.push(window);
    }
    Ok(stored)
}

fn currents(conn: &mut PgConnection, pairs: &[Pair]) -> Outcome<HashMap<Pair, Stored>> {
    type Types = (BigInt, BigInt, Timestamptz, BigInt, Nullable<Timestamptz>);
    type Row = (i64, i64, DateTime<Utc>, i64, Option<DateTime<Utc>>);
    let (followers, followees) = arrays(pairs.iter().copied());
    let found = Sql::<Types>::new(
        "select f.follower, f.followee, f.since, f.ordinal, f.visible_from
        from (select distinct * from unnest($1, $2)) as asked (follower, followee)
        cross join lateral (
            select * from follows x where x.follower = asked.follower and x.followee = asked.followee offset 0
        ) f",
    );
    let found = found.bind::<Array<BigInt>, _>(followers).bind::<Array<BigInt>, _>(followees);
    let stored = |(follower, followee, since, ordinal, from): Row| {
        let current = Some(Current { since: instant(since)?, from: maybe_instant(from)? });
        Ok(((follower, followee), Stored { edge: Edge { current, kept: Vec::new() }, ordinal }))
    };
    found.load::<Row>(conn)?.into_iter().map(stored).collect()
}

/// The kept windows, in order of time.
fn kept(conn: &mut PgConnection, pairs: &[Pair]) -> Outcome<Vec<(Pair, Window)>> {
    type Types = (BigInt, BigInt, Nullable<Timestamptz>, Timestamptz);
    type Row = (i64, i64, Option<DateTime<Utc>>, DateTime<Utc>);
    let (followers, followees) = arrays(pairs.iter().copied());
    let found = Sql::<Types>::new(
        "select k.follower, k.followee, k.visible_from, k.visible_until
        from (select distinct * from unnest($1, $2)) as asked (follower, followee)
        cross join lateral (
            select * from follow_windows x where x.follower = asked.follower and x.followee = asked.followee offset 0
        ) k
        order by k.visible_until",
    );
    let found = found.bind::<Array<BigInt>, _>(followers).bind::<Array<BigInt>, _>(followees);
    let window = |(follower, followee, from, until): Row| {
        let window = Window { from: maybe_instant(from)?, until: Some(instant(until)?) };
        Ok(((follower, followee), window))
    };
    found.load::<Row>(conn)?.into_iter().map(window).collect()
}

fn blocked(conn: &mut PgConnection, pairs: &[Pair]) -> Outcome<HashSet<Pair>> {
    let (followers, followees) = arrays(pairs.iter().copied());
    let found = Sql::<(BigInt, BigInt, Bool)>::new(
        "select asked.one, asked.other,
            exists (select 1 from blocks b where b.blocker = asked.one and b.blocked = asked.other)
            or exists (select 1 from blocks b where b.blocker = asked.other and b.blocked = asked.one)
        from unnest($1, $2) as asked (one, other)",
    );
    let found = found.bind::<Array<BigInt>, _>(followers).bind::<Array<BigInt>, _>(followees);
    let found: Vec<(i64, i64, bool)> = found.load(conn)?;
    Ok(found.into_iter().filter(|found| found.2).map(|(one, other, _)| (one, other)).collect())
}

/// The differences between two states of edges.
#[derive(Default)]
struct Changes {
    ended: Vec<Pair>,
    begun: Vec<(Pair, Current, i64)>,
    moved: Vec<(Pair, Current, i64)>,
    kept_gone: Vec<Pair>,
    kept_new: Vec<(Pair, Window)>,
}

impl Changes {
    fn save(&self, conn: &mut PgConnection) -> Outcome<()> {
        if !self.ended.is_empty() {
            self.end(conn)?;
        }
        if !self.begun.is_empty() {
            put(conn, INSERT_FOLLOWS, &self.begun)?;
        }
        if !self.moved.is_empty() {
            put(conn, MOVE_FOLLOWS, &self.moved)?;
        }
        self.count(conn)?;
        if !self.kept_gone.is_empty() {
            self.forget_kept(conn)?;
        }
        if !self.kept_new.is_empty() {
            self.keep(conn)?;
        }
        Ok(())
    }

    fn end(&self, conn: &mut PgConnection) -> Outcome<()> {
        let (followers, followees) = arrays(self.ended.iter().copied());
        Sql::<()>::new(
            "delete from follows f using unnest($1, $2) as ended (follower, followee)
            where f.follower = ended.follower and f.followee = ended.followee",
        )
        .bind::<Array<BigInt>, _>(followers)
        .bind::<Array<BigInt>, _>(followees)
        .execute(conn)?;
        Ok(())
    }

    /// Sets the counts of both ends right.
    fn count(&self, conn: &mut PgConnection) -> Outcome<()> {
        let mut differences: HashMap<i64, (i64, i64)> = HashMap::new();
        let begun = self.begun.iter().map(|(pair, ..)| (*pair, 1));
        for ((follower, followee), difference) in begun.chain(self.ended.iter().map(|pair| (*pair, -1))) {
            differences.entry(follower).or_default().0 += difference;
            differences.entry(followee).or_default().1 += difference;
        }
        if differences.is_empty() {
            return Ok(());
        }
        let users: Vec<i64> = differences.keys().copied().collect();
        let (following, followers): (Vec<i64>, Vec<i64>) = differences.values().copied().unzip();
        Sql::<()>::new(
            "update users set following = users.following + d.following, followers = users.followers + d.followers
            from unnest($1, $2, $3) as d (key, following, followers) where users.key = d.key",
        )
        .bind::<Array<BigInt>, _>(users)
        .bind::<Array<BigInt>, _>(following)
        .bind::<Array<BigInt>, _>(followers)
        .execute(conn)?;
        Ok(())
    }

    fn forget_kept(&self, conn: &mut PgConnection) -> Outcome<()> {
        let (followers, followees) = arrays(self.kept_gone.iter().copied());
        Sql::<()>::new(
            "delete from follow_windows k using unnest($1, $2) as gone (follower, followee)
            where k.follower = gone.follower and k.followee = gone.followee",
        )
        .bind::<Array<BigInt>, _>(followers)
        .bind::<Array<BigInt>, _>(followees)
        .execute(conn)?;
        Ok(())
    }

    fn keep(&self, conn: &mut PgConnection) -> Outcome<()> {
        let (followers, followees) = arrays(self.kept_new.iter().map(|(pair, _)| *pair));
        let from: Vec<_> = self.kept_new.iter().map(|(_, window)| window.from.map(at)).collect();
        let until = self.kept_new.iter().map(|(_, window)| window.until.map(at));
        let until: Option<Vec<_>> = until.collect();
        let until = until.ok_or_else(|| PgError::failed("a kept window has no end"))?;
        Sql::<()>::new(
            "insert into follow_windows (follower, followee, visible_from, visible_until)
            select * from unnest($1, $2, $3, $4)",
        )
        .bind::<Array<BigInt>, _>(followers)
        .bind::<Array<BigInt>, _>(followees)
        .bind::<Array<Nullable<Timestamptz>>, _>(from)
        .bind::<Array<Timestamptz>, _>(until)
        .execute(conn)?;
        Ok(())
    }
}

const INSERT_FOLLOWS: &str = "insert into follows (follower, followee, since, ordinal, visible_from)
    select * from unnest($1, $2, $3, $4, $5)";
const MOVE_FOLLOWS: &str = "update follows f
    set since = moved.since, ordinal = moved.ordinal, visible_from = moved.visible_from
    from unnest($1, $2, $3, $4, $5) as moved (follower, followee, since, ordinal, visible_from)
    where f.follower = moved.follower and f.followee = moved.followee";

fn put(conn: &mut PgConnection, text: &str, follows: &[(Pair, Current, i64)]) -> Outcome<()> {
    let (followers, followees) = arrays(follows.iter().map(|(pair, ..)| *pair));
    Sql::<()>::new(text)
        .bind::<Array<BigInt>, _>(followers)
        .bind::<Array<BigInt>, _>(followees)
        .bind::<Array<Timestamptz>, _>(
            follows.iter().map(|(_, current, _)| at(current.since)).collect::<Vec<_>>(),
        )
        .bind::<Array<BigInt>, _>(follows.iter().map(|(.., ordinal)| *ordinal).collect::<Vec<_>>())
        .bind::<Array<Nullable<Timestamptz>>, _>(
            follows.iter().map(|(_, current, _)| current.from.map(at)).collect::<Vec<_>>(),
        )
        .execute(conn)?;
    Ok(())
}
