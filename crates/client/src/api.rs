//! The operations, by what they are about.

mod activities;
mod events;
mod feeds;
mod keys;
mod links;
mod users;
mod webhooks;

pub use self::{activities::Atomicity, events::Events, feeds::Marks};
