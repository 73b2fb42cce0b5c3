//! A bulk load into SQLite: sorted inserts in one transaction, with neither journal nor flush. A load that breaks off
//! leaves a file to be thrown away, which is why this is no way to import.

use std::{path::Path, time::Instant};

use anyhow::{Context, ensure};
use rusqlite::{Connection, params};

use super::{
    counts::{Counts, key},
    step,
};
use crate::generate::{Achieved, Graph};

const FAST: &str = "pragma journal_mode = off; pragma synchronous = off; pragma foreign_keys = off; \
    pragma locking_mode = exclusive; pragma cache_size = -524288; pragma threads = 2;";
/// As the server does after an import.
const SETTLED: &str = "pragma analysis_limit = 1000; analyze; pragma locking_mode = normal; pragma journal_mode = wal; \
    pragma wal_checkpoint(truncate);";

pub(super) fn fill(path: &Path, graph: &Graph) -> anyhow::Result<Achieved> {
    let began = Instant::now();
    let db = Connection::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let there: i64 = db.query_row("select count(*) from users", [], |row| row.get(0))?;
    ensure!(there == 0, "{} has users already; a bulk load wants an empty database", path.display());
    db.execute_batch(FAST)?;
    let indexes = indexes(&db)?;
    let mut counts = Counts::new(graph.users());
    db.execute_batch("begin exclusive")?;
    for (name, _) in &indexes {
        db.execute_batch(&format!("drop index \"{name}\""))?;
    }
    activities(&db, graph, &mut counts)?;
    step("activities", began);
    follows(&db, graph, &mut counts)?;
    step("follows", began);
    users(&db, &counts)?;
    db.execute_batch("commit")?;
    for (name, definition) in &indexes {
        db.execute_batch(definition)?;
        step(name, began);
    }
    db.execute_batch(SETTLED)?;
    step("statistics", began);
    let achieved = counts.achieved();
    check(&db, &achieved)?;
    Ok(achieved)
}

/// Names and definitions of the indexes of the large tables, but for the primary keys, whose order the rows come in.
fn indexes(db: &Connection) -> anyhow::Result<Vec<(String, String)>> {
    let mut found = db.prepare(
        "select name, sql from sqlite_master where type = 'index' and tbl_name in ('activities', 'follows') \
         and sql is not null order by name",
    )?;
    let found = found.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(found.collect::<Result<_, _>>()?)
}

fn activities(db: &Connection, graph: &Graph, counts: &mut Counts) -> anyhow::Result<()> {
    let mut insert = db.prepare(
        "insert into activities (id, actor, verb, object, target, published, data, version) \
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, 1)",
    )?;
    for activity in graph.activities() {
        counts.activity(&activity);
        insert.execute(params![
            activity.id.as_bytes(),
            key(activity.actor),
            activity.verb,
            activity.object,
            activity.target.map(key),
            activity.published,
            activity.data,
        ])?;
    }
    Ok(())
}

fn follows(db: &Connection, graph: &Graph, counts: &mut Counts) -> anyhow::Result<()> {
    let mut insert =
        db.prepare("insert into follows (follower, followee, since, ordinal) values (?1, ?2, ?3, ?4)")?;
    for follow in graph.follows() {
        let ordinal = counts.follow(&follow);
        insert.execute(params![key(follow.follower), key(follow.followee), follow.since, ordinal])?;
    }
    Ok(())
}

fn users(db: &Connection, counts: &Counts) -> anyhow::Result<()> {
    let mut insert = db.prepare(
        "insert into users (key, id, username, created_at, named_at, following, followers, activities) \
         values (?1, ?2, ?3, ?4, ?4, ?5, ?6, ?7)",
    )?;
    for user in counts.users() {
        insert.execute(params![
            user.key,
            user.id.as_bytes(),
            user.username,
            user.created_at,
            user.following,
            user.followers,
            user.activities,
        ])?;
    }
    db.execute(
        "update sequence set position = ?1, stamp = max(stamp, ?2), user_key = ?3",
        params![counts.position, counts.stamp, counts.last_key()],
    )?;
    Ok(())
}

/// What is in the tables is what was meant to be.
fn check(db: &Connection, achieved: &Achieved) -> anyhow::Result<()> {
    let count = |table: &str| -> anyhow::Result<u64> {
        let count: i64 = db.query_row(&format!("select count(*) from {table}"), [], |row| row.get(0))?;
        Ok(count.unsigned_abs())
    };
    ensure!(count("activities")? == achieved.activities, "the activities are not all there");
    ensure!(count("follows")? == achieved.follows, "the follows are not all there");
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::size::{Shape, Size};

    /// A database as `feed-me migrate` makes it, but for its own list of migrations.
    fn migrated(path: &Path) -> Connection {
        let db = Connection::open(path).unwrap();
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations/sqlite");
        let mut migrations: Vec<_> = fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect();
        migrations.sort();
        for migration in migrations {
            db.execute_batch(&fs::read_to_string(migration.join("up.sql")).unwrap()).unwrap();
        }
        db
    }

    fn number(db: &Connection, query: &str) -> i64 {
        db.query_row(query, [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn a_bulk_load_leaves_rows_counts_sequence_and_indexes_as_writes_would() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("small.db");
        let db = migrated(&path);
        let indexes_before = indexes(&db).unwrap();
        assert!(!indexes_before.is_empty());
        drop(db);
        let shape = Shape { users: 100, activities: 3_000, ..Size::S.shape() };
        let achieved = fill(&path, &Graph::new(shape, 1)).unwrap();

        let db = Connection::open(&path).unwrap();
        assert_eq!(indexes(&db).unwrap(), indexes_before);
        assert_eq!(number(&db, "select count(*) from activities"), 3_000);
        assert_eq!(number(&db, "select count(*) from follows").unsigned_abs(), achieved.follows);
        let wrong = "select count(*) from users where \
            activities <> (select count(*) from activities where actor = key) \
            or following <> (select count(*) from follows where follower = key) \
            or followers <> (select count(*) from follows where followee = key)";
        assert_eq!(number(&db, wrong), 0);
        assert_eq!(number(&db, "select count(*) from pragma_foreign_key_check"), 0);
        let rows = achieved.activities + achieved.follows;
        assert_eq!(number(&db, "select position from sequence").unsigned_abs(), rows);
        assert_eq!(number(&db, "select user_key from sequence"), 100);
        let latest = "select stamp - (select max(published) from activities) from sequence";
        assert!(number(&db, latest) >= 0);
        assert_eq!(
            number(&db, "select count(distinct ordinal) from follows").unsigned_abs(),
            achieved.follows
        );
        assert_eq!(db.query_row("pragma journal_mode", [], |row| row.get::<_, String>(0)).unwrap(), "wal");
    }

    #[test]
    fn a_database_that_has_users_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("full.db");
        let db = migrated(&path);
        let insert =
            "insert into users (key, id, username, created_at, named_at) values (1, x'01', 'ivan', 0, 0)";
        db.execute_batch(insert).unwrap();
        let shape = Shape { users: 100, activities: 10, ..Size::S.shape() };
        assert!(fill(&path, &Graph::new(shape, 1)).unwrap_err().to_string().contains("has users already"));
    }
}
