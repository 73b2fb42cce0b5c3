use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{model::Member, position::Position};

/// A subscription to what happens, without its secret.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[non_exhaustive]
pub struct Webhook {
    /// Its id.
    pub id: Uuid,
    /// Where deliveries are sent.
    pub url: String,
    /// The kinds of events that are delivered; all, where it is empty.
    pub kinds: Vec<String>,
    /// Only what this user did.
    pub actor: Option<String>,
    /// Only activities with this verb.
    pub verb: Option<String>,
    /// Only what was done to this user.
    pub target: Option<String>,
    /// Whether anything is delivered.
    pub enabled: bool,
    /// Why, or why not: `enabled`, `paused`, `failing` or `gone`.
    pub status: String,
    /// Since when every attempt has failed.
    pub failing_since: Option<DateTime<Utc>>,
    /// Everything up to here was delivered, given up, or not wanted.
    pub position: Position,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// A webhook with a secret that was just made.
#[derive(Clone, Deserialize)]
#[non_exhaustive]
pub struct MadeWebhook {
    /// What is shown of it from now on.
    #[serde(flatten)]
    pub public: Webhook,
    /// What deliveries are signed with, as Standard Webhooks has it; shown this once.
    pub secret: String,
}

impl fmt::Debug for MadeWebhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MadeWebhook").field("public", &self.public).finish_non_exhaustive()
    }
}

/// A webhook that is wanted.
#[derive(Clone, Debug, Serialize)]
pub struct NewWebhook {
    url: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    kinds: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verb: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
}

impl NewWebhook {
    /// Everything that happens from now on, sent to an address.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), kinds: Vec::new(), actor: None, verb: None, target: None }
    }

    /// This kind of event, and no other that is not named as well.
    #[must_use]
    pub fn kind(mut self, kind: impl Into<String>) -> Self {
        self.kinds.push(kind.into());
        self
    }

    /// Only what this user does.
    #[must_use]
    pub fn actor(self, username: impl Into<String>) -> Self {
        Self { actor: Some(username.into()), ..self }
    }

    /// Only activities with this verb.
    #[must_use]
    pub fn verb(self, verb: impl Into<String>) -> Self {
        Self { verb: Some(verb.into()), ..self }
    }

    /// Only what is done to this user.
    #[must_use]
    pub fn target(self, username: impl Into<String>) -> Self {
        Self { target: Some(username.into()), ..self }
    }
}

/// What changes about a webhook; what is not set stays.
#[derive(Clone, Debug, Default, Serialize)]
pub struct WebhookPatch {
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kinds: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Member::stays")]
    actor: Member<String>,
    #[serde(skip_serializing_if = "Member::stays")]
    verb: Member<String>,
    #[serde(skip_serializing_if = "Member::stays")]
    target: Member<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enabled: Option<bool>,
}

impl WebhookPatch {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Another address.
    #[must_use]
    pub fn url(self, url: impl Into<String>) -> Self {
        Self { url: Some(url.into()), ..self }
    }

    /// Other kinds of events; none for all of them.
    #[must_use]
    pub fn kinds<K: Into<String>>(self, kinds: impl IntoIterator<Item = K>) -> Self {
        Self { kinds: Some(kinds.into_iter().map(Into::into).collect()), ..self }
    }

    /// Only what this user does; none: whoever does it.
    #[must_use]
    pub fn actor(self, username: Option<&str>) -> Self {
        Self { actor: Member::Becomes(username.map(str::to_owned)), ..self }
    }

    /// Only activities with this verb; none: any.
    #[must_use]
    pub fn verb(self, verb: Option<&str>) -> Self {
        Self { verb: Member::Becomes(verb.map(str::to_owned)), ..self }
    }

    /// Only what is done to this user; none: to whomever.
    #[must_use]
    pub fn target(self, username: Option<&str>) -> Self {
        Self { target: Member::Becomes(username.map(str::to_owned)), ..self }
    }

    /// Pauses it, or lets it go on where it stood.
    #[must_use]
    pub fn enabled(self, enabled: bool) -> Self {
        Self { enabled: Some(enabled), ..self }
    }
}

/// Where a webhook goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplayFrom {
    /// With the oldest event that is kept.
    Beginning,
    /// With what happens from now on.
    Now,
    /// With what comes after this.
    After(Position),
}

impl Serialize for ReplayFrom {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Beginning => serializer.serialize_str("beginning"),
            Self::Now => serializer.serialize_str("now"),
            Self::After(position) => serializer.collect_str(position),
        }
    }
}

/// How a delivery stands.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum DeliveryState {
    /// It is tried again.
    Pending,
    /// It arrived.
    Delivered,
    /// It was given up: a dead letter.
    Dead,
}

impl DeliveryState {
    /// As the server calls it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
        }
    }
}

/// What became of an event on its way to a subscriber.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivery {
    /// The position of the event.
    pub position: Position,
    /// The `webhook-id` of every attempt.
    pub message_id: String,
    /// The kind of the event.
    pub kind: String,
    /// How it stands.
    pub state: DeliveryState,
    /// How many attempts there were.
    pub attempts: u32,
    /// When the first one was due.
    pub created_at: DateTime<Utc>,
    /// When the last one was made.
    pub attempted_at: Option<DateTime<Utc>>,
    /// When the next one is due.
    pub next_at: Option<DateTime<Utc>>,
    /// The status that the receiver answered last.
    pub last_status: Option<u16>,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// How long the last attempt took.
    pub last_duration_ms: Option<u32>,
}
