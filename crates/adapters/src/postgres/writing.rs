//! The frame of every write: one transaction that holds the sequence, its events, and the stored answer.

use std::sync::atomic::Ordering;

use diesel::{
    connection::Connection,
    pg::PgConnection,
    prelude::*,
    sql_types::{Array, BigInt, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use feed_me_domain::{
    Attempt, KeyRefusal, Keyed, RequestKey, StoreError, UserKey,
    sequence::{Counters, Event, Turn},
};

use super::{
    PgStore, Shared,
    errors::{Outcome, PgError},
    idempotency::{self, Found},
    rows::{at, instant},
    schema::sequence,
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
    /// Allows each statement of this write more time than a request's; for what moves many rows.
    pub(super) fn is_large(&mut self) -> Outcome<()> {
        diesel::sql_query("set local statement_timeout = '10min'").execute(self.conn)?;
        Ok(())
    }
}

impl PgStore {
    /// Carries out a write. The closure may run several times, each time in a transaction of its own.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl Fn(&mut Write<'_>) -> Outcome<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.blocking(move |shared, deadline| {
            let (outcome, position) =
                shared.run(deadline, |conn| transaction(conn, |conn| in_turn(shared, conn, &work)))?;
            shared.committed.fetch_max(position, Ordering::AcqRel);
            Ok(outcome)
        })
        .await
    }

    /// Carries out a write that may have an idempotency key.
    pub(super) async fn attempt<T: Send + 'static>(
        &self,
        keyed: Option<Keyed<T>>,
        work: impl Fn(&mut Write<'_>) -> Outcome<T> + Send + 'static,
    ) -> Result<Attempt<T>, StoreError> {
        let Some(keyed) = keyed else {
            return self.write(work).await.map(Attempt::Done);
        };
        self.blocking(move |shared, deadline| {
            let (outcome, position) = shared
                .run(deadline, |conn| transaction(conn, |conn| with_key(shared, conn, &keyed, &work)))?;
            shared.committed.fetch_max(position, Ordering::AcqRel);
            Ok(outcome)
        })
        .await
    }
}

/// Runs `body` in a transaction. An error of the commit itself is marked: then it is not known what was stored.
fn transaction<T>(conn: &mut PgConnection, body: impl FnOnce(&mut PgConnection) -> Outcome<T>) -> Outcome<T> {
    let mut is_committing = false;
    let done = conn.transaction(|conn| {
        let outcome = body(conn)?;
        is_committing = true;
        Ok(outcome)
    });
    done.map_err(|error: PgError| if is_committing { error.at_commit() } else { error })
}

/// The key is claimed before the sequence is, so that its second request is refused at once instead of waiting.
fn with_key<T>(
    shared: &Shared,
    conn: &mut PgConnection,
    keyed: &Keyed<T>,
    work: impl Fn(&mut Write<'_>) -> Outcome<T>,
) -> Outcome<(Attempt<T>, i64)> {
    if !claim(conn, &keyed.key)? {
        return Ok((Attempt::Refused(KeyRefusal::UnderWay), 0));
    }
    let is_outlived = match idempotency::find(conn, &keyed.key, shared.clock.now())? {
        Found::Counts(attempt) => return Ok((attempt, 0)),
        Found::Outlived => true,
        Found::Nothing => false,
    };
    in_turn(shared, conn, |write| {
        let outcome = work(write)?;
        if let Some(answer) = (keyed.answer)(&outcome) {
            idempotency::store(write, &keyed.key, &answer, is_outlived)?;
        }
        Ok(Attempt::Done(outcome))
    })
}

/// Locks the key until the transaction ends; says no where another transaction has it.
fn claim(conn: &mut PgConnection, key: &RequestKey) -> Outcome<bool> {
    let (head, _) = key.scope.split_at(8);
    let number = head.iter().fold(0_i64, |number, &byte| (number << 8) | i64::from(byte));
    let claimed = Sql::<Bool>::new("select pg_try_advisory_xact_lock($1)").bind::<BigInt, _>(number);
    Ok(claimed.get_result(conn)?)
}

/// Does the work in a turn; answers the position of the last event with it.
fn in_turn<T>(
    shared: &Shared,
    conn: &mut PgConnection,
    work: impl Fn(&mut Write<'_>) -> Outcome<T>,
) -> Outcome<(T, i64)> {
    let counters = lock_sequence(conn)?;
    let turn = Turn::begin(counters, &*shared.clock, &*shared.ids);
    let mut write = Write { conn, turn };
    let outcome = work(&mut write)?;
    let Write { conn, turn } = write;
    let (counters, events) = turn.finish();
    // What changes nothing has no event, and an instant that nothing was stamped with may be given again.
    if !events.is_empty() {
        advance(conn, counters, &events)?;
    }
    Ok((outcome, counters.position))
}

/// A statement of its own: what one statement sees is decided before it waits for a lock, and the next one sees
/// everything that was committed meanwhile.
fn lock_sequence(conn: &mut PgConnection) -> Outcome<Counters> {
    let columns = (sequence::position, sequence::stamp, sequence::user_key);
    let (position, stamp, user_key) = sequence::table.select(columns).for_update().first(conn)?;
    Ok(Counters { position, stamp: instant(stamp)?, user_key })
}

fn advance(conn: &mut PgConnection, counters: Counters, events: &[Event]) -> Outcome<()> {
    let positions: Vec<i64> = events.iter().map(|event| event.position).collect();
    let times: Vec<_> = events.iter().map(|event| at(event.at)).collect();
    let kinds: Vec<&str> = events.iter().map(|event| event.kind.as_str()).collect();
    let activities: Vec<_> =
        events.iter().map(|event| event.activity.map(|place| place.id.as_uuid())).collect();
    let published: Vec<_> =
        events.iter().map(|event| event.activity.map(|place| at(place.published))).collect();
    let key = |key: Option<UserKey>| key.map(|key| key.0);
    let users: Vec<_> = events.iter().map(|event| key(event.user)).collect();
    let others: Vec<_> = events.iter().map(|event| key(event.other)).collect();
    Sql::<()>::new(
        "with happened as (
            insert into events (position, at, kind, activity, user_key, other_key, published)
            select * from unnest($1, $2, $3, $4, $5, $6, $10)
        )
        update sequence set position = $7, stamp = $8, user_key = $9",
    )
    .bind::<Array<BigInt>, _>(positions)
    .bind::<Array<Timestamptz>, _>(times)
    .bind::<Array<Text>, _>(kinds)
    .bind::<Array<Nullable<SqlUuid>>, _>(activities)
    .bind::<Array<Nullable<BigInt>>, _>(users)
    .bind::<Array<Nullable<BigInt>>, _>(others)
    .bind::<BigInt, _>(counters.position)
    .bind::<Timestamptz, _>(at(counters.stamp))
    .bind::<BigInt, _>(counters.user_key)
    .bind::<Array<Nullable<Timestamptz>>, _>(published)
    .execute(conn)?;
    Ok(())
}
