//! `/v1/events`

use feed_me_domain::{ports::LoggedEvent, services::EventService};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    openapi::schemas::TimeSchema,
    position,
    problem::Failure,
    query::{Query, cut},
    reply::{Answer, Reply},
    shared::Api,
    views::Time,
};

/// Read all that happened, in order.
pub async fn list(api: Api, query: Query) -> Answer {
    let page = api.services.events.after(after(&query)?, limit(&query)?).await?;
    let view = EventPageView {
        events: page.events.iter().map(EventView::from).collect(),
        position: page.position.to_string(),
    };
    Reply::ok(&view)
}

fn after(query: &Query) -> Result<Option<i64>, Failure> {
    let Some(raw) = query.one("after")? else { return Ok(None) };
    match position::parse(raw) {
        Some(position) => Ok(Some(position)),
        None => Err(Failure::parameter("after", format!("'{}' is not a position", cut(raw)))),
    }
}

fn limit(query: &Query) -> Result<usize, Failure> {
    let Some(raw) = query.one("limit")? else { return Ok(EventService::LIMIT_DEFAULT) };
    let limit = position::parse(raw).and_then(|limit| usize::try_from(limit).ok());
    limit.filter(|limit| (1..=EventService::LIMIT_MAX).contains(limit)).ok_or_else(|| {
        let rule =
            format!("must be a whole number from 1 to {}, not '{}'", EventService::LIMIT_MAX, cut(raw));
        Failure::parameter("limit", rule)
    })
}

/// A stretch of the log of all changes.
#[derive(Serialize, ToSchema)]
#[schema(as = EventPage)]
pub struct EventPageView {
    /// The events, in order, without a gap.
    pub events: Vec<EventView>,
    /// The position to go on from.
    pub position: String,
}

/// Something that happened: ids only, never names.
#[derive(Serialize, ToSchema)]
#[schema(as = Event)]
pub struct EventView {
    /// Its place in the dense order of all changes.
    pub position: String,
    /// When.
    #[schema(value_type = TimeSchema)]
    pub at: Time,
    /// What.
    pub kind: &'static str,
    /// Which activity.
    #[schema(value_type = Option<uuid::Uuid>)]
    pub activity_id: Option<String>,
    /// Who; null once the user is erased.
    #[schema(value_type = Option<uuid::Uuid>)]
    pub user_id: Option<String>,
    /// The other one: target, followee, blocked or muted.
    #[schema(value_type = Option<uuid::Uuid>)]
    pub other_user_id: Option<String>,
}

impl From<&LoggedEvent> for EventView {
    fn from(event: &LoggedEvent) -> Self {
        Self {
            position: event.position.to_string(),
            at: Time(event.at),
            kind: event.kind.as_str(),
            activity_id: event.activity.map(|id| id.to_string()),
            user_id: event.user.map(|id| id.to_string()),
            other_user_id: event.other.map(|id| id.to_string()),
        }
    }
}
