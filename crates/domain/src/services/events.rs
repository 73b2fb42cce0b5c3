use std::sync::Arc;

use crate::{
    error::{Error, Result},
    ports::{EventLog, LoggedEvent},
};

/// Reading the log of all changes.
pub struct EventService {
    log: Arc<dyn EventLog>,
}

/// A stretch of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventPage {
    /// The events, in order, without a gap.
    pub events: Vec<LoggedEvent>,
    /// The position to go on from: that of the last event here, or the one asked for where none came after it.
    pub position: i64,
}

impl EventService {
    /// The most events of one answer.
    pub const LIMIT_MAX: usize = 1000;
    /// How many there are where the client does not say.
    pub const LIMIT_DEFAULT: usize = 100;

    /// A service on a log.
    pub fn new(log: Arc<dyn EventLog>) -> Self {
        Self { log }
    }

    /// The events after a position; from the oldest one that is kept, where none is given. A position that the log does
    /// not reach back to is refused, as the answer would have a gap.
    pub async fn after(&self, position: Option<i64>, limit: usize) -> Result<EventPage> {
        let extent = self.log.extent().await?;
        let oldest = extent.first.saturating_sub(1);
        let after = match position {
            None => oldest,
            Some(asked) if asked < oldest => return Err(Error::EventsGone { asked, oldest }),
            Some(asked) if extent.last < asked => {
                let detail = format!("is the position {asked}, and the last event has {}", extent.last);
                return Err(Error::fault("after", detail));
            }
            Some(asked) => asked,
        };
        let events = self.log.after(after, limit).await?;
        let position = events.last().map_or(after, |event| event.position);
        Ok(EventPage { events, position })
    }
}

#[cfg(all(test, feature = "mock"))]
mod tests {
    use super::*;
    use crate::ports::{LogExtent, MockEventLog};

    fn service(extent: LogExtent) -> EventService {
        let mut log = MockEventLog::new();
        log.expect_extent().returning(move || Ok(extent));
        log.expect_after().returning(|_, _| Ok(Vec::new()));
        EventService::new(Arc::new(log))
    }

    #[tokio::test]
    async fn a_position_that_the_log_does_not_reach_back_to_is_refused() {
        let service = service(LogExtent { first: 11, last: 20 });
        assert_eq!(service.after(Some(9), 5).await, Err(Error::EventsGone { asked: 9, oldest: 10 }));
        assert_eq!(service.after(Some(10), 5).await.map(|page| page.position), Ok(10));
        assert!(matches!(service.after(Some(21), 5).await, Err(Error::Invalid(_))));
    }

    #[tokio::test]
    async fn without_a_position_the_log_is_read_from_its_oldest_event() {
        let service = service(LogExtent { first: 11, last: 20 });
        assert_eq!(service.after(None, 5).await.map(|page| page.position), Ok(10));
    }
}
