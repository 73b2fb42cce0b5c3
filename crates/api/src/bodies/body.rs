//! The body of an activity as it is kept and written: its JSON without the names.

use std::sync::Arc;

use feed_me_domain::{Activity, ActivityId, FeedEntry, Placed, Position, Username};

use crate::{problem::Failure, reply::written, views::ActivityView};

/// An activity as `/v1` writes it, without its names: what follows the actor up to the target, and what follows that.
#[derive(Clone, Debug)]
pub struct Body {
    pub(super) version: i32,
    /// Where the value of the verb ends.
    verb_end: u32,
    /// Where the target belongs.
    target_at: u32,
    text: Arc<str>,
}

/// What stands before the actor.
const BEFORE_ACTOR: &str = "{\"actor\":";
const BEFORE_VERB: &str = ",\"verb\":";
const BEFORE_OBJECT: &str = ",\"object\":";
const BEFORE_TARGET: &str = ",\"target\":";
const BEFORE_PUBLISHED: &str = ",\"published\":";

impl Body {
    /// The body of an activity.
    pub fn of(activity: &Activity) -> Result<Self, Failure> {
        let text = written(&ActivityView::from(activity))?;
        let actor = quoted(&activity.actor);
        let target = activity.target.as_ref().map_or_else(|| "null".to_owned(), quoted);
        let verb = written(&activity.verb.as_str())?;
        let object = written(&activity.object.as_ref().map(AsRef::<str>::as_ref))?;
        // The order of the members is that of the view; a test holds the two together.
        let verb_end = BEFORE_VERB.len() + verb.len();
        let target_at = verb_end + BEFORE_OBJECT.len() + object.len() + BEFORE_TARGET.len();
        let start = BEFORE_ACTOR.len() + actor.len();
        let (Some(middle), Some(tail)) =
            (text.get(start..start + target_at), text.get(start + target_at + target.len()..))
        else {
            return Err(Failure::internal(
                "an activity is written in another order than its body".to_owned(),
            ));
        };
        let place =
            |at: usize| u32::try_from(at).map_err(|_| Failure::internal("a body has no end".to_owned()));
        Ok(Self {
            version: activity.version,
            verb_end: place(verb_end)?,
            target_at: place(target_at)?,
            text: [middle, tail].concat().into(),
        })
    }

    /// How many bytes it has.
    pub(super) fn size(&self) -> usize {
        self.text.len()
    }

    /// A byte of each cache line that it lies in, all together: whoever asks has them at hand afterwards.
    pub(super) fn touch(&self) -> u8 {
        self.text.as_bytes().iter().step_by(64).fold(0, |all, byte| all ^ byte)
    }

    /// What stands between the actor and the target, and what follows.
    fn parts(&self) -> (&str, &str) {
        self.text.split_at(self.target_at as usize)
    }

    fn verb(&self) -> &str {
        &self.text[BEFORE_VERB.len()..self.verb_end as usize]
    }

    fn object(&self) -> &str {
        let from = self.verb_end as usize + BEFORE_OBJECT.len();
        &self.text[from..self.target_at as usize - BEFORE_TARGET.len()]
    }

    /// The time to the second, without an offset.
    fn classic_time(&self) -> &str {
        // 2026-02-24T21:20:58 of "2026-02-24T21:20:58.123456Z", behind its quotation mark.
        let from = self.target_at as usize + BEFORE_PUBLISHED.len() + 1;
        &self.text[from..from + 19]
    }
}

/// An item of a page with all that is needed to write it.
#[derive(Clone, Debug)]
pub struct Told {
    position: Position,
    actor: Username,
    target: Option<Username>,
    body: Body,
}

impl Told {
    /// An item of which a feed told all but the body.
    pub(super) fn of_entry(entry: FeedEntry, body: Body) -> Self {
        Self { position: entry.position, actor: entry.actor, target: entry.target, body }
    }

    /// An item of which the activity is there.
    pub(super) fn whole(activity: &Activity, body: Body) -> Self {
        Self {
            position: activity.place(),
            actor: activity.actor.clone(),
            target: activity.target.clone(),
            body,
        }
    }

