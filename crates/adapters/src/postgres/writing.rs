//! What a write works with, and the beginning and end of every transaction that writes: the sequence and its events.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::{
    connection::{AnsiTransactionManager, SimpleConnection, TransactionManager},
    pg::PgConnection,
    prelude::*,
    result::Error as DieselError,
    sql_types::{Array, BigInt, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use feed_me_domain::{
    Attempt, Keyed, StoreError, UserKey, Username,
    sequence::{Counters, Event, Turn},
};

use super::{
    PgStore,
    activities::{self, NewRow},
    errors::{Outcome, PgError},
    known::{CHANNEL, told},
    lane::{Asked, Company, Job, Task},
    rows::{at, instant, username},
    sql::Sql,
};

/// A write whose turn has come: it holds the lock of all writes.
pub(super) struct Write<'a> {
    /// The session, in a transaction.
    pub(super) conn: &'a mut PgConnection,
    /// The place in the sequence.
    pub(super) turn: Turn<'a>,
}

impl Write<'_> {
    /// Allows each statement of this write more time than a request's; for what moves many rows, alone.
    pub(super) fn is_large(&mut self) -> Outcome<()> {
        diesel::sql_query("set local statement_timeout = '10min'").execute(self.conn)?;
        Ok(())
    }
}

impl PgStore {
    /// Carries out a write, in a transaction that it may share with others. The closure may run several times, each time
    /// in another transaction. It is carried out even if nobody waits for the answer any more.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl Fn(&mut Write<'_>) -> Outcome<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        done(self.lane.run(Company::Welcome, None, |asked| Task::job(asked, work)).await?)
    }

    /// The same in a transaction of its own; for what moves many rows.
    pub(super) async fn write_alone<T: Send + 'static>(
        &self,
        work: impl Fn(&mut Write<'_>) -> Outcome<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        done(self.lane.run(Company::Unwanted, None, |asked| Task::job(asked, work)).await?)
    }

    /// Carries out a write that may have an idempotency key.
    pub(super) async fn attempt<T: Send + 'static>(
        &self,
        keyed: Option<Keyed<T>>,
        work: impl Fn(&mut Write<'_>) -> Outcome<T> + Send + 'static,
    ) -> Result<Attempt<T>, StoreError> {
        self.attempt_job(keyed, |asked| Task::job(asked, work)).await
    }

    /// Carries out the write that is made of what asks for it.
    pub(super) async fn attempt_job<T: Send + 'static>(
        &self,
        keyed: Option<Keyed<T>>,
        job: impl FnOnce(Asked<T>) -> Job,
    ) -> Result<Attempt<T>, StoreError> {
        match keyed.map(|keyed| self.lane.guard(keyed)).transpose() {
            Ok(guarded) => self.lane.run(Company::Welcome, guarded, job).await,
            Err(refusal) => Ok(Attempt::Refused(refusal)),
        }
    }
}

fn done<T>(attempt: Attempt<T>) -> Result<T, StoreError> {
    match attempt {
        Attempt::Done(outcome) => Ok(outcome),
        Attempt::Replayed(_) | Attempt::Refused(_) => {
            Err(StoreError::Failed("a write without a key was answered as if it had one".to_owned()))
        }
    }
}

/// How a transaction begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// Without a lock.
    Unlocked,
    /// With the lock of all writes, by the same message.
    Locked,
}

/// Locks the row of the sequence until the transaction ends. What one statement sees is decided before it waits for a
/// lock, so the counters are read by the next one, which sees everything that was committed meanwhile.
const LOCK: &str = "select from sequence for update";

/// Begins a transaction.
pub(super) fn begin(conn: &mut PgConnection, start: Start) -> Outcome<()> {
    let begun = match start {
        Start::Unlocked => AnsiTransactionManager::begin_transaction_sql(conn, "begin"),
        Start::Locked => AnsiTransactionManager::begin_transaction_sql(conn, &format!("begin; {LOCK}")),
    };
    begun.map_err(|error| {
        // The transaction may have begun before the lock was refused; diesel does not know of it then. Where this fails
        // the session is gone, and the first error says so too.
        let _ = conn.batch_execute("rollback");
        PgError::from(error)
    })
}

/// Takes the lock of all writes in a transaction that began without it.
pub(super) fn lock(conn: &mut PgConnection) -> Outcome<()> {
    Sql::<()>::new(LOCK).execute(conn)?;
    Ok(())
}

/// Commits. An error is marked: then it may not be known what was stored.
pub(super) fn commit(conn: &mut PgConnection) -> Outcome<()> {
    AnsiTransactionManager::commit_transaction(conn).map_err(|error| PgError::from(error).at_commit())
}

