//! Deliveries of webhooks, step by step, to a receiver that does what a test says.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
};

use async_trait::async_trait;
use feed_me_adapters::{
    memory::MemoryStore,
    system::{SystemIds, SystemSecrets},
};
use feed_me_domain::{
    Activity, Attempt, CursorCodec, FollowRequest, Given, NewActivity, Precondition, PutUser, StoreError,
    Timestamp, UserPatch, Username, Verb, Webhook, WebhookId,
    ports::{Clock, Message, MessageContent, MessageWriter, Posted, Stores, WebhookRequest, WebhookSender},
    sequence::EventKind,
    services::{DeliveryParts, DeliveryService, Line, Next, PageRequest, ReplayFrom, Step, WebhookService},
    webhook::{
        AddressPolicy, DeliveryState, FilterWish, MessageKind, RetryPolicy, SendOutcome, WebhookDraft,
        WebhookPatch, WebhookStatus, WebhookUrl,
    },
};
use uuid::Uuid;

const SECOND: i64 = 1_000_000;
const LEASE: i64 = 3600 * SECOND;
const POLICY: RetryPolicy = RetryPolicy {
    base_micros: 10 * SECOND,
    max_micros: 60 * SECOND,
    attempts_max: 3,
    disable_after_micros: 1000 * SECOND,
};

struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst)).unwrap()
    }
}

/// What arrived, and what is answered, 204 where nothing is said.
#[derive(Default)]
struct Receiver {
    arrived: Mutex<Vec<WebhookRequest>>,
    answers: Mutex<VecDeque<SendOutcome>>,
}

#[async_trait]
impl WebhookSender for Receiver {
    async fn send(&self, request: &WebhookRequest) -> SendOutcome {
        self.arrived.lock().unwrap().push(request.clone());
        let answer = self.answers.lock().unwrap().pop_front();
        answer.unwrap_or(SendOutcome::Answered { status: 204, retry_after_s: None })
    }
}

/// Writes what a test looks at.
struct Lines;

impl MessageWriter for Lines {
    fn write(&self, message: &Message) -> Result<String, StoreError> {
        Ok(match &message.content {
            MessageContent::Event { event, activity } => {
                let activity = activity.as_ref().map_or_else(
                    || "-".to_owned(),
                    |activity| {
                        let target = activity.target.as_ref().map_or("-", Username::as_str);
                        format!("{} {} {target}", activity.actor, activity.verb)
                    },
                );
                format!("{} {} {activity}", event.position, message.kind.as_str())
            }
            MessageContent::Missing { after, position } => format!("missing {after}..{position}"),
        })
    }
}

struct World {
    stores: Stores,
    clock: Arc<TestClock>,
    receiver: Arc<Receiver>,
    webhooks: WebhookService,
    deliveries: DeliveryService,
}

impl World {
    fn new() -> Self {
        let clock = Arc::new(TestClock(AtomicI64::new(1_767_225_600 * SECOND)));
        let stores = Stores::of(Arc::new(MemoryStore::new(clock.clone(), Arc::new(SystemIds))));
        let receiver = Arc::new(Receiver::default());
        let webhooks = WebhookService::new(
            stores.webhooks.clone(),
            stores.users.clone(),
            stores.events.clone(),
            Arc::new(SystemSecrets),
            CursorCodec::new(b"test"),
            AddressPolicy::default(),
        );
        let deliveries = deliveries(&stores, &clock, &receiver, 1);
        Self { stores, clock, receiver, webhooks, deliveries }
    }

