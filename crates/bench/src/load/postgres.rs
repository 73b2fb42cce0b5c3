//! A bulk load into PostgreSQL: binary COPY into tables without constraints and indexes, which are made again after.
//! It goes through psql, which comes with the server, so that libpq's COPY needs no wrapper of ours.

use std::{
    io::{self, BufWriter, Write},
    process::{ChildStdin, Stdio},
    time::Instant,
};

use anyhow::{Context, bail, ensure};

use super::{
    counts::{Counts, key},
    step,
};
use crate::{
    generate::{Achieved, Graph},
    psql::{ask, psql, tell},
};

/// From 1970, where our times begin, to 2000, where those of PostgreSQL do, in microseconds.
const EPOCH_2000: i64 = 946_684_800_000_000;
/// How each binary COPY begins: signature, flags, length of an extension.
const COPY_HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// How indexes are made: with memory to sort in, and without waiting for the disk after each statement.
const INDEXING: &str = "set maintenance_work_mem = '768MB'; set synchronous_commit = off; ";

/// Statements that make again what [`DROPS`] drop. Foreign keys come last: they need what they point at.
const MAKES: &str = "\
    select format('alter table %s add constraint %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) \
    from pg_constraint where conrelid in ('activities'::regclass, 'follows'::regclass) and contype in ('p', 'u') \
    union all select indexdef from pg_indexes where schemaname = current_schema() \
    and tablename in ('activities', 'follows') and indexname not in (select conname from pg_constraint) \
    union all \
    select format('alter table %s add constraint %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) \
    from pg_constraint where conrelid in ('activities'::regclass, 'follows'::regclass) and contype = 'f'";
const DROPS: &str = "\
    select format('alter table %s drop constraint %I', conrelid::regclass, conname) from pg_constraint \
    where conrelid in ('activities'::regclass, 'follows'::regclass) and contype in ('p', 'u', 'f') \
    union all select format('drop index %I', indexname) from pg_indexes where schemaname = current_schema() \
    and tablename in ('activities', 'follows') and indexname not in (select conname from pg_constraint)";

pub(super) fn fill(url: &str, graph: &Graph) -> anyhow::Result<Achieved> {
    let began = Instant::now();
    ensure!(ask(url, "select count(*) from users")? == "0", "a bulk load wants an empty database");
    let (makes, drops) = (ask(url, MAKES)?, ask(url, DROPS)?);
    for drop in drops.lines() {
        tell(url, drop)?;
    }
    let mut counts = Counts::new(graph.users());
    activities(url, graph, &mut counts)?;
    step("activities", began);
    follows(url, graph, &mut counts)?;
    step("follows", began);
    users(url, &counts)?;
    for make in makes.lines() {
        tell(url, &format!("{INDEXING}{make}"))?;
        step(make.split(" USING ").next().unwrap_or(make), began);
    }
    // Index-only scans are ones only after a vacuum.
    tell(url, "vacuum (analyze)")?;
    tell(url, "checkpoint")?;
    step("vacuum", began);
    let achieved = counts.achieved();
    let count = |table: &str| ask(url, &format!("select count(*) from {table}"));
    ensure!(count("activities")? == achieved.activities.to_string(), "the activities are not all there");
    ensure!(count("follows")? == achieved.follows.to_string(), "the follows are not all there");
    Ok(achieved)
}

fn activities(url: &str, graph: &Graph, counts: &mut Counts) -> anyhow::Result<()> {
    let columns = "activities (id, actor, verb, object, target, published, data, version)";
    copy(url, columns, |rows| {
        for activity in graph.activities() {
            counts.activity(&activity);
            rows.begin(8)?;
            rows.field(activity.id.as_bytes())?;
            rows.number(key(activity.actor))?;
            rows.field(activity.verb.as_bytes())?;
            rows.field(activity.object.as_bytes())?;
            match activity.target {
                Some(target) => rows.number(key(target))?,
                None => rows.null()?,
            }
            rows.time(activity.published)?;
            rows.field(activity.data.as_bytes())?;
            rows.field(&1_i32.to_be_bytes())?;
        }
        Ok(())
    })
}

fn follows(url: &str, graph: &Graph, counts: &mut Counts) -> anyhow::Result<()> {
    copy(url, "follows (follower, followee, since, ordinal)", |rows| {
        for follow in graph.follows() {
            let ordinal = counts.follow(&follow);
            rows.begin(4)?;
            rows.number(key(follow.follower))?;
            rows.number(key(follow.followee))?;
            rows.time(follow.since)?;
            rows.number(ordinal)?;
        }
        Ok(())
    })
}

fn users(url: &str, counts: &Counts) -> anyhow::Result<()> {
    let columns = "users (key, id, username, created_at, named_at, following, followers, activities)";
    copy(url, columns, |rows| {
        for user in counts.users() {
            rows.begin(8)?;
            rows.number(user.key)?;
            rows.field(user.id.as_bytes())?;
            rows.field(user.username.as_bytes())?;
            rows.time(user.created_at)?;
            rows.time(user.created_at)?;
            rows.number(user.following)?;
            rows.number(user.followers)?;
            rows.number(user.activities)?;
        }
        Ok(())
    })?;
    let (position, stamp, last) = (counts.position, counts.stamp, counts.last_key());
    let stamp = format!("'epoch'::timestamptz + {stamp} * interval '1 microsecond'");
    tell(url, &format!("update sequence set position = {position}, stamp = {stamp}, user_key = {last}"))
}

/// Rows on their way into a binary COPY.
struct Rows(BufWriter<ChildStdin>);

impl Rows {
    fn begin(&mut self, fields: i16) -> io::Result<()> {
        self.0.write_all(&fields.to_be_bytes())
    }

    fn field(&mut self, bytes: &[u8]) -> io::Result<()> {
        let length = i32::try_from(bytes.len()).map_err(io::Error::other)?;
        self.0.write_all(&length.to_be_bytes())?;
        self.0.write_all(bytes)
    }

    fn number(&mut self, number: i64) -> io::Result<()> {
        self.field(&number.to_be_bytes())
    }

    fn time(&mut self, micros: i64) -> io::Result<()> {
        self.number(micros - EPOCH_2000)
    }

    fn null(&mut self) -> io::Result<()> {
        self.0.write_all(&(-1_i32).to_be_bytes())
    }
}

fn copy(url: &str, into: &str, fill: impl FnOnce(&mut Rows) -> io::Result<()>) -> anyhow::Result<()> {
    let statement = format!("copy {into} from stdin (format binary)");
    let mut child = psql(url)
        .args(["-c", "set synchronous_commit = off", "-c", &statement])
        .stdin(Stdio::piped())
        .spawn()
        .context("cannot run psql")?;
    let stdin = child.stdin.take().context("psql reads nothing")?;
    let mut rows = Rows(BufWriter::with_capacity(1 << 18, stdin));
    let work = || -> io::Result<()> {
        rows.0.write_all(COPY_HEADER)?;
        fill(&mut rows)?;
        rows.begin(-1)?;
        rows.0.flush()
    };
    let written = work();
    drop(rows);
    // What psql said on standard error is the better explanation where both went wrong.
    let status = child.wait()?;
    if !status.success() {
        bail!("psql failed at: {statement}");
    }
    written.with_context(|| format!("psql broke off at: {statement}"))
}
