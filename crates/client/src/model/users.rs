use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::model::Member;

/// A user.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[non_exhaustive]
pub struct User {
    /// Names the user for ever.
    pub id: Uuid,
    /// The name, which may change.
    pub username: String,
    /// The name shown.
    pub display_name: Option<String>,
    /// When the user was made.
    pub created_at: DateTime<Utc>,
    /// How many users this one follows.
    pub following: u64,
    /// How many users follow this one.
    pub followers: u64,
    /// How many activities this one has posted.
    pub activities: u64,
}

/// What changes about a user; what is not set stays.
#[derive(Clone, Debug, Default, Serialize)]
pub struct UserPatch {
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    #[serde(skip_serializing_if = "Member::stays")]
    display_name: Member<String>,
}

impl UserPatch {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Another name. Id, follows and activities stay.
    #[must_use]
    pub fn username(self, username: impl Into<String>) -> Self {
        Self { username: Some(username.into()), ..self }
    }

    /// Another name shown; none: no such name.
    #[must_use]
    pub fn display_name(self, display_name: Option<&str>) -> Self {
        Self { display_name: Member::Becomes(display_name.map(str::to_owned)), ..self }
    }
}

/// The receipt of an erasure.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[non_exhaustive]
pub struct Receipt {
    /// How much of what went.
    pub erased: Erased,
    /// When.
    pub at: DateTime<Utc>,
}

/// How much of what went with a user.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[non_exhaustive]
pub struct Erased {
    /// Activities of the user.
    pub activities: u64,
    /// Activities of others whose target was cleared.
    pub mentions: u64,
    /// Follows by the user.
    pub following: u64,
    /// Follows of the user.
    pub followers: u64,
    /// Kept histories of former follows, either way.
    pub kept_windows: u64,
    /// Blocks, either way.
    pub blocks: u64,
    /// Mutes, either way.
    pub mutes: u64,
    /// Stored answers that named the user.
    pub stored_answers: u64,
}
