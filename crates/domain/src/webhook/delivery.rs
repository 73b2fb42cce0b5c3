//! One event on its way to one subscriber: its states, when it is tried again, and when it is given up.

use crate::{id::WebhookId, page::Placed, sequence::EventKind, time::Timestamp};

/// What became of an event, or of the news that events are missing, for one subscriber. It holds no word of what is
/// delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The subscription.
    pub webhook: WebhookId,
    /// The position of the event; of the last one that is missing, where it tells that events are.
    pub position: i64,
    /// What is delivered.
    pub kind: MessageKind,
    /// How far it is.
    pub state: DeliveryState,
    /// How often it was tried since it became pending.
    pub attempts: u32,
    /// When it was first tried, or asked for again.
    pub created_at: Timestamp,
    /// When it was last tried.
    pub attempted_at: Option<Timestamp>,
    /// When it is tried next; none where it is not.
    pub next_at: Option<Timestamp>,
    /// The HTTP status of the last answer; none where there was no answer.
    pub last_status: Option<u16>,
    /// Why the last attempt failed, in our own words: nothing of what a receiver answers is kept.
    pub last_error: Option<String>,
    /// How long the last attempt took, in milliseconds.
    pub last_duration_ms: Option<u32>,
}

/// Deliveries are listed by position, the newest first.
impl Placed for Delivery {
    type Place = i64;
    fn place(&self) -> i64 {
        self.position
    }
}

/// What is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageKind {
    /// An event.
    Event(EventKind),
    /// The news that the log does not hold events any more which the subscriber has not got.
    Resync,
}

impl MessageKind {
    /// The name of it: that of the kind of event, or `resync`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Event(kind) => kind.as_str(),
            Self::Resync => "resync",
        }
    }

    /// The kind of a name.
    pub fn parse(raw: &str) -> Option<Self> {
        if raw == "resync" { Some(Self::Resync) } else { EventKind::parse(raw).map(Self::Event) }
    }
}

/// How far a delivery is. The words are stored and shown, and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeliveryState {
    /// It is to be tried, perhaps again.
    Pending,
    /// The receiver took it.
    Delivered,
    /// It was given up: a dead letter.
    Dead,
}

impl DeliveryState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Pending, Self::Delivered, Self::Dead];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
        }
    }

    /// The state of a word.
    pub fn parse(raw: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == raw)
    }
}

/// How often, and how far apart, a delivery is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The most time between the first two attempts, in microseconds; it doubles with each.
    pub base_micros: i64,
    /// The most time between any two.
    pub max_micros: i64,
    /// After so many attempts it is given up.
    pub attempts_max: u32,
    /// A subscription of which every attempt failed for so long is switched off.
    pub disable_after_micros: i64,
}

impl RetryPolicy {
    /// How long to wait after the attempt of a number, from 1 on: half of a time that doubles up to the maximum, and a random
    /// part of the other half, so that receivers that failed together are not all asked again together ("equal jitter":
    /// Brooker, Exponential Backoff and Jitter, 2015). What the receiver asked for is waited at least, up to the maximum.
    fn pause_micros(&self, attempt: u32, asked_s: Option<u64>, random: u64) -> i64 {
        let doublings = attempt.saturating_sub(1).min(62);
        let whole = self.base_micros.saturating_mul(1 << doublings).clamp(0, self.max_micros.max(0));
        let half = whole / 2;
        // At most `half`, which is no negative number, so this fits.
        let part = i64::try_from(random % (half.unsigned_abs() + 1)).unwrap_or(half);
        let asked = asked_s.and_then(|seconds| i64::try_from(seconds).ok()?.checked_mul(1_000_000));
        (whole - half + part).max(asked.unwrap_or(0).min(self.max_micros))
    }
}

/// What came of sending something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendOutcome {
    /// The receiver answered.
    Answered {
        /// The HTTP status.
        status: u16,
        /// After how many seconds it wants to be asked again, where it said so.
        retry_after_s: Option<u64>,
    },
    /// There was no answer, for a reason in our own words.
    Failed(String),
}

/// What an outcome means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judged {
    /// The receiver took it: a status of 200 to 299.
    pub is_success: bool,
    /// The receiver is gone for good: 410.
    pub is_gone: bool,
}

impl SendOutcome {
    /// What it means. A redirection is no success: it is not followed.
    pub fn judged(&self) -> Judged {
        match self {
            Self::Answered { status, .. } => {
                Judged { is_success: (200..300).contains(status), is_gone: *status == 410 }
            }
            Self::Failed(_) => Judged { is_success: false, is_gone: false },
        }
    }
}

impl Delivery {
    /// One that was never tried.
    pub fn new(webhook: WebhookId, position: i64, kind: MessageKind, now: Timestamp) -> Self {
        Self {
            webhook,
            position,
            kind,
            state: DeliveryState::Pending,
            attempts: 0,
            created_at: now,
            attempted_at: None,
            next_at: Some(now),
            last_status: None,
            last_error: None,
            last_duration_ms: None,
        }
    }

    /// What its receiver knows it by, whenever and however often it comes: the `webhook-id`.
    pub fn message_id(&self) -> String {
        let kind = if self.kind == MessageKind::Resync { "_resync" } else { "" };
        format!("msg_{}_{}{kind}", self.webhook.as_uuid().simple(), self.position)
    }

    /// Whether it is to be tried by now.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.state == DeliveryState::Pending && self.next_at.is_none_or(|at| at <= now)
    }

    /// What becomes of it by an attempt that took `duration_ms` and ended `now`.
    #[must_use]
    pub fn attempted(
        self,
        outcome: &SendOutcome,
        policy: &RetryPolicy,
        random: u64,
        duration_ms: u32,
        now: Timestamp,
    ) -> Self {
        let attempts = self.attempts.saturating_add(1);
        let (last_status, retry_after_s, last_error) = match outcome {
            SendOutcome::Answered { status, retry_after_s } => (Some(*status), *retry_after_s, None),
            SendOutcome::Failed(reason) => (None, None, Some(reason.clone())),
        };
        let is_success = outcome.judged().is_success;
        let told = || last_status.map(|status| format!("the receiver answered {status}"));
        let last_error = if is_success { None } else { last_error.or_else(told) };
        let (state, next_at) = if is_success {
            (DeliveryState::Delivered, None)
        } else if policy.attempts_max <= attempts {
            (DeliveryState::Dead, None)
        } else {
            let pause = policy.pause_micros(attempts, retry_after_s, random);
            (DeliveryState::Pending, Some(now.plus_micros(pause)))
        };
        Self {
            state,
            attempts,
            attempted_at: Some(now),
            next_at,
            last_status,
            last_error,
            last_duration_ms: Some(duration_ms),
            ..self
        }
    }

    /// It cannot be delivered whatever is tried.
    #[must_use]
    pub fn given_up(self, reason: &str, now: Timestamp) -> Self {
        Self {
            state: DeliveryState::Dead,
            attempted_at: Some(now),
            next_at: None,
            last_status: None,
            last_error: Some(reason.to_owned()),
            ..self
        }
    }

    /// It is asked for once more: it is tried at once, and if need be as often as one that is new.
    #[must_use]
    pub fn again(self, now: Timestamp) -> Self {
        Self { state: DeliveryState::Pending, attempts: 0, created_at: now, next_at: Some(now), ..self }
    }
}
