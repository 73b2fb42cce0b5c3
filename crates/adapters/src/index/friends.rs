//! The friends feed: the newest of many timelines.
//!
//! Two steps. First the head of each followee, the newest activity below where the walk stands: for most of them, and on a
//! first page for all, it is the newest of all, which lies in one array. The best of the heads say from which authors the
//! page can come at all: as many authors as the page has items. Second those timelines are merged by a heap.
//!
//! Deep in the feed of somebody who follows many, every head would have to be searched. There a stretch of the order of all
//! is walked first: it holds a page unless the followees are quiet, and then the two steps do.

use std::{cmp::Reverse, collections::BinaryHeap};

use feed_me_domain::Direction;

use super::{
    page::{Found, LOOKED_AT_MAX, Wish},
    reader::Reader,
    records::Slot,
    state::State,
    timeline::Timeline,
};

/// From so many heads that have to be searched on, the order of all is walked first.
const WALK_FROM: usize = 200;
/// How many activities of that order are looked at for each head that need not be searched then.
const WALKED_A_HEAD: usize = 4;

pub(super) fn read(state: &State, wish: &Wish<'_>) -> Found {
    let nobody = Reader::default();
    let reader = state.reader(wish.owner).unwrap_or(&nobody);
    let mut heads = Heads::new(wish);
    let oneself = wish.query.filter.includes_self().then_some(wish.owner);
    let mut searched = Vec::new();
    let muted = reader.muted();
    for &author in reader.plain().iter().chain(&oneself) {
        let head = state.head(author);
        if head < wish.gap.0 {
            // The whole timeline lies below: of that going down, the head is known; going up, nothing is there.
            if wish.direction() == Direction::Forward
                && heads.admits(head)
                && (muted.is_empty() || muted.binary_search(&author).is_err())
            {
                heads.offer(head, Source::whole(state, author));
            }
        } else if muted.is_empty() || muted.binary_search(&author).is_err() {
            searched.push(author);
        }
    }
    if WALK_FROM <= searched.len()
        && let Some(slots) = walk(state, reader, wish, WALKED_A_HEAD * searched.len())
    {
        return Found::Slots(slots);
    }
    for author in searched {
        if let Some(timeline) = state.author(author) {
            let below = timeline.below(wish.gap, &state.records);
            heads.offer_part(timeline, below, (0, timeline.len()));
        }
    }
    for (author, spans) in reader.bounded() {
        if muted.binary_search(author).is_ok() {
            continue;
        }
        let Some(timeline) = state.author(*author) else { continue };
        let below = timeline.below(wish.gap, &state.records);
        for span in spans {
            heads.offer_part(timeline, below, (timeline.before(span.from), timeline.until(span.until)));
        }
    }
    merge(state, heads, wish)
}

/// The part of a timeline that a page may come from.
struct Source<'s> {
    timeline: &'s Timeline,
    /// From the least index on.
    from: usize,
    /// Up to the greatest, which is not in it.
    to: usize,
}

impl<'s> Source<'s> {
    fn whole(state: &'s State, author: u32) -> Option<Self> {
        let timeline = state.author(author)?;
        Some(Self { timeline, from: 0, to: timeline.len() })
    }

    /// Takes the next one in walking order.
    fn next(&mut self, direction: Direction) -> Option<usize> {
        if self.to <= self.from {
            return None;
        }
        match direction {
            Direction::Forward => {
                self.to -= 1;
                Some(self.to)
            }
            Direction::Backward => {
                self.from += 1;
                Some(self.from - 1)
            }
        }
    }
}

/// The heads that were seen, without those that cannot be on the page.
struct Heads<'s> {
    direction: Direction,
    /// How many of the best heads are as many items of the page; without end where items may be left out later.
    enough: usize,
    /// The ranks of the best so far, the least of them on top.
    best: BinaryHeap<Reverse<i64>>,
    kept: Vec<(i64, Source<'s>)>,
}

impl<'s> Heads<'s> {
    fn new(wish: &Wish<'_>) -> Self {
        let enough = if wish.takes_all() { wish.needed() } else { usize::MAX };
        Self { direction: wish.direction(), enough, best: BinaryHeap::new(), kept: Vec::new() }
    }

    /// Of two heads the one of greater rank comes first on the page.
    fn rank(&self, time: i64) -> i64 {
        match self.direction {
            Direction::Forward => time,
            Direction::Backward => !time,
        }
    }

