//! The canonical line of an activity: what its id is made of when it brings none.
//!
//! It is the JSON object of these members, in this order, without white space:
//!
//! ```text
//! {"actor":…,"verb":…,"object":…,"target":…,"published":…,"edited_at":…,"external_id":…,"data":…}
//! ```
//!
//! Times are in UTC with six digits and `Z`. A member that is absent is `null`; absent `data` is `{}`. Strings escape `"`,
//! `\`, and the control characters below U+0020 (`\b \t \n \f \r`, the others as `\u00xx` in lower case) and nothing else.
//! `data` stands as it was sent, without the white space outside its strings: the order of its members is part of it.
//! So white space, the order of members, the way strings are escaped and the offset of times do not matter, and the
//! same line is the same activity everywhere. This form must never change: ids depend on it.

use feed_me_domain::{
    Activity, ActivityId, Data, ExternalId, Object, Timestamp, Username, Verb, id::imported_id,
};
use serde::Serialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

/// What a line says about an activity.
#[derive(Clone, Debug)]
pub struct Content {
    /// Who did it.
    pub actor: Username,
    /// What was done.
    pub verb: Verb,
    /// To what.
    pub object: Option<Object>,
    /// To or for whom.
    pub target: Option<Username>,
    /// When.
    pub published: Timestamp,
    /// When it was last edited.
    pub edited_at: Option<Timestamp>,
    /// The application's own id.
    pub external_id: Option<ExternalId>,
    /// What else is kept with it.
    pub data: Data,
}

#[derive(Serialize)]
struct CanonicalLine<'a> {
    actor: &'a str,
    verb: &'a str,
    object: Option<&'a str>,
    target: Option<&'a str>,
    published: String,
    edited_at: Option<String>,
    external_id: Option<&'a str>,
    data: &'a RawValue,
}

impl Content {
    /// The canonical line.
    pub fn canonical_line(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(&CanonicalLine {
            actor: self.actor.as_str(),
            verb: self.verb.as_str(),
            object: self.object.as_ref().map(Object::as_str),
            target: self.target.as_ref().map(Username::as_str),
            published: self.published.to_rfc3339(),
            edited_at: self.edited_at.map(Timestamp::to_rfc3339),
            external_id: self.external_id.as_ref().map(ExternalId::as_str),
            data: serde_json::from_str(self.data.as_str())?,
        })
    }

    /// The id that follows from the content.
    pub fn id(&self) -> Result<ActivityId, serde_json::Error> {
        Ok(imported_id(self.published, &Sha256::digest(self.canonical_line()?).into()))
    }

    /// The activity, under `id`.
    pub fn into_activity(self, id: ActivityId) -> Activity {
        Activity {
            id,
            actor: self.actor,
            verb: self.verb,
            object: self.object,
            target: self.target,
            published: self.published,
            edited_at: self.edited_at,
            external_id: self.external_id,
            data: self.data,
            version: 1,
        }
    }
}
