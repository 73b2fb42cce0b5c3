//! Notifications: groups of what targets a user, new followers, and what of it was seen and read.

use std::collections::{BTreeMap, HashMap};

use super::{
    kit::{carried_out, doing, done, expected_span, keyed, name, newest_first, object, request, spans, verb},
    random::Random,
    world::World,
};
use crate::{
    activity::{ActivityPatch, NewActivity, Precondition},
    feed::FeedKind,
    given::Given,
    id::ActivityId,
    idempotency::{Attempt, Keyed},
    notification::{
        GroupId, GroupPlace, MarkRequest, NotificationGroup, NotificationSlice, ReadRequest, Subject, day_of,
    },
    page::{Boundary, Direction, Placed, Span},
    relation::RelationKind,
    text::Username,
    time::Timestamp,
};

const DAY: i64 = 86_400_000_000;

impl NewActivity {
    fn on(self, what: &str) -> Self {
        Self { object: Given::Value(object(what)), ..self }
    }
}

fn top(take: usize) -> Span<GroupPlace> {
    Span { boundary: Boundary::Top, direction: Direction::Forward, take }
}

fn all_seen() -> MarkRequest {
    MarkRequest { seen_all: true, ..MarkRequest::default() }
}

fn all_read() -> MarkRequest {
    MarkRequest { read: ReadRequest::All, ..MarkRequest::default() }
}

fn read(ids: &[GroupId]) -> MarkRequest {
    MarkRequest { read: ReadRequest::These(ids.to_vec()), ..MarkRequest::default() }
}

impl World {
    async fn notified(&self, owner: &Username, span: Span<GroupPlace>) -> NotificationSlice {
        let found = done(self.stores.notifications.notifications(owner, &span).await);
        found.unwrap_or_else(|| panic!("'{owner}' has no notifications"))
    }

    async fn groups(&self, owner: &Username) -> Vec<NotificationGroup> {
        self.notified(owner, top(1000)).await.groups
    }

    /// Each group in words.
    async fn told(&self, owner: &Username) -> Vec<String> {
        self.groups(owner).await.iter().map(words).collect()
    }

    async fn marks(&self, owner: &Username, request: MarkRequest) {
        let marked = carried_out(self.stores.notifications.mark(owner, request, None).await);
        assert!(marked, "'{owner}' cannot mark anything");
    }

    /// How many groups are unseen and unread; what is told of each has to agree.
    async fn counts(&self, owner: &Username) -> (u64, u64) {
        let slice = self.notified(owner, top(1000)).await;
        let count =
            |is: fn(&NotificationGroup) -> bool| slice.groups.iter().filter(|group| !is(group)).count();
        let told = (count(|group| group.seen) as u64, count(|group| group.read) as u64);
        assert_eq!((slice.unseen, slice.unread), told, "counts and groups of '{owner}'");
        told
    }

    async fn edit(&self, id: ActivityId, patch: ActivityPatch) {
        let edited = done(self.stores.activities.edit(id, patch, Precondition::None).await);
        assert!(matches!(edited, crate::ports::Edited::Edited(_)), "an edit answers {edited:?}");
    }
}

fn words(group: &NotificationGroup) -> String {
    let actors = group.actors.iter().map(Username::as_str).collect::<Vec<_>>().join(",");
    let what = match &group.subject {
        Subject::Followers => {
            assert_eq!(group.latest, None, "followers have no latest activity");
            "followed".to_owned()
        }
        Subject::Mention { verb, object } => {
            let latest = group.latest.as_ref().unwrap_or_else(|| panic!("no latest activity: {group:?}"));
            assert_eq!((&latest.verb, &latest.object), (verb, object));
            assert_eq!(latest.published, group.updated_at);
            format!("{} {}", verb.as_str(), object.as_ref().map_or("-", |object| object.as_str()))
        }
    };
    format!("{actors} ({}) {what} ({})", group.actor_count, group.activity_count)
}

