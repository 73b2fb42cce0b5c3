//! Who listens, and to whose activities.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use feed_me_domain::{Timestamp, UserKey, Window};
use tokio::sync::mpsc;

use super::Frame;

/// How many frames a stream holds that its client has not read.
const HELD_MAX: usize = 256;
/// How many bytes they have; a single frame may have more. Most streams hold the same ones, which are there once.
const HELD_BYTES_MAX: usize = 4 << 20;

/// What of an author's activities reaches a viewer; none for all of it.
pub(super) type Shown = Option<Box<[Window]>>;

/// Everybody who listens.
#[derive(Default)]
pub(super) struct Audience {
    viewers: HashMap<UserKey, Viewer>,
    /// By author: who of the live viewers reads them.
    readers: HashMap<UserKey, HashMap<UserKey, Shown>>,
    rounds: u64,
}

struct Viewer {
    streams: Vec<(u64, Sender)>,
    authors: Vec<UserKey>,
    standing: Standing,
}

/// How far a viewer was told.
#[derive(Clone, Copy)]
enum Standing {
    /// They are told apart what they lack.
    Behind(Behind),
    /// They are told with all others. Up to this position they were told already.
    Live(i64),
}

/// A viewer who is told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Behind {
    /// They were told everything up to here.
    pub(super) since: i64,
    /// How often that has begun since they were live.
    pub(super) rounds: u32,
    /// Tells this attempt apart from all others.
    id: u64,
}

/// Where frames of a stream go in.
#[derive(Clone)]
pub(super) struct Sender {
    frames: mpsc::Sender<Frame>,
    held: Arc<AtomicUsize>,
}

/// Where frames of a stream come out.
pub struct Reader {
    frames: mpsc::Receiver<Frame>,
    held: Arc<AtomicUsize>,
}

/// What holds the frames of a stream until they are read.
pub(super) fn channel() -> (Sender, Reader) {
    let (sender, receiver) = mpsc::channel(HELD_MAX);
    let held = Arc::new(AtomicUsize::new(0));
    (Sender { frames: sender, held: held.clone() }, Reader { frames: receiver, held })
}

impl Sender {
    /// Whether there was room.
    fn has_sent(&self, frame: &Frame) -> bool {
        let size = frame.bytes.len();
        let held = self.held.fetch_add(size, Ordering::Relaxed);
        (held == 0 || held + size <= HELD_BYTES_MAX) && self.frames.try_send(frame.clone()).is_ok()
    }
}

impl Reader {
    /// The next frame; none when the stream is over.
    pub async fn next(&mut self) -> Option<Frame> {
        let frame = self.frames.recv().await?;
        self.held.fetch_sub(frame.bytes.len(), Ordering::Relaxed);
        Some(frame)
    }
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

    /// A stream of a viewer. It receives all that comes behind the position. A viewer who is new here is behind.
    pub(super) fn join(
        &mut self,
        viewer: UserKey,
        stream: u64,
        sender: Sender,
        position: i64,
    ) -> (i64, Option<Behind>) {
        if let Some(found) = self.viewers.get_mut(&viewer) {
            found.streams.push((stream, sender));
            return match found.standing {
                Standing::Live(told) => (told.max(position), None),
                Standing::Behind(behind) => (behind.since, None),
            };
        }
        let behind = self.behind_since(position, 1);
        let (streams, standing) = (vec![(stream, sender)], Standing::Behind(behind));
        self.viewers.insert(viewer, Viewer { streams, authors: Vec::new(), standing });
        (position, Some(behind))
    }

    fn behind_since(&mut self, since: i64, rounds: u32) -> Behind {
        self.rounds += 1;
        Behind { since, rounds, id: self.rounds }
    }

    /// How a viewer is behind; none who is live, or not here.
    pub(super) fn behind(&self, viewer: UserKey) -> Option<Behind> {
        match self.viewers.get(&viewer)?.standing {
            Standing::Behind(behind) => Some(behind),
            Standing::Live(_) => None,
        }
    }

    /// From now on a viewer is told apart, who was told everything up to a position, or further. None where they are behind
    /// already.
    pub(super) fn fall_behind(&mut self, viewer: UserKey, position: i64) -> Option<Behind> {
        let Standing::Live(told) = self.viewers.get(&viewer)?.standing else { return None };
        self.set_authors(viewer, Vec::new());
        let behind = self.behind_since(told.max(position), 1);
        self.viewers.get_mut(&viewer)?.standing = Standing::Behind(behind);
        Some(behind)
    }

    /// A viewer who is behind was told up to a position, which is not far enough.
    pub(super) fn still_behind(&mut self, viewer: UserKey, position: i64) -> Option<Behind> {
        let before = self.behind(viewer)?;
        let behind = self.behind_since(position, before.rounds + 1);
        self.viewers.get_mut(&viewer)?.standing = Standing::Behind(behind);
        Some(behind)
    }

