//! What can be asked at any time: the database, the index, the kept bodies.

mod instances;

use std::sync::Arc;

use prometheus::{Gauge, IntCounter, IntGauge, IntGaugeVec, Registry};

use self::instances::InstanceMetrics;
use super::{counter, counters, follow, fraction, gauge, gauges, made, number};
use crate::{
    app::{Hearing, Index, Queues, StandbyLoad, StoreLoad},
    bodies::Bodies,
    kept_pages::KeptPages,
};

/// Whom to ask.
pub struct Sources {
    /// How busy the database is.
    pub store: Box<dyn Fn() -> StoreLoad + Send + Sync>,
    /// The lines before it.
    pub queues: Queues,
    /// The index, where there is one.
    pub index: Option<Index>,
    /// The kept bodies.
    pub bodies: Arc<Bodies>,
    /// The kept pages, where any are.
    pub kept_pages: Option<Arc<KeptPages>>,
    /// How well other instances are heard, where there may be some.
    pub hearing: Option<Box<dyn Fn() -> Hearing + Send + Sync>>,
    /// How the standbys are, where there are some.
    pub standbys: Option<Box<dyn Fn() -> Vec<StandbyLoad> + Send + Sync>>,
}

/// Sources, and the metrics that they move.
pub(super) struct Watched {
    sources: Sources,
    connections: IntGauge,
    connections_in_use: IntGauge,
    waiting: IntGaugeVec,
    expected_wait: [Gauge; 2],
    position: IntGauge,
    bodies: CacheMetrics,
    kept_pages: Option<CacheMetrics>,
    index: Option<IndexMetrics>,
    instances: InstanceMetrics,
}

/// Of something that is kept in case it is asked for again.
struct CacheMetrics {
    hits: IntCounter,
    misses: IntCounter,
    entries: IntGauge,
    bytes: IntGauge,
}

struct IndexMetrics {
    serving: IntGauge,
    position: IntGauge,
    users: IntGauge,
    follows: IntGauge,
    activities: IntGauge,
    bytes: IntGauge,
    floor: Gauge,
    from_memory: IntCounter,
    from_sql: IntCounter,
    comparisons: IntCounter,
    differences: IntCounter,
}

impl Watched {
    pub(super) fn new(registry: &Registry, sources: Sources) -> Self {
        let line = |line| format!("feedme_store_expected_{line}_wait_seconds");
        let expected = |name| fraction(registry, &line(name), "How long a call would wait that comes now.");
        Self {
            connections: gauge(
                registry,
                "feedme_store_connections",
                "The most connections that read the database.",
            ),
            connections_in_use: gauge(
                registry,
                "feedme_store_connections_in_use",
                "Connections that read at the moment.",
            ),
            waiting: gauges(
                registry,
                "feedme_store_waiting",
                "Calls that wait for their turn at the database.",
                &["line"],
            ),
            expected_wait: [expected("read"), expected("write")],
            position: gauge(
                registry,
                "feedme_event_position",
                "The position of the last event that this instance knows of.",
            ),
            bodies: CacheMetrics::of_bodies(registry),
            kept_pages: sources.kept_pages.as_ref().map(|_| CacheMetrics::of_pages(registry)),
            index: sources.index.is_some().then(|| IndexMetrics::new(registry)),
            instances: InstanceMetrics::new(registry, &sources),
            sources,
        }
    }

    pub(super) fn compared(&self, differences: usize) {
        if let Some(index) = &self.index {
            index.comparisons.inc();
            index.differences.inc_by(differences as u64);
        }
    }

