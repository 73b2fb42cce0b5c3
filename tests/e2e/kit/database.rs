use std::{
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
};

use diesel::{Connection, PgConnection, RunQueryDsl, sql_query};

/// Which kind of database a story plays on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Store {
    Sqlite,
    Postgres,
}

/// A database of one story alone. It is gone when the story ends.
pub(crate) struct Database {
    /// What `database.url` is set to.
    pub(crate) url: String,
    name_on_server: Option<String>,
}

impl Database {
    /// A new one: a file in `home`, or a database on the server that `FEEDME_TEST_POSTGRES_URL` names.
    pub(crate) fn fresh(store: Store, home: &Path) -> Self {
        match store {
            Store::Sqlite => {
                Self { url: format!("sqlite://{}", home.join("feed-me.db").display()), name_on_server: None }
            }
            Store::Postgres => Self::on_server(),
        }
    }

    fn on_server() -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let name = format!("e2e_{}_{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let mut admin = admin();
        run(&mut admin, &format!("drop database if exists {name}"));
        run(&mut admin, &format!("create database {name} template template0"));
        Self { url: url_of(&name), name_on_server: Some(name) }
    }
}

impl Database {
    /// The database is gone, as when its server is; only for one on a server.
    pub(crate) fn vanish(&self) {
        let name = self.name_on_server.as_ref().unwrap();
        run(&mut admin(), &format!("drop database {name} with (force)"));
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Some(name) = &self.name_on_server {
            run(&mut admin(), &format!("drop database if exists {name} with (force)"));
        }
    }
}

fn server_url() -> String {
    std::env::var("FEEDME_TEST_POSTGRES_URL").unwrap_or_else(|_| {
        panic!(
            "FEEDME_TEST_POSTGRES_URL is not set, and this test needs a PostgreSQL server: \
             run it as `scripts/with-postgres cargo nextest run …`"
        )
    })
}

/// The server's URL with another database in the place of its own.
fn url_of(name: &str) -> String {
    let url = server_url();
    let (address, parameters) = url.split_once('?').map_or((&*url, None), |(a, p)| (a, Some(p)));
    let (server, _) = address.rsplit_once('/').unwrap();
    match parameters {
        Some(parameters) => format!("{server}/{name}?{parameters}"),
        None => format!("{server}/{name}"),
    }
}

fn admin() -> PgConnection {
    PgConnection::establish(&server_url())
        .unwrap_or_else(|error| panic!("the server of FEEDME_TEST_POSTGRES_URL cannot be reached: {error}"))
}

fn run(connection: &mut PgConnection, statement: &str) {
    if let Err(error) = sql_query(statement).execute(connection) {
        assert!(std::thread::panicking(), "{statement}: {error}");
    }
}
