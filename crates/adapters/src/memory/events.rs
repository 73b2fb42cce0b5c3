//! The log of changes in memory.

use async_trait::async_trait;
use feed_me_domain::{
    StoreError, Timestamp, UserId, UserKey,
    ports::{EventLog, LogExtent, LoggedEvent},
};

use super::{MemoryStore, state::State};

#[async_trait]
impl EventLog for MemoryStore {
    async fn after(&self, position: i64, take: usize) -> Result<Vec<LoggedEvent>, StoreError> {
        let state = self.state.read();
        let id = |key: UserKey| -> Option<UserId> { Some(state.users.get(&key)?.id) };
        // Positions are dense, so the place of the first one wanted is known.
        let passed = position.saturating_add(1).saturating_sub(first(&state));
        let skip = usize::try_from(passed.max(0)).unwrap_or(usize::MAX);
        let events = state.events.iter().skip(skip).take(take).map(|event| LoggedEvent {
            position: event.position,
            at: event.at,
            kind: event.kind,
            activity: event.activity.map(|position| position.id),
            user: event.user.and_then(id),
            other: event.other.and_then(id),
        });
        Ok(events.collect())
    }

    async fn extent(&self) -> Result<LogExtent, StoreError> {
        let state = self.state.read();
        Ok(LogExtent { first: first(&state), last: state.counters.position })
    }

    fn last_committed(&self) -> Option<i64> {
        Some(self.state.read().counters.position)
    }

    async fn trim(&self, before: Timestamp, take: usize) -> Result<usize, StoreError> {
        let mut state = self.state.write();
        let all_but_last = state.events.len().saturating_sub(1);
        let old = state.events.iter().take_while(|event| event.at < before).count();
        let gone = old.min(all_but_last).min(take);
        state.events.drain(..gone);
        let first = first(&state);
        state.traces = state.traces.split_off(&first);
        Ok(gone)
    }
}

/// The position of the oldest event kept.
pub(super) fn first(state: &State) -> i64 {
    state.events.front().map_or(state.counters.position + 1, |event| event.position)
}
