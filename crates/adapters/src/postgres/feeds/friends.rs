//! The friends feed.
//!
//! An *edge* is a followee and a span of `published` that is shown: the present follow from its lower bound on, the kept
//! windows below that bound, and, where asked for, one's own activities. The spans of one followee never overlap, so no
//! activity comes twice. Two ways lead to the keys of a page:
//!
//! * **Two steps.** The nearest position of each edge beyond the boundary (`limit 1`), the best `needed` edges, and the
//!   nearest `needed` positions of each of those. About 4 buffers an edge, wherever the walk stands.
//! * **A window first.** From [`WINDOW_FROM`] followees on: a bounded stretch of the time order of all activities, of which
//!   those of followees are kept, and the two steps where it does not fill the page.

use diesel::{connection::SimpleConnection, pg::PgConnection, prelude::*, sql_types::Text};
use feed_me_domain::{FeedQuery, User};

use super::{Asked, verb_filter, with_rows};
use crate::postgres::{
    errors::Outcome,
    rows::{ActivityRow, Walk},
    sql::Sql,
};

/// How a page's keys are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// By each followee's nearest positions.
    TwoSteps,
    /// By a window of the time order of this many activities, then by two steps where that is not enough.
    WindowFirst(u64),
}

/// From how many followees on a window is tried first.
const WINDOW_FROM: u64 = 500;
/// The most items for which a window is tried; it was measured for pages, not for passing over thousands of items.
const WINDOW_NEEDED_MAX: i64 = 200;

/// Which way to go. Two steps cost about 4 µs a followee; a window that fills the page costs as many activities as lie
/// between its items, and one that does not costs 0.1 µs for each activity in vain. With four activities a followee the
/// vain cost stays below a tenth of the two steps that follow. Powers of two, because each size is a statement of its own:
/// the planner has to know the limit, or it plans for a tenth of the table.
fn way(owner: &User, asked: &Asked) -> Way {
    if owner.following < WINDOW_FROM || WINDOW_NEEDED_MAX < asked.needed {
        return Way::TwoSteps;
    }
    Way::WindowFirst((owner.following * 4).next_power_of_two().min(32_768))
}

pub(super) fn page(
    conn: &mut PgConnection,
    query: &FeedQuery,
    owner: &User,
    asked: &Asked,
) -> Outcome<Vec<ActivityRow>> {
    if let Way::WindowFirst(size) = way(owner, asked) {
        let rows = asked.load(conn, window(query, size))?;
        if is_full(rows.len(), asked) {
            return Ok(rows);
        }
    }
    asked.load(conn, two_steps(query))
}

fn is_full(rows: usize, asked: &Asked) -> bool {
    i64::try_from(rows).is_ok_and(|rows| asked.take <= rows)
}

fn two_steps(query: &FeedQuery) -> String {
    let (Walk { from, to, order }, verbs) = (Walk::of(query.span.direction), verb_filter(&query.filter));
    let edges = edges(query);
    let steps = format!(
        "with edges as materialized ({edges}),
        heads as materialized (
            select e.followee, e.first_at, e.first_id, e.last_at from edges e
            cross join lateral (
                select a.published, a.id from activities a
                where a.actor = e.followee and (a.published, a.id) {from} (e.first_at, e.first_id)
                    and a.published {to} e.last_at {verbs}
                order by a.published {order}, a.id {order} limit 1
            ) nearest
            order by nearest.published {order}, nearest.id {order} limit $4
        )
        select p.published, p.id from heads h
        cross join lateral (
            select a.published, a.id from activities a
            where a.actor = h.followee and (a.published, a.id) {from} (h.first_at, h.first_id)
                and a.published {to} h.last_at {verbs}
            order by a.published {order}, a.id {order} limit $4
        ) p
        order by p.published {order}, p.id {order} limit $5 offset $6"
    );
    with_rows(&steps, order)
}