    fn later(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds * SECOND, Ordering::SeqCst);
    }

    async fn user(&self, name: &str) -> Username {
        let username = Username::parse(name).unwrap();
        self.stores
            .users
            .put(PutUser { username: username.clone(), display_name: Given::Absent })
            .await
            .unwrap();
        username
    }

    async fn post(&self, actor: &Username, verb: &str, target: Option<&Username>) -> Activity {
        let activity = NewActivity {
            actor: actor.clone(),
            verb: Verb::parse(verb).unwrap(),
            object: Given::Absent,
            target: target.cloned().map_or(Given::Absent, Given::Value),
            published: None,
            external_id: None,
            data: None,
        };
        match self.stores.activities.post(activity, None).await.unwrap() {
            Attempt::Done(Posted::Created(activity)) => activity,
            other => panic!("{other:?}"),
        }
    }

    async fn follow(&self, follower: &Username, followee: &Username) {
        let request = FollowRequest { follower: follower.clone(), followee: followee.clone(), from: None };
        self.stores.follows.follow(request, None).await.unwrap();
    }

    /// A webhook whose lease is held.
    async fn webhook(&self, wish: FilterWish) -> WebhookId {
        let url = WebhookUrl::parse("https://example.org/", AddressPolicy::default()).unwrap();
        let draft = WebhookDraft { url: Some(url), wish, ..WebhookDraft::default() };
        let Attempt::Done(made) = self.webhooks.create(draft, None).await.unwrap() else {
            panic!("not made")
        };
        self.deliveries.claim(LEASE).await.unwrap();
        made.webhook.id
    }

    fn answers(&self, outcomes: impl IntoIterator<Item = u16>) {
        let outcomes =
            outcomes.into_iter().map(|status| SendOutcome::Answered { status, retry_after_s: None });
        self.receiver.answers.lock().unwrap().extend(outcomes);
    }

    /// Steps until there is nothing to do; what arrived meanwhile.
    async fn run(&self, line: &mut Line) -> (Vec<String>, Step) {
        let before = self.receiver.arrived.lock().unwrap().len();
        for _ in 0..10_000 {
            let step = self.deliveries.step(line).await.unwrap();
            if !matches!(step, Step::Sent(_) | Step::Passed) {
                let arrived = self.receiver.arrived.lock().unwrap();
                return (arrived[before..].iter().map(|request| request.body.clone()).collect(), step);
            }
        }
        panic!("it never rests");
    }

    /// What arrives of a line that is new, as after a crash.
    async fn arrives(&self, id: WebhookId) -> Vec<String> {
        self.run(&mut Line::new(id)).await.0
    }

    async fn found(&self, id: WebhookId) -> Webhook {
        self.webhooks.get(id).await.unwrap()
    }

    async fn states(&self, id: WebhookId) -> Vec<(i64, DeliveryState, u32)> {
        let page = self.webhooks.deliveries(id, None, &PageRequest::default()).await.unwrap();
        let mut states: Vec<_> =
            page.items.iter().map(|one| (one.position, one.state, one.attempts)).collect();
        states.reverse();
        states
    }
}

fn deliveries(
    stores: &Stores,
    clock: &Arc<TestClock>,
    receiver: &Arc<Receiver>,
    holder: u128,
) -> DeliveryService {
    DeliveryService::new(DeliveryParts {
        webhooks: stores.webhooks.clone(),
        log: stores.events.clone(),
        activities: stores.activities.clone(),
        sender: receiver.clone(),
        writer: Arc::new(Lines),
        clock: clock.clone(),
        ids: Arc::new(SystemIds),
        policy: POLICY,
        holder: Uuid::from_u128(holder),
    })
}

fn kinds(kinds: &[EventKind]) -> FilterWish {
    FilterWish { kinds: kinds.to_vec(), ..FilterWish::default() }
}

