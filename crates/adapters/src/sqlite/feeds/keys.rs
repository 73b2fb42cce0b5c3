//! Which activities stand on a page.
//!
//! A feed is made of streams of keys, each in the order of the feed; a friends feed has up to three, which are merged.
//! Every statement fixes the order of its loops (`cross join`, `indexed by`), so that no statistics make the planner walk
//! history. Where SQLite joins followees with their activities its sorter holds no more than the page and leaves the
//! inner loop at the first key that no longer gets onto it: a followee of any length costs a seek and the few keys that
//! reach the page. And every stream begins with a seek to where the walk stands, so a deep page costs what the first does.

use diesel::{
    SqliteConnection,
    prelude::*,
    sql_types::{BigInt, Binary, Bool},
};
use feed_me_domain::{ActivityId, Boundary, Direction, FeedKind, FeedQuery, Position, Span, UserKey, Verb};

use super::super::{
    errors::Trouble,
    rows,
    sql::{self, Bind, Sql},
};

/// From how many followees on the order of all activities is tried first.
pub(super) const WALK_FROM_FOLLOWEES: i64 = 500;

/// `published` and id.
type Key = (i64, Vec<u8>);

/// The ids of the activities on the page, in walking order.
pub(super) fn of(
    conn: &mut SqliteConnection,
    owner: UserKey,
    following: i64,
    query: &FeedQuery,
) -> Result<Vec<ActivityId>, Trouble> {
    let Some(bound) = Bound::of(&query.span) else { return Ok(Vec::new()) };
    let stretch = Stretch { bound, owner, following, query };
    let streams = match query.kind {
        FeedKind::Own => vec![Stream::Own],
        FeedKind::Mentions => vec![Stream::Mentions],
        FeedKind::Friends => {
            let own = query.filter.includes_self().then_some(Stream::Own);
            let kept = has_kept_windows(conn, owner)?.then_some(Stream::Kept);
            [Some(Stream::Present), kept, own].into_iter().flatten().collect()
        }
    };
    let skip = sql::limit(usize::try_from(query.skip).unwrap_or(usize::MAX));
    let take = sql::limit(query.span.take);
    if let [stream] = streams[..] {
        return ids(&stretch.read(conn, stream, take, skip)?);
    }
    let mut keys = Vec::new();
    for stream in streams {
        keys.extend(stretch.read(conn, stream, take.saturating_add(skip), 0)?);
    }
    match query.span.direction {
        Direction::Forward => keys.sort_unstable_by(|one, other| other.cmp(one)),
        Direction::Backward => keys.sort_unstable(),
    }
    let skip = keys.len().min(usize::try_from(skip).unwrap_or(usize::MAX));
    let end = keys.len().min(skip.saturating_add(query.span.take));
    ids(&keys[skip..end])
}

fn ids(keys: &[Key]) -> Result<Vec<ActivityId>, Trouble> {
    keys.iter().map(|(_, id)| rows::activity_id(id)).collect()
}

fn has_kept_windows(conn: &mut SqliteConnection, owner: UserKey) -> Result<bool, Trouble> {
    const HAS: &str = "select exists (select 1 from follow_windows where follower = ?1)";
    Ok(sql::query::<Bool>(HAS).bind(owner.0).get_result(conn)?)
}

/// What keys of a feed come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sqlite) enum Stream {
    /// The owner's own activities.
    Own,
    /// Activities for the owner, without those of users whom a block stands between.
    Mentions,
    /// What present follows show.
    Present,
    /// The same, read from the order of all activities between two places.
    PresentByTime,
    /// What kept windows show beyond that: nothing where the present follow shows everything, and else what lies below
    /// its lower bound. So no activity is in two streams.
    Kept,
}

/// Where a walk stands, as a place that everything wanted lies strictly beyond.
#[derive(Clone, Debug)]
pub(super) struct Bound {
    published: i64,
    /// 16 bytes, or none or 17 where all or no ids of that instant are meant: SQLite compares the bytes, then the length.
    id: Vec<u8>,
    pub(super) direction: Direction,
}

