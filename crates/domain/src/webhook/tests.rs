use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::{
    id::{ActivityId, UserId, UserKey},
    ports::{LoggedEvent, MockClock, MockIdGenerator, Progress},
    sequence::Counters,
};

const MINUTE: i64 = 60_000_000;
const POLICY: RetryPolicy = RetryPolicy {
    base_micros: 5_000_000,
    max_micros: 60 * MINUTE,
    attempts_max: 4,
    disable_after_micros: 24 * 60 * MINUTE,
};

fn at(minutes: i64) -> Timestamp {
    Timestamp::EPOCH.plus_micros(minutes * MINUTE)
}

fn user(number: i64) -> NamedUser {
    NamedUser {
        key: UserKey(number),
        id: UserId::from_uuid(Uuid::from_u128(u128::from(number.unsigned_abs()))),
        username: Username::parse(&format!("user {number}")).unwrap(),
    }
}

const NOBODY_NAMED: FoundUsers = [FoundUser::NotAsked, FoundUser::NotAsked];

/// What becomes of a wish ten events after the beginning, with so many webhooks.
fn created(new: NewWebhook, users: FoundUsers, webhooks: usize) -> WebhookCreated {
    let counters = Counters { position: 10, ..Counters::START };
    let (mut clock, mut ids) = (MockClock::new(), MockIdGenerator::new());
    clock.expect_now().return_const(at(0));
    ids.expect_random().return_const(7_u64);
    new.created(users, webhooks, &Turn::begin(counters, &clock, &ids))
}

fn webhook() -> Webhook {
    let draft = WebhookDraft {
        url: Some(WebhookUrl::parse("https://example.org/", AddressPolicy::default()).unwrap()),
        ..WebhookDraft::default()
    };
    let new = draft.checked(WebhookSecret::of_random([1; 32])).unwrap();
    match created(new, NOBODY_NAMED, 0) {
        WebhookCreated::Created(webhook) => *webhook,
        other => panic!("{other:?}"),
    }
}

fn edited(webhook: Webhook, patch: WebhookPatch) -> Changed {
    webhook.changed(WebhookChange::Edit(patch), NOBODY_NAMED, at(1)).unwrap()
}

fn switched(webhook: Webhook, is_enabled: bool) -> Changed {
    edited(webhook, WebhookPatch { is_enabled: Some(is_enabled), ..WebhookPatch::default() })
}

fn delivery() -> Delivery {
    Delivery::new(webhook().id, 11, MessageKind::Event(EventKind::ActivityAdded), at(0))
}

fn answered(status: u16) -> SendOutcome {
    SendOutcome::Answered { status, retry_after_s: None }
}

fn event(kind: EventKind, user: Option<i64>, other: Option<i64>) -> LoggedEvent {
    let id = |number| UserId::from_uuid(Uuid::from_u128(number));
    let is_activity = kind.as_str().starts_with("activity.");
    LoggedEvent {
        position: 11,
        at: at(0),
        kind,
        activity: is_activity.then(|| ActivityId::from_uuid(Uuid::from_u128(7))),
        user: user.and_then(|number| u128::try_from(number).ok()).map(id),
        other: other.and_then(|number| u128::try_from(number).ok()).map(id),
    }
}

#[test]
fn a_draft_tells_all_that_is_wrong_and_nothing_twice() {
    let secret = WebhookSecret::of_random([1; 32]);
    let told = |draft: WebhookDraft| {
        let faults = draft.checked(secret.clone()).unwrap_err();
        faults.into_iter().map(|fault| fault.pointer).collect::<Vec<_>>()
    };
    assert_eq!(told(WebhookDraft::default()), ["/url"]);
    let faults = vec![Fault::new("/url", "is bad"), Fault::new("/verb", "is bad")];
    assert_eq!(told(WebhookDraft { faults, ..WebhookDraft::default() }), ["/url", "/verb"]);
}

