//! Webhooks in memory.

use std::{collections::BTreeMap, convert::Infallible, ops::Bound};

use async_trait::async_trait;
use feed_me_domain::{
    Attempt, Boundary, Direction, Keyed, Span, StoreError, Timestamp, UserKey, Username, Webhook, WebhookId,
    ports::{
        Claimed, Progress, Redelivered, WebhookChanged, WebhookCreated, WebhookRepository, WebhookTally, Work,
    },
    webhook::{
        Changed, Delivery, DeliveryState, FoundUser, FoundUsers, NamedUser, NewWebhook, WebhookChange,
        WebhookStatus,
    },
};
use uuid::Uuid;

use super::{MemoryStore, state::State};

/// All webhooks, and all of their deliveries by webhook and position.
#[derive(Default)]
pub(super) struct Webhooks {
    rows: BTreeMap<WebhookId, WebhookRow>,
    deliveries: BTreeMap<(WebhookId, i64), Delivery>,
}

struct WebhookRow {
    webhook: Webhook,
    /// Who delivers for it, and until when nobody else may.
    lease: Option<(Uuid, Timestamp)>,
}

impl Webhooks {
    /// Forgets every webhook whose filter names a user.
    pub(super) fn forget_user(&mut self, key: UserKey) {
        let names = |user: &Option<NamedUser>| user.as_ref().is_some_and(|user| user.key == key);
        let webhooks = self.rows.values().map(|row| &row.webhook);
        let gone: Vec<_> = webhooks
            .filter(|webhook| names(&webhook.filter.actor) || names(&webhook.filter.target))
            .map(|webhook| webhook.id)
            .collect();
        for id in gone {
            self.remove(id);
        }
    }

    fn remove(&mut self, id: WebhookId) -> bool {
        self.forget_above(id, i64::MIN);
        self.rows.remove(&id).is_some()
    }

    fn of(&self, id: WebhookId) -> impl DoubleEndedIterator<Item = &Delivery> {
        self.deliveries.range((id, i64::MIN)..=(id, i64::MAX)).map(|(_, delivery)| delivery)
    }

    fn forget_above(&mut self, id: WebhookId, position: i64) {
        let above = (Bound::Excluded((id, position)), Bound::Included((id, i64::MAX)));
        let gone: Vec<_> = self.deliveries.range(above).map(|(key, _)| *key).collect();
        for key in gone {
            self.deliveries.remove(&key);
        }
    }

    fn pending(&self, id: WebhookId) -> impl Iterator<Item = &Delivery> {
        self.of(id).filter(|delivery| delivery.state == DeliveryState::Pending)
    }

    fn is_held(&self, holder: Uuid, id: WebhookId, now: Timestamp) -> bool {
        let lease = self.rows.get(&id).and_then(|row| row.lease);
        lease.is_some_and(|(by, until)| by == holder && now < until)
    }
}

impl State {
    /// A webhook with the present names of its users.
    fn shown(&self, webhook: &Webhook) -> Webhook {
        let mut webhook = webhook.clone();
        for user in [&mut webhook.filter.actor, &mut webhook.filter.target].into_iter().flatten() {
            user.username = self.name_of(user.key);
        }
        webhook
    }

    fn found_users(&self, names: [Option<&Username>; 2]) -> FoundUsers {
        let found = |username: &Username| self.key_of(username).map(|key| (key, self.users[&key].id));
        names.map(|name| {
            let Ok(user) = FoundUser::look_up(name, |username| Ok::<_, Infallible>(found(username)));
            user
        })
    }
}

#[async_trait]
impl WebhookRepository for MemoryStore {
    async fn create(
        &self,
        webhook: NewWebhook,
        keyed: Option<Keyed<WebhookCreated>>,
    ) -> Result<Attempt<WebhookCreated>, StoreError> {
        Ok(self.write_keyed(keyed, |state, turn| {
            let users = state.found_users(webhook.names());
            let created = webhook.created(users, state.webhooks.rows.len(), turn);
            if let WebhookCreated::Created(webhook) = &created {
                let row = WebhookRow { webhook: (**webhook).clone(), lease: None };
                state.webhooks.rows.insert(webhook.id, row);
            }
            created
        }))
    }