    /// A viewer who was told up to a position is told with all others from now on.
    pub(super) fn go_live(&mut self, viewer: UserKey, authors: Vec<(UserKey, Shown)>, position: i64) {
        if let Some(found) = self.viewers.get_mut(&viewer) {
            found.standing = Standing::Live(position);
            self.set_authors(viewer, authors);
        }
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
    fn set_authors(&mut self, viewer: UserKey, authors: Vec<(UserKey, Shown)>) {
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
        found.streams.retain(|(_, sender)| sender.has_sent(frame));
        if found.streams.is_empty() {
            self.cut_off(viewer);
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn frame(position: i64) -> Frame {
        Frame::of(position, Bytes::from_static(b"x"))
    }

    fn live(audience: &mut Audience, viewer: UserKey, authors: Vec<(UserKey, Shown)>) -> Reader {
        let (sender, reader) = channel();
        audience.join(viewer, 1, sender, 0);
        audience.go_live(viewer, authors, 0);
        reader
    }

    fn positions(reader: &mut Reader) -> Vec<i64> {
        std::iter::from_fn(|| reader.frames.try_recv().ok().map(|frame| frame.position)).collect()
    }

    #[test]
    fn an_activity_reaches_those_whose_window_it_is_in() {
        let mut audience = Audience::default();
        let [all, late, author] = [1, 2, 3].map(UserKey);
        let at = |micros| Timestamp::from_micros(micros).unwrap();
        let window = Window { from: Some(at(5)), until: None };
        let _all = live(&mut audience, all, vec![(author, None)]);
        let _late = live(&mut audience, late, vec![(author, Some(Box::new([window])))]);
        assert_eq!(audience.reached(author, Some(at(4))), [all]);
        assert_eq!(audience.reached(author, Some(at(5))).len(), 2);
        assert_eq!(audience.reached(author, None).len(), 2);
        audience.fall_behind(all, 7);
        audience.leave(late, 1);
        assert!(audience.reached(author, None).is_empty() && !audience.has(late) && audience.has(all));
    }

    #[test]
    fn a_stream_without_room_is_cut_off_and_others_are_not() {
        let mut audience = Audience::default();
        let viewer = UserKey(1);
        let mut slow = live(&mut audience, viewer, vec![]);
        let (sender, mut quick) = channel();
        audience.join(viewer, 2, sender, 0);
        let mut read = Vec::new();
        for position in 0..300 {
            audience.send(viewer, &frame(position));
            read.extend(positions(&mut quick));
        }
        assert_eq!(positions(&mut slow), (0..256).collect::<Vec<_>>());
        assert_eq!(slow.frames.try_recv().unwrap_err(), mpsc::error::TryRecvError::Disconnected);
        assert_eq!(read, (0..300).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn bytes_that_are_held_are_bounded_too() {
        let mut audience = Audience::default();
        let viewer = UserKey(1);
        let mut reader = live(&mut audience, viewer, vec![]);
        let large = |position| Frame::of(position, Bytes::from(vec![b'x'; HELD_BYTES_MAX - 10]));
        for position in 1..4 {
            audience.send(viewer, &large(position));
            assert_eq!(reader.next().await.map(|frame| frame.position), Some(position));
        }
        audience.send(viewer, &large(4));
        audience.send(viewer, &large(5));
        assert!(!audience.has(viewer));
        assert_eq!(reader.next().await.map(|frame| frame.position), Some(4));
        assert!(reader.next().await.is_none());
    }

    #[test]
    fn a_viewer_is_behind_until_told_as_far_as_all_others() {
        let mut audience = Audience::default();
        let [viewer, author] = [1, 2].map(UserKey);
        let (sender, _reader) = channel();
        let (position, behind) = audience.join(viewer, 1, sender.clone(), 5);
        let first = behind.unwrap();
        assert_eq!((position, first.since), (5, 5));
        assert_eq!(audience.fall_behind(viewer, 8), None);
        let second = audience.still_behind(viewer, 7).unwrap();
        assert_ne!(audience.behind(viewer), Some(first));
        assert_eq!((audience.behind(viewer), second.rounds), (Some(second), 2));
        // Who joins a viewer that is behind is behind as well.
        assert_eq!(audience.join(viewer, 2, sender.clone(), 9), (7, None));
        audience.go_live(viewer, vec![(author, None)], 12);
        // Up to 12 it was sent already.
        assert_eq!(audience.join(viewer, 3, sender, 10), (12, None));
        assert_eq!(
            audience.fall_behind(viewer, 10).map(|behind| (behind.since, behind.rounds)),
            Some((12, 1))
        );
        assert!(audience.readers_of(author).next().is_none());
    }
}
