//! Following: taking in what changes, in the order of the log.

use std::{sync::atomic::Ordering, time::Duration};

use feed_me_domain::{StoreError, ports::Change};

use super::{FeedIndex, state::Unfit};

/// How many changes are taken in at once: a page waits for no more than these.
const STEP: usize = 500;
/// How long a write's answer waits for the index. After that the answer goes out, and feeds are read from the store until
/// the index has caught up.
const PATIENCE: Duration = Duration::from_secs(2);
/// Between two attempts to fill; to follow is tried as often as to look.
const PAUSE: Duration = Duration::from_secs(1);

/// What comes next in the log.
pub(super) enum Step {
    /// These changes.
    Took(Vec<Change>),
    /// Nothing, as yet.
    Nothing,
}

impl FeedIndex {
    /// Fills the index and follows the log, for as long as it is polled. `told` hears what happens.
    pub async fn keep(&self, mut told: impl FnMut(IndexEvent)) {
        let mut is_trouble_told = false;
        let mut is_woken = false;
        loop {
            let before = self.reached.load(Ordering::Acquire);
            let outcome = if self.is_following.load(Ordering::Acquire) {
                self.catch_up().await
            } else {
                let filled = self.fill().await;
                if filled.is_ok() {
                    told(IndexEvent::Serves);
                }
                filled
            };
            match outcome {
                Ok(()) => is_trouble_told = false,
                Err(error) => {
                    self.is_cut_off();
                    if !is_trouble_told {
                        told(IndexEvent::Trouble(error));
                    }
                    is_trouble_told = true;
                    let is_following = self.is_following.load(Ordering::Acquire);
                    tokio::time::sleep(if is_following { self.options.look_every } else { PAUSE }).await;
                    continue;
                }
            }
            let look = tokio::time::sleep(self.options.look_every);
            let reached = self.reached.load(Ordering::Acquire);
            if is_woken && reached == before {
                // Woken for nothing, and so it would be again.
                look.await;
                is_woken = false;
            } else {
                is_woken = tokio::select! {
                    () = self.events.grown(reached.max(self.facts.committed())) => true,
                    () = look => false,
                };
            }
        }
    }

    /// Takes in everything that has happened by now, also through other processes.
    pub async fn catch_up(&self) -> Result<(), StoreError> {
        if !self.is_following.load(Ordering::Acquire) {
            return Ok(());
        }
        let _turn = self.turn.lock().await;
        while self.step().await? {}
        Ok(())
    }

    /// Takes in what was committed through this process. Called after each write, before its answer goes out.
    pub(super) async fn note(&self) {
        let committed = self.facts.committed();
        if !self.is_following.load(Ordering::Acquire) || committed <= self.reached.load(Ordering::Acquire) {
            return;
        }
        let reached = tokio::time::timeout(PATIENCE, self.reach(committed)).await;
        if !matches!(reached, Ok(Ok(()))) {
            self.owed.fetch_max(committed, Ordering::AcqRel);
        }
    }

