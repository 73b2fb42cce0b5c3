//! How every listing is walked: [`Walk`] between a client's cursors and a store's spans.

use std::sync::Mutex;

use super::*;
use crate::{
    Boundary, Direction, InvalidCursor, Listing, Placed, Position, Span,
    services::{Page, paging::Walk},
};

const OWNER: u128 = 1;

/// A feed of activities published at these seconds, and what it was asked.
struct Listed {
    seconds: Vec<i64>,
    owner: u128,
    asked: Mutex<Vec<Span<Position>>>,
}

impl Listed {
    fn of(seconds: impl IntoIterator<Item = i64>) -> Self {
        Self { seconds: seconds.into_iter().collect(), owner: OWNER, asked: Mutex::default() }
    }

    fn read(&self, span: Span<Position>) -> Vec<Activity> {
        self.asked.lock().unwrap().push(span);
        let mut found: Vec<Activity> = self.seconds.iter().map(|&second| activity("eric", second)).collect();
        found.sort_by_key(|activity| std::cmp::Reverse(activity.place()));
        found.retain(|activity| is_beyond(activity.place(), &span));
        if span.direction == Direction::Backward {
            found.reverse();
        }
        found.truncate(span.take);
        found
    }

    async fn page(&self, request: &PageRequest) -> Result<Page<Activity>> {
        let codec = codec();
        let walk = Walk { codec: &codec, listing: Listing::Friends, filter: [3; 8] };
        let fetch = async |span| Ok(Some((Uuid::from_u128(self.owner), self.read(span))));
        Ok(walk.page(request, fetch).await?.unwrap())
    }

    /// How many items the store was asked for, by question.
    fn taken(&self) -> Vec<usize> {
        self.asked.lock().unwrap().drain(..).map(|span| span.take).collect()
    }
}

/// Greater positions come first in a feed.
fn is_beyond(place: Position, span: &Span<Position>) -> bool {
    let is_below = match span.boundary {
        Boundary::Top => true,
        Boundary::Before(gap) => place <= gap,
        Boundary::After(gap) => place < gap,
        Boundary::End => false,
    };
    is_below == (span.direction == Direction::Forward)
}

fn seconds(page: &Page<Activity>) -> Vec<i64> {
    page.items.iter().map(|activity| activity.published.micros() / 1_000_000).collect()
}

#[tokio::test]
async fn a_walk_forward_meets_every_item_once_and_ends() {
    let listed = Listed::of(1..=5);
    let first = listed.page(&first_page(2)).await.unwrap();
    assert_eq!(seconds(&first), [5, 4]);
    let second = listed.page(&page_at(2, &first.next.unwrap())).await.unwrap();
    assert_eq!(seconds(&second), [3, 2]);
    let third = listed.page(&page_at(2, &second.next.unwrap())).await.unwrap();
    assert_eq!((seconds(&third), third.next), (vec![1], None));
    assert_eq!(listed.taken(), [3, 3, 3], "one question a page");
}

#[tokio::test]
async fn a_full_last_page_has_no_next() {
    let page = Listed::of(1..=2).page(&first_page(2)).await.unwrap();
    assert_eq!((seconds(&page), page.next), (vec![2, 1], None));
}

#[tokio::test]
async fn a_walk_backward_gives_the_adjacent_page_in_the_order_of_the_listing() {
    let listed = Listed::of(1..=5);
    let first = listed.page(&first_page(2)).await.unwrap();
    let second = listed.page(&page_at(2, &first.next.unwrap())).await.unwrap();
    listed.taken();
    let back = listed.page(&page_at(2, &second.previous)).await.unwrap();
    assert_eq!(seconds(&back), [5, 4]);
    assert_eq!(listed.taken(), [3, 1], "a page reached backward asks whether one item is below it");
    let forth = listed.page(&page_at(2, &back.next.unwrap())).await.unwrap();
    assert_eq!(seconds(&forth), [3, 2]);
}

#[tokio::test]
async fn a_page_reached_backward_has_no_next_when_nothing_is_left_below_it() {
    let mut listed = Listed::of(1..=3);
    let first = listed.page(&first_page(2)).await.unwrap();
    let last = listed.page(&page_at(2, &first.next.unwrap())).await.unwrap();
    listed.seconds.retain(|&second| second != 1);
    let back = listed.page(&page_at(2, &last.previous)).await.unwrap();
    assert_eq!((seconds(&back), back.next), (vec![3, 2], None));
}

#[tokio::test]
async fn the_newest_page_leads_to_what_arrives_later_and_back() {
    let mut listed = Listed::of(1..=3);
    let newest = listed.page(&first_page(2)).await.unwrap();
    let empty = listed.page(&page_at(2, &newest.previous)).await.unwrap();
    assert_eq!(seconds(&empty), [] as [i64; 0]);
    let down = listed.page(&page_at(2, &empty.next.unwrap())).await.unwrap();
    assert_eq!(seconds(&down), [3, 2], "an empty page at the top leads back");

    listed.seconds.extend([4, 5, 6]);
    let adjacent = listed.page(&page_at(2, &empty.previous)).await.unwrap();
    assert_eq!(seconds(&adjacent), [5, 4], "what is next to the page, not the newest");
    let above = listed.page(&page_at(2, &adjacent.previous)).await.unwrap();
    assert_eq!(seconds(&above), [6]);
}

