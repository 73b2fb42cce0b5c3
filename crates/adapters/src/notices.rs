//! What both databases share in reading notifications: how far back a page looks, and how its rows become groups.
//!
//! Groups are made of whole days. A page begins with the day of its boundary and goes on from day to day until it is
//! full, in a few steps that grow: a step ends with the day of the 512th row, the next one with that of the 2,048th, and
//! so on. So a page reads the days that its groups are of, and never all of a history. The database makes groups of a
//! step's rows; nothing but groups leaves it.

use feed_me_domain::{
    ActivityId, Boundary, Direction, Object, Span, Timestamp, Verb,
    notification::{self, Gathered, GroupKey, GroupPlace, Subject},
};
use uuid::Uuid;

/// How many rows the first step looks at; each further one at four times as many.
const FIRST_STEP: i64 = 512;

/// Microseconds from the year 1 to 1970: with it every instant is a number that is not negative, and as many digits.
pub(crate) const SINCE_YEAR_ONE: i64 = 62_135_596_800_000_000;

/// Which groups of which days are asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask {
    /// The first instant of the days.
    pub(crate) from: Timestamp,
    /// The last one.
    pub(crate) until: Timestamp,
    /// What arrived later does not count for places.
    pub(crate) as_of: Timestamp,
    /// From where, and whether that place itself is wanted.
    pub(crate) bound: Option<(GroupPlace, bool)>,
    /// Which way.
    pub(crate) direction: Direction,
    /// How many groups.
    pub(crate) take: usize,
}

impl Ask {
    /// How a place that is wanted compares with the bound.
    pub(crate) fn compare(&self) -> &'static str {
        match (self.direction, self.bound) {
            (Direction::Forward, Some((_, true))) => "<=",
            (Direction::Forward, _) => "<",
            (Direction::Backward, Some((_, true))) => ">=",
            (Direction::Backward, _) => ">",
        }
    }

    /// The order of the walk.
    pub(crate) fn order(&self) -> &'static str {
        match self.direction {
            Direction::Forward => "desc",
            Direction::Backward => "asc",
        }
    }

    /// The bound as the database writes places: `tie` writes the second part.
    pub(crate) fn key(&self, tie: impl Fn(Uuid) -> String) -> String {
        match (self.bound, self.direction) {
            (Some((place, _)), _) => {
                format!("{:018}{}", place.at.micros() + SINCE_YEAR_ONE, tie(place.tie))
            }
            // Above every place, and below.
            (None, Direction::Forward) => "~".to_owned(),
            (None, Direction::Backward) => String::new(),
        }
    }
}

/// A database that is asked.
pub(crate) trait Source {
    /// What may go wrong.
    type Error;

    /// When the row stands that comes after `passed` rows of activities for the owner, and of followers, from an instant
    /// on; none where there are not so many.
    fn probe(
        &mut self,
        near: Timestamp,
        direction: Direction,
        passed: i64,
    ) -> Result<[Option<Timestamp>; 2], Self::Error>;

    /// The groups asked for, in walking order.
    fn groups(&mut self, ask: &Ask) -> Result<Vec<Gathered<i64>>, Self::Error>;
}

/// The groups of a span. `now` is the last stamp.
pub(crate) fn walk<S: Source>(
    source: &mut S,
    span: &Span<GroupPlace>,
    now: Timestamp,
) -> Result<Vec<Gathered<i64>>, S::Error> {
    let direction = span.direction;
    let (bound, mut near) = match (direction, &span.boundary) {
        (Direction::Forward, Boundary::End) | (Direction::Backward, Boundary::Top) => return Ok(Vec::new()),
        (Direction::Forward, Boundary::Top) => (None, Timestamp::MAX),
        (Direction::Backward, Boundary::End) => (None, Timestamp::MIN),
        (Direction::Forward, Boundary::Before(place)) => {
            (Some((*place, true)), notification::day_around(place.at).1)
        }
        (Direction::Forward, Boundary::After(place)) => {
            (Some((*place, false)), notification::day_around(place.at).1)
        }
        (Direction::Backward, Boundary::Before(place)) => {
            (Some((*place, false)), notification::day_around(place.at).0)
        }
        (Direction::Backward, Boundary::After(place)) => {
            (Some((*place, true)), notification::day_around(place.at).0)
        }
    };
    let as_of = notification::as_of(span).unwrap_or(now);
    let mut found = Vec::new();
    let mut passed = FIRST_STEP;
    loop {
        let probed = source.probe(near, direction, passed)?.into_iter().flatten();
        let (from, until) = match direction {
            Direction::Forward => {
                let days = probed.map(|at| notification::day_around(at).0);
                (days.max().unwrap_or(Timestamp::MIN), near)
            }
            Direction::Backward => {
                let days = probed.map(|at| notification::day_around(at).1);
                (near, days.min().unwrap_or(Timestamp::MAX))
            }
        };
        let take = span.take.saturating_sub(found.len());
        found.extend(source.groups(&Ask { from, until, as_of, bound, direction, take })?);
        let is_all = match direction {
            Direction::Forward => from == Timestamp::MIN,
            Direction::Backward => until == Timestamp::MAX,
        };
        if is_all || span.take <= found.len() {
            return Ok(found);
        }
        near = match direction {
            Direction::Forward => from.plus_micros(-1),
            Direction::Backward => until.plus_micros(1),
        };
        passed = passed.saturating_mul(4);
    }
}

