//! Promise 2: a walk gives everything that was there throughout exactly once, whatever happens meanwhile.

use std::collections::HashSet;

use serde_json::json;

use crate::kit::{User, World, assert_page_is_sound, on_both_stores};

on_both_stores!(
    promise_2_a_walk_is_exact_while_everything_changes,
    promise_2_a_walk_backwards_is_exact_while_everything_changes,
    promise_2_a_walk_is_exact_while_writers_never_rest,
);

/// The next number of a sequence that only looks random, so that a failure can be told again.
fn next(state: &mut u64) -> usize {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    usize::try_from(*state >> 40).unwrap()
}

const AUTHORS: [&str; 5] = ["a", "b", "c", "d", "e"];

struct Restless<'w> {
    world: &'w World,
    reader: User<'w>,
    authors: [User<'w>; 5],
    state: u64,
}

impl<'w> Restless<'w> {
    /// A reader of five authors with 60 posts, many of one instant.
    async fn begin(world: &'w World, seed: u64) -> Self {
        let [reader] = world.users(["reader"]).await;
        let authors = world.users(AUTHORS).await;
        for author in &authors {
            reader.follows(author).await.is(201);
        }
        let mut this = Self { world, reader, authors, state: seed };
        for _ in 0..60 {
            this.post(3).await;
        }
        this
    }

    /// Somebody posts, at one of few instants.
    async fn post(&mut self, instants: usize) {
        let author = &self.authors[next(&mut self.state) % 5];
        let at = format!("2020-01-01T00:00:{:02}Z", next(&mut self.state) % instants);
        author.posts_at(&at, "share", "x").await.is(201);
    }

    /// One of all the things that can happen to a feed.
    async fn something_happens(&mut self) {
        let author = next(&mut self.state) % 5;
        match next(&mut self.state) % 9 {
            0..3 => self.post(4).await,
            3 => drop(self.authors[author].posts("share", "new").await),
            4 => {
                let feed = self.authors[author].own_feed().await.ids();
                if let Some(id) = feed.get(next(&mut self.state) % feed.len().max(1)) {
                    self.world.delete(&format!("/v1/activities/{id}")).await.is(204);
                }
            }
            5 => drop(self.reader.unfollows(&self.authors[author]).await),
            6 => drop(self.reader.follows(&self.authors[author]).await),
            7 => drop(self.reader.mutes(&self.authors[author]).await),
            _ => drop(self.reader.unmutes(&self.authors[author]).await),
        }
    }

    async fn everything(&self) -> HashSet<String> {
        let all = self.world.walk(&self.reader.friends_path(), 100).await;
        all.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    }
}

async fn promise_2_a_walk_is_exact_while_everything_changes(world: &World) {
    let mut restless = Restless::begin(world, 0x5eed).await;
    for (round, limit) in [1, 3, 7, 10].into_iter().enumerate() {
        let path = format!("{}?limit={limit}", restless.reader.friends_path());
        let mut throughout = restless.everything().await;
        let mut met = Vec::new();
        let mut page = world.get(&path).await;
        loop {
            assert_page_is_sound(&page, limit);
            met.extend(page.ids());
            let Some(cursor) = page.next() else { break };
            restless.something_happens().await;
            let now = restless.everything().await;
            throughout.retain(|id| now.contains(id));
            page = world.page(&path, &cursor).await;
        }
        let distinct: HashSet<String> = met.iter().cloned().collect();
        assert_eq!(distinct.len(), met.len(), "round {round}: something came twice: {met:?}");
        let missed: Vec<_> = throughout.difference(&distinct).collect();
        assert!(missed.is_empty(), "round {round}: never shown: {missed:?}");
    }
}

async fn promise_2_a_walk_backwards_is_exact_while_everything_changes(world: &World) {
    let mut restless = Restless::begin(world, 0xbac).await;
    for limit in [2, 9] {
        let path = format!("{}?limit={limit}", restless.reader.friends_path());
        let mut page = world.get(&path).await;
        while let Some(cursor) = page.next() {
            page = world.page(&path, &cursor).await;
        }
        let mut throughout = restless.everything().await;
        let mut met = page.ids();
        loop {
            let cursor = page.previous();
            restless.something_happens().await;
            let now = restless.everything().await;
            throughout.retain(|id| now.contains(id));
            page = world.page(&path, &cursor).await;
            if page.is(200).items().is_empty() {
                break;
            }
            met.extend(page.ids());
        }
        let distinct: HashSet<String> = met.iter().cloned().collect();
        assert_eq!(distinct.len(), met.len(), "limit {limit}: something came twice: {met:?}");
        let missed: Vec<_> = throughout.difference(&distinct).collect();
        assert!(missed.is_empty(), "limit {limit}: never shown: {missed:?}");
    }
}

async fn promise_2_a_walk_is_exact_while_writers_never_rest(world: &World) {
    let [reader, eric, niko] = world.users(["reader", "eric", "niko"]).await;
    reader.follows(&eric).await.is(201);
    reader.follows(&niko).await.is(201);
    let items: Vec<_> =
        (0..200).map(|n| json!({ "actor": "eric", "verb": "share", "object": n.to_string() })).collect();
    world.post("/v1/activities/batch", json!({ "activities": items })).await.is(200);
    let wanted: Vec<String> = (0..200).rev().map(|n| format!("eric share {n}")).collect();
    let write = async {
        // New ones above, and backdated ones in between.
        for number in 0..60 {
            niko.posts("like", &number.to_string()).await.is(201);
            let at = format!("2020-01-01T00:00:{number:02}Z");
            niko.posts_at(&at, "like", "old").await.is(201);
        }
    };
    let read = async {
        for limit in [2, 5, 11] {
            let walked = world.walk_lines(&reader.friends_path(), limit).await;
            let of_eric: Vec<_> = walked.into_iter().filter(|line| line.starts_with("eric")).collect();
            assert_eq!(of_eric, wanted, "limit {limit}");
        }
    };
    futures_util::future::join(write, read).await;
}
