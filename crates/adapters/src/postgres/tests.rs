//! What is PostgreSQL's own: migrations, sessions, the sequence under contention, plans on the real data.

#[path = "../../tests/support/postgres.rs"]
mod support;

mod instances;
mod lane;
mod moves;
mod plans;

use std::{sync::Arc, time::Duration};

use diesel::{Connection, connection::SimpleConnection, pg::PgConnection};
use feed_me_domain::{
    Attempt, Given, KeyRefusal, Keyed, NewActivity, PutUser, RequestKey, StoreError, StoredAnswer, Username,
    Verb,
    ports::{
        ActivityRepository, DevelopmentRepository, EventLog, Posted, SecretRepository, Stores, UserRepository,
    },
};

use self::support::FreshDatabase;
use super::{PgOptions, PgStore, migrations};
use crate::system::{SystemClock, SystemIds};

fn options(url: &str, pool_size: u32) -> PgOptions {
    let acquire_timeout = Duration::from_secs(10);
    PgOptions { url: url.to_owned(), pool_size, acquire_timeout, commit_group_max: 256 }
}

fn opened(options: PgOptions) -> PgStore {
    PgStore::connect(options, Arc::new(SystemClock), Arc::new(SystemIds)).unwrap()
}

fn connected(url: &str, pool_size: u32) -> PgStore {
    opened(options(url, pool_size))
}

fn fresh(pool_size: u32) -> (FreshDatabase, PgStore) {
    let database = FreshDatabase::new();
    migrations::run_pending(&database.url).unwrap();
    let store = connected(&database.url, pool_size);
    (database, store)
}

fn name(raw: &str) -> Username {
    Username::parse(raw).unwrap()
}

async fn put(store: &PgStore, raw: &str) {
    store.put(PutUser { username: name(raw), display_name: Given::Absent }).await.unwrap();
}