pub(super) async fn what_targets_a_user_is_grouped_by_verb_object_and_day(world: World) {
    let [ivan, eric, niko] = world.users(["ivan", "eric", "niko"]).await;
    world.post(doing(&eric, "like").on("1").to(&ivan)).await;
    world.post(doing(&niko, "like").on("2").to(&ivan)).await;
    world.post(doing(&niko, "share").on("1").to(&ivan)).await;
    world.post(doing(&niko, "like").to(&ivan)).await;
    world.post(doing(&niko, "like").on("1").to(&eric)).await;
    world.post(doing(&niko, "like").on("1")).await;
    world.post(doing(&niko, "like").on("1").to(&ivan)).await;
    world.post(doing(&eric, "like").on("1").to(&ivan).at(world.now().plus_micros(-DAY))).await;
    let told = ["niko,eric (2) like 1 (2)", "niko (1) like - (1)", "niko (1) share 1 (1)"];
    let older = ["niko (1) like 2 (1)", "eric (1) like 1 (1)"];
    assert_eq!(world.told(&ivan).await, [&told[..], &older[..]].concat());
    assert_eq!(world.told(&eric).await, ["niko (1) like 1 (1)"]);
    let ids: std::collections::HashSet<_> = world.groups(&ivan).await.iter().map(|group| group.id).collect();
    assert_eq!(ids.len(), 5, "two groups have one id");
}

pub(super) async fn a_day_is_one_of_utc_and_ends_at_midnight(world: World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    let midnight = world.now();
    assert_eq!(midnight.micros() % DAY, 0);
    for ahead in [-1, 0, -DAY, -DAY - 1] {
        world.post(doing(&eric, "like").on("1").to(&ivan).at(midnight.plus_micros(ahead))).await;
    }
    let counts: Vec<u64> = world.groups(&ivan).await.iter().map(|group| group.activity_count).collect();
    assert_eq!(counts, [1, 2, 1]);
    for micros in [-1, -DAY, Timestamp::MIN.micros()] {
        let early = Timestamp::from_micros(micros).unwrap_or(Timestamp::MIN);
        world.post(doing(&eric, "wait").to(&ivan).at(early)).await;
    }
    let counts: Vec<u64> = world.groups(&ivan).await.iter().map(|group| group.activity_count).collect();
    assert_eq!(counts, [1, 2, 1, 2, 1], "days before 1970 are days");
}

pub(super) async fn a_group_names_its_newest_actors_and_counts_all(world: World) {
    let [ivan, a, b, c, d] = world.users(["ivan", "a", "b", "c", "d"]).await;
    for actor in [&a, &b, &c, &d, &a] {
        world.post(doing(actor, "like").on("1").to(&ivan)).await;
    }
    assert_eq!(world.told(&ivan).await, ["a,d,c (4) like 1 (5)"]);
    world.rename(&d, "dora").await;
    assert_eq!(world.told(&ivan).await, ["a,dora,c (4) like 1 (5)"]);
}

pub(super) async fn followers_of_a_day_are_one_group(world: World) {
    let [ivan, eric, niko, lena] = world.users(["ivan", "eric", "niko", "lena"]).await;
    world.follow(&eric, &ivan).await;
    world.post(doing(&lena, "like").on("1").to(&ivan)).await;
    world.follow(&niko, &ivan).await;
    world.follow(&ivan, &eric).await;
    assert_eq!(world.told(&ivan).await, ["niko,eric (2) followed (2)", "lena (1) like 1 (1)"]);
    world.clock.advance(DAY);
    world.follow(&lena, &ivan).await;
    // An activity of that verb is another matter.
    world.post(doing(&lena, "follow").to(&ivan)).await;
    let told = ["lena (1) follow - (1)", "lena (1) followed (1)", "niko,eric (2) followed (2)"];
    assert_eq!(world.told(&ivan).await[..3], told);
    world.unfollow(&niko, &ivan, true).await;
    world.unfollow(&lena, &ivan, false).await;
    let told = ["lena (1) follow - (1)", "lena (1) like 1 (1)", "eric (1) followed (1)"];
    assert_eq!(world.told(&ivan).await, told);
}

pub(super) async fn ones_own_doings_are_no_notifications(world: World) {
    let ivan = world.user("ivan").await;
    world.post(doing(&ivan, "like").on("1").to(&ivan)).await;
    assert_eq!(world.told(&ivan).await, [""; 0]);
    assert_eq!(world.mentions(&ivan).await, ["like"]);
    assert_eq!(world.counts(&ivan).await, (0, 0));
}

