//! Inputs that nobody thought of. A short time with every other test; `make fuzz MINUTES=10` for longer.
//!
//! Whatever comes in, the server answers, never with a 5xx; what it takes, it has stored as it was sent. What was found
//! is told at the end of each target as a case of its own.

mod cursors;
mod json;
mod lines;
mod names;

use std::{
    fmt::Debug,
    time::{Duration, Instant},
};

use proptest::{
    strategy::Strategy,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use tokio::runtime::Runtime;

use super::chance::{Chance, number_from};
use crate::kit::{Store, World};

/// Checks inputs until the time is over. A failure is told with the smallest input that was found for it.
fn fuzz<S: Strategy>(strategy: &S, check: impl Fn(S::Value))
where
    S::Value: Debug,
{
    let time = Duration::from_secs(number_from("FEEDME_TEST_FUZZ_SECONDS").unwrap_or(2));
    let mut chance = Chance::fresh();
    let begun = Instant::now();
    let mut cases = 0_u64;
    while begun.elapsed() < time {
        let config =
            Config { cases: 32, failure_persistence: None, max_shrink_iters: 3000, ..Config::default() };
        let seed: Vec<u8> = (0..4).flat_map(|_| chance.next().to_le_bytes()).collect();
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
        let mut runner = TestRunner::new_with_rng(config, rng);
        let checked = runner.run(strategy, |input| {
            check(input);
            Ok(())
        });
        if let Err(error) = checked {
            panic!("after {cases} inputs: {error}");
        }
        cases += 32;
    }
    eprintln!("{cases} inputs in {:?}", begun.elapsed());
}

/// A runtime for the requests of checks, which are no async functions, and a quiet server.
fn stage() -> (Runtime, World) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    (runtime, World::start_with(Store::Sqlite, &[("FEEDME__LOG__FILTER", "error")]))
}
