//! The index's own promises: that it answers and not only passes on, that it follows, that it stays within its memory.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use feed_me_domain::{
    ActivityId, Boundary, Direction, FeedFilter, FeedItem, FeedKind, FeedQuery, FollowRequest, Given,
    NewActivity, Precondition, PutUser, RelationKind, Shape, Span, Timestamp, Username, Verb,
    ports::{Clock, Forgets, IdGenerator, Posted, Stores},
};
use parking_lot::Mutex;
use proptest::prelude::*;

use super::{
    FeedIndex, IndexOptions, IndexStatus, Sample,
    log::Log,
    records::{Place, Record, Records},
    timeline::Timeline,
};
use crate::memory::MemoryStore;

/// Each question is a second later than the one before.
#[derive(Default)]
struct Ticks(AtomicU64);

impl Clock for Ticks {
    fn now(&self) -> Timestamp {
        let tick = self.0.fetch_add(1, Ordering::Relaxed);
        Timestamp::EPOCH.plus_micros(i64::try_from(tick).unwrap() * 1_000_000)
    }
}

#[derive(Default)]
struct Numbers(AtomicU64);

impl IdGenerator for Numbers {
    fn random(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

/// A store with an index before it, and the store's own ports, as another process would use them.
struct World {
    index: Arc<FeedIndex>,
    here: Stores,
    elsewhere: Stores,
}

impl World {
    fn new(memory: usize) -> Self {
        Self::with(IndexOptions { memory, stale_after: Duration::from_hours(1), ..IndexOptions::default() })
    }

    fn with(options: IndexOptions) -> Self {
        let store = Arc::new(MemoryStore::new(Arc::<Ticks>::default(), Arc::<Numbers>::default()));
        let elsewhere = Stores::of(store.clone());
        let (index, here) = FeedIndex::over(&elsewhere, store, options);
        Self { index, here, elsewhere }
    }

    async fn filled(memory: usize) -> Self {
        let world = Self::new(memory);
        world.index.fill().await.unwrap();
        world
    }

    async fn first_page(&self, kind: FeedKind, owner: &Username) -> Vec<ActivityId> {
        let span = Span { boundary: Boundary::Top, direction: Direction::Forward, take: 3 };
        let (owner, filter) = (owner.clone(), FeedFilter::default());
        let query = FeedQuery { kind, owner, filter, span, skip: 0, shape: Shape::Entry };
        let slice = self.here.feeds.page(&query).await.unwrap().unwrap();
        slice.items.iter().map(FeedItem::id).collect()
    }

    /// How many pages came from memory and how many from the store.
    fn pages(&self) -> (u64, u64) {
        let IndexStatus { pages_from_memory, pages_from_sql, .. } = self.index.status();
        (pages_from_memory, pages_from_sql)
    }
}

async fn user(stores: &Stores, name: &str) -> Username {
    let username = Username::parse(name).unwrap();
    stores.users.put(PutUser { username: username.clone(), display_name: Given::Absent }).await.unwrap();
    username
}

async fn post(stores: &Stores, actor: &Username) -> ActivityId {
    let activity = NewActivity {
        actor: actor.clone(),
        verb: Verb::parse("wrote").unwrap(),
        object: Given::Absent,
        target: Given::Absent,
        published: None,
        external_id: None,
        data: None,
    };
    match stores.activities.post(activity, None).await.unwrap() {
        feed_me_domain::Attempt::Done(Posted::Created(activity)) => activity.id,
        other => panic!("{other:?}"),
    }
}

async fn follow(stores: &Stores, follower: &Username, followee: &Username) {
    let request = FollowRequest { follower: follower.clone(), followee: followee.clone(), from: None };
    stores.follows.follow(request, None).await.unwrap();
}

const AMPLE: usize = 1 << 24;

#[tokio::test]
async fn before_it_is_filled_the_store_answers_and_after_that_the_index_does() {
    let world = World::new(AMPLE);
    let eric = user(&world.here, "eric").await;
    let first = post(&world.here, &eric).await;
    assert_eq!(world.first_page(FeedKind::Own, &eric).await, [first]);
    assert_eq!(world.pages(), (0, 1));
    world.index.fill().await.unwrap();
    let second = post(&world.here, &eric).await;
    assert_eq!(world.first_page(FeedKind::Own, &eric).await, [second, first]);
    assert_eq!(world.pages(), (1, 1));
    let IndexStatus { is_serving, users, activities, floor_micros, .. } = world.index.status();
    assert_eq!((is_serving, users, activities, floor_micros), (true, 1, 2, None));
}

#[tokio::test]
async fn what_another_process_writes_is_taken_in_when_it_is_looked_for() {
    let world = World::filled(AMPLE).await;
    let [ivan, eric] = [user(&world.elsewhere, "ivan").await, user(&world.elsewhere, "eric").await];
    follow(&world.elsewhere, &ivan, &eric).await;
    let posted = post(&world.elsewhere, &eric).await;
    world.index.catch_up().await.unwrap();
    assert_eq!(world.first_page(FeedKind::Friends, &ivan).await, [posted]);
    world.elsewhere.activities.delete(posted, Precondition::None).await.unwrap();
    world.index.catch_up().await.unwrap();
    assert_eq!(world.first_page(FeedKind::Friends, &ivan).await, []);
    assert_eq!(world.pages(), (2, 0));
}

#[tokio::test]
async fn who_has_not_seen_the_end_of_the_log_for_long_leaves_the_answer_to_the_store() {
    let stale_after = Duration::from_millis(40);
    let world = World::with(IndexOptions { stale_after, ..IndexOptions::default() });
    let eric = user(&world.elsewhere, "eric").await;
    world.index.fill().await.unwrap();
    tokio::time::sleep(2 * stale_after).await;
    let posted = post(&world.elsewhere, &eric).await;
    assert_eq!(world.first_page(FeedKind::Own, &eric).await, [posted]);
    assert_eq!(world.pages(), (0, 1));
    world.index.catch_up().await.unwrap();
    assert!(world.index.status().is_serving);
}

#[tokio::test]
async fn however_long_comparing_takes_it_is_the_index_that_is_compared() {
    let stale_after = Duration::from_millis(500);
    let world = World::with(IndexOptions { memory: AMPLE, stale_after, ..IndexOptions::default() });
    for name in ["eric", "ivan"] {
        let author = user(&world.elsewhere, name).await;
        post(&world.elsewhere, &author).await;
    }
    world.index.fill().await.unwrap();
    let dawdles = |_, _| std::thread::sleep(2 * stale_after);
    let compared = world.index.compare(Sample::All, Duration::ZERO, dawdles).await.unwrap();
    assert_eq!((compared.users, compared.left_to_sql), (2, 0));
    assert_eq!(compared.differences, []);
}

#[tokio::test]
async fn a_gap_in_the_log_is_noticed_and_the_store_answers_until_the_index_is_filled_anew() {
    let world = World::filled(AMPLE).await;
    let eric = user(&world.elsewhere, "eric").await;
    for _ in 0..3 {
        post(&world.elsewhere, &eric).await;
    }
    world.elsewhere.events.trim(Timestamp::MAX, 2).await.unwrap();
    assert!(world.index.catch_up().await.is_err());
    assert_eq!(world.first_page(FeedKind::Own, &eric).await.len(), 3);
    assert_eq!(world.pages(), (0, 1));
    world.index.fill().await.unwrap();
    assert_eq!(world.first_page(FeedKind::Own, &eric).await.len(), 3);
    assert_eq!(world.pages(), (1, 1));
}

#[tokio::test]
async fn memory_is_kept_to_and_what_lies_below_the_floor_is_read_from_the_store() {
    const MEMORY: usize = 20_000;
    let world = World::filled(MEMORY).await;
    let eric = user(&world.here, "eric").await;
    let mut posted = Vec::new();
    for _ in 0..9000 {
        posted.push(post(&world.here, &eric).await);
    }
    posted.reverse();
    let status = world.index.status();
    assert!(status.bytes <= MEMORY, "{status:?}");
    assert!(status.floor_micros.is_some() && status.activities < 9000);
    assert_eq!(world.first_page(FeedKind::Own, &eric).await, posted[..3]);
    assert_eq!(world.pages(), (1, 0), "the top lies above the floor");
    let compared = world.index.compare(Sample::All, Duration::ZERO, |_, _| ()).await.unwrap();
    assert_eq!(compared.differences, []);
    assert!(0 < compared.left_to_sql && compared.left_to_sql < compared.pages, "{compared:?}");
    // The same memory, filled at once.
    world.index.fill().await.unwrap();
    let status = world.index.status();
    assert!(status.floor_micros.is_some(), "{status:?}");
    assert_eq!(world.first_page(FeedKind::Own, &eric).await, posted[..3]);
}

#[tokio::test]
async fn what_goes_is_told_to_whoever_keeps_something_of_it() {
    #[derive(Default)]
    struct Listener(Mutex<Vec<ActivityId>>);
    impl Forgets for Listener {
        fn forget(&self, ids: &[ActivityId]) {
            self.0.lock().extend(ids);
        }
    }
    let world = World::filled(AMPLE).await;
    let listener = Arc::new(Listener::default());
    world.index.tell(listener.clone());
    let eric = user(&world.here, "eric").await;
    let [deleted, erased] = [post(&world.here, &eric).await, post(&world.here, &eric).await];
    world.here.activities.delete(deleted, Precondition::None).await.unwrap();
    world.here.users.erase(&eric).await.unwrap();
    assert_eq!(*listener.0.lock(), [deleted, erased]);
    let IndexStatus { users, activities, .. } = world.index.status();
    assert_eq!((users, activities), (0, 0));
}

#[tokio::test]
async fn a_difference_between_index_and_store_is_found() {
    let world = World::filled(AMPLE).await;
    let [ivan, eric] = [user(&world.here, "ivan").await, user(&world.here, "eric").await];
    follow(&world.here, &ivan, &eric).await;
    post(&world.here, &eric).await;
    let clean = world.index.compare(Sample::All, Duration::ZERO, |_, _| ()).await.unwrap();
    assert_eq!((clean.users, clean.left_to_sql, clean.differences), (2, 0, vec![]));
    // Something is lost that the log does not tell of.
    if let Some(state) = &mut *world.index.state.write() {
        state.mangle();
    }
    let compared = world.index.compare(Sample::All, Duration::ZERO, |_, _| ()).await.unwrap();
    assert!(compared.differences.iter().any(|difference| difference.query.owner == ivan));
}

fn records(places: &[Place]) -> (Records, Vec<(Place, u32)>) {
    let mut records = Records::default();
    let slots = places.iter().map(|place| {
        let record = Record::new(*place, 1, 0, 0, 1);
        (*place, records.insert(record).unwrap())
    });
    let slots = slots.collect();
    (records, slots)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Chunks split and run empty, many times are equal, and still all is in order from wherever one looks.
    #[test]
    fn log_and_timeline_are_in_order_whatever_comes_and_goes(
        places in proptest::collection::btree_set((0_i64..40, any::<u128>()), 1..300)
            .prop_flat_map(|places| Just(places.into_iter().collect::<Vec<_>>()).prop_shuffle()),
        gone in 0_usize..300,
        gap in (-1_i64..41, any::<u128>()),
    ) {
        let (records, slots) = records(&places);
        let (mut log, mut timeline, mut model) = (Log::default(), Timeline::default(), BTreeSet::new());
        for (place, slot) in &slots {
            log.insert(*place, *slot, &records);
            timeline.insert(*place, *slot, &records);
            model.insert((*place, *slot));
        }
        for (place, slot) in slots.iter().take(gone) {
            log.remove(*place, &records);
            let (index, found) = timeline.find(*place, &records).unwrap();
            prop_assert_eq!(found, *slot);
            timeline.remove(index);
            model.remove(&(*place, *slot));
        }
        let below: Vec<u32> = model.iter().filter(|(place, _)| *place < gap).map(|(_, slot)| *slot).collect();
        let above: Vec<u32> = model.iter().filter(|(place, _)| gap <= *place).map(|(_, slot)| *slot).collect();
        let down: Vec<u32> = log.down_from(gap, &records).map(|line| line.slot).collect();
        prop_assert_eq!(down.into_iter().rev().collect::<Vec<_>>(), below.clone());
        prop_assert_eq!(log.up_from(gap, &records).map(|line| line.slot).collect::<Vec<_>>(), above.clone());
        let at = timeline.below(gap, &records);
        prop_assert_eq!(timeline.slots(0..at).collect::<Vec<_>>(), below);
        prop_assert_eq!(timeline.slots(at..timeline.len()).collect::<Vec<_>>(), above);
    }
}

proptest! {
    /// However unevenly an author posts: at once, evenly, or ever more.
    #[test]
    fn a_search_of_many_timelines_finds_what_counting_finds(
        lists in proptest::collection::vec(
            proptest::collection::vec(prop_oneof![0_i64..20, 0_i64..5000, (0_u32..62).prop_map(|bit| 1 << bit)], 1..80),
            0..12,
        ),
        time in prop_oneof![-1_i64..25, 0_i64..5000, (0_u32..62).prop_map(|bit| (1 << bit) - 1), Just(i64::MAX)],
        id in 0_u128..100,
    ) {
        let place = (time, id);
        let places = lists.iter().map(|times| {
            let mut times = times.clone();
            times.sort_unstable();
            (0..).zip(times).map(|(id, time)| (time, id)).collect::<Vec<Place>>()
        });
        let places: Vec<Vec<Place>> = places.collect();
        let (records, slots) = records(&places.concat());
        let mut slots = slots.into_iter();
        let timelines: Vec<Timeline> = places.iter().map(|places| {
            let mut timeline = Timeline::default();
            slots.by_ref().take(places.len()).for_each(|(place, slot)| timeline.push(place.0, slot));
            timeline
        }).collect();
        let counted: Vec<usize> =
            places.iter().map(|places| places.iter().filter(|other| **other < place).count()).collect();
        let each: Vec<(&Timeline, i64)> =
            timelines.iter().map(|timeline| (timeline, timeline.newest().unwrap())).collect();
        prop_assert_eq!(Timeline::below_each(&each, place, &records), counted.clone());
        let alone: Vec<usize> = timelines.iter().map(|timeline| timeline.below(place, &records)).collect();
        prop_assert_eq!(alone, counted);
    }
}

#[test]
fn a_log_of_many_chunks_takes_insertions_anywhere() {
    let places: Vec<Place> =
        (0..20_000_i64).map(|at| ((at * 7919) % 20_000 / 3, u128::from(at.unsigned_abs()))).collect();
    let (records, slots) = records(&places);
    let mut log = Log::default();
    for (place, slot) in &slots {
        log.insert(*place, *slot, &records);
    }
    let walked: Vec<Place> =
        log.up_from((i64::MIN, 0), &records).map(|line| records.get(line.slot).place()).collect();
    assert_eq!(walked.len(), 20_000);
    assert!(walked.is_sorted());
    for (place, _) in &slots[..15_000] {
        log.remove(*place, &records);
    }
    assert_eq!(log.down_from((i64::MAX, 0), &records).count(), 5000);
    assert_eq!(log.drop_oldest(1000, &records).len(), 1000);
    assert_eq!(log.up_from((i64::MIN, 0), &records).count(), 4000);
    assert_eq!(log.drop_oldest(9000, &records).len(), 4000);
    assert!(log.oldest().is_none());
}

#[tokio::test]
async fn a_kept_page_is_right_until_something_touches_its_feed() {
    let world = World::filled(AMPLE).await;
    let [ivan, eric, niko] =
        [user(&world.here, "ivan").await, user(&world.here, "eric").await, user(&world.here, "niko").await];
    follow(&world.here, &ivan, &eric).await;
    post(&world.here, &eric).await;
    let feeds = &world.here.feeds;
    let is_unchanged = |kind, owner, since| feeds.unchanged(kind, owner, since).is_some();

    let before = feeds.mark().unwrap();
    post(&world.here, &niko).await;
    follow(&world.here, &niko, &eric).await;
    user(&world.here, "zoe").await;
    let by_now = feeds.unchanged(FeedKind::Friends, &ivan, before).unwrap();
    assert_eq!(by_now.position, before.position + 3);
    assert!(is_unchanged(FeedKind::Own, &eric, before) && !is_unchanged(FeedKind::Own, &niko, before));

    let before = by_now;
    post(&world.here, &eric).await;
    assert!(!is_unchanged(FeedKind::Friends, &ivan, before) && is_unchanged(FeedKind::Own, &ivan, before));

    let before = feeds.mark().unwrap();
    follow(&world.here, &ivan, &niko).await;
    assert!(!is_unchanged(FeedKind::Friends, &ivan, before));

    // A block hides mentions on both sides, also where nobody follows.
    let before = feeds.mark().unwrap();
    world.here.relations.add(RelationKind::Block, &eric, &niko).await.unwrap();
    assert!(
        !is_unchanged(FeedKind::Mentions, &eric, before) && !is_unchanged(FeedKind::Mentions, &niko, before)
    );
    assert!(is_unchanged(FeedKind::Mentions, &ivan, before));

    // Another copy knows nothing of what the one before it told.
    let before = feeds.mark().unwrap();
    assert!(is_unchanged(FeedKind::Friends, &ivan, before));
    world.index.fill().await.unwrap();
    assert!(!is_unchanged(FeedKind::Friends, &ivan, before));
}