pub(super) async fn a_block_hides_notifications_until_it_ends(world: World) {
    let [ivan, eric, niko] = world.users(["ivan", "eric", "niko"]).await;
    world.follow(&eric, &ivan).await;
    world.post(doing(&eric, "like").on("1").to(&ivan)).await;
    world.post(doing(&niko, "like").on("1").to(&ivan)).await;
    world.post(doing(&eric, "share").on("1").to(&ivan)).await;
    for (blocker, blocked) in [(&ivan, &eric), (&eric, &ivan)] {
        world.block(blocker, blocked).await;
        assert_eq!(world.told(&ivan).await, ["niko (1) like 1 (1)"]);
        assert_eq!(world.counts(&ivan).await, (1, 1));
        world.end(RelationKind::Block, blocker, blocked).await;
        assert_eq!(world.told(&ivan).await, ["eric (1) share 1 (1)", "niko,eric (2) like 1 (2)"]);
    }
    world.mute(&ivan, &eric).await;
    assert_eq!(world.told(&ivan).await.len(), 2, "a mute is about the friends feed alone");
}

pub(super) async fn groups_are_right_after_edits_deletes_and_erasures(world: World) {
    let [ivan, eric, niko] = world.users(["ivan", "eric", "niko"]).await;
    world.follow(&niko, &ivan).await;
    world.post(doing(&niko, "like").on("1").to(&ivan)).await;
    let newest = world.post(doing(&eric, "like").on("1").to(&ivan)).await;
    let patch = ActivityPatch { object: Given::Value(object("2")), ..ActivityPatch::default() };
    world.edit(newest.id, patch).await;
    let told = ["eric (1) like 2 (1)", "niko (1) like 1 (1)", "niko (1) followed (1)"];
    assert_eq!(world.told(&ivan).await, told);
    let patch = ActivityPatch { target: Given::Value(niko.clone()), ..ActivityPatch::default() };
    world.edit(newest.id, patch).await;
    assert_eq!(world.told(&ivan).await, told[1..]);
    assert_eq!(world.told(&niko).await, told[..1]);
    let more = world.post(doing(&eric, "like").on("1").to(&ivan)).await;
    assert_eq!(world.told(&ivan).await[0], "eric,niko (2) like 1 (2)");
    world.delete(more.id).await;
    assert_eq!(world.told(&ivan).await, told[1..]);
    world.erase(&niko).await;
    assert_eq!(world.told(&ivan).await, [""; 0]);
    assert_eq!(world.counts(&ivan).await, (0, 0));
    world.erase(&ivan).await;
    assert_eq!(done(world.stores.notifications.notifications(&ivan, &top(9)).await), None);
}

pub(super) async fn a_mark_holds_until_there_is_news(world: World) {
    let [ivan, eric, niko] = world.users(["ivan", "eric", "niko"]).await;
    world.post(doing(&eric, "like").on("1").to(&ivan)).await;
    world.post(doing(&eric, "like").on("2").to(&ivan)).await;
    world.follow(&eric, &ivan).await;
    assert_eq!(world.counts(&ivan).await, (3, 3));
    world.marks(&ivan, all_seen()).await;
    assert_eq!(world.counts(&ivan).await, (0, 3));
    let first = world.groups(&ivan).await[2].id;
    world.marks(&ivan, read(&[first])).await;
    assert_eq!(world.counts(&ivan).await, (0, 2));
    assert!(world.groups(&ivan).await[2].read, "another group was marked");
    // News: by another, and of an earlier time.
    let backdated = world.now().plus_micros(-1);
    let news = world.post(doing(&niko, "like").on("1").to(&ivan).at(world.now())).await;
    assert_eq!(world.counts(&ivan).await, (1, 3));
    world.delete(news.id).await;
    assert_eq!(world.counts(&ivan).await, (0, 2), "what is gone is no news");
    world.post(doing(&niko, "like").on("3").to(&ivan).at(backdated)).await;
    assert_eq!(world.counts(&ivan).await, (1, 3));
    world.marks(&ivan, all_read()).await;
    assert_eq!(world.counts(&ivan).await, (0, 0));
    world.follow(&niko, &ivan).await;
    assert_eq!(world.counts(&ivan).await, (1, 1));
    // Read is seen.
    let followers = world.groups(&ivan).await[0].id;
    world.marks(&ivan, read(&[followers, followers])).await;
    assert_eq!(world.counts(&ivan).await, (0, 0));
    assert_eq!(world.counts(&eric).await, (0, 0));
}

