//! Whose activities reach a user, and which of them.

use std::cmp::Ordering;

use feed_me_domain::{RelationKind, Window};

use super::sieve::Sieve;

/// From so many edges on, a sieve is worth its memory.
const SIEVE_FROM: usize = 64;

/// A span of `published` in microseconds, both ends inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from: i64,
    pub(super) until: i64,
}

impl Span {
    const EVERYTHING: Self = Self { from: i64::MIN, until: i64::MAX };

    fn of(window: &Window) -> Self {
        Self {
            from: window.from.map_or(i64::MIN, feed_me_domain::Timestamp::micros),
            until: window.until.map_or(i64::MAX, feed_me_domain::Timestamp::micros),
        }
    }

    pub(super) fn contains(&self, published: i64) -> bool {
        self.from <= published && published <= self.until
    }
}

/// All that decides what a user sees. Numbers of users stand in ascending order; a plain follow is 4 bytes.
#[derive(Default)]
pub(super) struct Reader {
    /// Whom the user follows without bounds.
    plain: Vec<u32>,
    /// For who follows many.
    sieve: Sieve,
    special: Option<Box<Special>>,
}

/// What few users have.
#[derive(Default)]
struct Special {
    /// Edges that show spans only.
    bounded: Vec<(u32, Box<[Span]>)>,
    muted: Vec<u32>,
    blocked: Vec<u32>,
    blocked_by: Vec<u32>,
}

impl Reader {
    /// Whom the user follows without bounds, muted ones too.
    pub(super) fn plain(&self) -> &[u32] {
        &self.plain
    }

    /// Edges that show spans only, muted ones too.
    pub(super) fn bounded(&self) -> &[(u32, Box<[Span]>)] {
        self.special.as_ref().map_or(&[], |special| &special.bounded)
    }

    /// Those whom the user mutes.
    pub(super) fn muted(&self) -> &[u32] {
        self.special.as_ref().map_or(&[], |special| &special.muted)
    }

    /// Whether a block stands between the user and another, either way.
    pub(super) fn is_hidden(&self, other: u32) -> bool {
        self.special.as_ref().is_some_and(|special| {
            [&special.blocked, &special.blocked_by].iter().any(|all| all.binary_search(&other).is_ok())
        })
    }

    /// Which of some users are followed without bounds. All are searched in step: a search alone waits for memory at each
    /// of its steps, in step they wait together.
    pub(super) fn holds_plain(&self, others: &[u32]) -> Vec<bool> {
        let mut bases = vec![0; others.len()];
        let mut size = self.plain.len();
        while 1 < size {
            let half = size / 2;
            for (base, other) in bases.iter_mut().zip(others) {
                *base += if self.plain[*base + half] <= *other { half } else { 0 };
            }
            size -= half;
        }
        bases.into_iter().zip(others).map(|(base, other)| self.plain.get(base) == Some(other)).collect()
    }

    /// Whether an activity of another user reaches this one through a follow, where it is known whether that is without
    /// bounds.
    pub(super) fn shows_as(&self, other: u32, is_plain: bool, published: impl Fn() -> i64) -> bool {
        let is_in_bounds = || {
            let bounded = self.bounded();
            let at = bounded.binary_search_by_key(&other, |(key, _)| *key);
            at.is_ok_and(|at| bounded[at].1.iter().any(|span| span.contains(published())))
        };
        (is_plain || is_in_bounds()) && self.muted().binary_search(&other).is_err()
    }

    /// How many edges there are.
    pub(super) fn edges(&self) -> usize {
        self.plain.len() + self.bounded().len()
    }

    /// Adds the follow of the greatest number so far; for filling.
    pub(super) fn push_plain(&mut self, followee: u32) {
        self.plain.push(followee);
    }

    /// Whether there may be an edge to another user. Who follows few is not worth a sieve, and may have any.
    #[inline]
    pub(super) fn may_follow(&self, other: u32) -> bool {
        self.sieve.may_hold(other)
    }

