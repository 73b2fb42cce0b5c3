//! Who was turned away, and how long others waited for the database.

use std::time::Duration;

use prometheus::{Histogram, IntCounter, Registry};

use super::{SECONDS, counters, histogram, histograms, made};
use crate::{
    app::Line,
    limits::Class,
    shedding::{Rank, Reason},
};

/// What is counted at the doors.
pub struct Admission {
    limited: [IntCounter; Class::ALL.len()],
    shed: [[IntCounter; Reason::ALL.len()]; Rank::SHED.len()],
    waited: [Histogram; 2],
    grouped: Histogram,
}

impl Admission {
    pub(super) fn new(registry: &Registry) -> Self {
        let limited = counters(
            registry,
            "feedme_requests_limited_total",
            "Requests answered with a 429, by the class whose limit was spent.",
            &["class"],
        );
        let shed = counters(
            registry,
            "feedme_requests_shed_total",
            "Requests answered with a 503 because there was too much to do, by their rank and what there was too much of.",
            &["rank", "reason"],
        );
        let waited = histograms(
            registry,
            "feedme_store_wait_seconds",
            "How long calls waited for their turn at the database.",
            &["line"],
            SECONDS,
        );
        let grouped = histogram(
            registry,
            "feedme_store_group_writes",
            "How many writes shared a commit.",
            &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0],
        );
        Self {
            limited: Class::ALL.map(|class| made(limited.get_metric_with_label_values(&[class.name()]))),
            shed: Rank::SHED.map(|rank| {
                Reason::ALL
                    .map(|reason| made(shed.get_metric_with_label_values(&[rank.name(), reason.name()])))
            }),
            waited: ["read", "write"].map(|line| made(waited.get_metric_with_label_values(&[line]))),
            grouped,
        }
    }

    /// A limit was spent.
    pub fn limited(&self, class: Class) {
        self.limited[class as usize].inc();
    }

    /// A request was turned away.
    pub fn shed(&self, rank: Rank, reason: Reason) {
        if let Some(shed) = self.shed.get(rank as usize) {
            shed[reason as usize].inc();
        }
    }

    /// A call waited.
    pub fn waited(&self, line: Line, waited: Duration) {
        self.waited[line as usize].observe(waited.as_secs_f64());
    }

    /// So many writes shared a commit.
    pub fn grouped(&self, writes: usize) {
        self.grouped.observe(f64::from(u32::try_from(writes).unwrap_or(u32::MAX)));
    }
}