/// What a group is about, and when its news arrived.
pub(crate) struct About {
    pub(crate) is_follow: bool,
    pub(crate) verb: Option<String>,
    pub(crate) object: Option<String>,
    /// The greatest id that tells a time.
    pub(crate) stamped: Option<String>,
    /// The last arrival that is told otherwise.
    pub(crate) arrived: Option<Timestamp>,
}

/// A value of the database that is none.
pub(crate) type Unreadable = String;

impl About {
    /// When the last news arrived.
    pub(crate) fn news(&self) -> Result<Timestamp, Unreadable> {
        let id = self.stamped.as_deref().map(|raw| Uuid::parse_str(raw).map_err(|error| error.to_string()));
        let id = id.transpose()?.map(ActivityId::from_uuid);
        let stored = id.and_then(notification::stored_at);
        Ok(stored.max(self.arrived).unwrap_or(Timestamp::MIN))
    }

    /// Which group of a day it is.
    pub(crate) fn key(&self, day: i64) -> Result<GroupKey, Unreadable> {
        let subject = match (&self.verb, self.is_follow) {
            (_, true) => Subject::Followers,
            (None, false) => return Err("an activity has no verb".to_owned()),
            (Some(verb), false) => Subject::Mention {
                verb: Verb::parse(verb).map_err(|error| error.to_string())?,
                object: self
                    .object
                    .as_deref()
                    .map(|raw| Object::parse(raw).map_err(|error| error.to_string()))
                    .transpose()?,
            },
        };
        Ok(GroupKey { subject, day })
    }
}

/// A group as a database answers it.
pub(crate) struct GroupRow {
    pub(crate) about: About,
    /// The place of its newest member.
    pub(crate) newest: String,
    /// The place that counts in the walk.
    pub(crate) stands: String,
    pub(crate) actors: Vec<i64>,
    pub(crate) actor_count: i64,
    pub(crate) activity_count: i64,
}

impl GroupRow {
    /// The group.
    pub(crate) fn gathered(self, as_of: Timestamp) -> Result<Gathered<i64>, Unreadable> {
        let newest = place(&self.newest, as_of)?;
        let count = |count: i64| u64::try_from(count).map_err(|error| error.to_string());
        Ok(Gathered {
            key: self.about.key(notification::day_of(newest.at))?,
            place: place(&self.stands, as_of)?,
            newest,
            news: self.about.news()?,
            actors: self.actors,
            actor_count: count(self.actor_count)?,
            activity_count: count(self.activity_count)?,
        })
    }
}

/// Reads a place as the databases write it: 18 digits of an instant, and a UUID.
fn place(raw: &str, as_of: Timestamp) -> Result<GroupPlace, Unreadable> {
    let (at, tie) = raw.split_at_checked(18).ok_or_else(|| format!("{raw:?} is no place"))?;
    let micros: i64 = at.parse().map_err(|error| format!("{raw:?} is no place: {error}"))?;
    let at = Timestamp::from_micros(micros - SINCE_YEAR_ONE).map_err(|error| error.to_string())?;
    let tie = Uuid::parse_str(tie).map_err(|error| format!("{raw:?} is no place: {error}"))?;
    Ok(GroupPlace { at, tie, as_of })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_is_written_and_sorts_as_text() {
        let place_at = |micros, tie| GroupPlace {
            at: Timestamp::from_micros(micros).unwrap(),
            tie: Uuid::from_u128(tie),
            as_of: Timestamp::EPOCH,
        };
        let places = [
            place_at(Timestamp::MIN.micros(), 7),
            place_at(-1, u128::MAX),
            place_at(0, 9),
            place_at(0, 10),
            place_at(Timestamp::MAX.micros(), 0),
        ];
        let written = places.map(|at| {
            let ask = Ask {
                from: Timestamp::MIN,
                until: Timestamp::MAX,
                as_of: Timestamp::EPOCH,
                bound: Some((at, true)),
                direction: Direction::Forward,
                take: 1,
            };
            let key = ask.key(|tie| tie.hyphenated().to_string());
            assert_eq!(place(&key, Timestamp::EPOCH), Ok(at));
            key
        });
        assert!(written.is_sorted());
    }
}
