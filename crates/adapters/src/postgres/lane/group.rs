//! A group of writes in one transaction.

use std::panic::{AssertUnwindSafe, catch_unwind};

use diesel::pg::PgConnection;
use feed_me_domain::{KeyRefusal, Username, sequence::Turn};

use super::{
    super::{
        Shared, activities,
        errors::{Outcome, PgError},
        idempotency, users,
        writing::{self, Start, Write},
    },
    job::{Job, Post},
};

/// Carries out all of a group and commits. After an error nothing of it is stored, unless it came with the commit.
pub(super) fn carry_out(
    shared: &Shared,
    conn: &mut PgConnection,
    group: &mut [Job],
    is_committing: &mut bool,
) -> Outcome<()> {
    let mut has_key = false;
    for job in &mut *group {
        job.asked().begin();
        has_key |= job.asked().key().is_some();
    }
    writing::begin(conn, if has_key { Start::Unlocked } else { Start::Locked })?;
    let done = catch_unwind(AssertUnwindSafe(|| {
        if has_key {
            meet_keys(shared, conn, group)?;
            if group.iter_mut().all(|job| job.asked().is_settled()) {
                return Ok(0);
            }
            writing::lock(conn)?;
        }
        in_turn(shared, conn, group)
    }));
    match done.unwrap_or_else(|_| Err(PgError::failed("a write panicked"))) {
        Ok(position) => {
            *is_committing = true;
            writing::commit(conn)?;
            shared.known.commit(position);
            Ok(())
        }
        Err(error) => Err(writing::roll_back(conn, error)),
    }
}

/// Claims all keys and looks them up. That is done before the sequence is locked, so that a request whose key another
/// instance has under way is refused at once instead of waiting.
fn meet_keys(shared: &Shared, conn: &mut PgConnection, group: &mut [Job]) -> Outcome<()> {
    let keys: Vec<_> = group.iter_mut().filter_map(|job| job.asked().key()).collect();
    let free = idempotency::claim(conn, &keys)?;
    let mut stored = idempotency::find_all(conn, free.iter().copied())?;
    let now = shared.clock.now();
    for job in group {
        let asked = job.asked();
        let Some(key) = asked.key() else { continue };
        if !free.contains(&key) {
            asked.refuse(KeyRefusal::UnderWay);
        } else if let Some(stored) = stored.remove(&key.scope) {
            asked.meet(stored, now);
        }
    }
    Ok(())
}

/// Carries out what is left of a group under the lock of all writes. The posts come last, so that they can go in with the
/// events and the counters, by one statement. Answers the position of the last event.
fn in_turn(shared: &Shared, conn: &mut PgConnection, group: &mut [Job]) -> Outcome<i64> {
    let (mut tasks, mut askers, mut wanted) = (Vec::new(), Vec::new(), Vec::new());
    for job in group {
        if job.asked().is_settled() {
            continue;
        }
        match job {
            Job::Task(task) => tasks.push(task),
            Job::Post(post) => {
                let Post { asked, activity } = &mut **post;
                askers.push(asked);
                wanted.push(&*activity);
            }
        }
    }
    // A task may make or rename a user: then the names are looked up after it.
    let names = if tasks.is_empty() {
        activities::names(&wanted).map(Username::as_str).collect()
    } else {
        Vec::new()
    };
    let (counters, mut keys) = writing::counters_and_keys(conn, names)?;
    let mut write = Write { conn, turn: Turn::begin(counters, &*shared.clock, &*shared.ids) };
    for task in &mut tasks {
        task.run(&mut write)?;
    }
    if !tasks.is_empty() {
        keys = users::keys_of(write.conn, activities::names(&wanted))?;
    }
    let prepared = activities::prepare(&mut write, &wanted, &keys)?;
    let outcomes = prepared.outcomes.into_iter();
    let answers: Vec<_> =
        askers.into_iter().zip(outcomes).filter_map(|(asked, outcome)| asked.done(outcome)).collect();
    idempotency::store(&mut write, &answers)?;
    let Write { conn, turn } = write;
    let (counters, events) = turn.finish();
    if !prepared.rows.is_empty() {
        writing::advance_with(conn, &prepared.rows, counters, &events)?;
    } else if !events.is_empty() {
        writing::advance(conn, counters, &events)?;
    }
    // What changes nothing has no event, and an instant that nothing was stamped with may be given again.
    Ok(counters.position)
}
