//! The friends feed: the newest of many timelines.
//!
//! Two steps. First the head of each followee, the newest activity below where the walk stands: for most of them, and on a
//! first page for all, it is the newest of all, which lies in one array. The best of the heads say from which authors the
//! page can come at all: as many authors as the page has items. Second those timelines are merged by a heap.
//!
//! For who follows many, to look at every head takes longer than to walk down a stretch of the order of all, of which much
//! is theirs, and so it does even for fewer deep in a feed, where every head would have to be searched. There the walk comes
//! first, no longer than what it may save; where the followees are quiet it does not fill the page, and the two steps do.
//!
//! What a page costs in a large index is waiting for memory: each of its items lies somewhere else. So whatever can be read
//! without knowing more is read for all first, and the processor waits for many of them at once.

use std::{
    cmp::{Ordering, Reverse},
    collections::{BinaryHeap, binary_heap::PeekMut},
    ops::ControlFlow,
};

use feed_me_domain::Direction;

use super::{
    log::Line,
    page::{Found, LOOKED_AT_MAX, Wish},
    reader::Reader,
    records::{Records, Slot},
    state::{NO_HEAD, State},
    timeline::Timeline,
};

/// How many activities in the order of all are passed, with a sieve, in the time that the search for one head takes. Estimated
/// from profiles of an index of 10 million activities: with this, deep pages took 26.5 µs of CPU instead of 33.6.
const PASSED_A_SEARCH: usize = 12;
/// And how many heads that need no search are looked at in the time that two activities are passed; estimated likewise.
const HEADS_A_PAIR: usize = 4;

pub(super) fn read(state: &State, wish: &Wish<'_>) -> Found {
    let nobody = Reader::default();
    let reader = state.reader(wish.owner).unwrap_or(&nobody);
    // How far a page reaches in the order of all where followees post as much as others do.
    let stretch = wish.needed().saturating_mul(state.people.len()) / reader.edges().max(1);
    let walk_within = |passed_max: usize| {
        let pays = reader.has_sieve() && stretch <= passed_max;
        if pays { walk(state, reader, wish, 2 * passed_max) } else { None }
    };
    if let Some(slots) = walk_within(2 * reader.edges() / HEADS_A_PAIR) {
        return Found::Slots(slots);
    }
    let mut heads = Heads::new(wish);
    let oneself = wish.query.filter.includes_self().then_some(wish.owner);
    let muted = reader.muted();
    let is_heard = |author: u32| muted.is_empty() || muted.binary_search(&author).is_err();
    let authors = || reader.plain().iter().copied().chain(oneself);
    // First all of them, then what follows from it: what is read side by side is waited for once.
    let newest: Vec<i64> = authors().map(|author| state.head(author)).collect();
    let mut searched = Vec::new();
    for (author, head) in authors().zip(newest) {
        if head < wish.gap.0 {
            // The whole timeline lies below: of that going down, the head is known; going up, nothing is there.
            let may_be_next = wish.direction() == Direction::Forward && head != NO_HEAD;
            if may_be_next && heads.admits(head) && is_heard(author) {
                heads.offer(head, Lead::Whole(author));
            }
        } else if is_heard(author) {
            searched.push((author, head));
        }
    }
    if let Some(slots) = walk_within(PASSED_A_SEARCH * searched.len()) {
        return Found::Slots(slots);
    }
    let searched = searched.iter().filter_map(|(author, head)| Some((state.author(*author)?, *head)));
    let searched: Vec<(&Timeline, i64)> = searched.collect();
    let below = Timeline::below_each(&searched, wish.gap, &state.records);
    for ((timeline, _), below) in searched.into_iter().zip(below) {
        heads.offer_part(timeline, below, (0, timeline.len()));
    }
    for (author, spans) in reader.bounded() {
        if !is_heard(*author) {
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

/// Whose head it is.
enum Lead<'s> {
    /// An author's, of whom everything may come. The timeline is looked at when it is known to be needed.
    Whole(u32),
    /// That of a part of a timeline.
    Part(Source<'s>),
}

/// The part of a timeline that a page may come from.
struct Source<'s> {
    timeline: &'s Timeline,
    /// From the least index on.
    from: usize,
    /// Up to the greatest, which is not in it.
    to: usize,
}

impl Source<'_> {
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
    kept: Vec<(i64, Lead<'s>)>,
}

impl<'s> Heads<'s> {
    fn new(wish: &Wish<'_>) -> Self {
        let enough = if wish.takes_all() { wish.needed() } else { usize::MAX };
        Self { direction: wish.direction(), enough, best: BinaryHeap::new(), kept: Vec::new() }
    }

    /// Of two heads the one of greater rank comes first on the page.
    fn rank(&self, time: i64) -> i64 {
        rank(self.direction, time)
    }

    /// Whether a head of this time may be on the page, as far as is known. Equal times decide nothing.
    fn admits(&self, time: i64) -> bool {
        self.best.len() < self.enough
            || self.best.peek().is_some_and(|Reverse(least)| *least <= self.rank(time))
    }

    fn offer(&mut self, time: i64, lead: Lead<'s>) {
        if !self.admits(time) {
            return;
        }
        let rank = self.rank(time);
        self.kept.push((rank, lead));
        if self.enough == usize::MAX {
            return;
        }
        if self.best.len() < self.enough {
            self.best.push(Reverse(rank));
        } else if let Some(mut least) = self.best.peek_mut() {
            *least = Reverse(rank);
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
            self.offer(timeline.time(head), Lead::Part(Source { timeline, from, to }));
        }
    }

    /// The sources that the page can come from.
    fn sources(self, state: &'s State) -> Vec<Source<'s>> {
        let least =
            (self.enough <= self.best.len()).then(|| self.best.peek().map_or(i64::MIN, |least| least.0));
        let least = least.unwrap_or(i64::MIN);
        let leads = self.kept.into_iter().filter(|(rank, _)| least <= *rank);
        let sources = leads.filter_map(|(_, lead)| match lead {
            Lead::Whole(author) => {
                state.author(author).map(|timeline| Source { timeline, from: 0, to: timeline.len() })
            }
            Lead::Part(source) => Some(source),
        });
        sources.collect()
    }
}

/// What of two is greater comes first on the page.
fn rank(direction: Direction, time: i64) -> i64 {
    match direction {
        Direction::Forward => time,
        Direction::Backward => !time,
    }
}

/// What comes next from a source. The record is looked at only where times are equal.
struct Candidate<'s> {
    rank: i64,
    slot: Slot,
    source: usize,
    direction: Direction,
    records: &'s Records,
}

impl Candidate<'_> {
    fn id(&self) -> u128 {
        self.records.get(self.slot).id()
    }
}

impl Ord for Candidate<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank.cmp(&other.rank).then_with(|| match self.direction {
            Direction::Forward => self.id().cmp(&other.id()),
            Direction::Backward => other.id().cmp(&self.id()),
        })
    }
}