#[test]
fn a_filter_wants_what_meets_all_of_it() {
    use EventKind::{ActivityAdded, ActivityRemoved, FollowAdded, Reset};
    let all = WebhookFilter::default();
    let added = event(ActivityAdded, Some(1), Some(2));
    assert!(all.wants(&added) && all.wants(&event(Reset, None, None)));
    let wish = FilterWish { kinds: vec![FollowAdded, ActivityAdded, FollowAdded], ..FilterWish::default() };
    let kinds = WebhookFilter::of(wish, None, None);
    assert_eq!(kinds.kinds, [ActivityAdded, FollowAdded]);
    assert!(kinds.wants(&added) && !kinds.wants(&event(ActivityRemoved, Some(1), None)));
    let actor = WebhookFilter { actor: Some(user(1)), ..all.clone() };
    assert!(actor.wants(&added) && actor.wants(&event(FollowAdded, Some(1), Some(3))));
    assert!(!actor.wants(&event(ActivityAdded, Some(2), Some(1))));
    assert!(!actor.wants(&event(ActivityAdded, None, None)), "an erased user is nobody");
    let target = WebhookFilter { target: Some(user(2)), ..actor };
    assert!(target.wants(&added) && !target.wants(&event(ActivityAdded, Some(1), Some(3))));
    assert!(!target.wants(&event(ActivityAdded, Some(1), None)));
}

#[test]
fn a_verb_is_asked_of_activities_alone_and_unknown_ones_pass() {
    let verb = |raw| Verb::parse(raw).unwrap();
    let likes = WebhookFilter { verb: Some(verb("like")), ..WebhookFilter::default() };
    assert!(likes.wants(&event(EventKind::ActivityAdded, Some(1), None)));
    assert!(!likes.wants(&event(EventKind::FollowAdded, Some(1), Some(2))));
    assert!(likes.wants_verb(Some(&verb("like"))) && !likes.wants_verb(Some(&verb("share"))));
    assert!(likes.wants_verb(None) && WebhookFilter::default().wants_verb(Some(&verb("share"))));
}

#[test]
fn an_edit_changes_what_is_given() {
    let mut before = webhook();
    before.filter = WebhookFilter {
        kinds: vec![EventKind::Reset],
        actor: Some(user(1)),
        verb: Some(Verb::parse("like").unwrap()),
        target: Some(user(2)),
    };
    let same = edited(before.clone(), WebhookPatch::default());
    assert_eq!(same.webhook, Webhook { revision: 1, ..before.clone() });
    assert_eq!((same.forget_above, same.is_woken), (None, false));
    let patch = WebhookPatch {
        kinds: Some(Vec::new()),
        actor: Given::Null,
        verb: Given::Null,
        target: Given::Value(user(3).username),
        ..WebhookPatch::default()
    };
    let change = WebhookChange::Edit(patch);
    assert_eq!(change.names(), [None, Some(&user(3).username)]);
    let after =
        before.changed(change, [FoundUser::NotAsked, FoundUser::Found(user(3))], at(1)).unwrap().webhook;
    assert_eq!(after.filter, WebhookFilter { target: Some(user(3)), ..WebhookFilter::default() });
}

#[test]
fn switching_on_wakes_and_forgets_failures() {
    let failed = Webhook { status: WebhookStatus::Failing, failing_since: Some(at(0)), ..webhook() };
    let paused = switched(failed.clone(), false);
    assert_eq!((paused.webhook.status, paused.is_woken), (WebhookStatus::Failing, false));
    let on = switched(failed, true);
    assert_eq!(
        (on.webhook.status, on.is_woken, on.webhook.failing_since),
        (WebhookStatus::Enabled, true, None)
    );
    let again = switched(on.webhook, true);
    assert!(!again.is_woken);
    assert_eq!(switched(again.webhook, false).webhook.status, WebhookStatus::Paused);
}

#[test]
fn a_replay_forgets_what_waits_beyond_the_lower_of_the_positions() {
    let replayed = |from| webhook().changed(WebhookChange::Replay { from }, NOBODY_NAMED, at(1)).unwrap();
    assert_eq!((replayed(3).webhook.position, replayed(3).forget_above), (3, Some(3)));
    assert_eq!((replayed(20).webhook.position, replayed(20).forget_above), (20, Some(10)));
}

