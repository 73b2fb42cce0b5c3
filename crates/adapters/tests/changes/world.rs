//! Users to whom things happen, clients that have copies of their feeds, and the stores they live in.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use feed_me_adapters::{
    memory::MemoryStore,
    postgres::{PgOptions, PgStore, migrations},
    sqlite::{Access, SqliteOptions, SqliteStore},
    system::{SystemClock, SystemIds},
};
use feed_me_domain::{
    Activity, ActivityId, ActivityPatch, Boundary, Direction, FeedFilter, FeedKind, FeedQuery, FollowFrom,
    FollowRequest, Given, NewActivity, Precondition, PutUser, RelationKind, Shape, Span, Timestamp,
    UnfollowRequest, UserPatch, Username, Verb,
    ports::{FeedFacts, Posted, Stores},
    services::{ChangeService, FeedChanges},
};

use crate::fresh_postgres::FreshDatabase;

/// Choices, the same for the same seed.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % end
    }
}

/// What a client has of a feed.
#[derive(Default)]
pub(crate) struct Copy {
    pub(crate) position: i64,
    pub(crate) items: BTreeMap<ActivityId, Activity>,
}

impl Copy {
    pub(crate) fn take(&mut self, changes: FeedChanges) {
        for id in &changes.removed {
            self.items.remove(id);
        }
        for activity in changes.added.into_iter().chain(changes.edited) {
            self.items.insert(activity.id, activity);
        }
        self.position = changes.position;
    }
}

pub(crate) struct World {
    pub(crate) stores: Stores,
    pub(crate) changes: ChangeService,
    pub(crate) users: Vec<Username>,
    pub(crate) copies: Vec<Copy>,
    pub(crate) activities: Vec<ActivityId>,
    pub(crate) random: Random,
    pub(crate) names: usize,
}

impl World {
    pub(crate) async fn new(stores: Stores, facts: Arc<dyn FeedFacts>, seed: u64) -> Self {
        let changes =
            ChangeService::new(stores.users.clone(), stores.activities.clone(), stores.events.clone(), facts);
        let (users, copies, activities) = (Vec::new(), Vec::new(), Vec::new());
        let mut world = Self { stores, changes, users, copies, activities, random: Random(seed), names: 0 };
        for _ in 0..5 {
            world.join().await;
        }
        world
    }

    pub(crate) async fn join(&mut self) {
        let username = Username::parse(&format!("user {}", self.names)).unwrap();
        self.names += 1;
        let wish = PutUser { username: username.clone(), display_name: Given::Absent };
        self.stores.users.put(wish).await.unwrap();
        let position = self.stores.events.extent().await.unwrap().last;
        self.users.push(username);
        self.copies.push(Copy { position, ..Copy::default() });
    }

    pub(crate) fn any(&mut self) -> Username {
        let index = self.random.below(self.users.len());
        self.users[index].clone()
    }

    pub(crate) async fn post(
        &mut self,
        actor: Username,
        target: Option<Username>,
        published: Option<Timestamp>,
    ) {
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
    pub(crate) async fn step(&mut self) {
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

    pub(crate) async fn feed(&self, owner: &Username) -> BTreeMap<ActivityId, Activity> {
        let span = Span { boundary: Boundary::Top, direction: Direction::Forward, take: 10_000 };
        let (kind, filter) = (FeedKind::Friends, FeedFilter::default());
        let query = FeedQuery { kind, owner: owner.clone(), filter, span, skip: 0, shape: Shape::Whole };
        let slice = self.stores.feeds.page(&query).await.unwrap().unwrap();
        let items = slice.into_whole().unwrap();
        items.into_iter().map(|activity| (activity.id, activity)).collect()
    }

    /// Brings a copy up to date, and compares it with the feed.
    pub(crate) async fn sync(&mut self, index: usize) {
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

    pub(crate) async fn run(&mut self, steps: usize) {
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

pub(crate) fn memory() -> (Stores, Arc<MemoryStore>) {
    let store = Arc::new(MemoryStore::new(Arc::new(SystemClock), Arc::new(SystemIds)));
    (Stores::of(store.clone()), store)
}

pub(crate) fn sqlite(folder: &std::path::Path) -> Arc<SqliteStore> {
    let options = SqliteOptions {
        path: folder.join("feed-me.db"),
        access: Access::ReadWrite { pages_max: None },
        readers: 2,
        acquire_timeout: Duration::from_secs(30),
        commit_group_max: 16,
    };
    Arc::new(SqliteStore::open(options, Arc::new(SystemClock), Arc::new(SystemIds)).unwrap())
}

pub(crate) fn postgres(database: &FreshDatabase) -> Arc<PgStore> {
    migrations::run_pending(&database.url).unwrap();
    let options = PgOptions {
        url: database.url.clone(),
        pool_size: 2,
        acquire_timeout: Duration::from_secs(30),
        commit_group_max: 16,
    };
    Arc::new(PgStore::connect(options, Arc::new(SystemClock), Arc::new(SystemIds)).unwrap())
}
