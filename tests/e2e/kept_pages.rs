//! Pages that are asked for again are answered from what was kept, and nobody can tell: whatever happens in between is on
//! the next page.

use proptest::{prelude::*, test_runner::TestRunner};
use serde_json::json;

use crate::kit::{Answer, User, World, on_both_stores};

/// How often a page is asked for until the server has a reason to keep it, and has kept it.
const OFTEN: usize = 3;

/// A page as it is kept, and compared with the same page asked for in a way that nobody asked for before.
async fn kept(world: &World, path: &str, fresh: &mut usize) -> Answer {
    let mut last = None;
    for _ in 0..OFTEN {
        last = Some(world.get(path).await);
    }
    let last = last.unwrap();
    *fresh += 1;
    let mark = if path.contains('?') { '&' } else { '?' };
    let anew = world.get(&format!("{path}{mark}unheard-of={fresh}")).await;
    assert_eq!(last.status, anew.status, "{path}");
    let without_ids = |answer: &Answer| {
        let id = answer.find_header("x-request-id").unwrap_or_default();
        answer.text().replace(&id, "ID")
    };
    assert_eq!(without_ids(&last), without_ids(&anew), "{path}");
    for header in ["etag", "feed-position", "content-type", "cache-control", "vary"] {
        assert_eq!(last.find_header(header), anew.find_header(header), "{header} of {path}");
    }
    last
}