#[test]
fn only_a_2xx_is_a_success() {
    for (status, is_success, is_gone) in [
        (200, true, false),
        (204, true, false),
        (299, true, false),
        (199, false, false),
        (301, false, false),
        (304, false, false),
        (404, false, false),
        (410, false, true),
        (500, false, false),
    ] {
        assert_eq!(answered(status).judged(), Judged { is_success, is_gone }, "{status}");
    }
}

#[test]
fn a_delivery_is_tried_until_it_is_taken_or_given_up() {
    let policy = &POLICY;
    let failed = SendOutcome::Failed("no answer".to_owned());
    let first = delivery().attempted(&failed, policy, 0, 12, at(1));
    assert_eq!(
        (first.state, first.attempts, first.last_error.as_deref()),
        (DeliveryState::Pending, 1, Some("no answer"))
    );
    assert_eq!(first.next_at, Some(at(1).plus_micros(2_500_000)));
    assert!(!first.is_due(at(1)) && first.is_due(at(2)));
    let second = first.attempted(&answered(500), policy, u64::MAX, 12, at(2));
    assert_eq!(
        (second.last_status, second.last_error.as_deref()),
        (Some(500), Some("the receiver answered 500"))
    );
    let taken = second.clone().attempted(&answered(201), policy, 0, 7, at(3));
    assert_eq!((taken.state, taken.attempts, taken.next_at), (DeliveryState::Delivered, 3, None));
    assert_eq!((taken.last_error, taken.last_duration_ms), (None, Some(7)));
    let third = second.attempted(&answered(503), policy, 0, 12, at(3));
    let dead = third.attempted(&answered(503), policy, 0, 12, at(4));
    assert_eq!((dead.state, dead.attempts, dead.next_at), (DeliveryState::Dead, 4, None));
    let again = dead.again(at(9));
    assert_eq!((again.state, again.attempts, again.is_due(at(9))), (DeliveryState::Pending, 0, true));
    assert_eq!(again.message_id(), delivery().message_id(), "its receiver would take it for another");
}

#[test]
fn what_a_receiver_asks_for_is_waited_up_to_the_maximum() {
    let paused = |retry_after_s| {
        let outcome = SendOutcome::Answered { status: 429, retry_after_s };
        delivery().attempted(&outcome, &POLICY, 0, 1, at(0)).next_at
    };
    assert_eq!(paused(None), Some(at(0).plus_micros(2_500_000)));
    assert_eq!(paused(Some(1)), paused(None));
    assert_eq!(paused(Some(120)), Some(at(2)));
    assert_eq!(paused(Some(u64::MAX)), paused(None), "a number that is none is no wish");
    assert_eq!(paused(Some(1_000_000)), Some(at(60)));
}

#[test]
fn a_subscription_is_switched_off_when_it_fails_too_long_or_is_gone() {
    let failed = answered(500).judged();
    let once = webhook().after(&failed, &POLICY, at(5));
    assert_eq!((once.status, once.failing_since), (WebhookStatus::Enabled, Some(at(5))));
    let nearly = once.after(&failed, &POLICY, at(5 + 24 * 60 - 1));
    assert_eq!((nearly.status, nearly.failing_since), (WebhookStatus::Enabled, Some(at(5))));
    let well = nearly.clone().after(&answered(200).judged(), &POLICY, at(2000));
    assert_eq!((well.status, well.failing_since), (WebhookStatus::Enabled, None));
    assert_eq!(nearly.after(&failed, &POLICY, at(5 + 24 * 60)).status, WebhookStatus::Failing);
    assert_eq!(webhook().after(&answered(410).judged(), &POLICY, at(5)).status, WebhookStatus::Gone);
    let paused = Webhook { status: WebhookStatus::Paused, ..webhook() };
    assert_eq!(paused.after(&answered(410).judged(), &POLICY, at(5)).status, WebhookStatus::Paused);
}

