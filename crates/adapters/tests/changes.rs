//! Changes of friends feeds: put into old copies, they are the feeds, whatever happened in between.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/postgres.rs"]
mod fresh_postgres;
#[path = "support/meddler.rs"]
mod meddler;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use feed_me_adapters::{
    index::{FeedIndex, IndexOptions, Sample},
    memory::MemoryStore,
    postgres::{PgOptions, PgStore, migrations},
    sqlite::{Access, SqliteOptions, SqliteStore},
    system::{SystemClock, SystemIds},
};
use feed_me_domain::{
    Activity, ActivityId, ActivityPatch, Boundary, Direction, FeedFilter, FeedKind, FeedQuery, FollowFrom,
    FollowRequest, Given, NewActivity, Precondition, PutUser, RelationKind, Shape, Span, Timestamp,
    UnfollowRequest, UserPatch, Username, Verb,
    ports::{EventLog, FeedFacts, Posted, Stores},
    services::{ChangeService, FeedChanges},
};
use fresh_postgres::FreshDatabase;
use meddler::Meddler;

/// Choices, the same for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % end
    }
}

/// What a client has of a feed.
#[derive(Default)]
struct Copy {
    position: i64,
    items: BTreeMap<ActivityId, Activity>,
}

impl Copy {
    fn take(&mut self, changes: FeedChanges) {
        for id in &changes.removed {
            self.items.remove(id);
        }
        for activity in changes.added.into_iter().chain(changes.edited) {
            self.items.insert(activity.id, activity);
        }
        self.position = changes.position;
    }
}

struct World {
    stores: Stores,
    changes: ChangeService,
    users: Vec<Username>,
    copies: Vec<Copy>,
    activities: Vec<ActivityId>,
    random: Random,
    names: usize,
}

impl World {
    async fn new(stores: Stores, facts: Arc<dyn FeedFacts>, seed: u64) -> Self {
        let changes =
            ChangeService::new(stores.users.clone(), stores.activities.clone(), stores.events.clone(), facts);
        let (users, copies, activities) = (Vec::new(), Vec::new(), Vec::new());
        let mut world = Self { stores, changes, users, copies, activities, random: Random(seed), names: 0 };
        for _ in 0..5 {
            world.join().await;
        }
        world
    }

    async fn join(&mut self) {
        let username = Username::parse(&format!("user {}", self.names)).unwrap();
        self.names += 1;
        let wish = PutUser { username: username.clone(), display_name: Given::Absent };
        self.stores.users.put(wish).await.unwrap();
        let position = self.stores.events.extent().await.unwrap().last;
        self.users.push(username);
        self.copies.push(Copy { position, ..Copy::default() });
    }

    fn any(&mut self) -> Username {
        let index = self.random.below(self.users.len());
        self.users[index].clone()
    }

    async fn post(&mut self, actor: Username, target: Option<Username>, published: Option<Timestamp>) {
        let activity = NewActivity {
            actor,
            verb: Verb::parse("wrote").unwrap(),
            object: Given::Absent,
            target: target.map_or(Given::Absent, Given::Value),
            published,
            external_id: None,
            data: None,
        };
        let posted = self.stores.activities.post(activity, None).await.unwrap();
        if let feed_me_domain::Attempt::Done(Posted::Created(activity)) = posted {
            self.activities.push(activity.id);
        }
    }

