use serde::Serialize;
use uuid::Uuid;

use crate::{
    client::Client,
    error::Result,
    listing::Listing,
    live::Live,
    model::{
        activity::Activity,
        feeds::{Changes, Explanation, ExplanationBody, NotificationGroup},
    },
    position::Position,
};

/// What to mark of a user's notifications.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Marks {
    /// All of it is seen.
    SeenAll,
    /// All of it is read, and so seen.
    ReadAll,
    /// The groups of these ids are read, and so seen.
    Read(Vec<String>),
}

impl Serialize for Marks {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let mut body = serializer.serialize_map(Some(1))?;
        match self {
            Self::SeenAll => body.serialize_entry("seen", "all")?,
            Self::ReadAll => body.serialize_entry("read", "all")?,
            Self::Read(ids) => body.serialize_entry("read", ids)?,
        }
        body.end()
    }
}

impl Client {
    /// What a user posted, newest first.
    pub fn feed(&self, username: &str) -> Listing<Activity> {
        Listing::of(self, &["feeds", username])
    }

    /// What those posted whom a user follows, newest first.
    pub fn friends_feed(&self, username: &str) -> Listing<Activity> {
        Listing::of(self, &["feeds", username, "friends"])
    }

    /// What has a user as its target, newest first.
    pub fn mentions(&self, username: &str) -> Listing<Activity> {
        Listing::of(self, &["feeds", username, "mentions"])
    }

    /// Why an activity is, or is not, in a user's friends feed.
    pub async fn explain(&self, username: &str, activity: Uuid) -> Result<Explanation> {
        let request = self.get(&["feeds", username, "friends", "explain"]);
        let answer = request.query("activity", &activity.to_string()).send().await?;
        Ok(answer.json::<ExplanationBody>()?.into())
    }

    /// What changed in a user's friends feed since a position; without one, only the position of now is told.
    pub async fn changes(&self, username: &str, since: Option<Position>) -> Result<Changes> {
        let mut request = self.get(&["feeds", username, "friends", "changes"]);
        if let Some(since) = since {
            request = request.query("since", &since.to_string());
        }
        request.send().await?.json()
    }

    /// A user's friends feed as it changes.
    pub fn live(&self, username: &str) -> Live {
        Live::of(self, username)
    }

    /// What concerns a user, in groups, the newest first; [`Listing::with_counts`] tells how many are new.
    pub fn notifications(&self, username: &str) -> Listing<NotificationGroup> {
        Listing::of(self, &["feeds", username, "notifications"])
    }

    /// Marks notifications. A group with news becomes unseen and unread again.
    pub async fn mark_notifications(&self, username: &str, marks: &Marks) -> Result<()> {
        let request = self.post_to(&["feeds", username, "notifications", "marks"]);
        request.json(marks)?.send().await.map(drop)
    }
}
