//! What several instances and standbys of a database are seen by.

use prometheus::{Gauge, GaugeVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry};

use super::{
    super::{counter, counters, follow, fractions, gauge, gauges, made},
    Sources,
};

/// Those that the database has.
pub(super) struct InstanceMetrics {
    hearing: Option<HearingMetrics>,
    standbys: Option<StandbyMetrics>,
}

struct HearingMetrics {
    listening: IntGauge,
    told: IntCounter,
}

struct StandbyMetrics {
    up: IntGaugeVec,
    position: IntGaugeVec,
    lag: GaugeVec,
    reads: IntCounterVec,
}

impl InstanceMetrics {
    pub(super) fn new(registry: &Registry, sources: &Sources) -> Self {
        Self {
            hearing: sources.hearing.is_some().then(|| HearingMetrics {
                listening: gauge(
                    registry,
                    "feedme_listener_connected",
                    "1 while this instance hears of the commits of others; 0 while it only looks for them.",
                ),
                told: counter(
                    registry,
                    "feedme_listener_heard_total",
                    "Commits that this instance heard of, its own among them.",
                ),
            }),
            standbys: sources.standbys.is_some().then(|| StandbyMetrics {
                up: gauges(registry, "feedme_standby_up", "1 while the standby answers as one.", &["standby"]),
                position: gauges(
                    registry,
                    "feedme_standby_position",
                    "The position of the last change that the standby has replayed.",
                    &["standby"],
                ),
                lag: fractions(
                    registry,
                    "feedme_standby_lag_seconds",
                    "For how long the primary has had more than the standby.",
                    &["standby"],
                ),
                reads: counters(
                    registry,
                    "feedme_standby_reads_total",
                    "Reads that a standby was asked for, by what came of it: it answered, or the primary did, as it was behind \
                     or failed.",
                    &["standby", "outcome"],
                ),
            }),
        }
    }

    pub(super) fn look(&self, sources: &Sources) {
        if let (Some(metrics), Some(hearing)) = (&self.hearing, &sources.hearing) {
            let hearing = hearing();
            metrics.listening.set(i64::from(hearing.is_listening));
            follow(&metrics.told, hearing.told);
        }
        let (Some(metrics), Some(standbys)) = (&self.standbys, &sources.standbys) else { return };
        for standby in standbys() {
            let name = standby.name.as_str();
            made(metrics.up.get_metric_with_label_values(&[name])).set(i64::from(standby.is_up));
            made(metrics.position.get_metric_with_label_values(&[name])).set(standby.position);
            let lag: Gauge = made(metrics.lag.get_metric_with_label_values(&[name]));
            lag.set(standby.lag.as_secs_f64());
            for (outcome, count) in
                [("answered", standby.reads), ("behind", standby.behind), ("failed", standby.failed)]
            {
                follow(&made(metrics.reads.get_metric_with_label_values(&[name, outcome])), count);
            }
        }
    }
}
