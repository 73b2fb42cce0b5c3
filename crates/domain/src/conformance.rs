//! The suite that proves an implementation of the ports.
//!
//! Give it a way to make an empty store, and it tries every promise that the doc comments of the [ports](crate::ports)
//! make, one test for each, so that a failure names the promise and the store:
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use feed_me_domain::ports::{Clock, IdGenerator, Stores};
//! # async fn open_empty(_: Arc<dyn Clock>, _: Arc<dyn IdGenerator>) -> Stores { unreachable!() }
//! async fn my_store(clock: Arc<dyn Clock>, ids: Arc<dyn IdGenerator>) -> Stores {
//!     open_empty(clock, ids).await
//! }
//!
//! feed_me_domain::conformance_suite!(my_store, my_store);
//! # fn main() {}
//! ```
//!
//! A store that needs something kept alive beside it answers [`Fresh`]. [`run_all`] and [`run_group`] do the same as
//! one call, for a store that implements only a part itself, say. Nothing but this crate is needed to run the suite; it
//! brings its own runtime.

mod activities;
mod application_keys;
mod batches;
mod counts;
mod development;
mod events;
mod feeds;
mod follows;
mod histories;
mod idempotency;
mod imports;
mod kit;
mod model;
mod notifications;
mod promises;
mod races;
mod random;
mod relations;
mod secrets;
mod transfer;
mod users;
mod walks;
mod webhooks;
mod windows;
mod world;

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::Poll,
};

pub use self::{
    promises::PROMISES,
    world::{Factory, Fresh, TestClock, World},
};

/// Something that every store promises.
#[derive(Clone, Copy)]
pub struct Promise {
    /// Which part of the store it is about.
    pub group: &'static str,
    /// The promise as a sentence.
    pub name: &'static str,
    run: fn(World) -> Pin<Box<dyn Future<Output = ()>>>,
}

impl std::fmt::Display for Promise {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.group, self.name.replace('_', " "))
    }
}

/// What became of a run.
#[must_use = "a broken promise is told here and nowhere else"]
#[derive(Debug, Default)]
pub struct Report {
    /// How many promises are kept.
    pub kept: usize,
    /// Those that are not, with what was seen instead.
    pub broken: Vec<String>,
}

impl Report {
    /// Panics where a promise is broken, and names it.
    ///
    /// # Panics
    ///
    /// Where a promise is broken.
    #[track_caller]
    pub fn assert_kept(&self) {
        assert!(self.broken.is_empty(), "{self}");
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tried = self.kept + self.broken.len();
        write!(f, "{} of {tried} promises are kept", self.kept)?;
        for broken in &self.broken {
            write!(f, "\nbroken: {broken}")?;
        }
        Ok(())
    }
}

/// Tries every promise, one after the other, each on an empty store. To be called on a tokio runtime, as some promises
/// are about writes that come at once.
pub async fn run_all(factory: &Factory) -> Report {
    run(factory, |_| true).await
}

/// Tries the promises of one group, such as `follows`; [`PROMISES`] lists them.
pub async fn run_group(factory: &Factory, group: &str) -> Report {
    run(factory, |promise| promise.group == group).await
}

async fn run(factory: &Factory, wanted: impl Fn(&Promise) -> bool) -> Report {
    let mut report = Report::default();
    for promise in PROMISES.iter().filter(|promise| wanted(promise)) {
        let world = World::open(factory).await;
        match caught((promise.run)(world)).await {
            Ok(()) => report.kept += 1,
            Err(reason) => report.broken.push(format!("{promise}: {reason}")),
        }
    }
    report
}

/// Turns the panic of a broken promise into its message, so that it does not end the run.
async fn caught(mut trial: Pin<Box<dyn Future<Output = ()>>>) -> Result<(), String> {
    let polled = std::future::poll_fn(move |context| {
        let poll = AssertUnwindSafe(|| trial.as_mut().poll(context));
        // The world of the trial goes with it, so nothing half-done is seen again.
        match catch_unwind(poll) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    });
    polled.await.map_err(|panic| match panic.downcast::<String>() {
        Ok(message) => *message,
        Err(panic) => panic.downcast_ref::<&str>().map_or("it panicked", |message| message).to_owned(),
    })
}

/// Tries one promise on a runtime of its own; what [`conformance_suite!`](crate::conformance_suite) is made of.
///
/// # Panics
///
/// Where the promise is broken.
#[doc(hidden)]
pub fn prove(factory: &Factory, group: &str, name: &str) {
    let promise = PROMISES.iter().find(|promise| promise.group == group && promise.name == name);
    let promise = promise.unwrap_or_else(|| panic!("there is no promise {group}::{name}"));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.unwrap_or_else(|error| panic!("no runtime to run in: {error}"));
    runtime.block_on(async {
        let world = World::open(factory).await;
        (promise.run)(world).await;
    });
}

/// Makes one test for each promise, in a module of the name given: `conformance_suite!(memory, open_memory)`, where
/// `open_memory` is an async function from a clock and an id generator to [`Stores`](crate::ports::Stores) or
/// [`Fresh`](crate::conformance::Fresh).
#[macro_export]
macro_rules! conformance_suite {
    ($module:ident, $factory:expr) => {
        mod $module {
            #[allow(
                unused_imports,
                clippy::allow_attributes,
                reason = "the factory may be named by a path"
            )]
            use super::*;

            fn factory() -> $crate::conformance::Factory {
                $crate::conformance::Factory::new($factory)
            }

            $crate::every_promise!(promise_tests);
        }
    };
}

/// One test for each promise.
#[doc(hidden)]
#[macro_export]
macro_rules! promise_tests {
    ($($group:ident { $($name:ident)* })*) => {$(
        mod $group {$(
            #[test]
            fn $name() {
                $crate::conformance::prove(&super::factory(), stringify!($group), stringify!($name));
            }
        )*}
    )*};
}
