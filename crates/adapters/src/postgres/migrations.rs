//! Brings a database to the shape that the store needs.
//!
//! The functions block, and work on a session of their own: `url` must lead to the database itself, not to a pooler in
//! transaction mode, since the lock belongs to the session. Of several that come at once one works and the others wait.

use std::cmp::Ordering;

use diesel::{
    RunQueryDsl,
    connection::SimpleConnection,
    migration::{Migration, MigrationSource},
    pg::{Pg, PgConnection},
    sql_types::{Bool, Text},
};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use feed_me_domain::StoreError;

use super::{
    errors::{Outcome, PgError},
    pool::open_session,
    sql::Sql,
    url::with_defaults,
};

const EMBEDDED: EmbeddedMigrations = embed_migrations!("../../migrations/postgres");

/// Nothing is timed here: an index on a large table takes what it takes, and so does waiting for another instance.
const SESSION: &str = "set client_min_messages = 'error'; set statement_timeout = 0; set lock_timeout = 0";
/// Any number that nothing else uses: "feed-me" in ASCII.
const LOCK: i64 = 0x66_65_65_64_2d_6d_65;

/// Runs what is pending and answers the names of what was run, in order.
pub fn run_pending(url: &str) -> Result<Vec<String>, StoreError> {
    locked(url, |conn| {
        let versions = conn.run_pending_migrations(EMBEDDED).map_err(failed)?;
        let versions: Vec<String> = versions.iter().map(ToString::to_string).collect();
        Ok(embedded()?
            .into_iter()
            .filter(|(version, _)| versions.contains(version))
            .map(|(_, name)| name)
            .collect())
    })
}

/// Reverts the last migration that was run and answers its name; none where none was.
pub fn revert_last(url: &str) -> Result<Option<String>, StoreError> {
    locked(url, |conn| {
        if conn.applied_migrations().map_err(failed)?.is_empty() {
            return Ok(None);
        }
        let version = conn.revert_last_migration(EMBEDDED).map_err(failed)?.to_string();
        Ok(embedded()?.into_iter().find(|(known, _)| *known == version).map(|(_, name)| name))
    })
}

/// The names of the migrations that were not run yet, in order. Writes nothing.
pub fn pending(url: &str) -> Result<Vec<String>, StoreError> {
    with_session(url, pending_on)
}

/// The same on a session that is there.
pub(super) fn pending_on(conn: &mut PgConnection) -> Outcome<Vec<String>> {
    let has_begun = Sql::<Bool>::new("select to_regclass('__diesel_schema_migrations') is not null");
    let done: Vec<String> = if has_begun.get_result(conn)? {
        Sql::<Text>::new("select version::text from __diesel_schema_migrations").load(conn)?
    } else {
        Vec::new()
    };
    Ok(embedded()?.into_iter().filter(|(version, _)| !done.contains(version)).map(|(_, name)| name).collect())
}

/// The names of all that there are, in order.
pub(super) fn known_names() -> Outcome<Vec<String>> {
    Ok(embedded()?.into_iter().map(|(_, name)| name).collect())
}

/// The names of those that made the schema, in order.
pub(super) fn applied_names(conn: &mut PgConnection) -> Outcome<Vec<String>> {
    let pending = pending_on(conn)?;
    Ok(known_names()?.into_iter().filter(|name| !pending.contains(name)).collect())
}

/// Runs, or takes back, so many that these first ones alone have made the schema.
pub(super) fn run_only(conn: &mut PgConnection, wanted: usize) -> Outcome<()> {
    loop {
        match conn.applied_migrations().map_err(failed)?.len().cmp(&wanted) {
            Ordering::Equal => return Ok(()),
            Ordering::Less => conn.run_next_migration(EMBEDDED).map_err(failed)?,
            Ordering::Greater => conn.revert_last_migration(EMBEDDED).map_err(failed)?,
        };
    }
}

/// Runs those that are left.
pub(super) fn run_rest(conn: &mut PgConnection) -> Outcome<()> {
    conn.run_pending_migrations(EMBEDDED).map(|_| ()).map_err(failed)
}

/// (version, name) of all migrations, in order.
fn embedded() -> Outcome<Vec<(String, String)>> {
    let mut all: Vec<Box<dyn Migration<Pg>>> = EMBEDDED.migrations().map_err(failed)?;
    all.sort_by(|one, other| one.name().version().cmp(&other.name().version()));
    Ok(all
        .iter()
        .map(|migration| (migration.name().version().to_string(), migration.name().to_string()))
        .collect())
}

pub(super) fn locked<T>(
    url: &str,
    work: impl FnOnce(&mut PgConnection) -> Outcome<T>,
) -> Result<T, StoreError> {
    with_session(url, |conn| {
        conn.batch_execute(&format!("select pg_advisory_lock({LOCK})"))?;
        let encoding: String =
            Sql::<Text>::new("select current_setting('server_encoding')").get_result(conn)?;
        if encoding != "UTF8" {
            return Err(PgError::failed(format!(
                "the database has the encoding {encoding}; it must be UTF8"
            )));
        }
        // The lock goes with the session, however the work ends.
        work(conn)
    })
}

/// Does the work on a session of its own, which ends with it.
pub(super) fn with_session<T>(
    url: &str,
    work: impl FnOnce(&mut PgConnection) -> Outcome<T>,
) -> Result<T, StoreError> {
    let mut conn = open_session(&with_defaults(url)?, SESSION).map_err(StoreError::Unavailable)?;
    match work(&mut conn).map_err(PgError::told) {
        Ok(done) => Ok(done),
        Err(PgError::Store(error)) => Err(error),
        Err(PgError::Database(error)) => Err(StoreError::Failed(error.to_string())),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it stands in map_err")]
fn failed(error: Box<dyn std::error::Error + Send + Sync>) -> PgError {
    PgError::failed(format!("the migrations cannot be run: {error}"))
}
