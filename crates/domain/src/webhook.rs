//! Webhooks: what happened, sent to an address of the subscriber's own.
//!
//! The log of changes is the queue. A subscription remembers the position up to which everything was delivered or given
//! up, and what is delivered next follows from the log, so nothing is written for it when something happens. A
//! [`Delivery`] holds ids and numbers alone; what it says is made anew for each attempt, from the log and the rows as they
//! are by then, so a rename shows and an erasure reaches it.

mod address;
mod delivery;
mod filter;
mod secret;
mod url;

pub use self::{
    address::AddressPolicy,
    delivery::{Delivery, DeliveryState, Judged, MessageKind, RetryPolicy, SendOutcome},
    filter::{FoundUser, FoundUsers, NamedUser, UnknownUsers, WebhookFilter},
    secret::{WebhookSecret, WebhookSecrets},
    url::{InvalidWebhookUrl, WebhookUrl},
};
use crate::{
    error::Fault,
    given::Given,
    id::WebhookId,
    page::Placed,
    ports::WebhookCreated,
    sequence::{EventKind, Turn},
    text::{Username, Verb},
    time::Timestamp,
};

/// A subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Its public id.
    pub id: WebhookId,
    /// Where deliveries are sent.
    pub url: WebhookUrl,
    /// What is delivered.
    pub filter: WebhookFilter,
    /// What deliveries are signed with.
    pub secrets: WebhookSecrets,
    /// Whether anything is delivered.
    pub status: WebhookStatus,
    /// Since when every attempt has failed; none where the last one went well.
    pub failing_since: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// The position up to which everything was delivered, given up, or not wanted.
    pub position: i64,
    /// Grows with every [`WebhookChange`], so that whoever delivers notices that what it goes by is old.
    pub revision: i64,
}

/// Webhooks are listed by their ids, the newest first.
impl Placed for Webhook {
    type Place = WebhookId;
    fn place(&self) -> WebhookId {
        self.id
    }
}

/// Whether anything is delivered. The words are stored and shown, and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WebhookStatus {
    /// It is.
    Enabled,
    /// Somebody paused it.
    Paused,
    /// Nothing could be delivered for [so long](RetryPolicy::disable_after_micros) that it was switched off.
    Failing,
    /// The receiver said that it is gone for good (410), so it was switched off.
    Gone,
}

impl WebhookStatus {
    /// Every status.
    pub const ALL: [Self; 4] = [Self::Enabled, Self::Paused, Self::Failing, Self::Gone];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Paused => "paused",
            Self::Failing => "failing",
            Self::Gone => "gone",
        }
    }

    /// The status of a word.
    pub fn parse(raw: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == raw)
    }

    fn of_wish(is_enabled: bool) -> Self {
        if is_enabled { Self::Enabled } else { Self::Paused }
    }
}

/// The most subscriptions that a database has: each is followed at the same time.
pub const WEBHOOKS_MAX: usize = 100;

/// A subscription to be made. It begins at the end of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewWebhook {
    /// Where deliveries are sent.
    pub url: WebhookUrl,
    /// What is delivered.
    pub wish: FilterWish,
    /// Whether it begins at once.
    pub is_enabled: bool,
    /// What deliveries are signed with.
    pub secret: WebhookSecret,
}

impl NewWebhook {
    /// The names of users whom the store has to know for it: the actor's and the target's.
    pub fn names(&self) -> [Option<&Username>; 2] {
        [self.wish.actor.as_ref(), self.wish.target.as_ref()]
    }

    /// What becomes of the wish in a store that has found the users of its names and has so many webhooks already. What is
    /// created is to be stored.
    pub fn created(self, users: FoundUsers, webhooks: usize, turn: &Turn<'_>) -> WebhookCreated {
        let [actor, target] = match filter::known(users) {
            Ok(users) => users,
            Err(UnknownUsers { actor, target }) => return WebhookCreated::UnknownUsers { actor, target },
        };
        if WEBHOOKS_MAX <= webhooks {
            return WebhookCreated::Full;
        }
        let now = turn.now();
        WebhookCreated::Created(Box::new(Webhook {
            id: WebhookId::from_uuid(turn.uuid(now)),
            url: self.url,
            filter: WebhookFilter::of(self.wish, actor, target),
            secrets: WebhookSecrets::new(self.secret),
            status: WebhookStatus::of_wish(self.is_enabled),
            failing_since: None,
            created_at: now,
            position: turn.position(),
            revision: 0,
        }))
    }
}

/// A filter whose users are names that may be nobody's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilterWish {
    /// The kinds of events; all, where there is none.
    pub kinds: Vec<EventKind>,
    /// Only what this user did.
    pub actor: Option<Username>,
    /// Only activities with this verb.
    pub verb: Option<Verb>,
    /// Only what was done to this user.
    pub target: Option<Username>,
}

/// A subscription as it was asked for: what is valid stands in its member, all that is not stands in `faults`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebhookDraft {
    /// Where deliveries are sent.
    pub url: Option<WebhookUrl>,
    /// What is delivered.
    pub wish: FilterWish,
    /// Whether it begins at once; it does where nothing is said.
    pub is_enabled: Option<bool>,
    /// Everything that was wrong.
    pub faults: Vec<Fault>,
}

