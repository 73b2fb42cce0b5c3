//! Services: the steps and rules of feed-me on top of the ports.
//!
//! They hold `Arc<dyn Port>`, know neither HTTP nor SQL, and are what every surface calls: the classic routes, `/v1`,
//! the command line, and applications that embed this crate.

mod activities;
mod application_keys;
mod changes;
mod delivering;
mod development;
mod events;
mod feeds;
mod follows;
mod notifications;
mod paging;
mod relations;
mod transfer;
mod users;
mod webhooks;

#[cfg(test)]
mod tests;

pub use self::{
    activities::*, application_keys::*, changes::*, delivering::*, development::*, events::*, feeds::*,
    follows::*, notifications::*, paging::*, relations::*, transfer::*, users::*, webhooks::*,
};