    /// Whether anything of another user may reach this one, as far as a quick look tells.
    pub(super) fn may_show(&self, other: u32) -> bool {
        if self.has_sieve() {
            return self.may_follow(other);
        }
        self.plain.binary_search(&other).is_ok() || self.bounded().iter().any(|(author, _)| *author == other)
    }

    /// Whether [`may_follow`](Self::may_follow) says anything.
    pub(super) fn has_sieve(&self) -> bool {
        self.sieve.has_room_for(1)
    }

    /// Makes everything as it should be after filling.
    pub(super) fn settle(&mut self) {
        self.plain.shrink_to_fit();
        self.sift();
    }

    fn sift(&mut self) {
        self.sieve = if self.edges() < SIEVE_FROM {
            Sieve::default()
        } else {
            let bounded = self.bounded().iter().map(|(other, _)| *other);
            Sieve::of(self.edges(), self.plain.iter().copied().chain(bounded))
        };
    }

    /// Replaces an edge by what its windows say; answers by how many edges there are more.
    pub(super) fn set_edge(&mut self, followee: u32, windows: &[Window]) -> isize {
        let before = self.edges();
        let spans: Box<[Span]> = windows.iter().map(Span::of).collect();
        set(&mut self.plain, followee, *spans == [Span::EVERYTHING]);
        let is_bounded = !spans.is_empty() && *spans != [Span::EVERYTHING];
        if is_bounded || self.special.is_some() {
            let bounded = &mut self.special.get_or_insert_default().bounded;
            match (bounded.binary_search_by_key(&followee, |(key, _)| *key), is_bounded) {
                (Ok(at), true) => bounded[at].1 = spans,
                (Ok(at), false) => drop(bounded.remove(at)),
                (Err(at), true) => bounded.insert(at, (followee, spans)),
                (Err(_), false) => {}
            }
        }
        self.tidy();
        let after = self.edges();
        match after.cmp(&before) {
            Ordering::Less => self.sift(),
            Ordering::Greater if self.sieve.has_room_for(after) => self.sieve.add(followee),
            Ordering::Greater if SIEVE_FROM <= after => self.sift(),
            Ordering::Greater | Ordering::Equal => {}
        }
        after.cast_signed() - before.cast_signed()
    }

    /// Sets whether the user blocks or mutes another.
    pub(super) fn set_relation(&mut self, kind: RelationKind, other: u32, stands: bool) {
        let special = self.special.get_or_insert_default();
        match kind {
            RelationKind::Block => set(&mut special.blocked, other, stands),
            RelationKind::Mute => set(&mut special.muted, other, stands),
        }
        self.tidy();
    }

    /// Sets whether another blocks the user.
    pub(super) fn set_blocked_by(&mut self, other: u32, stands: bool) {
        set(&mut self.special.get_or_insert_default().blocked_by, other, stands);
        self.tidy();
    }

    /// Forgets another user altogether; answers by how many edges there are more.
    pub(super) fn forget(&mut self, other: u32) -> isize {
        let change = if self.edges() == 0 { 0 } else { self.set_edge(other, &[]) };
        if let Some(special) = &mut self.special {
            for all in [&mut special.muted, &mut special.blocked, &mut special.blocked_by] {
                set(all, other, false);
            }
        }
        self.tidy();
        change
    }

    fn tidy(&mut self) {
        let is_empty = |special: &Special| {
            special.bounded.is_empty()
                && special.muted.is_empty()
                && special.blocked.is_empty()
                && special.blocked_by.is_empty()
        };
        if self.special.as_deref().is_some_and(is_empty) {
            self.special = None;
        }
    }
}

/// Makes sure that a number is, or is not, in an ascending list.
fn set(all: &mut Vec<u32>, number: u32, stands: bool) {
    match (all.binary_search(&number), stands) {
        (Ok(at), false) => drop(all.remove(at)),
        (Err(at), true) => {
            if all.len() == all.capacity() {
                all.reserve_exact(all.len() / 8 + 1);
            }
            all.insert(at, number);
        }
        _ => {}
    }
}
