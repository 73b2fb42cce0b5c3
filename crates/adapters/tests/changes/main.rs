//! Changes of friends feeds: put into old copies, they are the feeds, whatever happened in between.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod copies;
#[path = "../support/postgres.rs"]
mod fresh_postgres;
mod limits;
mod meddled;
#[path = "../support/meddler.rs"]
mod meddler;
mod one_change;
mod world;

use world::Random;
