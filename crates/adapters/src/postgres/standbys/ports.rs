//! The ports, with standbys before some of their reads: feeds, lists, and the bodies of activities.
//!
//! Everything else asks the primary: what names, keys and ids are looked up for decides rights and writes
//! ([`decorating`](crate::decorating)), and marks of notifications are no part of the log, so no position tells whether a
//! standby has them.

use std::sync::Arc;

use async_trait::async_trait;
use feed_me_domain::{
    ActivityId, FeedQuery, FeedSlice, StoreError, Timestamp, Username,
    ports::{EventLog, Explained, FeedRepository, LogExtent, LoggedEvent, Stores},
};

use super::{PgStore, Standbys};
use crate::decorating::decorate;

/// A port some of whose reads may go to standbys.
struct Reading<P: ?Sized> {
    port: Arc<P>,
    standbys: Arc<Standbys>,
}

/// The same stores with standbys before their reads.
pub(super) fn over(stores: &Stores, standbys: &Arc<Standbys>) -> Stores {
    fn reading<P: ?Sized>(port: &Arc<P>, standbys: &Arc<Standbys>) -> Arc<Reading<P>> {
        Arc::new(Reading { port: port.clone(), standbys: standbys.clone() })
    }
    Stores {
        users: reading(&stores.users, standbys),
        activities: reading(&stores.activities, standbys),
        follows: reading(&stores.follows, standbys),
        relations: reading(&stores.relations, standbys),
        feeds: reading(&stores.feeds, standbys),
        events: reading(&stores.events, standbys),
        ..stores.clone()
    }
}

macro_rules! reading {
    (show $port:ident $self:ident $method:ident($($argument:ident),*)) => {{
        // It may be asked twice: of a standby, and then of the primary.
        let ask = |store: PgStore| {
            $(let $argument = Clone::clone(&$argument);)*
            async move { $port::$method(&store, $($argument),*).await }
        };
        $self.standbys.read(ask).await
    }};
    ($exactly:ident $port:ident $self:ident $method:ident($($argument:ident),*)) => {
        $self.port.$method($($argument),*).await
    };
}

decorate!(Reading by reading);

#[async_trait]
impl FeedRepository for Reading<dyn FeedRepository> {
    async fn page(&self, query: &FeedQuery) -> Result<Option<FeedSlice>, StoreError> {
        self.standbys.read(move |store| async move { store.page(query).await }).await
    }

    async fn explain(&self, viewer: &Username, activity: ActivityId) -> Result<Explained, StoreError> {
        self.standbys.read(move |store| async move { store.explain(viewer, activity).await }).await
    }
}

#[async_trait]
impl EventLog for Reading<dyn EventLog> {
    async fn after(&self, position: i64, take: usize) -> Result<Vec<LoggedEvent>, StoreError> {
        self.port.after(position, take).await
    }

    async fn extent(&self) -> Result<LogExtent, StoreError> {
        self.port.extent().await
    }

    async fn reached(&self) -> Result<i64, StoreError> {
        self.port.reached().await
    }

    fn last_committed(&self) -> Option<i64> {
        self.port.last_committed()
    }

    async fn grown(&self, after: i64) {
        self.port.grown(after).await;
    }

    fn require(&self, position: i64) {
        self.standbys.require(position);
    }

    async fn trim(&self, before: Timestamp, take: usize) -> Result<usize, StoreError> {
        self.port.trim(before, take).await
    }
}
