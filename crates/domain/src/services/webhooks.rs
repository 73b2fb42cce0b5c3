use std::sync::Arc;

use uuid::Uuid;

use crate::{
    cursor::{CursorCodec, Listing},
    error::{Error, Fault, Result, StoreError},
    id::WebhookId,
    idempotency::{Attempt, Keyed},
    page::{Boundary, Direction, Span},
    ports::{
        EventLog, Redelivered, SecretSource, UserRepository, WebhookChanged, WebhookCreated,
        WebhookRepository, WebhookTally,
    },
    services::paging::{Page, PageRequest, Walk},
    text::Username,
    webhook::{
        AddressPolicy, Delivery, DeliveryState, MessageKind, WEBHOOKS_MAX, Webhook, WebhookChange,
        WebhookDraft, WebhookPatch, WebhookSecret,
    },
};

/// Making, showing, changing and deleting webhooks, and looking at what they deliver.
pub struct WebhookService {
    webhooks: Arc<dyn WebhookRepository>,
    users: Arc<dyn UserRepository>,
    log: Arc<dyn EventLog>,
    secrets: Arc<dyn SecretSource>,
    cursors: CursorCodec,
    policy: AddressPolicy,
}

/// A webhook and its secret, which is not to be had again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookWithSecret {
    /// The webhook.
    pub webhook: Webhook,
    /// Its secret.
    pub secret: WebhookSecret,
}

/// From where a webhook goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplayFrom {
    /// From the oldest event that is kept.
    Beginning,
    /// From here on, past everything that waits.
    Now,
    /// From the event after this position.
    Position(i64),
}

impl WebhookService {
    /// For how long a former secret counts where nothing is said, in hours.
    pub const OVERLAP_HOURS_DEFAULT: u32 = 24;
    /// For how long at most.
    pub const OVERLAP_HOURS_MAX: u32 = 168;

    /// A service on a store.
    pub fn new(
        webhooks: Arc<dyn WebhookRepository>,
        users: Arc<dyn UserRepository>,
        log: Arc<dyn EventLog>,
        secrets: Arc<dyn SecretSource>,
        cursors: CursorCodec,
        policy: AddressPolicy,
    ) -> Self {
        Self { webhooks, users, log, secrets, cursors, policy }
    }

    /// Which addresses webhooks may have.
    pub fn policy(&self) -> AddressPolicy {
        self.policy
    }

    /// Makes a webhook. The answer that `keyed` stores must not hold the secret: see
    /// [`without_its_secret`](crate::StoredAnswer::without_its_secret).
    pub async fn create(
        &self,
        draft: WebhookDraft,
        keyed: Option<Keyed<WebhookWithSecret>>,
    ) -> Result<Attempt<WebhookWithSecret>> {
        let secret = WebhookSecret::of_random(self.secrets.secret()?);
        let names = [draft.wish.actor.clone(), draft.wish.target.clone()];
        let new = match draft.checked(secret.clone()) {
            Ok(new) => new,
            Err(faults) => return Err(self.all_faults(faults, &names).await?),
        };
        let judge = move |created| match created {
            WebhookCreated::Created(webhook) => {
                Ok(WebhookWithSecret { webhook: *webhook, secret: secret.clone() })
            }
            WebhookCreated::UnknownUsers { actor, target } => Err(unknown(&names, [actor, target])),
            WebhookCreated::Full => Err(Error::TooManyWebhooks { limit: WEBHOOKS_MAX }),
        };
        let keyed = keyed.map(|keyed| keyed.judged(judge.clone()));
        self.webhooks.create(new, keyed).await?.try_map(judge)
    }

    /// A page of all webhooks, the newest first.
    pub async fn list(&self, request: &PageRequest) -> Result<Page<Webhook>> {
        let walk = Walk { codec: &self.cursors, listing: Listing::Webhooks, filter: [0; 8] };
        let page =
            walk.page(request, async |span| Ok(Some((Uuid::nil(), self.webhooks.list(span).await?)))).await?;
        // The list of all webhooks has no owner who could be missing.
        Ok(page.ok_or_else(|| StoreError::Failed("the list of webhooks has no owner".to_owned()))?)
    }