#[test]
fn a_webhook_that_names_nobody_or_is_one_too_many_is_not_made() {
    let new = |wish: FilterWish| NewWebhook {
        url: webhook().url,
        wish,
        is_enabled: false,
        secret: WebhookSecret::of_random([1; 32]),
    };
    let (nobody, found) = (FoundUser::Nobody, FoundUser::Found(user(3)));
    for (users, unknown) in [
        ([nobody.clone(), found.clone()], (true, false)),
        ([found.clone(), nobody.clone()], (false, true)),
        ([FoundUser::NotAsked, nobody.clone()], (false, true)),
        ([nobody.clone(), nobody.clone()], (true, true)),
    ] {
        let (actor, target) = unknown;
        let made = created(new(FilterWish::default()), users.clone(), WEBHOOKS_MAX);
        assert_eq!(made, WebhookCreated::UnknownUsers { actor, target });
        let changed = webhook().changed(WebhookChange::Edit(WebhookPatch::default()), users, at(1));
        assert_eq!(changed, Err(UnknownUsers { actor, target }));
    }
    let users = [FoundUser::NotAsked, found];
    let full = created(new(FilterWish::default()), users.clone(), WEBHOOKS_MAX);
    assert_eq!(full, WebhookCreated::Full);
    let WebhookCreated::Created(made) = created(new(FilterWish::default()), users, WEBHOOKS_MAX - 1) else {
        panic!("there is room for one");
    };
    assert_eq!((made.filter.actor, made.filter.target), (None, Some(user(3))));
    assert_eq!((made.status, made.position, made.created_at), (WebhookStatus::Paused, 10, at(0)));
}

#[test]
fn what_was_asked_for_once_more_leaves_the_line_alone() {
    let clears = |delivery| {
        let Webhook { id, revision, position, status, failing_since, .. } = webhook();
        Progress { id, revision, position, status, failing_since, delivery }.clears_line(10)
    };
    assert!(clears(None));
    assert!(clears(Some(delivery())), "it is above the position");
    assert!(!clears(Some(Delivery { position: 10, ..delivery() })));
}

#[test]
fn words_are_read_as_they_are_written() {
    for status in WebhookStatus::ALL {
        assert_eq!(WebhookStatus::parse(status.as_str()), Some(status));
    }
    for state in DeliveryState::ALL {
        assert_eq!(DeliveryState::parse(state.as_str()), Some(state));
    }
    let events = EventKind::ALL.map(MessageKind::Event);
    for kind in events.into_iter().chain([MessageKind::Resync]) {
        assert_eq!(MessageKind::parse(kind.as_str()), Some(kind));
    }
    assert_eq!(
        (WebhookStatus::parse("x"), DeliveryState::parse(""), MessageKind::parse("y")),
        (None, None, None)
    );
    let resync = Delivery { kind: MessageKind::Resync, ..delivery() };
    assert_ne!(resync.message_id(), delivery().message_id());
}

proptest! {
    #[test]
    fn pauses_grow_within_their_bounds(
        base in 0_i64..10_000_000, max in 0_i64..100_000_000, attempt in 1_u32..200, random: u64, asked: Option<u64>,
    ) {
        let policy = RetryPolicy { base_micros: base, max_micros: max, attempts_max: u32::MAX, ..POLICY };
        let mut tried = delivery();
        tried.attempts = attempt - 1;
        let outcome = SendOutcome::Answered { status: 500, retry_after_s: asked };
        let next = tried.attempted(&outcome, &policy, random, 0, at(0)).next_at.unwrap();
        let pause = next.micros() - at(0).micros();
        let whole = base.checked_shl(attempt - 1).filter(|_| attempt < 30).unwrap_or(if base == 0 { 0 } else { max }).min(max);
        prop_assert!(whole / 2 <= pause && pause <= max, "{pause} of {whole}, at most {max}");
        if asked.is_none() {
            prop_assert!(pause <= whole);
        }
    }
}
