//! A database of its own for each test, on the server that `FEEDME_TEST_POSTGRES_URL` names.
#![expect(clippy::panic, reason = "a test that cannot have its database has failed")]

use std::sync::atomic::{AtomicU32, Ordering};

use diesel::{Connection, connection::SimpleConnection, pg::PgConnection};

/// An empty database that is gone when this is dropped.
pub(crate) struct FreshDatabase {
    server: String,
    name: String,
    /// Where it is.
    pub(crate) url: String,
}

impl FreshDatabase {
    /// Makes one.
    pub(crate) fn new() -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let server = std::env::var("FEEDME_TEST_POSTGRES_URL").unwrap_or_else(|_| {
            panic!(
                "this test needs a PostgreSQL server in FEEDME_TEST_POSTGRES_URL; \
                `scripts/with-postgres cargo nextest run` starts a throw-away one"
            )
        });
        let name = format!("feedme_test_{}_{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        on_server(&server, &format!("drop database if exists {name} with (force)"));
        on_server(&server, &format!("create database {name} encoding 'UTF8' template template0"));
        let (before, parameters) =
            server.split_once('?').map_or((server.as_str(), ""), |(one, two)| (one, two));
        let host =
            before.rsplit_once('/').filter(|(host, _)| !host.ends_with('/')).map_or(before, |(host, _)| host);
        let mut url = format!("{host}/{name}");
        if !parameters.is_empty() {
            url = format!("{url}?{parameters}");
        }
        Self { server, name, url }
    }
}

impl Drop for FreshDatabase {
    fn drop(&mut self) {
        on_server(&self.server, &format!("drop database if exists {} with (force)", self.name));
    }
}

fn on_server(url: &str, statement: &str) {
    let mut conn = PgConnection::establish(url)
        .unwrap_or_else(|error| panic!("the server in FEEDME_TEST_POSTGRES_URL does not answer: {error}"));
    conn.batch_execute(statement).unwrap_or_else(|error| panic!("{statement}: {error}"));
}