    /// Whether a head of this time may be on the page, as far as is known. Equal times decide nothing.
    fn admits(&self, time: i64) -> bool {
        self.best.len() < self.enough
            || self.best.peek().is_some_and(|Reverse(least)| *least <= self.rank(time))
    }

    fn offer(&mut self, time: i64, source: Option<Source<'s>>) {
        let Some(source) = source.filter(|_| self.admits(time)) else { return };
        let rank = self.rank(time);
        self.kept.push((rank, source));
        if self.enough < usize::MAX {
            self.best.push(Reverse(rank));
            if self.enough < self.best.len() {
                self.best.pop();
            }
        }
    }

    /// Offers what of a timeline lies ahead of the walk and within some bounds.
    fn offer_part(&mut self, timeline: &'s Timeline, below: usize, (from, to): (usize, usize)) {
        let (from, to) = match self.direction {
            Direction::Forward => (from, to.min(below)),
            Direction::Backward => (from.max(below), to),
        };
        if from < to {
            let head = match self.direction {
                Direction::Forward => to - 1,
                Direction::Backward => from,
            };
            self.offer(timeline.time(head), Some(Source { timeline, from, to }));
        }
    }

    /// The sources that the page can come from.
    fn sources(self) -> Vec<Source<'s>> {
        let least =
            (self.enough <= self.best.len()).then(|| self.best.peek().map_or(i64::MIN, |least| least.0));
        let least = least.unwrap_or(i64::MIN);
        self.kept.into_iter().filter(|(rank, _)| least <= *rank).map(|(_, source)| source).collect()
    }
}

/// What comes next from a source: rank, then the same for the id, then which source.
type Candidate = (i64, u128, usize);

fn merge(state: &State, heads: Heads<'_>, wish: &Wish<'_>) -> Found {
    let direction = wish.direction();
    let mut sources = heads.sources();
    let candidate = |sources: &mut [Source<'_>], number: usize| -> Option<(Candidate, Slot)> {
        let source = &mut sources[number];
        let index = source.next(direction)?;
        let (time, slot) = (source.timeline.time(index), source.timeline.slot(index));
        let id = state.records.get(slot).id();
        Some(match direction {
            Direction::Forward => ((time, id, number), slot),
            Direction::Backward => ((!time, !id, number), slot),
        })
    };
    let firsts: Vec<_> = (0..sources.len()).filter_map(|number| candidate(&mut sources, number)).collect();
    let mut heap = BinaryHeap::from(firsts);
    let mut found = Vec::with_capacity(wish.needed().min(LOOKED_AT_MAX));
    let mut looked_at = 0;
    while found.len() < wish.needed() {
        let Some(mut top) = heap.peek_mut() else { break };
        let ((_, _, number), slot) = *top;
        match candidate(&mut sources, number) {
            // One sift instead of two.
            Some(next) => *top = next,
            None => drop(std::collections::binary_heap::PeekMut::pop(top)),
        }
        if looked_at == LOOKED_AT_MAX {
            return Found::TooMuch;
        }
        looked_at += 1;
        if wish.takes_all() || wish.takes(state.records.get(slot).verb) {
            found.push(slot);
        }
    }
    Found::Slots(found)
}

/// Looks for the page in the order of all; none where so many activities do not hold it.
fn walk(state: &State, reader: &Reader, wish: &Wish<'_>, walked_max: usize) -> Option<Vec<Slot>> {
    let oneself = wish.query.filter.includes_self().then_some(wish.owner);
    let mut found = Vec::with_capacity(wish.needed().min(walked_max));
    let mut take = |slots: &mut dyn Iterator<Item = Slot>| -> bool {
        for _ in 0..walked_max {
            if found.len() == wish.needed() {
                return true;
            }
            // The end of the log is the end of the feed, or the floor, which the caller knows.
            let Some(slot) = slots.next() else { return true };
            let record = state.records.get(slot);
            let is_shown = reader.shows(record.actor, record.published) || oneself == Some(record.actor);
            if is_shown && wish.takes(record.verb) {
                found.push(slot);
            }
        }
        found.len() == wish.needed()
    };
    let is_whole = match wish.direction() {
        Direction::Forward => take(&mut state.log.down_from(wish.gap, &state.records)),
        Direction::Backward => take(&mut state.log.up_from(wish.gap, &state.records)),
    };
    is_whole.then_some(found)
}