pub(super) async fn an_edit_is_news_where_it_says_something_else(world: World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    let post = world.post(doing(&eric, "like").on("1").to(&eric)).await;
    world.post(doing(&eric, "like").on("1").to(&ivan)).await;
    world.marks(&ivan, all_read()).await;
    let patch = ActivityPatch { target: Given::Value(ivan.clone()), ..ActivityPatch::default() };
    world.edit(post.id, patch).await;
    assert_eq!(world.counts(&ivan).await, (1, 1));
    world.marks(&ivan, all_read()).await;
    let same = ActivityPatch { verb: Some(verb("like")), ..ActivityPatch::default() };
    world.edit(post.id, same).await;
    assert_eq!(world.counts(&ivan).await, (0, 0), "it says what it said before");
}

pub(super) async fn a_mark_is_no_event_and_checks_its_user(world: World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    world.post(doing(&eric, "like").to(&ivan)).await;
    let position = world.position().await;
    world.marks(&ivan, all_seen()).await;
    world.marks(&ivan, read(&[GroupId::from_bytes([7; 16]), GroupId::ALL])).await;
    assert_eq!(world.counts(&ivan).await, (0, 1), "an id of no group marks nothing");
    assert_eq!(world.position().await, position);
    let nobody = name("nobody");
    assert!(!carried_out(world.stores.notifications.mark(&nobody, all_read(), None).await));
    assert_eq!(done(world.stores.notifications.notifications(&nobody, &top(1)).await), None);
    let erich = world.rename(&ivan, "erich").await;
    assert_eq!(world.counts(&erich).await, (0, 1), "marks are lost by a rename");
}

pub(super) async fn a_mark_may_carry_a_key(world: World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    world.post(doing(&eric, "like").to(&ivan)).await;
    let key = request("mark", "body");
    let mark = async || {
        let keyed: Option<Keyed<bool>> = keyed(key, &[&ivan], |marked| *marked);
        done(world.stores.notifications.mark(&ivan, all_read(), keyed).await)
    };
    assert_eq!(mark().await, Attempt::Done(true));
    world.post(doing(&eric, "like").to(&ivan)).await;
    assert!(matches!(mark().await, Attempt::Replayed(_)));
    assert_eq!(world.counts(&ivan).await, (1, 1), "a replay marked again");
}

pub(super) async fn every_boundary_of_groups_is_exact(world: World) {
    let [ivan, eric, niko] = world.users(["ivan", "eric", "niko"]).await;
    for days in 0..3 {
        for what in ["1", "2"] {
            world.post(doing(&eric, "like").on(what).to(&ivan)).await;
        }
        if days == 1 {
            world.follow(&niko, &ivan).await;
        }
        world.clock.advance(DAY);
    }
    // Of one instant, decided by their ids.
    for what in ["3", "4"] {
        world.post(doing(&niko, "like").on(what).to(&ivan).at(world.now().plus_micros(-3 * DAY))).await;
    }
    let all = world.groups(&ivan).await;
    assert_eq!(all.len(), 9);
    let places: Vec<GroupPlace> = all.iter().map(Placed::place).collect();
    for span in spans(&places) {
        let groups = world.notified(&ivan, span).await.groups;
        let expected = expected_span(&all, &span, Placed::place, newest_first);
        assert!(groups.iter().eq(expected.clone()), "{span:?}: {groups:?}, not {expected:?}");
    }
}

