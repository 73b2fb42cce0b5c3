//! Whether servers have a database, told by an advisory lock: the session with which each of them listens shares it, and a
//! restore takes it for itself.

use std::time::{Duration, Instant};

use diesel::{pg::PgConnection, prelude::*, sql_types::Bool};

use super::{errors::Outcome, sql::Sql};

/// Any number that nothing else uses: "feed-run" in ASCII.
const SERVED: i64 = 0x66_65_65_64_2d_72_75_6e;

/// The lock of a server that was just stopped goes a moment after it.
const LEAVING: Duration = Duration::from_secs(2);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Tells, for as long as the session lasts, that there is a server. False where a restore is under way.
pub(super) fn tell(conn: &mut PgConnection) -> Outcome<bool> {
    let share = Sql::<Bool>::new(format!("select pg_try_advisory_lock_shared({SERVED})"));
    Ok(share.get_result(conn)?)
}

/// Keeps servers away until the transaction ends. False where there is one.
pub(super) fn keep_away(conn: &mut PgConnection) -> Outcome<bool> {
    let begun = Instant::now();
    loop {
        let take = Sql::<Bool>::new(format!("select pg_try_advisory_xact_lock({SERVED})"));
        if take.get_result(conn)? {
            return Ok(true);
        }
        if LEAVING <= begun.elapsed() {
            return Ok(false);
        }
        std::thread::sleep(LOOK_EVERY);
    }
}