#[tokio::test]
async fn an_empty_listing_leads_to_what_arrives_later() {
    let mut listed = Listed::of([]);
    let empty = listed.page(&first_page(2)).await.unwrap();
    assert_eq!((seconds(&empty), &empty.next), (vec![], &None));
    assert_eq!(listed.taken(), [3]);
    listed.seconds.extend([1, 2, 3]);
    let oldest_first = listed.page(&page_at(2, &empty.previous)).await.unwrap();
    assert_eq!(seconds(&oldest_first), [2, 1]);
    let then = listed.page(&page_at(2, &oldest_first.previous)).await.unwrap();
    assert_eq!(seconds(&then), [3]);
}

#[tokio::test]
async fn the_end_past_the_last_item_leads_back_to_it() {
    let mut listed = Listed::of(1..=3);
    let first = listed.page(&first_page(2)).await.unwrap();
    listed.seconds.retain(|&second| second != 1);
    let past = listed.page(&page_at(2, &first.next.unwrap())).await.unwrap();
    assert_eq!((seconds(&past), past.next), (vec![], None));
    let back = listed.page(&page_at(1, &past.previous)).await.unwrap();
    assert_eq!(seconds(&back), [2]);
}

#[tokio::test]
async fn the_limit_may_change_between_pages() {
    let listed = Listed::of(1..=9);
    let first = listed.page(&first_page(1)).await.unwrap();
    let rest = listed.page(&page_at(100, &first.next.unwrap())).await.unwrap();
    assert_eq!(seconds(&rest), (1..=8).rev().collect::<Vec<_>>());
}

#[tokio::test]
async fn a_cursor_outlives_the_item_it_was_made_from() {
    let mut listed = Listed::of(1..=4);
    let next = listed.page(&first_page(2)).await.unwrap().next.unwrap();
    listed.seconds.retain(|&second| second != 3);
    assert_eq!(seconds(&listed.page(&page_at(2, &next)).await.unwrap()), [2, 1]);
}

#[tokio::test]
async fn a_cursor_of_another_owner_is_refused() {
    let mut listed = Listed::of(1..=4);
    let first = listed.page(&first_page(2)).await.unwrap();
    listed.owner = OWNER + 1;
    for cursor in [first.next.unwrap(), first.previous] {
        let refused = listed.page(&page_at(2, &cursor)).await;
        assert_eq!(refused.map(|_| ()), Err(Error::Cursor(InvalidCursor::OtherListing)));
    }
}

#[tokio::test]
async fn what_is_no_cursor_is_refused_before_the_store_is_asked() {
    let listed = Listed::of(1..=4);
    let foreign = CursorCodec::new(b"another key");
    let scope = crate::cursor::CursorScope {
        listing: Listing::Friends,
        owner: Uuid::from_u128(OWNER),
        filter: [3; 8],
    };
    let foreign = foreign.seal(&scope, &Boundary::<Position>::Top, Direction::Forward);
    for raw in ["", "nonsense", foreign.as_str()] {
        let request = PageRequest { cursor: Some(raw.to_owned()), ..first_page(2) };
        let refused = listed.page(&request).await;
        assert_eq!(refused.map(|_| ()), Err(Error::Cursor(InvalidCursor::Altered)), "{raw:?}");
    }
    assert!(listed.taken().is_empty());
}

#[tokio::test]
async fn a_listing_without_its_owner_is_no_page() {
    let codec = codec();
    let walk = Walk { codec: &codec, listing: Listing::Friends, filter: [0; 8] };
    let page = walk.page(&first_page(2), async |_| Ok(None::<(Uuid, Vec<Activity>)>)).await;
    assert_eq!(page.map(|page| page.is_none()), Ok(true));
}

#[tokio::test]
async fn a_store_that_cannot_is_told_as_such_also_by_the_question_for_one_more() {
    let codec = codec();
    let walk = Walk { codec: &codec, listing: Listing::Friends, filter: [3; 8] };
    let previous = Listed::of(1..=3).page(&first_page(2)).await.unwrap().previous;
    let fails_at = async |take: usize| {
        let fetch = async |span: Span<Position>| {
            if span.take == take {
                return Err(Error::Store(unavailable()));
            }
            Ok(Some((Uuid::from_u128(OWNER), vec![activity("eric", 9)])))
        };
        walk.page(&page_at(2, &previous), fetch).await.map(|_| ())
    };
    assert_eq!(fails_at(3).await, Err(Error::Store(unavailable())));
    assert_eq!(fails_at(1).await, Err(Error::Store(unavailable())));
    assert_eq!(fails_at(7).await, Ok(()));
}
