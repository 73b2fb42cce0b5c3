//! What was measured, as a table.

use std::{
    fmt::Write,
    time::{Duration, Instant},
};

use crate::{database::Database, results::Machine};

/// What was measured.
#[derive(Default)]
pub(super) struct Report {
    /// How long it took to open all streams.
    pub(super) connected: Duration,
    /// What the server's memory grew by for each of them, once each had been told something.
    pub(super) stream_bytes: u64,
    /// The server's memory in the end.
    pub(super) memory: u64,
    /// The server's processor time for a post to all.
    pub(super) cpu_per_post: Duration,
    /// How long the requests of the burst took.
    pub(super) burst: Duration,
    pub(super) lines: Vec<Line>,
}

/// How long something took to reach the streams.
pub(super) struct Line {
    what: &'static str,
    times: usize,
    latencies: Vec<Duration>,
    lasts: Vec<Duration>,
}

impl Line {
    pub(super) fn new(what: &'static str) -> Self {
        Self { what, times: 0, latencies: Vec::new(), lasts: Vec::new() }
    }

    /// Adds what began at an instant and was heard then.
    pub(super) fn add(&mut self, begun: Instant, heard: &[Instant]) {
        self.times += 1;
        self.latencies.extend(heard.iter().map(|at| at.saturating_duration_since(begun)));
        self.lasts.extend(heard.iter().max().map(|at| at.saturating_duration_since(begun)));
    }
}

impl Report {
    pub(super) fn markdown(&self, database: &Database, viewers: usize) -> String {
        let mut out = String::new();
        let Machine { cpu, cores, date, .. } = Machine::here();
        // Writing to a string does not fail.
        let _ = writeln!(
            out,
            "{viewers} streams of as many viewers, {}, {cores} cores of {cpu}, {date}",
            database.kind()
        );
        let _ = writeln!(
            out,
            "\n| to open all streams | memory a stream | memory in all | processor a post to all | the follows of the burst |"
        );
        let _ = writeln!(out, "|---|---|---|---|---|");
        let _ = writeln!(
            out,
            "| {} | {} KiB | {} MiB | {} | {} |",
            told(self.connected),
            self.stream_bytes / 1024,
            self.memory >> 20,
            told(self.cpu_per_post),
            told(self.burst)
        );
        let _ = writeln!(
            out,
            "\n| what | times | p50 of all streams | p99 of all streams | last stream, p50 | last stream, p99 |"
        );
        let _ = writeln!(out, "|---|---|---|---|---|---|");
        for line in &self.lines {
            let of = |times: &[Duration], percent| told(percentile(times, percent));
            let _ = writeln!(
                out,
                "| {} | {} | {} | {} | {} | {} |",
                line.what,
                line.times,
                of(&line.latencies, 50),
                of(&line.latencies, 99),
                of(&line.lasts, 50),
                of(&line.lasts, 99)
            );
        }
        out
    }
}

/// The value below or at which so many in a hundred are (nearest rank).
fn percentile(times: &[Duration], percent: usize) -> Duration {
    let mut times = times.to_vec();
    times.sort_unstable();
    let rank = (times.len() * percent).div_ceil(100);
    times.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

fn told(time: Duration) -> String {
    if time < Duration::from_secs(2) {
        format!("{:.1} ms", time.as_secs_f64() * 1e3)
    } else {
        format!("{:.2} s", time.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_nearest_rank() {
        let times: Vec<Duration> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(percentile(&times, 50), Duration::from_millis(100));
        assert_eq!(percentile(&times, 99), Duration::from_millis(198));
        assert_eq!(percentile(&times[..1], 99), Duration::from_millis(1));
        assert_eq!(percentile(&[], 99), Duration::ZERO);
    }
}
