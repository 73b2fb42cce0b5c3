//! `/v1/feeds/{username}/friends/changes`

use feed_me_domain::{Activity, services::FeedChanges};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    names::PathNames,
    position,
    problem::Failure,
    query::{Query, cut},
    reply::{Answer, Reply},
    shared::Api,
    views::ActivityView,
};

/// Read what changed in a friends feed since a position.
pub async fn friends(api: Api, path: PathNames, query: Query) -> Answer {
    let changes = api.services.changes.friends(&path.user("username")?, since(&query)?).await?;
    Ok(Reply::ok(&ChangesView::from(&changes))?.at_position(changes.position))
}

/// The position that a client has.
pub fn since(query: &Query) -> Result<Option<i64>, Failure> {
    let Some(raw) = query.one("since")? else { return Ok(None) };
    let refused = || Failure::parameter("since", format!("'{}' is not a position", cut(raw)));
    position::parse(raw).map(Some).ok_or_else(refused)
}

/// What changed in a friends feed. Putting in what is added and edited, whether it is there or not, and taking out what is
/// removed, whether it is there or not, makes an old copy the feed of the position.
#[derive(Serialize, ToSchema)]
#[schema(as = FeedChanges)]
pub struct ChangesView<'a> {
    /// What came in, the newest first.
    pub added: Vec<ActivityView<'a>>,
    /// What is otherwise than before, the newest first; a name in it, too.
    pub edited: Vec<ActivityView<'a>>,
    /// The ids of what is in the feed no more.
    #[schema(value_type = Vec<uuid::Uuid>)]
    pub removed: Vec<String>,
    /// The position to go on from. After 5,000 changes it is not the last one: the rest follows from there.
    #[schema(pattern = "^[0-9]+$")]
    pub position: String,
    /// The feed has to be read again, and then to be followed from the position: a change moved more than 1,000 items, or the
    /// log does not reach back to the position asked for.
    pub resync: bool,
}

impl<'a> From<&'a FeedChanges> for ChangesView<'a> {
    fn from(changes: &'a FeedChanges) -> Self {
        let views = |activities: &'a [Activity]| activities.iter().map(ActivityView::from).collect();
        Self {
            added: views(&changes.added),
            edited: views(&changes.edited),
            removed: changes.removed.iter().map(ToString::to_string).collect(),
            position: changes.position.to_string(),
            resync: changes.resync,
        }
    }
}