    /// Asks all of them.
    pub(super) fn look(&self) {
        let load = (self.sources.store)();
        self.connections.set(number(load.connections));
        self.connections_in_use.set(number(load.connections_in_use));
        for (line, waiting) in [("read", load.reads_waiting), ("write", load.writes_waiting)] {
            made(self.waiting.get_metric_with_label_values(&[line])).set(number(waiting));
        }
        for (expected, queue) in self.expected_wait.iter().zip(self.sources.queues.all()) {
            expected.set(queue.expected_wait().as_secs_f64());
        }
        let bodies = &self.sources.bodies;
        self.bodies.show(bodies.hits_and_misses(), bodies.kept());
        if let (Some(metrics), Some(pages)) = (&self.kept_pages, &self.sources.kept_pages) {
            metrics.show(pages.hits_and_misses(), pages.kept());
        }
        let mut position = load.position;
        if let (Some(metrics), Some(index)) = (&self.index, &self.sources.index) {
            position = position.max(metrics.look(index));
        }
        self.position.set(position);
        self.instances.look(&self.sources);
    }
}

impl CacheMetrics {
    fn of_bodies(registry: &Registry) -> Self {
        Self {
            hits: counter(
                registry,
                "feedme_body_cache_hits_total",
                "Bodies of activities that were there when a page needed them.",
            ),
            misses: counter(
                registry,
                "feedme_body_cache_misses_total",
                "Bodies of activities that a page had to fetch.",
            ),
            entries: gauge(registry, "feedme_body_cache_entries", "Bodies that are kept."),
            bytes: gauge(registry, "feedme_body_cache_bytes", "The bytes that kept bodies take."),
        }
    }

    fn of_pages(registry: &Registry) -> Self {
        Self {
            hits: counter(
                registry,
                "feedme_page_cache_hits_total",
                "Pages of feeds that were answered as they were kept.",
            ),
            misses: counter(registry, "feedme_page_cache_misses_total", "Pages of feeds that were read."),
            entries: gauge(registry, "feedme_page_cache_entries", "Pages that are kept."),
            bytes: gauge(registry, "feedme_page_cache_bytes", "The bytes that kept pages take."),
        }
    }

    fn show<N: TryInto<i64>>(&self, (hits, misses): (u64, u64), (entries, bytes): (N, N)) {
        follow(&self.hits, hits);
        follow(&self.misses, misses);
        self.entries.set(number(entries));
        self.bytes.set(number(bytes));
    }
}

impl IndexMetrics {
    fn new(registry: &Registry) -> Self {
        let gauge = |name: &str, help| gauge(registry, &format!("feedme_index_{name}"), help);
        let counter = |name: &str, help| counter(registry, &format!("feedme_index_{name}"), help);
        let pages = counters(registry, "feedme_index_pages_total", "Pages by what answered them.", &["from"]);
        let pages = |from| made(pages.get_metric_with_label_values(&[from]));
        Self {
            serving: gauge("serving", "1 while the index answers; 0 while the database does."),
            position: gauge("position", "The position of the last change in the index."),
            users: gauge("users", "Users in the index."),
            follows: gauge("follows", "Follows in the index."),
            activities: gauge("activities", "Activities in the index."),
            bytes: gauge("bytes", "The bytes that the index takes."),
            floor: fraction(
                registry,
                "feedme_index_floor_timestamp_seconds",
                "When the oldest activity was published that the index holds; 0 where it holds all.",
            ),
            from_memory: pages("memory"),
            from_sql: pages("sql"),
            comparisons: counter("comparisons_total", "How often the index was compared with the database."),
            differences: counter(
                "differences_total",
                "Pages that the index and the database told differently.",
            ),
        }
    }

    /// Asks the index, and answers its position.
    fn look(&self, index: &Index) -> i64 {
        let status = index.status();
        self.serving.set(i64::from(status.is_serving));
        self.position.set(status.position);
        self.users.set(number(status.users));
        self.follows.set(number(status.edges));
        self.activities.set(number(status.activities));
        self.bytes.set(number(status.bytes));
        self.floor.set(status.floor_micros.map_or(0.0, seconds));
        follow(&self.from_memory, status.pages_from_memory);
        follow(&self.from_sql, status.pages_from_sql);
        status.position
    }
}

#[expect(clippy::cast_precision_loss, reason = "a time of the years 1 to 9999 loses less than a millisecond")]
fn seconds(micros: i64) -> f64 {
    micros as f64 / 1e6
}
