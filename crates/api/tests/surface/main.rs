//! Both surfaces, asked over the application itself with the memory store behind it.
#![expect(clippy::unwrap_used, reason = "a story that cannot be told has failed")]

mod classic;
mod conditions;
mod document;
mod entry;
mod errors;
mod fuzz;
mod keys;
mod kit;
mod metrics;
mod page;
mod v1;
mod wire;