#[tokio::test]
async fn what_was_sent_and_not_settled_is_sent_again() {
    let world = World::new();
    let ivan = world.user("ivan").await;
    let id = world.webhook(FilterWish::default()).await;
    world.post(&ivan, "like", None).await;
    let mut line = Line::new(id);
    let prepared = loop {
        match world.deliveries.next(&mut line).await.unwrap() {
            Next::Send(prepared) => break prepared,
            Next::Done(step) => assert_eq!(step, Step::Passed),
        }
    };
    assert_eq!(world.receiver.arrived.lock().unwrap().len(), 0, "it was sent before its turn");
    let attempted = world.deliveries.send(*prepared).await;
    assert_eq!((world.found(id).await.position, world.states(id).await), (1, vec![]));
    assert_eq!(world.arrives(id).await, ["2 activity.added ivan like -"], "as after a kill");
    let arrived = world.receiver.arrived.lock().unwrap().clone();
    let [first, second] = &arrived[..] else { panic!("{arrived:?}") };
    assert_eq!(first.id, second.id, "its receiver would take it for another");
    assert!(matches!(world.deliveries.settle(attempted).await.unwrap(), Step::Sent(_)));
    assert_eq!(world.states(id).await, [(2, DeliveryState::Delivered, 1)]);
}

#[tokio::test]
async fn everything_arrives_once_in_order_and_signed() {
    let world = World::new();
    let [ivan, eric] = [world.user("ivan").await, world.user("eric").await];
    let id = world.webhook(FilterWish::default()).await;
    let mut line = Line::new(id);
    assert_eq!(
        world.run(&mut line).await,
        (Vec::new(), Step::Idle(None)),
        "what was before is nobody's news"
    );
    world.post(&ivan, "like", Some(&eric)).await;
    world.follow(&eric, &ivan).await;
    assert_eq!(world.run(&mut line).await.0, ["3 activity.added ivan like eric", "4 follow.added -"]);
    assert_eq!(world.run(&mut line).await.0, [""; 0]);
    assert_eq!(world.found(id).await.position, 4);
    let arrived = world.receiver.arrived.lock().unwrap().clone();
    let webhook = world.stores.webhooks.find(id).await.unwrap().unwrap();
    for request in arrived {
        let expected = webhook.secrets.current().sign(&request.id, request.timestamp_s, &request.body);
        assert_eq!(request.signature, expected);
        assert_eq!(request.timestamp_s, world.clock.now().micros() / SECOND);
    }
}

#[tokio::test]
async fn a_filter_lets_through_what_it_names() {
    let world = World::new();
    let [ivan, eric, niko] = [world.user("ivan").await, world.user("eric").await, world.user("niko").await];
    let verb = Some(Verb::parse("like").unwrap());
    let likes = world.webhook(FilterWish { verb, ..FilterWish::default() }).await;
    let by_ivan = world.webhook(FilterWish { actor: Some(ivan.clone()), ..FilterWish::default() }).await;
    let to_niko = FilterWish { target: Some(niko.clone()), ..kinds(&[EventKind::ActivityAdded]) };
    let to_niko = world.webhook(to_niko).await;
    world.post(&ivan, "like", Some(&eric)).await;
    world.post(&eric, "share", Some(&niko)).await;
    world.follow(&ivan, &niko).await;
    let gone = world.post(&niko, "share", None).await;
    world.stores.activities.delete(gone.id, Precondition::None).await.unwrap();
    // Of what is gone nobody knows the verb.
    let gone_lines = ["7 activity.added -", "8 activity.removed -"];
    assert_eq!(world.arrives(likes).await, [&["4 activity.added ivan like eric"], &gone_lines[..]].concat());
    assert_eq!(world.arrives(by_ivan).await, ["4 activity.added ivan like eric", "6 follow.added -"]);
    assert_eq!(world.arrives(to_niko).await, ["5 activity.added eric share niko"]);
}

