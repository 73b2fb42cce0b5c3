//! Walks by cursors while the data change: "What a page promises" of the contract.

use std::collections::{HashMap, HashSet};

use super::{histories::random_history, kit::doing, model::Model, random::Random, world::World};
use crate::{
    cursor::{Cursor, CursorCodec},
    feed::{FeedFilter, FeedItem, FeedKind, Shape},
    id::ActivityId,
    page::{PageLimit, Placed},
    services::{FeedRequest, FeedService, Page, PageRequest},
    time::Timestamp,
};

struct Walker<'a> {
    world: &'a World,
    service: FeedService,
    kind: FeedKind,
    filter: FeedFilter,
    /// Whose feed, as a place in the model: names may change on the way.
    owner: usize,
    /// How often each activity came.
    seen: HashMap<ActivityId, usize>,
    /// What was in the feed at every moment so far.
    throughout: HashSet<ActivityId>,
    context: String,
}

impl<'a> Walker<'a> {
    fn new(world: &'a World, model: &Model, kind: FeedKind, owner: usize, context: &str) -> Self {
        let filter = FeedFilter::new(vec![], kind == FeedKind::Friends);
        let service = FeedService::new(world.stores.feeds.clone(), CursorCodec::new(b"a key for walks"));
        let throughout = model.feed(kind, owner, &filter).into_iter().collect();
        let context = format!("{context}, {kind:?}");
        Self { world, service, kind, filter, owner, seen: HashMap::new(), throughout, context }
    }

    async fn page(&mut self, model: &Model, cursor: Option<String>, limit: usize) -> Page<FeedItem> {
        let limit = PageLimit::new(limit).unwrap_or_default();
        let request = PageRequest { limit, cursor };
        let owner = model.name(self.owner);
        let filter = self.filter.clone();
        let wanted = FeedRequest { filter, shape: Shape::Entry, ..FeedRequest::of(self.kind, owner) };
        let page = self.service.page(&wanted, &request).await;
        let page = page.unwrap_or_else(|error| panic!("{}: {error}", self.context));
        assert!(
            page.items.is_sorted_by(|one, other| other.place() < one.place()),
            "{}: a page is out of order",
            self.context
        );
        for item in &page.items {
            *self.seen.entry(item.id()).or_default() += 1;
        }
        page
    }

    /// Something happens between two pages, though not to the reader's existence.
    async fn meanwhile(&mut self, model: &mut Model, random: &mut Random) {
        for _ in 0..random.below(4) {
            random_history(self.world, model, random).await;
        }
        if model.users[self.owner].is_none() {
            // The reader was erased. The walk is over, nothing is promised any more.
            self.throughout.clear();
            return;
        }
        let now: HashSet<_> = model.feed(self.kind, self.owner, &self.filter).into_iter().collect();
        self.throughout.retain(|id| now.contains(id));
    }

    fn is_over(&self, model: &Model) -> bool {
        model.users[self.owner].is_none()
    }

    fn check(&self) {
        for id in &self.throughout {
            let times = self.seen.get(id).copied().unwrap_or(0);
            assert_eq!(times, 1, "{}: {id} was there throughout and came {times} times", self.context);
        }
        for (id, times) in &self.seen {
            assert_eq!(*times, 1, "{}: {id} came {times} times", self.context);
        }
    }
}

/// The user who has the most to read.
fn busiest(model: &Model, kind: FeedKind) -> usize {
    let filter = FeedFilter::new(vec![], kind == FeedKind::Friends);
    let by_length = model.present().into_iter().max_by_key(|user| model.feed(kind, *user, &filter).len());
    by_length.unwrap_or_else(|| panic!("nobody is there"))
}

/// Users who follow each other, with a past of many equal times.
async fn past(world: &World, random: &mut Random) -> Model {
    let mut model = Model::default();
    for _ in 0..300 {
        random_history(world, &mut model, random).await;
    }
    model
}

