//! What was counted.

use hdrhistogram::Histogram;

use crate::script::Kind;

/// Latencies by kind, in nanoseconds with three digits, up to a minute.
#[derive(Debug)]
pub(super) struct Tally {
    reads: Histogram<u64>,
    writes: Histogram<u64>,
    lateness: Histogram<u64>,
    read_bytes: u64,
}

impl Tally {
    pub(super) fn new() -> anyhow::Result<Self> {
        let empty = || Histogram::new_with_bounds(1_000, 60_000_000_000, 3);
        Ok(Self { reads: empty()?, writes: empty()?, lateness: empty()?, read_bytes: 0 })
    }

    pub(super) fn answered(&mut self, kind: Kind, nanos: u64, body_bytes: usize) {
        match kind {
            Kind::Read => {
                self.reads.saturating_record(nanos);
                self.read_bytes += body_bytes as u64;
            }
            Kind::Post | Kind::Follow | Kind::Unfollow => self.writes.saturating_record(nanos),
        }
    }

    /// A request was sent so much after it was due, though its connection was free.
    pub(super) fn late(&mut self, nanos: u64) {
        self.lateness.saturating_record(nanos);
    }

    pub(super) fn count(&self) -> u64 {
        self.reads.len() + self.writes.len()
    }

    /// The reads, where there are any: a mixed load is judged by them.
    pub(super) fn main(&self) -> &Histogram<u64> {
        if self.reads.is_empty() { &self.writes } else { &self.reads }
    }

    pub(super) fn writes_beside_reads(&self) -> Option<&Histogram<u64>> {
        (!self.reads.is_empty() && !self.writes.is_empty()).then_some(&self.writes)
    }

    pub(super) fn lateness(&self) -> Option<&Histogram<u64>> {
        (!self.lateness.is_empty()).then_some(&self.lateness)
    }

    /// The mean size of a page.
    pub(super) fn body_bytes(&self) -> u64 {
        self.read_bytes.checked_div(self.reads.len()).unwrap_or(0)
    }
}
