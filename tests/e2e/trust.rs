//! What holds when things go wrong: crashes, a database that goes away or is full, races, hostile clients.
//!
//! The short forms run with every other test. `FEEDME_TEST_CRASH_ROUNDS`, `FEEDME_TEST_RACE_ROUNDS` and
//! `FEEDME_TEST_FUZZ_SECONDS` make them longer; `FEEDME_TEST_SEED` repeats a run (each tells its seed).

pub(crate) mod chance;
mod crash;
mod erased;
mod failover;
mod full_disk;
mod fuzz;
mod hostile;
mod load;
mod outage;
mod own_postgres;
mod races;
mod read_only;
mod same_key;
mod standbys;
mod tables;
