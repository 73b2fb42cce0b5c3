//! All activities in one order, in chunks: an insertion far below the top moves a chunk, not everything.

use super::records::{Place, Records, Slot};

/// How many lines a chunk has at most.
const CHUNK: usize = 4096;

/// An activity in the order. Whose it is stands beside it, so that a walk over those of many others touches no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) slot: Slot,
    pub(super) actor: u32,
}

/// The total order, ascending; 8 bytes an activity.
#[derive(Default)]
pub(super) struct Log {
    chunks: Vec<Vec<Line>>,
    /// When the first of each chunk was published, so that finding a chunk touches no record.
    firsts: Vec<i64>,
}

/// Where the walk through the log stands: a chunk and how many of it lie below.
#[derive(Clone, Copy)]
struct Point {
    chunk: usize,
    below: usize,
}

impl Log {
    /// The chunk that a place belongs to: the last one that begins below it, or the first.
    fn chunk(&self, place: Place, records: &Records) -> usize {
        let start = self.firsts.partition_point(|time| *time < place.0);
        let equal = self.firsts[start..].partition_point(|time| *time == place.0);
        let ties = &self.chunks[start..start + equal];
        let is_below =
            |chunk: &Vec<Line>| chunk.first().is_some_and(|line| records.get(line.slot).place() < place);
        (start + ties.partition_point(is_below)).saturating_sub(1)
    }

    fn point(&self, place: Place, records: &Records) -> Point {
        let chunk = self.chunk(place, records);
        let below = self
            .chunks
            .get(chunk)
            .map_or(0, |chunk| chunk.partition_point(|line| records.get(line.slot).place() < place));
        Point { chunk, below }
    }

    /// Puts a slot at its place.
    pub(super) fn insert(&mut self, place: Place, slot: Slot, records: &Records) {
        let line = Line { slot, actor: records.get(slot).actor };
        let Point { chunk, below } = self.point(place, records);
        let is_last = chunk + 1 == self.chunks.len();
        let Some(lines) = self.chunks.get_mut(chunk) else {
            return self.begin_chunk(place.0, line);
        };
        if lines.len() < CHUNK {
            lines.insert(below, line);
            if below == 0 {
                self.firsts[chunk] = place.0;
            }
        } else if below == CHUNK && is_last {
            self.begin_chunk(place.0, line);
        } else {
            let mut upper = Vec::with_capacity(CHUNK);
            upper.extend_from_slice(&lines[CHUNK / 2..]);
            lines.truncate(CHUNK / 2);
            let first = records.get(upper[0].slot).published;
            self.chunks.insert(chunk + 1, upper);
            self.firsts.insert(chunk + 1, first);
            self.insert(place, slot, records);
        }
    }

    /// Adds what lies above all that is there.
    pub(super) fn push(&mut self, time: i64, line: Line) {
        match self.chunks.last_mut() {
            Some(last) if last.len() < CHUNK => last.push(line),
            _ => self.begin_chunk(time, line),
        }
    }

    fn begin_chunk(&mut self, time: i64, line: Line) {
        let mut chunk = Vec::with_capacity(CHUNK);
        chunk.push(line);
        self.chunks.push(chunk);
        self.firsts.push(time);
    }

    /// Takes the slot at a place out, whose record is still there.
    pub(super) fn remove(&mut self, place: Place, records: &Records) {
        let Point { chunk, below } = self.point(place, records);
        let (chunk, below) = match self.chunks.get(chunk) {
            // It is the first of the chunk that follows.
            Some(lines) if lines.len() == below => (chunk + 1, 0),
            _ => (chunk, below),
        };
        let Some(lines) = self.chunks.get_mut(chunk) else { return };
        if lines.get(below).is_none_or(|line| records.get(line.slot).place() != place) {
            return;
        }
        lines.remove(below);
        match lines.first() {
            None => {
                self.chunks.remove(chunk);
                self.firsts.remove(chunk);
            }
            Some(first) if below == 0 => self.firsts[chunk] = records.get(first.slot).published,
            Some(_) => {}
        }
    }

    /// Everything below a place, the greatest first.
    pub(super) fn down_from<'a>(
        &'a self,
        place: Place,
        records: &'a Records,
    ) -> impl Iterator<Item = Line> + 'a {
        let Point { chunk, below } = self.point(place, records);
        let here = self.chunks.get(chunk).map_or(&[][..], |lines| &lines[..below]);
        let rest = self.chunks[..chunk.min(self.chunks.len())].iter().rev();
        here.iter().rev().chain(rest.flat_map(|lines| lines.iter().rev())).copied()
    }

    /// Everything from a place up, the least first.
    pub(super) fn up_from<'a>(
        &'a self,
        place: Place,
        records: &'a Records,
    ) -> impl Iterator<Item = Line> + 'a {
        let Point { chunk, below } = self.point(place, records);
        let here = self.chunks.get(chunk).map_or(&[][..], |lines| &lines[below..]);
        let rest = self.chunks[(chunk + 1).min(self.chunks.len())..].iter();
        here.iter().chain(rest.flat_map(|lines| lines.iter())).copied()
    }

    /// Takes out so many of the oldest, or all there are.
    pub(super) fn drop_oldest(&mut self, count: usize, records: &Records) -> Vec<Slot> {
        let mut gone = Vec::with_capacity(count);
        let mut whole = 0;
        for (index, chunk) in self.chunks.iter_mut().enumerate() {
            let left = count - gone.len();
            if left < chunk.len() {
                gone.extend(chunk.drain(..left).map(|line| line.slot));
                self.firsts[index] = records.get(chunk[0].slot).published;
                break;
            }
            gone.extend(chunk.iter().map(|line| line.slot));
            whole += 1;
        }
        self.chunks.drain(..whole);
        self.firsts.drain(..whole);
        gone
    }

    /// The oldest of all.
    pub(super) fn oldest(&self) -> Option<Slot> {
        Some(self.chunks.first()?.first()?.slot)
    }
}
