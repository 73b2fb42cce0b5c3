//! What is delivered, and how far behind it is.

use feed_me_domain::{
    ports::WebhookTally,
    services::Sent,
    webhook::{DeliveryState, MessageKind, WebhookStatus},
};
use prometheus::{Histogram, IntCounter, IntGauge, Registry};

use super::{SECONDS, counter, counters, gauge, gauges, histogram, made, number};

/// Deliveries of webhooks.
pub struct Webhooks {
    /// By what came of an attempt, in the order of [`DeliveryState::ALL`].
    attempts: [IntCounter; 3],
    resyncs: IntCounter,
    switched_off: IntCounter,
    duration: Histogram,
    by_status: [IntGauge; 4],
    dead: IntGauge,
    behind: IntGauge,
}

impl Webhooks {
    pub(super) fn new(registry: &Registry) -> Self {
        let attempts = counters(
            registry,
            "feedme_webhook_attempts_total",
            "Attempts to deliver, by what came of them: delivered; retried, as they failed; or dead, as they failed for the last time.",
            &["outcome"],
        );
        let by_status =
            gauges(registry, "feedme_webhooks", "Webhooks of the database, by status.", &["status"]);
        Self {
            attempts: DeliveryState::ALL.map(|state| {
                let outcome = if state == DeliveryState::Pending { "retried" } else { state.as_str() };
                made(attempts.get_metric_with_label_values(&[outcome]))
            }),
            resyncs: counter(
                registry,
                "feedme_webhook_resyncs_total",
                "How often a subscriber was told that events are missing, as the log does not hold them any more.",
            ),
            switched_off: counter(
                registry,
                "feedme_webhook_switched_off_total",
                "Webhooks that were switched off, as they failed too long or are gone.",
            ),
            duration: histogram(
                registry,
                "feedme_webhook_attempt_seconds",
                "How long attempts to deliver took.",
                SECONDS,
            ),
            by_status: WebhookStatus::ALL
                .map(|status| made(by_status.get_metric_with_label_values(&[status.as_str()]))),
            dead: gauge(registry, "feedme_webhook_dead_letters", "Dead letters that are kept."),
            behind: gauge(
                registry,
                "feedme_webhook_lag_events",
                "How many events the enabled webhook that is furthest behind has before it.",
            ),
        }
    }

    /// Something was sent.
    pub fn sent(&self, sent: &Sent) {
        self.attempts[sent.state as usize].inc();
        self.duration.observe(f64::from(sent.duration_ms) / 1000.0);
        if sent.kind == MessageKind::Resync && sent.state == DeliveryState::Delivered {
            self.resyncs.inc();
        }
        if sent.switched_off.is_some() {
            self.switched_off.inc();
        }
    }

    /// The counts are these by now.
    pub fn tally(&self, tally: &WebhookTally, behind: u64) {
        for (gauge, count) in self.by_status.iter().zip(tally.by_status) {
            gauge.set(number(count));
        }
        self.dead.set(number(tally.dead));
        self.behind.set(number(behind));
    }
}
