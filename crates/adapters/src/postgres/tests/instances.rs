//! Several processes on one database: what they hear of each other, and what they read from copies.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use diesel::{Connection, connection::SimpleConnection, pg::PgConnection};
use feed_me_domain::{
    ActivityId, Attempt, FeedFilter, FeedKind, FeedQuery, KeyName, KeySecret, NewKey, PageLimit, Scopes,
    Shape, Span,
    ports::{
        ActivityRepository, ApplicationKeyRepository, EventLog, FeedFacts, Posted, Stores, UserRepository,
    },
};

use super::{FreshDatabase, connected, fresh, name, post_of, put};
use crate::{
    index::{FeedIndex, IndexOptions},
    postgres::{Copies, PgStore, Standbys, migrations},
    system::{SystemClock, SystemIds},
};

/// Far more than it should take; the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(20);

async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("never happened: {what}"))
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let so = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    soon(what, so).await;
}

async fn post(store: &PgStore, actor: &str) -> ActivityId {
    match store.post(post_of(actor), None).await.unwrap() {
        Attempt::Done(Posted::Created(activity)) => activity.id,
        other => panic!("not created: {other:?}"),
    }
}

/// Ends the session that listens.
fn end_listening(database: &FreshDatabase) {
    let mut conn = PgConnection::establish(&database.url).unwrap();
    conn.batch_execute(
        "select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid() and query = 'select position from sequence'",
    )
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_of_another_process_is_heard_and_one_s_own_is_no_news() {
    let (database, here) = fresh(2);
    let elsewhere = connected(&database.url, 2);
    let _listener = here.listen(&database.url).unwrap();
    until("listening", || here.hearing().is_listening).await;
    put(&elsewhere, "eric").await;
    soon("hearing the first", here.grown(0)).await;
    put(&here, "ivan").await;
    // It comes back, and wakes nobody.
    until("the second came back", || 2 <= here.hearing().told).await;
    assert!(tokio::time::timeout(Duration::from_millis(50), here.grown(1)).await.is_err());
    post(&elsewhere, "eric").await;
    soon("hearing the third", here.grown(2)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_that_lost_its_session_listens_again_and_knows_what_it_missed() {
    let (database, here) = fresh(2);
    let elsewhere = connected(&database.url, 2);
    let _listener = here.listen(&database.url).unwrap();
    until("listening", || here.hearing().is_listening).await;
    let ends = here.credential_ends().count();
    for position in 1..4 {
        end_listening(&database);
        put(&elsewhere, &format!("user-{position}")).await;
        soon("hearing what was missed", here.grown(position - 1)).await;
    }
    until("credentials are looked at again", || ends < here.credential_ends().count()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_end_credentials_elsewhere_is_heard() {
    let (database, here) = fresh(2);
    let elsewhere = connected(&database.url, 2);
    let _listener = here.listen(&database.url).unwrap();
    until("listening", || here.hearing().is_listening).await;
    let (tokens, keys) = here.credential_ends().count();
    put(&elsewhere, "eric").await;
    soon("hearing", here.grown(0)).await;
    assert_eq!(here.credential_ends().count(), (tokens, keys), "a new user ends nothing");
    elsewhere.erase(&name("eric")).await.unwrap();
    until("tokens end", || here.credential_ends().count() == (tokens + 1, keys)).await;
    let new = NewKey {
        name: KeyName::parse("a key").unwrap(),
        hash: KeySecret::of_random(&[7; 32]).hash(),
        scopes: Scopes::parse("read").unwrap(),
    };
    let Attempt::Done(key) = elsewhere.create(new, None).await.unwrap() else { panic!("no key") };
    assert!(elsewhere.revoke(key.id).await.unwrap());
    until("keys end", || here.credential_ends().count() == (tokens + 1, keys + 1)).await;
    assert!(!elsewhere.revoke(key.id).await.unwrap());
}

/// An index that would not look for itself for hours.
fn indexed(store: &PgStore, look_every: Duration) -> (Arc<FeedIndex>, Stores) {
    let stores = Stores::of(Arc::new(store.clone()));
    let stale_after = Duration::from_hours(1);
    FeedIndex::over(
        &stores,
        Arc::new(store.clone()),
        IndexOptions { memory: 1 << 24, look_every, stale_after },
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_takes_in_what_it_hears_of_and_without_hearing_it_looks() {
    let (database, here) = fresh(2);
    let elsewhere = connected(&database.url, 2);
    let (deaf, _) = indexed(&connected(&database.url, 2), Duration::from_millis(200));
    let (hearing, stores) = indexed(&here, Duration::from_hours(1));
    let _listener = here.listen(&database.url).unwrap();
    until("listening", || here.hearing().is_listening).await;
    let keeping = [&deaf, &hearing].map(|index| {
        let index = index.clone();
        tokio::spawn(async move { index.keep(|_| {}).await })
    });
    until("both serve", || deaf.status().is_serving && hearing.status().is_serving).await;
    put(&elsewhere, "eric").await;
    for position in 2..6 {
        post(&elsewhere, "eric").await;
        soon("taking in what was heard", async {
            while hearing.status().position < position {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        })
        .await;
        // Whoever waits for it is woken too.
        soon("waking who waits", stores.events.grown(position - 1)).await;
    }
    until("taking in what was looked for", || deaf.status().position == 5).await;
    keeping.iter().for_each(tokio::task::JoinHandle::abort);
}

fn own_feed(owner: &str) -> FeedQuery {
    FeedQuery {
        kind: FeedKind::Own,
        owner: name(owner),
        filter: FeedFilter::default(),
        span: Span::first(PageLimit::default()),
        skip: 0,
        shape: Shape::Whole,
    }
}

fn over(primary: &PgStore, url: &str, copy: &str, copies: Copies) -> (Arc<Standbys>, Stores) {
    let (clock, ids) = (Arc::new(SystemClock), Arc::new(SystemIds));
    Standbys::before(primary, url, &[copy.to_owned()], copies, &(clock as _), &(ids as _)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_answers_what_it_includes_and_the_primary_the_rest() {
    let (database, primary) = fresh(2);
    // This one stays where it is.
    let behind = FreshDatabase::new();
    migrations::run_pending(&behind.url).unwrap();
    put(&connected(&behind.url, 2), "eric").await;
    let (standbys, stores) = over(&primary, &database.url, &behind.url, Copies::Any);
    until("the copy is seen", || standbys.load()[0].is_up).await;
    let count = |load: Vec<crate::watch::StandbyLoad>| (load[0].reads, load[0].behind, load[0].failed);
    put(&primary, "eric").await;
    assert!(stores.feeds.page(&own_feed("eric")).await.unwrap().is_some());
    assert_eq!(count(standbys.load()), (1, 0, 0), "it has as much as the primary");
    let id = post(&primary, "eric").await;
    let page = stores.feeds.page(&own_feed("eric")).await.unwrap().unwrap();
    assert_eq!((page.position, page.items.len()), (2, 1));
    assert_eq!(count(standbys.load()), (1, 1, 0), "what was written here is in the next read");
    assert_eq!(stores.activities.find_many(&[id]).await.unwrap().len(), 1);
    until("the lag is told", || standbys.load()[0].lag != Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_wrote_is_in_reads_within_a_second_and_at_once_when_it_is_required() {
    let (database, primary) = fresh(2);
    let elsewhere = connected(&database.url, 2);
    let behind = FreshDatabase::new();
    migrations::run_pending(&behind.url).unwrap();
    put(&connected(&behind.url, 2), "eric").await;
    put(&elsewhere, "eric").await;
    let (standbys, stores) = over(&primary, &database.url, &behind.url, Copies::Any);
    until("the copy is seen", || standbys.load()[0].is_up && standbys.floor().is_some()).await;
    let shown = async || stores.feeds.page(&own_feed("eric")).await.unwrap().unwrap().items.len();
    post(&elsewhere, "eric").await;
    let posted = Instant::now();
    let mut first = None;
    while posted.elapsed() < Duration::from_secs(2) {
        if shown().await == 1 {
            first.get_or_insert(posted.elapsed());
        } else {
            assert!(first.is_none(), "it was there, and is not any more");
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(first.unwrap() < Duration::from_millis(1500), "{first:?}");
    // The same with a position that a client brings: at once.
    let another = FreshDatabase::new();
    migrations::run_pending(&another.url).unwrap();
    put(&connected(&another.url, 2), "eric").await;
    post(&connected(&another.url, 2), "eric").await;
    let fresh_here = connected(&database.url, 2);
    let (standbys, stores) = over(&fresh_here, &database.url, &another.url, Copies::Any);
    until("the copy is seen", || standbys.load()[0].is_up && standbys.floor().is_some()).await;
    post(&elsewhere, "eric").await;
    stores.events.require(3);
    assert_eq!(stores.feeds.page(&own_feed("eric")).await.unwrap().unwrap().items.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_standby_or_does_not_answer_is_not_read() {
    let (database, primary) = fresh(2);
    put(&primary, "eric").await;
    for copy in [database.url.as_str(), "postgres://nobody@127.0.0.1:1/nowhere"] {
        let (standbys, stores) = over(&primary, &database.url, copy, Copies::Standbys);
        until("the primary is seen", || standbys.floor().is_some()).await;
        for _ in 0..3 {
            assert!(stores.feeds.page(&own_feed("eric")).await.unwrap().is_some());
        }
        let load = &standbys.load()[0];
        assert_eq!((load.is_up, load.reads), (false, 0), "{copy}");
    }
    assert_eq!(primary.breaks(), 0);
}
