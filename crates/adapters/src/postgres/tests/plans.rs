//! The friends feed on the real data: what it costs, and that both ways give the same.

use std::{io::Read, path::Path, time::Instant};

use feed_me_domain::{
    Activity, Boundary, Data, Direction, FeedFilter, FeedKind, FeedQuery, Object, Placed, Position, Span,
    Timestamp,
    ports::{FeedRepository, TransferRepository},
    transfer::{FollowRecord, FollowRecordCurrent, Imported, OnBadRecord, Record},
};

use super::{fresh, name};
use crate::postgres::{PgStore, PlanMode};

fn lines(file: &str) -> Vec<serde_json::Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data").join(file);
    let mut text = String::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn activity(index: usize, line: &serde_json::Value) -> Record {
    let published = Timestamp::parse(line["published"].as_str().unwrap()).unwrap();
    let mut digest = [0; 32];
    digest[..8].copy_from_slice(&(index as u64).to_be_bytes());
    Record::Activity(Activity {
        id: feed_me_domain::id::imported_id(published, &digest),
        actor: name(line["actor"].as_str().unwrap()),
        verb: feed_me_domain::Verb::parse(line["verb"].as_str().unwrap()).unwrap(),
        object: line["object"].as_str().map(|object| Object::parse(object).unwrap()),
        target: line["target"].as_str().map(name),
        published,
        edited_at: None,
        external_id: None,
        data: Data::empty(),
        version: 1,
    })
}

fn follow(follower: &str, followee: &str, from: Option<Timestamp>) -> Record {
    Record::Follow(FollowRecord {
        follower: name(follower),
        followee: name(followee),
        current: Some(FollowRecordCurrent { since: Timestamp::EPOCH, from }),
        kept: Vec::new(),
    })
}

async fn load(store: &PgStore) {
    let activities = lines("activities.ndjson.gz");
    let follows = lines("follows.ndjson.gz");
    let mut records: Vec<Record> =
        activities.iter().enumerate().map(|(index, line)| activity(index, line)).collect();
    let text = |line: &serde_json::Value, member: &str| line[member].as_str().unwrap().to_owned();
    records.extend(follows.iter().map(|line| follow(&text(line, "follower"), &text(line, "followee"), None)));
    // One who follows everybody, and one who follows a few.
    let mut actors: Vec<String> = activities.iter().map(|line| text(line, "actor")).collect();
    actors.sort();
    actors.dedup();
    records.extend(actors.iter().map(|actor| follow("reads-all", actor, None)));
    records.extend(actors.iter().step_by(actors.len() / 40).map(|actor| follow("reads-some", actor, None)));
    for batch in records.chunks(2000) {
        let outcomes = store.import(batch.to_vec(), Timestamp::EPOCH, OnBadRecord::Stop).await.unwrap();
        assert!(outcomes.iter().all(|outcome| *outcome != Imported::AlreadyThere || outcomes.len() < 2000));
    }
    store.settle().await.unwrap();
}

fn query(owner: &str, boundary: Boundary<Position>, direction: Direction) -> FeedQuery {
    let span = Span { boundary, direction, take: 21 };
    FeedQuery {
        kind: FeedKind::Friends,
        owner: name(owner),
        filter: FeedFilter::default(),
        span,
        skip: 0,
        shape: feed_me_domain::Shape::Whole,
    }
}

/// What a page of 21 costs beside its followees: 4 for each row, 6 for its two names, 4 for the keys of each author.
const PAGE_BUFFERS: u64 = 21 * 14 + 50;

fn buffers(plan: &[String]) -> u64 {
    let mut sum = 0;
    // The topmost line of each statement counts all below it; planning is told apart.
    for (index, line) in plan.iter().enumerate() {
        let is_top = !line.starts_with(' ') && line.contains("actual time");
        if let Some(buffers) = plan.get(index + 1).filter(|_| is_top) {
            for word in buffers.split(' ') {
                let count = word.strip_prefix("hit=").or_else(|| word.strip_prefix("read="));
                sum += count.and_then(|count| count.trim().parse::<u64>().ok()).unwrap_or(0);
            }
        }
    }
    sum
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_friends_costs_a_few_buffers_a_followee_wherever_it_stands_and_however_it_is_planned() {
    let (_database, store) = fresh(4);
    let begun = Instant::now();
    load(&store).await;
    let seconds = begun.elapsed().as_secs();
    assert!(seconds < 30, "the import took {seconds} s");
    for owner in ["reads-all", "reads-some"] {
        let user = feed_me_domain::ports::UserRepository::find(&store, &name(owner)).await.unwrap().unwrap();
        let places = [
            ("first", Boundary::Top, Direction::Forward),
            ("middle", Boundary::After(middle(&store, owner).await), Direction::Forward),
            ("end", Boundary::After(near_the_end(&store, owner).await), Direction::Forward),
            ("last", Boundary::End, Direction::Backward),
        ];
        for (place, boundary, direction) in places {
            let asked = query(owner, boundary, direction);
            store.page(&asked).await.unwrap().unwrap();
            for mode in [PlanMode::Custom, PlanMode::Generic] {
                let plan = store.explain_friends(&asked, mode).await.unwrap();
                let text = plan.join("\n");
                let spent = buffers(&plan);
                println_in_test(&format!(
                    "{owner} {place} {mode:?}: {} followees, {spent} buffers",
                    user.following
                ));
                assert!(
                    0 < spent && spent <= 5 * user.following + PAGE_BUFFERS,
                    "{owner} {place} {mode:?} {spent}\n{text}"
                );
                assert!(!text.contains("Seq Scan on"), "{text}");
                assert!(!text.contains("Bitmap"), "{text}");
                for rows in sorted_rows(&plan) {
                    assert!(rows <= user.following.max(21 * 21), "a sort of {rows} rows\n{text}");
                }
            }
        }
    }
}

#[expect(clippy::print_stdout, reason = "the figures are worth reading when the test is run alone")]
fn println_in_test(line: &str) {
    println!("{line}");
}

/// How many rows went into each sort: the actual rows of the node below it.
fn sorted_rows(plan: &[String]) -> Vec<u64> {
    let sorts = plan.iter().enumerate().filter(|(_, line)| line.contains("Sort  ("));
    let below = sorts.filter_map(|(index, _)| plan[index + 1..].iter().find(|line| line.contains("->")));
    below
        .filter_map(|line| {
            line.split("actual time=").nth(1)?.split("rows=").nth(1)?.split(' ').next()?.parse().ok()
        })
        .collect()
}

async fn middle(store: &PgStore, owner: &str) -> Position {
    let asked = FeedQuery { skip: 50, ..query(owner, Boundary::Top, Direction::Forward) };
    let slice = store.page(&asked).await.unwrap().unwrap();
    slice.items.first().map(Placed::place).unwrap()
}

/// With fewer items below it than a page has, so that a window cannot fill the page and both ways are gone.
async fn near_the_end(store: &PgStore, owner: &str) -> Position {
    let slice = store.page(&query(owner, Boundary::End, Direction::Backward)).await.unwrap().unwrap();
    slice.items.get(5).map(Placed::place).unwrap()
}