impl Bound {
    /// None where nothing can be beyond the boundary.
    fn of(span: &Span<Position>) -> Option<Self> {
        let (published, id) = match (span.boundary, span.direction) {
            (Boundary::End, Direction::Forward) | (Boundary::Top, Direction::Backward) => return None,
            (Boundary::Top, Direction::Forward) => (i64::MAX, Vec::new()),
            (Boundary::End, Direction::Backward) => (i64::MIN, Vec::new()),
            (Boundary::After(place), Direction::Forward) | (Boundary::Before(place), Direction::Backward) => {
                (place.published.micros(), rows::blob(place.id.as_uuid()))
            }
            // The place itself is wanted too: from the next greater key downwards, or from the next lesser upwards.
            (Boundary::Before(place), Direction::Forward) => {
                let mut id = rows::blob(place.id.as_uuid());
                id.push(0);
                (place.published.micros(), id)
            }
            (Boundary::After(place), Direction::Backward) => {
                let lesser = place.id.as_uuid().as_u128().checked_sub(1);
                (place.published.micros(), lesser.map_or_else(Vec::new, |id| id.to_be_bytes().to_vec()))
            }
        };
        Some(Self { published, id, direction: span.direction })
    }
}

/// A stretch of a feed that is asked for.
struct Stretch<'q> {
    bound: Bound,
    owner: UserKey,
    following: i64,
    query: &'q FeedQuery,
}

impl Stretch<'_> {
    fn read(
        &self,
        conn: &mut SqliteConnection,
        stream: Stream,
        take: i64,
        skip: i64,
    ) -> Result<Vec<Key>, Trouble> {
        if stream == Stream::Present
            && let Some(keys) = self.walked(conn, take, skip)?
        {
            return Ok(keys);
        }
        Ok(self.statement(stream, take, skip).load(conn)?)
    }

    /// Who follows many sees most of what is new: where a short walk down the order of all fills the page it is cheaper
    /// than a seek for each followee (the prototype, with 5,000 of them: 0.4 ms instead of 5). The walk passes over at most one key for each
    /// followee, so that one that was in vain costs no more than the seeks that follow it. None then.
    fn walked(&self, conn: &mut SqliteConnection, take: i64, skip: i64) -> Result<Option<Vec<Key>>, Trouble> {
        let steps = self.following.min(4000);
        if self.following < WALK_FROM_FOLLOWEES || steps <= skip.saturating_add(take) {
            return Ok(None);
        }
        let Bound { published, id, direction } = &self.bound;
        let (compare, order, end) = match direction {
            Direction::Forward => ("<", "desc", i64::MIN),
            Direction::Backward => (">", "asc", i64::MAX),
        };
        let text = format!(
            "select published, id from activities indexed by activities_by_time \
             where (published, id) {compare} (?1, ?2) order by published {order}, id {order} limit 1 offset ?3"
        );
        let query = sql::query::<(BigInt, Binary)>(text).bind(*published).bind(id.clone()).bind(steps);
        let end_of_walk: Option<Key> = query.get_result(conn).optional()?;
        let reaches_the_end = end_of_walk.is_none();
        let (last, last_id) = end_of_walk.unwrap_or((end, Vec::new()));
        let statement = self.statement(Stream::PresentByTime, take, skip).bind(last).bind(last_id);
        let keys: Vec<Key> = statement.load(conn)?;
        let is_full = sql::limit(keys.len()) == take;
        Ok((is_full || reaches_the_end).then_some(keys))
    }

    fn statement(&self, stream: Stream, take: i64, skip: i64) -> Sql<(BigInt, Binary)> {
        let verbs = self.query.filter.verbs();
        let statement = sql::query(text(stream, self.bound.direction, !verbs.is_empty()))
            .bind(self.owner.0)
            .bind(self.bound.published)
            .bind(self.bound.id.clone())
            .bind(take)
            .bind(skip);
        statement.bind(if verbs.is_empty() {
            Bind::Null
        } else {
            Bind::Text(rows::json(verbs.iter().map(Verb::as_str)))
        })
    }
}

