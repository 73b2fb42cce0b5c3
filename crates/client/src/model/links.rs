use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize, Serializer};

use crate::problem::Problem;

/// One user follows another.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[non_exhaustive]
pub struct Follow {
    /// Who reads.
    pub follower: String,
    /// Whose activities.
    pub followee: String,
    /// Since when.
    pub since: DateTime<Utc>,
    /// The earliest `published` that reaches the follower; none: all.
    pub from: Option<DateTime<Utc>>,
}

/// Which activities a follow shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FollowFrom {
    /// All.
    Beginning,
    /// Those from now on.
    Now,
    /// Those published from then on.
    At(DateTime<Utc>),
}

impl Serialize for FollowFrom {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Beginning => serializer.serialize_str("beginning"),
            Self::Now => serializer.serialize_str("now"),
            Self::At(time) => time.serialize(serializer),
        }
    }
}

/// What became of one name of a batch of follows.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[non_exhaustive]
pub struct FollowResult {
    /// Whom.
    pub username: String,
    /// `follow` or `unfollow`.
    pub action: String,
    /// The status that it would have been answered alone.
    pub status: u16,
    /// Why it was not done.
    pub problem: Option<Problem>,
}

/// How a user stands to another.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[non_exhaustive]
pub struct Relationship {
    /// The other one.
    pub username: String,
    /// Whether the user follows them.
    pub following: bool,
    /// Whether they follow the user.
    pub followed_by: bool,
}

/// A user who is blocked or muted.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[non_exhaustive]
pub struct Relation {
    /// Who.
    pub username: String,
    /// Since when.
    pub since: DateTime<Utc>,
}
