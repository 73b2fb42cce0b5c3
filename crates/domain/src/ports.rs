//! Ports: what the domain needs from outside, as traits.
//!
//! A method is one atomic step. What may happen on a good day is a value; [`StoreError`](crate::StoreError) means only
//! "the store could not", and then nothing was half-done. The doc comments are the promises that the `conformance`
//! suite asks of every implementation.
//!
//! Every write method works the same way: lock the sequence's [`Counters`](crate::sequence::Counters), look up the
//! idempotency key where there is one, take a [`Turn`](crate::sequence::Turn), write the rows, the turn's events, the
//! counters and the stored answer, and commit all of it at once. A write that changes nothing appends no event.

mod activities;
mod application_keys;
mod backup;
mod clock;
mod development;
mod events;
mod facts;
mod feeds;
mod follows;
mod idempotency;
mod notifications;
mod relations;
mod secrets;
mod stores;
mod transfer;
mod users;
mod webhooks;

pub use self::{
    activities::*, application_keys::*, backup::*, clock::*, development::*, events::*, facts::*, feeds::*,
    follows::*, idempotency::*, notifications::*, relations::*, secrets::*, stores::*, transfer::*, users::*,
    webhooks::*,
};
