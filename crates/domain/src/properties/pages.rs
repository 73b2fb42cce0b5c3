//! Walks over a listing that changes meanwhile.

use std::collections::BTreeSet;

use proptest::prelude::*;

use crate::{
    Boundary, Direction, PageLimit, Placed, Span,
    page::{Cut, Next, cut},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Item(u8);

impl Placed for Item {
    type Place = u8;
    fn place(&self) -> u8 {
        self.0
    }
}

/// A listing in ascending order.
type Listing = BTreeSet<u8>;

fn read(listing: &Listing, span: &Span<u8>) -> Vec<Item> {
    let is_after = |place: u8| match span.boundary {
        Boundary::Top => true,
        Boundary::Before(gap) => gap <= place,
        Boundary::After(gap) => gap < place,
        Boundary::End => false,
    };
    let forward = listing.iter().copied().map(Item);
    match span.direction {
        Direction::Forward => forward.filter(|item| is_after(item.0)).take(span.take).collect(),
        Direction::Backward => forward.rev().filter(|item| !is_after(item.0)).take(span.take).collect(),
    }
}

fn page(listing: &Listing, boundary: Boundary<u8>, direction: Direction, limit: usize) -> Cut<Item, u8> {
    let span = Span::from_boundary(boundary, direction, PageLimit::new(limit).unwrap());
    cut(read(listing, &span), &span)
}

/// What is written between two pages: places that come or go.
type Changes = Vec<Vec<u8>>;

fn change(listing: &mut Listing, changes: &Changes, page: usize) {
    for place in changes.get(page).into_iter().flatten() {
        if !listing.remove(place) {
            listing.insert(*place);
        }
    }
}

/// What was in the listing throughout a walk over these changes.
fn stayed(listing: &Listing, changes: &Changes) -> Listing {
    let touched: Listing = changes.iter().flatten().copied().collect();
    listing.difference(&touched).copied().collect()
}

/// Checks what a walk met, given in the order of the listing: each at most once, in order, and all that stayed.
fn check_walk(met: &[u8], stayed: &Listing) -> Result<(), TestCaseError> {
    prop_assert!(met.is_sorted_by(|one, other| one < other), "{:?}", met);
    prop_assert!(stayed.iter().all(|place| met.contains(place)), "{:?} lacks some of {:?}", met, stayed);
    Ok(())
}

fn changes() -> impl Strategy<Value = Changes> {
    prop::collection::vec(prop::collection::vec(any::<u8>(), 0..4), 0..40)
}

/// More pages than any of these walks can have.
const PAGES_MAX: usize = 1000;

proptest! {
    #[test]
    fn a_walk_forward_meets_what_stays_exactly_once_whatever_else_happens(
        mut listing in prop::collection::btree_set(any::<u8>(), 0..60),
        changes in changes(),
        limits in prop::collection::vec(1..=9_usize, 1..5),
    ) {
        let stayed = stayed(&listing, &changes);
        let (mut met, mut boundary) = (Vec::new(), Boundary::Top);
        for number in 0.. {
            prop_assert!(number < PAGES_MAX, "the walk does not end");
            let limit = limits[number % limits.len()];
            let page = page(&listing, boundary, Direction::Forward, limit);
            met.extend(page.items.iter().map(|item| item.0));
            match page.next {
                Next::At(next) => {
                    prop_assert_eq!(page.items.len(), limit, "a page that is not the last is full");
                    boundary = next;
                }
                Next::None => break,
                Next::Perhaps(_) => prop_assert!(false, "a walk forward knows its end"),
            }
            change(&mut listing, &changes, number);
        }
        check_walk(&met, &stayed)?;
    }

    #[test]
    fn a_walk_backward_meets_what_stays_exactly_once_whatever_else_happens(
        mut listing in prop::collection::btree_set(any::<u8>(), 0..60),
        changes in changes(),
        limits in prop::collection::vec(1..=9_usize, 1..5),
    ) {
        let stayed = stayed(&listing, &changes);
        let (mut met, mut boundary) = (Vec::new(), Boundary::End);
        for number in 0.. {
            prop_assert!(number < PAGES_MAX, "the walk does not end");
            let limit = limits[number % limits.len()];
            let page = page(&listing, boundary, Direction::Backward, limit);
            let items: Vec<u8> = page.items.iter().map(|item| item.0).collect();
            prop_assert!(items.is_sorted(), "a page is in the order of the listing");
            prop_assert!(!matches!(page.next, Next::None), "what follows is not known to be nothing");
            if items.is_empty() {
                break;
            }
            met.splice(0..0, items);
            boundary = page.previous;
            change(&mut listing, &changes, number);
        }
        check_walk(&met, &stayed)?;
    }

    #[test]
    fn the_page_before_the_next_page_is_the_page(
        listing in prop::collection::btree_set(any::<u8>(), 1..60),
        limit in 1..=9_usize,
        from in any::<u8>(),
    ) {
        let one = page(&listing, Boundary::After(from), Direction::Forward, limit);
        if let Next::At(next) = one.next {
            let following = page(&listing, next, Direction::Forward, limit);
            let back = page(&listing, following.previous, Direction::Backward, limit);
            prop_assert_eq!(back.items, one.items);
            prop_assert_eq!(back.next, Next::Perhaps(next));
        }
    }

    #[test]
    fn an_empty_page_leads_back_to_what_lies_on_its_other_side(
        listing in prop::collection::btree_set(any::<u8>(), 1..60),
        limit in 1..=9_usize,
    ) {
        let first = page(&listing, Boundary::Top, Direction::Forward, limit);
        let above = page(&listing, first.previous, Direction::Backward, limit);
        prop_assert!(above.items.is_empty());
        let Next::At(down) = above.next else { panic!("{:?}", above.next) };
        prop_assert_eq!(page(&listing, down, Direction::Forward, limit).items, first.items);
    }
}
