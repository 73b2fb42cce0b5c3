//! Feeds: their order, their stretches, their filters. What decides about visibility is in `windows` and `relations`.

use super::{
    histories::random_history,
    kit::{doing, done, expected_span, ids, name, newest_first, spans, verb, verbs},
    model::Model,
    random::Random,
    world::World,
};
use crate::{
    activity::{Activity, ActivityPatch, NewActivity, Precondition},
    feed::{FeedFilter, FeedKind, FeedMark, FeedQuery, FeedSlice, Position, Shape},
    follow::{Edge, FollowFrom, Window},
    id::ActivityId,
    page::{Boundary, Direction, Placed, Span},
    ports::{Atomicity, Explained, VisibilityFacts},
    text::Username,
    time::Timestamp,
};

const KINDS: [FeedKind; 3] = [FeedKind::Own, FeedKind::Friends, FeedKind::Mentions];

/// A reader with three followees, all of whom post at the same few instants, some of it to the reader.
async fn many_equal_times(world: &World) -> Username {
    let [ivan, eric, niko, zoe] = world.users(["ivan", "eric", "niko", "zoe"]).await;
    for followee in [&eric, &niko, &zoe] {
        world.follow(&ivan, followee).await;
    }
    let mut activities = Vec::new();
    for (index, actor) in [&eric, &niko, &ivan, &zoe].into_iter().cycle().take(40).enumerate() {
        let instant = Timestamp::EPOCH.plus_micros(i64::try_from(index % 3).unwrap_or(0));
        let what = ["wrote", "liked", "shared"][index % 3];
        let activity = doing(actor, what).at(instant);
        activities.push(if index % 2 == 0 { activity.to(&ivan) } else { activity });
    }
    store(world, activities).await;
    ivan
}

async fn store(world: &World, activities: Vec<NewActivity>) {
    for chunk in activities.chunks(1000) {
        let posted = world.stores.activities.post_batch(chunk.to_vec(), Atomicity::AllOrNone, None).await;
        assert!(super::kit::carried_out(posted).stored, "the activities of a promise are not stored");
    }
}

/// Asks for every span of a feed, from places in it, between them and beside them.
async fn check_spans(
    world: &World,
    kind: FeedKind,
    owner: &Username,
    filter: &FeedFilter,
    all: &[Activity],
    places: &[Position],
) {
    for span in spans(places) {
        let slice = world.slice(kind, owner, filter, span).await;
        let expected = expected_span(all, &span, Placed::place, newest_first);
        assert!(slice.iter().eq(expected.iter().copied()), "{kind:?} {filter:?} {span:?}: {:?}", ids(&slice));
    }
}

/// Places at and around every activity.
fn places(all: &[Activity]) -> Vec<Position> {
    let mut places: Vec<Position> = all.iter().step_by(3).map(Placed::place).collect();
    for position in places.clone() {
        places.push(Position { published: position.published.plus_micros(1), ..position });
        places.push(Position { id: ActivityId::from_uuid(uuid::Uuid::nil()), ..position });
    }
    places.push(Position { published: Timestamp::MAX, id: ActivityId::from_uuid(uuid::Uuid::max()) });
    places.push(Position { published: Timestamp::MIN, id: ActivityId::from_uuid(uuid::Uuid::nil()) });
    places
}

pub(super) async fn the_order_is_total_and_every_boundary_is_exact(world: World) {
    let ivan = many_equal_times(&world).await;
    for kind in KINDS {
        let all = world.feed(kind, &ivan).await;
        assert_eq!(all.len(), [10, 30, 20][kind as usize], "the {kind:?} feed is not whole");
        assert!(all.is_sorted_by(|one, other| other.position() < one.position()), "{kind:?} is out of order");
        check_spans(&world, kind, &ivan, &FeedFilter::default(), &all, &places(&all)).await;
    }
}

pub(super) async fn a_boundary_outlives_its_activity(world: World) {
    let ivan = many_equal_times(&world).await;
    for kind in KINDS {
        let before = world.feed(kind, &ivan).await;
        let gone: Vec<Position> = before.iter().step_by(4).map(Placed::place).collect();
        for position in &gone {
            world.delete(position.id).await;
        }
        let all = world.feed(kind, &ivan).await;
        assert_eq!(all.len() + gone.len(), before.len());
        check_spans(&world, kind, &ivan, &FeedFilter::default(), &all, &gone).await;
    }
}

