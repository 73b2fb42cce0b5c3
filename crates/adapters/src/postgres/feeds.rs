//! Reading feeds.
//!
//! A page is read in two parts of one statement: first its keys, (published, id), from indexes alone, beyond the boundary;
//! then the rows of those keys, one look at the primary key each. Nothing sorts or counts history, a deep page costs what
//! the first one does, and passed-over items (`skip`) are never more than keys. Each text is prepared once a session.

mod friends;

use async_trait::async_trait;
use diesel::{
    pg::PgConnection,
    prelude::*,
    sql_types::{Array, BigInt, Text, Timestamptz, Uuid as SqlUuid},
};
use feed_me_domain::{
    Activity, ActivityId, FeedFilter, FeedKind, FeedQuery, FeedSlice, Follow, Position, StoreError, User,
    Username, Verb,
    ports::{Explained, FeedRepository, VisibilityFacts},
};

use super::{
    PgStore, activities,
    edges::Edges,
    errors::Outcome,
    relations,
    rows::{ACTIVITY, ActivityRow, ActivityTypes, Walk, at, first_place, limit},
    sql::Sql,
    users,
};

pub use self::friends::PlanMode;

#[async_trait]
impl FeedRepository for PgStore {
    async fn page(&self, query: &FeedQuery) -> Result<Option<FeedSlice>, StoreError> {
        let query = query.clone();
        self.read(move |conn| {
            // The position first: what it includes, the page that is read after it does too.
            let Some((owner, position)) = users::find_at(conn, &query.owner)? else {
                return Ok(None);
            };
            let activities = match Asked::of(&query, &owner) {
                Some(asked) => page(conn, &query, &owner, &asked)?,
                None => Vec::new(),
            };
            Ok(Some(FeedSlice::whole(owner.id, position, activities)))
        })
        .await
    }

    async fn explain(&self, viewer: &Username, activity: ActivityId) -> Result<Explained, StoreError> {
        let viewer = viewer.clone();
        self.read_at_once(move |conn| explain(conn, &viewer, activity)).await
    }
}

impl PgStore {
    /// What PostgreSQL says about reading a page of a friends feed: the lines of `EXPLAIN (ANALYZE, BUFFERS)` of the very
    /// statements that [`FeedRepository::page`] would run, in order. For tests and for looking into slow pages; it runs
    /// the statements.
    pub async fn explain_friends(
        &self,
        query: &FeedQuery,
        mode: PlanMode,
    ) -> Result<Vec<String>, StoreError> {
        let query = query.clone();
        self.read(move |conn| {
            let Some(owner) = users::find(conn, &query.owner)? else {
                return Ok(Vec::new());
            };
            match Asked::of(&query, &owner) {
                Some(asked) => friends::explain_plans(conn, &query, &owner, &asked, mode),
                None => Ok(Vec::new()),
            }
        })
        .await
    }
}

/// The values of a page's statement; the text says which of them it needs.
struct Asked {
    /// `$1`: whose feed.
    owner: i64,
    /// `$2`, `$3`: the first place that may be shown.
    first: Position,
    /// `$4`: how many keys are needed, those passed over with them.
    needed: i64,
    /// `$5`: how many items are wanted.
    take: i64,
    /// `$6`: how many are passed over.
    skip: i64,
    /// `$7`: any of these verbs.
    verbs: Vec<String>,
}

impl Asked {
    /// None where the walk stands at an end already.
    fn of(query: &FeedQuery, owner: &User) -> Option<Self> {
        let first = first_place(query.span.boundary, query.span.direction)?;
        let (take, skip) = (limit(query.span.take), limit(query.skip));
        let verbs = query.filter.verbs().iter().map(|verb| Verb::as_str(verb).to_owned()).collect();
        Some(Self { owner: owner.key.0, first, needed: take.saturating_add(skip), take, skip, verbs })
    }