#[tokio::test]
async fn the_next_one_waits_until_the_one_before_is_delivered_or_dead() {
    let world = World::new();
    let ivan = world.user("ivan").await;
    let id = world.webhook(FilterWish::default()).await;
    world.post(&ivan, "first", None).await;
    world.post(&ivan, "second", None).await;
    let mut line = Line::new(id);
    world.answers([500]);
    let (arrived, step) = world.run(&mut line).await;
    assert_eq!(arrived, ["2 activity.added ivan first -"]);
    let Step::Waiting(at) = step else { panic!("{step:?}") };
    let pause = at.micros() - world.clock.now().micros();
    assert!((5 * SECOND..=10 * SECOND).contains(&pause), "{pause}");
    assert_eq!(world.found(id).await.failing_since, Some(world.clock.now()));
    world.later(10);
    world.answers([503, 200]);
    assert_eq!(world.run(&mut line).await.0, ["2 activity.added ivan first -"]);
    world.later(20);
    let both = ["2 activity.added ivan first -", "3 activity.added ivan second -"];
    assert_eq!(world.run(&mut line).await.0, both);
    assert_eq!(world.states(id).await, [(2, DeliveryState::Delivered, 3), (3, DeliveryState::Delivered, 1)]);
    assert_eq!(world.found(id).await.failing_since, None);
    let ids: Vec<String> = world.receiver.arrived.lock().unwrap().iter().map(|one| one.id.clone()).collect();
    assert!(ids[0] == ids[1] && ids[1] == ids[2] && ids[2] != ids[3], "{ids:?}");
}

#[tokio::test]
async fn a_dead_letter_lets_the_next_pass_and_is_delivered_when_asked_for() {
    let world = World::new();
    let ivan = world.user("ivan").await;
    let id = world.webhook(FilterWish::default()).await;
    let first = world.post(&ivan, "first", None).await;
    world.post(&ivan, "second", None).await;
    world.answers([500, 500, 500]);
    for _ in 0..3 {
        world.arrives(id).await;
        world.later(60);
    }
    assert_eq!(world.states(id).await, [(2, DeliveryState::Dead, 3), (3, DeliveryState::Delivered, 1)]);
    // What it says is what is so by now.
    let patch = UserPatch { username: Some(Username::parse("jan").unwrap()), display_name: Given::Absent };
    world.stores.users.edit(&ivan, patch).await.unwrap();
    world.webhooks.redeliver(id, 2, None).await.unwrap();
    world.answers([500, 200]);
    assert_eq!(world.arrives(id).await, ["2 activity.added jan first -", "4 user.updated -"]);
    world.later(60);
    world.stores.activities.delete(first.id, Precondition::None).await.unwrap();
    assert_eq!(world.arrives(id).await, ["2 activity.added -", "5 activity.removed -"]);
    assert_eq!(world.states(id).await[0], (2, DeliveryState::Delivered, 2));
}

#[tokio::test]
async fn nothing_that_is_sent_after_an_erasure_names_the_erased() {
    let world = World::new();
    let [ivan, eric] = [world.user("ivan").await, world.user("eric").await];
    let id = world.webhook(FilterWish::default()).await;
    let about_ivan = world.webhook(FilterWish { actor: Some(ivan.clone()), ..FilterWish::default() }).await;
    world.post(&ivan, "like", None).await;
    world.post(&eric, "greet", Some(&ivan)).await;
    world.answers([500]);
    assert_eq!(world.arrives(id).await, ["3 activity.added ivan like -"]);
    world.stores.users.erase(&ivan).await.unwrap();
    world.later(60);
    let after = ["3 activity.added -", "4 activity.added eric greet -", "5 user.erased -"];
    assert_eq!(world.arrives(id).await, after);
    assert_eq!(world.run(&mut Line::new(about_ivan)).await, (Vec::new(), Step::Over));
}

