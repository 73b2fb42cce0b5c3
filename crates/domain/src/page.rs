//! Pages: one function turns "limit + 1 items from here" into a page with both cursors, for every feed and list.
//!
//! A walk does not remember items, it remembers a *boundary* between items: before or after a place in the order. What
//! is deleted or arrives elsewhere cannot move a boundary, so nothing is skipped and nothing comes twice, and a
//! boundary stays good when the item that it was made from is gone.

/// How many items a page holds: 1-100.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageLimit(usize);

/// A limit outside 1-100.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a whole number from 1 to {}", PageLimit::MAX)]
pub struct InvalidPageLimit;

impl PageLimit {
    /// The most items of a page.
    pub const MAX: usize = 100;

    /// A limit of 1 to 100.
    pub fn new(limit: usize) -> Result<Self, InvalidPageLimit> {
        if (1..=Self::MAX).contains(&limit) { Ok(Self(limit)) } else { Err(InvalidPageLimit) }
    }

    /// Reads a limit from the text of a query.
    pub fn parse(raw: &str) -> Result<Self, InvalidPageLimit> {
        if raw.is_empty() || !raw.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(InvalidPageLimit);
        }
        Self::new(raw.parse().map_err(|_| InvalidPageLimit)?)
    }

    /// The number.
    pub fn get(self) -> usize {
        self.0
    }
}

impl Default for PageLimit {
    fn default() -> Self {
        Self(20)
    }
}

/// Which way a walk goes through a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From its top to its end: toward older items in a feed.
    Forward,
    /// From its end to its top: toward newer items in a feed.
    Backward,
}

/// A gap in the order of a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Boundary<K> {
    /// Before every item.
    Top,
    /// Right before the place, in the order of the listing (above it).
    Before(K),
    /// Right after the place (below it).
    After(K),
    /// After every item.
    End,
}

/// From where, which way and how many: what a store is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Span<K> {
    /// Where the walk stands.
    pub boundary: Boundary<K>,
    /// Where it goes.
    pub direction: Direction,
    /// The most items to fetch.
    pub take: usize,
}

impl<K> Span<K> {
    /// The first page of a listing, as a page of `limit` asks the store for it.
    pub fn first(limit: PageLimit) -> Self {
        Self::from_boundary(Boundary::Top, Direction::Forward, limit)
    }

    /// One item more than the page holds, so that its end is known.
    pub fn from_boundary(boundary: Boundary<K>, direction: Direction, limit: PageLimit) -> Self {
        Self { boundary, direction, take: limit.get() + 1 }
    }
}

/// An item that has a place in its listing.
pub trait Placed {
    /// What the listing is ordered by; total.
    type Place: Clone;
    /// The item's place.
    fn place(&self) -> Self::Place;
}

/// The items of a page, in the order of the listing, and the boundaries from where its neighbours begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut<T, K> {
    /// At most `limit` items.
    pub items: Vec<T>,
    /// Where the following page begins, walking forward.
    pub next: Next<K>,
    /// Where the preceding page begins, walking backward.
    pub previous: Boundary<K>,
}

/// What is known of the page that follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next<K> {
    /// There is none.
    None,
    /// It begins here.
    At(Boundary<K>),
    /// It begins here, if anything is left there: a page reached backward does not know. The caller asks the store.
    Perhaps(Boundary<K>),
}

/// Cuts a page out of `fetched`, which a store answered for `span` in walking order, with up to one item more than the
/// page holds.
pub fn cut<T: Placed>(mut fetched: Vec<T>, span: &Span<T::Place>) -> Cut<T, T::Place> {
    let limit = span.take.saturating_sub(1);
    let more = limit < fetched.len();
    fetched.truncate(limit);
    if span.direction == Direction::Backward {
        fetched.reverse();
    }
    let (Some(first), Some(last)) = (fetched.first().map(T::place), fetched.last().map(T::place)) else {
        // Nothing there: both neighbours begin at the very gap the walk stands in.
        let (next, previous) = match (span.direction, span.boundary.clone()) {
            // What arrives later sorts above the end of an empty listing.
            (Direction::Forward, Boundary::Top) => (Next::None, Boundary::End),
            (Direction::Forward, here) => (Next::None, here),
            (Direction::Backward, here) => (Next::At(here.clone()), here),
        };
        return Cut { items: fetched, next, previous };
    };
    let below = Boundary::After(last);
    let next = match span.direction {
        Direction::Forward if more => Next::At(below),
        Direction::Forward => Next::None,
        Direction::Backward => Next::Perhaps(below),
    };
    Cut { items: fetched, next, previous: Boundary::Before(first) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, PartialEq)]
    struct Item(i32);
    impl Placed for Item {
        type Place = i32;
        fn place(&self) -> i32 {
            self.0
        }
    }

    fn items(numbers: &[i32]) -> Vec<Item> {
        numbers.iter().copied().map(Item).collect()
    }

    fn span(boundary: Boundary<i32>, direction: Direction, limit: usize) -> Span<i32> {
        Span::from_boundary(boundary, direction, PageLimit::new(limit).unwrap())
    }

    #[test]
    fn a_page_ends_where_the_next_begins() {
        let page = cut(items(&[9, 8, 7]), &span(Boundary::Top, Direction::Forward, 2));
        assert_eq!(
            page,
            Cut { items: items(&[9, 8]), next: Next::At(Boundary::After(8)), previous: Boundary::Before(9) }
        );
    }

    #[test]
    fn a_full_last_page_knows_that_it_is_the_last() {
        let page = cut(items(&[9, 8]), &span(Boundary::Top, Direction::Forward, 2));
        assert_eq!(page.next, Next::None);
    }

    #[test]
    fn a_page_reached_backward_is_in_the_order_of_the_listing() {
        let page = cut(items(&[7, 8, 9]), &span(Boundary::Before(6), Direction::Backward, 2));
        assert_eq!(
            page,
            Cut {
                items: items(&[8, 7]),
                next: Next::Perhaps(Boundary::After(7)),
                previous: Boundary::Before(8)
            }
        );
    }

    #[test]
    fn an_empty_page_leads_both_ways_from_where_it_stands() {
        let empty = |boundary, direction| cut(Vec::<Item>::new(), &span(boundary, direction, 2));
        let newest = empty(Boundary::Before(9), Direction::Backward);
        assert_eq!((newest.next, newest.previous), (Next::At(Boundary::Before(9)), Boundary::Before(9)));
        let oldest = empty(Boundary::After(1), Direction::Forward);
        assert_eq!((oldest.next, oldest.previous), (Next::None, Boundary::After(1)));
        let nothing = empty(Boundary::Top, Direction::Forward);
        assert_eq!((nothing.next, nothing.previous), (Next::None, Boundary::End));
    }

    #[test]
    fn a_limit_is_a_whole_number_from_1_to_100() {
        for raw in ["1", "100", "020"] {
            assert!(PageLimit::parse(raw).is_ok(), "{raw}");
        }
        for raw in ["", "0", "101", "-1", "+5", "1.0", "ten", "99999999999999999999999"] {
            assert!(PageLimit::parse(raw).is_err(), "{raw}");
        }
    }
}
