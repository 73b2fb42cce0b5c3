//! Writes that share a commit: what each is answered, and what is stored.

use std::time::Duration;

use diesel::{Connection, RunQueryDsl, connection::SimpleConnection, pg::PgConnection, sql_types::BigInt};
use feed_me_domain::{
    Activity, Attempt, FollowRequest, KeyRefusal, Keyed, NewActivity, RequestKey, StoreError, StoredAnswer,
    Timestamp,
    ports::{
        ActivityRepository, EventLog, FollowRepository, Followed, Posted, TransferRepository, UserRepository,
    },
    sequence::EventKind,
    transfer::{Imported, OnBadRecord, Record, UserRecord},
};
use tokio::task::JoinHandle;

use super::{fresh, name, opened, options, post_of, put, support::FreshDatabase};
use crate::postgres::{PgOptions, PgStore, errors::PgError, sql::Sql};

/// Another instance that holds the lock of all writes, so that those of ours have to wait.
struct Held(PgConnection);

impl Held {
    fn by_another(database: &FreshDatabase) -> Self {
        let mut conn = PgConnection::establish(&database.url).unwrap();
        conn.batch_execute("begin; select from sequence for update").unwrap();
        Self(conn)
    }

    /// Until a write of ours has met the lock.
    async fn until_met(&mut self) {
        while self.count("select count(*)") == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Ends the session that waits for the lock.
    fn end_who_waits(&mut self) -> i64 {
        self.count("select count(pg_terminate_backend(pid))")
    }

    fn count(&mut self, what: &str) -> i64 {
        let text = format!(
            "{what} from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        );
        Sql::<BigInt>::new(text).get_result(&mut self.0).unwrap()
    }

    fn release(mut self) {
        self.0.batch_execute("commit").unwrap();
    }
}

/// Until so many wait in the queue.
async fn until_waiting(store: &PgStore, number: usize) {
    for _ in 0..500 {
        if store.lane.waiting() == number {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{} writes wait, not {number}", store.lane.waiting());
}

fn posting(store: &PgStore, activity: NewActivity, keyed: Option<Keyed<Posted>>) -> JoinHandle<Posting> {
    let store = store.clone();
    tokio::spawn(async move { store.post(activity, keyed).await })
}

type Posting = Result<Attempt<Posted>, StoreError>;

fn created(posting: Posting) -> Activity {
    match posting {
        Ok(Attempt::Done(Posted::Created(activity))) => activity,
        other => panic!("not created: {other:?}"),
    }
}

fn keyed(key: &str, body: &str) -> Keyed<Posted> {
    let names = vec![name("ivan"), name("ivan"), name("nobody")];
    let answer = StoredAnswer { status: 201, location: None, body: body.to_owned(), names };
    Keyed {
        key: RequestKey::new(&[key.as_bytes()], &[b"content"]),
        answer: Box::new(move |_| Some(answer.clone())),
    }
}

/// How many transactions have written events of a kind.
fn transactions(database: &FreshDatabase, kind: EventKind) -> i64 {
    let mut conn = PgConnection::establish(&database.url).unwrap();
    let text = format!("select count(distinct xmin::text) from events where kind = '{}'", kind.as_str());
    Sql::<BigInt>::new(text).get_result(&mut conn).unwrap()
}

/// The log is dense, its times and the ids of its activities go up.
async fn assert_in_order(store: &PgStore, activities: usize) {
    let events = store.after(0, 10_000).await.unwrap();
    let positions: Vec<i64> = events.iter().map(|event| event.position).collect();
    assert_eq!(positions, (1..=i64::try_from(events.len()).unwrap()).collect::<Vec<_>>());
    assert!(events.is_sorted_by(|one, other| one.at < other.at));
    let ids: Vec<_> = events.iter().filter_map(|event| event.activity).collect();
    assert!(ids.len() == activities && ids.is_sorted());
    for event in events.iter().filter(|event| event.activity.is_some()) {
        let found = ActivityRepository::find(store, event.activity.unwrap()).await.unwrap().unwrap();
        assert_eq!(found.published, event.at);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn posts_that_wait_share_a_commit() {
    let (database, store) = fresh(2);
    put(&store, "ivan").await;
    let mut held = Held::by_another(&database);
    let first = posting(&store, post_of("ivan"), None);
    held.until_met().await;
    let mut others = Vec::new();
    for _ in 0..40 {
        others.push(posting(&store, post_of("ivan"), None));
    }
    until_waiting(&store, 40).await;
    held.release();
    created(first.await.unwrap());
    for other in others {
        created(other.await.unwrap());
    }
    let alone_or_not = transactions(&database, EventKind::ActivityAdded);
    assert!((1..=2).contains(&alone_or_not), "{alone_or_not} transactions");
    assert_in_order(&store, 41).await;
    assert_eq!(UserRepository::find(&store, &name("ivan")).await.unwrap().unwrap().activities, 41);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_group_is_one_write_each_has_a_commit_of_its_own() {
    let (database, _) = fresh(2);
    let store = opened(PgOptions { commit_group_max: 1, ..options(&database.url, 2) });
    put(&store, "ivan").await;
    let posts: Vec<_> = (0..20).map(|_| posting(&store, post_of("ivan"), None)).collect();
    for post in posts {
        created(post.await.unwrap());
    }
    assert_eq!(transactions(&database, EventKind::ActivityAdded), 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_of_every_kind_share_a_commit_and_stay_in_order() {
    let (database, store) = fresh(2);
    for user in ["ivan", "eric"] {
        put(&store, user).await;
    }
    let mut held = Held::by_another(&database);
    let first = posting(&store, post_of("ivan"), None);
    held.until_met().await;
    let posts: Vec<_> = (0..10).map(|_| posting(&store, post_of("eric"), None)).collect();
    // Whose user is made in the same commit; and whom nobody knows.
    let late = posting(&store, post_of("niko"), None);
    let unknown = posting(&store, post_of("nobody"), None);
    let making = tokio::spawn({
        let store = store.clone();
        async move { put(&store, "niko").await }
    });
    let following = tokio::spawn({
        let store = store.clone();
        let request = FollowRequest { follower: name("ivan"), followee: name("eric"), from: None };
        async move { store.follow(request, None).await }
    });
    until_waiting(&store, 14).await;
    held.release();
    created(first.await.unwrap());
    for post in posts {
        created(post.await.unwrap());
    }
    created(late.await.unwrap());
    making.await.unwrap();
    let unknown = unknown.await.unwrap().unwrap();
    assert_eq!(unknown, Attempt::Done(Posted::UnknownUsers { actor: true, target: false }));
    assert!(matches!(following.await.unwrap(), Ok(Attempt::Done(Followed::Now(_)))));
    assert_in_order(&store, 12).await;
    assert_eq!(store.extent().await.unwrap().last, 2 + 12 + 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_fails_or_panics_is_alone_in_that() {
    let (database, store) = fresh(2);
    put(&store, "ivan").await;
    let mut held = Held::by_another(&database);
    let first = posting(&store, post_of("ivan"), None);
    held.until_met().await;
    let posts: Vec<_> = (0..5).map(|_| posting(&store, post_of("ivan"), None)).collect();
    let spawned = |work: fn() -> PgError| {
        let store = store.clone();
        tokio::spawn(async move { store.write::<()>(move |_| Err(work())).await })
    };
    let failing = spawned(|| PgError::failed("it is too late"));
    let panicking = spawned(|| panic!("a panic that is meant"));
    let breaking = tokio::spawn({
        let store = store.clone();
        async move {
            store
                .write(|write| {
                    let again = "insert into users select * from users where username = 'ivan'";
                    Ok(diesel::sql_query(again).execute(write.conn)?)
                })
                .await
        }
    });
    until_waiting(&store, 8).await;
    held.release();
    created(first.await.unwrap());
    for post in posts {
        created(post.await.unwrap());
    }
    assert_eq!(failing.await.unwrap(), Err(StoreError::Failed("it is too late".to_owned())));
    assert_eq!(panicking.await.unwrap(), Err(StoreError::Failed("a write panicked".to_owned())));
    let Err(StoreError::Failed(message)) = breaking.await.unwrap() else { panic!("it has not failed") };
    assert!(message.contains("duplicate key"), "{message}");
    assert_in_order(&store, 6).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_in_one_commit_have_an_effect_and_an_answer_each_and_the_second_of_one_key_is_refused() {
    let (database, store) = fresh(2);
    put(&store, "ivan").await;
    created(store.post(post_of("ivan"), Some(keyed("old", "old"))).await);
    let mut held = Held::by_another(&database);
    let first = posting(&store, post_of("ivan"), None);
    held.until_met().await;
    let one = posting(&store, post_of("ivan"), Some(keyed("one", "one")));
    let other = posting(&store, post_of("ivan"), Some(keyed("other", "other")));
    let old = posting(&store, post_of("ivan"), Some(keyed("old", "old")));
    let keyless = posting(&store, post_of("ivan"), None);
    until_waiting(&store, 4).await;
    let second = store.post(post_of("ivan"), Some(keyed("one", "one"))).await.unwrap();
    assert_eq!(second, Attempt::Refused(KeyRefusal::UnderWay));
    held.release();
    for post in [first, one, other, keyless] {
        created(post.await.unwrap());
    }
    assert!(matches!(old.await.unwrap(), Ok(Attempt::Replayed(answer)) if answer.body == "old"));
    for key in ["one", "other"] {
        let again = store.post(post_of("ivan"), Some(keyed(key, "changed"))).await.unwrap();
        assert!(matches!(again, Attempt::Replayed(answer) if answer.body == key));
    }
    assert_in_order(&store, 5).await;
    assert_eq!(store.erase(&name("ivan")).await.unwrap().unwrap().stored_answers, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_whose_session_is_ended_before_the_commit_is_carried_out_once_on_another() {
    let (database, store) = fresh(2);
    put(&store, "ivan").await;
    let mut held = Held::by_another(&database);
    let posts: Vec<_> = (0..10).map(|_| posting(&store, post_of("ivan"), None)).collect();
    held.until_met().await;
    assert_eq!(held.end_who_waits(), 1);
    held.release();
    for post in posts {
        created(post.await.unwrap());
    }
    assert_in_order(&store, 10).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_waits_too_long_is_refused_and_never_carried_out() {
    let (database, _) = fresh(2);
    let store =
        opened(PgOptions { acquire_timeout: Duration::from_millis(300), ..options(&database.url, 2) });
    put(&store, "ivan").await;
    let mut held = Held::by_another(&database);
    let first = posting(&store, post_of("ivan"), None);
    held.until_met().await;
    let refused = store.post(post_of("ivan"), Some(keyed("one", "one"))).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    held.release();
    created(first.await.unwrap());
    created(store.post(post_of("ivan"), Some(keyed("one", "one"))).await);
    assert_eq!(UserRepository::find(&store, &name("ivan")).await.unwrap().unwrap().activities, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_has_its_turn_among_posts_without_end() {
    let (_database, store) = fresh(2);
    put(&store, "ivan").await;
    let posting: Vec<_> = (0..16)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                loop {
                    created(store.post(post_of("ivan"), None).await);
                }
            })
        })
        .collect();
    for number in 0..20 {
        let username = name(&format!("user{number}"));
        let record = Record::User(UserRecord { username, display_name: None, created_at: None });
        let importing = store.import(vec![record], Timestamp::EPOCH, OnBadRecord::Stop);
        let imported = tokio::time::timeout(Duration::from_secs(10), importing).await.unwrap();
        assert_eq!(imported.unwrap(), [Imported::New]);
    }
    posting.iter().for_each(JoinHandle::abort);
}
