use std::sync::Arc;

use diesel::{
    connection::SimpleConnection,
    prelude::*,
    sql_types::{BigInt, Text},
};
use feed_me_domain::{
    Attempt, Given, NewActivity, PutUser, Username, Verb,
    error::StoreError,
    ports::{Atomicity, DevelopmentRepository, EventLog, Posted, UserPut, UserRepository},
};

use super::{SetClock, World, open, wish};
use crate::sqlite::{
    AlreadyServed, SqliteStore,
    errors::Trouble,
    sql::{command, query},
};

async fn pragma(store: &SqliteStore, name: &str) -> String {
    let text = format!("select cast({name} as text) from pragma_{name}");
    store
        .writer
        .run_bare(move |conn| Ok(query::<Text>(text).get_result::<String>(conn)?))
        .await
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[tokio::test]
async fn the_writer_keeps_what_it_answered_and_the_readers_cannot_write() {
    let world = World::new().await;
    assert_eq!(pragma(&world.store, "journal_mode").await, "wal");
    assert_eq!(pragma(&world.store, "synchronous").await, "2");
    assert_eq!(pragma(&world.store, "foreign_keys").await, "1");
    let wrote = world.store.read(|conn| Ok(conn.batch_execute("delete from users")?)).await;
    assert!(matches!(wrote, Err(StoreError::Unavailable(_))), "{wrote:?}");
}

#[tokio::test]
async fn migrations_go_up_down_and_up_again() {
    let world = World::new().await;
    assert_eq!(world.store.ready().await, Ok(()));
    assert_eq!(world.store.migrate().await, Ok(Vec::new()));
    let mut reverted = 0;
    while world.store.revert_last_migration().await.unwrap().is_some() {
        reverted += 1;
        assert!(matches!(world.store.ready().await, Err(StoreError::Unavailable(_))));
    }
    assert_eq!(world.store.pending_migrations().await.unwrap().len(), reverted);
    assert_eq!(world.store.migrate().await.unwrap().len(), reverted);
    assert_eq!(world.store.ready().await, Ok(()));
    world.user("ivan").await;
}

/// Keeps the writer busy until the answer is dropped, so that what is sent meanwhile becomes one group.
fn hold(store: &Arc<SqliteStore>) -> std::sync::mpsc::Sender<()> {
    let (release, held) = std::sync::mpsc::channel::<()>();
    let store = store.clone();
    tokio::spawn(async move {
        let wait = move |_: &mut SqliteConnection| {
            // Ends when the other end goes.
            let _ = held.recv();
            Ok(())
        };
        let _ = store.writer.run_bare(wait).await;
    });
    release
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_write_takes_nothing_with_it_that_shares_its_commit() {
    let World { store, clock: _, folder: _folder } = World::new().await;
    let store = Arc::new(store);
    let release = hold(&store);
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    let put = |name: &'static str| {
        let store = store.clone();
        let username = Username::parse(name).unwrap();
        tokio::spawn(async move { store.put(PutUser { username, display_name: Given::Absent }).await })
    };
    let (one, two) = (put("one"), put("two"));
    let fails = {
        let store = store.clone();
        tokio::spawn(async move {
            store
                .write(|write| {
                    command("update users set display_name = 'half'").execute(write.conn)?;
                    write.turn.record(feed_me_domain::sequence::EventKind::UserUpdated, None, None, None);
                    Err::<(), _>(Trouble::Stored("on purpose".to_owned()))
                })
                .await
        })
    };
    let panics = {
        let store = store.clone();
        tokio::spawn(async move {
            store
                .write(|write| {
                    command("update users set display_name = 'half'").execute(write.conn)?;
                    panic!("on purpose");
                    #[expect(unreachable_code, reason = "gives the closure its type")]
                    Ok(())
                })
                .await
        })
    };
    let three = put("three");
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    drop(release);
    for created in [one, two, three] {
        assert!(matches!(created.await.unwrap(), Ok(UserPut::Created(_))));
    }
    assert!(matches!(fails.await.unwrap(), Err(StoreError::Failed(_))));
    assert!(matches!(panics.await.unwrap(), Err(StoreError::Failed(_))));
    let events = store.after(0, 10).await.unwrap();
    assert_eq!(events.iter().map(|event| event.position).collect::<Vec<_>>(), [1, 2, 3]);
    let half = "select count(*) from users where display_name = 'half'";
    let half: i64 = store.read(move |conn| Ok(query::<BigInt>(half).get_result(conn)?)).await.unwrap();
    assert_eq!(half, 0);
}

#[tokio::test]
async fn a_full_or_read_only_database_is_unavailable_and_serves_again_when_it_is_well() {
    let world = World::new().await;
    let ivan = world.user("ivan").await;
    for (sick, well) in [
        ("pragma max_page_count = 1", "pragma max_page_count = 1073741823"),
        ("pragma query_only = on", "pragma query_only = off"),
    ] {
        world.store.writer.run_bare(move |conn| Ok(conn.batch_execute(sick)?)).await.unwrap();
        let mut big = wish(&ivan, None);
        big.data =
            Some(feed_me_domain::Data::parse(&format!("{{\"x\":\"{}\"}}", "y".repeat(16000))).unwrap());
        let mut refused = false;
        for _ in 0..100 {
            match feed_me_domain::ports::ActivityRepository::post(&world.store, big.clone(), None).await {
                Ok(_) => {}
                Err(StoreError::Unavailable(_)) => refused = true,
                Err(other) => panic!("{sick}: {other}"),
            }
        }
        assert!(refused, "{sick}");
        assert_eq!(world.store.find(&ivan).await.unwrap().unwrap().username, ivan);
        world.store.writer.run_bare(move |conn| Ok(conn.batch_execute(well)?)).await.unwrap();
        let stored = world.post(wish(&ivan, None)).await;
        assert_eq!(
            feed_me_domain::ports::ActivityRepository::find(&world.store, stored.id).await,
            Ok(Some(stored))
        );
    }
    let stored = world.store.find(&ivan).await.unwrap().unwrap().activities;
    let extent = world.store.extent().await.unwrap();
    assert_eq!(extent.last - 1, i64::try_from(stored).unwrap());
}

#[tokio::test]
async fn a_second_server_on_the_file_is_refused_and_an_import_is_not() {
    let world = World::new().await;
    let lock = world.store.lock_for_serving().unwrap();
    let other = open(&world.folder, Arc::new(SetClock::default()));
    match other.lock_for_serving() {
        Err(error @ AlreadyServed::Held { .. }) => assert!(error.to_string().contains("feed.db"), "{error}"),
        other => panic!("{other:?}"),
    }
    let username = Username::parse("ivan").unwrap();
    other.put(PutUser { username: username.clone(), display_name: Given::Absent }).await.unwrap();
    assert!(world.store.find(&username).await.unwrap().is_some());
    drop(lock);
    other.lock_for_serving().unwrap();
}

#[tokio::test]
async fn what_is_stored_survives_a_new_start() {
    let World { store, clock, folder } = World::new().await;
    let username = Username::parse("ivan").unwrap();
    store.put(PutUser { username: username.clone(), display_name: Given::Absent }).await.unwrap();
    drop(store);
    let store = open(&folder, clock);
    assert!(store.find(&username).await.unwrap().is_some());
    assert_eq!(store.extent().await.unwrap().last, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn posts_share_their_statements_and_one_that_fails_is_alone_in_that() {
    let world = World::new().await;
    let ivan = world.user("ivan").await;
    let World { store, clock: _, folder: _folder } = world;
    let trigger = "create trigger no_bad before insert on activities when new.verb = 'bad' \
        begin select raise(abort, 'on purpose'); end";
    store.writer.run_bare(move |conn| Ok(conn.batch_execute(trigger)?)).await.unwrap();
    let store = Arc::new(store);
    for verbs in [&["good"; 45][..], &["good", "bad", "good"]] {
        let before = store.extent().await.unwrap().last;
        let release = hold(&store);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        let mut posts = Vec::new();
        for verb in verbs {
            let (store, wish) =
                (store.clone(), NewActivity { verb: Verb::parse(verb).unwrap(), ..wish(&ivan, None) });
            posts.push(tokio::spawn(async move {
                feed_me_domain::ports::ActivityRepository::post(&*store, wish, None).await
            }));
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        drop(release);
        let mut ids = Vec::new();
        for (post, verb) in posts.into_iter().zip(verbs) {
            match (post.await.unwrap(), *verb) {
                (Ok(Attempt::Done(Posted::Created(activity))), "good") => ids.push(activity.id),
                (Err(StoreError::Failed(_)), "bad") => {}
                other => panic!("{other:?}"),
            }
        }
        ids.sort_unstable();
        let events = store.after(before, 100).await.unwrap();
        assert_eq!(events.iter().filter_map(|event| event.activity).collect::<Vec<_>>(), ids);
        let last = before + i64::try_from(ids.len()).unwrap();
        assert_eq!(events.last().unwrap().position, last);
    }
    assert_eq!(store.find(&ivan).await.unwrap().unwrap().activities, 47);
}

/// No commit here finds the log so long that it would carry it over itself: the database file grows by the thread alone, which may
/// have to wait for a core.
#[tokio::test]
async fn the_log_is_carried_into_the_database_beside_the_writer() {
    let world = World::new().await;
    let ivan = world.user("ivan").await;
    let bytes = || std::fs::metadata(world.store.path()).unwrap().len();
    let before = bytes();
    for _ in 0..20 {
        let batch = vec![wish(&ivan, None); 600];
        feed_me_domain::ports::ActivityRepository::post_batch(&world.store, batch, Atomicity::Each, None)
            .await
            .unwrap();
        for _ in 0..20 {
            if before < bytes() {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }
    panic!("the log is where it was");
}
