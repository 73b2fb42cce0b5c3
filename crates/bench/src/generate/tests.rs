use std::fs;

use feed_me_domain::Timestamp;

use super::*;
use crate::size::Size;

fn small(seed: u64) -> Graph {
    let shape = Shape { users: 300, activities: 2_000, ..Size::S.shape() };
    Graph::new(shape, seed)
}

fn bytes(seed: u64, gzip: bool) -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let (files, _) = write(&small(seed), folder.path(), gzip).unwrap();
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
    assert_eq!(bytes(7, false), bytes(7, false));
    assert_eq!(bytes(7, true), bytes(7, true));
    assert_ne!(bytes(7, false), bytes(8, false));
}

/// Results of different days are only comparable while a seed means the same graph.
#[test]
fn the_first_lines_of_seed_1_are_those_of_always() {
    let [activities, follows] = &bytes(1, false)[..] else { panic!("two files") };
    let first = |bytes: &[u8]| String::from_utf8_lossy(bytes).lines().next().unwrap().to_owned();
    assert_eq!(
        first(activities),
        r#"{"id":"019a3d5e-52b4-7367-a19e-3cdc5d4f0653","actor":"dev-e4c0ed1517","verb":"update","object":"activity_notification:3677ddc36004","target":"dev-f7ac9b6924","published":"2025-11-01T03:03:03.092871Z","data":{}}"#
    );
    assert_eq!(
        first(follows),
        r#"{"follower":"dev-9e3779b97f","followee":"dev-3c6ef372fe","since":"2026-04-29T04:41:20.888128Z"}"#
    );
}

#[test]
fn the_import_takes_every_line() {
    let at = Timestamp::parse("2026-11-24T00:00:00Z").unwrap();
    for file in bytes(3, false) {
        for line in String::from_utf8(file).unwrap().lines() {
            assert!(feed_me_api::transfer::parse_line(line, at).is_ok(), "{line}");
        }
    }
}

#[test]
fn activities_come_in_order_of_time_and_of_id_and_lie_within_the_year() {
    let graph = small(5);
    let all: Vec<Activity> = graph.activities().collect();
    assert_eq!(all.len(), 2_000);
    assert!(all.is_sorted_by(|a, b| a.published < b.published && a.id < b.id));
    assert!(all.iter().all(|it| (YEAR_BEGINS..YEAR_BEGINS + YEAR).contains(&it.published)));
}

#[test]
fn follows_are_distinct_sorted_and_never_of_oneself() {
    let all: Vec<Follow> = small(5).follows().collect();
    assert!(all.is_sorted_by(|a, b| (a.follower, a.followee) < (b.follower, b.followee)));
    assert!(all.iter().all(|follow| follow.follower != follow.followee));
}

#[test]
fn followees_of_size_l_have_the_median_the_tail_and_the_sum_that_are_stated() {
    let shape = Size::L.shape();
    let degrees = Degrees::new(&shape, 1);
    let followees: Vec<u32> = (0..shape.users).map(|user| degrees.followees(user)).collect();
    let achieved = Achieved::of(followees, Vec::new(), Vec::new());
    assert_eq!(achieved.followees_at(0.5), 50);
    assert!((1_750..=1_850).contains(&achieved.followees_at(0.99)), "{}", achieved.told());
    assert!((31_000_000..=33_000_000).contains(&achieved.follows), "{}", achieved.told());
    let with_the_most = achieved.followees.iter().filter(|count| **count == 5_000).count();
    assert!((200..=400).contains(&with_the_most), "{with_the_most}");
}

#[test]
fn size_s_has_a_median_of_20_followees_and_power_laws_of_followers_and_activities() {
    let graph = Graph::new(Size::S.shape(), 1);
    let mut counts = [vec![0; 1_000], vec![0; 1_000], vec![0; 1_000]];
    for follow in graph.follows() {
        counts[0][follow.follower as usize] += 1;
        counts[1][follow.followee as usize] += 1;
    }
    for activity in graph.activities() {
        counts[2][activity.actor as usize] += 1;
    }
    let [followees, followers, posts] = counts;
    let achieved = Achieved::of(followees, followers, posts);
    assert_eq!(achieved.activities, 100_000);
    assert_eq!(achieved.followees_at(0.5), 20);
    // A power law: the first of a thousand has many times what the one in the middle has.
    for counts in [&achieved.followers, &achieved.posts] {
        assert!(counts[999] > 8 * quantile(counts, 0.5), "{}", achieved.told());
        assert!(counts[0] > 0, "{}", achieved.told());
    }
}

#[test]
fn no_two_users_have_one_name() {
    let names: std::collections::HashSet<String> = (0..200_000).map(username).collect();
    assert_eq!(names.len(), 200_000);
    assert!(names.iter().all(|name| name.len() == 14));
}
