//! A record as a line.

use feed_me_domain::{
    Activity, DisplayName, ExternalId, Object, Timestamp, Username, Window,
    transfer::{FollowRecord, Record, RelationRecord, UserRecord},
};
use serde::Serialize;
use serde_json::value::RawValue;

#[derive(Serialize)]
struct ActivityLine<'a> {
    id: String,
    actor: &'a str,
    verb: &'a str,
    object: Option<&'a str>,
    target: Option<&'a str>,
    published: String,
    edited_at: Option<String>,
    external_id: Option<&'a str>,
    data: &'a RawValue,
}

#[derive(Serialize)]
struct UserLine<'a> {
    username: &'a str,
    display_name: Option<&'a str>,
    created_at: Option<String>,
}

#[derive(Serialize)]
struct FollowLine<'a> {
    follower: &'a str,
    followee: &'a str,
    since: Option<String>,
    from: Option<String>,
    kept: Vec<WindowView>,
}

#[derive(Serialize)]
struct WindowView {
    from: Option<String>,
    until: Option<String>,
}

#[derive(Serialize)]
struct BlockLine<'a> {
    blocker: &'a str,
    blocked: &'a str,
    since: String,
}

#[derive(Serialize)]
struct MuteLine<'a> {
    muter: &'a str,
    muted: &'a str,
    since: String,
}

/// The line of a record, without its end. Reading it again gives the same record.
pub fn line_of(record: &Record) -> Result<String, serde_json::Error> {
    match record {
        Record::Activity(activity) => activity_line(activity),
        Record::User(user) => user_line(user),
        Record::Follow(follow) => follow_line(follow),
        Record::Block(RelationRecord { owner, other, since }) => serde_json::to_string(&BlockLine {
            blocker: owner.as_str(),
            blocked: other.as_str(),
            since: since.to_rfc3339(),
        }),
        Record::Mute(RelationRecord { owner, other, since }) => serde_json::to_string(&MuteLine {
            muter: owner.as_str(),
            muted: other.as_str(),
            since: since.to_rfc3339(),
        }),
    }
}

fn activity_line(activity: &Activity) -> Result<String, serde_json::Error> {
    serde_json::to_string(&ActivityLine {
        id: activity.id.to_string(),
        actor: activity.actor.as_str(),
        verb: activity.verb.as_str(),
        object: activity.object.as_ref().map(Object::as_str),
        target: activity.target.as_ref().map(Username::as_str),
        published: activity.published.to_rfc3339(),
        edited_at: activity.edited_at.map(Timestamp::to_rfc3339),
        external_id: activity.external_id.as_ref().map(ExternalId::as_str),
        data: serde_json::from_str(activity.data.as_str())?,
    })
}

fn user_line(user: &UserRecord) -> Result<String, serde_json::Error> {
    serde_json::to_string(&UserLine {
        username: user.username.as_str(),
        display_name: user.display_name.as_ref().map(DisplayName::as_str),
        created_at: user.created_at.map(Timestamp::to_rfc3339),
    })
}

fn follow_line(follow: &FollowRecord) -> Result<String, serde_json::Error> {
    let rfc3339 = |at: Option<Timestamp>| at.map(Timestamp::to_rfc3339);
    let view = |window: &Window| WindowView { from: rfc3339(window.from), until: rfc3339(window.until) };
    serde_json::to_string(&FollowLine {
        follower: follow.follower.as_str(),
        followee: follow.followee.as_str(),
        since: rfc3339(follow.current.map(|current| current.since)),
        from: rfc3339(follow.current.and_then(|current| current.from)),
        kept: follow.kept.iter().map(view).collect(),
    })
}
