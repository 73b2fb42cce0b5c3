//! A team that builds on the domain crate alone, with a store of its own.
//!
//! The store ([`notebook`]) is as simple as one can be: vectors that are searched from end to end. It decides nothing;
//! what a write means is asked of the domain. So the services work on it as they do on PostgreSQL, and the conformance
//! suite says whether that is so.
//!
//! ```text
//! cargo run -p feed-me-domain --example own_store --features conformance
//! ```
#![expect(clippy::print_stdout, reason = "an example talks to whoever runs it")]

mod activities;
mod application_keys;
mod feeds;
mod follows;
mod notebook;
mod notifications;
mod others;
mod relations;
mod transfer;
mod users;
mod webhooks;

use std::{
    error::Error,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use feed_me_domain::{
    ActivityDraft, CursorCodec, FeedItem, FeedKind, FollowFrom, FollowRequest, Given, Object, PageLimit,
    PutUser, Timestamp, Username, Verb,
    conformance::{self, Factory},
    ports::{Clock, IdGenerator, Stores},
    services::{ActivityService, FeedRequest, FeedService, FollowService, PageRequest, UserService},
};

use crate::notebook::Notebook;

/// This team's time: the days of a game, one for each question. A real one would ask the system.
#[derive(Default)]
struct GameDays(AtomicU64);

impl Clock for GameDays {
    fn now(&self) -> Timestamp {
        let day = self.0.fetch_add(1, Ordering::Relaxed);
        Timestamp::EPOCH.plus_micros(i64::try_from(day).unwrap_or(i64::MAX).saturating_mul(86_400_000_000))
    }
}

/// This team's randomness. A real one would ask the system.
#[derive(Default)]
struct Dice(AtomicU64);

impl IdGenerator for Dice {
    fn random(&self) -> u64 {
        self.0.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed)
    }
}

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    tell_a_story().await?;

    println!("\nand now the conformance suite on the same store:");
    let factory = Factory::new(async |clock, ids| Stores::of(Arc::new(Notebook::new(clock, ids))));
    let report = conformance::run_all(&factory).await;
    println!("{report}");
    Ok(if report.broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The domain's services on the team's own store and clock.
async fn tell_a_story() -> Result<(), Box<dyn Error>> {
    let clock: Arc<dyn Clock> = Arc::new(GameDays::default());
    let stores = Stores::of(Arc::new(Notebook::new(clock.clone(), Arc::new(Dice::default()))));
    let cursors = CursorCodec::new(b"a key of the team's own");
    let users = UserService::new(stores.users.clone(), cursors.clone());
    let activities = ActivityService::new(stores.activities.clone(), stores.users.clone(), clock.clone());
    let follows = FollowService::new(stores.follows.clone(), clock, cursors.clone());
    let feeds = FeedService::new(stores.feeds.clone(), cursors);

    let [ivan, eric] = [Username::parse("ivan")?, Username::parse("eric")?];
    for username in [&ivan, &eric] {
        users.put(PutUser { username: username.clone(), display_name: Given::Absent }).await?;
    }
    let request =
        FollowRequest { follower: ivan.clone(), followee: eric.clone(), from: Some(FollowFrom::Now) };
    follows.follow(request, None).await?;
    for (verb, object) in [("found", "a sword"), ("slew", "a dragon"), ("sold", "the hoard")] {
        let draft = ActivityDraft {
            actor: Some(eric.clone()),
            verb: Some(Verb::parse(verb)?),
            object: Given::Value(Object::parse(object)?),
            ..ActivityDraft::default()
        };
        activities.post(draft, None).await?;
    }

    println!("what ivan's friends did, two at a time, newest first:");
    let wanted = FeedRequest::of(FeedKind::Friends, ivan);
    let mut request = PageRequest { limit: PageLimit::new(2)?, cursor: None };
    loop {
        let page = feeds.page(&wanted, &request).await?;
        for item in &page.items {
            // This store answers whole activities.
            let FeedItem::Whole(activity) = item else { continue };
            let object = activity.object.as_ref().map_or("", |object| object.as_str());
            println!("  {} {} {object} on {}", activity.actor, activity.verb, activity.published);
        }
        let Some(next) = page.next else { break };
        println!("  (the next page begins at {}…)", &next.as_str()[..8]);
        request.cursor = Some(next.as_str().to_owned());
    }
    Ok(())
}