pub(super) async fn a_verb_filter_shows_any_of_its_verbs(world: World) {
    let ivan = many_equal_times(&world).await;
    for wanted in [vec!["liked"], vec!["shared", "wrote"], vec!["LIKED"], vec!["lik"]] {
        let filter = FeedFilter::new(wanted.iter().map(|raw| verb(raw)).collect(), false);
        for kind in KINDS {
            let mut all = world.feed(kind, &ivan).await;
            all.retain(|activity| wanted.contains(&activity.verb.as_str()));
            check_spans(&world, kind, &ivan, &filter, &all, &places(&all)).await;
        }
    }
}

pub(super) async fn a_friends_feed_includes_oneself_when_asked(world: World) {
    let ivan = many_equal_times(&world).await;
    let filter = FeedFilter::new(vec![], true);
    let mut all = world.feed(FeedKind::Friends, &ivan).await;
    assert!(all.iter().all(|activity| activity.actor != ivan));
    all.extend(world.feed(FeedKind::Own, &ivan).await);
    all.sort_by_key(|activity| std::cmp::Reverse(activity.position()));
    check_spans(&world, FeedKind::Friends, &ivan, &filter, &all, &places(&all)).await;
    let liked = FeedFilter::new(vec![verb("liked")], true);
    all.retain(|activity| activity.verb.as_str() == "liked");
    check_spans(&world, FeedKind::Friends, &ivan, &liked, &all, &places(&all)).await;

    let lone = world.user("lone").await;
    world.post(doing(&lone, "waited")).await;
    assert_eq!(world.friends(&lone).await, [""; 0]);
    assert_eq!(verbs(&world.filtered(FeedKind::Friends, &lone, &filter).await), ["waited"]);
}

pub(super) async fn a_feed_of_nobody_is_none_and_that_of_a_newcomer_empty(world: World) {
    let ivan = world.user("ivan").await;
    for kind in KINDS {
        for span in
            spans(&[Position { published: Timestamp::EPOCH, id: ActivityId::from_uuid(uuid::Uuid::max()) }])
        {
            let query = |owner: &Username| FeedQuery {
                kind,
                owner: owner.clone(),
                filter: FeedFilter::default(),
                span,
                skip: 0,
                shape: Shape::Entry,
            };
            assert_eq!(done(world.stores.feeds.page(&query(&name("nobody"))).await), None);
            let slice = done(world.stores.feeds.page(&query(&ivan)).await);
            let Some(slice) = slice else { panic!("a newcomer has no {kind:?} feed") };
            assert_eq!((slice.owner, slice.items.len()), (world.found(&ivan).await.id, 0));
        }
    }
}

pub(super) async fn a_numbered_page_passes_over_what_comes_before(world: World) {
    let ivan = many_equal_times(&world).await;
    for kind in KINDS {
        for verbs in [vec![], vec![verb("liked"), verb("wrote")]] {
            let filter = FeedFilter::new(verbs, kind == FeedKind::Friends);
            let all = world.filtered(kind, &ivan, &filter).await;
            for skip in [0, 1, 7, all.len() - 1, all.len(), all.len() + 50] {
                let span = Span { boundary: Boundary::Top, direction: Direction::Forward, take: 4 };
                let (owner, filter, skipped) = (ivan.clone(), filter.clone(), skip as u64);
                let query = FeedQuery { kind, owner, filter, span, skip: skipped, shape: Shape::Entry };
                let slice = world.page(query).await;
                let expected: Vec<Activity> = all.iter().skip(skip).take(4).cloned().collect();
                assert_eq!(slice, Some(expected), "{kind:?} after {skip}");
            }
            let span = Span { boundary: Boundary::Top, direction: Direction::Forward, take: 4 };
            let (owner, shape) = (ivan.clone(), Shape::Entry);
            let slice = world.page(FeedQuery { kind, owner, filter, span, skip: 1 << 40, shape }).await;
            assert_eq!(slice, Some(vec![]), "far past the end");
        }
    }
}