#[tokio::test]
async fn a_replay_delivers_again_and_a_skip_passes_over() {
    let world = World::new();
    let ivan = world.user("ivan").await;
    let id = world.webhook(kinds(&[EventKind::ActivityAdded])).await;
    let mut line = Line::new(id);
    for verb in ["a", "b", "c"] {
        world.post(&ivan, verb, None).await;
    }
    assert_eq!(world.run(&mut line).await.0.len(), 3);
    world.webhooks.replay(id, ReplayFrom::Position(2), None).await.unwrap();
    assert_eq!(world.run(&mut line).await.0, ["3 activity.added ivan b -", "4 activity.added ivan c -"]);
    world.webhooks.replay(id, ReplayFrom::Beginning, None).await.unwrap();
    world.answers([500]);
    assert_eq!(world.run(&mut line).await.0, ["2 activity.added ivan a -"]);
    // What waits is passed over too.
    world.webhooks.replay(id, ReplayFrom::Now, None).await.unwrap();
    assert_eq!(world.run(&mut line).await.0, [""; 0]);
    world.post(&ivan, "d", None).await;
    assert_eq!(world.run(&mut line).await.0, ["5 activity.added ivan d -"]);
    assert!(world.webhooks.replay(id, ReplayFrom::Position(6), None).await.is_err());
}

#[tokio::test]
async fn what_the_log_does_not_hold_any_more_is_told() {
    let world = World::new();
    let ivan = world.user("ivan").await;
    let id = world.webhook(FilterWish::default()).await;
    world.webhooks.edit(id, switched(false), Vec::new()).await.unwrap();
    for verb in ["a", "b", "c"] {
        world.later(10);
        world.post(&ivan, verb, None).await;
    }
    assert_eq!(world.stores.events.trim(world.clock.now(), 100).await.unwrap(), 3);
    world.webhooks.edit(id, switched(true), Vec::new()).await.unwrap();
    world.answers([500]);
    assert_eq!(world.arrives(id).await, ["missing 1..3"]);
    world.later(60);
    assert_eq!(world.arrives(id).await, ["missing 1..3", "4 activity.added ivan c -"]);
    let told = world.webhooks.delivery(id, 3).await.unwrap();
    assert_eq!((told.kind, told.state), (MessageKind::Resync, DeliveryState::Delivered));
}

#[tokio::test]
async fn an_event_that_is_trimmed_while_it_is_retried_is_told_as_missing() {
    let world = World::new();
    let ivan = world.user("ivan").await;
    let id = world.webhook(FilterWish::default()).await;
    for verb in ["a", "b", "c"] {
        world.later(10);
        world.post(&ivan, verb, None).await;
    }
    world.answers([500, 500]);
    assert_eq!(world.arrives(id).await, ["2 activity.added ivan a -"]);
    world.stores.events.trim(world.clock.now(), 100).await.unwrap();
    world.later(60);
    assert_eq!(world.arrives(id).await, ["missing 1..3"]);
    world.later(60);
    assert_eq!(world.arrives(id).await, ["missing 1..3", "4 activity.added ivan c -"]);
    // What was delivered before and is asked for again cannot be said any more.
    world.stores.events.trim(Timestamp::MAX, 100).await.unwrap();
    world.post(&ivan, "d", None).await;
    world.stores.events.trim(Timestamp::MAX, 100).await.unwrap();
    assert!(world.webhooks.redeliver(id, 4, None).await.is_err());
}

fn switched(is_enabled: bool) -> WebhookPatch {
    WebhookPatch { is_enabled: Some(is_enabled), ..WebhookPatch::default() }
}

