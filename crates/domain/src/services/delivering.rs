use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use uuid::Uuid;

use crate::{
    error::Result,
    id::{ActivityId, WebhookId},
    ports::{
        ActivityRepository, Claimed, Clock, EventLog, IdGenerator, LoggedEvent, Message, MessageContent,
        MessageWriter, Progress, WebhookRepository, WebhookRequest, WebhookSender, Work,
    },
    time::Timestamp,
    webhook::{
        Delivery, DeliveryState, MessageKind, RetryPolicy, SendOutcome, Webhook, WebhookFilter, WebhookStatus,
    },
};

/// How many events are looked through at once.
const SCAN: usize = 200;
/// A position that moved past so many events that were not wanted is stored.
const STORED_EVERY_EVENTS: i64 = 1_000;
/// One that moved at all is stored after so long.
const STORED_EVERY_MICROS: i64 = 5_000_000;

/// Delivers what webhooks want, in order.
pub struct DeliveryService {
    webhooks: Arc<dyn WebhookRepository>,
    log: Arc<dyn EventLog>,
    activities: Arc<dyn ActivityRepository>,
    sender: Arc<dyn WebhookSender>,
    writer: Arc<dyn MessageWriter>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
    policy: RetryPolicy,
    holder: Uuid,
}

/// What the service works with.
pub struct DeliveryParts {
    /// Keeps the webhooks.
    pub webhooks: Arc<dyn WebhookRepository>,
    /// What happened.
    pub log: Arc<dyn EventLog>,
    /// What it was about.
    pub activities: Arc<dyn ActivityRepository>,
    /// Sends.
    pub sender: Arc<dyn WebhookSender>,
    /// Writes what is sent.
    pub writer: Arc<dyn MessageWriter>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness, for pauses.
    pub ids: Arc<dyn IdGenerator>,
    /// How often is tried.
    pub policy: RetryPolicy,
    /// The name under which this process holds leases; no other process has it.
    pub holder: Uuid,
}

/// What a step did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Something was sent. There may be more.
    Sent(Sent),
    /// Events that nobody wants were passed over. There may be more.
    Passed,
    /// There is nothing to do until an event happens, or until an instant, where one is told.
    Idle(Option<Timestamp>),
    /// There is nothing to do before an instant, whatever happens.
    Waiting(Timestamp),
    /// Nothing is to be done here any more: it is gone, or switched off, or somebody else's.
    Over,
}

/// What became of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// How far the delivery is.
    pub state: DeliveryState,
    /// What was sent.
    pub kind: MessageKind,
    /// How long the attempt took.
    pub duration_ms: u32,
    /// What the webhook was switched off for by it.
    pub switched_off: Option<WebhookStatus>,
}

/// What comes next for a webhook.
pub enum Next {
    /// Something is to be [sent](DeliveryService::send).
    Send(Box<Prepared>),
    /// Nothing is, and this was done instead.
    Done(Step),
}

/// A message that is to be sent.
pub struct Prepared {
    webhook: Webhook,
    delivery: Delivery,
    request: WebhookRequest,
    at: Timestamp,
}

/// A message that was sent, and what came of it. It counts when it is [settled](DeliveryService::settle).
pub struct Attempted {
    webhook: Webhook,
    delivery: Delivery,
    outcome: SendOutcome,
    at: Timestamp,
    ended: Timestamp,
}

/// Where the delivering for one webhook stands. It may be thrown away at any time: all that counts is stored.
#[derive(Debug)]
pub struct Line {
    id: WebhookId,
    revision: i64,
    /// Everything up to here was looked through.
    scanned: i64,
    /// What of it is wanted and not yet delivered.
    wanted: VecDeque<(i64, MessageKind)>,
    stored_at: Timestamp,
}

impl Line {
    /// The line of a webhook.
    pub fn new(id: WebhookId) -> Self {
        Self { id, revision: 0, scanned: 0, wanted: VecDeque::new(), stored_at: Timestamp::EPOCH }
    }

