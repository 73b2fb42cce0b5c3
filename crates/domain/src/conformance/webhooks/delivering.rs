//! Leases, and what becomes of deliveries.

use std::time::Duration;

use uuid::Uuid;

use super::kit::{HOUR, POLICY, dead, delivered, holder, pending, standing, top};
use crate::{
    conformance::{
        kit::{carried_out, done, expected_span, newest_first, spans},
        world::World,
    },
    id::WebhookId,
    page::Placed,
    ports::{Claimed, Progress, Redelivered},
    webhook::{
        Delivery, DeliveryState, FilterWish, MessageKind, RetryPolicy, SendOutcome, WebhookChange,
        WebhookStatus,
    },
};

pub(in crate::conformance) async fn one_holder_alone_has_a_lease_until_it_ends_or_is_given_back(
    world: World,
) {
    let webhook = world.webhook(FilterWish::default()).await;
    let paused = world.webhook(FilterWish::default()).await;
    world.switch(paused.id, false).await;
    assert!(world.work(1, webhook.id).await.is_none(), "nobody has the lease");
    assert_eq!(world.claim(1).await, [webhook.id]);
    assert_eq!(world.claim(1).await, [webhook.id], "a lease is not renewed");
    assert_eq!(world.claim(2).await, []);
    assert!(world.work(1, webhook.id).await.is_some() && world.work(2, webhook.id).await.is_none());
    assert!(!done(world.stores.webhooks.record(holder(2), standing(&webhook)).await));
    done(world.stores.webhooks.release(holder(2)).await);
    assert_eq!(world.claim(2).await, [], "a lease was given back by another");
    done(world.stores.webhooks.release(holder(1)).await);
    // A short one. The clock that it goes by may be the test's or the store's own.
    assert_eq!(done(world.stores.webhooks.claim(holder(2), 150_000).await).len(), 1);
    assert!(!world.deliver(&webhook, delivered(&webhook, 1, world.now()), 1).await);
    world.clock.advance(200_000);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(world.work(2, webhook.id).await.is_none(), "the lease is over");
    assert!(!done(world.stores.webhooks.record(holder(2), standing(&webhook)).await));
    assert_eq!(world.claim(1).await, [webhook.id]);
    assert!(world.deliver(&webhook, delivered(&webhook, 1, world.now()), 1).await);
}

pub(in crate::conformance) async fn what_is_recorded_is_what_is_found(world: World) {
    let webhook = world.webhook(FilterWish::default()).await;
    world.claim(1).await;
    let now = world.now();
    let failed = SendOutcome::Answered { status: 503, retry_after_s: None };
    let policy = RetryPolicy { attempts_max: 5, ..POLICY };
    let first = pending(&webhook, 4, now).attempted(&failed, &policy, 7, 1234, now);
    assert!(first.next_at.is_some_and(|at| now < at));
    let progress = Progress { failing_since: Some(now), delivery: Some(first.clone()), ..standing(&webhook) };
    assert!(done(world.stores.webhooks.record(holder(1), progress).await));
    let work = world.work(1, webhook.id).await.unwrap_or_else(|| panic!("the lease is held"));
    assert_eq!((work.webhook.position, work.webhook.failing_since), (webhook.position, Some(now)));
    assert_eq!((work.head, work.again), (Some(first.clone()), None));
    let claimed = done(world.stores.webhooks.claim(holder(1), HOUR).await);
    assert_eq!(claimed, [Claimed { id: webhook.id, revision: 0, next_at: first.next_at }]);
    let resync = Delivery { kind: MessageKind::Resync, ..dead(&webhook, 6, now) };
    assert!(world.deliver(&webhook, resync.clone(), 6).await);
    assert_eq!(
        world.deliveries(webhook.id).await,
        [resync],
        "what stood above the old position is still there"
    );
    let taken = delivered(&webhook, 8, now);
    assert!(world.deliver(&webhook, taken.clone(), 8).await);
    assert_eq!(world.deliveries(webhook.id).await[0], taken);
    let work = world.work(1, webhook.id).await.unwrap_or_else(|| panic!("the lease is held"));
    assert_eq!((work.webhook.position, work.webhook.failing_since, work.head), (8, None, None));
    let off = Progress { status: WebhookStatus::Gone, position: 9, ..standing(&webhook) };
    assert!(done(world.stores.webhooks.record(holder(1), off).await));
    assert_eq!(world.found_webhook(webhook.id).await.map(|found| found.status), Some(WebhookStatus::Gone));
    assert_eq!(world.claim(1).await, []);
}

