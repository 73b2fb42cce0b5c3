use async_trait::async_trait;
use uuid::Uuid;

use crate::{
    activity::Activity,
    error::StoreError,
    id::WebhookId,
    idempotency::{Attempt, Keyed},
    page::Span,
    ports::LoggedEvent,
    time::Timestamp,
    webhook::{
        Delivery, DeliveryState, MessageKind, NewWebhook, SendOutcome, UnknownUsers, Webhook, WebhookChange,
        WebhookStatus, WebhookUrl,
    },
};

/// Keeps subscriptions and what became of their deliveries. They are no part of the feed: nothing here appends an event.
/// A subscription goes with the users whom its filter names, and all of them go with a reset.
///
/// Of several processes on one store one alone delivers for a subscription at a time: the one that holds its lease. Times
/// of leases are the store's own, so clocks of processes need not agree.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait WebhookRepository: Send + Sync {
    /// Keeps a new subscription if [`NewWebhook::created`] makes one of the wish.
    async fn create(
        &self,
        webhook: NewWebhook,
        keyed: Option<Keyed<WebhookCreated>>,
    ) -> Result<Attempt<WebhookCreated>, StoreError>;

    /// A stretch of all subscriptions, by id, the newest first; in walking order.
    async fn list(&self, span: Span<WebhookId>) -> Result<Vec<Webhook>, StoreError>;

    /// The subscription of an id.
    async fn find(&self, id: WebhookId) -> Result<Option<Webhook>, StoreError>;

    /// Replaces a subscription by what [`Webhook::changed`] makes of it, and does with its deliveries what that says.
    async fn change(
        &self,
        id: WebhookId,
        change: WebhookChange,
        keyed: Option<Keyed<WebhookChanged>>,
    ) -> Result<Attempt<WebhookChanged>, StoreError>;

    /// Forgets a subscription and its deliveries. Says whether there was one.
    async fn delete(&self, id: WebhookId) -> Result<bool, StoreError>;

    /// A stretch of the deliveries of a subscription, or of those in a state, by position, the newest first; in walking
    /// order. None where there is no such subscription.
    async fn deliveries(
        &self,
        id: WebhookId,
        state: Option<DeliveryState>,
        span: Span<i64>,
    ) -> Result<Option<Vec<Delivery>>, StoreError>;

    /// Makes a delivery [pending again](Delivery::again), whatever its state.
    async fn redeliver(
        &self,
        id: WebhookId,
        position: i64,
        keyed: Option<Keyed<Redelivered>>,
    ) -> Result<Attempt<Redelivered>, StoreError>;

    /// Takes, for a holder and for so many microseconds from now, the lease of every enabled subscription that nobody else
    /// holds, and tells them all, those that it held before too.
    async fn claim(&self, holder: Uuid, lease_micros: i64) -> Result<Vec<Claimed>, StoreError>;

    /// Gives all leases of a holder back.
    async fn release(&self, holder: Uuid) -> Result<(), StoreError>;

    /// What is to be done for a subscription; none where there is no such subscription, or the holder has no lease of it.
    async fn work(&self, holder: Uuid, id: WebhookId) -> Result<Option<Work>, StoreError>;

    /// Stores how far a subscription is, if the holder has its lease and it is in the revision given; says whether so.
    /// Deliveries above the old position are forgotten where the progress [clears the line](Progress::clears_line), and the
    /// one given is stored.
    async fn record(&self, holder: Uuid, progress: Progress) -> Result<bool, StoreError>;

    /// Forgets at most `take` deliveries that are not pending and were last tried before an instant, and says how many went.
    async fn trim(&self, before: Timestamp, take: usize) -> Result<usize, StoreError>;

    /// Whether any subscription is enabled. It costs little, as it is asked again and again where there are none.
    async fn any_enabled(&self) -> Result<bool, StoreError>;

    /// Counts.
    async fn tally(&self) -> Result<WebhookTally, StoreError>;
}

