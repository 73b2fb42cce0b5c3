//! A clock for the open loop. A thread of its own, since the timers of an async runtime go by whole milliseconds.

use std::{
    num::NonZeroU64,
    thread,
    time::{Duration, Instant},
};

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Says when each request is due, at the time itself, until nobody listens any more.
pub(crate) fn start(rate: f64) -> UnboundedReceiver<Instant> {
    let (due, listener) = unbounded_channel();
    let step = Duration::from_secs_f64(1.0 / rate.max(0.1));
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