    /// Something happens.
    async fn step(&mut self) {
        let (one, other) = (self.any(), self.any());
        let past = Timestamp::EPOCH.plus_micros(i64::try_from(self.random.below(1000)).unwrap());
        match self.random.below(20) {
            0..5 => {
                let target = (self.random.below(2) == 0).then_some(other);
                let published = (self.random.below(3) == 0).then_some(past);
                self.post(one, target, published).await;
            }
            5..9 => {
                let from = match self.random.below(4) {
                    0 => Some(FollowFrom::Now),
                    1 => Some(FollowFrom::At(past)),
                    2 => Some(FollowFrom::Beginning),
                    _ => None,
                };
                let request = FollowRequest { follower: one, followee: other, from };
                self.stores.follows.follow(request, None).await.unwrap();
            }
            9..11 => {
                let keep_history = self.random.below(2) == 0;
                let request = UnfollowRequest { follower: one, followee: other, keep_history };
                self.stores.follows.unfollow(request, None).await.unwrap();
            }
            11..13 if !self.activities.is_empty() => {
                let at = self.random.below(self.activities.len());
                let target = if self.random.below(2) == 0 { Given::Value(other) } else { Given::Null };
                let patch = ActivityPatch { target, ..ActivityPatch::default() };
                let edited = self.stores.activities.edit(self.activities[at], patch, Precondition::None);
                edited.await.unwrap();
            }
            13..15 if !self.activities.is_empty() => {
                let at = self.random.below(self.activities.len());
                let id = self.activities.swap_remove(at);
                self.stores.activities.delete(id, Precondition::None).await.unwrap();
            }
            15 => {
                let kind = [RelationKind::Block, RelationKind::Mute][self.random.below(2)];
                self.stores.relations.add(kind, &one, &other).await.unwrap();
            }
            16..18 => {
                let kind = [RelationKind::Block, RelationKind::Mute][self.random.below(2)];
                self.stores.relations.remove(kind, &one, &other).await.unwrap();
            }
            18 => {
                let username = Username::parse(&format!("user {}", self.names)).unwrap();
                self.names += 1;
                let patch = UserPatch { username: Some(username.clone()), display_name: Given::Absent };
                self.stores.users.edit(&one, patch).await.unwrap();
                let index = self.users.iter().position(|user| *user == one).unwrap();
                self.users[index] = username;
            }
            19 if self.random.below(3) == 0 => {
                let index = self.users.iter().position(|user| *user == one).unwrap();
                self.stores.users.erase(&one).await.unwrap();
                self.users.remove(index);
                self.copies.remove(index);
                self.join().await;
            }
            _ => {}
        }
    }

    async fn feed(&self, owner: &Username) -> BTreeMap<ActivityId, Activity> {
        let span = Span { boundary: Boundary::Top, direction: Direction::Forward, take: 10_000 };
        let (kind, filter) = (FeedKind::Friends, FeedFilter::default());
        let query = FeedQuery { kind, owner: owner.clone(), filter, span, skip: 0, shape: Shape::Whole };
        let slice = self.stores.feeds.page(&query).await.unwrap().unwrap();
        let items = slice.into_whole().unwrap();
        items.into_iter().map(|activity| (activity.id, activity)).collect()
    }

    /// Brings a copy up to date, and compares it with the feed.
    async fn sync(&mut self, index: usize) {
        let owner = self.users[index].clone();
        let changes = self.changes.friends(&owner, Some(self.copies[index].position)).await.unwrap();
        assert!(!changes.resync, "nothing here is so large");
        let position = changes.position;
        self.copies[index].take(changes);
        let feed = self.feed(&owner).await;
        assert_eq!(self.copies[index].items, feed, "the copy of '{owner}' at {position}");
        let nothing = self.changes.friends(&owner, Some(position)).await.unwrap();
        assert!(nothing.added.is_empty() && nothing.edited.is_empty() && nothing.removed.is_empty());
    }

    async fn run(&mut self, steps: usize) {
        for _ in 0..steps {
            self.step().await;
            // Some copies are old before they are brought up to date.
            let index = self.random.below(self.users.len() * 4);
            if index < self.users.len() {
                self.sync(index).await;
            }
        }
        for index in 0..self.users.len() {
            self.sync(index).await;
        }
    }
}

fn memory() -> (Stores, Arc<MemoryStore>) {
    let store = Arc::new(MemoryStore::new(Arc::new(SystemClock), Arc::new(SystemIds)));
    (Stores::of(store.clone()), store)
}

#[tokio::test]
async fn copies_in_memory_are_the_feeds() {
    for seed in 0..40 {
        let (stores, facts) = memory();
        World::new(stores, facts, seed).await.run(300).await;
    }
}

fn sqlite(folder: &std::path::Path) -> Arc<SqliteStore> {
    let options = SqliteOptions {
        path: folder.join("feed-me.db"),
        access: Access::ReadWrite { pages_max: None },
        readers: 2,
        acquire_timeout: Duration::from_secs(30),
        commit_group_max: 16,
    };
    Arc::new(SqliteStore::open(options, Arc::new(SystemClock), Arc::new(SystemIds)).unwrap())
}