async fn hits(world: &World) -> u64 {
    let metrics = world.get("/metrics").await.text();
    let line = metrics.lines().find(|line| line.starts_with("feedme_page_cache_hits_total ")).unwrap();
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

async fn what_nothing_touches_is_answered_as_it_was_at_a_position_that_moves_on(world: &World) {
    let [ivan, eric, niko] = world.users(["ivan", "eric", "niko"]).await;
    ivan.follows(&eric).await.is(201);
    eric.posts("wrote", "one").await.is(201);
    let mut fresh = 0;
    let first = kept(world, &ivan.friends_path(), &mut fresh).await;
    let before = hits(world).await;
    let posted = niko.posts("wrote", "elsewhere").await;
    let second = kept(world, &ivan.friends_path(), &mut fresh).await;
    assert!(before + 3 <= hits(world).await, "not one of three came from what is kept");
    assert_eq!((first.text(), first.header("etag")), (second.text(), second.header("etag")));
    assert_eq!(second.header("feed-position"), posted.header("feed-position"));
    let unchanged = ivan.friends_feed().header("If-None-Match", first.header("etag")).await;
    assert_eq!(unchanged.is(304).header("feed-position"), posted.header("feed-position"));
    // The same page for another host leads elsewhere.
    let elsewhere = ivan.friends_feed().header("Host", "feed.example").await;
    assert!(elsewhere.header("link").starts_with("<http://feed.example/"), "{elsewhere}");
    assert!(second.header("link").starts_with(&format!("<http://{}/", world.host())), "{second}");
}

async fn whatever_changes_a_page_is_on_the_next_one(world: &World) {
    let [ivan, eric, niko] = world.users(["ivan", "eric", "niko"]).await;
    ivan.follows(&eric).await.is(201);
    let first = eric.posts_to("wrote", "one", &ivan).await.id();
    let mut fresh = 0;
    let mut shown = async |expected: &[&str]| {
        for path in
            [ivan.friends_path(), ivan.mentions_path(), eric.own_path(), "/feed/ivan/friends".to_owned()]
        {
            let _ = kept(world, &path, &mut fresh).await;
        }
        let lines: Vec<String> = ivan
            .friends_feed()
            .await
            .items()
            .iter()
            .map(|item| item["object"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(lines, expected);
    };
    shown(&["one"]).await;
    let second = eric.posts("wrote", "two").await.id();
    shown(&["two", "one"]).await;
    world.patch(&format!("/v1/activities/{first}"), json!({ "object": "won" })).await.is(200);
    shown(&["two", "won"]).await;
    world.delete(&format!("/v1/activities/{second}")).await.is(204);
    shown(&["won"]).await;
    niko.posts("wrote", "three").await.is(201);
    ivan.follows(&niko).await.is(201);
    shown(&["three", "won"]).await;
    ivan.mutes(&niko).await.is(201);
    shown(&["won"]).await;
    ivan.unmutes(&niko).await.is(204);
    shown(&["three", "won"]).await;
    niko.blocks(&ivan).await.is(201);
    shown(&["won"]).await;
    ivan.unfollows_keeping_history(&eric).await.is(204);
    eric.posts("wrote", "four").await.is(201);
    shown(&["won"]).await;
    eric.renames_to("erica").await.is(200);
    let renamed = ivan.friends_feed().await;
    assert_eq!(renamed.at("/items/0/actor"), "erica");
    let gone = kept(world, &eric.own_path(), &mut fresh).await;
    gone.is_problem(404, "user-not-found");
    world.user("erica").leaves().await.is(200);
    assert_eq!(kept(world, &ivan.friends_path(), &mut fresh).await.items(), Vec::<serde_json::Value>::new());
}

on_both_stores!(
    what_nothing_touches_is_answered_as_it_was_at_a_position_that_moves_on,
    whatever_changes_a_page_is_on_the_next_one,
);

/// Something that somebody does, by numbers of users.
#[derive(Clone, Copy, Debug)]
enum Step {
    Posts(usize, Option<usize>),
    Edits(usize),
    Deletes(usize),
    Follows(usize, usize),
    Unfollows(usize, usize, bool),
    Mutes(usize, usize),
    Blocks(usize, usize),
    Unblocks(usize, usize),
    Looks(usize),
}

const NAMES: [&str; 4] = ["ivan", "eric", "niko", "zoe"];

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let user = 0..NAMES.len();
    let two = (user.clone(), user.clone());
    let step = prop_oneof![
        6 => (user.clone(), prop::option::of(user.clone())).prop_map(|(one, other)| Step::Posts(one, other)),
        1 => (0..50_usize).prop_map(Step::Edits),
        2 => (0..50_usize).prop_map(Step::Deletes),
        4 => two.clone().prop_map(|(one, other)| Step::Follows(one, other)),
        2 => (two.clone(), any::<bool>()).prop_map(|((one, other), keeps)| Step::Unfollows(one, other, keeps)),
        1 => two.clone().prop_map(|(one, other)| Step::Mutes(one, other)),
        1 => two.clone().prop_map(|(one, other)| Step::Blocks(one, other)),
        1 => two.prop_map(|(one, other)| Step::Unblocks(one, other)),
        8 => user.prop_map(Step::Looks),
    ];
    prop::collection::vec(step, 40..80)
}

async fn take(world: &World, users: &[User<'_>; 4], step: Step, posted: &mut Vec<String>, fresh: &mut usize) {
    match step {
        Step::Posts(one, None) => posted.push(users[one].posts("wrote", "it").await.id()),
        Step::Posts(one, Some(other)) => {
            posted.push(users[one].posts_to("wrote", "it", &users[other]).await.id());
        }
        Step::Edits(at) => {
            if let Some(id) = posted.get(at) {
                let change = json!({ "target": NAMES[at % 4], "verb": "did" });
                world.patch(&format!("/v1/activities/{id}"), change).await.is(200);
            }
        }
        Step::Deletes(at) => {
            if at < posted.len() {
                world.delete(&format!("/v1/activities/{}", posted.swap_remove(at))).await.is(204);
            }
        }
        Step::Follows(one, other) => drop(users[one].follows(&users[other]).await),
        Step::Unfollows(one, other, false) => drop(users[one].unfollows(&users[other]).await),
        Step::Unfollows(one, other, true) => drop(users[one].unfollows_keeping_history(&users[other]).await),
        Step::Mutes(one, other) => drop(users[one].mutes(&users[other]).await),
        Step::Blocks(one, other) => drop(users[one].blocks(&users[other]).await),
        Step::Unblocks(one, other) => drop(users[one].unblocks(&users[other]).await),
        Step::Looks(one) => {
            let user = &users[one];
            for path in [
                user.friends_path(),
                format!("{}?include_self=true&limit=3", user.friends_path()),
                user.own_path(),
                user.mentions_path(),
                format!("/feed/{}/friends", user.name),
            ] {
                let _ = kept(world, &path, fresh).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn after_any_steps_every_kept_page_is_what_is_read() {
    let config = ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() };
    let handle = tokio::runtime::Handle::current();
    let run = || {
        TestRunner::new(config).run(&steps(), |steps| {
            handle.block_on(async {
                let world = World::start(crate::kit::Store::Sqlite);
                let users = world.users(NAMES).await;
                let (mut posted, mut fresh) = (Vec::new(), 0);
                for step in steps {
                    take(&world, &users, step, &mut posted, &mut fresh).await;
                }
                for one in 0..NAMES.len() {
                    take(&world, &users, Step::Looks(one), &mut posted, &mut fresh).await;
                }
            });
            Ok(())
        })
    };
    if let Err(failure) = tokio::task::block_in_place(run) {
        panic!("{failure}");
    }
}
