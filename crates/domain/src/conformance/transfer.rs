//! Exporting, and importing the export elsewhere.

use std::{
    ops::ControlFlow,
    sync::{Arc, Mutex, PoisonError},
};

use super::{
    histories::random_history,
    imports::import,
    kit::{doing, done, ids, name},
    model::Model,
    random::Random,
    world::World,
};
use crate::{
    feed::FeedKind,
    follow::{FollowFrom, FollowSide},
    page::{Boundary, Direction, Span},
    relation::RelationKind,
    text::Username,
    transfer::{Imported, OnBadRecord, Record},
};

/// Everything that a store exports.
pub(super) async fn exported(world: &World) -> Vec<Record> {
    export_up_to(world, usize::MAX).await
}

async fn export_up_to(world: &World, count: usize) -> Vec<Record> {
    let records = Arc::new(Mutex::new(Vec::new()));
    let sink = records.clone();
    let push = move |record| {
        let mut records = sink.lock().unwrap_or_else(PoisonError::into_inner);
        records.push(record);
        if records.len() < count { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    done(world.stores.transfer.export(Box::new(push)).await);
    std::mem::take(&mut records.lock().unwrap_or_else(PoisonError::into_inner))
}

pub(super) async fn an_export_is_in_order(world: World) {
    let [ivan, eric, niko] = world.users(["ivan", "eric", "niko"]).await;
    let first = world.post(doing(&niko, "first")).await;
    let second = world.post(doing(&ivan, "second").to(&eric).at(crate::Timestamp::EPOCH)).await;
    world.follow_from(&niko, &eric, FollowFrom::Now).await;
    world.follow(&eric, &niko).await;
    world.unfollow(&eric, &niko, true).await;
    world.follow(&ivan, &eric).await;
    world.mute(&ivan, &niko).await;
    world.block(&niko, &ivan).await;
    let rename = world.rename(&niko, "nikolai").await;
    let exported = exported(&world).await;
    let told: Vec<String> = exported
        .iter()
        .map(|record| match record {
            Record::User(user) => format!("user {}", user.username),
            Record::Activity(activity) => format!("activity {}", activity.verb),
            Record::Follow(follow) => {
                let kept = if follow.current.is_some() { "" } else { "kept " };
                format!("{kept}follow {} {}", follow.follower, follow.followee)
            }
            Record::Block(relation) => format!("block {} {}", relation.owner, relation.other),
            Record::Mute(relation) => format!("mute {} {}", relation.owner, relation.other),
        })
        .collect();
    let expected = [
        "user ivan",
        "user eric",
        "user nikolai",
        "activity first",
        "activity second",
        "follow nikolai eric",
        "follow ivan eric",
        "kept follow eric nikolai",
        "block nikolai ivan",
        "mute ivan nikolai",
    ];
    assert_eq!(told, expected);
    let activities: Vec<_> = exported
        .into_iter()
        .filter_map(|record| if let Record::Activity(activity) = record { Some(activity) } else { None })
        .collect();
    assert_eq!(activities, [crate::Activity { actor: rename, ..first }, second]);
}

pub(super) async fn an_export_ends_when_its_sink_has_enough(world: World) {
    world.users(["a", "b", "c", "d"]).await;
    assert_eq!(export_up_to(&world, 2).await.len(), 2);
    assert_eq!(exported(&world).await.len(), 4);
}

pub(super) async fn an_export_imported_elsewhere_gives_the_same_feeds(world: World) {
    let mut random = Random::new(0xE4);
    let mut model = Model::default();
    for _ in 0..250 {
        random_history(&world, &mut model, &mut random).await;
    }
    let records = exported(&world).await;
    let elsewhere = world.another().await;
    // In several batches, as a file is read.
    for chunk in records.chunks(37) {
        let outcomes = import(&elsewhere, chunk.to_vec(), OnBadRecord::Stop).await;
        assert!(outcomes.iter().all(|outcome| *outcome == Imported::New), "{outcomes:?}");
    }
    assert_eq!(exported(&elsewhere).await, records, "the export of the copy is another");
    for username in model.names() {
        compare_user(&world, &elsewhere, &username).await;
    }
    // What is imported goes on like what was there from the beginning.
    model.check(&elsewhere, &model.names(), 3, "after an import").await;
}

async fn compare_user(world: &World, elsewhere: &World, username: &Username) {
    for kind in [FeedKind::Own, FeedKind::Friends, FeedKind::Mentions] {
        let (here, there) = (world.feed(kind, username).await, elsewhere.feed(kind, username).await);
        assert_eq!(ids(&here), ids(&there), "the {kind:?} feed of '{username}'");
        assert_eq!(here, there);
    }
    let top = || Span { boundary: Boundary::Top, direction: Direction::Forward, take: 1000 };
    for side in [FollowSide::Following, FollowSide::Followers] {
        let list = async |world: &World| {
            let listed = done(world.stores.follows.list(username, side, top()).await);
            let items = listed.map(|listed| listed.items).unwrap_or_default();
            items.into_iter().map(|item| item.follow).collect::<Vec<_>>()
        };
        assert_eq!(list(world).await, list(elsewhere).await, "{side:?} of '{username}'");
    }
    for kind in [RelationKind::Block, RelationKind::Mute] {
        let list = async |world: &World| {
            let listed = done(world.stores.relations.list(kind, username, top()).await);
            let items = listed.map(|listed| listed.items).unwrap_or_default();
            items.into_iter().map(|item| (item.username, item.place.since)).collect::<Vec<_>>()
        };
        assert_eq!(list(world).await, list(elsewhere).await, "{kind:?} of '{username}'");
    }
    let (here, there) = (world.found(username).await, elsewhere.found(username).await);
    assert_eq!(
        (here.following, here.followers, here.activities, here.display_name, here.created_at),
        (there.following, there.followers, there.activities, there.display_name, there.created_at),
        "'{username}'"
    );
}

pub(super) async fn an_empty_store_exports_nothing(world: World) {
    assert_eq!(exported(&world).await, []);
    assert_eq!(done(world.stores.users.find(&name("ivan")).await), None);
}
