//! Webhooks and their deliveries, one line each.

use std::convert::Infallible;

use async_trait::async_trait;
use feed_me_domain::{
    Attempt, Keyed, Span, StoreError, Timestamp, Username, Webhook, WebhookId,
    ports::{
        Claimed, Progress, Redelivered, WebhookChanged, WebhookCreated, WebhookRepository, WebhookTally, Work,
    },
    webhook::{
        Changed, Delivery, DeliveryState, FoundUser, FoundUsers, NewWebhook, WebhookChange, WebhookStatus,
    },
};
use uuid::Uuid;

use crate::notebook::{Notebook, Pages, stretch};

/// A webhook, and who delivers for it until when.
#[derive(Clone)]
pub(crate) struct Subscribed {
    pub(crate) webhook: Webhook,
    lease: Option<(Uuid, Timestamp)>,
}

impl Pages {
    /// The webhook with the present names of its users.
    fn webhook(&self, id: WebhookId) -> Option<Webhook> {
        let mut webhook = self.webhooks.iter().find(|one| one.webhook.id == id)?.webhook.clone();
        for named in [&mut webhook.filter.actor, &mut webhook.filter.target].into_iter().flatten() {
            let user = self.users.iter().find(|user| user.key == named.key)?;
            named.username = user.username.clone();
        }
        Some(webhook)
    }

    fn found_users(&self, names: [Option<&Username>; 2]) -> FoundUsers {
        let find = |name: &Username| self.users.iter().find(|user| user.username == *name);
        names.map(|name| {
            let found = |name: &Username| Ok::<_, Infallible>(find(name).map(|user| (user.key, user.id)));
            let Ok(user) = FoundUser::look_up(name, found);
            user
        })
    }

    /// Webhooks go with the users whom they name, and deliveries with their webhooks.
    pub(crate) fn forget_webhooks(&mut self, is_gone: impl Fn(&Webhook) -> bool) -> bool {
        let before = self.webhooks.len();
        self.webhooks.retain(|one| !is_gone(&one.webhook));
        let left: Vec<WebhookId> = self.webhooks.iter().map(|one| one.webhook.id).collect();
        self.deliveries.retain(|delivery| left.contains(&delivery.webhook));
        self.webhooks.len() != before
    }

    fn is_held(&self, holder: Uuid, id: WebhookId, now: Timestamp) -> bool {
        let lease = self.webhooks.iter().find(|one| one.webhook.id == id).and_then(|one| one.lease);
        lease.is_some_and(|(by, until)| by == holder && now < until)
    }

    fn pending(&self, id: WebhookId) -> impl Iterator<Item = &Delivery> {
        self.deliveries
            .iter()
            .filter(move |delivery| delivery.webhook == id && delivery.state == DeliveryState::Pending)
    }

    fn forget_above(&mut self, id: WebhookId, position: i64) {
        self.deliveries.retain(|delivery| delivery.webhook != id || delivery.position <= position);
    }

    fn put_delivery(&mut self, delivery: Delivery) {
        let key = (delivery.webhook, delivery.position);
        self.deliveries.retain(|stored| (stored.webhook, stored.position) != key);
        self.deliveries.push(delivery);
    }
}

#[async_trait]
impl WebhookRepository for Notebook {
    async fn create(
        &self,
        webhook: NewWebhook,
        keyed: Option<Keyed<WebhookCreated>>,
    ) -> Result<Attempt<WebhookCreated>, StoreError> {
        Ok(self.write_keyed(keyed, |pages, turn| {
            let users = pages.found_users(webhook.names());
            let created = webhook.created(users, pages.webhooks.len(), turn);
            if let WebhookCreated::Created(webhook) = &created {
                pages.webhooks.push(Subscribed { webhook: (**webhook).clone(), lease: None });
            }
            created
        }))
    }

    async fn list(&self, span: Span<WebhookId>) -> Result<Vec<Webhook>, StoreError> {
        let pages = self.read();
        let all = pages.webhooks.iter().rev().filter_map(|one| pages.webhook(one.webhook.id)).collect();
        Ok(stretch(all, &span, |webhook| webhook.id, |one, other| other.cmp(one)))
    }

    async fn find(&self, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
        Ok(self.read().webhook(id))
    }

    async fn change(
        &self,
        id: WebhookId,
        change: WebhookChange,
        keyed: Option<Keyed<WebhookChanged>>,
    ) -> Result<Attempt<WebhookChanged>, StoreError> {
        Ok(self.write_keyed(keyed, |pages, turn| {
            let Some(stored) = pages.webhook(id) else { return WebhookChanged::Unknown };
            let users = pages.found_users(change.names());
            let changed = stored.changed(change, users, turn.now());
            let Changed { webhook, forget_above, is_woken } = match changed {
                Ok(changed) => changed,
                Err(unknown) => return unknown.into(),
            };
            if let Some(position) = forget_above {
                pages.forget_above(id, position);
            }
            for delivery in &mut pages.deliveries {
                if is_woken && delivery.webhook == id && delivery.state == DeliveryState::Pending {
                    delivery.next_at = Some(turn.now());
                }
            }
            for one in pages.webhooks.iter_mut().filter(|one| one.webhook.id == id) {
                one.webhook = webhook.clone();
            }
            WebhookChanged::Changed(Box::new(webhook))
        }))
    }

