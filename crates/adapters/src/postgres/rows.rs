//! From rows to values and back. A stored value that is none is a loud failure.

use chrono::{DateTime, Utc};
use diesel::sql_types::{BigInt, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use feed_me_domain::{
    Activity, ActivityId, Boundary, Data, Direction, ExternalId, LinkPlace, Object, Position, Timestamp,
    UserKey, Username, Verb,
};
use uuid::Uuid;

use super::errors::{Outcome, PgError};

/// An instant as diesel binds it.
pub(super) fn at(instant: Timestamp) -> DateTime<Utc> {
    instant.to_datetime()
}

/// An instant as it is stored.
pub(super) fn instant(stored: DateTime<Utc>) -> Outcome<Timestamp> {
    Timestamp::from_datetime(stored).map_err(|error| corrupt("a time", &stored.to_string(), error))
}

/// An instant that may be missing, as it is stored.
pub(super) fn maybe_instant(stored: Option<DateTime<Utc>>) -> Outcome<Option<Timestamp>> {
    stored.map(instant).transpose()
}

/// A username as it is stored.
pub(super) fn username(stored: &str) -> Outcome<Username> {
    Username::parse(stored).map_err(|error| corrupt("a username", stored, error))
}

/// A value of the database that cannot be.
pub(super) fn corrupt(what: &str, stored: &str, error: impl std::fmt::Display) -> PgError {
    PgError::failed(format!("the database holds {what} that is none, {stored:?}: {error}"))
}

/// A number as SQL takes limits: what is larger than the largest counts as that.
pub(super) fn limit(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

/// A count as it is stored.
pub(super) fn count(stored: i64) -> Outcome<u64> {
    u64::try_from(stored).map_err(|error| corrupt("a count", &stored.to_string(), error))
}

/// What is selected of an activity `a`, for [`ActivityRow`]. The names are asked for one by one: with a join the planner
/// would be free to read the table of users.
pub(super) const ACTIVITY: &str = "a.id, a.actor, (select u.username from users u where u.key = a.actor), a.verb, a.object, a.target, \
    (select u.username from users u where u.key = a.target), a.published, a.edited_at, a.external_id, a.data, a.version";

/// The types of [`ACTIVITY`].
pub(super) type ActivityTypes = (
    SqlUuid,
    BigInt,
    Text,
    Text,
    Nullable<Text>,
    Nullable<BigInt>,
    Nullable<Text>,
    Timestamptz,
    Nullable<Timestamptz>,
    Nullable<Text>,
    Text,
    Integer,
);

/// An activity as it is stored.
#[derive(diesel::Queryable)]
pub(super) struct ActivityRow {
    id: Uuid,
    /// The actor's number.
    pub(super) actor: i64,
    actor_name: String,
    verb: String,
    object: Option<String>,
    /// The target's number.
    pub(super) target: Option<i64>,
    target_name: Option<String>,
    published: DateTime<Utc>,
    edited_at: Option<DateTime<Utc>>,
    external_id: Option<String>,
    data: String,
    version: i32,
}

impl ActivityRow {
    /// The actor, for an event.
    pub(super) fn actor_key(&self) -> UserKey {
        UserKey(self.actor)
    }

    /// The target, for an event.
    pub(super) fn target_key(&self) -> Option<UserKey> {
        self.target.map(UserKey)
    }

    /// The activity.
    pub(super) fn activity(&self) -> Outcome<Activity> {
        let verb = Verb::parse(&self.verb).map_err(|error| corrupt("a verb", &self.verb, error))?;
        let object = self
            .object
            .as_deref()
            .map(|raw| Object::parse(raw).map_err(|error| corrupt("an object", raw, error)));
        let external_id = self
            .external_id
            .as_deref()
            .map(|raw| ExternalId::parse(raw).map_err(|error| corrupt("an external id", raw, error)));
        Ok(Activity {
            id: ActivityId::from_uuid(self.id),
            actor: username(&self.actor_name)?,
            verb,
            object: object.transpose()?,
            target: self.target_name.as_deref().map(username).transpose()?,
            published: instant(self.published)?,
            edited_at: maybe_instant(self.edited_at)?,
            external_id: external_id.transpose()?,
            data: Data::parse(&self.data).map_err(|error| corrupt("data", &self.data, error))?,
            version: self.version,
        })
    }
}

/// All activities of rows.
pub(super) fn activities(rows: &[ActivityRow]) -> Outcome<Vec<Activity>> {
    rows.iter().map(ActivityRow::activity).collect()
}

/// A place in a listing that is ordered newest first, whose neighbours are known. So "beyond the boundary" is always
/// "from this place on", and one statement serves every boundary.
pub(super) trait Neighboured: Copy {
    /// The greatest place there can be.
    fn top() -> Self;
    /// The least.
    fn end() -> Self;
    /// The next greater place.
    fn above(self) -> Self;
    /// The next lesser place.
    fn below(self) -> Self;
}

/// The first place that a walk may show; none where it stands at an end already.
pub(super) fn first_place<K: Neighboured>(boundary: Boundary<K>, direction: Direction) -> Option<K> {
    match (direction, boundary) {
        (Direction::Forward, Boundary::Top) => Some(K::top()),
        (Direction::Forward, Boundary::After(place)) => Some(place.below()),
        (Direction::Forward, Boundary::Before(place)) | (Direction::Backward, Boundary::After(place)) => {
            Some(place)
        }
        (Direction::Backward, Boundary::Before(place)) => Some(place.above()),
        (Direction::Backward, Boundary::End) => Some(K::end()),
        (Direction::Forward, Boundary::End) | (Direction::Backward, Boundary::Top) => None,
    }
}

/// How a walk through a listing that is newest first is written in SQL.
pub(super) struct Walk {
    /// From the first place on.
    pub(super) from: &'static str,
    /// Up to the last one.
    pub(super) to: &'static str,
    /// The order.
    pub(super) order: &'static str,
}

impl Walk {
    /// The walk of a direction.
    pub(super) fn of(direction: Direction) -> Self {
        match direction {
            Direction::Forward => Self { from: "<=", to: ">=", order: "desc" },
            Direction::Backward => Self { from: ">=", to: "<=", order: "asc" },
        }
    }
}

impl Neighboured for Position {
    fn top() -> Self {
        Self { published: Timestamp::MAX, id: greatest_id() }
    }

    fn end() -> Self {
        Self { published: Timestamp::MIN, id: least_id() }
    }

    fn above(self) -> Self {
        match self.id.as_uuid().as_u128().checked_add(1) {
            Some(id) => Self { id: ActivityId::from_uuid(Uuid::from_u128(id)), ..self },
            None => Self { published: self.published.plus_micros(1), id: least_id() },
        }
    }

    fn below(self) -> Self {
        match self.id.as_uuid().as_u128().checked_sub(1) {
            Some(id) => Self { id: ActivityId::from_uuid(Uuid::from_u128(id)), ..self },
            None => Self { published: self.published.plus_micros(-1), id: greatest_id() },
        }
    }
}

fn greatest_id() -> ActivityId {
    ActivityId::from_uuid(Uuid::max())
}

fn least_id() -> ActivityId {
    ActivityId::from_uuid(Uuid::nil())
}

impl Neighboured for LinkPlace {
    fn top() -> Self {
        Self { since: Timestamp::MAX, order: i64::MAX }
    }

    fn end() -> Self {
        Self { since: Timestamp::MIN, order: i64::MIN }
    }

    fn above(self) -> Self {
        Self { order: self.order.saturating_add(1), ..self }
    }

    fn below(self) -> Self {
        Self { order: self.order.saturating_sub(1), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_neighbours_of_a_position_have_nothing_between_them() {
        let noon = Position { published: Timestamp::EPOCH, id: least_id() };
        assert!(noon.below() < noon && noon.below().above() == noon);
        let last = Position { published: Timestamp::EPOCH, id: greatest_id() };
        assert!(last < last.above() && last.above().below() == last);
        assert_eq!(last.above().published, Timestamp::EPOCH.plus_micros(1));
        assert_eq!(noon.above().published, noon.published);
    }

    #[test]
    fn a_boundary_is_the_first_place_behind_it() {
        let place = LinkPlace { since: Timestamp::EPOCH, order: 7 };
        let first =
            |boundary, direction| first_place(boundary, direction).map(|place: LinkPlace| place.order);
        assert_eq!(first(Boundary::After(place), Direction::Forward), Some(6));
        assert_eq!(first(Boundary::Before(place), Direction::Forward), Some(7));
        assert_eq!(first(Boundary::After(place), Direction::Backward), Some(7));
        assert_eq!(first(Boundary::Before(place), Direction::Backward), Some(8));
        assert_eq!(first(Boundary::End, Direction::Forward), None);
        assert_eq!(first(Boundary::Top, Direction::Backward), None);
    }
}
