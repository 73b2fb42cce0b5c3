//! Writes that come at once: each has one place in the sequence.

use std::future::Future;

use super::{
    kit::{carried_out, doing, done, keyed, request},
    world::World,
};
use crate::{
    feed::FeedKind,
    follow::FollowRequest,
    given::Given,
    idempotency::{Attempt, KeyRefusal},
    ports::{Followed, Posted, UserPut},
    user::PutUser,
};

/// Does the same at once, many times over.
async fn at_once<T, Fut>(times: usize, act: impl Fn(usize) -> Fut) -> Vec<T>
where
    T: Send + 'static,
    Fut: Future<Output = T> + Send + 'static,
{
    let tasks: Vec<_> = (0..times).map(|index| tokio::spawn(act(index))).collect();
    let mut answers = Vec::with_capacity(times);
    for task in tasks {
        answers.push(task.await.unwrap_or_else(|error| panic!("{error}")));
    }
    answers
}

pub(super) async fn posts_at_once_leave_a_dense_log_in_their_order(world: World) {
    let ivan = world.user("ivan").await;
    let posted = at_once(40, |index| {
        let (activities, activity) =
            (world.stores.activities.clone(), doing(&ivan, &format!("post {index}")));
        async move { carried_out(activities.post(activity, None).await) }
    })
    .await;
    assert!(posted.iter().all(|posted| matches!(posted, Posted::Created(_))), "{posted:?}");
    let mut own = world.feed(FeedKind::Own, &ivan).await;
    own.reverse();
    let events = world.events_after(1).await;
    assert_eq!((own.len(), events.len()), (40, 40));
    for (index, (event, activity)) in events.iter().zip(&own).enumerate() {
        assert_eq!(event.position, i64::try_from(index).unwrap_or(0) + 2, "the sequence is not dense");
        assert_eq!((event.activity, event.at), (Some(activity.id), activity.published), "two orders differ");
    }
    assert_eq!(world.found(&ivan).await.activities, 40);
}

pub(super) async fn one_external_id_at_once_is_one_activity(world: World) {
    let ivan = world.user("ivan").await;
    for round in 0..5 {
        let posted = at_once(8, |_| {
            let activity = doing(&ivan, "shared").known_as(&round.to_string());
            let activities = world.stores.activities.clone();
            async move { carried_out(activities.post(activity, None).await) }
        })
        .await;
        let created = posted.iter().filter(|posted| matches!(posted, Posted::Created(_))).count();
        let existing = posted.iter().filter(|posted| matches!(posted, Posted::Existing(_))).count();
        assert_eq!((created, existing), (1, 7), "{posted:?}");
    }
    assert_eq!(world.found(&ivan).await.activities, 5);
}

pub(super) async fn one_key_at_once_is_one_effect(world: World) {
    let ivan = world.user("ivan").await;
    for round in 0..5 {
        let key = request(&round.to_string(), "body");
        let attempts = at_once(8, |_| {
            let activities = world.stores.activities.clone();
            let activity = doing(&ivan, "waited");
            let answer = keyed(key, &[&ivan], |posted| matches!(posted, Posted::Created(_)));
            async move { done(activities.post(activity, answer).await) }
        })
        .await;
        let carried_out = attempts.iter().filter(|attempt| matches!(attempt, Attempt::Done(_))).count();
        assert_eq!(carried_out, 1, "{attempts:?}");
        for attempt in attempts {
            let is_fine = matches!(
                attempt,
                Attempt::Done(_) | Attempt::Replayed(_) | Attempt::Refused(KeyRefusal::UnderWay)
            );
            assert!(is_fine, "{attempt:?}");
        }
    }
    assert_eq!(world.found(&ivan).await.activities, 5);
}

pub(super) async fn one_follow_at_once_is_new_once(world: World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    let answers = at_once(8, |_| {
        let follows = world.stores.follows.clone();
        let request = FollowRequest { follower: ivan.clone(), followee: eric.clone(), from: None };
        async move { carried_out(follows.follow(request, None).await) }
    })
    .await;
    let new = answers.iter().filter(|answer| matches!(answer, Followed::Now(_))).count();
    assert_eq!(new, 1, "{answers:?}");
    assert_eq!(world.found(&eric).await.followers, 1);
    assert_eq!(world.position().await, 3);
}

pub(super) async fn one_name_at_once_is_one_user(world: World) {
    let answers = at_once(8, |_| {
        let users = world.stores.users.clone();
        let put = PutUser { username: super::kit::name("ivan"), display_name: Given::Absent };
        async move { done(users.put(put).await) }
    })
    .await;
    let created = answers.iter().filter(|answer| matches!(answer, UserPut::Created(_))).count();
    assert_eq!(created, 1, "{answers:?}");
    assert_eq!(world.position().await, 1);
}
