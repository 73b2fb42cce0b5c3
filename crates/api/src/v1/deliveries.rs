//! `/v1/webhooks/{id}/deliveries` and `/v1/webhooks/{id}/replay`

use actix_web::HttpRequest;
use feed_me_domain::{
    StoredAnswer,
    services::ReplayFrom,
    webhook::{Delivery, DeliveryState},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::webhooks;
use crate::{
    body::{Body, Json},
    keyed,
    members::{self, Members},
    names::PathNames,
    openapi::schemas::TimeSchema,
    position,
    problem::Failure,
    query::{Query, cut},
    reply::{self, Answer, Reply, written},
    shared::Api,
    views::Time,
};

/// List the deliveries of a webhook, newest first.
pub async fn list(api: Api, request: HttpRequest, path: PathNames, query: Query) -> Answer {
    let id = path.webhook("id")?;
    let page = api.services.webhooks.deliveries(id, state(&query)?, &query.page()?).await?;
    let views: Vec<DeliveryView<'_>> = page.items.iter().map(DeliveryView::from).collect();
    reply::page(&api, &request, &query, &page, views)
}

fn state(query: &Query) -> Result<Option<DeliveryState>, Failure> {
    let Some(raw) = query.one("state")? else { return Ok(None) };
    let refused = || {
        let rule = format!("must be one of pending, delivered, dead, not '{}'", cut(raw));
        Failure::parameter("state", rule)
    };
    DeliveryState::parse(raw).map(Some).ok_or_else(refused)
}

/// Read a delivery.
pub async fn get(api: Api, path: PathNames) -> Answer {
    let (id, position) = path.delivery("id", "position")?;
    let delivery = api.services.webhooks.delivery(id, position).await?;
    Reply::ok(&DeliveryView::from(&delivery))
}

/// Deliver once more what was delivered or given up.
pub async fn redeliver(api: Api, request: HttpRequest, path: PathNames, body: Body<Json>) -> Answer {
    let (id, position) = path.delivery("id", "position")?;
    let answered = keyed::once(&api.services, &request, &body.bytes, answer, async |keyed| {
        if !body.bytes.is_empty() {
            Members::strict(members::text(&body.bytes)?, &[])?.checked()?;
        }
        Ok(api.services.webhooks.redeliver(id, position, keyed).await?)
    });
    api.told_of_webhooks(answered.await)
}

fn answer(delivery: &Delivery) -> Result<StoredAnswer, Failure> {
    let body = written(&DeliveryView::from(delivery))?;
    Ok(StoredAnswer { status: 202, location: None, body, names: Vec::new() })
}

/// Let a webhook go on from another position.
pub async fn replay(api: Api, request: HttpRequest, path: PathNames, body: Body<Json>) -> Answer {
    let id = path.webhook("id")?;
    let answered = keyed::once(&api.services, &request, &body.bytes, webhooks::answer, async |keyed| {
        let from = read_from(&body.bytes)?;
        Ok(api.services.webhooks.replay(id, from, keyed).await?)
    });
    api.told_of_webhooks(answered.await)
}

fn read_from(body: &[u8]) -> Result<ReplayFrom, Failure> {
    let mut members = Members::strict(members::text(body)?, &["from"])?;
    if members.raw("from").is_none() {
        members.fault("from", "is required");
    }
    let from = members.text("from", |raw| match raw {
        "beginning" => Ok(ReplayFrom::Beginning),
        "now" => Ok(ReplayFrom::Now),
        raw => position::parse(raw).map(ReplayFrom::Position).ok_or_else(|| {
            format!("must be a position as a text of digits, beginning or now, not '{}'", cut(raw))
        }),
    });
    members.checked()?;
    from.ok_or_else(|| Failure::internal("a body without faults has no position"))
}

/// What became of an event on its way to a subscriber: ids and numbers, never what was delivered or answered.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookDelivery)]
pub struct DeliveryView<'a> {
    /// The position of the event.
    #[schema(pattern = "^[0-9]+$")]
    pub position: String,
    /// The `webhook-id` under which it is delivered, each time.
    pub message_id: String,
    /// What is delivered: a kind of event, or `resync`.
    pub kind: &'static str,
    /// `pending`: it is to be tried, perhaps again; `delivered`; or `dead`: it was given up.
    #[schema(pattern = "^(pending|delivered|dead)$")]
    pub state: &'static str,
    /// How often it was tried since it became pending.
    pub attempts: u32,
    /// When it was first tried, or asked for once more.
    #[schema(value_type = TimeSchema)]
    pub created_at: Time,
    /// When it was last tried.
    #[schema(value_type = Option<TimeSchema>)]
    pub attempted_at: Option<Time>,
    /// When it is tried next.
    #[schema(value_type = Option<TimeSchema>)]
    pub next_at: Option<Time>,
    /// The status of the last answer.
    pub last_status: Option<u16>,
    /// Why the last attempt failed.
    pub last_error: Option<&'a str>,
    /// How long the last attempt took, in milliseconds.
    pub last_duration_ms: Option<u32>,
}

impl<'a> From<&'a Delivery> for DeliveryView<'a> {
    fn from(delivery: &'a Delivery) -> Self {
        Self {
            position: delivery.position.to_string(),
            message_id: delivery.message_id(),
            kind: delivery.kind.as_str(),
            state: delivery.state.as_str(),
            attempts: delivery.attempts,
            created_at: Time(delivery.created_at),
            attempted_at: delivery.attempted_at.map(Time),
            next_at: delivery.next_at.map(Time),
            last_status: delivery.last_status,
            last_error: delivery.last_error.as_deref(),
            last_duration_ms: delivery.last_duration_ms,
        }
    }
}
