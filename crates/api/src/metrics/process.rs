//! The process itself, as the system tells of it under `/proc`.

use std::fs;

use prometheus::{Counter, Gauge, IntGauge, Registry};

use super::{fraction, gauge, kept, number};

/// Metrics of the process, under the names that Prometheus' own clients use.
pub(super) struct Process {
    cpu_seconds: Counter,
    resident_bytes: IntGauge,
    virtual_bytes: IntGauge,
    threads: IntGauge,
    open_fds: IntGauge,
    max_fds: IntGauge,
    start_time: Gauge,
}

impl Process {
    /// None where the system has no `/proc`.
    pub(super) fn new(registry: &Registry) -> Option<Self> {
        Facts::read()?;
        Some(Self {
            cpu_seconds: kept(
                registry,
                Counter::new("process_cpu_seconds_total", "User and system time, in seconds."),
            ),
            resident_bytes: gauge(registry, "process_resident_memory_bytes", "Resident memory."),
            virtual_bytes: gauge(registry, "process_virtual_memory_bytes", "Virtual memory."),
            threads: gauge(registry, "process_threads", "Threads."),
            open_fds: gauge(registry, "process_open_fds", "Open file descriptors."),
            max_fds: gauge(registry, "process_max_fds", "The most file descriptors that may be open."),
            start_time: fraction(
                registry,
                "process_start_time_seconds",
                "When the process started, in seconds since 1970.",
            ),
        })
    }

    pub(super) fn look(&self) {
        let Some(facts) = Facts::read() else { return };
        self.cpu_seconds.inc_by((facts.cpu_seconds - self.cpu_seconds.get()).max(0.0));
        self.resident_bytes.set(number(facts.resident_bytes));
        self.virtual_bytes.set(number(facts.virtual_bytes));
        self.threads.set(number(facts.threads));
        self.start_time.set(facts.start_time_seconds);
        if let Ok(open) = fs::read_dir("/proc/self/fd") {
            // The folder itself is open while it is read.
            self.open_fds.set(number(open.count().saturating_sub(1)));
        }
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
        self.max_fds.set(limit.current.map_or(i64::MAX, number));
    }
}

#[derive(Debug)]
struct Facts {
    cpu_seconds: f64,
    resident_bytes: u64,
    virtual_bytes: u64,
    threads: u64,
    start_time_seconds: f64,
}

impl Facts {
    fn read() -> Option<Self> {
        let (own, system) =
            (fs::read_to_string("/proc/self/stat").ok()?, fs::read_to_string("/proc/stat").ok()?);
        Self::of(&own, &system, rustix::param::clock_ticks_per_second(), rustix::param::page_size() as u64)
    }

    /// Reads `proc_pid_stat(5)`. The name of the program stands in parentheses and may have some itself.
    fn of(own: &str, system: &str, ticks_per_second: u64, page_bytes: u64) -> Option<Self> {
        let (_, fields) = own.rsplit_once(')')?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        // The manual counts from 1, and two fields stood before the parenthesis.
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        let boot = system.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse::<u64>().ok()?;
        Some(Self {
            cpu_seconds: in_seconds(field(14)? + field(15)?, ticks_per_second),
            threads: field(20)?,
            start_time_seconds: in_seconds(boot * ticks_per_second + field(22)?, ticks_per_second),
            virtual_bytes: field(23)?,
            resident_bytes: field(24)? * page_bytes,
        })
    }
}

#[expect(clippy::cast_precision_loss, reason = "ticks since 1970 are exact in 53 bits for ages")]
fn in_seconds(ticks: u64, per_second: u64) -> f64 {
    ticks as f64 / per_second.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_a_process_is_read_by_its_fields() {
        let own = "42 (a ) b) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 7 0 1000 4096 3 18446744073709551615";
        let facts = Facts::of(own, "cpu 1\nbtime 1700000000\n", 100, 4096).unwrap();
        assert!((facts.cpu_seconds - 2.0).abs() < 1e-9, "{facts:?}");
        assert_eq!((facts.threads, facts.virtual_bytes, facts.resident_bytes), (7, 4096, 3 * 4096));
        assert!((facts.start_time_seconds - 1_700_000_010.0).abs() < 1e-6, "{facts:?}");
        assert!(Facts::of("nonsense", "", 100, 4096).is_none());
        assert!(Facts::of("1 (x) S", "btime 1", 100, 4096).is_none());
    }
}