pub(super) async fn a_walk_to_the_end_and_back_gives_everything_once(world: World) {
    let [ivan, eric, niko] = world.users(["ivan", "eric", "niko"]).await;
    world.follow(&ivan, &eric).await;
    world.follow(&ivan, &niko).await;
    let activities = (0..700_i64).map(|index| {
        let actor = if index % 5 == 0 { &niko } else { &eric };
        // A dozen instants, each many times, not in the order of arrival.
        let activity = doing(actor, "wrote").at(Timestamp::EPOCH.plus_micros(index * 7 % 12));
        if index % 2 == 0 { activity.to(&ivan) } else { activity }
    });
    store(&world, activities.collect()).await;
    for (kind, owner, count) in
        [(FeedKind::Own, &eric, 560), (FeedKind::Friends, &ivan, 700), (FeedKind::Mentions, &ivan, 350)]
    {
        let all = world.feed(kind, owner).await;
        assert_eq!(all.len(), count);
        for (take, direction) in
            [(7, Direction::Forward), (64, Direction::Forward), (13, Direction::Backward)]
        {
            let walked = world.walk(kind, owner, &FeedFilter::default(), take, direction).await;
            assert_eq!(ids(&walked), ids(&all), "{kind:?}, {take} at a time, {direction:?}");
        }
    }
}

pub(super) async fn a_reader_of_many_hundreds_sees_them_all(world: World) {
    let ivan = world.user("ivan").await;
    let names: Vec<Username> = (0..700).map(|index| name(&format!("author {index}"))).collect();
    super::imports::import_users(&world, &names).await;
    let batch = world.stores.follows.follow_batch(&ivan, names.clone(), vec![], None).await;
    super::kit::carried_out(batch);
    let stranger = world.user("stranger").await;
    let authors = names.iter().step_by(3).chain([&stranger]).cycle();
    let activities = authors.take(600).enumerate().map(|(index, author)| {
        let instant = Timestamp::EPOCH.plus_micros(i64::try_from(index % 50).unwrap_or(0));
        doing(author, "wrote").at(instant)
    });
    let activities: Vec<NewActivity> = activities.collect();
    let expected = activities.iter().filter(|activity| activity.actor != stranger).count();
    store(&world, activities).await;
    let muted = &names[0];
    let hidden = world.own(muted).await.len();
    world.mute(&ivan, muted).await;
    let all = world.feed(FeedKind::Friends, &ivan).await;
    assert_eq!(all.len(), expected - hidden);
    assert!(all.is_sorted_by(|one, other| other.position() < one.position()), "it is out of order");
    for (take, direction) in [(21, Direction::Forward), (50, Direction::Backward)] {
        let walked = world.walk(FeedKind::Friends, &ivan, &FeedFilter::default(), take, direction).await;
        assert_eq!(ids(&walked), ids(&all), "{take} at a time, {direction:?}");
    }
    let nothing = FeedFilter::new(vec![verb("read")], false);
    assert_eq!(world.walk(FeedKind::Friends, &ivan, &nothing, 5, Direction::Forward).await, []);
}

pub(super) async fn what_was_answered_is_in_the_next_read(world: World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    world.follow(&ivan, &eric).await;
    for round in 0..20 {
        let posted = world.post(doing(&eric, &format!("round {round}")).to(&ivan)).await;
        assert_eq!(world.friends(&ivan).await, [posted.verb.as_str()]);
        assert_eq!(world.mentions(&ivan).await, [posted.verb.as_str()]);
        let patch = ActivityPatch { verb: Some(verb("edited")), ..ActivityPatch::default() };
        done(world.stores.activities.edit(posted.id, patch, Precondition::None).await);
        assert_eq!(world.friends(&ivan).await, ["edited"]);
        world.unfollow(&ivan, &eric, round % 2 == 0).await;
        assert_eq!(world.friends(&ivan).await.len(), usize::from(round % 2 == 0));
        world.follow(&ivan, &eric).await;
        assert_eq!(world.friends(&ivan).await, ["edited"]);
        world.delete(posted.id).await;
        assert_eq!(world.friends(&ivan).await, [""; 0]);
    }
}

pub(super) async fn an_edit_does_not_move_an_activity(world: World) {
    let eric = world.user("eric").await;
    let first = world.post(doing(&eric, "first")).await;
    world.post(doing(&eric, "second")).await;
    let patch = ActivityPatch { verb: Some(verb("edited")), ..ActivityPatch::default() };
    done(world.stores.activities.edit(first.id, patch, Precondition::None).await);
    assert_eq!(world.own(&eric).await, ["second", "edited"]);
}

