//! What `/v1` shows, as JSON.

use feed_me_domain::{Activity, Data, Erasure, Follow, Relation, Relationship, Timestamp, User, Window};
use serde::{Serialize, Serializer, ser::Error};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::openapi::schemas::{DataSchema, TimeSchema, UsernameSchema};

/// An activity.
#[derive(Serialize, ToSchema)]
#[schema(as = Activity)]
pub struct ActivityView<'a> {
    /// Who did it.
    #[schema(value_type = UsernameSchema)]
    pub actor: &'a str,
    /// What was done.
    #[schema(min_length = 1, max_length = 80)]
    pub verb: &'a str,
    /// To what.
    #[schema(max_length = 1024)]
    pub object: Option<&'a str>,
    /// To or for whom.
    #[schema(value_type = Option<UsernameSchema>)]
    pub target: Option<&'a str>,
    /// When; the order of every feed.
    #[schema(value_type = TimeSchema)]
    pub published: Time,
    /// The application's own id, unique for its actor.
    #[schema(min_length = 1, max_length = 255)]
    pub external_id: Option<&'a str>,
    /// What else the application keeps with it.
    #[serde(serialize_with = "as_sent")]
    #[schema(value_type = DataSchema)]
    pub data: &'a Data,
    /// Its name for ever.
    #[schema(value_type = uuid::Uuid)]
    pub id: String,
    /// When it was last edited.
    #[schema(value_type = Option<TimeSchema>)]
    pub edited_at: Option<Time>,
}

impl<'a> From<&'a Activity> for ActivityView<'a> {
    fn from(activity: &'a Activity) -> Self {
        Self {
            actor: activity.actor.as_str(),
            verb: activity.verb.as_str(),
            object: activity.object.as_ref().map(AsRef::as_ref),
            target: activity.target.as_ref().map(AsRef::as_ref),
            published: Time(activity.published),
            external_id: activity.external_id.as_ref().map(AsRef::as_ref),
            data: &activity.data,
            id: activity.id.to_string(),
            edited_at: activity.edited_at.map(Time),
        }
    }
}

/// Writes `data` byte for byte as it is kept.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape that serde calls")]
fn as_sent<S: Serializer>(data: &&Data, serializer: S) -> Result<S::Ok, S::Error> {
    let raw: &RawValue = serde_json::from_str(data.as_str()).map_err(S::Error::custom)?;
    raw.serialize(serializer)
}

/// An instant in UTC, always with six digits.
#[derive(Clone, Copy)]
pub struct Time(pub Timestamp);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.to_rfc3339())
    }
}

/// A user.
#[derive(Serialize, ToSchema)]
#[schema(as = User)]
pub struct UserView<'a> {
    /// Names the user for ever.
    #[schema(value_type = uuid::Uuid)]
    pub id: String,
    /// The name.
    #[schema(value_type = UsernameSchema)]
    pub username: &'a str,
    /// The name shown.
    #[schema(min_length = 1, max_length = 200)]
    pub display_name: Option<&'a str>,
    /// When the user was made.
    #[schema(value_type = TimeSchema)]
    pub created_at: Time,
    /// How many users this one follows.
    pub following: u64,
    /// How many users follow this one.
    pub followers: u64,
    /// How many activities this one has posted.
    pub activities: u64,
}

impl<'a> From<&'a User> for UserView<'a> {
    fn from(user: &'a User) -> Self {
        Self {
            id: user.id.to_string(),
            username: user.username.as_str(),
            display_name: user.display_name.as_ref().map(AsRef::as_ref),
            created_at: Time(user.created_at),
            following: user.following,
            followers: user.followers,
            activities: user.activities,
        }
    }
}

/// The receipt of an erasure.
#[derive(Serialize, ToSchema)]
#[schema(as = Receipt)]
pub struct ReceiptView {
    /// How much of what went.
    pub erased: ErasedView,
    /// When.
    #[schema(value_type = TimeSchema)]
    pub at: Time,
}

/// How much of what went with a user.
#[derive(Serialize, ToSchema)]
#[schema(as = Erased)]
pub struct ErasedView {
    /// Activities of the user.
    pub activities: u64,
    /// Activities of others whose target was cleared.
    pub mentions: u64,
    /// Follows by the user.
    pub following: u64,
    /// Follows of the user.
    pub followers: u64,
    /// Kept histories of former follows, either way.
    pub kept_windows: u64,
    /// Blocks, either way.
    pub blocks: u64,
    /// Mutes, either way.
    pub mutes: u64,
    /// Stored answers that named the user.
    pub stored_answers: u64,
}

impl From<&Erasure> for ReceiptView {
    fn from(erasure: &Erasure) -> Self {
        Self {
            erased: ErasedView {
                activities: erasure.activities,
                mentions: erasure.mentions,
                following: erasure.following,
                followers: erasure.followers,
                kept_windows: erasure.kept_windows,
                blocks: erasure.blocks,
                mutes: erasure.mutes,
                stored_answers: erasure.stored_answers,
            },
            at: Time(erasure.at),
        }
    }
}

/// One user follows another.
#[derive(Serialize, ToSchema)]
#[schema(as = Follow)]
pub struct FollowView<'a> {
    /// Who reads.
    #[schema(value_type = UsernameSchema)]
    pub follower: &'a str,
    /// Whose activities.
    #[schema(value_type = UsernameSchema)]
    pub followee: &'a str,
    /// Since when.
    #[schema(value_type = TimeSchema)]
    pub since: Time,
    /// The earliest `published` that reaches the follower; null: all.
    #[schema(value_type = Option<TimeSchema>)]
    pub from: Option<Time>,
}

impl<'a> From<&'a Follow> for FollowView<'a> {
    fn from(follow: &'a Follow) -> Self {
        Self {
            follower: follow.follower.as_str(),
            followee: follow.followee.as_str(),
            since: Time(follow.since),
            from: follow.from.map(Time),
        }
    }
}

/// A span of `published`, both ends inclusive; an end that is null is open.
#[derive(Serialize, ToSchema)]
#[schema(as = Window)]
pub struct WindowView {
    /// The first instant inside.
    #[schema(value_type = Option<TimeSchema>)]
    pub from: Option<Time>,
    /// The last instant inside.
    #[schema(value_type = Option<TimeSchema>)]
    pub until: Option<Time>,
}

impl From<&Window> for WindowView {
    fn from(window: &Window) -> Self {
        Self { from: window.from.map(Time), until: window.until.map(Time) }
    }
}

/// A user who is blocked or muted.
#[derive(Serialize, ToSchema)]
#[schema(as = Relation)]
pub struct RelationView<'a> {
    /// Who.
    #[schema(value_type = UsernameSchema)]
    pub username: &'a str,
    /// Since when.
    #[schema(value_type = TimeSchema)]
    pub since: Time,
}

impl<'a> From<&'a Relation> for RelationView<'a> {
    fn from(relation: &'a Relation) -> Self {
        Self { username: relation.username.as_str(), since: Time(relation.place.since) }
    }
}

/// How a user stands to another.
#[derive(Serialize, ToSchema)]
#[schema(as = Relationship)]
pub struct RelationshipView<'a> {
    /// The other one.
    #[schema(value_type = UsernameSchema)]
    pub username: &'a str,
    /// Whether the user follows them.
    pub following: bool,
    /// Whether they follow the user.
    pub followed_by: bool,
}

impl<'a> From<&'a Relationship> for RelationshipView<'a> {
    fn from(relationship: &'a Relationship) -> Self {
        Self {
            username: relationship.username.as_str(),
            following: relationship.following,
            followed_by: relationship.followed_by,
        }
    }
}
