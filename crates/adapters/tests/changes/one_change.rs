//! What is told of one change, on every store.

use std::{collections::BTreeMap, sync::Arc};

use feed_me_domain::{
    ActivityId, FollowFrom, FollowRequest, Given, RelationKind, Timestamp, UnfollowRequest, UserPatch,
    Username,
    ports::{FeedFacts, Stores},
    services::FeedChanges,
};

use crate::{
    fresh_postgres::FreshDatabase,
    world::{World, memory, postgres, sqlite},
};

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
