//! What was measured, as it is kept in JSON, and the ratios that follow from it.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// All of one run.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Results {
    /// What was loaded, for the title: a size, or the real data.
    pub title: String,
    /// Where and when.
    pub machine: Machine,
    /// The command that does it again.
    pub command: String,
    /// Seconds that each scenario was counted for.
    pub seconds: f64,
    /// Whether the server wrote a log line for each request.
    pub logs_requests: bool,
    /// One for each database and engine.
    pub targets: Vec<Target>,
}

/// Where, when and of what.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Machine {
    /// The processor's name.
    pub cpu: String,
    /// How many cores.
    pub cores: usize,
    /// Bytes of memory.
    pub memory_bytes: u64,
    /// Whether server and driver had a core each.
    pub is_pinned: bool,
    /// The day.
    pub date: String,
    /// The commit; `+` where files differed from it.
    pub commit: String,
}

/// A database with an engine.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Target {
    /// What is in it.
    pub data: String,
    /// `SQLite` or `PostgreSQL`.
    pub database: String,
    /// `sql` or `index`.
    pub engine: String,
    /// Why nothing was measured, where nothing was.
    pub refused: Option<String>,
    /// How long the start took.
    pub start: Option<Start>,
    /// The constant body, by [`constant_names`].
    pub constants: Vec<Scenario>,
    /// What was measured.
    pub scenarios: Vec<Scenario>,
}

/// What the constants are called that everything is compared with.
pub mod constant_names {
    /// On bare actix-web.
    pub const BARE: &str = "constant-bare";
    /// Within the product's middleware.
    pub const PRODUCT: &str = "constant-product";
    /// On bare actix-web, at half of the rate of the mixed load.
    pub const AT_HALF_RATE: &str = "constant-at-half-rate";
    /// The same, with as much work for each request as one of the mixed load is at that rate.
    pub const AS_BUSY: &str = "constant-as-busy";
}

/// How long a start took, in seconds from the call.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct Start {
    /// Until `/readyz` said so.
    pub ready_s: f64,
    /// Until the index served, where it was asked for.
    pub index_s: Option<f64>,
}

/// A scenario, measured or left out.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a scenario.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Figures.
    Measured(Measured),
    /// The reason why there are none.
    LeftOut(String),
}

/// The figures of a scenario.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Measured {
    /// How many requests were counted.
    pub requests: u64,
    /// How many a second.
    pub per_second: f64,
    /// How long they took; of a mixed load the reads.
    pub latency: Latency,
    /// How long the writes of a mixed load took.
    pub write_latency: Option<Latency>,
    /// Of an open loop: how much later than due the driver sent. What the latency is too high by.
    pub lateness: Option<Latency>,
    /// The server's CPU time for one, in microseconds.
    pub server_cpu_us: f64,
    /// That of all processes of PostgreSQL.
    pub postgres_cpu_us: Option<f64>,
    /// The server's memory afterwards.
    pub memory_bytes: u64,
    /// How much of a core the server had.
    pub server_share: f64,
    /// How much of a core the driver had.
    pub driver_share: f64,
    /// How many cores others had, who should not have been there.
    pub others_share: f64,
    /// The mean size of a page.
    pub body_bytes: u64,
}

/// Latencies in microseconds.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Latency {
    /// Half are below.
    pub p50_us: f64,
    /// 99 of 100 are below.
    pub p99_us: f64,
    /// 999 of 1,000 are below.
    pub p999_us: f64,
}

impl Latency {
    /// The quantiles of a histogram of nanoseconds.
    pub fn of(nanos: &Histogram<u64>) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "nanoseconds of a minute are far below 2^53")]
        let at = |part| nanos.value_at_quantile(part) as f64 / 1000.0;
        Self { p50_us: at(0.5), p99_us: at(0.99), p999_us: at(0.999) }
    }

    /// How many times the p50 the p99 is.
    pub fn tail(&self) -> f64 {
        self.p99_us / self.p50_us.max(1.0)
    }
}

impl Measured {
    /// What the server's core could have done with nobody else on it: requests by second of its CPU time.
    pub fn per_cpu_second(&self) -> f64 {
        if self.server_cpu_us > 0.0 { 1e6 / self.server_cpu_us } else { 0.0 }
    }

    /// How it compares with a constant body: by the server's CPU time, and by the rate.
    pub fn ratios(&self, constant: &Self) -> Ratios {
        let ratio = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
        Ratios {
            by_cpu: ratio(self.per_cpu_second(), constant.per_cpu_second()),
            by_rate: ratio(self.per_second, constant.per_second),
        }
    }

    /// Whether the driver was busy and the server was not, so that the rate is the driver's.
    pub fn is_driver_bound(&self) -> bool {
        self.driver_share > 0.95 && self.server_share < 0.95
    }
}

/// How a scenario compares with the constant body.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratios {
    /// Requests by second of the server's CPU time.
    pub by_cpu: f64,
    /// Requests a second.
    pub by_rate: f64,
}

impl Scenario {
    /// The figures, where there are any.
    pub fn measured(&self) -> Option<&Measured> {
        match &self.outcome {
            Outcome::Measured(measured) => Some(measured),
            Outcome::LeftOut(_) => None,
        }
    }
}

impl Target {
    /// Data, database and engine, for people.
    pub fn told(&self) -> String {
        format!("{}, {}, engine {}", self.data, self.database, self.engine)
    }

    /// The figures of a scenario.
    pub fn scenario(&self, name: &str) -> Option<&Measured> {
        self.scenarios.iter().chain(&self.constants).find(|it| it.name == name)?.measured()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_come_out_in_microseconds() {
        let mut nanos = Histogram::new_with_bounds(1_000, 60_000_000_000, 3).unwrap();
        for micros in 1..=1000_u64 {
            nanos.record(micros * 1000).unwrap();
        }
        let latency = Latency::of(&nanos);
        for (found, meant) in [(latency.p50_us, 500.0), (latency.p99_us, 990.0), (latency.p999_us, 999.0)] {
            assert!((found - meant).abs() <= meant * 0.002, "{found} is not {meant}");
        }
    }

    #[test]
    fn ratios_compare_cpu_time_and_rate_apart() {
        let constant = Measured { per_second: 100_000.0, server_cpu_us: 10.0, ..Measured::default() };
        let feed = Measured { per_second: 25_000.0, server_cpu_us: 20.0, ..Measured::default() };
        assert_eq!(feed.ratios(&constant), Ratios { by_cpu: 0.5, by_rate: 0.25 });
        assert_eq!(feed.ratios(&Measured::default()), Ratios { by_cpu: 0.0, by_rate: 0.0 });
    }

    #[test]
    fn only_a_busy_driver_beside_an_idle_server_is_the_limit() {
        let of = |driver_share, server_share| Measured { server_share, driver_share, ..Measured::default() };
        assert!(of(0.99, 0.7).is_driver_bound());
        assert!(!of(0.99, 0.99).is_driver_bound());
        assert!(!of(0.5, 0.7).is_driver_bound());
    }
}
