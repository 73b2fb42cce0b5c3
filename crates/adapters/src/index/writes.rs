//! The ports that write, with the index behind each: a write is in the index before its answer goes out.

use std::sync::Arc;

use async_trait::async_trait;
use feed_me_domain::{
    Activity, StoreError, Timestamp, UserKey, Username,
    follow::Follow,
    ports::{DevelopmentRepository, ExportSink, Fixture, ResetDone, Stores, TransferRepository},
    transfer::{Imported, OnBadRecord, Record},
};

use super::FeedIndex;
use crate::decorating::decorate;

/// A port whose writes the index takes in.
struct Noting<P: ?Sized> {
    port: Arc<P>,
    index: Arc<FeedIndex>,
}

/// The same stores with the index before their feeds and behind their writes.
pub(super) fn noting(stores: &Stores, index: &Arc<FeedIndex>) -> Stores {
    fn behind<P: ?Sized>(port: &Arc<P>, index: &Arc<FeedIndex>) -> Arc<Noting<P>> {
        Arc::new(Noting { port: port.clone(), index: index.clone() })
    }
    Stores {
        users: behind(&stores.users, index),
        activities: behind(&stores.activities, index),
        follows: behind(&stores.follows, index),
        relations: behind(&stores.relations, index),
        transfer: behind(&stores.transfer, index),
        development: behind(&stores.development, index),
        feeds: index.clone(),
        events: index.clone(),
        ..stores.clone()
    }
}

impl<P: ?Sized> Noting<P> {
    /// Passes the outcome of a write on when the index has taken the write in. One that failed is answered at once: while
    /// the database is away the index cannot get any further, and what is stored of it all the same is seen in the log.
    async fn noted<T>(&self, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
        if outcome.is_ok() {
            self.index.note().await;
        }
        outcome
    }
}

macro_rules! noting {
    (write $port:ident $self:ident $method:ident($($argument:ident),*)) => {
        $self.noted($self.port.$method($($argument),*).await).await
    };
    ($reads:ident $port:ident $self:ident $method:ident($($argument:ident),*)) => {
        $self.port.$method($($argument),*).await
    };
}

decorate!(Noting by noting);

#[async_trait]
impl TransferRepository for Noting<dyn TransferRepository> {
    async fn import(
        &self,
        records: Vec<Record>,
        started: Timestamp,
        on_bad: OnBadRecord,
    ) -> Result<Vec<Imported>, StoreError> {
        self.noted(self.port.import(records, started, on_bad).await).await
    }

    async fn export(&self, sink: ExportSink) -> Result<(), StoreError> {
        self.port.export(sink).await
    }

    async fn settle(&self) -> Result<(), StoreError> {
        self.port.settle().await
    }
}

#[async_trait]
impl DevelopmentRepository for Noting<dyn DevelopmentRepository> {
    async fn reset(&self, fixture: Fixture, users_max: usize) -> Result<ResetDone, StoreError> {
        self.noted(self.port.reset(fixture, users_max).await).await
    }

    async fn users(&self, take: usize) -> Result<Vec<(UserKey, Username)>, StoreError> {
        self.port.users(take).await
    }

    async fn activities(&self, take: usize) -> Result<Vec<Activity>, StoreError> {
        self.port.activities(take).await
    }

    async fn follows(&self, take: usize) -> Result<Vec<Follow>, StoreError> {
        self.port.follows(take).await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.port.ready().await
    }
}