/// The statement of a stream. Its places: the owner, `published` and id of the bound, how many, how many to pass over,
/// the verbs; and where the walk by time ends.
pub(in crate::sqlite) fn text(stream: Stream, direction: Direction, by_verb: bool) -> String {
    let (compare, order) = match direction {
        Direction::Forward => ("<", "desc"),
        Direction::Backward => (">", "asc"),
    };
    let from_and_where = match stream {
        Stream::Own => {
            format!(
                "activities a indexed by activities_by_actor where a.actor = ?1 and {A} {compare} (?2, ?3)"
            )
        }
        Stream::Mentions => format!(
            "activities a indexed by activities_by_target where a.target = ?1 and {A} {compare} (?2, ?3) \
             and not exists (select 1 from blocks where blocker = ?1 and blocked = a.actor) \
             and not exists (select 1 from blocks where blocker = a.actor and blocked = ?1)"
        ),
        Stream::Present => format!(
            "follows f cross join activities a indexed by activities_by_actor \
             where f.follower = ?1 and {NOT_MUTED} and a.actor = f.followee and {}",
            present(direction)
        ),
        Stream::PresentByTime => {
            let until = if direction == Direction::Forward { ">=" } else { "<=" };
            format!(
                "activities a indexed by activities_by_time cross join follows f \
                 where {A} {compare} (?2, ?3) and {A} {until} (?7, ?8) \
                 and f.follower = ?1 and f.followee = a.actor \
                 and (f.visible_from is null or f.visible_from <= a.published) and {NOT_MUTED}"
            )
        }
        Stream::Kept => format!(
            "follow_windows w left join follows c on c.follower = w.follower and c.followee = w.followee \
             cross join activities a indexed by activities_by_actor \
             where w.follower = ?1 and (c.followee is null or c.visible_from is not null) \
             and not exists (select 1 from mutes where muter = ?1 and muted = w.followee) \
             and a.actor = w.followee and {}",
            kept(direction)
        ),
    };
    let verbs = if by_verb { "and a.verb in (select value from json_each(?6))" } else { "" };
    format!(
        "select a.published, a.id from {from_and_where} {verbs} \
         order by a.published {order}, a.id {order} limit ?4 offset ?5"
    )
}

const A: &str = "(a.published, a.id)";
const NOT_MUTED: &str = "not exists (select 1 from mutes where muter = ?1 and muted = f.followee)";
/// Above every id.
const TOP_ID: &str = "x'ffffffffffffffffffffffffffffffffff'";

/// Beyond the bound and inside the present window. The tighter of the two bounds on the side where the walk begins is
/// made into one, so that it is what the index seeks to.
fn present(direction: Direction) -> String {
    match direction {
        Direction::Forward => {
            format!("{A} < (?2, ?3) and a.published >= ifnull(f.visible_from, -9000000000000000000)")
        }
        Direction::Backward => format!(
            "{A} > (case when ?2 < f.visible_from then f.visible_from - 1 else ?2 end, \
             case when ?2 < f.visible_from then {TOP_ID} else ?3 end)"
        ),
    }
}

/// The same for a kept window, which ends below the present one.
fn kept(direction: Direction) -> String {
    let until = "min(w.visible_until, ifnull(c.visible_from - 1, 9000000000000000000))";
    match direction {
        Direction::Forward => format!(
            "{A} < (case when {until} < ?2 then {until} + 1 else ?2 end, \
             case when {until} < ?2 then x'' else ?3 end) \
             and a.published >= ifnull(w.visible_from, -9000000000000000000)"
        ),
        Direction::Backward => format!(
            "{A} > (case when ?2 < w.visible_from then w.visible_from - 1 else ?2 end, \
             case when ?2 < w.visible_from then {TOP_ID} else ?3 end) and a.published <= {until}"
        ),
    }
}
