//! What the server tells about itself, in Prometheus' text form.
//!
//! What happens is counted where it happens, by handles that are there before ([`requests`], [`admission`]); what can be
//! asked is asked when somebody reads the metrics (`sources`, `process`). No label has a value that a client chooses.

pub mod admission;
mod process;
pub mod requests;
pub mod sources;
pub mod webhooks;

use parking_lot::Mutex;
use prometheus::{
    Encoder, Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry, TextEncoder, core::Collector,
};

use self::{
    admission::Admission,
    process::Process,
    requests::Requests,
    sources::{Sources, Watched},
    webhooks::Webhooks,
};

/// The form of [`Metrics::told`].
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Every metric of a server.
pub struct Metrics {
    registry: Registry,
    /// Requests that were answered.
    pub requests: Requests,
    /// Requests that were turned away, and waiting.
    pub admission: Admission,
    /// What is delivered.
    pub webhooks: Webhooks,
    process: Option<Process>,
    watched: Mutex<Option<Watched>>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All at zero.
    pub fn new() -> Self {
        let registry = Registry::new();
        let build = gauges(&registry, "feedme_build_info", "Which version runs; always 1.", &["version"]);
        if let Ok(build) = build.get_metric_with_label_values(&[env!("CARGO_PKG_VERSION")]) {
            build.set(1);
        }
        Self {
            requests: Requests::new(&registry),
            admission: Admission::new(&registry),
            webhooks: Webhooks::new(&registry),
            process: Process::new(&registry),
            watched: Mutex::new(None),
            registry,
        }
    }

    /// Asks `sources` too from now on. The first ones stay.
    pub fn watch(&self, sources: Sources) {
        let mut watched = self.watched.lock();
        if watched.is_none() {
            *watched = Some(Watched::new(&self.registry, sources));
        }
    }

    /// The index was compared with the database, and so many pages differed.
    pub fn compared(&self, differences: usize) {
        if let Some(watched) = &*self.watched.lock() {
            watched.compared(differences);
        }
    }

    /// All of them, as Prometheus reads them.
    pub fn told(&self) -> Result<Vec<u8>, prometheus::Error> {
        // One reader at a time, so that counters that follow others are moved once.
        let watched = self.watched.lock();
        if let Some(watched) = &*watched {
            watched.look();
        }
        if let Some(process) = &self.process {
            process.look();
        }
        let mut text = Vec::with_capacity(32 * 1024);
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }
}

/// Names are ours, and each is given once: every test that makes metrics would see the mistake.
fn made<T>(made: Result<T, prometheus::Error>) -> T {
    made.unwrap_or_else(|error| unreachable!("a metric that cannot be: {error}"))
}

fn kept<M: Collector + Clone + 'static>(registry: &Registry, metric: Result<M, prometheus::Error>) -> M {
    let metric = made(metric);
    made(registry.register(Box::new(metric.clone())));
    metric
}

fn counter(registry: &Registry, name: &str, help: &str) -> IntCounter {
    kept(registry, IntCounter::new(name, help))
}

fn counters(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
    kept(registry, IntCounterVec::new(Opts::new(name, help), labels))
}

fn gauge(registry: &Registry, name: &str, help: &str) -> IntGauge {
    kept(registry, IntGauge::new(name, help))
}

fn fraction(registry: &Registry, name: &str, help: &str) -> Gauge {
    kept(registry, Gauge::new(name, help))
}

fn gauges(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
    kept(registry, IntGaugeVec::new(Opts::new(name, help), labels))
}

fn fractions(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> GaugeVec {
    kept(registry, GaugeVec::new(Opts::new(name, help), labels))
}

fn histogram(registry: &Registry, name: &str, help: &str, buckets: &[f64]) -> Histogram {
    kept(registry, Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets.to_vec())))
}

fn histograms(registry: &Registry, name: &str, help: &str, labels: &[&str], buckets: &[f64]) -> HistogramVec {
    kept(registry, HistogramVec::new(HistogramOpts::new(name, help).buckets(buckets.to_vec()), labels))
}

/// Moves a counter to where its source stands.
fn follow(counter: &IntCounter, source: u64) {
    counter.inc_by(source.saturating_sub(counter.get()));
}

/// A number as a gauge takes it.
fn number(count: impl TryInto<i64>) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}

/// Between a page from memory and a request that is given up, in seconds.
const SECONDS: &[f64] =
    &[0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_family_has_help_a_type_and_each_name_once() {
        let text = String::from_utf8(Metrics::new().told().unwrap()).unwrap();
        let mut names: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
        assert!(5 < names.len(), "{text}");
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        assert_eq!(text.lines().filter(|line| line.starts_with("# HELP ")).count(), count);
        assert!(
            text.contains(&format!("feedme_build_info{{version=\"{}\"}} 1\n", env!("CARGO_PKG_VERSION")))
        );
    }

    #[test]
    fn a_counter_follows_its_source_and_never_goes_back() {
        let counter = counter(&Registry::new(), "c", "h");
        for (source, told) in [(3, 3), (7, 7), (5, 7), (8, 8)] {
            follow(&counter, source);
            assert_eq!(counter.get(), told);
        }
    }
}