    fn bound<ST>(&self, text: String) -> Sql<'_, ST> {
        Sql::new(text)
            .bind::<BigInt, _>(self.owner)
            .bind::<Timestamptz, _>(at(self.first.published))
            .bind::<SqlUuid, _>(self.first.id.as_uuid())
            .bind::<BigInt, _>(self.needed)
            .bind::<BigInt, _>(self.take)
            .bind::<BigInt, _>(self.skip)
            .bind::<Array<Text>, _>(&self.verbs[..])
    }

    fn load(&self, conn: &mut PgConnection, text: String) -> Outcome<Vec<ActivityRow>> {
        Ok(self.bound::<ActivityTypes>(text).load(conn)?)
    }
}

fn page(conn: &mut PgConnection, query: &FeedQuery, owner: &User, asked: &Asked) -> Outcome<Vec<Activity>> {
    let rows = match query.kind {
        FeedKind::Own => asked.load(conn, own(query))?,
        FeedKind::Mentions => asked.load(conn, mentions(query))?,
        FeedKind::Friends => friends::page(conn, query, owner, asked)?,
    };
    super::rows::activities(&rows)
}

/// Narrows activities `a` to the verbs that are asked for. The indexes hold the verb, so only keys are passed over.
fn verb_filter(filter: &FeedFilter) -> &'static str {
    if filter.verbs().is_empty() { "" } else { "and a.verb = any($7)" }
}

/// The rows of the keys that `keys` selects. `offset 0` keeps each a look at the primary key: without it a plan for
/// any number of keys may join them with the whole table.
fn with_rows(keys: &str, order: &str) -> String {
    format!(
        "select {ACTIVITY} from ({keys}) k
        cross join lateral (select * from activities x where x.id = k.id offset 0) a
        order by k.published {order}, k.id {order}"
    )
}

fn own(query: &FeedQuery) -> String {
    let (Walk { from, order, .. }, verbs) = (Walk::of(query.span.direction), verb_filter(&query.filter));
    with_rows(
        &format!(
            "select a.published, a.id from activities a
            where a.actor = $1 and (a.published, a.id) {from} ($2, $3) {verbs}
            order by a.published {order}, a.id {order} limit $5 offset $6"
        ),
        order,
    )
}

/// `(… in (…)) is not true` is always a hash that is filled once; a plain `not in` may become a join.
fn mentions(query: &FeedQuery) -> String {
    let (Walk { from, order, .. }, verbs) = (Walk::of(query.span.direction), verb_filter(&query.filter));
    with_rows(
        &format!(
            "select a.published, a.id from activities a
            where a.target = $1 and (a.published, a.id) {from} ($2, $3) {verbs}
            and (a.actor in (
                select b.blocked from blocks b where b.blocker = $1
                union all select b.blocker from blocks b where b.blocked = $1
            )) is not true
            order by a.published {order}, a.id {order} limit $5 offset $6"
        ),
        order,
    )
}

fn explain(conn: &mut PgConnection, viewer: &Username, id: ActivityId) -> Outcome<Explained> {
    use feed_me_domain::RelationKind::{Block, Mute};
    let Some(user) = users::find(conn, viewer)? else {
        return Ok(Explained::UnknownViewer);
    };
    let Some(row) = activities::find(conn, id)? else {
        return Ok(Explained::UnknownActivity);
    };
    let activity = row.activity()?;
    let (there, back) = ((user.key.0, row.actor), (row.actor, user.key.0));
    let edge = Edges::load(conn, &[there])?.of(there).edge.clone();
    let follow = edge.current.map(|current| Follow {
        follower: viewer.clone(),
        followee: activity.actor.clone(),
        since: current.since,
        from: current.from,
    });
    let mut stands = |kind, pair| Outcome::Ok(!relations::find_all(conn, kind, &[pair])?.is_empty());
    Ok(Explained::Facts(Box::new(VisibilityFacts {
        is_own: there.0 == there.1,
        edge,
        follow,
        mutes: stands(Mute, there)?,
        blocks: stands(Block, there)?,
        blocked_by: stands(Block, back)?,
        activity,
    })))
}
