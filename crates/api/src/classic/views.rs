//! What the classic routes show. No key is ever added here: strict clients compare whole bodies.

use feed_me_domain::{Activity, Follow, UserKey, Username};
use serde::Serialize;
use utoipa::ToSchema;

use crate::openapi::schemas::UsernameSchema;

/// An activity.
#[derive(Serialize, ToSchema)]
#[schema(as = ClassicActivity)]
pub struct ClassicActivityView<'a> {
    /// Who did it.
    #[schema(value_type = UsernameSchema)]
    pub actor: &'a str,
    /// When: UTC, to the second.
    #[schema(pattern = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}$")]
    pub datetime: String,
    /// To what.
    pub object: Option<&'a str>,
    /// To or for whom; empty for none.
    pub target: &'a str,
    /// What was done.
    pub verb: &'a str,
}

impl<'a> From<&'a Activity> for ClassicActivityView<'a> {
    fn from(activity: &'a Activity) -> Self {
        Self {
            actor: activity.actor.as_str(),
            datetime: activity.published.to_classic(),
            object: activity.object.as_ref().map(AsRef::as_ref),
            target: activity.target.as_ref().map_or("", Username::as_str),
            verb: activity.verb.as_str(),
        }
    }
}

/// A follow.
#[derive(Serialize, ToSchema)]
#[schema(as = ClassicFollow)]
pub struct ClassicFollowView<'a> {
    /// Whose activities.
    #[schema(value_type = UsernameSchema)]
    pub followee: &'a str,
    /// Who reads.
    #[schema(value_type = UsernameSchema)]
    pub follower: &'a str,
}

impl<'a> From<&'a Follow> for ClassicFollowView<'a> {
    fn from(follow: &'a Follow) -> Self {
        Self { followee: follow.followee.as_str(), follower: follow.follower.as_str() }
    }
}

/// A user.
#[derive(Serialize, ToSchema)]
#[schema(as = ClassicUser)]
pub struct ClassicUserView<'a> {
    /// The number.
    pub id: i64,
    /// The name.
    #[schema(value_type = UsernameSchema)]
    pub username: &'a str,
}

impl<'a> From<&'a (UserKey, Username)> for ClassicUserView<'a> {
    fn from((key, name): &'a (UserKey, Username)) -> Self {
        Self { id: key.0, username: name.as_str() }
    }
}
