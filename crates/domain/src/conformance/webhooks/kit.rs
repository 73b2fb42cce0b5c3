//! What the promises about webhooks are told with.

use uuid::Uuid;

use crate::{
    conformance::{
        kit::{carried_out, done},
        world::World,
    },
    id::WebhookId,
    page::{Boundary, Direction, Span},
    ports::{Progress, WebhookChanged, WebhookCreated, Work},
    sequence::EventKind,
    time::Timestamp,
    webhook::{
        AddressPolicy, Delivery, FilterWish, MessageKind, NewWebhook, RetryPolicy, SendOutcome, Webhook,
        WebhookChange, WebhookPatch, WebhookSecret, WebhookUrl,
    },
};

pub(super) const HOUR: i64 = 3_600_000_000;
pub(super) const ADDED: MessageKind = MessageKind::Event(EventKind::ActivityAdded);
pub(super) const POLICY: RetryPolicy =
    RetryPolicy { base_micros: 1_000_000, max_micros: HOUR, attempts_max: 1, disable_after_micros: HOUR };

pub(super) fn url(raw: &str) -> WebhookUrl {
    WebhookUrl::parse(raw, AddressPolicy::default()).unwrap_or_else(|error| panic!("{raw}: {error}"))
}

pub(super) fn secret(byte: u8) -> WebhookSecret {
    WebhookSecret::of_random([byte; 32])
}

pub(super) fn new(wish: FilterWish) -> NewWebhook {
    NewWebhook { url: url("https://example.org/hook?a=%20b"), wish, is_enabled: true, secret: secret(1) }
}

pub(super) fn holder(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

pub(super) fn top<K>() -> Span<K> {
    Span { boundary: Boundary::Top, direction: Direction::Forward, take: 1000 }
}

impl World {
    pub(super) async fn try_webhook(&self, new: NewWebhook) -> WebhookCreated {
        carried_out(self.stores.webhooks.create(new, None).await)
    }

    pub(super) async fn webhook(&self, wish: FilterWish) -> Webhook {
        match self.try_webhook(new(wish)).await {
            WebhookCreated::Created(webhook) => *webhook,
            other => panic!("making a webhook answers {other:?}"),
        }
    }

    pub(super) async fn found_webhook(&self, id: WebhookId) -> Option<Webhook> {
        done(self.stores.webhooks.find(id).await)
    }

    pub(super) async fn webhooks(&self) -> Vec<Webhook> {
        done(self.stores.webhooks.list(top()).await)
    }

    pub(super) async fn change_webhook(&self, id: WebhookId, change: WebhookChange) -> Webhook {
        match carried_out(self.stores.webhooks.change(id, change, None).await) {
            WebhookChanged::Changed(webhook) => *webhook,
            other => panic!("changing a webhook answers {other:?}"),
        }
    }

    pub(super) async fn switch(&self, id: WebhookId, is_enabled: bool) -> Webhook {
        let patch = WebhookPatch { is_enabled: Some(is_enabled), ..WebhookPatch::default() };
        self.change_webhook(id, WebhookChange::Edit(patch)).await
    }

    pub(super) async fn claim(&self, by: u128) -> Vec<WebhookId> {
        let claimed = done(self.stores.webhooks.claim(holder(by), HOUR).await);
        claimed.into_iter().map(|claimed| claimed.id).collect()
    }

    pub(super) async fn work(&self, by: u128, id: WebhookId) -> Option<Work> {
        done(self.stores.webhooks.work(holder(by), id).await)
    }

    /// Stores a delivery for the holder 1, and the position that goes with it.
    pub(super) async fn deliver(&self, webhook: &Webhook, delivery: Delivery, position: i64) -> bool {
        let progress = Progress { position, delivery: Some(delivery), ..standing(webhook) };
        done(self.stores.webhooks.record(holder(1), progress).await)
    }

    pub(super) async fn deliveries(&self, id: WebhookId) -> Vec<Delivery> {
        let found = done(self.stores.webhooks.deliveries(id, None, top()).await);
        found.unwrap_or_else(|| panic!("there is no webhook {id}"))
    }

    pub(super) async fn positions(&self, id: WebhookId) -> Vec<i64> {
        self.deliveries(id).await.iter().map(|delivery| delivery.position).collect()
    }
}

pub(super) fn standing(webhook: &Webhook) -> Progress {
    Progress {
        id: webhook.id,
        revision: webhook.revision,
        position: webhook.position,
        status: webhook.status,
        failing_since: webhook.failing_since,
        delivery: None,
    }
}

pub(super) fn pending(webhook: &Webhook, position: i64, now: Timestamp) -> Delivery {
    Delivery::new(webhook.id, position, ADDED, now)
}

pub(super) fn delivered(webhook: &Webhook, position: i64, now: Timestamp) -> Delivery {
    let outcome = SendOutcome::Answered { status: 204, retry_after_s: None };
    pending(webhook, position, now).attempted(&outcome, &POLICY, 0, 12, now)
}

pub(super) fn dead(webhook: &Webhook, position: i64, now: Timestamp) -> Delivery {
    let outcome = SendOutcome::Failed("nobody «answered»".to_owned());
    pending(webhook, position, now).attempted(&outcome, &POLICY, 0, 34, now)
}
