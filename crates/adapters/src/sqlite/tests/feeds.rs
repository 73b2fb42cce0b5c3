use std::fmt::Write as _;

use diesel::{
    prelude::*,
    sql_types::{BigInt, Text},
};
use feed_me_domain::{
    Activity, Attempt, Boundary, Direction, FeedFilter, FeedKind, FeedQuery, FollowFrom, NewActivity,
    RelationKind, Timestamp, UnfollowRequest, Username,
    ports::{ActivityRepository, Atomicity, FollowRepository, RelationRepository},
};

use super::{World, friends, wish};
use crate::sqlite::{
    feeds::keys::{Stream, text},
    sql::query,
};

async fn plan(world: &World, stream: Stream, direction: Direction) -> String {
    let text = format!("explain query plan {}", text(stream, direction, true));
    let lines = world
        .store
        .read(move |conn| {
            let mut query = query::<(BigInt, BigInt, BigInt, Text)>(text);
            for _ in 0..8 {
                query = query.bind(0);
            }
            Ok(query.load::<(i64, i64, i64, String)>(conn)?)
        })
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    lines.into_iter().fold(String::new(), |mut all, (_, _, _, line)| {
        let _ = writeln!(all, "{line}");
        all
    })
}

#[tokio::test]
async fn every_stream_seeks_by_an_index_that_holds_all_it_needs() {
    let world = World::new().await;
    for direction in [Direction::Forward, Direction::Backward] {
        let compare = if direction == Direction::Forward { "<" } else { ">" };
        for (stream, index) in [
            (Stream::Own, "activities_by_actor (actor=? AND "),
            (Stream::Mentions, "activities_by_target (target=? AND "),
            (Stream::Present, "activities_by_actor (actor=? AND "),
            (Stream::PresentByTime, "activities_by_time ("),
            (Stream::Kept, "activities_by_actor (actor=? AND "),
        ] {
            let plan = plan(&world, stream, direction).await;
            let search = plan.lines().find(|line| line.starts_with("SEARCH a ")).unwrap_or_default();
            assert!(
                search.starts_with(&format!("SEARCH a USING COVERING INDEX {index}")),
                "{stream:?}:\n{plan}"
            );
            assert!(search.contains(&format!("(published,id){compare}(?,?)")), "{stream:?}:\n{plan}");
            assert!(!plan.contains("SCAN a"), "{plan}");
            let sorts = matches!(stream, Stream::Present | Stream::Kept);
            assert_eq!(plan.contains("FOR ORDER BY"), sorts, "{stream:?} {direction:?}:\n{plan}");
        }
    }
}

/// Many followees with many activities each, at times that repeat.
async fn crowded(followees: usize, each: usize) -> (World, Username, Vec<Activity>) {
    let world = World::new().await;
    let reader = world.user("reader").await;
    let mut all = Vec::new();
    for number in 0..followees {
        let followee = world.user(&format!("followee{number}")).await;
        world.follow(&reader, &followee, None).await;
        let wishes: Vec<NewActivity> = (0..each)
            .map(|step| wish(&followee, Some(i64::try_from(step * 7 % 1000 + number % 3).unwrap_or(0))))
            .collect();
        for wishes in wishes.chunks(1000) {
            match world.store.post_batch(wishes.to_vec(), Atomicity::Each, None).await {
                Ok(Attempt::Done(posted)) => all.extend(posted.outcomes.into_iter().map(created)),
                other => panic!("{other:?}"),
            }
        }
    }
    all.sort_by_key(|activity| std::cmp::Reverse(activity.position()));
    (world, reader, all)
}

fn created(posted: feed_me_domain::ports::Posted) -> Activity {
    match posted {
        feed_me_domain::ports::Posted::Created(activity) => activity,
        other => panic!("{other:?}"),
    }
}

/// Walks a feed both ways and compares it with what it should be.
async fn assert_walks(world: &World, query: &FeedQuery, all: &[Activity]) {
    let take = query.span.take;
    let mut walked = Vec::new();
    let mut here = query.clone();
    loop {
        let page = world.read(&here).await;
        let Some(last) = page.last() else { break };
        here.span.boundary = Boundary::After(last.position());
        walked.extend(page);
    }
    assert_eq!(walked.len(), all.len());
    assert!(walked == all, "forward");
    here.span.direction = Direction::Backward;
    here.span.boundary = Boundary::End;
    let mut walked = Vec::new();
    loop {
        let page = world.read(&here).await;
        let Some(last) = page.last() else { break };
        here.span.boundary = Boundary::Before(last.position());
        walked.extend(page);
    }
    walked.reverse();
    assert!(walked == all, "backward");
    for boundary in all.iter().step_by(5).map(Activity::position) {
        for (boundary, expected) in
            [(Boundary::Before(boundary), all.iter().filter(|other| other.position() <= boundary).take(take))]
        {
            let mut query = query.clone();
            query.span.boundary = boundary;
            assert!(world.read(&query).await.iter().eq(expected));
        }
        let mut query = query.clone();
        query.span.direction = Direction::Backward;
        query.span.boundary = Boundary::After(boundary);
        let above = all.iter().rev().filter(|other| other.position() >= boundary).take(take);
        assert!(world.read(&query).await.iter().eq(above));
    }
    let mut query = query.clone();
    for skip in [1, 7, all.len() as u64] {
        query.skip = skip;
        assert!(
            world
                .read(&query)
                .await
                .iter()
                .eq(all.iter().skip(usize::try_from(skip).unwrap_or(0)).take(take))
        );
    }
}