fn postgres(database: &FreshDatabase) -> Arc<PgStore> {
    migrations::run_pending(&database.url).unwrap();
    let options = PgOptions {
        url: database.url.clone(),
        pool_size: 2,
        acquire_timeout: Duration::from_secs(30),
        commit_group_max: 16,
    };
    Arc::new(PgStore::connect(options, Arc::new(SystemClock), Arc::new(SystemIds)).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_of_sqlite_are_the_feeds() {
    let folder = tempfile::tempdir().unwrap();
    let store = sqlite(folder.path());
    store.migrate().await.unwrap();
    World::new(Stores::of(store.clone()), store, 7).await.run(500).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_sqlite_has_at_hand_is_what_its_log_tells() {
    let folder = tempfile::tempdir().unwrap();
    let store = sqlite(folder.path());
    store.migrate().await.unwrap();
    assert_eq!(store.recent(0, 1), [], "from now on changes are kept");
    let mut world = World::new(Stores::of(store.clone()), store.clone(), 9).await;
    let mut from = 0;
    for _ in 0..800 {
        let changes = store.changes(from, 100).await.unwrap();
        assert_eq!(store.recent(from, 100), changes);
        from = changes.last().map_or(from, |change| change.position);
        world.step().await;
    }
    assert!(300 < from, "something happened");
}

/// Writes that share commits, from many at once: what the index took in of them is what the database has.
#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_follows_many_writers_is_what_sqlite_has() {
    let folder = tempfile::tempdir().unwrap();
    let store = sqlite(folder.path());
    store.migrate().await.unwrap();
    let options = IndexOptions { stale_after: Duration::from_hours(1), ..IndexOptions::default() };
    let (index, stores) = FeedIndex::over(&Stores::of(store.clone()), store.clone(), options);
    index.fill().await.unwrap();
    let writers: Vec<_> = (0..8)
        .map(|seed| {
            let (stores, store) = (stores.clone(), store.clone());
            tokio::spawn(async move {
                let mut world = World::new(stores, store, seed).await;
                for _ in 0..150 {
                    world.step().await;
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    // Before anybody looks at the log: everything that was answered is in it.
    assert_eq!(index.status().position, store.extent().await.unwrap().last);
    let compared = index.compare(Sample::All, Duration::ZERO, |_, _| ()).await.unwrap();
    assert_eq!((compared.differences, compared.left_to_sql), (vec![], 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_of_postgres_are_the_feeds() {
    let database = FreshDatabase::new();
    let store = postgres(&database);
    World::new(Stores::of(store.clone()), store, 8).await.run(500).await;
}

/// What was told of one change, by the objects of activities.
#[derive(Debug, Default, PartialEq, Eq)]
struct Told {
    added: Vec<&'static str>,
    removed: Vec<&'static str>,
}

fn added(objects: &[&'static str]) -> Told {
    Told { added: objects.to_vec(), removed: vec![] }
}

fn removed(objects: &[&'static str]) -> Told {
    Told { removed: objects.to_vec(), added: vec![] }
}

/// A reader, an author with three activities (`old`, `mid`, `new`), and who is told what.
struct Scene {
    world: World,
    reader: Username,
    author: Username,
    activities: BTreeMap<ActivityId, &'static str>,
    position: i64,
}

impl Scene {
    async fn new(stores: Stores, facts: Arc<dyn FeedFacts>) -> Self {
        let mut world = World::new(stores, facts, 1).await;
        let (reader, author) = (world.users[0].clone(), world.users[1].clone());
        for published in [at(1), at(2), at(3)] {
            world.post(author.clone(), None, Some(published)).await;
        }
        let activities = world.activities.iter().copied().zip(["old", "mid", "new"]).collect();
        let position = world.stores.events.extent().await.unwrap().last;
        Self { world, reader, author, activities, position }
    }

    async fn follow(&self, from: FollowFrom) {
        let (follower, followee) = (self.reader.clone(), self.author.clone());
        let request = FollowRequest { follower, followee, from: Some(from) };
        self.world.stores.follows.follow(request, None).await.unwrap();
    }

    async fn unfollow(&self, keep_history: bool) {
        let (follower, followee) = (self.reader.clone(), self.author.clone());
        let request = UnfollowRequest { follower, followee, keep_history };
        self.world.stores.follows.unfollow(request, None).await.unwrap();
    }

    async fn relate(&self, kind: RelationKind, owner: &Username, other: &Username) {
        self.world.stores.relations.add(kind, owner, other).await.unwrap();
    }

    async fn unrelate(&self, kind: RelationKind, owner: &Username, other: &Username) {
        self.world.stores.relations.remove(kind, owner, other).await.unwrap();
    }

    async fn rename(&mut self, patch: UserPatch) {
        self.world.stores.users.edit(&self.author, patch.clone()).await.unwrap();
        self.author = patch.username.unwrap_or(self.author.clone());
    }

    async fn changes(&mut self) -> FeedChanges {
        let changes = self.world.changes.friends(&self.reader, Some(self.position)).await.unwrap();
        assert!(!changes.resync, "nothing here is so large");
        self.position = changes.position;
        changes
    }

    /// What the reader is told of what happened since the last time, in order of time.
    async fn told(&mut self) -> Told {
        let changes = self.changes().await;
        assert_eq!(changes.edited, []);
        let name = |id: &ActivityId| self.activities[id];
        let mut told = Told {
            added: changes.added.iter().rev().map(|activity| name(&activity.id)).collect(),
            removed: changes.removed.iter().map(name).collect(),
        };
        told.removed.sort_by_key(|name| ["old", "mid", "new"].iter().position(|known| known == name));
        told
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::EPOCH.plus_micros(second * 1_000_000)
}

/// One change at a time, so a copy is at the position that it is told from: what it has is not told to be new, nor what it
/// lacks to be gone.
async fn only_what_comes_and_goes_is_told(stores: Stores, facts: Arc<dyn FeedFacts>) {
    let mut scene = Scene::new(stores, facts).await;
    let (reader, author) = (scene.reader.clone(), scene.author.clone());
    for kind in [RelationKind::Block, RelationKind::Mute] {
        for (owner, other) in [(&reader, &author), (&author, &reader)] {
            scene.relate(kind, owner, other).await;
            assert_eq!(scene.told().await, Told::default(), "a {kind:?} of a stranger");
            scene.unrelate(kind, owner, other).await;
            assert_eq!(scene.told().await, Told::default(), "and its end");
        }
    }
    scene.follow(FollowFrom::At(at(2))).await;
    assert_eq!(scene.told().await, added(&["mid", "new"]));
    scene.follow(FollowFrom::Beginning).await;
    assert_eq!(scene.told().await, added(&["old"]));
    scene.follow(FollowFrom::At(at(3))).await;
    assert_eq!(scene.told().await, removed(&["old", "mid"]));
    scene.unfollow(true).await;
    assert_eq!(scene.told().await, Told::default(), "all of it was kept");
    scene.follow(FollowFrom::At(at(2))).await;
    assert_eq!(scene.told().await, added(&["mid"]));
    scene.relate(RelationKind::Mute, &reader, &author).await;
    assert_eq!(scene.told().await, removed(&["mid", "new"]));
    scene.follow(FollowFrom::Beginning).await;
    assert_eq!(scene.told().await, Told::default(), "behind the mute");
    scene.unrelate(RelationKind::Mute, &reader, &author).await;
    assert_eq!(scene.told().await, added(&["old", "mid", "new"]));
    scene.follow(FollowFrom::At(at(3))).await;
    assert_eq!(scene.told().await, removed(&["old", "mid"]));
    let display_name = Given::Value(feed_me_domain::DisplayName::parse("Somebody").unwrap());
    scene.rename(UserPatch { username: None, display_name }).await;
    assert_eq!(scene.told().await, Told::default(), "no activity shows it");
    let username = Some(Username::parse("another").unwrap());
    scene.rename(UserPatch { username, display_name: Given::Absent }).await;
    let author = scene.author.clone();
    assert_eq!(scene.changes().await.edited.len(), 1, "the one in the feed has another name");
    scene.relate(RelationKind::Block, &author, &reader).await;
    assert_eq!(scene.told().await, removed(&["new"]));
    scene.unrelate(RelationKind::Block, &author, &reader).await;
    assert_eq!(scene.told().await, Told::default(), "an unblock brings nothing back");
    scene.follow(FollowFrom::At(at(2))).await;
    assert_eq!(scene.told().await, added(&["mid", "new"]));
    scene.relate(RelationKind::Block, &reader, &author).await;
    assert_eq!(scene.told().await, removed(&["mid", "new"]));
}

#[tokio::test]
async fn only_what_comes_and_goes_is_told_in_memory() {
    let (stores, facts) = memory();
    only_what_comes_and_goes_is_told(stores, facts).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_comes_and_goes_is_told_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let store = sqlite(folder.path());
    store.migrate().await.unwrap();
    only_what_comes_and_goes_is_told(Stores::of(store.clone()), store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_comes_and_goes_is_told_on_postgres() {
    let database = FreshDatabase::new();
    let store = postgres(&database);
    only_what_comes_and_goes_is_told(Stores::of(store.clone()), store).await;
}

/// Facts are what they are when they are read, and others write between any two reads.
#[tokio::test]
async fn copies_that_are_brought_up_to_date_while_others_write_are_the_feeds() {
    for seed in 0..150 {
        let (stores, facts) = memory();
        let meddler = Arc::new(Meddler::new(facts.clone(), stores.clone(), seed));
        let mut world = World::new(stores, facts, seed).await;
        let World { stores, .. } = &world;
        let (users, activities, log) =
            (stores.users.clone(), stores.activities.clone(), stores.events.clone());
        let meddled = ChangeService::new(users, activities, log, meddler.clone());
        meddler.among(world.users.clone());
        for _ in 0..60 {
            let (one, other) = (world.any(), world.any());
            match world.random.below(3) {
                0 => {
                    let request = FollowRequest { follower: one, followee: other, from: None };
                    drop(world.stores.follows.follow(request, None).await.unwrap());
                }
                _ => world.post(one, None, None).await,
            }
            let index = world.random.below(world.users.len());
            let position = world.copies[index].position;
            let changes = meddled.friends(&world.users[index].clone(), Some(position)).await.unwrap();
            assert!(!changes.resync);
            world.copies[index].take(changes);
        }
        for index in 0..world.users.len() {
            world.sync(index).await;
        }
    }
}

/// What comes while a change is being told that moves it, or gives it another name, is new once: by its own event.
#[tokio::test]
async fn what_is_posted_while_much_moves_is_added_once_and_not_edited_before() {
    let (stores, facts) = memory();
    let meddler = Arc::new(Meddler::new(facts.clone(), stores.clone(), 1));
    let world = World::new(stores, facts, 1).await;
    let World { stores, users, .. } = &world;
    let (reader, mut author) = (users[0].clone(), users[1].clone());
    let meddled = ChangeService::new(
        stores.users.clone(),
        stores.activities.clone(),
        stores.events.clone(),
        meddler.clone(),
    );
    let mut copy = Copy { position: stores.events.extent().await.unwrap().last, ..Copy::default() };
    for round in 0..12 {
        meddler.only_posts_of(author.clone());
        match round % 4 {
            0 => {
                let request =
                    FollowRequest { follower: reader.clone(), followee: author.clone(), from: None };
                drop(stores.follows.follow(request, None).await.unwrap());
            }
            1 => {
                let name = Username::parse(&format!("renamed {round}")).unwrap();
                let patch = UserPatch { username: Some(name.clone()), display_name: Given::Absent };
                stores.users.edit(&author, patch).await.unwrap();
                author = name;
                meddler.only_posts_of(author.clone());
            }
            2 => drop(stores.relations.add(RelationKind::Mute, &reader, &author).await.unwrap()),
            _ => drop(stores.relations.remove(RelationKind::Mute, &reader, &author).await.unwrap()),
        }
        let changes = meddled.friends(&reader, Some(copy.position)).await.unwrap();
        let has = |activity: &Activity| copy.items.contains_key(&activity.id);
        assert!(!changes.added.iter().any(has), "round {round}: what was there is new again");
        assert!(changes.edited.iter().all(has), "round {round}: what was never there is edited");
        copy.take(changes);
    }
}

#[tokio::test]
async fn a_follow_that_moves_more_than_a_thousand_asks_for_the_feed_to_be_read_again() {
    let (stores, facts) = memory();
    let mut world = World::new(stores, facts, 1).await;
    let (reader, author) = (world.users[0].clone(), world.users[1].clone());
    for count in [1000, 1] {
        for _ in 0..count {
            world.post(author.clone(), None, None).await;
        }
        let position = world.stores.events.extent().await.unwrap().last;
        let request = FollowRequest { follower: reader.clone(), followee: author.clone(), from: None };
        world.stores.follows.follow(request, None).await.unwrap();
        let changes = world.changes.friends(&reader, Some(position)).await.unwrap();
        assert_eq!((changes.resync, changes.added.len()), if count == 1 { (true, 0) } else { (false, 1000) });
        assert_eq!(changes.position, position + 1);
        let (follower, followee) = (reader.clone(), author.clone());
        let request = UnfollowRequest { follower, followee, keep_history: false };
        world.stores.follows.unfollow(request, None).await.unwrap();
    }
}

#[tokio::test]
async fn positions_that_the_log_does_not_have_are_a_resync_or_refused() {
    let (stores, facts) = memory();
    let world = World::new(stores, facts, 1).await;
    let reader = &world.users[0];
    let last = world.stores.events.extent().await.unwrap().last;
    assert!(world.changes.friends(reader, Some(last + 1)).await.is_err());
    assert_eq!(world.changes.friends(reader, None).await.unwrap().position, last);
    world.stores.events.trim(Timestamp::MAX, 3).await.unwrap();
    assert!(!world.changes.friends(reader, Some(3)).await.unwrap().resync);
    let resync = world.changes.friends(reader, Some(2)).await.unwrap();
    assert_eq!((resync.resync, resync.position), (true, last));
    let nobody = Username::parse("nobody").unwrap();
    assert!(world.changes.friends(&nobody, None).await.is_err());
}

#[tokio::test]
async fn many_events_are_told_in_several_answers() {
    let (stores, facts) = memory();
    let mut world = World::new(stores, facts, 1).await;
    let (reader, author) = (world.users[0].clone(), world.users[1].clone());
    let request = FollowRequest { follower: reader.clone(), followee: author.clone(), from: None };
    world.stores.follows.follow(request, None).await.unwrap();
    let mut position = world.stores.events.extent().await.unwrap().last;
    for _ in 0..6000 {
        world.post(author.clone(), None, None).await;
    }
    let mut counts = Vec::new();
    for _ in 0..3 {
        let changes = world.changes.friends(&reader, Some(position)).await.unwrap();
        counts.push(changes.added.len());
        position = changes.position;
    }
    assert_eq!(counts, [5000, 1000, 0]);
}

/// An author may have posted more than an answer looks at: what of it was never in the feed moves nothing.
#[tokio::test]
async fn what_moves_few_of_many_is_told_item_by_item() {
    let (stores, facts) = memory();
    let mut world = World::new(stores, facts, 1).await;
    let (reader, author) = (world.users[0].clone(), world.users[1].clone());
    for _ in 0..1500 {
        world.post(author.clone(), None, None).await;
    }
    let mut position = world.stores.events.extent().await.unwrap().last;
    world.stores.relations.add(RelationKind::Mute, &reader, &author).await.unwrap();
    world.stores.relations.remove(RelationKind::Mute, &reader, &author).await.unwrap();
    let (follower, followee, from) = (reader.clone(), author.clone(), Some(FollowFrom::Now));
    world.stores.follows.follow(FollowRequest { follower, followee, from }, None).await.unwrap();
    world.post(author.clone(), None, None).await;
    for removed in [false, true] {
        if removed {
            let (follower, followee) = (reader.clone(), author.clone());
            let request = UnfollowRequest { follower, followee, keep_history: false };
            world.stores.follows.unfollow(request, None).await.unwrap();
        }
        let changes = world.changes.friends(&reader, Some(position)).await.unwrap();
        let counts = (changes.added.len(), changes.removed.len());
        assert_eq!((changes.resync, counts), (false, if removed { (0, 1) } else { (1, 0) }));
        position = changes.position;
    }
}
