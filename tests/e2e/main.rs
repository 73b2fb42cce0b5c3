//! feed-me as its clients see it: stories over HTTP against the real binary.
//!
//! Each story has a server and a database of its own ([`kit::World`]). Those that touch the store are told on SQLite
//! and on PostgreSQL; the latter wants `FEEDME_TEST_POSTGRES_URL`, which `scripts/with-postgres` sets.

#![expect(clippy::unwrap_used, reason = "a story that cannot go on is a failed test")]

mod activities;
mod activity_streams;
mod auth;
mod backups;
mod batch;
mod binary;
mod classic;
mod client;
mod conventions;
mod crash;
mod engines;
mod erasure;
mod feeds;
mod follows;
mod hostile;
mod idempotency;
mod instances;
mod kept_pages;
mod kit;
mod limits;
mod live;
mod metrics;
mod notifications;
mod pages;
mod positions;
mod races;
mod random;
mod real_data;
mod relations;
mod tls;
mod traces;
mod transfer;
mod trust;
mod users;
mod ways;
mod webhooks;