#[tokio::test]
async fn a_receiver_that_fails_too_long_or_is_gone_is_left_alone_until_it_is_switched_on() {
    let world = World::new();
    let ivan = world.user("ivan").await;
    let id = world.webhook(FilterWish::default()).await;
    let mut line = Line::new(id);
    for number in 0..400 {
        world.post(&ivan, &format!("verb {number}"), None).await;
    }
    world.answers([410]);
    let (arrived, step) = world.run(&mut line).await;
    assert_eq!((arrived.len(), step), (1, Step::Over));
    assert_eq!(world.found(id).await.status, WebhookStatus::Gone);
    world.webhooks.edit(id, switched(true), Vec::new()).await.unwrap();
    world.deliveries.claim(LEASE).await.unwrap();
    world.answers(std::iter::repeat_n(500, 400));
    let mut attempts = 0;
    loop {
        let (arrived, step) = world.run(&mut line).await;
        attempts += arrived.len();
        match step {
            Step::Waiting(at) => {
                let micros = at.micros();
                world.clock.0.store(micros, Ordering::SeqCst);
            }
            Step::Over => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(world.found(id).await.status, WebhookStatus::Failing);
    assert!((20..400).contains(&attempts), "{attempts}");
    assert_eq!(world.deliveries.claim(LEASE).await.unwrap(), []);
    // Switched on again it goes on where it stood.
    world.receiver.answers.lock().unwrap().clear();
    world.webhooks.edit(id, switched(true), Vec::new()).await.unwrap();
    world.deliveries.claim(LEASE).await.unwrap();
    world.run(&mut line).await;
    assert_eq!(world.found(id).await.position, 401);
    let states = world.states(id).await;
    let last = states.last().unwrap();
    assert_eq!((last.0, last.1), (401, DeliveryState::Delivered));
}

#[tokio::test]
async fn another_holder_goes_on_where_the_first_one_stood() {
    let world = World::new();
    let ivan = world.user("ivan").await;
    let id = world.webhook(FilterWish::default()).await;
    let other = deliveries(&world.stores, &world.clock, &world.receiver, 2);
    for verb in ["a", "b"] {
        world.post(&ivan, verb, None).await;
    }
    assert_eq!(other.claim(LEASE).await.unwrap(), []);
    assert_eq!(other.step(&mut Line::new(id)).await.unwrap(), Step::Over);
    let mut line = Line::new(id);
    while !matches!(world.deliveries.step(&mut line).await.unwrap(), Step::Sent(_)) {}
    world.later(3601);
    assert_eq!(other.claim(LEASE).await.unwrap().len(), 1);
    assert_eq!(world.deliveries.step(&mut line).await.unwrap(), Step::Over);
    let mut line = Line::new(id);
    while !matches!(other.step(&mut line).await.unwrap(), Step::Idle(_)) {}
    let arrived: Vec<_> = world.receiver.arrived.lock().unwrap().iter().map(|one| one.body.clone()).collect();
    assert_eq!(arrived, ["2 activity.added ivan a -", "3 activity.added ivan b -"]);
}

#[tokio::test]
async fn what_nobody_wants_is_passed_over_and_noted_now_and_then() {
    let world = World::new();
    let ivan = world.user("ivan").await;
    let id = world.webhook(kinds(&[EventKind::Reset])).await;
    let mut line = Line::new(id);
    for number in 0..1500 {
        world.post(&ivan, &format!("verb {number}"), None).await;
    }
    let (arrived, _) = world.run(&mut line).await;
    assert_eq!(arrived, [""; 0]);
    assert!(1000 <= world.found(id).await.position);
    world.later(10);
    assert_eq!(world.run(&mut line).await.1, Step::Idle(None));
    assert_eq!(world.found(id).await.position, 1501);
}

#[tokio::test]
async fn a_filter_that_changes_while_something_waits_counts_for_it_too() {
    let world = World::new();
    let ivan = world.user("ivan").await;
    let id = world.webhook(FilterWish::default()).await;
    let mut line = Line::new(id);
    world.post(&ivan, "poison", None).await;
    world.post(&ivan, "food", None).await;
    world.answers([500]);
    world.run(&mut line).await;
    let verb = Given::Value(Verb::parse("food").unwrap());
    let patch = WebhookPatch { verb, ..WebhookPatch::default() };
    world.webhooks.edit(id, patch, Vec::new()).await.unwrap();
    assert_eq!(world.run(&mut line).await.0, ["3 activity.added ivan food -"]);
    assert_eq!(world.states(id).await, [(3, DeliveryState::Delivered, 1)]);
}
