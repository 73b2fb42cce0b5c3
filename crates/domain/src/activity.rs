//! Activities: `actor verb object target`, at a time.

use sha2::{Digest, Sha256};

use crate::{
    data::Data,
    error::Fault,
    feed::Position,
    given::Given,
    id::ActivityId,
    text::{ExternalId, Object, Username, Verb},
    time::Timestamp,
};

#[cfg(test)]
mod tests;

/// How far ahead of our clock a `published` may be and still be taken for a fast clock: 5 minutes, in microseconds.
pub const AHEAD_MAX_MICROS: i64 = 5 * 60 * 1_000_000;

/// Something that somebody did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activity {
    /// Its name for ever.
    pub id: ActivityId,
    /// Who did it.
    pub actor: Username,
    /// What was done.
    pub verb: Verb,
    /// To what.
    pub object: Option<Object>,
    /// To or for whom.
    pub target: Option<Username>,
    /// When; the order of every feed.
    pub published: Timestamp,
    /// When it was last edited.
    pub edited_at: Option<Timestamp>,
    /// The application's own id.
    pub external_id: Option<ExternalId>,
    /// What else the application keeps with it.
    pub data: Data,
    /// Counts the changes of this row, from 1.
    pub version: i32,
}

impl Activity {
    /// Its place in the total order of feeds.
    pub fn position(&self) -> Position {
        Position { published: self.published, id: self.id }
    }

    /// Names this state of the activity: another state, or other names on it, give another tag.
    pub fn tag(&self) -> ActivityTag {
        let mut hash = Sha256::new();
        hash.update(self.id.as_uuid().as_bytes());
        hash.update(self.version.to_be_bytes());
        hash.update(self.actor.as_str());
        hash.update([0]);
        hash.update(self.target.as_ref().map_or("", Username::as_str));
        let mut tag = [0; 16];
        tag.copy_from_slice(&hash.finalize()[..16]);
        ActivityTag(tag)
    }

    /// Whether this is news to its target beside what stood `before`: it says something else, or to somebody else.
    pub fn says_otherwise_than(&self, before: &Self) -> bool {
        (&self.verb, &self.object, &self.target) != (&before.verb, &before.object, &before.target)
    }

    /// The state after `patch`, stamped `now`; none where the patch asks for nothing.
    pub fn edited(&self, patch: &ActivityPatch, now: Timestamp) -> Option<Self> {
        if patch.is_empty() {
            return None;
        }
        Some(Self {
            verb: patch.verb.clone().unwrap_or_else(|| self.verb.clone()),
            object: patch.object.clone().applied_to(self.object.clone()),
            target: patch.target.clone().applied_to(self.target.clone()),
            data: patch.data.clone().unwrap_or_else(|| self.data.clone()),
            edited_at: Some(now),
            version: next_version(self.version),
            ..self.clone()
        })
    }
}

/// The version after a change of a row, also where an erasure takes its target away. After the greatest it begins at 1
/// again.
pub fn next_version(version: i32) -> i32 {
    version.wrapping_add(1).max(1)
}

/// Names one state of one activity; the `ETag` of the HTTP surface is made of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ActivityTag(pub [u8; 16]);

/// The state that a client expects before it edits or deletes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Precondition {
    /// Whatever is there.
    #[default]
    None,
    /// Any state of an activity that exists, in the states named.
    OneOf(Vec<ActivityTag>),
}

impl Precondition {
    /// Whether `stored` is what the client expects.
    pub fn holds_for(&self, stored: &Activity) -> bool {
        match self {
            Self::None => true,
            Self::OneOf(tags) => tags.contains(&stored.tag()),
        }
    }
}

/// An activity as a client sends it, every value valid; names are not looked up yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewActivity {
    /// Who did it.
    pub actor: Username,
    /// What was done.
    pub verb: Verb,
    /// To what.
    pub object: Given<Object>,
    /// To or for whom.
    pub target: Given<Username>,
    /// When, where the client says so.
    pub published: Option<Timestamp>,
    /// The application's own id.
    pub external_id: Option<ExternalId>,
    /// What else to keep.
    pub data: Option<Data>,
}