fn post_of(actor: &str) -> NewActivity {
    NewActivity {
        actor: name(actor),
        verb: Verb::parse("post").unwrap(),
        object: Given::Absent,
        target: Given::Absent,
        published: None,
        external_id: None,
        data: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn migrations_go_up_down_and_up_again() {
    let database = FreshDatabase::new();
    let store = connected(&database.url, 2);
    let all = migrations::pending(&database.url).unwrap();
    assert!(!all.is_empty());
    assert!(matches!(store.ready().await, Err(StoreError::Unavailable(_))));
    assert_eq!(migrations::run_pending(&database.url).unwrap(), all);
    store.ready().await.unwrap();
    for name in all.iter().rev() {
        assert_eq!(migrations::revert_last(&database.url).unwrap().as_ref(), Some(name));
    }
    assert_eq!(migrations::revert_last(&database.url).unwrap(), None);
    assert_eq!(migrations::run_pending(&database.url).unwrap(), all);
    put(&store, "ivan").await;
}

#[test]
fn of_two_migrators_that_come_at_once_one_works() {
    let database = FreshDatabase::new();
    let all = migrations::pending(&database.url).unwrap();
    let run: Vec<Vec<String>> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..4).map(|_| scope.spawn(|| migrations::run_pending(&database.url).unwrap())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(run.concat(), all);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sequence_is_dense_and_ordered_under_eight_writers() {
    let (_database, store) = fresh(8);
    for writer in 0..8 {
        put(&store, &format!("writer{writer}")).await;
    }
    let writers = (0..8).map(|writer| {
        let store = store.clone();
        tokio::spawn(async move {
            for _ in 0..25 {
                let posted = store.post(post_of(&format!("writer{writer}")), None).await.unwrap();
                assert!(matches!(posted, Attempt::Done(Posted::Created(_))));
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let events = store.after(0, 1000).await.unwrap();
    let positions: Vec<i64> = events.iter().map(|event| event.position).collect();
    assert_eq!(positions, (1..=208).collect::<Vec<_>>());
    assert!(events.is_sorted_by(|one, other| one.at < other.at));
    let ids: Vec<_> = events.iter().filter_map(|event| event.activity).collect();
    assert!(ids.len() == 200 && ids.is_sorted());
    assert_eq!(UserRepository::find(&store, &name("writer3")).await.unwrap().unwrap().activities, 25);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_after_the_sessions_were_ended_find_new_ones() {
    let (database, store) = fresh(4);
    put(&store, "ivan").await;
    let calls: Vec<_> = (0..4).map(|_| async { UserRepository::find(&store, &name("ivan")).await }).collect();
    for call in calls {
        call.await.unwrap();
    }
    let mut conn = PgConnection::establish(&database.url).unwrap();
    conn.batch_execute(
        "select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid()",
    )
    .unwrap();
    assert!(UserRepository::find(&store, &name("ivan")).await.unwrap().is_some());
    put(&store, "niko").await;
    assert_eq!(store.extent().await.unwrap().last, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_is_unavailable_and_no_message_tells_the_password() {
    let store = connected("postgres://ivan:s3cret@127.0.0.1:1/feed", 1);
    let Err(StoreError::Unavailable(message)) = store.ready().await else { panic!("it is there") };
    assert!(!message.contains("s3cret"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_finds_all_sessions_busy_too_long_is_told_that_the_store_is_unavailable() {
    let (database, _) = fresh(1);
    let acquire_timeout = Duration::from_millis(50);
    let store = opened(PgOptions { acquire_timeout, ..options(&database.url, 1) });
    let _held = Arc::clone(&store.shared.gate).acquire_owned().await.unwrap();
    assert_eq!(store.free_sessions(), 0);
    assert!(matches!(store.extent().await, Err(StoreError::Unavailable(_))));
}

fn keyed(content: &str) -> Keyed<Posted> {
    let answer =
        StoredAnswer { status: 201, location: None, body: "{}".to_owned(), names: vec![name("ivan")] };
    Keyed {
        key: RequestKey::new(&[b"scope"], &[content.as_bytes()]),
        answer: Box::new(move |_| Some(answer.clone())),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_has_one_effect_is_refused_while_under_way_and_forgets_whom_it_names() {
    let (database, store) = fresh(4);
    put(&store, "ivan").await;
    put(&store, "niko").await;
    // Another instance holds the key.
    let key = keyed("a").key;
    let number = key.scope[..8].iter().fold(0_i64, |number, &byte| (number << 8) | i64::from(byte));
    let mut other = PgConnection::establish(&database.url).unwrap();
    other.batch_execute(&format!("select pg_advisory_lock({number})")).unwrap();
    let met = store.post(post_of("niko"), Some(keyed("a"))).await.unwrap();
    assert_eq!(met, Attempt::Refused(KeyRefusal::UnderWay));
    drop(other);
    while store.post(post_of("niko"), Some(keyed("a"))).await.unwrap()
        == Attempt::Refused(KeyRefusal::UnderWay)
    {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let again = store.post(post_of("niko"), Some(keyed("a"))).await.unwrap();
    assert!(matches!(again, Attempt::Replayed(answer) if answer.body == "{}"));
    let reused = store.post(post_of("niko"), Some(keyed("b"))).await.unwrap();
    assert_eq!(reused, Attempt::Refused(KeyRefusal::Reused));
    assert_eq!(UserRepository::find(&store, &name("niko")).await.unwrap().unwrap().activities, 1);
    let erased = store.erase(&name("ivan")).await.unwrap().unwrap();
    assert_eq!(erased.stored_answers, 1);
    let gone = store.post(post_of("niko"), Some(keyed("a"))).await.unwrap();
    assert_eq!(gone, Attempt::Refused(KeyRefusal::Erased));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_secret_wins_for_all() {
    let (_database, store) = fresh(4);
    let _: Stores = Stores::of(Arc::new(store.clone()));
    let first = store.secret("cursor", vec![1]).await.unwrap();
    assert_eq!((first, store.secret("cursor", vec![2]).await.unwrap()), (vec![1], vec![1]));
}
