//! A stream that is cut at random, in the middle of what it tells, while ten writers write.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use feed_me_client::{
    Activity, ActivityPatch, Atomicity, Change, Client, Error, FeedCopy, NewActivity, Retries,
};
use futures_util::{StreamExt, future::join_all};
use serde_json::json;
use uuid::Uuid;

use crate::{
    kit::{Proxy, World, on_both_stores},
    trust::chance::{Chance, number_from},
};

on_both_stores!(a_stream_that_is_cut_again_and_again_while_ten_write_brings_the_feed);

const WRITERS: usize = 10;
/// These only post, edit and delete: each of their activities comes in once. What stands between the others and the viewer
/// changes all the time.
const STEADY: usize = 5;
/// The activities that a writer keeps, so that a follow never moves more than a stream tells one by one.
const KEPT_MAX: usize = 40;
const VIEWER: &str = "viewer";

async fn a_stream_that_is_cut_again_and_again_while_ten_write_brings_the_feed(world: &World) {
    let wanted = number_from("FEEDME_TEST_CUTS").unwrap_or(100);
    let mut chance = Chance::fresh();
    let client = world.client();
    client.create_user(VIEWER).await.unwrap();
    for index in 0..WRITERS {
        client.create_user(&name(index)).await.unwrap();
        client.follow(VIEWER, &name(index)).await.unwrap();
    }
    client.create_user("end").await.unwrap();
    client.follow(VIEWER, "end").await.unwrap();

    let proxy = Proxy::before(world.host()).await;
    let (is_over, told) = (AtomicBool::new(false), AtomicUsize::new(0));
    let writers = join_all((0..WRITERS).map(|index| write(client.clone(), index, chance.split(), &is_over)));
    let cutting = async {
        let mut chance = chance.clone();
        let (mut cuts, mut before) = (0, 0);
        while cuts < wanted {
            let pause = u64::try_from(chance.below(120)).unwrap();
            tokio::time::sleep(Duration::from_millis(pause)).await;
            // Mostly something has come since the last cut, or no client would ever get on; on a busy machine that takes longer.
            let patience = Instant::now() + Duration::from_secs(5);
            while !chance.one_in(20) && told.load(Ordering::Relaxed) == before && Instant::now() < patience {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            before = told.load(Ordering::Relaxed);
            cuts += u64::from(0 < proxy.cut());
        }
        is_over.store(true, Ordering::Relaxed);
    };
    let writing = async {
        let (written, ()) = tokio::join!(writers, cutting);
        client.post(&NewActivity::new("end", "ends")).await.unwrap();
        written.into_iter().sum::<usize>()
    };
    let (written, listened) = tokio::join!(writing, listen(&proxy.address, &client, &told));
    let (feed, _) = FeedCopy::read(&client, VIEWER).await.unwrap();
    let (copy, again) = listened;
    let told = told.into_inner();
    eprintln!(
        "{wanted} cuts, {written} writes, {told} events, {again} told to read again, {} in the feed",
        feed.len()
    );
    assert_eq!(copy.iter().collect::<Vec<_>>(), feed.iter().collect::<Vec<_>>());
    assert!(STEADY < feed.len(), "there was something to tell");
}

fn name(index: usize) -> String {
    format!("writer {index}")
}

/// Follows the feed until somebody ends it, and counts the events. Gives the copy, and how often it had to be read again.
async fn listen(address: &str, client: &Client, told: &AtomicUsize) -> (FeedCopy, usize) {
    let retries = Retries { first_pause: Duration::from_millis(2), ..Retries::default() };
    let cut_client = Client::builder(address).retries(retries).build().unwrap();
    let (mut copy, position) = FeedCopy::read(client, VIEWER).await.unwrap();
    let mut live = std::pin::pin!(cut_client.live(VIEWER).since(position).stream());
    let (mut last, mut again) = (position, 0);
    let mut came: HashMap<Uuid, usize> = HashMap::new();
    loop {
        let event = tokio::time::timeout(Duration::from_mins(3), live.next()).await;
        let event = event.unwrap_or_else(|_| panic!("nothing comes any more, behind {last}"));
        let event = event.unwrap().unwrap();
        assert!(last <= event.position, "{event:?} behind {last}");
        last = event.position;
        told.fetch_add(1, Ordering::Relaxed);
        if let Change::Added(activity) = &event.change {
            if is_steady(activity) {
                let times = came.entry(activity.id).or_default();
                *times += 1;
                assert_eq!(*times, 1, "twice: {activity:?}");
            }
            if activity.actor == "end" {
                assert!(copy.apply(&event));
                return (copy, again);
            }
        }
        if !copy.apply(&event) {
            copy = FeedCopy::read(client, VIEWER).await.unwrap().0;
            again += 1;
        }
    }
}

fn is_steady(activity: &Activity) -> bool {
    (0..STEADY).any(|index| activity.actor == name(index))
}

/// Writes until it is over. Gives how often.
async fn write(client: Client, index: usize, mut chance: Chance, is_over: &AtomicBool) -> usize {
    let own = name(index);
    let mut posted: Vec<Uuid> = Vec::new();
    let mut times = 0;
    while !is_over.load(Ordering::Relaxed) {
        times += 1;
        if KEPT_MAX < posted.len() || (!posted.is_empty() && chance.one_in(4)) {
            let id = posted.swap_remove(chance.below(posted.len()));
            client.delete_activity(id, None).await.unwrap();
        } else if !posted.is_empty() && chance.one_in(3) {
            let data = json!({ "times": times }).as_object().unwrap().clone();
            let patch = ActivityPatch::new().object(Some(&times.to_string())).data(data);
            client.edit_activity(*chance.pick(&posted), &patch, None).await.unwrap();
        } else if STEADY <= index && chance.one_in(3) {
            relate(&client, &own, &mut chance).await;
        } else if chance.one_in(5) {
            let batch = [1, 2, 3].map(|number| NewActivity::new(&own, "batched").object(number.to_string()));
            let results = client.post_batch(&batch, Atomicity::Each).await.unwrap();
            posted.extend(results.into_iter().map(|result| result.into_result().unwrap().id));
        } else {
            let new = NewActivity::new(&own, "posted").object(times.to_string());
            let new = if chance.one_in(8) { new.target(VIEWER) } else { new };
            posted.push(client.post(&new).await.unwrap().id);
        }
        tokio::time::sleep(Duration::from_millis(u64::try_from(chance.below(40)).unwrap())).await;
    }
    times
}

/// Changes what stands between the viewer and a writer, whatever stands there now.
async fn relate(client: &Client, writer: &str, chance: &mut Chance) {
    let outcome = match chance.below(9) {
        0 | 1 => client.follow(VIEWER, writer).await.map(drop),
        2 => client.unfollow(VIEWER, writer).await,
        3 => client.unfollow_keeping_history(VIEWER, writer).await,
        4 => client.mute(VIEWER, writer).await.map(drop),
        5 | 6 => client.unmute(VIEWER, writer).await,
        7 if chance.one_in(2) => client.block(writer, VIEWER).await.map(drop),
        7 => client.block(VIEWER, writer).await.map(drop),
        _ => {
            let _ = client.unblock(VIEWER, writer).await;
            client.unblock(writer, VIEWER).await
        }
    };
    // That there is nothing to end, or a block in the way, is as good.
    if let Err(error) = outcome {
        assert!(
            matches!(&error, Error::Problem(problem) if [403, 404, 409].contains(&problem.status)),
            "{error}"
        );
    }
}