    async fn list(&self, span: Span<WebhookId>) -> Result<Vec<Webhook>, StoreError> {
        let state = self.state.read();
        let all: Vec<&Webhook> = state.webhooks.rows.values().rev().map(|row| &row.webhook).collect();
        Ok(stretch(all, &span, |webhook| webhook.id)
            .into_iter()
            .map(|webhook| state.shown(webhook))
            .collect())
    }

    async fn find(&self, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
        let state = self.state.read();
        Ok(state.webhooks.rows.get(&id).map(|row| state.shown(&row.webhook)))
    }

    async fn change(
        &self,
        id: WebhookId,
        change: WebhookChange,
        keyed: Option<Keyed<WebhookChanged>>,
    ) -> Result<Attempt<WebhookChanged>, StoreError> {
        Ok(self.write_keyed(keyed, |state, turn| {
            let Some(row) = state.webhooks.rows.get(&id) else { return WebhookChanged::Unknown };
            let stored = state.shown(&row.webhook);
            let users = state.found_users(change.names());
            let now = turn.now();
            let Changed { webhook, forget_above, is_woken } = match stored.changed(change, users, now) {
                Ok(changed) => changed,
                Err(unknown) => return unknown.into(),
            };
            if let Some(position) = forget_above {
                state.webhooks.forget_above(id, position);
            }
            let pending = state.webhooks.deliveries.values_mut().filter(|delivery| {
                is_woken && delivery.webhook == id && delivery.state == DeliveryState::Pending
            });
            pending.for_each(|delivery| delivery.next_at = Some(now));
            if let Some(row) = state.webhooks.rows.get_mut(&id) {
                row.webhook = webhook.clone();
            }
            WebhookChanged::Changed(Box::new(webhook))
        }))
    }

    async fn delete(&self, id: WebhookId) -> Result<bool, StoreError> {
        Ok(self.state.write().webhooks.remove(id))
    }

    async fn deliveries(
        &self,
        id: WebhookId,
        wanted: Option<DeliveryState>,
        span: Span<i64>,
    ) -> Result<Option<Vec<Delivery>>, StoreError> {
        let state = self.state.read();
        if !state.webhooks.rows.contains_key(&id) {
            return Ok(None);
        }
        let all = state.webhooks.of(id).rev();
        let all = all.filter(|delivery| wanted.is_none_or(|wanted| delivery.state == wanted)).collect();
        Ok(Some(stretch(all, &span, |delivery| delivery.position).into_iter().cloned().collect()))
    }

    async fn redeliver(
        &self,
        id: WebhookId,
        position: i64,
        keyed: Option<Keyed<Redelivered>>,
    ) -> Result<Attempt<Redelivered>, StoreError> {
        Ok(self.write_keyed(keyed, |state, turn| {
            if !state.webhooks.rows.contains_key(&id) {
                return Redelivered::UnknownWebhook;
            }
            let Some(delivery) = state.webhooks.deliveries.get_mut(&(id, position)) else {
                return Redelivered::UnknownDelivery;
            };
            *delivery = delivery.clone().again(turn.now());
            Redelivered::Pending(delivery.clone())
        }))
    }

    async fn claim(&self, holder: Uuid, lease_micros: i64) -> Result<Vec<Claimed>, StoreError> {
        let now = self.clock.now();
        let mut state = self.state.write();
        let webhooks = &mut state.webhooks;
        let mut ids = Vec::new();
        for (id, row) in &mut webhooks.rows {
            let is_free = row.lease.is_none_or(|(by, until)| by == holder || until <= now);
            if is_free && row.webhook.is_enabled() {
                row.lease = Some((holder, now.plus_micros(lease_micros)));
                ids.push((*id, row.webhook.revision));
            }
        }
        let claimed = ids.into_iter().map(|(id, revision)| {
            let next_at = webhooks.pending(id).filter_map(|delivery| delivery.next_at).min();
            Claimed { id, revision, next_at }
        });
        Ok(claimed.collect())
    }