pub(in crate::conformance) async fn what_is_about_another_revision_is_not_recorded(world: World) {
    let webhook = world.webhook(FilterWish::default()).await;
    world.claim(1).await;
    let edited = world.switch(webhook.id, true).await;
    assert!(!world.deliver(&webhook, delivered(&webhook, 3, world.now()), 3).await);
    assert_eq!(world.found_webhook(webhook.id).await, Some(edited.clone()));
    assert_eq!(world.positions(webhook.id).await, [0; 0]);
    assert!(world.deliver(&edited, delivered(&edited, 3, world.now()), 3).await);
}

pub(in crate::conformance) async fn a_replay_forgets_the_deliveries_that_come_again(world: World) {
    let webhook = world.webhook(FilterWish::default()).await;
    world.claim(1).await;
    let now = world.now();
    for position in 1..=4 {
        assert!(world.deliver(&webhook, dead(&webhook, position, now), position).await);
    }
    let progress = Progress { position: 4, delivery: Some(pending(&webhook, 5, now)), ..standing(&webhook) };
    assert!(done(world.stores.webhooks.record(holder(1), progress).await));
    assert_eq!(world.positions(webhook.id).await, [5, 4, 3, 2, 1]);
    let skipped = world.change_webhook(webhook.id, WebhookChange::Replay { from: 7 }).await;
    assert_eq!((skipped.position, world.positions(webhook.id).await), (7, vec![4, 3, 2, 1]));
    let back = world.change_webhook(webhook.id, WebhookChange::Replay { from: 2 }).await;
    assert_eq!((back.position, world.positions(webhook.id).await), (2, vec![2, 1]));
    assert_eq!(world.found_webhook(webhook.id).await, Some(back));
}

pub(in crate::conformance) async fn what_is_switched_on_again_is_tried_at_once(world: World) {
    let webhook = world.webhook(FilterWish::default()).await;
    world.claim(1).await;
    let now = world.now();
    let later = Delivery { next_at: Some(now.plus_micros(HOUR)), ..pending(&webhook, 5, now) };
    assert!(world.deliver(&webhook, later, 0).await);
    world.switch(webhook.id, false).await;
    assert_eq!(world.deliveries(webhook.id).await[0].next_at, Some(now.plus_micros(HOUR)));
    world.clock.advance_seconds(5);
    world.switch(webhook.id, true).await;
    assert_eq!(world.deliveries(webhook.id).await[0].next_at, Some(world.now()));
}

