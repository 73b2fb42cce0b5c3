//! What an operator does to webhooks.

use uuid::Uuid;

use super::kit::{HOUR, dead, delivered, new, secret, top, url};
use crate::{
    Given,
    conformance::{
        kit::{carried_out, doing, done, expected_span, keyed, name, newest_first, request, spans, verb},
        world::World,
    },
    id::WebhookId,
    idempotency::{Attempt, KeyRefusal},
    page::Placed,
    ports::{Fixture, Redelivered, WebhookChanged, WebhookCreated, WebhookTally},
    sequence::EventKind,
    text::Username,
    webhook::{
        FilterWish, NewWebhook, WEBHOOKS_MAX, WebhookChange, WebhookPatch, WebhookSecrets, WebhookStatus,
    },
};

pub(in crate::conformance) async fn a_webhook_is_kept_as_it_was_made_at_the_end_of_the_log(world: World) {
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

pub(in crate::conformance) async fn a_webhook_that_names_nobody_is_not_made(world: World) {
    let [ivan] = world.users(["ivan"]).await;
    for (actor, target) in [("ivan", "nobody"), ("nobody", "ivan"), ("nobody", "no one")] {
        let wish =
            FilterWish { actor: Some(name(actor)), target: Some(name(target)), ..FilterWish::default() };
        let unknown = WebhookCreated::UnknownUsers { actor: actor != "ivan", target: target != "ivan" };
        assert_eq!(world.try_webhook(new(wish)).await, unknown);
    }
    assert_eq!(world.webhooks().await, []);
    let webhook = world.webhook(FilterWish { actor: Some(ivan), ..FilterWish::default() }).await;
    let patch = WebhookPatch { target: Given::Value(name("nobody")), ..WebhookPatch::default() };
    let edited = world.stores.webhooks.change(webhook.id, WebhookChange::Edit(patch), None).await;
    assert_eq!(carried_out(edited), WebhookChanged::UnknownUsers { actor: false, target: true });
    assert_eq!(world.found_webhook(webhook.id).await, Some(webhook));
}

pub(in crate::conformance) async fn there_are_only_so_many_webhooks(world: World) {
    for _ in 0..WEBHOOKS_MAX {
        world.webhook(FilterWish::default()).await;
    }
    assert_eq!(world.try_webhook(new(FilterWish::default())).await, WebhookCreated::Full);
    assert_eq!(world.webhooks().await.len(), WEBHOOKS_MAX);
}

pub(in crate::conformance) async fn webhooks_are_listed_newest_first_from_both_ends(world: World) {
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

pub(in crate::conformance) async fn a_change_is_what_the_domain_makes_of_it(world: World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    let made = world.webhook(FilterWish { actor: Some(ivan), ..FilterWish::default() }).await;
    let patch = WebhookPatch {
        url: Some(url("https://example.com/other")),
        kinds: Some(vec![EventKind::Reset]),
        actor: Given::Null,
        verb: Given::Value(verb("liked")),
        target: Given::Value(eric.clone()),
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

pub(in crate::conformance) async fn a_webhook_goes_with_the_users_whom_it_names(world: World) {
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

pub(in crate::conformance) async fn a_reset_takes_all_webhooks(world: World) {
    let webhook = world.webhook(FilterWish::default()).await;
    world.claim(1).await;
    assert!(world.deliver(&webhook, dead(&webhook, 1, world.now()), 1).await);
    let fixture = Fixture { users: Vec::new(), activities: Vec::new(), follows: Vec::new() };
    done(world.stores.development.reset(fixture, 10).await);
    assert_eq!(world.webhooks().await, []);
    assert_eq!(done(world.stores.webhooks.tally().await), WebhookTally::default());
}

pub(in crate::conformance) async fn the_tally_counts_what_is_there(world: World) {
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

pub(in crate::conformance) async fn it_is_told_whether_any_webhook_is_enabled(world: World) {
    let any_enabled = async || done(world.stores.webhooks.any_enabled().await);
    assert!(!any_enabled().await);
    let [first, second] =
        [world.webhook(FilterWish::default()).await, world.webhook(FilterWish::default()).await];
    world.switch(first.id, false).await;
    assert!(any_enabled().await);
    world.switch(second.id, false).await;
    assert!(!any_enabled().await, "both are paused");
}

pub(in crate::conformance) async fn what_is_done_under_an_idempotency_key_is_done_once(world: World) {
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
