//! Counts: what users carry equals a recount.

use super::{histories::random_history, kit::done, model::Model, random::Random, world::World};
use crate::{
    feed::FeedKind,
    follow::FollowSide,
    page::{Boundary, Direction, Span},
};

pub(super) async fn counts_equal_a_recount_after_a_random_history(world: World) {
    let mut random = Random::new(0xC0);
    let mut model = Model::default();
    for step in 0..300 {
        random_history(&world, &mut model, &mut random).await;
        if step % 20 == 19 {
            recount(&world, &model, step).await;
        }
    }
}

async fn recount(world: &World, model: &Model, step: usize) {
    for username in model.names() {
        let user = world.found(&username).await;
        let list = async |side| {
            let span = Span { boundary: Boundary::Top, direction: Direction::Forward, take: 1000 };
            let listed = done(world.stores.follows.list(&username, side, span).await);
            listed.map_or(0, |listed| listed.items.len() as u64)
        };
        let activities = world.feed(FeedKind::Own, &username).await.len() as u64;
        assert_eq!(user.activities, activities, "activities of '{username}' after step {step}");
        let (following, followers) = (list(FollowSide::Following).await, list(FollowSide::Followers).await);
        assert_eq!(
            (user.following, user.followers),
            (following, followers),
            "'{username}' after step {step}"
        );
    }
}