#[tokio::test]
async fn a_friends_feed_is_walked_whole_both_ways() {
    let (world, reader, all) = crowded(7, 30).await;
    assert_walks(&world, &friends(&reader, 11), &all).await;
}

#[tokio::test]
async fn a_feed_of_hundreds_of_followees_is_the_same_by_either_way() {
    let (world, reader, all) = crowded(520, 2).await;
    assert_walks(&world, &friends(&reader, 50), &all).await;
}

#[tokio::test]
async fn windows_add_up_and_nothing_comes_twice() {
    let world = World::new().await;
    let [reader, author, muted, other] = [
        world.user("reader").await,
        world.user("author").await,
        world.user("muted").await,
        world.user("other").await,
    ];
    let now = world.clock.0.load(std::sync::atomic::Ordering::Relaxed);
    let mut all = Vec::new();
    for step in -30..0 {
        for actor in [&author, &muted, &other] {
            all.push(world.post(wish(actor, Some(now + step * 10))).await);
        }
    }
    let at = |step: i64| FollowFrom::At(Timestamp::from_micros(now + step * 10).unwrap_or(Timestamp::EPOCH));
    world.follow(&reader, &author, Some(at(-25))).await;
    let keep = UnfollowRequest { follower: reader.clone(), followee: author.clone(), keep_history: true };
    world.store.unfollow(keep, None).await.unwrap();
    world.follow(&reader, &author, Some(at(-5))).await;
    world.follow(&reader, &other, Some(at(-8))).await;
    world.follow(&reader, &muted, None).await;
    world.store.add(RelationKind::Mute, &reader, &muted).await.unwrap();
    let from = |actor: &Username, step: i64| {
        let actor = actor.clone();
        let least = now + step * 10;
        move |activity: &Activity| activity.actor == actor && least <= activity.published.micros()
    };
    let (by_author, by_other) = (from(&author, -25), from(&other, -8));
    let mut shown: Vec<_> =
        all.iter().filter(|activity| by_author(activity) || by_other(activity)).cloned().collect();
    shown.sort_by_key(|activity| std::cmp::Reverse(activity.position()));
    assert_eq!(shown.len(), 33);
    assert_walks(&world, &friends(&reader, 4), &shown).await;

    shown.push(world.post(wish(&reader, Some(now - 7))).await);
    shown.sort_by_key(|activity| std::cmp::Reverse(activity.position()));
    let mut with_self = friends(&reader, 4);
    with_self.filter = FeedFilter::new(vec![all[0].verb.clone()], true);
    assert_walks(&world, &with_self, &shown).await;
    let mut own = friends(&reader, 4);
    own.kind = FeedKind::Own;
    assert_eq!(world.read(&own).await.len(), 1);
}

/// Counts the keys that the inner loop of the friends feed looks at, by a function in its condition.
#[tokio::test]
async fn a_followee_of_twelve_thousand_activities_costs_no_more_than_a_page() {
    #[diesel::declare_sql_function]
    extern "SQL" {
        fn counted(x: BigInt) -> BigInt;
    }
    let (world, reader, all) = crowded(3, 12_000).await;
    let middle = all[all.len() / 2].position();
    let end = all[all.len() - 30].position();
    for place in [None, Some(middle), Some(end)] {
        let text = text(Stream::Present, Direction::Forward, false);
        let text = text.replace("order by", "and counted(a.published) = 0 order by");
        let reader = reader.clone();
        let (count, found) = world
            .store
            .read(move |conn| {
                let count = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
                let counter = count.clone();
                counted_utils::register_impl(conn, move |_: i64| {
                    counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    0_i64
                })?;
                let key = crate::sqlite::names::key_of(conn, &reader)?.map_or(0, |key| key.0);
                let (published, id) = place.map_or((i64::MAX, Vec::new()), |place| {
                    (place.published.micros(), place.id.as_uuid().as_bytes().to_vec())
                });
                let query = query::<(BigInt, diesel::sql_types::Binary)>(text)
                    .bind(key)
                    .bind(published)
                    .bind(id)
                    .bind(21)
                    .bind(0);
                let found: Vec<(i64, Vec<u8>)> = query.load(conn)?;
                Ok((count.load(std::sync::atomic::Ordering::Relaxed), found.len()))
            })
            .await
            .unwrap();
        assert_eq!(found, 21);
        // No fewer either: else nothing was counted.
        assert!((21..=3 * 22).contains(&count), "{count} keys for a page of 21 from 3 followees");
    }
}