/// What became of making a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebhookCreated {
    /// It is kept.
    Created(Box<Webhook>),
    /// The actor, the target or both are not users.
    UnknownUsers {
        /// Whether the actor is not.
        actor: bool,
        /// Whether the target is not.
        target: bool,
    },
    /// There are [as many as there may be](crate::webhook::WEBHOOKS_MAX).
    Full,
}

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebhookChanged {
    /// It is like this now.
    Changed(Box<Webhook>),
    /// There is no such subscription.
    Unknown,
    /// The actor, the target or both are not users.
    UnknownUsers {
        /// Whether the actor is not.
        actor: bool,
        /// Whether the target is not.
        target: bool,
    },
}

impl From<UnknownUsers> for WebhookChanged {
    fn from(UnknownUsers { actor, target }: UnknownUsers) -> Self {
        Self::UnknownUsers { actor, target }
    }
}

/// What became of asking for a delivery once more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redelivered {
    /// It is pending.
    Pending(Delivery),
    /// There is no such subscription.
    UnknownWebhook,
    /// The subscription has no such delivery.
    UnknownDelivery,
}

/// A subscription whose lease a holder has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// Which.
    pub id: WebhookId,
    /// Its revision.
    pub revision: i64,
    /// When the first of its pending deliveries is to be tried.
    pub next_at: Option<Timestamp>,
}

/// What is to be done for a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work {
    /// The subscription.
    pub webhook: Webhook,
    /// The pending delivery that all later ones wait for: the one above the subscription's position.
    pub head: Option<Delivery>,
    /// The pending delivery that was asked for once more and is to be tried first: of those up to the position.
    pub again: Option<Delivery>,
}

/// How far a subscription is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Which.
    pub id: WebhookId,
    /// The revision that this is about.
    pub revision: i64,
    /// The position up to which everything is done.
    pub position: i64,
    /// Whether it goes on.
    pub status: WebhookStatus,
    /// Since when every attempt has failed.
    pub failing_since: Option<Timestamp>,
    /// A delivery to store in the place of the one of its position.
    pub delivery: Option<Delivery>,
}

impl Progress {
    /// Whether what stands above the position that the subscription had `before` goes: unless this is about a delivery up to
    /// there, which was asked for once more and comes beside the line.
    pub fn clears_line(&self, before: i64) -> bool {
        self.delivery.as_ref().is_none_or(|delivery| before < delivery.position)
    }
}

/// Counts of subscriptions and deliveries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebhookTally {
    /// How many subscriptions there are of each status, in the order of [`WebhookStatus::ALL`].
    pub by_status: [u64; 4],
    /// The least position of an enabled subscription.
    pub position_min: Option<i64>,
    /// How many dead letters are kept.
    pub dead: u64,
}

/// Sends requests to receivers.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait WebhookSender: Send + Sync {
    /// Sends a request by POST and waits for the status of the answer, for a bounded time. Redirections are not followed. It
    /// is sent only to an address that the operator's [policy](crate::webhook::AddressPolicy) allows, of those to which the
    /// host's name leads right now.
    async fn send(&self, request: &WebhookRequest) -> SendOutcome;
}

/// A request to a receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookRequest {
    /// Where to.
    pub url: WebhookUrl,
    /// `webhook-id`: what its receiver knows the message by.
    pub id: String,
    /// `webhook-timestamp`: seconds since 1970.
    pub timestamp_s: i64,
    /// `webhook-signature`.
    pub signature: String,
    /// The JSON that is signed.
    pub body: String,
}

/// Writes what is delivered.
#[cfg_attr(feature = "mock", mockall::automock)]
pub trait MessageWriter: Send + Sync {
    /// The JSON of a message.
    fn write(&self, message: &Message) -> Result<String, StoreError>;
}

/// What is delivered, as it is at the time of the attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What it is.
    pub kind: MessageKind,
    /// When what it tells of happened.
    pub at: Timestamp,
    /// What it tells.
    pub content: MessageContent,
}

/// What a message tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MessageContent {
    /// An event, and the activity that it is about as it is by now, where there is one still.
    Event {
        /// What happened.
        event: LoggedEvent,
        /// The activity.
        activity: Option<Box<Activity>>,
    },
    /// The events after a position up to another are not kept any more, and were not delivered.
    Missing {
        /// The position up to which the subscriber has everything.
        after: i64,
        /// The position from which on deliveries go on.
        position: i64,
    },
}