async fn facts(world: &World, viewer: &Username, activity: ActivityId) -> VisibilityFacts {
    match done(world.stores.feeds.explain(viewer, activity).await) {
        Explained::Facts(facts) => *facts,
        other => panic!("explaining {activity} to '{viewer}' answers {other:?}"),
    }
}

pub(super) async fn what_is_told_about_visibility_is_what_is_stored(world: World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    let posted = world.post(doing(&eric, "wrote")).await;
    let stranger = facts(&world, &ivan, posted.id).await;
    let expected = VisibilityFacts {
        activity: posted.clone(),
        is_own: false,
        edge: Edge::default(),
        follow: None,
        mutes: false,
        blocks: false,
        blocked_by: false,
    };
    assert_eq!(stranger, expected);
    assert!(facts(&world, &eric, posted.id).await.is_own);

    let follow = world.follow_from(&ivan, &eric, FollowFrom::At(Timestamp::EPOCH)).await;
    let seen = facts(&world, &ivan, posted.id).await;
    assert_eq!(seen.follow.as_ref(), Some(&follow));
    assert_eq!(
        seen.edge.current.map(|current| (current.since, current.from)),
        Some((follow.since, follow.from))
    );
    assert!(seen.edge.kept.is_empty());
    world.unfollow(&ivan, &eric, true).await;
    let ended = world.events_after(world.position().await - 1).await[0].at;
    let kept = facts(&world, &ivan, posted.id).await;
    assert_eq!((kept.follow, kept.edge.current), (None, None));
    assert_eq!(kept.edge.kept, [Window { from: Some(Timestamp::EPOCH), until: Some(ended) }]);

    world.mute(&ivan, &eric).await;
    assert!(facts(&world, &ivan, posted.id).await.mutes);
    world.block(&ivan, &eric).await;
    let blocking = facts(&world, &ivan, posted.id).await;
    assert!(blocking.blocks && !blocking.blocked_by && blocking.edge == Edge::default(), "{blocking:?}");
    world.block(&eric, &ivan).await;
    assert!(facts(&world, &ivan, posted.id).await.blocked_by);

    let nobody = done(world.stores.feeds.explain(&name("nobody"), posted.id).await);
    assert_eq!(nobody, Explained::UnknownViewer);
    world.delete(posted.id).await;
    assert_eq!(done(world.stores.feeds.explain(&ivan, posted.id).await), Explained::UnknownActivity);
}

/// A page as somebody keeps it.
struct KeptPage {
    query: FeedQuery,
    mark: FeedMark,
    slice: FeedSlice,
}

/// A store that tells no marks keeps this promise by saying nothing.
pub(super) async fn a_feed_that_is_said_to_be_unchanged_reads_the_same(world: World) {
    for seed in [4, 5, 6] {
        let world = world.another().await;
        let mut random = Random::new(seed);
        let mut model = Model::default();
        let mut kept: Vec<KeptPage> = Vec::new();
        for step in 1..=150 {
            random_history(&world, &mut model, &mut random).await;
            for page in &mut kept {
                let FeedQuery { kind, owner, .. } = &page.query;
                let Some(mark) = world.stores.feeds.unchanged(*kind, owner, page.mark) else { continue };
                let when = format!("seed {seed}, step {step}: the {kind:?} feed of '{owner}'");
                assert!(page.mark.position <= mark.position, "{when} went back");
                let slice = done(world.stores.feeds.page(&page.query).await);
                let slice = slice.unwrap_or_else(|| panic!("{when} is gone"));
                assert_eq!((slice.owner, &slice.items), (page.slice.owner, &page.slice.items), "{when}");
                page.mark = mark;
            }
            kept.retain(|_| !random.once_in(8));
            let owner = random.pick(&model.names());
            for kind in KINDS {
                let filter = FeedFilter::new(vec![], kind == FeedKind::Friends && random.once_in(2));
                let span = Span { boundary: Boundary::Top, direction: Direction::Forward, take: 5 };
                let owner = owner.clone();
                let query = FeedQuery { kind, owner, filter, span, skip: 0, shape: Shape::Whole };
                let Some(mark) = world.stores.feeds.mark() else { continue };
                let slice = done(world.stores.feeds.page(&query).await);
                kept.extend(slice.map(|slice| KeptPage { query, mark, slice }));
            }
        }
    }
}