impl WebhookDraft {
    /// The subscription, or every fault.
    pub fn checked(self, secret: WebhookSecret) -> Result<NewWebhook, Vec<Fault>> {
        let mut faults = self.faults;
        if self.url.is_none() && !faults.iter().any(|fault| fault.pointer == "/url") {
            faults.push(Fault::new("/url", "is required"));
        }
        match self.url {
            Some(url) if faults.is_empty() => {
                Ok(NewWebhook { url, wish: self.wish, is_enabled: self.is_enabled.unwrap_or(true), secret })
            }
            _ => Err(faults),
        }
    }
}

/// What is to change; what is not given stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebhookPatch {
    /// Where deliveries are sent.
    pub url: Option<WebhookUrl>,
    /// The kinds of events; all, where it is empty.
    pub kinds: Option<Vec<EventKind>>,
    /// Only what this user did.
    pub actor: Given<Username>,
    /// Only activities with this verb.
    pub verb: Given<Verb>,
    /// Only what was done to this user.
    pub target: Given<Username>,
    /// Pauses it, or lets it go on.
    pub is_enabled: Option<bool>,
}

/// Something that an operator does to a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebhookChange {
    /// Another address, filter or status.
    Edit(WebhookPatch),
    /// Another secret; the present one counts for a while more.
    Rotate {
        /// The new one.
        secret: WebhookSecret,
        /// For how long.
        overlap_micros: i64,
    },
    /// Another position to go on from: an earlier one delivers again, a later one skips.
    Replay {
        /// Everything after this position is delivered.
        from: i64,
    },
}

impl WebhookChange {
    /// The names of users whom the store has to know for it: the actor's and the target's.
    pub fn names(&self) -> [Option<&Username>; 2] {
        match self {
            Self::Edit(patch) => [&patch.actor, &patch.target].map(|given| given.as_ref().value()),
            Self::Rotate { .. } | Self::Replay { .. } => [None, None],
        }
    }
}

/// What a change makes of a subscription and its deliveries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The subscription by now.
    pub webhook: Webhook,
    /// Deliveries with a position above this one are forgotten: they follow from the log again, or are skipped. So the only
    /// delivery above a subscription's position is ever the one that all later ones wait for.
    pub forget_above: Option<i64>,
    /// What is pending is tried at once.
    pub is_woken: bool,
}

impl Webhook {
    /// Whether anything is delivered.
    pub fn is_enabled(&self) -> bool {
        self.status == WebhookStatus::Enabled
    }

    /// What becomes of it by a change whose users the store has found.
    pub fn changed(
        self,
        change: WebhookChange,
        users: FoundUsers,
        now: Timestamp,
    ) -> Result<Changed, UnknownUsers> {
        let [actor, target] = filter::known(users)?;
        let mut webhook = Self { revision: self.revision.wrapping_add(1), ..self };
        Ok(match change {
            WebhookChange::Edit(patch) => {
                let was_enabled = webhook.is_enabled();
                webhook.url = patch.url.unwrap_or(webhook.url);
                let filter = webhook.filter;
                webhook.filter = WebhookFilter {
                    kinds: patch.kinds.map_or(filter.kinds, filter::distinct),
                    actor: resolved(&patch.actor, filter.actor, actor),
                    verb: patch.verb.applied_to(filter.verb),
                    target: resolved(&patch.target, filter.target, target),
                };
                if let Some(is_enabled) = patch.is_enabled {
                    let keeps = !is_enabled && !was_enabled;
                    // Whatever switched it off, pausing it again says nothing new.
                    webhook.status = if keeps { webhook.status } else { WebhookStatus::of_wish(is_enabled) };
                }
                let is_woken = webhook.is_enabled() && !was_enabled;
                if is_woken {
                    webhook.failing_since = None;
                }
                Changed { webhook, forget_above: None, is_woken }
            }
            WebhookChange::Rotate { secret, overlap_micros } => {
                webhook.secrets = webhook.secrets.rotated(secret, overlap_micros, now);
                Changed { webhook, forget_above: None, is_woken: false }
            }
            WebhookChange::Replay { from } => {
                let forget_above = Some(from.min(webhook.position));
                webhook.position = from;
                Changed { webhook, forget_above, is_woken: false }
            }
        })
    }

    /// What becomes of it by an attempt that was judged.
    #[must_use]
    pub fn after(self, judged: &Judged, policy: &RetryPolicy, now: Timestamp) -> Self {
        if judged.is_success {
            return Self { failing_since: None, ..self };
        }
        let since = self.failing_since.unwrap_or(now);
        let fails_too_long = since.plus_micros(policy.disable_after_micros) <= now;
        let status = match self.status {
            WebhookStatus::Enabled if judged.is_gone => WebhookStatus::Gone,
            WebhookStatus::Enabled if fails_too_long => WebhookStatus::Failing,
            other => other,
        };
        Self { status, failing_since: Some(since), ..self }
    }
}

fn resolved(
    wish: &Given<Username>,
    stored: Option<NamedUser>,
    found: Option<NamedUser>,
) -> Option<NamedUser> {
    match wish {
        Given::Absent => stored,
        Given::Null => None,
        Given::Value(_) => found,
    }
}

#[cfg(test)]
mod tests;
