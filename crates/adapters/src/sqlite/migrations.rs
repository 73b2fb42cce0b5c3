//! The schema of a file, and how it comes to be current.

use std::cmp::Ordering;

use diesel::{SqliteConnection, migration::MigrationSource, prelude::*, sqlite::Sqlite};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use feed_me_domain::error::StoreError;

use super::{Access, SqliteStore, errors::Trouble, lock, sql};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite");

impl SqliteStore {
    /// Brings the schema up to date, and names the migrations that were run for it. Of two processes that do so at
    /// once, one waits for the other.
    pub async fn migrate(&self) -> Result<Vec<String>, StoreError> {
        if self.access == Access::ReadOnly {
            return self.expect_current().await;
        }
        let path = self.path.clone();
        self.writer
            .run_bare(move |conn| {
                let _one_at_a_time = lock::wait_to_migrate(&path)
                    .map_err(|error| StoreError::Unavailable(format!("no lock to migrate: {error}")))?;
                let names = pending(conn)?;
                conn.run_pending_migrations(MIGRATIONS).map_err(failed)?;
                Ok(names)
            })
            .await
    }

    async fn expect_current(&self) -> Result<Vec<String>, StoreError> {
        let pending = self.pending_migrations().await?;
        if pending.is_empty() {
            return Ok(pending);
        }
        let names = pending.join(", ");
        Err(StoreError::Failed(format!(
            "it is opened only to be read and its schema is not current ({names} was not run)"
        )))
    }

    /// Takes the last migration back, and names it; none where none has been run.
    pub async fn revert_last_migration(&self) -> Result<Option<String>, StoreError> {
        let path = self.path.clone();
        self.writer
            .run_bare(move |conn| {
                let _one_at_a_time = lock::wait_to_migrate(&path)
                    .map_err(|error| StoreError::Unavailable(format!("no lock to migrate: {error}")))?;
                if applied(conn)?.is_empty() {
                    return Ok(None);
                }
                let version = conn.revert_last_migration(MIGRATIONS).map_err(failed)?;
                let version = version.to_string();
                let known = MigrationSource::<Sqlite>::migrations(&MIGRATIONS).map_err(failed)?;
                let mut names = known.iter().map(|migration| migration.name());
                let name = names.find(|name| name.version().to_string() == version);
                Ok(Some(name.map_or(version, ToString::to_string)))
            })
            .await
    }

    /// The migrations that have not been run, oldest first.
    pub async fn pending_migrations(&self) -> Result<Vec<String>, StoreError> {
        self.read(pending).await
    }
}

/// Asked without diesel's harness, which wants to write a table where it is missing.
pub(super) fn pending(conn: &mut SqliteConnection) -> Result<Vec<String>, Trouble> {
    let applied = applied(conn)?;
    let known = MigrationSource::<Sqlite>::migrations(&MIGRATIONS).map_err(failed)?;
    let names = known.iter().map(|migration| migration.name());
    let missing = names.filter(|name| !applied.contains(&name.version().to_string()));
    let mut missing: Vec<_> = missing.map(ToString::to_string).collect();
    missing.sort();
    Ok(missing)
}

/// The names of all that there are, in order.
pub(super) fn known_names() -> Result<Vec<String>, Trouble> {
    Ok(known()?.into_iter().map(|(_, name)| name).collect())
}

/// The names of those that made the schema, in order.
pub(super) fn applied_names(conn: &mut SqliteConnection) -> Result<Vec<String>, Trouble> {
    let applied = applied(conn)?;
    Ok(known()?.into_iter().filter(|(version, _)| applied.contains(version)).map(|(_, name)| name).collect())
}

/// Runs, or takes back, so many that these first ones alone have made the schema.
pub(super) fn run_only(conn: &mut SqliteConnection, wanted: usize) -> Result<(), Trouble> {
    loop {
        match applied(conn)?.len().cmp(&wanted) {
            Ordering::Equal => return Ok(()),
            Ordering::Less => conn.run_next_migration(MIGRATIONS).map_err(failed)?,
            Ordering::Greater => conn.revert_last_migration(MIGRATIONS).map_err(failed)?,
        };
    }
}

/// Runs those that are left.
pub(super) fn run_rest(conn: &mut SqliteConnection) -> Result<(), Trouble> {
    conn.run_pending_migrations(MIGRATIONS).map(|_| ()).map_err(failed)
}

/// (version, name) of all, in order.
fn known() -> Result<Vec<(String, String)>, Trouble> {
    let known = MigrationSource::<Sqlite>::migrations(&MIGRATIONS).map_err(failed)?;
    let names = known.iter().map(|migration| migration.name());
    let mut names: Vec<_> = names.map(|name| (name.version().to_string(), name.to_string())).collect();
    names.sort();
    Ok(names)
}

fn applied(conn: &mut SqliteConnection) -> Result<Vec<String>, Trouble> {
    let tables = "select count(*) from sqlite_schema where name = '__diesel_schema_migrations'";
    if sql::query::<diesel::sql_types::BigInt>(tables).get_result::<i64>(conn)? == 0 {
        return Ok(Vec::new());
    }
    let versions = "select version from __diesel_schema_migrations";
    Ok(sql::query::<diesel::sql_types::Text>(versions).load(conn)?)
}

fn failed(error: impl std::fmt::Display) -> Trouble {
    Trouble::Store(StoreError::Failed(format!("a migration failed: {error}")))
}
