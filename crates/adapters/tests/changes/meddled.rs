//! What is told while others write.

use std::sync::Arc;

use feed_me_domain::{
    Activity, FollowRequest, Given, RelationKind, UserPatch, Username, services::ChangeService,
};

use crate::{
    meddler::Meddler,
    world::{Copy, World, memory},
};

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
