//! Webhooks.

use std::time::Duration;

use uuid::Uuid;

use super::{
    kit::{carried_out, doing, done, expected_span, keyed, name, newest_first, request, spans, verb},
    world::World,
};
use crate::{
    id::WebhookId,
    idempotency::{Attempt, KeyRefusal},
    page::{Boundary, Direction, Placed, Span},
    ports::{Claimed, Fixture, Progress, Redelivered, WebhookChanged, WebhookCreated, WebhookTally, Work},
    sequence::EventKind,
    text::Username,
    time::Timestamp,
    webhook::{
        AddressPolicy, Delivery, DeliveryState, FilterWish, MessageKind, NewWebhook, RetryPolicy,
        SendOutcome, WEBHOOKS_MAX, Webhook, WebhookChange, WebhookPatch, WebhookSecret, WebhookSecrets,
        WebhookStatus, WebhookUrl,
    },
};

const HOUR: i64 = 3_600_000_000;
const ADDED: MessageKind = MessageKind::Event(EventKind::ActivityAdded);
const POLICY: RetryPolicy =
    RetryPolicy { base_micros: 1_000_000, max_micros: HOUR, attempts_max: 1, disable_after_micros: HOUR };

fn url(raw: &str) -> WebhookUrl {
    WebhookUrl::parse(raw, AddressPolicy::default()).unwrap_or_else(|error| panic!("{raw}: {error}"))
}

fn secret(byte: u8) -> WebhookSecret {
    WebhookSecret::of_random([byte; 32])
}

fn new(wish: FilterWish) -> NewWebhook {
    NewWebhook { url: url("https://example.org/hook?a=%20b"), wish, is_enabled: true, secret: secret(1) }
}