    /// What the tag of a page follows from.
    pub fn state(&self) -> (ActivityId, i32, &Username, Option<&Username>) {
        (self.position.id, self.body.version, &self.actor, self.target.as_ref())
    }

    /// Writes the item as `/v1` shows it.
    pub fn write(&self, out: &mut String) {
        let (middle, tail) = self.body.parts();
        out.push_str(BEFORE_ACTOR);
        push_quoted(out, self.actor.as_str());
        out.push_str(middle);
        match &self.target {
            Some(target) => push_quoted(out, target.as_str()),
            None => out.push_str("null"),
        }
        out.push_str(tail);
    }

    /// Writes the item as the classic routes show it.
    pub fn write_classic(&self, out: &mut String) {
        out.push_str(BEFORE_ACTOR);
        push_quoted(out, self.actor.as_str());
        out.push_str(",\"datetime\":\"");
        out.push_str(self.body.classic_time());
        out.push_str("\",\"object\":");
        out.push_str(self.body.object());
        out.push_str(BEFORE_TARGET);
        push_quoted(out, self.target.as_ref().map_or("", Username::as_str));
        out.push_str(BEFORE_VERB);
        out.push_str(self.body.verb());
        out.push('}');
    }

    /// About how many bytes it has when it is written.
    pub fn size(&self) -> usize {
        self.body.text.len() + self.actor.as_str().len() + 60
    }
}

/// Writes a name as a JSON string. Hardly any name has a character that must be escaped.
fn push_quoted(out: &mut String, name: &str) {
    let escapes = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
    // To the end without a branch: several bytes at once.
    if name.bytes().fold(false, |any, byte| any | escapes(byte)) {
        out.push_str(&serde_json::Value::from(name).to_string());
    } else {
        out.push('"');
        out.push_str(name);
        out.push('"');
    }
}

fn quoted(name: &Username) -> String {
    let mut out = String::with_capacity(name.as_str().len() + 2);
    push_quoted(&mut out, name.as_str());
    out
}

#[cfg(test)]
mod tests {
    use feed_me_domain::{Data, ExternalId, Object, Timestamp, Verb};
    use proptest::prelude::*;

    use super::*;
    use crate::classic::views::ClassicActivityView;

    fn told(activity: &Activity) -> Told {
        Told::whole(activity, Body::of(activity).unwrap())
    }

    proptest! {
        #[test]
        fn an_item_is_written_as_its_views_are(
            actor in "[^/\\pC\\s]{3,20}",
            verb in "[^\0]{1,20}",
            object in proptest::option::of("[^\0]{0,40}"),
            target in proptest::option::of("[a-z\"\\\\é]{1,10}"),
            external_id in proptest::option::of("[^\0]{1,10}"),
            edited in proptest::bool::ANY,
            micros in -62_135_596_800_000_000_i64..253_402_300_799_999_999,
        ) {
            prop_assume!(Username::parse(&actor).is_ok());
            let activity = Activity {
                id: ActivityId::from_uuid(uuid::Uuid::from_u128(7)),
                actor: Username::parse(&actor).unwrap(),
                verb: Verb::parse(&verb).unwrap(),
                object: object.map(|object| Object::parse(&object).unwrap()),
                target: target.map(|target| Username::parse(&target).unwrap()),
                published: Timestamp::from_micros(micros).unwrap(),
                edited_at: edited.then_some(Timestamp::EPOCH),
                external_id: external_id.map(|id| ExternalId::parse(&id).unwrap()),
                data: Data::parse(r#"{"a":[1,"x"]}"#).unwrap(),
                version: 3,
            };
            let mut out = String::new();
            told(&activity).write(&mut out);
            prop_assert_eq!(out, written(&ActivityView::from(&activity)).unwrap());
            let mut out = String::new();
            told(&activity).write_classic(&mut out);
            prop_assert_eq!(out, written(&ClassicActivityView::from(&activity)).unwrap());
        }
    }
}