    /// Begins where the webhook stands by now.
    fn follow(&mut self, webhook: &Webhook) {
        if self.revision != webhook.revision || self.scanned < webhook.position {
            self.wanted.clear();
            self.scanned = webhook.position;
            self.revision = webhook.revision;
        }
        while self.wanted.front().is_some_and(|(position, _)| *position <= webhook.position) {
            self.wanted.pop_front();
        }
    }
}

impl DeliveryService {
    /// A service.
    pub fn new(parts: DeliveryParts) -> Self {
        let DeliveryParts { webhooks, log, activities, sender, writer, clock, ids, policy, holder } = parts;
        Self { webhooks, log, activities, sender, writer, clock, ids, policy, holder }
    }

    /// Takes and renews leases for so many microseconds, and tells for what webhooks this process delivers.
    pub async fn claim(&self, lease_micros: i64) -> Result<Vec<Claimed>> {
        // To claim is a write, and most databases have no webhooks.
        if !self.webhooks.any_enabled().await? {
            return Ok(Vec::new());
        }
        Ok(self.webhooks.claim(self.holder, lease_micros).await?)
    }

    /// Gives all leases back, so that another process can go on at once.
    pub async fn release(&self) -> Result<()> {
        Ok(self.webhooks.release(self.holder).await?)
    }

    /// The position of the last event.
    pub async fn last_position(&self) -> Result<i64> {
        Ok(self.log.extent().await?.last)
    }

    /// Does the next thing that is to be done for a webhook: sends one message at most.
    pub async fn step(&self, line: &mut Line) -> Result<Step> {
        match self.next(line).await? {
            Next::Send(prepared) => self.settle(self.send(*prepared).await).await,
            Next::Done(step) => Ok(step),
        }
    }

    /// The first part of a step: finds out what comes next, which asks the store and no receiver.
    pub async fn next(&self, line: &mut Line) -> Result<Next> {
        let now = self.clock.now();
        let Some(Work { webhook, head, again }) = self.webhooks.work(self.holder, line.id).await? else {
            return Ok(Next::Done(Step::Over));
        };
        if !webhook.is_enabled() {
            return Ok(Next::Done(Step::Over));
        }
        line.follow(&webhook);
        let again_at = again.as_ref().and_then(|again| again.next_at);
        if let Some(again) = again.filter(|again| again.is_due(now)) {
            return self.prepared(webhook, again).await;
        }
        match head {
            Some(head) if !self.is_wanted(&webhook.filter, &head).await? => {
                self.pass(&webhook, head.position).await.map(Next::Done)
            }
            Some(head) if head.is_due(now) => self.prepared(webhook, head).await,
            Some(head) => {
                let at = head.next_at.unwrap_or(now);
                Ok(Next::Done(Step::Waiting(again_at.map_or(at, |again_at| again_at.min(at)))))
            }
            None => self.advance(line, webhook, again_at, now).await,
        }
    }

