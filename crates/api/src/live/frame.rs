//! Server-Sent Events as they are written.

use std::sync::Arc;

use bytes::Bytes;
use feed_me_domain::{Activity, ActivityId, services::FeedChanges};

use crate::{problem::Failure, reply::written, views::ActivityView};

/// Something to tell, and the position that who has read it has come to.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The position.
    pub position: i64,
    /// One event or more.
    pub bytes: Bytes,
    /// Where it tells several changes: their positions, and where each begins.
    changes: Arc<[(i64, usize)]>,
}

impl Frame {
    /// What tells one change.
    pub(super) fn of(position: i64, bytes: Bytes) -> Self {
        Self { position, bytes, changes: Arc::default() }
    }

    /// What of it somebody lacks who was told everything up to a position.
    pub fn behind(&self, position: i64) -> Option<Bytes> {
        if self.position <= position {
            return None;
        }
        if self.changes.is_empty() {
            return Some(self.bytes.clone());
        }
        let (_, start) = self.changes.iter().find(|(change, _)| position < *change)?;
        Some(self.bytes.slice(*start..))
    }
}

/// What begins a stream: how soon to come again after it broke.
pub const GREETING: Bytes = Bytes::from_static(b"retry: 1000\n: connected\n\n");
/// What tells a client, and everything on the way to it, that the stream lives.
pub const HEARTBEAT: Bytes = Bytes::from_static(b": heartbeat\n\n");

/// How an activity came to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// It is new in the feed.
    Added,
    /// It is otherwise than before.
    Edited,
}

/// JSON has no line break of its own, so it is one line of data.
fn push(out: &mut String, position: i64, event: &str, data: &str) {
    let position = position.to_string();
    out.extend(["id: ", &position, "\nevent: ", event, "\ndata: ", data, "\n\n"]);
}

fn one(position: i64, event: &str, data: &str) -> Frame {
    let mut out = String::with_capacity(data.len() + 80);
    push(&mut out, position, event, data);
    Frame::of(position, out.into())
}

/// An activity, as `/v1` shows it.
pub(super) fn shown(position: i64, told: Told, activity: &str) -> Frame {
    one(position, name(told), activity)
}

fn name(told: Told) -> &'static str {
    match told {
        Told::Added => "activity.added",
        Told::Edited => "activity.edited",
    }
}

/// An activity that is in the feed no more.
pub(super) fn removed(position: i64, id: ActivityId) -> Frame {
    one(position, "activity.removed", &of_id(id))
}

fn of_id(id: ActivityId) -> String {
    format!("{{\"id\":\"{id}\"}}")
}

/// The feed has to be read again.
pub(super) fn resync(position: i64) -> Frame {
    one(position, "resync", "{}")
}

/// Everything that changes tell, in the order in which it came about; none where they tell nothing. Of what one change
/// moves, the last event alone leads beyond it: who is cut off in between is told of that change once more.
pub fn of_changes(changes: &FeedChanges) -> Result<Option<Frame>, Failure> {
    if changes.resync {
        return Ok(Some(resync(changes.position)));
    }
    let at = |id| changes.positions.get(&id).copied().unwrap_or(changes.position);
    let mut events: Vec<(i64, &str, String)> = Vec::new();
    events.extend(changes.removed.iter().map(|id| (at(*id), "activity.removed", of_id(*id))));
    for (told, activities) in [(Told::Added, &changes.added), (Told::Edited, &changes.edited)] {
        // Of one change the oldest first, as they would have come.
        for activity in activities.iter().rev() {
            events.push((at(activity.id), name(told), json(activity)?));
        }
    }
    events.sort_by_key(|(position, ..)| *position);
    let (mut out, mut starts) = (String::new(), Vec::new());
    for (index, (position, name, data)) in events.iter().enumerate() {
        if starts.last().is_none_or(|(last, _)| last != position) {
            starts.push((*position, out.len()));
        }
        let is_last = events.get(index + 1).is_none_or(|(next, ..)| next != position);
        push(&mut out, if is_last { *position } else { position - 1 }, name, data);
    }
    let position = changes.position;
    Ok((!events.is_empty()).then(|| Frame { position, bytes: out.into(), changes: starts.into() }))
}

/// An activity as data of an event.
pub(super) fn json(activity: &Activity) -> Result<String, Failure> {
    written(&ActivityView::from(activity))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_written_as_the_standard_has_it() {
        let id = ActivityId::from_uuid(uuid::Uuid::from_u128(7));
        let expected =
            "id: 5\nevent: activity.removed\ndata: {\"id\":\"00000000-0000-0000-0000-000000000007\"}\n\n";
        assert_eq!(removed(5, id).bytes, expected);
        assert_eq!(resync(6).bytes, "id: 6\nevent: resync\ndata: {}\n\n");
    }

    #[test]
    fn each_event_leads_to_its_change_and_of_one_change_the_last_alone() {
        let ids = [1, 2, 3].map(|id| ActivityId::from_uuid(uuid::Uuid::from_u128(id)));
        let positions = ids.into_iter().zip([8, 6, 8]).collect();
        let removed = ids.to_vec();
        let changes = FeedChanges { removed, positions, position: 9, ..FeedChanges::default() };
        let frame = of_changes(&changes).unwrap().unwrap();
        let text = String::from_utf8(frame.bytes.to_vec()).unwrap();
        let told: Vec<&str> = text.lines().filter(|line| line.starts_with("id:")).collect();
        assert_eq!((told, frame.position), (vec!["id: 6", "id: 7", "id: 8"], 9));
        let behind = |position| {
            let bytes = frame.behind(position)?;
            Some(String::from_utf8_lossy(&bytes).matches("event: ").count())
        };
        assert_eq!([0, 5, 6, 7, 8, 9].map(behind), [Some(3), Some(3), Some(2), Some(2), None, None]);
        let nothing = FeedChanges { position: 9, ..FeedChanges::default() };
        assert!(of_changes(&nothing).unwrap().is_none());
    }
}
