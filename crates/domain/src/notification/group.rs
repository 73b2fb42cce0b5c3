//! What makes a group one, and where it stands.

use std::cmp::Ordering;

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{
    page::{Boundary, Direction, Span},
    text::{Object, Verb},
    time::Timestamp,
};

/// The microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// The number of the day of an instant; counted from 1970, downwards before.
pub fn day_of(at: Timestamp) -> i64 {
    at.micros().div_euclid(DAY)
}

/// The first and the last instant of the day of an instant.
pub fn day_around(at: Timestamp) -> (Timestamp, Timestamp) {
    let into = at.micros().rem_euclid(DAY);
    (at.plus_micros(-into), at.plus_micros(DAY - 1 - into))
}

/// What a group is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// Activities that target the user.
    Mention {
        /// What was done.
        verb: Verb,
        /// With what.
        object: Option<Object>,
    },
    /// New followers.
    Followers,
}

/// What makes a group one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GroupKey {
    /// What it is about.
    pub subject: Subject,
    /// On which day, as [`day_of`] counts.
    pub day: i64,
}

/// Names a group of a user, for as long as the day is that day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupId([u8; 16]);

impl GroupId {
    /// Stands for all groups where marks are kept. No digest is expected to be this.
    pub const ALL: Self = Self([0; 16]);

    /// Reads what [`Display`](std::fmt::Display) writes.
    pub fn parse(raw: &str) -> Option<Self> {
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let is_one = raw.len() == 32 && raw.bytes().all(is_hex);
        let id = is_one.then(|| u128::from_str_radix(raw, 16).ok()).flatten()?;
        Some(Self(id.to_be_bytes()))
    }

    /// An id as it is stored.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes to store.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl std::fmt::Display for GroupId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl GroupKey {
    /// The id of the group: a digest, so that it is the same in every store.
    pub fn id(&self) -> GroupId {
        let mut hash = Sha256::new();
        hash.update(self.day.to_be_bytes());
        match &self.subject {
            Subject::Followers => hash.update([0]),
            Subject::Mention { verb, object } => {
                hash.update([if object.is_some() { 1 } else { 2 }]);
                hash.update((verb.as_str().len() as u64).to_be_bytes());
                hash.update(verb.as_str());
                hash.update(object.as_ref().map_or("", Object::as_str));
            }
        }
        let mut id = [0; 16];
        id.copy_from_slice(&hash.finalize()[..16]);
        GroupId(id)
    }
}

/// Where a group stands in its listing: at its newest activity or follower. Greater places come first.
#[derive(Clone, Copy, Debug)]
pub struct GroupPlace {
    /// When that was published, or when the follow began.
    pub at: Timestamp,
    /// The id of the activity, or the number of the follow: decides between equal times.
    pub tie: Uuid,
    /// The walk that this place belongs to: it counts only what had arrived by then.
    pub as_of: Timestamp,
}

impl PartialEq for GroupPlace {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for GroupPlace {}

impl PartialOrd for GroupPlace {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for GroupPlace {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.tie).cmp(&(other.at, other.tie))
    }
}

/// Up to which arrivals a walk of this span counts; none for all that is there by now.
pub fn as_of(span: &Span<GroupPlace>) -> Option<Timestamp> {
    match (span.direction, &span.boundary) {
        (Direction::Forward, Boundary::Before(place) | Boundary::After(place)) => Some(place.as_of),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros).unwrap()
    }

    #[test]
    fn what_is_one_group_has_one_id_and_others_have_others() {
        let mention = |verb: &str, object: Option<&str>, day| GroupKey {
            subject: Subject::Mention {
                verb: Verb::parse(verb).unwrap(),
                object: object.map(|object| Object::parse(object).unwrap()),
            },
            day,
        };
        let keys = [
            mention("like", Some("1"), 5),
            mention("like", Some("1"), 6),
            mention("like", None, 5),
            mention("like", Some(""), 5),
            mention("lik", Some("e1"), 5),
            GroupKey { subject: Subject::Followers, day: 5 },
        ];
        let ids: std::collections::HashSet<_> = keys.iter().map(GroupKey::id).collect();
        assert_eq!(ids.len(), keys.len());
        let id = keys[0].id();
        assert_eq!(GroupId::parse(&id.to_string()), Some(id));
        for raw in ["", "x", &id.to_string()[1..], &id.to_string().replace(|c: char| c.is_alphabetic(), "G")]
        {
            assert_eq!(GroupId::parse(raw), None, "{raw}");
        }
    }

    #[test]
    fn days_are_of_utc_and_whole_before_1970_too() {
        assert_eq!((day_of(at(-1)), day_of(at(0)), day_of(at(DAY - 1)), day_of(at(DAY))), (-1, 0, 0, 1));
        assert_eq!(day_around(at(-1)), (at(-DAY), at(-1)));
        assert_eq!(day_around(Timestamp::MAX).1, Timestamp::MAX);
        assert_eq!(day_around(Timestamp::MIN).0, Timestamp::MIN);
    }
}