    /// Sends what comes next in the log, where there is something.
    async fn advance(
        &self,
        line: &mut Line,
        webhook: Webhook,
        again_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Next> {
        if let Some((position, kind)) = line.wanted.front().copied() {
            let delivery = Delivery::new(webhook.id, position, kind, now);
            return self.prepared(webhook, delivery).await;
        }
        self.scan(line, &webhook, again_at, now).await.map(Next::Done)
    }

    /// Looks through a stretch of the log. Every webhook does so whenever something happens, whether it wants it or not, so
    /// the common case is one question.
    async fn scan(
        &self,
        line: &mut Line,
        webhook: &Webhook,
        again_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Step> {
        let events = self.log.after(line.scanned, SCAN).await?;
        let follows = events.first().is_some_and(|first| first.position == line.scanned + 1);
        if !follows {
            let oldest = self.log.extent().await?.first.saturating_sub(1);
            if line.scanned < oldest {
                line.wanted.push_back((oldest, MessageKind::Resync));
                line.scanned = oldest;
                return Ok(Step::Passed);
            }
        }
        let Some(last) = events.last().map(|event| event.position) else {
            return self.rest(line, webhook, again_at, now).await;
        };
        if !follows {
            // Something that the log has by now was not in it yet; the next step sees it.
            return Ok(Step::Passed);
        }
        let is_end = events.len() < SCAN;
        line.wanted.extend(self.wanted(&webhook.filter, &events).await?);
        line.scanned = last;
        match line.wanted.is_empty() {
            true if webhook.position + STORED_EVERY_EVENTS <= last => self.pass(webhook, last).await,
            true if is_end => self.rest(line, webhook, again_at, now).await,
            _ => Ok(Step::Passed),
        }
    }

    /// Stores now and then how far a webhook is that wants nothing of what happens.
    async fn rest(
        &self,
        line: &mut Line,
        webhook: &Webhook,
        again_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Step> {
        if webhook.position == line.scanned {
            return Ok(Step::Idle(again_at));
        }
        let store_at = line.stored_at.plus_micros(STORED_EVERY_MICROS);
        if now < store_at {
            return Ok(Step::Idle(Some(again_at.map_or(store_at, |again_at| again_at.min(store_at)))));
        }
        line.stored_at = now;
        self.pass(webhook, line.scanned).await
    }

    /// Everything up to a position is done.
    async fn pass(&self, webhook: &Webhook, position: i64) -> Result<Step> {
        let progress = Progress {
            id: webhook.id,
            revision: webhook.revision,
            position,
            status: webhook.status,
            failing_since: webhook.failing_since,
            delivery: None,
        };
        // Where that is refused, the next step sees why.
        self.webhooks.record(self.holder, progress).await?;
        Ok(Step::Passed)
    }

    /// What of a stretch of the log a filter wants.
    async fn wanted(
        &self,
        filter: &WebhookFilter,
        events: &[LoggedEvent],
    ) -> Result<Vec<(i64, MessageKind)>> {
        let candidates: Vec<&LoggedEvent> = events.iter().filter(|event| filter.wants(event)).collect();
        let mut verbs = HashMap::new();
        if filter.verb.is_some() {
            let mut ids: Vec<ActivityId> = candidates.iter().filter_map(|event| event.activity).collect();
            ids.sort_unstable();
            ids.dedup();
            let found = if ids.is_empty() { Vec::new() } else { self.activities.find_many(&ids).await? };
            verbs.extend(found.into_iter().map(|activity| (activity.id, activity.verb)));
        }
        let of_verb = candidates
            .into_iter()
            .filter(|event| filter.wants_verb(event.activity.and_then(|id| verbs.get(&id))));
        Ok(of_verb.map(|event| (event.position, MessageKind::Event(event.kind))).collect())
    }

    /// Whether what waits is wanted still, after the filter may have changed.
    async fn is_wanted(&self, filter: &WebhookFilter, delivery: &Delivery) -> Result<bool> {
        if delivery.kind == MessageKind::Resync {
            return Ok(true);
        }
        match self.event(delivery.position).await? {
            Some(event) => Ok(!self.wanted(filter, &[event]).await?.is_empty()),
            // Gone from the log; the attempt tells.
            None => Ok(true),
        }
    }

    async fn event(&self, position: i64) -> Result<Option<LoggedEvent>> {
        let found = self.log.after(position.saturating_sub(1), 1).await?;
        Ok(found.into_iter().find(|event| event.position == position))
    }

    /// Writes and signs what is to be sent.
    async fn prepared(&self, webhook: Webhook, delivery: Delivery) -> Result<Next> {
        let Some(message) = self.message(&webhook, &delivery).await? else {
            return self.give_up(webhook, delivery).await;
        };
        let body = self.writer.write(&message)?;
        let (id, now) = (delivery.message_id(), self.clock.now());
        let request = WebhookRequest {
            url: webhook.url.clone(),
            signature: webhook.secrets.sign(&id, now, &body),
            timestamp_s: now.micros().div_euclid(1_000_000),
            id,
            body,
        };
        Ok(Next::Send(Box::new(Prepared { webhook, delivery, request, at: now })))
    }

    /// The second part of a step: sends a message, which asks the receiver and no store.
    pub async fn send(&self, prepared: Prepared) -> Attempted {
        let Prepared { webhook, delivery, request, at } = prepared;
        let outcome = self.sender.send(&request).await;
        Attempted { webhook, delivery, outcome, at, ended: self.clock.now() }
    }

    /// The last part of a step: stores what came of it.
    pub async fn settle(&self, attempted: Attempted) -> Result<Step> {
        let Attempted { webhook, delivery, outcome, at, ended } = attempted;
        let duration_ms = u32::try_from((ended.micros() - at.micros()).max(0) / 1000).unwrap_or(u32::MAX);
        let random = self.ids.random();
        let delivery = delivery.attempted(&outcome, &self.policy, random, duration_ms, ended);
        let judged = outcome.judged();
        let before = webhook.position;
        let was_enabled = webhook.is_enabled();
        let webhook = webhook.after(&judged, &self.policy, ended);
        let sent = Sent {
            state: delivery.state,
            kind: delivery.kind,
            duration_ms,
            switched_off: (was_enabled && !webhook.is_enabled()).then_some(webhook.status),
        };
        self.store(webhook, before, delivery).await?;
        Ok(Step::Sent(sent))
    }

    /// What a delivery says by now; none where its event is gone from the log.
    async fn message(&self, webhook: &Webhook, delivery: &Delivery) -> Result<Option<Message>> {
        let kind = delivery.kind;
        if kind == MessageKind::Resync {
            // Asked for once more, it can only tell again up to where.
            let after = webhook.position.min(delivery.position);
            let content = MessageContent::Missing { after, position: delivery.position };
            return Ok(Some(Message { kind, at: delivery.created_at, content }));
        }
        let Some(event) = self.event(delivery.position).await? else { return Ok(None) };
        let activity = match event.activity {
            Some(id) => self.activities.find(id).await?,
            None => None,
        };
        let content = MessageContent::Event { event, activity: activity.map(Box::new) };
        Ok(Some(Message { kind, at: event.at, content }))
    }

    /// The event was trimmed from the log before it could be delivered.
    async fn give_up(&self, webhook: Webhook, delivery: Delivery) -> Result<Next> {
        let now = self.clock.now();
        if webhook.position < delivery.position {
            // In its place the subscriber is told that events are missing.
            let oldest = self.log.extent().await?.first.saturating_sub(1).max(delivery.position);
            let resync = Delivery::new(webhook.id, oldest, MessageKind::Resync, now);
            return Box::pin(self.prepared(webhook, resync)).await;
        }
        let position = webhook.position;
        let dead = delivery.given_up("the log of changes does not hold the event any more", now);
        let (state, kind) = (dead.state, dead.kind);
        self.store(webhook, position, dead).await?;
        Ok(Next::Done(Step::Sent(Sent { state, kind, duration_ms: 0, switched_off: None })))
    }

    /// Stores a delivery, and that the webhook is past it where it is done.
    async fn store(&self, webhook: Webhook, before: i64, delivery: Delivery) -> Result<()> {
        let is_done = delivery.state != DeliveryState::Pending;
        let progress = Progress {
            id: webhook.id,
            revision: webhook.revision,
            position: if is_done { before.max(delivery.position) } else { before },
            status: webhook.status,
            failing_since: webhook.failing_since,
            delivery: Some(delivery),
        };
        // Refused where somebody changed the webhook meanwhile, or took its lease. Then the message may be sent once more, and
        // its receiver knows it by its id.
        self.webhooks.record(self.holder, progress).await?;
        Ok(())
    }
}