    /// The webhook of an id.
    pub async fn get(&self, id: WebhookId) -> Result<Webhook> {
        self.webhooks.find(id).await?.ok_or(Error::UnknownWebhook(id))
    }

    /// Changes a webhook. `faults` are those that were found in reading the patch; where there are any, all are told.
    pub async fn edit(&self, id: WebhookId, patch: WebhookPatch, faults: Vec<Fault>) -> Result<Webhook> {
        let change = WebhookChange::Edit(patch);
        let names = change.names().map(Option::<&Username>::cloned);
        if !faults.is_empty() {
            return Err(self.all_faults(faults, &names).await?);
        }
        let judge = move |changed| judge_change(id, changed, &names);
        match self.webhooks.change(id, change, None).await? {
            Attempt::Done(changed) => judge(changed),
            Attempt::Replayed(_) => {
                Err(StoreError::Failed("a change without a key was answered as if it had one".to_owned())
                    .into())
            }
            Attempt::Refused(refusal) => Err(refusal.into()),
        }
    }

    /// Gives a webhook another secret; the present one counts for some hours more.
    pub async fn rotate(
        &self,
        id: WebhookId,
        overlap_hours: u32,
        keyed: Option<Keyed<WebhookWithSecret>>,
    ) -> Result<Attempt<WebhookWithSecret>> {
        let secret = WebhookSecret::of_random(self.secrets.secret()?);
        let overlap_micros = i64::from(overlap_hours) * 3_600_000_000;
        let change = WebhookChange::Rotate { secret: secret.clone(), overlap_micros };
        let judge = move |changed| {
            let webhook = judge_change(id, changed, &[None, None])?;
            Ok(WebhookWithSecret { webhook, secret: secret.clone() })
        };
        let keyed = keyed.map(|keyed| keyed.judged(judge.clone()));
        self.webhooks.change(id, change, keyed).await?.try_map(judge)
    }

    /// Lets a webhook go on from another position of the log.
    pub async fn replay(
        &self,
        id: WebhookId,
        from: ReplayFrom,
        keyed: Option<Keyed<Webhook>>,
    ) -> Result<Attempt<Webhook>> {
        let extent = self.log.extent().await?;
        let oldest = extent.first.saturating_sub(1);
        let from = match from {
            ReplayFrom::Beginning => oldest,
            ReplayFrom::Now => extent.last,
            ReplayFrom::Position(asked) if asked < oldest => return Err(Error::EventsGone { asked, oldest }),
            ReplayFrom::Position(asked) if extent.last < asked => {
                let detail = format!("is the position {asked}, and the last event has {}", extent.last);
                return Err(Error::fault("/from", detail));
            }
            ReplayFrom::Position(asked) => asked,
        };
        let judge = move |changed| judge_change(id, changed, &[None, None]);
        let keyed = keyed.map(|keyed| keyed.judged(judge));
        self.webhooks.change(id, WebhookChange::Replay { from }, keyed).await?.try_map(judge)
    }

    /// Deletes a webhook.
    pub async fn delete(&self, id: WebhookId) -> Result<()> {
        if self.webhooks.delete(id).await? { Ok(()) } else { Err(Error::UnknownWebhook(id)) }
    }

    /// A page of the deliveries of a webhook, or of those in a state, the newest first.
    pub async fn deliveries(
        &self,
        id: WebhookId,
        state: Option<DeliveryState>,
        request: &PageRequest,
    ) -> Result<Page<Delivery>> {
        let mut filter = [0; 8];
        // Cursors are kept by clients: the numbers of states never change.
        filter[0] = state.map_or(0, |state| 1 + state as u8);
        let walk = Walk { codec: &self.cursors, listing: Listing::WebhookDeliveries, filter };
        let page = walk.page(request, async |span: Span<i64>| {
            let found = self.webhooks.deliveries(id, state, span).await?;
            Ok(found.map(|found| (id.as_uuid(), found)))
        });
        page.await?.ok_or(Error::UnknownWebhook(id))
    }

