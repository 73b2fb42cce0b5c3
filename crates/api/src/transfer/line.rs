//! What a line says.

use std::fmt::Display;

use feed_me_domain::{
    ActivityId, Data, DisplayName, ExternalId, Fault, Object, Timestamp, Username, Verb, Window,
    follow::united,
    transfer::{FollowRecord, FollowRecordCurrent, Record, RelationRecord, UserRecord},
};

use super::canonical::Content;
use crate::members::{Members, array};

const ACTIVITY: &[&str] =
    &["id", "actor", "verb", "object", "target", "published", "edited_at", "external_id", "data"];
const FOLLOW: &[&str] = &["follower", "followee", "since", "from", "kept"];
const USER: &[&str] = &["username", "display_name", "created_at"];
const BLOCK: &[&str] = &["blocker", "blocked", "since"];
const MUTE: &[&str] = &["muter", "muted", "since"];
const WINDOW: &[&str] = &["from", "until"];

/// Reads a line strictly: unknown members, members that stand there twice and wrong values are faults, and all of them are
/// told. `started` is when the import began: the `since` of a follow that has none.
pub fn parse_line(text: &str, started: Timestamp) -> Result<Record, Vec<Fault>> {
    let Some(kind) = Kind::of(text) else {
        return Err(no_kind(text));
    };
    let mut members = Members::item(text, kind.members());
    let record = match kind {
        Kind::Activity => activity(&mut members),
        Kind::Follow => follow(&mut members, started),
        Kind::User => user(&mut members),
        Kind::Block => relation(&mut members, "blocker", "blocked").map(Record::Block),
        Kind::Mute => relation(&mut members, "muter", "muted").map(Record::Mute),
    };
    match record {
        Some(record) if members.faults.is_empty() => Ok(record),
        _ => Err(members.faults),
    }
}

/// What a line is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Activity,
    Follow,
    User,
    Block,
    Mute,
}

impl Kind {
    /// The first kind that any member speaks for.
    fn of(text: &str) -> Option<Self> {
        let members = Members::item(text, &[ACTIVITY, FOLLOW, USER, BLOCK, MUTE].concat());
        let told_by = [
            (["actor", "verb"], Self::Activity),
            (["follower", "followee"], Self::Follow),
            (["blocker", "blocked"], Self::Block),
            (["muter", "muted"], Self::Mute),
            (["username", "display_name"], Self::User),
        ];
        let has_any = |names: &[&str]| names.iter().any(|name| members.raw(name).is_some());
        told_by.into_iter().find(|(names, _)| has_any(names)).map(|(_, kind)| kind)
    }

    fn members(self) -> &'static [&'static str] {
        match self {
            Self::Activity => ACTIVITY,
            Self::Follow => FOLLOW,
            Self::User => USER,
            Self::Block => BLOCK,
            Self::Mute => MUTE,
        }
    }
}

/// Whether a line is a user's.
pub(super) fn is_user(text: &str) -> bool {
    Kind::of(text) == Some(Kind::User)
}

/// Why a line is of no kind: it is no JSON object, or says nothing that we know.
fn no_kind(text: &str) -> Vec<Fault> {
    let mut faults = Members::item(text, &[]).faults;
    faults.retain(|fault| fault.pointer.is_empty());
    for fault in &mut faults {
        fault.detail = fault.detail.replace(" at line 1 column ", " at column ");
    }
    if faults.is_empty() {
        faults.push(Fault::new(
            "",
            "is no activity, follow, user, block or mute: it has none of the members actor, follower, username, blocker \
             and muter",
        ));
    }
    faults
}

/// A string that must be there.
fn required<T, E: Display>(
    members: &mut Members<'_>,
    name: &str,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Option<T> {
    if members.raw(name).is_none() {
        members.fault(name, "is required");
    }
    members.text(name, parse)
}

/// A string that may be absent or null, which is the same here.
fn optional<T, E: Display>(
    members: &mut Members<'_>,
    name: &str,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Option<T> {
    if is_null(members, name) { None } else { members.text(name, parse) }
}

fn is_null(members: &Members<'_>, name: &str) -> bool {
    members.raw(name) == Some("null")
}

fn activity(members: &mut Members<'_>) -> Option<Record> {
    let id = optional(members, "id", parse_id);
    let actor = required(members, "actor", Username::parse);
    let verb = required(members, "verb", Verb::parse);
    let object = optional(members, "object", Object::parse);
    let target = optional(members, "target", Username::parse);
    let published = required(members, "published", Timestamp::parse);
    let edited_at = optional(members, "edited_at", Timestamp::parse);
    let external_id = optional(members, "external_id", ExternalId::parse);
    let data = if is_null(members, "data") { None } else { members.data("data") };
    let content = Content {
        actor: actor?,
        verb: verb?,
        object,
        target,
        published: published?,
        edited_at,
        external_id,
        data: data.unwrap_or_else(Data::empty),
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
    let username = required(members, "username", Username::parse);
    let display_name = optional(members, "display_name", DisplayName::parse);
    let created_at = optional(members, "created_at", Timestamp::parse);
    Some(Record::User(UserRecord { username: username?, display_name, created_at }))
}

fn follow(members: &mut Members<'_>, started: Timestamp) -> Option<Record> {
    let follower = required(members, "follower", Username::parse);
    let followee = required(members, "followee", Username::parse);
    let is_only_history = is_null(members, "since");
    let since = optional(members, "since", Timestamp::parse).unwrap_or(started);
    let from = optional(members, "from", Timestamp::parse);
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
    let Some(raw) = members.raw("kept").filter(|raw| *raw != "null") else { return Vec::new() };
    let items = match array(raw, usize::MAX) {
        Ok((items, _)) => items,
        Err(problem) => {
            members.fault("kept", problem);
            return Vec::new();
        }
    };
    let mut windows = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        match window(item) {
            Ok(window) => windows.push(window),
            Err(faults) => {
                let path = format!("/kept/{index}");
                let inside =
                    faults.into_iter().map(|fault| Fault { pointer: path.clone() + &fault.pointer, ..fault });
                members.faults.extend(inside);
            }
        }
    }
    united(windows)
}

fn window(text: &str) -> Result<Window, Vec<Fault>> {
    let mut members = Members::item(text, WINDOW);
    if !members.faults.is_empty() {
        return Err(members.faults);
    }
    let from = optional(&mut members, "from", Timestamp::parse);
    let until = required(&mut members, "until", Timestamp::parse);
    if until.is_some_and(|until| from.is_some_and(|from| until < from)) {
        members.fault("until", "lies before from");
    }
    if members.faults.is_empty() { Ok(Window { from, until }) } else { Err(members.faults) }
}

fn relation(members: &mut Members<'_>, owner: &str, other: &str) -> Option<RelationRecord> {
    let owner = required(members, owner, Username::parse);
    let other = required(members, other, Username::parse);
    let since = required(members, "since", Timestamp::parse);
    Some(RelationRecord { owner: owner?, other: other?, since: since? })
}
