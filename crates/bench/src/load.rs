//! Fills a database with a generated graph or with files.
//!
//! There are two ways. Size S and files go through `feed-me import`, as a user would do it. Sizes M and L are written
//! straight into the tables, which `feed-me migrate` made: 42 million lines through the import's checks take more than
//! half an hour a database, and would measure the import. The indexes are dropped before and made again after, from the
//! database's own description of them, so this file knows the columns of three tables and no more of the schema.
//!
//! What a bulk load leaves behind is what an import leaves behind after `events.retention_hours`: rows, exact counts on the
//! users, and a sequence that stands at the number of rows loaded, with none of their events in the log any more. (A log of
//! 42 million events would double the size of the database, and nothing that is measured reads it.)

mod counts;
mod postgres;
mod sqlite;

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use anyhow::{Context, bail};

use crate::{
    database::Database,
    generate::{self, Achieved, Graph},
    server::unset_settings,
    size::Size,
};

/// What is to be loaded.
#[derive(Clone, Debug)]
pub enum Source {
    /// A graph.
    Generated {
        /// How large.
        size: Size,
        /// Which of that size.
        seed: u64,
        /// Whether it is written straight into the tables.
        is_bulk: bool,
    },
    /// Files that `feed-me import` takes.
    Files(Vec<PathBuf>),
}

/// Migrates `database` and loads it.
pub fn load(feed_me: &Path, database: &Database, source: &Source) -> anyhow::Result<()> {
    feed_me_command(feed_me, database, ["migrate"])?;
    let began = Instant::now();
    match source {
        Source::Files(files) => import(feed_me, database, files)?,
        Source::Generated { size, seed, is_bulk } => {
            let graph = Graph::new(size.shape(), *seed);
            let achieved = if *is_bulk {
                bulk(database, &graph)?
            } else {
                let folder = tempfile::tempdir().context("no folder for the generated files")?;
                let (files, achieved) = generate::write(&graph, folder.path(), true)?;
                import(feed_me, database, &files)?;
                achieved
            };
            eprintln!("{}", achieved.told());
        }
    }
    eprintln!("loaded {} in {:.0} s", database.told(), began.elapsed().as_secs_f64());
    Ok(())
}

fn bulk(database: &Database, graph: &Graph) -> anyhow::Result<Achieved> {
    match database {
        Database::Sqlite(path) => sqlite::fill(path, graph),
        Database::Postgres(url) => postgres::fill(url, graph),
    }
}

fn import(feed_me: &Path, database: &Database, files: &[PathBuf]) -> anyhow::Result<()> {
    let arguments = [OsStr::new("import")].into_iter().chain(files.iter().map(|file| file.as_os_str()));
    feed_me_command(feed_me, database, arguments)
}

fn feed_me_command<A: AsRef<OsStr>>(
    feed_me: &Path,
    database: &Database,
    arguments: impl IntoIterator<Item = A>,
) -> anyhow::Result<()> {
    let mut command = Command::new(feed_me);
    unset_settings(&mut command);
    command.args(arguments).env("FEEDME__DATABASE__URL", database.url());
    let status = command.status().with_context(|| format!("cannot run {}", feed_me.display()))?;
    if !status.success() {
        bail!("{} failed on {}", feed_me.display(), database.told());
    }
    Ok(())
}

/// Tells how far a long step is.
fn step(what: &str, began: Instant) {
    eprintln!("  {:>4.0} s  {what}", began.elapsed().as_secs_f64());
}
