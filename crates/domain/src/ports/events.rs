use async_trait::async_trait;

use crate::{
    error::StoreError,
    id::{ActivityId, UserId},
    sequence::EventKind,
    time::Timestamp,
};

/// Reads the log of all changes.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait EventLog: Send + Sync {
    /// At most `take` events after a position, in order. The ids of users who were erased since are none.
    async fn after(&self, position: i64, take: usize) -> Result<Vec<LoggedEvent>, StoreError>;

    /// The position of the last event and of the oldest one that is still kept.
    async fn extent(&self) -> Result<LogExtent, StoreError>;

    /// The position up to which everything that is read through these ports includes all changes: the last one, unless
    /// something between the log and its readers is not as far yet.
    async fn reached(&self) -> Result<i64, StoreError> {
        Ok(self.extent().await?.last)
    }

    /// The position of the last event that was committed through this very store object, or was seen by a write of it;
    /// none where that is not known without asking, as before the first write.
    fn last_committed(&self) -> Option<i64> {
        None
    }

    /// Waits until something after a position may have come, through others than this store object. It is a hint for whoever
    /// would otherwise look from time to time: it may come late, for nothing, or never, as it does where nobody tells.
    async fn grown(&self, after: i64) {
        let _ = after;
        std::future::pending::<()>().await;
    }

    /// From now on what is read through these ports is to include a position, which was [`reached`](Self::reached). That
    /// is so anyway, unless reads may be answered by copies that come later.
    fn require(&self, position: i64) {
        let _ = position;
    }

    /// Forgets at most `take` of the oldest events that happened before an instant, and says how many went. The last
    /// event always stays.
    async fn trim(&self, before: Timestamp, take: usize) -> Result<usize, StoreError>;
}

/// An event as integrators read it: ids only, never names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoggedEvent {
    /// Its place in the dense sequence of all changes.
    pub position: i64,
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: EventKind,
    /// Which activity.
    pub activity: Option<ActivityId>,
    /// Who.
    pub user: Option<UserId>,
    /// The other one.
    pub other: Option<UserId>,
}

/// Which part of the sequence the log holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogExtent {
    /// The position of the oldest event kept; one more than `last` where none is.
    pub first: i64,
    /// The position of the last event that happened; 0 where none did.
    pub last: i64,
}
