//! What a line says.

use feed_me_domain::{
    ActivityId, Data, DisplayName, ExternalId, Fault, Given, Object, Timestamp, Username, Verb, Window,
    follow::united,
    transfer::{FollowRecord, FollowRecordCurrent, Record, RelationRecord, UserRecord},
};
use serde_json::value::RawValue;

use super::{canonical::Content, members::Members};

/// Reads a line strictly: unknown members, members that stand there twice and wrong values are faults, and all of them are
/// told. `started` is when the import began: the `since` of a follow that has none.
pub fn parse_line(text: &str, started: Timestamp) -> Result<Record, Vec<Fault>> {
    let mut members = Members::open(text, "").map_err(|fault| vec![fault])?;
    let record = match Kind::of(&members) {
        Some(Kind::Activity) => activity(&mut members),
        Some(Kind::Follow) => follow(&mut members, started),
        Some(Kind::User) => user(&mut members),
        Some(Kind::Block) => relation(&mut members, "blocker", "blocked").map(Record::Block),
        Some(Kind::Mute) => relation(&mut members, "muter", "muted").map(Record::Mute),
        None => {
            return Err(vec![Fault::new(
                "",
                "is no activity, follow, user, block or mute: it has none of the members actor, follower, username, \
                 blocker and muter",
            )]);
        }
    };
    let faults = members.finish();
    match record {
        Some(record) if faults.is_empty() => Ok(record),
        _ => Err(faults),
    }
}

/// What a line is about.
enum Kind {
    Activity,
    Follow,
    User,
    Block,
    Mute,
}

impl Kind {
    fn of(members: &Members<'_>) -> Option<Self> {
        let has_any = |names: [&str; 2]| names.iter().any(|name| members.has(name));
        if has_any(["actor", "verb"]) {
            Some(Self::Activity)
        } else if has_any(["follower", "followee"]) {
            Some(Self::Follow)
        } else if has_any(["blocker", "blocked"]) {
            Some(Self::Block)
        } else if has_any(["muter", "muted"]) {
            Some(Self::Mute)
        } else {
            members.has("username").then_some(Self::User)
        }
    }
}

fn activity(members: &mut Members<'_>) -> Option<Record> {
    let id = members.optional("id", parse_id);
    let actor = members.required("actor", Username::parse);
    let verb = members.required("verb", Verb::parse);
    let object = members.optional("object", Object::parse);
    let target = members.optional("target", Username::parse);
    let published = members.required("published", Timestamp::parse);
    let edited_at = members.optional("edited_at", Timestamp::parse);
    let external_id = members.optional("external_id", ExternalId::parse);
    let data = match members.raw("data") {
        Given::Absent | Given::Null => Data::empty(),
        Given::Value(raw) => match Data::parse(raw) {
            Ok(data) => data,
            Err(problem) => {
                members.fault("data", problem);
                Data::empty()
            }
        },
    };
    let content = Content {
        actor: actor?,
        verb: verb?,
        object,
        target,
        published: published?,
        edited_at,
        external_id,
        data,
    };
    match id.map_or_else(|| content.id(), Ok) {
        Ok(id) => Some(Record::Activity(content.into_activity(id))),
        Err(problem) => {
            members.fault("data", problem);
            None
        }
    }
}

fn parse_id(raw: &str) -> Result<ActivityId, &'static str> {
    ActivityId::parse(raw)
        .filter(|id| id.as_uuid().get_version_num() == 7)
        .ok_or("is not a UUIDv7 such as 019c91a9-5b3b-7123-8000-000000000000")
}

fn user(members: &mut Members<'_>) -> Option<Record> {
    let username = members.required("username", Username::parse);
    let display_name = members.optional("display_name", DisplayName::parse);
    let created_at = members.optional("created_at", Timestamp::parse);
    Some(Record::User(UserRecord { username: username?, display_name, created_at }))
}

fn follow(members: &mut Members<'_>, started: Timestamp) -> Option<Record> {
    let follower = members.required("follower", Username::parse);
    let followee = members.required("followee", Username::parse);
    let is_only_history = members.is_null("since");
    let since = members.optional("since", Timestamp::parse).unwrap_or(started);
    let from = members.optional("from", Timestamp::parse);
    let kept = kept(members);
    if is_only_history && kept.is_empty() {
        members
            .fault("kept", "must hold windows where since is null: there is neither a follow nor a history");
    }
    if is_only_history && from.is_some() {
        members.fault("from", "must be null where since is null: it belongs to a present follow");
    }
    let current = (!is_only_history).then_some(FollowRecordCurrent { since, from });
    Some(Record::Follow(FollowRecord { follower: follower?, followee: followee?, current, kept }))
}

fn kept(members: &mut Members<'_>) -> Vec<Window> {
    let raw = match members.raw("kept") {
        Given::Absent | Given::Null => return Vec::new(),
        Given::Value(raw) => raw,
    };
    let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(raw) else {
        members.fault("kept", "must be an array of windows");
        return Vec::new();
    };
    let mut windows = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        match window(item.get(), &format!("/kept/{index}")) {
            Ok(window) => windows.push(window),
            Err(faults) => members.add_faults(faults),
        }
    }
    united(windows)
}

fn window(text: &str, path: &str) -> Result<Window, Vec<Fault>> {
    let mut members = Members::open(text, path).map_err(|fault| vec![fault])?;
    let from = members.optional("from", Timestamp::parse);
    let until = members.required("until", Timestamp::parse);
    if until.is_some_and(|until| from.is_some_and(|from| until < from)) {
        members.fault("until", "lies before from");
    }
    let faults = members.finish();
    if faults.is_empty() { Ok(Window { from, until }) } else { Err(faults) }
}

fn relation(members: &mut Members<'_>, owner: &str, other: &str) -> Option<RelationRecord> {
    let owner = members.required(owner, Username::parse);
    let other = members.required(other, Username::parse);
    let since = members.required("since", Timestamp::parse);
    Some(RelationRecord { owner: owner?, other: other?, since: since? })
}