impl PartialOrd for Candidate<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Candidate<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Candidate<'_> {}

fn merge(state: &State, heads: Heads<'_>, wish: &Wish<'_>) -> Found {
    let direction = wish.direction();
    let records = &state.records;
    let mut sources = heads.sources(state);
    let candidate = |source: &mut Source<'_>, number: usize| {
        let index = source.next(direction)?;
        let (rank, slot) = (rank(direction, source.timeline.time(index)), source.timeline.slot(index));
        Some(Candidate { rank, slot, source: number, direction, records })
    };
    let firsts: Vec<_> =
        sources.iter_mut().enumerate().filter_map(|(number, source)| candidate(source, number)).collect();
    let mut heap = BinaryHeap::from(firsts);
    let mut found = Vec::with_capacity(wish.needed().min(LOOKED_AT_MAX));
    let mut looked_at = 0;
    while found.len() < wish.needed() {
        let Some(mut top) = heap.peek_mut() else { break };
        let (number, slot) = (top.source, top.slot);
        match candidate(&mut sources[number], number) {
            // One sift instead of two.
            Some(next) => *top = next,
            None => drop(PeekMut::pop(top)),
        }
        if looked_at == LOOKED_AT_MAX {
            return Found::TooMuch;
        }
        looked_at += 1;
        if wish.takes_all() || wish.takes(records.get(slot).verb) {
            found.push(slot);
        }
    }
    Found::Slots(found)
}

/// Looks for the page in the order of all; none where so many activities do not hold it.
fn walk(state: &State, reader: &Reader, wish: &Wish<'_>, walked_max: usize) -> Option<Vec<Slot>> {
    match wish.direction() {
        Direction::Forward => {
            walked(state.log.down_from(wish.gap, &state.records), state, reader, wish, walked_max)
        }
        Direction::Backward => {
            walked(state.log.up_from(wish.gap, &state.records), state, reader, wish, walked_max)
        }
    }
}

fn walked(
    mut lines: impl Iterator<Item = Line>,
    state: &State,
    reader: &Reader,
    wish: &Wish<'_>,
    walked_max: usize,
) -> Option<Vec<Slot>> {
    let oneself = wish.query.filter.includes_self().then_some(wish.owner);
    let mut found = Vec::with_capacity(wish.needed().min(walked_max));
    let mut left = walked_max;
    let mut likely: Vec<Line> = Vec::new();
    loop {
        // What the sieve lets through is nearly always shown, so that one round mostly does.
        let missing = wish.needed() - found.len();
        likely.clear();
        let stopped = lines.by_ref().try_for_each(|line| {
            if reader.may_follow(line.actor) || oneself == Some(line.actor) {
                likely.push(line);
            }
            left -= 1;
            if left == 0 || likely.len() == missing {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        let actors: Vec<u32> = likely.iter().map(|line| line.actor).collect();
        for (line, is_plain) in likely.iter().zip(reader.holds_plain(&actors)) {
            let published = || state.records.get(line.slot).published;
            let is_shown = oneself == Some(line.actor) || reader.shows_as(line.actor, is_plain, published);
            if is_shown && (wish.takes_all() || wish.takes(state.records.get(line.slot).verb)) {
                found.push(line.slot);
            }
        }
        // The end of the order is the end of the feed, or the floor, which the caller knows.
        if found.len() == wish.needed() || stopped.is_continue() {
            return Some(found);
        }
        if left == 0 {
            return None;
        }
    }
}
