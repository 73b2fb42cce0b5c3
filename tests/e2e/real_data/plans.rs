//! What PostgreSQL does to read a friends feed: `EXPLAIN (ANALYZE, BUFFERS)` of the very statements.

use std::{sync::Arc, time::Duration};

use feed_me_adapters::{
    postgres::{PgOptions, PgStore, PlanMode},
    system::{SystemClock, SystemIds},
};
use feed_me_domain::{
    ActivityId, FeedFilter, FeedKind, FeedQuery, PageLimit, Position, Timestamp, Username,
    page::{Boundary, Direction, Span},
};

use super::files::Files;
use crate::kit::Place;

/// Buffers for each followee: three levels of an index and a row of the follows, twice at most.
const BUFFERS_A_FOLLOWEE: u64 = 8;
/// Buffers for the page itself: its authors' newest positions, and its rows.
const BUFFERS_A_PAGE: u64 = 300;

/// The first page and the last ones cost the same: some buffers for each followee, none for history.
pub(super) async fn reading_a_friends_feed_never_looks_at_history(place: &Place, files: &Files) {
    let store = PgStore::connect(
        PgOptions {
            url: place.database().url.clone(),
            pool_size: 1,
            acquire_timeout: Duration::from_secs(10),
            commit_group_max: 1,
        },
        Arc::new(SystemClock),
        Arc::new(SystemIds),
    )
    .unwrap();
    for (name, followees) in some_readers(files) {
        let feed = files.feed(|line| followees.contains(&line.actor));
        for (where_it_stands, boundary) in boundaries(files, &feed) {
            for direction in [Direction::Forward, Direction::Backward] {
                for mode in [PlanMode::Custom, PlanMode::Generic] {
                    let query = FeedQuery {
                        kind: FeedKind::Friends,
                        owner: Username::parse(name).unwrap(),
                        filter: FeedFilter::default(),
                        span: Span::from_boundary(boundary, direction, PageLimit::default()),
                        skip: 0,
                        shape: feed_me_domain::Shape::Whole,
                    };
                    let plan = store.explain_friends(&query, mode).await.unwrap().join("\n");
                    let what = format!(
                        "{name}, {} followees, {} items, {where_it_stands}, {direction:?}, {mode:?}",
                        followees.len(),
                        feed.len()
                    );
                    assert_reads_little(&plan, &what, u64::try_from(followees.len()).unwrap());
                }
            }
        }
    }
}

/// Readers of one followee to the most that anybody has.
fn some_readers(files: &Files) -> Vec<(&str, &Vec<String>)> {
    let mut readers: Vec<(&str, &Vec<String>)> =
        files.following.iter().map(|(name, followees)| (&**name, followees)).collect();
    readers.sort_by_key(|(name, followees)| (followees.len(), *name));
    let last = readers.len() - 1;
    [0, last / 2, last * 9 / 10, last - 2, last].map(|at| readers[at]).to_vec()
}

/// The top, the middle, near the end, and the end.
fn boundaries(files: &Files, feed: &[usize]) -> Vec<(&'static str, Boundary<Position>)> {
    let mut all = vec![("top", Boundary::Top), ("end", Boundary::End)];
    for (name, at) in [("middle", feed.len() / 2), ("near the end", feed.len().saturating_sub(15))] {
        if let Some(index) = feed.get(at) {
            let (published, id) = files.place_of(*index);
            let place = Position {
                published: Timestamp::parse(published).unwrap(),
                id: ActivityId::parse(id).unwrap(),
            };
            all.push((name, Boundary::After(place)));
        }
    }
    all
}

fn assert_reads_little(plan: &str, what: &str, followees: u64) {
    for forbidden in ["Seq Scan on activities", "Seq Scan on follows", "Hash Join", "Merge Join", "external"]
    {
        assert!(!plan.contains(forbidden), "{what}: {forbidden}\n{plan}");
    }
    // The line with buffers below the root of a plan counts all of it; planning is done once a session.
    let lines: Vec<&str> = plan.lines().collect();
    let roots = lines.windows(2).filter(|pair| pair[1].starts_with("  Buffers:") && pair[0] != "Planning:");
    let buffers: u64 = roots.flat_map(|pair| ["hit=", "read="].map(|kind| number_after(pair[1], kind))).sum();
    let most = BUFFERS_A_FOLLOWEE * followees + BUFFERS_A_PAGE;
    assert!(buffers <= most, "{what}: {buffers} buffers are more than {most}\n{plan}");
    assert!(plan.is_empty() || 0 < buffers, "{what}: no buffers were counted\n{plan}");
}

fn number_after(line: &str, word: &str) -> u64 {
    let Some((_, rest)) = line.split_once(word) else { return 0 };
    rest.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default().parse().unwrap()
}
