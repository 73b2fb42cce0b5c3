//! What a promise is tried in: an empty store, a clock that the test sets, ids that come out the same every time.

use std::{
    any::Any,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use super::random::Random;
use crate::{
    ports::{Clock, IdGenerator, Stores},
    time::Timestamp,
};

/// What a factory gives: an empty store, and whatever has to live as long as it (a temporary folder, say).
pub struct Fresh {
    /// The store.
    pub stores: Stores,
    /// Dropped after the store.
    pub guard: Option<Box<dyn Any + Send + Sync>>,
}

impl Fresh {
    /// A store that needs something kept alive beside it.
    pub fn with_guard(stores: Stores, guard: impl Any + Send + Sync) -> Self {
        Self { stores, guard: Some(Box::new(guard)) }
    }
}

impl From<Stores> for Fresh {
    fn from(stores: Stores) -> Self {
        Self { stores, guard: None }
    }
}

type Open = dyn Fn(Arc<dyn Clock>, Arc<dyn IdGenerator>) -> Opening + Send + Sync;
type Opening = Pin<Box<dyn Future<Output = Fresh> + Send>>;

/// Makes empty stores, each on a clock and an id generator that the suite gives it.
#[derive(Clone)]
pub struct Factory(Arc<Open>);

impl Factory {
    /// A factory from an async function that answers [`Stores`] or [`Fresh`].
    pub fn new<F, Fut, S>(open: F) -> Self
    where
        F: Fn(Arc<dyn Clock>, Arc<dyn IdGenerator>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = S> + Send + 'static,
        S: Into<Fresh>,
    {
        Self(Arc::new(move |clock, ids| {
            let opening = open(clock, ids);
            Box::pin(async move { opening.await.into() })
        }))
    }
}

/// A clock that stands until the test moves it.
pub struct TestClock(AtomicI64);

impl TestClock {
    fn new() -> Self {
        // 2026-01-01T00:00:00Z
        Self(AtomicI64::new(1_767_225_600_000_000))
    }

    /// Moves the clock, backwards where `micros` is negative.
    pub fn advance(&self, micros: i64) {
        self.0.fetch_add(micros, Ordering::SeqCst);
    }

    /// Moves the clock by whole seconds.
    pub fn advance_seconds(&self, seconds: i64) {
        self.advance(seconds * 1_000_000);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst)).unwrap_or(Timestamp::EPOCH)
    }
}

/// Random bits that are the same in every run.
struct TestIds(AtomicU64);

impl IdGenerator for TestIds {
    fn random(&self) -> u64 {
        Random::new(self.0.fetch_add(1, Ordering::SeqCst)).next()
    }
}

/// An empty store and the clock that it runs on.
pub struct World {
    /// The store.
    pub stores: Stores,
    /// Its clock.
    pub clock: Arc<TestClock>,
    factory: Factory,
    _guard: Option<Box<dyn Any + Send + Sync>>,
}

impl World {
    /// A world of its own.
    pub async fn open(factory: &Factory) -> Self {
        Self::open_with(factory, Arc::new(TestClock::new()), 1).await
    }

    /// Another empty store of the same kind, on the same clock.
    pub async fn another(&self) -> Self {
        Self::open_with(&self.factory, self.clock.clone(), 1 << 32).await
    }

    async fn open_with(factory: &Factory, clock: Arc<TestClock>, first_id: u64) -> Self {
        let ids = Arc::new(TestIds(AtomicU64::new(first_id)));
        let Fresh { stores, guard } = (factory.0)(clock.clone(), ids).await;
        Self { stores, clock, factory: factory.clone(), _guard: guard }
    }

    /// The present instant.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