pub(in crate::conformance) async fn a_delivery_is_asked_for_once_more_beside_the_line(world: World) {
    let webhook = world.webhook(FilterWish::default()).await;
    world.claim(1).await;
    let now = world.now();
    for (position, made) in [(1, dead(&webhook, 1, now)), (2, delivered(&webhook, 2, now))] {
        assert!(world.deliver(&webhook, made, position).await);
    }
    let progress = Progress { position: 2, delivery: Some(pending(&webhook, 3, now)), ..standing(&webhook) };
    assert!(done(world.stores.webhooks.record(holder(1), progress).await));
    world.clock.advance_seconds(10);
    let again = async |id, position| carried_out(world.stores.webhooks.redeliver(id, position, None).await);
    assert_eq!(again(WebhookId::from_uuid(Uuid::nil()), 1).await, Redelivered::UnknownWebhook);
    assert_eq!(again(webhook.id, 9).await, Redelivered::UnknownDelivery);
    let first = dead(&webhook, 1, now).again(world.now());
    assert_eq!(again(webhook.id, 1).await, Redelivered::Pending(first.clone()));
    world.clock.advance_seconds(10);
    assert!(matches!(again(webhook.id, 2).await, Redelivered::Pending(_)));
    let work = world.work(1, webhook.id).await.unwrap_or_else(|| panic!("the lease is held"));
    assert_eq!(work.again, Some(first), "the one that was asked for first comes first");
    assert_eq!(work.head.map(|head| head.position), Some(3));
    let stored = world.found_webhook(webhook.id).await.unwrap_or_else(|| panic!("it is there"));
    let progress = Progress { delivery: Some(delivered(&webhook, 1, now)), ..standing(&stored) };
    assert!(done(world.stores.webhooks.record(holder(1), progress).await));
    let work = world.work(1, webhook.id).await.unwrap_or_else(|| panic!("the lease is held"));
    assert_eq!(work.again.map(|again| again.position), Some(2));
    assert_eq!(work.head.map(|head| head.position), Some(3), "what waits in line was forgotten");
}

pub(in crate::conformance) async fn deliveries_are_listed_by_state_newest_first_from_both_ends(world: World) {
    let webhook = world.webhook(FilterWish::default()).await;
    let other = world.webhook(FilterWish::default()).await;
    world.claim(1).await;
    let now = world.now();
    let mut listed = Vec::new();
    for position in 1..=7 {
        let made = if position % 3 == 0 { dead } else { delivered };
        listed.insert(0, made(&webhook, position, now));
        assert!(world.deliver(&webhook, made(&webhook, position, now), position).await);
        assert!(world.deliver(&other, made(&other, position, now), position).await);
    }
    let places: Vec<i64> = (0..=8).collect();
    for state in
        [None, Some(DeliveryState::Delivered), Some(DeliveryState::Dead), Some(DeliveryState::Pending)]
    {
        let of_state = listed.iter().filter(|delivery| state.is_none_or(|state| delivery.state == state));
        let of_state: Vec<_> = of_state.cloned().collect();
        for span in spans(&places) {
            let found = done(world.stores.webhooks.deliveries(webhook.id, state, span).await);
            let expected = expected_span(&of_state, &span, Placed::place, newest_first);
            let found = found.unwrap_or_else(|| panic!("there is the webhook"));
            assert!(found.iter().eq(expected.clone()), "{state:?} {span:?}: {found:?}, not {expected:?}");
        }
    }
    let nowhere = WebhookId::from_uuid(Uuid::nil());
    assert_eq!(done(world.stores.webhooks.deliveries(nowhere, None, top()).await), None);
}

pub(in crate::conformance) async fn old_deliveries_are_forgotten_a_few_at_a_time(world: World) {
    let webhook = world.webhook(FilterWish::default()).await;
    world.claim(1).await;
    let start = world.now();
    for position in 1..=5 {
        let made = if position % 2 == 0 { dead } else { delivered };
        assert!(world.deliver(&webhook, made(&webhook, position, world.now()), position).await);
        world.clock.advance_seconds(10);
    }
    let progress =
        Progress { position: 5, delivery: Some(pending(&webhook, 6, start)), ..standing(&webhook) };
    assert!(done(world.stores.webhooks.record(holder(1), progress).await));
    let trim = async |seconds: i64, take| {
        done(world.stores.webhooks.trim(start.plus_micros(seconds * 1_000_000), take).await)
    };
    assert_eq!(trim(0, 10).await, 0);
    assert_eq!(trim(25, 2).await, 2);
    assert_eq!(trim(25, 2).await, 1);
    assert_eq!(trim(25, 2).await, 0);
    assert_eq!(world.positions(webhook.id).await, [6, 5, 4]);
    assert_eq!(trim(1000, 10).await, 2);
    assert_eq!(world.positions(webhook.id).await, [6], "what is pending was forgotten");
}