    async fn delete(&self, id: WebhookId) -> Result<bool, StoreError> {
        Ok(self.write(|pages, _| pages.forget_webhooks(|webhook| webhook.id == id)))
    }

    async fn deliveries(
        &self,
        id: WebhookId,
        state: Option<DeliveryState>,
        span: Span<i64>,
    ) -> Result<Option<Vec<Delivery>>, StoreError> {
        let pages = self.read();
        if pages.webhook(id).is_none() {
            return Ok(None);
        }
        let is_wanted = |delivery: &&Delivery| {
            delivery.webhook == id && state.is_none_or(|state| delivery.state == state)
        };
        let mut all: Vec<Delivery> = pages.deliveries.iter().filter(is_wanted).cloned().collect();
        all.sort_by_key(|delivery| std::cmp::Reverse(delivery.position));
        Ok(Some(stretch(all, &span, |delivery| delivery.position, |one, other| other.cmp(one))))
    }

    async fn redeliver(
        &self,
        id: WebhookId,
        position: i64,
        keyed: Option<Keyed<Redelivered>>,
    ) -> Result<Attempt<Redelivered>, StoreError> {
        Ok(self.write_keyed(keyed, |pages, turn| {
            if pages.webhook(id).is_none() {
                return Redelivered::UnknownWebhook;
            }
            let found = pages.deliveries.iter().find(|one| one.webhook == id && one.position == position);
            let Some(delivery) = found.cloned() else { return Redelivered::UnknownDelivery };
            let delivery = delivery.again(turn.now());
            pages.put_delivery(delivery.clone());
            Redelivered::Pending(delivery)
        }))
    }

    async fn claim(&self, holder: Uuid, lease_micros: i64) -> Result<Vec<Claimed>, StoreError> {
        let now = self.clock.now();
        Ok(self.write(|pages, _| {
            let mut claimed = Vec::new();
            for one in &mut pages.webhooks {
                let is_free = one.lease.is_none_or(|(by, until)| by == holder || until <= now);
                if is_free && one.webhook.is_enabled() {
                    one.lease = Some((holder, now.plus_micros(lease_micros)));
                    let Webhook { id, revision, .. } = one.webhook;
                    claimed.push(Claimed { id, revision, next_at: None });
                }
            }
            for one in &mut claimed {
                one.next_at = pages.pending(one.id).filter_map(|delivery| delivery.next_at).min();
            }
            claimed
        }))
    }

    async fn release(&self, holder: Uuid) -> Result<(), StoreError> {
        self.write(|pages, _| {
            for one in &mut pages.webhooks {
                one.lease = one.lease.filter(|(by, _)| *by != holder);
            }
        });
        Ok(())
    }

    async fn work(&self, holder: Uuid, id: WebhookId) -> Result<Option<Work>, StoreError> {
        let now = self.clock.now();
        let pages = self.read();
        let webhook = pages.webhook(id).filter(|_| pages.is_held(holder, id, now));
        let Some(webhook) = webhook else { return Ok(None) };
        let is_in_line = |delivery: &&Delivery| webhook.position < delivery.position;
        let head = pages.pending(id).find(is_in_line).cloned();
        let again = pages.pending(id).filter(|delivery| !is_in_line(delivery));
        let again = again.min_by_key(|delivery| (delivery.next_at, delivery.position)).cloned();
        Ok(Some(Work { webhook, head, again }))
    }

    async fn record(&self, holder: Uuid, progress: Progress) -> Result<bool, StoreError> {
        let now = self.clock.now();
        Ok(self.write(|pages, _| {
            let is_held = pages.is_held(holder, progress.id, now);
            let same = |one: &&mut Subscribed| {
                is_held && one.webhook.id == progress.id && one.webhook.revision == progress.revision
            };
            let Some(one) = pages.webhooks.iter_mut().find(same) else { return false };
            let before = std::mem::replace(&mut one.webhook.position, progress.position);
            one.webhook.status = progress.status;
            one.webhook.failing_since = progress.failing_since;
            if progress.clears_line(before) {
                pages.forget_above(progress.id, before);
            }
            if let Some(delivery) = progress.delivery {
                pages.put_delivery(delivery);
            }
            true
        }))
    }

    async fn trim(&self, before: Timestamp, take: usize) -> Result<usize, StoreError> {
        Ok(self.write(|pages, _| {
            let mut left = take;
            pages.deliveries.retain(|delivery| {
                let is_old = delivery.attempted_at.is_some_and(|at| at < before);
                let goes = delivery.state != DeliveryState::Pending && is_old && 0 < left;
                left -= usize::from(goes);
                !goes
            });
            take - left
        }))
    }

    async fn any_enabled(&self) -> Result<bool, StoreError> {
        Ok(self.read().webhooks.iter().any(|one| one.webhook.is_enabled()))
    }

    async fn tally(&self) -> Result<WebhookTally, StoreError> {
        let pages = self.read();
        let all = || pages.webhooks.iter().map(|one| &one.webhook);
        let count = |status| all().filter(|webhook| webhook.status == status).count() as u64;
        let dead = pages.deliveries.iter().filter(|delivery| delivery.state == DeliveryState::Dead);
        Ok(WebhookTally {
            by_status: WebhookStatus::ALL.map(count),
            position_min: all().filter(|webhook| webhook.is_enabled()).map(|webhook| webhook.position).min(),
            dead: dead.count() as u64,
        })
    }
}
