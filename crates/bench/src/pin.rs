//! Which core does what: the server on the first, the driver on the second, so that neither takes the other's time and
//! "requests a second" means those of one core. PostgreSQL's processes are left to the scheduler.

use rustix::thread::{CpuSet, sched_setaffinity};

/// The core of the server, or of the constant body that it is compared with.
pub const SERVER: usize = 0;
/// The core of the driver.
pub const DRIVER: usize = 1;

/// Runs `work` with this thread, and what it starts, on one core; afterwards the thread is on [`DRIVER`]. Where there is
/// one core alone, or pinning is not allowed, nothing is pinned. Answers whether it was.
pub fn on<T>(core: usize, work: impl FnOnce() -> T) -> (T, bool) {
    let is_pinned = is_possible() && here(core);
    let done = work();
    if is_pinned {
        here(DRIVER);
    }
    (done, is_pinned)
}

fn is_possible() -> bool {
    // What this process may use now says nothing: it may be pinned already.
    std::fs::read_to_string("/sys/devices/system/cpu/online").is_ok_and(|online| online.trim() != "0")
}

fn here(core: usize) -> bool {
    let mut cores = CpuSet::new();
    cores.set(core);
    sched_setaffinity(None, &cores).is_ok()
}
