//! The lines that `feed-me import` reads. Nothing in them needs escaping: names, verbs and objects are all our own.

use std::io::{self, Write};

use chrono::{DateTime, SecondsFormat};

use super::{Activity, Follow, username};

pub(super) fn activity(out: &mut dyn Write, activity: &Activity) -> io::Result<()> {
    let Activity { id, actor, verb, object, target, published, data } = activity;
    let actor = username(*actor);
    let target = target.map_or_else(|| "null".to_owned(), |target| format!("\"{}\"", username(target)));
    let published = time(*published);
    writeln!(
        out,
        r#"{{"id":"{id}","actor":"{actor}","verb":"{verb}","object":"{object}","target":{target},"published":"{published}","data":{data}}}"#
    )
}

pub(super) fn follow(out: &mut dyn Write, follow: &Follow) -> io::Result<()> {
    let (follower, followee) = (username(follow.follower), username(follow.followee));
    let since = time(follow.since);
    writeln!(out, r#"{{"follower":"{follower}","followee":"{followee}","since":"{since}"}}"#)
}

fn time(micros: i64) -> String {
    DateTime::from_timestamp_micros(micros).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Micros, true)
}