    async fn release(&self, holder: Uuid) -> Result<(), StoreError> {
        for row in self.state.write().webhooks.rows.values_mut() {
            row.lease = row.lease.filter(|(by, _)| *by != holder);
        }
        Ok(())
    }

    async fn work(&self, holder: Uuid, id: WebhookId) -> Result<Option<Work>, StoreError> {
        let now = self.clock.now();
        let state = self.state.read();
        if !state.webhooks.is_held(holder, id, now) {
            return Ok(None);
        }
        let Some(row) = state.webhooks.rows.get(&id) else { return Ok(None) };
        let webhook = state.shown(&row.webhook);
        let pending = || state.webhooks.pending(id);
        let head = pending().find(|delivery| webhook.position < delivery.position).cloned();
        let again = pending().filter(|delivery| delivery.position <= webhook.position);
        let again = again.min_by_key(|delivery| (delivery.next_at, delivery.position)).cloned();
        Ok(Some(Work { webhook, head, again }))
    }

    async fn record(&self, holder: Uuid, progress: Progress) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let Progress { id, revision, position, status, failing_since, .. } = progress;
        let mut state = self.state.write();
        let webhooks = &mut state.webhooks;
        let is_held = webhooks.is_held(holder, id, now);
        let row = webhooks.rows.get_mut(&id).filter(|row| is_held && row.webhook.revision == revision);
        let Some(row) = row else { return Ok(false) };
        let before = row.webhook.position;
        (row.webhook.position, row.webhook.status, row.webhook.failing_since) =
            (position, status, failing_since);
        if progress.clears_line(before) {
            webhooks.forget_above(id, before);
        }
        if let Some(delivery) = progress.delivery {
            webhooks.deliveries.insert((id, delivery.position), delivery);
        }
        Ok(true)
    }

    async fn trim(&self, before: Timestamp, take: usize) -> Result<usize, StoreError> {
        let mut state = self.state.write();
        let is_old = |delivery: &Delivery| {
            delivery.state != DeliveryState::Pending && delivery.attempted_at.is_some_and(|at| at < before)
        };
        let old = state.webhooks.deliveries.iter().filter(|(_, delivery)| is_old(delivery));
        let old: Vec<_> = old.map(|(key, _)| *key).take(take).collect();
        for key in &old {
            state.webhooks.deliveries.remove(key);
        }
        Ok(old.len())
    }

    async fn any_enabled(&self) -> Result<bool, StoreError> {
        Ok(self.state.read().webhooks.rows.values().any(|row| row.webhook.is_enabled()))
    }

    async fn tally(&self) -> Result<WebhookTally, StoreError> {
        let state = self.state.read();
        let mut tally = WebhookTally::default();
        for Webhook { status, position, .. } in state.webhooks.rows.values().map(|row| &row.webhook) {
            tally.by_status[*status as usize] += 1;
            if *status == WebhookStatus::Enabled {
                tally.position_min = Some(tally.position_min.map_or(*position, |min| min.min(*position)));
            }
        }
        let dead =
            state.webhooks.deliveries.values().filter(|delivery| delivery.state == DeliveryState::Dead);
        tally.dead = dead.count() as u64;
        Ok(tally)
    }
}

/// The stretch of a listing, which stands newest first, that a span asks for.
fn stretch<T, K: Ord + Copy>(all: Vec<T>, span: &Span<K>, place: impl Fn(&T) -> K) -> Vec<T> {
    let is_before_boundary = |item: &T| match span.boundary {
        Boundary::Top => false,
        Boundary::Before(here) => here < place(item),
        Boundary::After(here) => here <= place(item),
        Boundary::End => true,
    };
    let gap = all.iter().filter(|item| is_before_boundary(item)).count();
    match span.direction {
        Direction::Forward => all.into_iter().skip(gap).take(span.take).collect(),
        Direction::Backward => all.into_iter().take(gap).rev().take(span.take).collect(),
    }
}