    async fn reach(&self, position: i64) -> Result<(), StoreError> {
        let failed_looks = self.failed_looks.load(Ordering::Acquire);
        let _turn = self.turn.lock().await;
        // Who had the turn before may have taken this in as well.
        while self.reached.load(Ordering::Acquire) < position {
            let recent = self.recent();
            if !recent.is_empty() {
                self.take(&recent).await?;
                continue;
            }
            if self.failed_looks.load(Ordering::Acquire) != failed_looks {
                // Otherwise each of those who wait would wait for a database that is away, one after the other.
                return Err(StoreError::Unavailable("the log could not be read a moment ago".to_owned()));
            }
            match self.step().await {
                Ok(true) => {}
                Ok(false) => {
                    let detail = "the log does not show what was committed";
                    return Err(StoreError::Unavailable(detail.to_owned()));
                }
                Err(error) => {
                    self.failed_looks.fetch_add(1, Ordering::AcqRel);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// What comes next and was committed here, where the store still has it at hand. Of a lone post a quarter of its work
    /// was to read its change from the log, on another thread and before the answer went out. To whom the log showed
    /// rows that are newer than its events it would show what was before; and it says nothing of others, so nobody is
    /// fresh by it.
    fn recent(&self) -> Vec<Change> {
        let is_exact = self.is_following.load(Ordering::Acquire)
            && self.is_level.load(Ordering::Acquire)
            && self.facts.breaks() == self.breaks.load(Ordering::Acquire);
        if is_exact { self.facts.recent(self.reached.load(Ordering::Acquire), STEP) } else { Vec::new() }
    }

    /// Takes in the next changes of the log; says whether there were any. Only for who has the turn.
    async fn step(&self) -> Result<bool, StoreError> {
        if !self.is_following.load(Ordering::Acquire) {
            return Ok(false);
        }
        let began = self.elapsed_ms();
        let next = self.next_changes(self.reached.load(Ordering::Acquire)).await;
        if self.facts.breaks() != self.breaks.load(Ordering::Acquire) {
            // What came next is that of another log.
            self.stop_following();
            self.owed.store(0, Ordering::Release);
            return Err(StoreError::Unavailable("the log may have lost its end; it is read anew".to_owned()));
        }
        let changes = match next? {
            Step::Took(changes) => changes,
            Step::Nothing => Vec::new(),
        };
        let is_end = changes.len() < STEP;
        self.is_level.store(is_end, Ordering::Release);
        if !changes.is_empty() {
            self.take(&changes).await?;
        }
        if is_end {
            self.is_fresh_since(began);
        }
        Ok(!changes.is_empty())
    }

    /// Makes changes part of the copy, and has forgotten what went by them.
    async fn take(&self, changes: &[Change]) -> Result<(), StoreError> {
        match self.take_in(changes) {
            Ok(gone) => {
                if !gone.is_empty() {
                    self.forgetting.read().iter().for_each(|listener| listener.forget(&gone));
                }
                Ok(())
            }
            Err(Unfit::Everything) => self.fill_in_turn().await,
            Err(unfit) => {
                self.stop_following();
                Err(unfit.into())
            }
        }
    }

    /// Applies changes; answers which activities went.
    fn take_in(&self, changes: &[Change]) -> Result<Vec<feed_me_domain::ActivityId>, Unfit> {
        let mut state = self.state.write();
        let Some(state) = &mut *state else { return Err(Unfit::Everything) };
        changes.iter().try_for_each(|change| state.apply(change))?;
        let gone = state.take_gone();
        self.has_reached(state.position);
        Ok(gone)
    }

    /// What comes after a position. Where the log does not reach back so far any more, the copy is of no use.
    pub(super) async fn next_changes(&self, after: i64) -> Result<Step, StoreError> {
        let changes = self.facts.changes(after, STEP).await?;
        match changes.first() {
            None => Ok(Step::Nothing),
            Some(first) if first.position == after + 1 => Ok(Step::Took(changes)),
            Some(first) => {
                let resets = changes
                    .iter()
                    .any(|change| change.facts.contains(&feed_me_domain::ports::Fact::Everything));
                if resets {
                    // A reset clears the log before itself.
                    return Ok(Step::Took(changes));
                }
                self.stop_following();
                let detail = format!("the log begins at {} and not at {}", first.position, after + 1);
                Err(StoreError::Failed(detail))
            }
        }
    }

    /// From now on the store answers, until the index is filled anew.
    fn stop_following(&self) {
        self.is_following.store(false, Ordering::Release);
        *self.state.write() = None;
    }
}

/// What happens to an index that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IndexEvent {
    /// It is filled, and answers from now on.
    Serves,
    /// It cannot be filled, or cannot follow; told once, until things went well again.
    Trouble(StoreError),
}
