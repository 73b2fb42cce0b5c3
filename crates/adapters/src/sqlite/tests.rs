//! What is SQLite's own. What every store promises is asked by the conformance suite.

mod feeds;
mod recent;
mod transfer;
mod writing;

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use feed_me_domain::{
    Activity, Attempt, Boundary, Direction, FeedFilter, FeedKind, FeedQuery, FollowFrom, FollowRequest,
    Given, NewActivity, Position, PutUser, Span, Timestamp, Username, Verb,
    ports::{ActivityRepository, Clock, FeedRepository, FollowRepository, Posted, UserRepository},
};
use tempfile::TempDir;

use super::{Access, SqliteOptions, SqliteStore};
use crate::system::SystemIds;

/// A clock that a test sets.
#[derive(Default)]
pub(super) struct SetClock(AtomicI64);

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::Relaxed)).unwrap_or(Timestamp::EPOCH)
    }
}

/// A store in a folder of its own, and short ways to say what happens in it.
pub(super) struct World {
    pub(super) store: SqliteStore,
    pub(super) clock: Arc<SetClock>,
    pub(super) folder: TempDir,
}

impl World {
    pub(super) async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let clock = Arc::new(SetClock(AtomicI64::new(1_000_000_000_000)));
        let store = open(&folder, clock.clone());
        store.migrate().await.unwrap();
        Self { store, clock, folder }
    }

    pub(super) async fn user(&self, name: &str) -> Username {
        let username = Username::parse(name).unwrap();
        self.store.put(PutUser { username: username.clone(), display_name: Given::Absent }).await.unwrap();
        username
    }

    pub(super) async fn post(&self, wish: NewActivity) -> Activity {
        match self.store.post(wish, None).await.unwrap() {
            Attempt::Done(Posted::Created(activity)) => activity,
            other => panic!("{other:?}"),
        }
    }

    pub(super) async fn follow(&self, follower: &Username, followee: &Username, from: Option<FollowFrom>) {
        let request = FollowRequest { follower: follower.clone(), followee: followee.clone(), from };
        self.store.follow(request, None).await.unwrap();
    }

    pub(super) async fn read(&self, query: &FeedQuery) -> Vec<Activity> {
        self.store.page(query).await.unwrap().unwrap().into_whole().unwrap()
    }
}

pub(super) fn open(folder: &TempDir, clock: Arc<SetClock>) -> SqliteStore {
    let options = SqliteOptions {
        path: folder.path().join("deep/er/feed.db"),
        access: Access::ReadWrite { pages_max: None },
        readers: 2,
        acquire_timeout: Duration::from_millis(500),
        commit_group_max: 256,
    };
    SqliteStore::open(options, clock, Arc::new(SystemIds)).unwrap()
}

pub(super) fn wish(actor: &Username, published: Option<i64>) -> NewActivity {
    NewActivity {
        actor: actor.clone(),
        verb: Verb::parse("post").unwrap(),
        object: Given::Absent,
        target: Given::Absent,
        published: published.map(|micros| Timestamp::from_micros(micros).unwrap()),
        external_id: None,
        data: None,
    }
}

pub(super) fn friends(owner: &Username, take: usize) -> FeedQuery {
    FeedQuery {
        kind: FeedKind::Friends,
        owner: owner.clone(),
        filter: FeedFilter::default(),
        span: Span { boundary: Boundary::<Position>::Top, direction: Direction::Forward, take },
        skip: 0,
        shape: feed_me_domain::Shape::Whole,
    }
}