    /// The delivery of a position.
    pub async fn delivery(&self, id: WebhookId, position: i64) -> Result<Delivery> {
        let span = Span { boundary: Boundary::Before(position), direction: Direction::Forward, take: 1 };
        let found = self.webhooks.deliveries(id, None, span).await?.ok_or(Error::UnknownWebhook(id))?;
        let found = found.into_iter().find(|delivery| delivery.position == position);
        found.ok_or(Error::UnknownDelivery { webhook: id, position })
    }

    /// Delivers once more what was delivered or given up, beside what is in line.
    pub async fn redeliver(
        &self,
        id: WebhookId,
        position: i64,
        keyed: Option<Keyed<Delivery>>,
    ) -> Result<Attempt<Delivery>> {
        let delivery = self.delivery(id, position).await?;
        let oldest = self.log.extent().await?.first.saturating_sub(1);
        if delivery.kind != MessageKind::Resync && position <= oldest {
            return Err(Error::EventsGone { asked: position.saturating_sub(1), oldest });
        }
        let judge = move |redelivered| match redelivered {
            Redelivered::Pending(delivery) => Ok(delivery),
            Redelivered::UnknownWebhook => Err(Error::UnknownWebhook(id)),
            Redelivered::UnknownDelivery => Err(Error::UnknownDelivery { webhook: id, position }),
        };
        let keyed = keyed.map(|keyed| keyed.judged(judge));
        self.webhooks.redeliver(id, position, keyed).await?.try_map(judge)
    }

    /// Counts, and how many events the enabled webhook that is furthest behind has before it.
    pub async fn tally(&self) -> Result<(WebhookTally, u64)> {
        let tally = self.webhooks.tally().await?;
        let Some(position) = tally.position_min else { return Ok((tally, 0)) };
        let behind = self.log.extent().await?.last.saturating_sub(position);
        Ok((tally, u64::try_from(behind).unwrap_or(0)))
    }

    /// Completes faults by the names that nobody has.
    async fn all_faults(&self, mut faults: Vec<Fault>, names: &[Option<Username>; 2]) -> Result<Error> {
        let given: Vec<Username> = names.iter().flatten().cloned().collect();
        let unknown = if given.is_empty() { Vec::new() } else { self.users.unknown(&given).await? };
        let is_unknown = |name: &Option<Username>| name.as_ref().is_some_and(|name| unknown.contains(name));
        faults.extend(faults_of(names, [is_unknown(&names[0]), is_unknown(&names[1])]));
        Ok(Error::Invalid(faults))
    }
}

fn judge_change(id: WebhookId, changed: WebhookChanged, names: &[Option<Username>; 2]) -> Result<Webhook> {
    match changed {
        WebhookChanged::Changed(webhook) => Ok(*webhook),
        WebhookChanged::Unknown => Err(Error::UnknownWebhook(id)),
        WebhookChanged::UnknownUsers { actor, target } => Err(unknown(names, [actor, target])),
    }
}

fn unknown(names: &[Option<Username>; 2], is_unknown: [bool; 2]) -> Error {
    Error::Invalid(faults_of(names, is_unknown))
}

fn faults_of(names: &[Option<Username>; 2], is_unknown: [bool; 2]) -> Vec<Fault> {
    let each = names.iter().zip(is_unknown).zip(["/actor", "/target"]);
    each.filter(|((_, is_unknown), _)| *is_unknown)
        .filter_map(|((name, _), pointer)| Some(Fault::unknown_user(pointer, name.clone()?)))
        .collect()
}
