use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{error::Error, model::Member, problem::Problem};

/// Who did what.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[non_exhaustive]
pub struct Activity {
    /// Its name for ever.
    pub id: Uuid,
    /// Who did it.
    pub actor: String,
    /// What was done.
    pub verb: String,
    /// To what.
    pub object: Option<String>,
    /// To or for whom.
    pub target: Option<String>,
    /// When; the order of every feed.
    pub published: DateTime<Utc>,
    /// The application's own id, unique for its actor.
    pub external_id: Option<String>,
    /// What else the application keeps with it.
    pub data: Map<String, Value>,
    /// When it was last edited.
    pub edited_at: Option<DateTime<Utc>>,
}

/// An activity to be posted.
#[derive(Clone, Debug, Serialize)]
pub struct NewActivity {
    actor: String,
    verb: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    published: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Map<String, Value>>,
}

impl NewActivity {
    /// Somebody does something.
    pub fn new(actor: impl Into<String>, verb: impl Into<String>) -> Self {
        Self {
            actor: actor.into(),
            verb: verb.into(),
            object: None,
            target: None,
            published: None,
            external_id: None,
            data: None,
        }
    }

    /// To what.
    #[must_use]
    pub fn object(self, object: impl Into<String>) -> Self {
        Self { object: Some(object.into()), ..self }
    }

    /// To or for whom: a username.
    #[must_use]
    pub fn target(self, target: impl Into<String>) -> Self {
        Self { target: Some(target.into()), ..self }
    }

    /// When, where it was not just now. Microseconds are kept.
    #[must_use]
    pub fn published(self, published: DateTime<Utc>) -> Self {
        Self { published: Some(published), ..self }
    }

    /// The application's own id: the same one again answers what is stored.
    #[must_use]
    pub fn external_id(self, external_id: impl Into<String>) -> Self {
        Self { external_id: Some(external_id.into()), ..self }
    }

    /// What else to keep with it.
    #[must_use]
    pub fn data(self, data: Map<String, Value>) -> Self {
        Self { data: Some(data), ..self }
    }
}

/// What changes about an activity; what is not set stays.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ActivityPatch {
    #[serde(skip_serializing_if = "Option::is_none")]
    verb: Option<String>,
    #[serde(skip_serializing_if = "Member::stays")]
    object: Member<String>,
    #[serde(skip_serializing_if = "Member::stays")]
    target: Member<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Map<String, Value>>,
}

impl ActivityPatch {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Another verb.
    #[must_use]
    pub fn verb(self, verb: impl Into<String>) -> Self {
        Self { verb: Some(verb.into()), ..self }
    }

    /// Another object, or none.
    #[must_use]
    pub fn object(self, object: Option<&str>) -> Self {
        Self { object: Member::Becomes(object.map(str::to_owned)), ..self }
    }

    /// Another target, or none.
    #[must_use]
    pub fn target(self, target: Option<&str>) -> Self {
        Self { target: Member::Becomes(target.map(str::to_owned)), ..self }
    }

    /// Other data.
    #[must_use]
    pub fn data(self, data: Map<String, Value>) -> Self {
        Self { data: Some(data), ..self }
    }
}

/// What became of one activity of a batch.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[non_exhaustive]
pub struct BatchResult {
    /// The status that it would have been answered alone.
    pub status: u16,
    /// What is stored.
    pub activity: Option<Activity>,
    /// Why nothing is.
    pub problem: Option<Problem>,
}

impl BatchResult {
    /// The activity, or why there is none.
    pub fn into_result(self) -> Result<Activity, Error> {
        match (self.activity, self.problem) {
            (Some(activity), _) => Ok(activity),
            (None, Some(problem)) => Err(problem.into()),
            (None, None) => Err(Error::Unreadable("a result without an activity or a problem".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_says_what_changes_and_what_is_cleared() {
        let patch = ActivityPatch::new().verb("a").object(None).target(Some("b"));
        let json = serde_json::to_value(patch).unwrap();
        assert_eq!(json, serde_json::json!({ "verb": "a", "object": null, "target": "b" }));
        assert_eq!(serde_json::to_string(&ActivityPatch::new()).unwrap(), "{}");
    }
}
