use super::*;
use crate::{
    Boundary, Direction, FeedFilter, FeedKind, FeedQuery, FeedSlice, InvalidCursor, Placed, Shape, Span,
    ports::MockFeedRepository,
    services::{FeedRequest, FeedService, NumberedPage},
};

const KINDS: [FeedKind; 3] = [FeedKind::Own, FeedKind::Friends, FeedKind::Mentions];

fn service(feeds: MockFeedRepository) -> FeedService {
    FeedService::new(Arc::new(feeds), codec())
}

/// A wish for a feed of ivan's.
fn wanted(kind: FeedKind, filter: FeedFilter) -> FeedRequest {
    FeedRequest { filter, ..FeedRequest::of(kind, name("ivan")) }
}

fn slice(seconds: &[i64]) -> FeedSlice {
    let activities = seconds.iter().map(|&second| activity("eric", second)).collect();
    FeedSlice::whole(user_id(1), 7, activities)
}

fn filter(verbs: &[&str], include_self: bool) -> FeedFilter {
    FeedFilter::new(verbs.iter().map(|verb| Verb::parse(verb).unwrap()).collect(), include_self)
}

#[tokio::test]
async fn the_store_is_asked_for_the_feed_the_owner_the_filter_and_one_item_more() {
    for kind in KINDS {
        let asked = FeedQuery {
            kind,
            owner: name("ivan"),
            filter: filter(&["post"], true),
            span: Span { boundary: Boundary::Top, direction: Direction::Forward, take: 3 },
            skip: 0,
            shape: Shape::Whole,
        };
        let mut feeds = MockFeedRepository::new();
        feeds.expect_page().with(eq(asked)).return_once(|_| Ok(Some(slice(&[9, 8, 7]))));
        let page = service(feeds).page(&wanted(kind, filter(&["post"], true)), &first_page(2)).await;
        assert_eq!(page.unwrap().items, [activity("eric", 9).into(), activity("eric", 8).into()]);
    }
}

#[tokio::test]
async fn a_feed_of_somebody_who_is_no_user_tells_that() {
    let mut feeds = MockFeedRepository::new();
    feeds.expect_page().times(2).returning(|_| Ok(None));
    let service = service(feeds);
    let unknown = Error::UnknownUser(name("ivan"));
    let page = service.page(&wanted(FeedKind::Own, FeedFilter::default()), &first_page(2)).await;
    assert_eq!(page, Err(unknown.clone()));
    assert_eq!(
        service.numbered_page(&FeedRequest::of(FeedKind::Own, name("ivan")), 1, 20).await,
        Err(unknown)
    );
}

#[tokio::test]
async fn a_cursor_serves_its_own_feed_under_its_own_filter_alone() {
    let mut feeds = MockFeedRepository::new();
    feeds.expect_page().returning(|_| Ok(Some(slice(&[9, 8, 7]))));
    let service = service(feeds);
    let ask = async |kind, filter, request: &PageRequest| service.page(&wanted(kind, filter), request).await;
    let made_under = || filter(&["like", "post"], false);
    let next = ask(FeedKind::Friends, made_under(), &first_page(2)).await.unwrap().next.unwrap();
    let here = page_at(2, &next);
    let same_in_another_order = filter(&["post", "like", "post"], false);
    assert!(ask(FeedKind::Friends, same_in_another_order, &here).await.is_ok());
    for other in [FeedFilter::default(), filter(&["like"], false), filter(&["like", "post"], true)] {
        let refused = ask(FeedKind::Friends, other, &here).await;
        assert_eq!(refused, Err(Error::Cursor(InvalidCursor::OtherFilter)));
    }
    for other in [FeedKind::Own, FeedKind::Mentions] {
        let refused = ask(other, made_under(), &here).await;
        assert_eq!(refused, Err(Error::Cursor(InvalidCursor::OtherListing)));
    }
}

/// A feed of 45 activities that passes over `skip` of them, as a store does.
fn feed_of_45() -> MockFeedRepository {
    let mut feeds = MockFeedRepository::new();
    feeds.expect_page().returning(|query| {
        let skip = usize::try_from(query.skip).unwrap();
        let seconds: Vec<i64> = (1..=45).rev().skip(skip).take(query.span.take).collect();
        Ok(Some(slice(&seconds)))
    });
    feeds
}

#[tokio::test]
async fn numbered_pages_follow_one_another_and_the_last_one_knows_it() {
    let service = service(feed_of_45());
    let page = async |number, size| {
        let page = service
            .numbered_page(&FeedRequest::of(FeedKind::Friends, name("ivan")), number, size)
            .await
            .unwrap();
        let seconds = page.items.iter().map(|item| item.place().published.micros() / 1_000_000);
        (seconds.collect::<Vec<_>>(), page.has_next)
    };
    assert_eq!(page(1, 20).await, ((26..=45).rev().collect(), true));
    assert_eq!(page(2, 20).await, ((6..=25).rev().collect(), true));
    assert_eq!(page(3, 20).await, ((1..=5).rev().collect(), false));
    assert_eq!(page(4, 20).await, (vec![], false));
    assert_eq!(page(3, 15).await, ((1..=15).rev().collect(), false), "a full last page");
    assert_eq!(page(45, 1).await, (vec![1], false));
}

#[tokio::test]
async fn a_huge_page_number_is_a_page_past_the_end() {
    for (number, size, skip) in [
        (2_147_483_647, 20, 42_949_672_920),
        (u64::MAX, 1, u64::MAX - 1),
        (u64::MAX, 20, u64::MAX),
        (0, 20, 0),
    ] {
        let mut feeds = MockFeedRepository::new();
        feeds.expect_page().withf(move |query| query.skip == skip).return_once(|_| Ok(Some(slice(&[]))));
        let page =
            service(feeds).numbered_page(&FeedRequest::of(FeedKind::Own, name("ivan")), number, size).await;
        assert_eq!(page, Ok(NumberedPage { items: vec![], has_next: false, position: 7 }));
    }
}
