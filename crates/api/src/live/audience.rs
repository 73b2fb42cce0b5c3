//! Who listens, and to whose activities.

use std::collections::{BTreeSet, HashMap};

use feed_me_domain::{Timestamp, UserKey, Window};
use tokio::sync::mpsc::Sender;

use super::Frame;

/// What of an author's activities reaches a viewer; none for all of it.
pub(super) type Shown = Option<Box<[Window]>>;

/// Everybody who listens.
#[derive(Default)]
pub(super) struct Audience {
    viewers: HashMap<UserKey, Viewer>,
    /// By author: who of the viewers reads them.
    readers: HashMap<UserKey, HashMap<UserKey, Shown>>,
}

#[derive(Default)]
struct Viewer {
    streams: Vec<(u64, Sender<Frame>)>,
    authors: Vec<UserKey>,
}

impl Audience {
    pub(super) fn is_empty(&self) -> bool {
        self.viewers.is_empty()
    }

    pub(super) fn has(&self, viewer: UserKey) -> bool {
        self.viewers.contains_key(&viewer)
    }

    /// Every viewer.
    pub(super) fn all(&self) -> BTreeSet<UserKey> {
        self.viewers.keys().copied().collect()
    }

    /// A stream of a viewer.
    pub(super) fn join(&mut self, viewer: UserKey, stream: u64, sender: Sender<Frame>) {
        self.viewers.entry(viewer).or_default().streams.push((stream, sender));
    }

    /// A stream is over.
    pub(super) fn leave(&mut self, viewer: UserKey, stream: u64) {
        if let Some(found) = self.viewers.get_mut(&viewer) {
            found.streams.retain(|(other, _)| *other != stream);
            if found.streams.is_empty() {
                self.cut_off(viewer);
            }
        }
    }

    /// Ends every stream of a viewer.
    pub(super) fn cut_off(&mut self, viewer: UserKey) {
        self.set_authors(viewer, Vec::new());
        self.viewers.remove(&viewer);
    }

    /// Sets whom a viewer reads.
    pub(super) fn set_authors(&mut self, viewer: UserKey, authors: Vec<(UserKey, Shown)>) {
        let Some(found) = self.viewers.get_mut(&viewer) else { return };
        let numbers = authors.iter().map(|(author, _)| *author).collect();
        for author in std::mem::replace(&mut found.authors, numbers) {
            if let Some(readers) = self.readers.get_mut(&author) {
                readers.remove(&viewer);
                if readers.is_empty() {
                    self.readers.remove(&author);
                }
            }
        }
        for (author, shown) in authors {
            self.readers.entry(author).or_default().insert(viewer, shown);
        }
    }

    /// Who reads an author at all.
    pub(super) fn readers_of(&self, author: UserKey) -> impl Iterator<Item = UserKey> {
        self.readers.get(&author).into_iter().flatten().map(|(viewer, _)| *viewer)
    }

    /// Whom an activity of an author reaches, published then; where that is not known, whom any could reach.
    pub(super) fn reached(&self, author: UserKey, published: Option<Timestamp>) -> Vec<UserKey> {
        let readers = self.readers.get(&author).into_iter().flatten();
        let is_shown = |shown: &Shown| match (shown, published) {
            (None, _) | (_, None) => true,
            (Some(windows), Some(published)) => windows.iter().any(|window| window.contains(published)),
        };
        readers.filter(|(_, shown)| is_shown(shown)).map(|(viewer, _)| *viewer).collect()
    }

    /// Gives a frame to every stream of a viewer. A stream that has no room for it is cut off: its client goes on from
    /// the last position it has read.
    pub(super) fn send(&mut self, viewer: UserKey, frame: &Frame) {
        let Some(found) = self.viewers.get_mut(&viewer) else { return };
        found.streams.retain(|(_, sender)| sender.try_send(frame.clone()).is_ok());
        if found.streams.is_empty() {
            self.cut_off(viewer);
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tokio::sync::mpsc;

    use super::*;

    fn frame(position: i64) -> Frame {
        Frame { position, bytes: Bytes::new() }
    }

    #[test]
    fn an_activity_reaches_those_whose_window_it_is_in() {
        let mut audience = Audience::default();
        let (sender, _receiver) = mpsc::channel(1);
        let [all, late, author] = [1, 2, 3].map(UserKey);
        let at = |micros| Timestamp::from_micros(micros).unwrap();
        audience.join(all, 1, sender.clone());
        audience.join(late, 2, sender);
        audience.set_authors(all, vec![(author, None)]);
        let window = Window { from: Some(at(5)), until: None };
        audience.set_authors(late, vec![(author, Some(Box::new([window])))]);
        assert_eq!(audience.reached(author, Some(at(4))), [all]);
        assert_eq!(audience.reached(author, Some(at(5))).len(), 2);
        assert_eq!(audience.reached(author, None).len(), 2);
        audience.set_authors(all, vec![]);
        audience.leave(late, 2);
        assert!(audience.reached(author, None).is_empty() && !audience.has(late) && audience.has(all));
    }

    #[test]
    fn a_stream_without_room_is_cut_off_and_others_are_not() {
        let mut audience = Audience::default();
        let viewer = UserKey(1);
        let (slow, mut slow_end) = mpsc::channel(1);
        let (quick, mut quick_end) = mpsc::channel(9);
        audience.join(viewer, 1, slow);
        audience.join(viewer, 2, quick);
        for position in [1, 2, 3] {
            audience.send(viewer, &frame(position));
        }
        assert_eq!(slow_end.try_recv().unwrap().position, 1);
        assert_eq!(slow_end.try_recv().unwrap_err(), mpsc::error::TryRecvError::Disconnected);
        let positions: Vec<i64> =
            std::iter::from_fn(|| quick_end.try_recv().ok().map(|it| it.position)).collect();
        assert_eq!(positions, [1, 2, 3]);
    }
}