fn holder(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn top<K>() -> Span<K> {
    Span { boundary: Boundary::Top, direction: Direction::Forward, take: 1000 }
}

impl World {
    async fn try_webhook(&self, new: NewWebhook) -> WebhookCreated {
        carried_out(self.stores.webhooks.create(new, None).await)
    }

    async fn webhook(&self, wish: FilterWish) -> Webhook {
        match self.try_webhook(new(wish)).await {
            WebhookCreated::Created(webhook) => *webhook,
            other => panic!("making a webhook answers {other:?}"),
        }
    }

    async fn found_webhook(&self, id: WebhookId) -> Option<Webhook> {
        done(self.stores.webhooks.find(id).await)
    }

    async fn webhooks(&self) -> Vec<Webhook> {
        done(self.stores.webhooks.list(top()).await)
    }

    async fn change_webhook(&self, id: WebhookId, change: WebhookChange) -> Webhook {
        match carried_out(self.stores.webhooks.change(id, change, None).await) {
            WebhookChanged::Changed(webhook) => *webhook,
            other => panic!("changing a webhook answers {other:?}"),
        }
    }

    async fn switch(&self, id: WebhookId, is_enabled: bool) -> Webhook {
        let patch = WebhookPatch { is_enabled: Some(is_enabled), ..WebhookPatch::default() };
        self.change_webhook(id, WebhookChange::Edit(patch)).await
    }

    async fn claim(&self, by: u128) -> Vec<WebhookId> {
        let claimed = done(self.stores.webhooks.claim(holder(by), HOUR).await);
        claimed.into_iter().map(|claimed| claimed.id).collect()
    }

    async fn work(&self, by: u128, id: WebhookId) -> Option<Work> {
        done(self.stores.webhooks.work(holder(by), id).await)
    }

    /// Stores a delivery for the holder 1, and the position that goes with it.
    async fn deliver(&self, webhook: &Webhook, delivery: Delivery, position: i64) -> bool {
        let progress = Progress { position, delivery: Some(delivery), ..standing(webhook) };
        done(self.stores.webhooks.record(holder(1), progress).await)
    }

    async fn deliveries(&self, id: WebhookId) -> Vec<Delivery> {
        let found = done(self.stores.webhooks.deliveries(id, None, top()).await);
        found.unwrap_or_else(|| panic!("there is no webhook {id}"))
    }

    async fn positions(&self, id: WebhookId) -> Vec<i64> {
        self.deliveries(id).await.iter().map(|delivery| delivery.position).collect()
    }
}

fn standing(webhook: &Webhook) -> Progress {
    Progress {
        id: webhook.id,
        revision: webhook.revision,
        position: webhook.position,
        status: webhook.status,
        failing_since: webhook.failing_since,
        delivery: None,
    }
}

fn pending(webhook: &Webhook, position: i64, now: Timestamp) -> Delivery {
    Delivery::new(webhook.id, position, ADDED, now)
}

fn delivered(webhook: &Webhook, position: i64, now: Timestamp) -> Delivery {
    let outcome = SendOutcome::Answered { status: 204, retry_after_s: None };
    pending(webhook, position, now).attempted(&outcome, &POLICY, 0, 12, now)
}

fn dead(webhook: &Webhook, position: i64, now: Timestamp) -> Delivery {
    let outcome = SendOutcome::Failed("nobody «answered»".to_owned());
    pending(webhook, position, now).attempted(&outcome, &POLICY, 0, 34, now)
}

pub(super) async fn a_webhook_is_kept_as_it_was_made_at_the_end_of_the_log(world: World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    let position = world.position().await;
    let wish = FilterWish {
        kinds: vec![EventKind::FollowAdded, EventKind::ActivityAdded, EventKind::FollowAdded],
        actor: Some(ivan.clone()),
        verb: Some(verb("liked, «shared»")),
        target: Some(eric.clone()),
    };
    let made = world.webhook(wish).await;
    assert_eq!((made.created_at, made.position, made.revision), (world.now(), position, 0));
    assert_eq!((made.status, made.failing_since), (WebhookStatus::Enabled, None));
    assert_eq!(made.id.as_uuid().get_version_num(), 7);
    assert_eq!(made.filter.kinds, [EventKind::ActivityAdded, EventKind::FollowAdded]);
    let actor = made.filter.actor.as_ref().map(|user| (user.key, user.id, user.username.clone()));
    let user = world.found(&ivan).await;
    assert_eq!(actor, Some((user.key, user.id, ivan)));
    assert_eq!(made.secrets, WebhookSecrets::new(secret(1)));
    let plain = world.try_webhook(NewWebhook { is_enabled: false, ..new(FilterWish::default()) }).await;
    let WebhookCreated::Created(plain) = plain else { panic!("{plain:?}") };
    assert_eq!((plain.status, plain.filter.kinds.len()), (WebhookStatus::Paused, 0));
    for webhook in [&made, &*plain] {
        assert_eq!(world.found_webhook(webhook.id).await.as_ref(), Some(webhook));
    }
    assert_eq!(world.found_webhook(WebhookId::from_uuid(Uuid::nil())).await, None);
    assert_eq!(world.position().await, position, "a webhook is in the log of the feed");
}

pub(super) async fn a_webhook_that_names_nobody_is_not_made(world: World) {
    let [ivan] = world.users(["ivan"]).await;
    for (actor, target) in [("ivan", "nobody"), ("nobody", "ivan"), ("nobody", "no one")] {
        let wish =
            FilterWish { actor: Some(name(actor)), target: Some(name(target)), ..FilterWish::default() };
        let unknown = WebhookCreated::UnknownUsers { actor: actor != "ivan", target: target != "ivan" };
        assert_eq!(world.try_webhook(new(wish)).await, unknown);
    }
    assert_eq!(world.webhooks().await, []);
    let webhook = world.webhook(FilterWish { actor: Some(ivan), ..FilterWish::default() }).await;
    let patch = WebhookPatch { target: crate::Given::Value(name("nobody")), ..WebhookPatch::default() };
    let edited = world.stores.webhooks.change(webhook.id, WebhookChange::Edit(patch), None).await;
    assert_eq!(carried_out(edited), WebhookChanged::UnknownUsers { actor: false, target: true });
    assert_eq!(world.found_webhook(webhook.id).await, Some(webhook));
}

pub(super) async fn there_are_only_so_many_webhooks(world: World) {
    for _ in 0..WEBHOOKS_MAX {
        world.webhook(FilterWish::default()).await;
    }
    assert_eq!(world.try_webhook(new(FilterWish::default())).await, WebhookCreated::Full);
    assert_eq!(world.webhooks().await.len(), WEBHOOKS_MAX);
}

pub(super) async fn webhooks_are_listed_newest_first_from_both_ends(world: World) {
    let mut listed = Vec::new();
    for _ in 0..5 {
        listed.insert(0, world.webhook(FilterWish::default()).await);
        world.clock.advance_seconds(1);
    }
    assert_eq!(world.webhooks().await, listed);
    let mut places: Vec<WebhookId> = listed.iter().map(Placed::place).collect();
    let gone = listed.remove(2).id;
    assert!(done(world.stores.webhooks.delete(gone).await));
    assert!(!done(world.stores.webhooks.delete(gone).await), "a webhook was deleted twice");
    places.push(WebhookId::from_uuid(Uuid::nil()));
    for span in spans(&places) {
        let found = done(world.stores.webhooks.list(span).await);
        let expected = expected_span(&listed, &span, Placed::place, newest_first);
        assert!(found.iter().eq(expected.clone()), "{span:?}: {found:?}, not {expected:?}");
    }
}

pub(super) async fn a_change_is_what_the_domain_makes_of_it(world: World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    let made = world.webhook(FilterWish { actor: Some(ivan), ..FilterWish::default() }).await;
    let patch = WebhookPatch {
        url: Some(url("https://example.com/other")),
        kinds: Some(vec![EventKind::Reset]),
        actor: crate::Given::Null,
        verb: crate::Given::Value(verb("liked")),
        target: crate::Given::Value(eric.clone()),
        is_enabled: Some(false),
    };
    let edited = world.change_webhook(made.id, WebhookChange::Edit(patch)).await;
    assert_eq!((edited.revision, edited.status), (1, WebhookStatus::Paused));
    assert_eq!(edited.filter.actor, None);
    assert_eq!(edited.filter.target.as_ref().map(|user| &user.username), Some(&eric));
    assert_eq!(world.found_webhook(made.id).await.as_ref(), Some(&edited));
    let change = WebhookChange::Rotate { secret: secret(2), overlap_micros: HOUR };
    let rotated = world.change_webhook(made.id, change).await;
    assert_eq!(rotated.secrets, made.secrets.rotated(secret(2), HOUR, world.now()));
    assert_eq!(rotated.revision, 2);
    assert_eq!(world.found_webhook(made.id).await, Some(rotated));
    let nowhere = WebhookId::from_uuid(Uuid::nil());
    let change = WebhookChange::Replay { from: 0 };
    let unknown = world.stores.webhooks.change(nowhere, change, None).await;
    assert_eq!(carried_out(unknown), WebhookChanged::Unknown);
}

pub(super) async fn a_webhook_goes_with_the_users_whom_it_names(world: World) {
    let [ivan, eric, niko] = world.users(["ivan", "eric", "niko"]).await;
    let of = |actor: Option<&Username>, target: Option<&Username>| FilterWish {
        actor: actor.cloned(),
        target: target.cloned(),
        ..FilterWish::default()
    };
    let by_actor = world.webhook(of(Some(&ivan), None)).await;
    let by_target = world.webhook(of(Some(&niko), Some(&ivan))).await;
    let other = world.webhook(of(Some(&eric), Some(&niko))).await;
    world.claim(1).await;
    assert!(world.deliver(&by_actor, delivered(&by_actor, 9, world.now()), 9).await);
    let renamed = world.rename(&eric, "erich").await;
    world.erase(&ivan).await;
    assert_eq!(world.found_webhook(by_actor.id).await, None);
    assert_eq!(world.found_webhook(by_target.id).await, None);
    let left = world.found_webhook(other.id).await.unwrap_or_else(|| panic!("it names others"));
    assert_eq!(left.filter.actor.map(|user| user.username), Some(renamed));
    assert_eq!(done(world.stores.webhooks.deliveries(by_actor.id, None, top()).await), None);
    assert_eq!(world.claim(1).await, [other.id]);
}

pub(super) async fn a_reset_takes_all_webhooks(world: World) {
    let webhook = world.webhook(FilterWish::default()).await;
    world.claim(1).await;
    assert!(world.deliver(&webhook, dead(&webhook, 1, world.now()), 1).await);
    let fixture = Fixture { users: Vec::new(), activities: Vec::new(), follows: Vec::new() };
    done(world.stores.development.reset(fixture, 10).await);
    assert_eq!(world.webhooks().await, []);
    assert_eq!(done(world.stores.webhooks.tally().await), WebhookTally::default());
}

pub(super) async fn one_holder_alone_has_a_lease_until_it_ends_or_is_given_back(world: World) {
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

pub(super) async fn what_is_recorded_is_what_is_found(world: World) {
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

pub(super) async fn what_is_about_another_revision_is_not_recorded(world: World) {
    let webhook = world.webhook(FilterWish::default()).await;
    world.claim(1).await;
    let edited = world.switch(webhook.id, true).await;
    assert!(!world.deliver(&webhook, delivered(&webhook, 3, world.now()), 3).await);
    assert_eq!(world.found_webhook(webhook.id).await, Some(edited.clone()));
    assert_eq!(world.positions(webhook.id).await, [0; 0]);
    assert!(world.deliver(&edited, delivered(&edited, 3, world.now()), 3).await);
}

pub(super) async fn a_replay_forgets_the_deliveries_that_come_again(world: World) {
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

pub(super) async fn what_is_switched_on_again_is_tried_at_once(world: World) {
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

pub(super) async fn a_delivery_is_asked_for_once_more_beside_the_line(world: World) {
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

pub(super) async fn deliveries_are_listed_by_state_newest_first_from_both_ends(world: World) {
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

pub(super) async fn old_deliveries_are_forgotten_a_few_at_a_time(world: World) {
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

pub(super) async fn the_tally_counts_what_is_there(world: World) {
    assert_eq!(done(world.stores.webhooks.tally().await), WebhookTally::default());
    let first = world.webhook(FilterWish::default()).await;
    let ivan = world.user("ivan").await;
    world.post(doing(&ivan, "waited")).await;
    let [second, paused] =
        [world.webhook(FilterWish::default()).await, world.webhook(FilterWish::default()).await];
    world.claim(1).await;
    let now = world.now();
    assert!(world.deliver(&first, dead(&first, 1, now), 1).await);
    assert!(world.deliver(&second, delivered(&second, 3, now), 3).await);
    assert!(world.deliver(&paused, dead(&paused, 3, now), 3).await);
    world.switch(paused.id, false).await;
    let tally = done(world.stores.webhooks.tally().await);
    assert_eq!(tally, WebhookTally { by_status: [2, 1, 0, 0], position_min: Some(1), dead: 2 });
}

pub(super) async fn what_is_done_under_an_idempotency_key_is_done_once(world: World) {
    let webhooks = &world.stores.webhooks;
    let create = async |content| {
        let keyed = keyed(request("create", content), &[], |made| matches!(made, WebhookCreated::Created(_)));
        done(webhooks.create(new(FilterWish::default()), keyed).await)
    };
    assert!(matches!(create("body").await, Attempt::Done(_)));
    assert!(matches!(create("body").await, Attempt::Replayed(_)));
    assert_eq!(create("other").await, Attempt::Refused(KeyRefusal::Reused));
    let all = world.webhooks().await;
    assert_eq!(all.len(), 1);
    let id = all[0].id;
    let replay = async || {
        let keyed = keyed(request("replay", ""), &[], |made| matches!(made, WebhookChanged::Changed(_)));
        done(webhooks.change(id, WebhookChange::Replay { from: 0 }, keyed).await)
    };
    assert!(matches!(replay().await, Attempt::Done(_)));
    assert!(matches!(replay().await, Attempt::Replayed(_)));
    assert_eq!(world.found_webhook(id).await.map(|found| found.revision), Some(1));
    world.claim(1).await;
    let webhook = world.webhooks().await.remove(0);
    assert!(world.deliver(&webhook, dead(&webhook, 1, world.now()), 1).await);
    let again = async || {
        let keyed = keyed(request("again", ""), &[], |made| matches!(made, Redelivered::Pending(_)));
        done(webhooks.redeliver(id, 1, keyed).await)
    };
    assert!(matches!(again().await, Attempt::Done(_)));
    world.clock.advance_seconds(5);
    assert!(matches!(again().await, Attempt::Replayed(_)));
    assert!(world.deliveries(id).await[0].next_at < Some(world.now()));
}
