use chrono::{DateTime, Utc};
use serde::Deserialize;
use uuid::Uuid;

use crate::position::Position;

/// Something that happened: ids only, never names.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// Its place in the dense order of all changes.
    pub position: Position,
    /// When.
    pub at: DateTime<Utc>,
    /// What: `activity.added`, …
    pub kind: String,
    /// Which activity.
    pub activity_id: Option<Uuid>,
    /// Who; none once the user is erased.
    pub user_id: Option<Uuid>,
    /// The other one: target, followee, blocked or muted.
    pub other_user_id: Option<Uuid>,
}

/// A stretch of the log.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[non_exhaustive]
pub struct EventPage {
    /// The events, in order, without a gap.
    pub events: Vec<Event>,
    /// The position to go on from.
    pub position: Position,
}
