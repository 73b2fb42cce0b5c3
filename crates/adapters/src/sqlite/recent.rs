//! What was committed last, for who follows the log within the process: what a commit knows need not be read again.

use std::{
    collections::VecDeque,
    sync::atomic::{AtomicBool, Ordering},
};

use feed_me_domain::{
    ports::Change,
    sequence::{Event, EventKind},
};
use parking_lot::Mutex;

/// How many changes are kept. Who follows takes them one write after the other; who is further behind reads the log.
pub(super) const CHANGES_MAX: usize = 1024;
/// A commit with more events than these (an import, a large batch) is left to the log: nobody waits for so many rows to be
/// read before it.
pub(super) const EVENTS_MAX: usize = 256;

/// Changes whose positions are dense, the newest last.
#[derive(Default)]
pub(super) struct Recent {
    /// Somebody has asked for them.
    is_wanted: AtomicBool,
    changes: Mutex<VecDeque<Change>>,
}

impl Recent {
    /// At most `take` changes that follow a position; none where the next one is not here. Once it was asked for, changes
    /// are kept.
    pub(super) fn after(&self, position: i64, take: usize) -> Vec<Change> {
        self.is_wanted.store(true, Ordering::Relaxed);
        let changes = self.changes.lock();
        let passed = changes.front().map(|first| position + 1 - first.position);
        match passed.and_then(|passed| usize::try_from(passed).ok()) {
            Some(passed) => changes.iter().skip(passed).take(take).cloned().collect(),
            None => Vec::new(),
        }
    }

    /// Whether the changes of these events are to be kept.
    pub(super) fn wants(&self, events: &[Event]) -> bool {
        events.len() <= EVENTS_MAX && self.is_wanted.load(Ordering::Relaxed)
    }

    /// What a commit changed. Where others have written in between, or a commit was left to the log, what was before is of no
    /// use any more.
    pub(super) fn push(&self, new: Vec<Change>) {
        let Some(first) = new.first() else { return };
        let mut changes = self.changes.lock();
        let follows = changes.back().is_none_or(|last| last.position + 1 == first.position);
        // What was known of somebody who is erased is kept nowhere.
        if !follows || new.iter().any(|change| change.kind == EventKind::UserErased) {
            changes.clear();
        }
        changes.extend(new);
        let over = changes.len().saturating_sub(CHANGES_MAX);
        changes.drain(..over);
    }

    /// Forgets all.
    pub(super) fn forget(&self) {
        self.changes.lock().clear();
    }
}