/// Rolls back because of `error`, and answers what is to be told of it.
pub(super) fn roll_back(conn: &mut PgConnection, error: PgError) -> PgError {
    match AnsiTransactionManager::rollback_transaction(conn) {
        Ok(()) | Err(DieselError::BrokenTransactionManager) => error,
        Err(gone) => gone.into(),
    }
}

/// The counters, which are locked, and the numbers of those names that are users'; in one question.
pub(super) fn counters_and_keys(
    conn: &mut PgConnection,
    names: Vec<&str>,
) -> Outcome<(Counters, HashMap<Username, i64>)> {
    type Types = (BigInt, Timestamptz, BigInt, Nullable<Text>, Nullable<BigInt>);
    type Row = (i64, DateTime<Utc>, i64, Option<String>, Option<i64>);
    let found = Sql::<Types>::new(
        "select s.position, s.stamp, s.user_key, u.username, u.key
        from sequence s left join lateral (
            select x.username, x.key from users x where x.username = any($1) offset 0
        ) u on true",
    );
    let rows: Vec<Row> = found.bind::<Array<Text>, _>(names).load(conn)?;
    let &(position, stamp, user_key, ..) =
        rows.first().ok_or_else(|| PgError::failed("the sequence has no row"))?;
    let counters = Counters { position, stamp: instant(stamp)?, user_key };
    let mut keys = HashMap::with_capacity(rows.len());
    for (.., name, key) in rows {
        if let (Some(name), Some(key)) = (name, key) {
            keys.insert(username(&name)?, key);
        }
    }
    Ok((counters, keys))
}

/// Stores the counters and appends the events, and tells all processes when that is committed.
pub(super) fn advance(conn: &mut PgConnection, counters: Counters, events: &[Event]) -> Outcome<()> {
    let advance = Sql::<()>::new(
        "with happened as (
            insert into events (position, at, kind, activity, published, user_key, other_key, before)
            select * from unnest($1, $2, $3, $4, $5, $6, $7, $8)
        )
        update sequence set position = $9, stamp = $10, user_key = $11 returning pg_notify($12, $13)",
    );
    bind_events(advance, counters, events).execute(conn)?;
    Ok(())
}

/// The same, with activities to insert and to count for their actors.
pub(super) fn advance_with(
    conn: &mut PgConnection,
    rows: &[NewRow],
    counters: Counters,
    events: &[Event],
) -> Outcome<()> {
    let advance = Sql::<()>::new(format!(
        "with {},
        happened as (
            insert into events (position, at, kind, activity, published, user_key, other_key, before)
            select * from unnest($11, $12, $13, $14, $15, $16, $17, $18)
        ),
        credited as ({})
        update sequence set position = $19, stamp = $20, user_key = $21 returning pg_notify($22, $23)",
        activities::ADDED,
        activities::CREDIT
    ));
    bind_events(activities::bind_rows(advance, rows), counters, events).execute(conn)?;
    Ok(())
}

fn bind_events<'a>(statement: Sql<'a, ()>, counters: Counters, events: &[Event]) -> Sql<'a, ()> {
    let key = |key: Option<UserKey>| key.map(|key| key.0);
    statement
        .bind::<Array<BigInt>, _>(all(events, |event| event.position))
        .bind::<Array<Timestamptz>, _>(all(events, |event| at(event.at)))
        .bind::<Array<Text>, _>(all(events, |event| event.kind.as_str()))
        .bind::<Array<Nullable<SqlUuid>>, _>(all(events, |event| {
            event.activity.map(|place| place.id.as_uuid())
        }))
        .bind::<Array<Nullable<Timestamptz>>, _>(all(events, |event| {
            event.activity.map(|place| at(place.published))
        }))
        .bind::<Array<Nullable<BigInt>>, _>(all(events, |event| key(event.user)))
        .bind::<Array<Nullable<BigInt>>, _>(all(events, |event| key(event.other)))
        .bind::<Array<Nullable<Text>>, _>(all(events, |event| event.before.as_ref().map(ToString::to_string)))
        .bind::<BigInt, _>(counters.position)
        .bind::<Timestamptz, _>(at(counters.stamp))
        .bind::<BigInt, _>(counters.user_key)
        .bind::<Text, _>(CHANNEL)
        .bind::<Text, _>(told(counters.position, events))
}

/// One column of events.
fn all<T>(events: &[Event], of: impl Fn(&Event) -> T) -> Vec<T> {
    events.iter().map(of).collect()
}