pub(super) async fn a_walk_of_groups_gives_each_once_while_news_arrive(world: World) {
    let [ivan, eric, niko] = world.users(["ivan", "eric", "niko"]).await;
    for number in 0..12 {
        if number == 6 {
            world.clock.advance(DAY);
        }
        world.post(doing(&eric, "like").on(&number.to_string()).to(&ivan)).await;
    }
    let all: Vec<GroupId> = world.groups(&ivan).await.iter().map(|group| group.id).collect();
    let (mut walked, mut boundary) = (Vec::new(), Boundary::Top);
    for round in 0.. {
        let span = Span { boundary, direction: Direction::Forward, take: 2 };
        let groups = world.notified(&ivan, span).await.groups;
        let Some(last) = groups.last() else { break };
        boundary = Boundary::After(last.place);
        walked.extend(groups.iter().map(|group| group.id));
        // Groups that were given, and groups that are still to come, move to the top; and new ones come.
        for what in [0, 5, 8, 11, 20 + round] {
            world.post(doing(&niko, "like").on(&what.to_string()).to(&ivan)).await;
        }
        let early = world.now().plus_micros(-DAY);
        world.post(doing(&niko, "like").on("1").to(&ivan).at(early)).await;
    }
    assert_eq!(walked, all);
    let above = Span { boundary, direction: Direction::Backward, take: 100 };
    let above = world.notified(&ivan, above).await.groups;
    let mut now = world.groups(&ivan).await;
    now.retain(|group| above.iter().any(|other| other.id == group.id));
    now.reverse();
    assert_eq!(above, now, "a walk up gives what stands there by now");
}

pub(super) async fn groups_equal_the_mentions_after_a_random_history(world: World) {
    let names = world.users(["a", "b", "c", "d", "e"]).await;
    let mut random = Random::new(11);
    let mut ids = Vec::new();
    for _ in 0..150 {
        let actor = &names[random.below(5)];
        let target = &names[random.below(3)];
        match random.below(8) {
            0 => drop(world.try_follow(actor, target, None).await),
            1 => drop(world.unfollow(actor, target, random.below(2) == 0).await),
            2 if !ids.is_empty() => {
                let id = ids.swap_remove(random.below(ids.len()));
                world.delete(id).await;
            }
            3 => drop(world.relate(RelationKind::Block, actor, target).await),
            4 => drop(done(world.stores.relations.remove(RelationKind::Block, actor, target).await)),
            5 if !ids.is_empty() => {
                let target = Given::Value(target.clone());
                let patch = ActivityPatch { target, ..ActivityPatch::default() };
                world.edit(ids[random.below(ids.len())], patch).await;
            }
            _ => {
                let back = i64::try_from(random.below(3)).unwrap_or(0) * DAY;
                let wish = doing(actor, ["like", "share"][random.below(2)]).on(["1", "2"][random.below(2)]);
                let published = world.now().plus_micros(-back);
                ids.push(world.post(wish.to(target).at(published)).await.id);
            }
        }
        world.clock.advance(1000);
    }
    for owner in &names {
        compare(&world, owner).await;
    }
}

/// Compares groups with the mentions feed, grouped once more.
async fn compare(world: &World, owner: &Username) {
    let mut expected: HashMap<String, (Vec<Timestamp>, BTreeMap<Username, u64>)> = HashMap::new();
    for activity in world.feed(FeedKind::Mentions, owner).await {
        if activity.actor == *owner {
            continue;
        }
        let key = format!("{:?} {:?} {}", activity.verb, activity.object, day_of(activity.published));
        let (times, actors) = expected.entry(key).or_default();
        times.push(activity.published);
        *actors.entry(activity.actor).or_default() += 1;
    }
    let mut groups = world.groups(owner).await;
    assert!(groups.is_sorted_by_key(|group| std::cmp::Reverse(group.place)), "the groups are not in order");
    groups.retain(|group| group.subject != Subject::Followers);
    assert_eq!(groups.len(), expected.len(), "the groups of '{owner}'");
    for group in groups {
        let Subject::Mention { verb, object } = &group.subject else { continue };
        let key = format!("{verb:?} {object:?} {}", day_of(group.updated_at));
        let Some((times, actors)) = expected.get(&key) else { panic!("there is no group {key}") };
        assert_eq!(times.iter().max(), Some(&group.updated_at), "{key}");
        assert_eq!(group.activity_count, times.len() as u64, "{key}");
        assert_eq!(group.actor_count, actors.len() as u64, "{key}");
        assert!(group.actors.iter().all(|actor| actors.contains_key(actor)), "{key}");
        assert_eq!(group.actors.len(), actors.len().min(3), "{key}");
    }
}
