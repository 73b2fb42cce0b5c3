use chrono::{DateTime, Utc};
use serde::Deserialize;
use uuid::Uuid;

use crate::{model::activity::Activity, model::links::Follow, position::Position};

/// Why an activity is, or is not, in a friends feed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Explanation {
    /// It is, because of this.
    Shown(Because),
    /// It is not.
    Hidden {
        /// Why, in a word: `not-followed`, `muted`, …
        reason: String,
        /// Why, in a sentence.
        detail: String,
    },
}

/// What shows an activity.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Because {
    /// The follow.
    Follow(Follow),
    /// History that was kept of a former follow.
    KeptHistory(Window),
}

/// A span of `published`, both ends inclusive; an end that is none is open.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[non_exhaustive]
pub struct Window {
    /// The first instant inside.
    pub from: Option<DateTime<Utc>>,
    /// The last instant inside.
    pub until: Option<DateTime<Utc>>,
}

/// An explanation as it is written.
#[derive(Deserialize)]
pub(crate) struct ExplanationBody {
    because: Option<Because>,
    reason: Option<String>,
    detail: Option<String>,
}

impl From<ExplanationBody> for Explanation {
    fn from(body: ExplanationBody) -> Self {
        match body.because {
            Some(because) => Self::Shown(because),
            None => Self::Hidden {
                reason: body.reason.unwrap_or_default(),
                detail: body.detail.unwrap_or_default(),
            },
        }
    }
}

/// What changed in a friends feed since a position.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[non_exhaustive]
pub struct Changes {
    /// What came in, the newest first.
    pub added: Vec<Activity>,
    /// What is otherwise than before.
    pub edited: Vec<Activity>,
    /// What is in the feed no more.
    pub removed: Vec<Uuid>,
    /// The position to go on from.
    pub position: Position,
    /// The feed has to be read again, and the position is where to go on after that.
    pub resync: bool,
}

/// What concerns a user, of one verb, object and day.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[non_exhaustive]
pub struct NotificationGroup {
    /// Names the group, also when more comes to it.
    pub id: String,
    /// What was done; `follow` for new followers, who have no `latest`.
    pub verb: String,
    /// To what.
    pub object: Option<String>,
    /// Those who did it last, the newest first: up to 3.
    pub actors: Vec<String>,
    /// How many did it.
    pub actor_count: u64,
    /// How often.
    pub activity_count: u64,
    /// The newest activity.
    pub latest: Option<Activity>,
    /// When that was published, or when the newest follower came.
    pub updated_at: DateTime<Utc>,
    /// Whether all of it was seen.
    pub seen: bool,
    /// Whether all of it was read.
    pub read: bool,
}