pub(super) async fn a_walk_forward_gives_what_was_there_throughout_exactly_once(world: World) {
    for seed in 21..27 {
        let world = world.another().await;
        let mut random = Random::new(seed);
        let mut model = past(&world, &mut random).await;
        for kind in [FeedKind::Friends, FeedKind::Mentions, FeedKind::Own] {
            let owner = busiest(&model, kind);
            let mut walker = Walker::new(&world, &model, kind, owner, &format!("seed {seed}"));
            let mut cursor = None;
            loop {
                let limit = random.pick(&[1, 3, 7]);
                let page = walker.page(&model, cursor, limit).await;
                let Some(next) = page.next else { break };
                assert_eq!(page.items.len(), limit, "{}: a page in the middle is not full", walker.context);
                walker.meanwhile(&mut model, &mut random).await;
                if walker.is_over(&model) {
                    break;
                }
                cursor = Some(next.as_str().to_owned());
            }
            walker.check();
        }
    }
}

pub(super) async fn a_walk_backward_gives_what_was_there_throughout_exactly_once(world: World) {
    for seed in 31..37 {
        let world = world.another().await;
        let mut random = Random::new(seed);
        let mut model = past(&world, &mut random).await;
        for kind in [FeedKind::Friends, FeedKind::Mentions, FeedKind::Own] {
            let owner = busiest(&model, kind);
            let mut walker = Walker::new(&world, &model, kind, owner, &format!("seed {seed}, backward"));
            // Down to the end while nothing happens; then up again, which is what is tried.
            let mut page = walker.page(&model, None, 3).await;
            while let Some(next) = page.next {
                page = walker.page(&model, Some(next.as_str().to_owned()), 3).await;
            }
            walker.seen.clear();
            for item in &page.items {
                walker.seen.insert(item.id(), 1);
            }
            let mut previous = page.previous;
            loop {
                walker.meanwhile(&mut model, &mut random).await;
                if walker.is_over(&model) {
                    break;
                }
                let limit = random.pick(&[1, 3, 7]);
                let page = walker.page(&model, Some(previous.as_str().to_owned()), limit).await;
                previous = page.previous;
                if page.items.is_empty() {
                    assert!(page.next.is_some(), "{}: the newest end leads nowhere back", walker.context);
                    break;
                }
            }
            walker.check();
        }
    }
}

pub(super) async fn pages_there_and_back_are_adjacent(world: World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    world.follow(&ivan, &eric).await;
    for _ in 0..20 {
        world.post(doing(&eric, "wrote").at(Timestamp::EPOCH)).await;
    }
    let service = FeedService::new(world.stores.feeds.clone(), CursorCodec::new(b"key"));
    let page = async |cursor: Option<&str>| {
        let limit = PageLimit::new(5).unwrap_or_default();
        let request = PageRequest { limit, cursor: cursor.map(str::to_owned) };
        let wanted = FeedRequest { shape: Shape::Entry, ..FeedRequest::of(FeedKind::Friends, ivan.clone()) };
        let page = service.page(&wanted, &request).await;
        page.unwrap_or_else(|error| panic!("{error}"))
    };
    let mut pages = vec![page(None).await];
    while let Some(next) = pages.last().and_then(|page| page.next.clone()) {
        pages.push(page(Some(next.as_str())).await);
    }
    assert_eq!(pages.len(), 4, "20 items on pages of 5");
    for pair in pages.windows(2).rev() {
        let back = page(Some(pair[1].previous.as_str())).await;
        assert_eq!(back.items, pair[0].items);
        let there = page(back.next.as_ref().map(Cursor::as_str)).await;
        assert_eq!(there.items, pair[1].items);
    }
    let above = page(Some(pages[0].previous.as_str())).await;
    assert_eq!(above.items, []);
    let late = world.post(doing(&eric, "late")).await;
    let above = page(Some(above.previous.as_str())).await;
    assert_eq!(above.items.iter().map(FeedItem::id).collect::<Vec<_>>(), [late.id]);
}
