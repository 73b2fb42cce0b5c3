//! What is told where much has happened, or nobody knows any more what.

use feed_me_domain::{FollowFrom, FollowRequest, RelationKind, Timestamp, UnfollowRequest, Username};

use crate::world::{World, memory};

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