/// Each edge with the first place of it that the walk may show, and the last instant. Where the boundary lies outside the
/// edge's span, the walk begins at the end of the span.
fn edges(query: &FeedQuery) -> String {
    let oneself = if query.filter.includes_self() {
        "union all select $1::bigint, timestamptz '-infinity', timestamptz 'infinity'"
    } else {
        ""
    };
    let (first, beyond, edge_id, last) = match query.span.direction {
        feed_me_domain::Direction::Forward => {
            ("upper_at", "<", "ffffffff-ffff-ffff-ffff-ffffffffffff", "lower_at")
        }
        feed_me_domain::Direction::Backward => {
            ("lower_at", ">", "00000000-0000-0000-0000-000000000000", "upper_at")
        }
    };
    format!(
        "select s.followee,
            case when s.{first} {beyond} $2 then s.{first} else $2 end as first_at,
            case when s.{first} {beyond} $2 then uuid '{edge_id}' else $3 end as first_id,
            s.{last} as last_at
        from (
            select f.followee, coalesce(f.visible_from, '-infinity') as lower_at, timestamptz 'infinity' as upper_at
            from follows f where f.follower = $1
            union all
            select k.followee, coalesce(k.visible_from, '-infinity'),
                least(k.visible_until, f.visible_from - interval '1 microsecond')
            from follow_windows k
            left join follows f on f.follower = k.follower and f.followee = k.followee
            where k.follower = $1 and (f.followee is null or f.visible_from is not null)
            {oneself}
        ) s
        where (s.followee in (select m.muted from mutes m where m.muter = $1)) is not true"
    )
}

/// The window's own test of membership is a hash (`(… in (…)) is true`, which the planner cannot turn into a join), so an
/// activity of nobody's interest costs one look into it. `offset 0` keeps the test of the spans above it: it looks into
/// the tables for the few that are left, and stops when the page is full.
fn window(query: &FeedQuery, size: u64) -> String {
    let (Walk { from, order, .. }, verbs) = (Walk::of(query.span.direction), verb_filter(&query.filter));
    let (oneself, is_own) = if query.filter.includes_self() {
        ("union all select $1::bigint", "m.actor = $1 or")
    } else {
        ("", "")
    };
    let keys = format!(
        "select m.published, m.id from (
            select a.published, a.id, a.actor from (
                select a.published, a.id, a.actor, a.verb from activities a
                where (a.published, a.id) {from} ($2, $3)
                order by a.published {order}, a.id {order} limit {size}
            ) a
            where (a.actor in (
                    select f.followee from follows f where f.follower = $1
                    union all select k.followee from follow_windows k where k.follower = $1
                    {oneself}
                )) is true
                and (a.actor in (select m.muted from mutes m where m.muter = $1)) is not true {verbs}
            offset 0
        ) m
        where {is_own} exists (
                select 1 from follows f where f.follower = $1 and f.followee = m.actor
                    and (f.visible_from is null or f.visible_from <= m.published)
            ) or exists (
                select 1 from follow_windows k where k.follower = $1 and k.followee = m.actor
                    and (k.visible_from is null or k.visible_from <= m.published) and m.published <= k.visible_until
            )
        order by m.published {order}, m.id {order} limit $5 offset $6"
    );
    with_rows(&keys, order)
}

/// Which plan of a prepared statement is explained; PostgreSQL itself chooses between the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanMode {
    /// The one made for the values.
    Custom,
    /// The one made for any values.
    Generic,
}

pub(super) fn explain_plans(
    conn: &mut PgConnection,
    query: &FeedQuery,
    owner: &User,
    asked: &Asked,
    mode: PlanMode,
) -> Outcome<Vec<String>> {
    let mut lines = Vec::new();
    if let Way::WindowFirst(size) = way(owner, asked) {
        let text = window(query, size);
        lines = explain(conn, &text, asked, mode)?;
        if is_full(asked.load(conn, text)?.len(), asked) {
            return Ok(lines);
        }
    }
    lines.extend(explain(conn, &two_steps(query), asked, mode)?);
    Ok(lines)
}

/// `EXPLAIN` of a text with values always plans for the values; only a named statement shows the other plan.
fn explain(conn: &mut PgConnection, text: &str, asked: &Asked, mode: PlanMode) -> Outcome<Vec<String>> {
    let mode = match mode {
        PlanMode::Custom => "force_custom_plan",
        PlanMode::Generic => "force_generic_plan",
    };
    let verbs: Vec<String> = asked.verbs.iter().map(|verb| quoted(verb)).collect();
    let Asked { owner, first, needed, take, skip, .. } = asked;
    conn.transaction(|conn| {
        conn.batch_execute(&format!(
            "set local plan_cache_mode = {mode};
            prepare explained (bigint, timestamptz, uuid, bigint, bigint, bigint, text[]) as {text}"
        ))?;
        let lines = Sql::<Text>::new(format!(
            "explain (analyze, buffers) execute explained
            ({owner}, '{}', '{}', {needed}, {take}, {skip}, array[{}]::text[])",
            first.published,
            first.id,
            verbs.join(", ")
        ));
        let lines = lines.load(conn)?;
        conn.batch_execute("deallocate explained")?;
        Ok(lines)
    })
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
