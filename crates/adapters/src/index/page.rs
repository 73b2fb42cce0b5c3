//! Reading pages out of the copy.

use feed_me_domain::{Direction, FeedKind, FeedQuery, FeedSlice};

use super::{
    friends,
    records::{Place, Slot, gap_of},
    state::State,
    timeline::Timeline,
};

/// How many items a page looks at before SQL, which does not hold a worker up, is asked instead: a filter by a rare verb,
/// or a page of a high number, may pass over any number of them.
pub(super) const LOOKED_AT_MAX: usize = 20_000;

/// What the copy says to a query.
pub(super) enum Read {
    /// This.
    Slice(FeedSlice),
    /// There is no such user.
    NoSuchUser,
    /// It cannot tell: the page reaches below the floor, or would take too long.
    AskSql,
}

/// A query as the copy takes it.
pub(super) struct Wish<'q> {
    pub(super) query: &'q FeedQuery,
    pub(super) owner: u32,
    pub(super) gap: Place,
    pub(super) skip: usize,
    /// The numbers of the verbs asked for; none for all.
    verbs: Option<Vec<u32>>,
}

impl Wish<'_> {
    pub(super) fn direction(&self) -> Direction {
        self.query.span.direction
    }

    /// Whether every item counts.
    pub(super) fn takes_all(&self) -> bool {
        self.verbs.is_none()
    }

    pub(super) fn takes(&self, verb: u32) -> bool {
        self.verbs.as_ref().is_none_or(|verbs| verbs.contains(&verb))
    }

    /// How many items have to be found.
    pub(super) fn needed(&self) -> usize {
        self.skip.saturating_add(self.query.span.take)
    }
}

/// What was found, and whether that is all there can be.
pub(super) enum Found {
    /// These slots, in walking order, at most as many as are needed.
    Slots(Vec<Slot>),
    /// It would take too long.
    TooMuch,
}

/// Answers a query.
pub(super) fn read(state: &State, query: &FeedQuery) -> Read {
    let Some(owner) = state.people.key(&query.owner) else { return Read::NoSuchUser };
    let Some(person) = state.people.get(owner) else { return Read::AskSql };
    let Ok(skip) = usize::try_from(query.skip) else { return Read::AskSql };
    let verbs = query.filter.verbs();
    let wish = Wish {
        query,
        owner,
        gap: gap_of(query.span.boundary),
        skip,
        verbs: (!verbs.is_empty()).then(|| verbs.iter().filter_map(|verb| state.verbs.get(verb)).collect()),
    };
    if query.span.direction == Direction::Backward && state.floor.is_some_and(|floor| wish.gap < floor) {
        return Read::AskSql;
    }
    let found = match query.kind {
        FeedKind::Own => own(state, &wish),
        FeedKind::Mentions => mentions(state, &wish),
        FeedKind::Friends => friends::read(state, &wish),
    };
    let Found::Slots(slots) = found else { return Read::AskSql };
    if query.span.direction == Direction::Forward && state.floor.is_some() && slots.len() < wish.needed() {
        // What is missing may lie below the floor.
        return Read::AskSql;
    }
    match state.entries(slots.get(wish.skip..).unwrap_or_default()) {
        Some(items) => Read::Slice(FeedSlice { owner: person.id, position: state.position, items }),
        None => Read::AskSql,
    }
}

fn own(state: &State, wish: &Wish<'_>) -> Found {
    let Some(timeline) = state.author(wish.owner) else { return Found::Slots(Vec::new()) };
    chosen(state, timeline, wish, |_| true)
}

fn mentions(state: &State, wish: &Wish<'_>) -> Found {
    let Some(timeline) = state.mentions(wish.owner) else { return Found::Slots(Vec::new()) };
    let reader = state.reader(wish.owner);
    chosen(state, timeline, wish, |slot| {
        reader.is_none_or(|reader| !reader.is_hidden(state.records.get(slot).actor))
    })
}

/// The part of one timeline that a wish is for.
fn chosen(state: &State, timeline: &Timeline, wish: &Wish<'_>, is_shown: impl Fn(Slot) -> bool) -> Found {
    let below = timeline.below(wish.gap, &state.records);
    match wish.direction() {
        Direction::Forward => wanted(state, timeline.slots(0..below).rev(), wish, is_shown),
        Direction::Backward => wanted(state, timeline.slots(below..timeline.len()), wish, is_shown),
    }
}

fn wanted(
    state: &State,
    slots: impl Iterator<Item = Slot>,
    wish: &Wish<'_>,
    is_shown: impl Fn(Slot) -> bool,
) -> Found {
    let mut found = Vec::with_capacity(wish.needed().min(LOOKED_AT_MAX));
    for (looked_at, slot) in slots.enumerate() {
        if found.len() == wish.needed() {
            break;
        }
        if looked_at == LOOKED_AT_MAX {
            return Found::TooMuch;
        }
        if (wish.takes_all() || wish.takes(state.records.get(slot).verb)) && is_shown(slot) {
            found.push(slot);
        }
    }
    Found::Slots(found)
}
