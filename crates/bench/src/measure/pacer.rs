//! A clock for the open loop, exact to microseconds, which the timers of an async runtime are not: they go by whole
//! milliseconds. It looks at the time whenever the driver has nothing else to do, or, where PostgreSQL needs that time,
//! sleeps in a thread of its own.

use std::{
    num::NonZeroU64,
    thread,
    time::{Duration, Instant},
};

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Says when each request is due, at the time itself, until nobody listens any more. The driver never sleeps.
pub(super) fn watch(rate: f64) -> UnboundedReceiver<Instant> {
    let (due, listener) = unbounded_channel();
    let step = step(rate);
    tokio::task::spawn_local(async move {
        let mut next = Instant::now() + step;
        loop {
            while next <= Instant::now() {
                if due.send(next).is_err() {
                    return;
                }
                next += step;
            }
            tokio::task::yield_now().await;
        }
    });
    listener
}

fn step(rate: f64) -> Duration {
    Duration::from_secs_f64(1.0 / rate.max(0.1))
}

/// The same by a thread of its own, which may be late when it is woken; how late is counted.
pub(super) fn start(rate: f64) -> UnboundedReceiver<Instant> {
    let (due, listener) = unbounded_channel();
    let step = step(rate);
    thread::spawn(move || {
        // Otherwise the system may let every sleep last 50 µs longer. Where it refuses, the lateness tells.
        let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
        let mut next = Instant::now() + step;
        loop {
            thread::sleep(next.saturating_duration_since(Instant::now()));
            if due.send(next).is_err() {
                return;
            }
            next += step;
        }
    });
    listener
}