impl NewActivity {
    /// The activity to store when its turn in the sequence has come: `stamp` is that turn's instant, and `id` is made
    /// of it. A `published` that lies ahead of the turn comes from a fast clock and counts as now.
    pub fn stamped(self, id: ActivityId, stamp: Timestamp) -> Activity {
        Activity {
            id,
            actor: self.actor,
            verb: self.verb,
            object: self.object.value(),
            target: self.target.value(),
            published: self.published.map_or(stamp, |asked| asked.min(stamp)),
            edited_at: None,
            external_id: self.external_id,
            data: self.data.unwrap_or_else(Data::empty),
            version: 1,
        }
    }

    /// Whether this is the stored activity sent again: every member given agrees with what is stored now. `now` is the
    /// clock's; a `published` that is, or was, taken for a fast clock is not compared.
    pub fn repeats(&self, stored: &Activity, now: Timestamp) -> bool {
        self.verb == stored.verb
            && self.object.agrees_with(stored.object.as_ref())
            && self.target.agrees_with(stored.target.as_ref())
            && self.data.as_ref().is_none_or(|data| data.means(&stored.data))
            && self.published.is_none_or(|asked| {
                asked == stored.published || now < asked || was_taken_for_fast(asked, stored)
            })
    }
}

/// An activity stored with the instant of its turn was sent without a time, or with one that lay ahead of it.
fn was_taken_for_fast(asked: Timestamp, stored: &Activity) -> bool {
    stored.id.stamp() == Some(stored.published)
        && stored.published < asked
        && asked <= stored.published.plus_micros(AHEAD_MAX_MICROS)
}

/// Checks a `published` that a client sent against the clock: too far ahead is a fault.
pub fn check_published(published: Timestamp, now: Timestamp) -> Result<(), Fault> {
    if now.plus_micros(AHEAD_MAX_MICROS) < published {
        return Err(Fault::new(
            "/published",
            format!("{published} is more than 5 minutes ahead of the server's clock, which says {now}"),
        ));
    }
    Ok(())
}

/// An activity as it was read from a request: what is valid stands in its member, all that is not stands in `faults`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActivityDraft {
    /// Who did it, where that is a valid name.
    pub actor: Option<Username>,
    /// What was done, where that is a valid verb.
    pub verb: Option<Verb>,
    /// To what.
    pub object: Given<Object>,
    /// To or for whom.
    pub target: Given<Username>,
    /// When, where the client says so.
    pub published: Option<Timestamp>,
    /// The application's own id.
    pub external_id: Option<ExternalId>,
    /// What else to keep.
    pub data: Option<Data>,
    /// Everything that was wrong.
    pub faults: Vec<Fault>,
}

impl ActivityDraft {
    /// The activity, or every fault; `now` is the clock's.
    pub fn checked(mut self, now: Timestamp) -> Result<NewActivity, Box<Self>> {
        if let Some(Err(fault)) = self.published.map(|at| check_published(at, now)) {
            self.faults.push(fault);
        }
        for (is_missing, pointer) in [(self.actor.is_none(), "/actor"), (self.verb.is_none(), "/verb")] {
            // A fault of the whole says why there are no members.
            let is_told = |fault: &Fault| fault.pointer == pointer || fault.pointer.is_empty();
            if is_missing && !self.faults.iter().any(is_told) {
                self.faults.push(Fault::new(pointer, "is required"));
            }
        }
        match self {
            Self {
                actor: Some(actor),
                verb: Some(verb),
                object,
                target,
                published,
                external_id,
                data,
                faults,
            } if faults.is_empty() => {
                Ok(NewActivity { actor, verb, object, target, published, external_id, data })
            }
            faulty => Err(Box::new(faulty)),
        }
    }

    /// The names in it that have to belong to users, with their places.
    pub fn names(&self) -> Vec<(&'static str, Username)> {
        let target = match &self.target {
            Given::Value(name) => Some(name),
            Given::Absent | Given::Null => None,
        };
        let named = [("/actor", self.actor.as_ref()), ("/target", target)];
        named.into_iter().filter_map(|(pointer, name)| Some((pointer, name?.clone()))).collect()
    }
}

/// What a `PATCH` asks of an activity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActivityPatch {
    /// Another verb.
    pub verb: Option<Verb>,
    /// Another object, or none.
    pub object: Given<Object>,
    /// Another target, or none.
    pub target: Given<Username>,
    /// Other data, which replaces what is there.
    pub data: Option<Data>,
}

impl ActivityPatch {
    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.verb.is_none() && !self.object.is_given() && !self.target.is_given() && self.data.is_none()
    }
}
