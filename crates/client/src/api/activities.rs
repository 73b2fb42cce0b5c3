use reqwest::Method;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use crate::{
    client::Client,
    error::Result,
    model::{
        Stored, Tagged,
        activity::{Activity, ActivityPatch, BatchResult, NewActivity},
    },
};

/// What becomes of a batch of which one activity is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Atomicity {
    /// Each for itself.
    Each,
    /// All or none.
    AllOrNone,
}

impl Client {
    /// Posts an activity. Where it has an `external_id` that was posted before, that activity comes back.
    pub async fn post(&self, activity: &NewActivity) -> Result<Stored<Activity>> {
        self.post_to(&["activities"]).json(activity)?.send().await?.stored()
    }

    /// The same under an `Idempotency-Key` of one's own, which outlives this process: for 24 hours the activity is posted
    /// once.
    pub async fn post_once(&self, key: &str, activity: &NewActivity) -> Result<Stored<Activity>> {
        self.post_to(&["activities"]).key(key).json(activity)?.send().await?.stored()
    }

    /// Posts 1 to 1,000 activities. The results are in the order of the activities.
    pub async fn post_batch(
        &self,
        activities: &[NewActivity],
        atomicity: Atomicity,
    ) -> Result<Vec<BatchResult>> {
        #[derive(Deserialize)]
        struct Results {
            results: Vec<BatchResult>,
        }
        let mut request = self.post_to(&["activities", "batch"]);
        if atomicity == Atomicity::AllOrNone {
            request = request.query("atomic", "true");
        }
        let answer = request.json(&json!({ "activities": activities }))?.send().await?;
        Ok(answer.json::<Results>()?.results)
    }

    /// An activity.
    pub async fn activity(&self, id: Uuid) -> Result<Tagged<Activity>> {
        self.get(&["activities", &id.to_string()]).send().await?.tagged()
    }

    /// The activity of an actor that has this `external_id`.
    pub async fn find_activity(&self, actor: &str, external_id: &str) -> Result<Option<Activity>> {
        #[derive(Deserialize)]
        struct Found {
            items: Vec<Activity>,
        }
        let request = self.get(&["activities"]).query("actor", actor).query("external_id", external_id);
        Ok(request.send().await?.json::<Found>()?.items.pop())
    }

    /// Edits an activity; with a tag, only where it is still in that state
    /// ([`PreconditionFailed`](crate::ProblemKind::PreconditionFailed) else).
    pub async fn edit_activity(
        &self,
        id: Uuid,
        patch: &ActivityPatch,
        if_match: Option<&str>,
    ) -> Result<Tagged<Activity>> {
        let mut request = self.request(Method::PATCH, &["activities", &id.to_string()]).json(patch)?;
        if let Some(tag) = if_match {
            request = request.header("if-match", tag);
        }
        request.send().await?.tagged()
    }

    /// Deletes an activity; with a tag, only where it is still in that state.
    ///
    /// Where the answer to an attempt was lost, the next one may find nothing any more and give an
    /// [`ActivityNotFound`](crate::ProblemKind::ActivityNotFound).
    pub async fn delete_activity(&self, id: Uuid, if_match: Option<&str>) -> Result<()> {
        let mut request = self.request(Method::DELETE, &["activities", &id.to_string()]);
        if let Some(tag) = if_match {
            request = request.header("if-match", tag);
        }
        request.send().await.map(drop)
    }
}
