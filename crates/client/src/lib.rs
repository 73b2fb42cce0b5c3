//! A client of feed-me, a social activity-feed server.
//!
//! ```no_run
//! use feed_me_client::{Client, NewActivity};
//! use futures_util::TryStreamExt;
//!
//! # async fn story() -> Result<(), feed_me_client::Error> {
//! let client = Client::builder("https://feed.example").credential("fm_…").build()?;
//! client.create_user("ivan").await?;
//! client.create_user("eric").await?;
//! client.follow("ivan", "eric").await?;
//! client.post(&NewActivity::new("eric", "share").object("post:1")).await?;
//!
//! // Whatever is written above is in what is read below.
//! let mut feed = client.friends_feed("ivan").limit(50).items();
//! while let Some(activity) = feed.try_next().await? {
//!     println!("{} {} {:?}", activity.actor, activity.verb, activity.object);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # What it takes care of
//!
//! * **Pages** are streams: [`Listing::items`] walks a listing to its end, [`Listing::newer`] towards what is newer, and
//!   [`Listing::page`] gives one page with its cursors for those who show pages.
//! * **Live feeds** ([`Client::live`]) go on by themselves where a connection breaks, without a gap, for ever; [`FeedCopy`] keeps a
//!   copy of a feed that follows from them.
//! * **Retries**: 429 and 503 are waited for, as long as the server says (`Retry-After`), else ever longer with some chance. So
//!   are connections that break, where to ask again is safe: every POST has an `Idempotency-Key`, the same one in every
//!   attempt, so it has one effect. Only a PATCH whose answer is lost is not sent again.
//! * **Reading what was written**: each read brings the position of the last write by this client (and its clones), so whichever instance
//!   answers has seen it.
//! * **Errors** are the server's own, typed ([`Problem`], [`ProblemKind`]).
//!
//! A [`Client`] is cheap to clone; clones share their connections and their position. It needs a tokio runtime.
//!
//! # A feed that is never out of date
//!
//! ```no_run
//! use feed_me_client::{Client, FeedCopy};
//! use futures_util::{TryStreamExt, StreamExt};
//!
//! # async fn story(client: Client) -> Result<(), feed_me_client::Error> {
//! let (mut copy, position) = FeedCopy::read(&client, "ivan").await?;
//! let mut live = std::pin::pin!(client.live("ivan").since(position).stream());
//! while let Some(event) = live.next().await.transpose()? {
//!     if !copy.apply(&event) {
//!         // The server asks to read the feed again; the stream goes on from there.
//!         copy = FeedCopy::read(&client, "ivan").await?.0;
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//!
//! `tls` (default): https by rustls. Without it the crate speaks http alone.

mod api;
mod client;
mod copy;
mod error;
mod listing;
mod live;
mod model;
mod position;
mod problem;
mod request;
mod retry;

pub use self::{
    api::{Atomicity, Events, Marks},
    client::{Client, ClientBuilder},
    copy::FeedCopy,
    error::{Error, Result},
    listing::{Listing, NotificationCounts, Page},
    live::{Change, Live, LiveEvent},
    model::{
        activity::{Activity, ActivityPatch, BatchResult, NewActivity},
        events::{Event, EventPage},
        feeds::{Because, Changes, Explanation, NotificationGroup, Window},
        keys::{ApplicationKey, MadeApplicationKey, MintedToken, Scope},
        links::{Follow, FollowFrom, FollowResult, Relation, Relationship},
        users::{Erased, Receipt, User, UserPatch},
        webhooks::{Delivery, DeliveryState, MadeWebhook, NewWebhook, ReplayFrom, Webhook, WebhookPatch},
        {Stored, Tagged},
    },
    position::Position,
    problem::{Fault, Problem, ProblemKind},
    retry::Retries,
};
