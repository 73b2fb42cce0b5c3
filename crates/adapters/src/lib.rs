//! What stands behind feed-me's ports.
//!
//! One module for each way to keep the promise. Adapters hold no rules: what a write means is decided by the domain,
//! and the conformance suite that the domain ships runs on every one of them.

mod batching;
mod decorating;
pub mod index;
mod listing;
pub mod memory;
mod notices;
pub mod postgres;
pub mod sqlite;
pub mod system;
mod under_way;
pub mod watch;
pub mod webhook_sender;
