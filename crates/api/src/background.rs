//! What a server does beside answering: it forgets what is old, stores what can wait, and looks whether its index is right.

use std::{cell::Cell, future::Future, time::Duration};

use feed_me_domain::{
    Error, StoreError, Timestamp,
    ports::{Clock, Stores},
};
use tokio::task::{JoinHandle, spawn_local};

use crate::app::App;

/// How long a stored answer is repeated.
const KEYS_KEPT_HOURS: u64 = 24;
/// Between two rounds.
const ROUND_EVERY: Duration = Duration::from_mins(1);
/// Between two comparisons of a few users' feeds with the database.
const CHECK_EVERY: Duration = Duration::from_secs(20);
/// Between two counts of webhooks.
const TALLY_EVERY: Duration = Duration::from_secs(5);
/// How soon it is stored that a key was used.
const USES_EVERY: Duration = Duration::from_secs(1);
/// The most rows that one write takes away, so that requests do not wait long for their turn.
const STEP_ROWS: usize = 500;
/// Between two steps of a round.
const STEP_PAUSE: Duration = Duration::from_millis(50);

/// Runs until it is dropped.
pub struct Background {
    tasks: Vec<JoinHandle<()>>,
}

impl Background {
    /// Begins to forget stored answers older than a day, events and deliveries of webhooks older than `retention_hours`, to
    /// store when keys were used, to count webhooks, and to compare the index with the database.
    pub fn start(app: &App, retention_hours: u64) -> Self {
        let (stores, clock) = (app.stores.clone(), app.clock.clone());
        let keys = forever(ROUND_EVERY, "stored answers are not cleared away", move || {
            let (stores, before) = (stores.clone(), hours_ago(&*clock, KEYS_KEPT_HOURS));
            async move { sweep(&stores, before).await }
        });
        let (stores, clock) = (app.stores.clone(), app.clock.clone());
        let events = forever(ROUND_EVERY, "old events are not cleared away", move || {
            let (stores, before) = (stores.clone(), hours_ago(&*clock, retention_hours));
            async move {
                trim(&stores, before).await?;
                trim_deliveries(&stores, before).await
            }
        });
        let (webhooks, metrics) = (app.services.webhooks.clone(), app.services.metrics.clone());
        let tally = forever(TALLY_EVERY, "webhooks are not counted", move || {
            let (webhooks, metrics) = (webhooks.clone(), metrics.clone());
            async move {
                let (tally, behind) = webhooks.tally().await?;
                metrics.webhooks.tally(&tally, behind);
                Ok::<(), Error>(())
            }
        });
        let application_keys = app.services.application_keys.clone();
        let uses = forever(USES_EVERY, "the last uses of application keys are not stored", move || {
            let application_keys = application_keys.clone();
            async move { application_keys.store_uses().await }
        });
        let mut tasks = vec![spawn_local(keys), spawn_local(events), spawn_local(uses), spawn_local(tally)];
        if let Some(index) = app.index.clone() {
            let round = Cell::new(0);
            let metrics = app.services.metrics.clone();
            let checks = forever(CHECK_EVERY, "the index is not compared with the database", move || {
                let (index, number) = (index.clone(), round.replace(round.get() + 1));
                let metrics = metrics.clone();
                async move {
                    metrics.compared(index.spot_check(number).await?);
                    Ok::<(), StoreError>(())
                }
            });
            tasks.push(spawn_local(checks));
        }
        Self { tasks }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // A step is one transaction: it is done whole or not at all.
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// Repeats rounds. A failure is told once, and again only after a round that went well.
async fn forever<E: std::fmt::Display, F: Future<Output = Result<(), E>>>(
    every: Duration,
    trouble: &str,
    round: impl Fn() -> F,
) {
    let mut is_told = false;
    loop {
        tokio::time::sleep(every).await;
        match round().await {
            Ok(()) => is_told = false,
            Err(error) => {
                if !is_told {
                    tracing::warn!(%error, "{trouble}");
                }
                is_told = true;
            }
        }
    }
}

async fn sweep(stores: &Stores, before: Timestamp) -> Result<(), StoreError> {
    while stores.idempotency.sweep(before, STEP_ROWS).await? == STEP_ROWS {
        tokio::time::sleep(STEP_PAUSE).await;
    }
    Ok(())
}

async fn trim(stores: &Stores, before: Timestamp) -> Result<(), StoreError> {
    while stores.events.trim(before, STEP_ROWS).await? == STEP_ROWS {
        tokio::time::sleep(STEP_PAUSE).await;
    }
    Ok(())
}

async fn trim_deliveries(stores: &Stores, before: Timestamp) -> Result<(), StoreError> {
    while stores.webhooks.trim(before, STEP_ROWS).await? == STEP_ROWS {
        tokio::time::sleep(STEP_PAUSE).await;
    }
    Ok(())
}

fn hours_ago(clock: &dyn Clock, hours: u64) -> Timestamp {
    let micros = i64::try_from(hours).unwrap_or(i64::MAX).saturating_mul(3_600_000_000);
    clock.now().plus_micros(micros.saturating_neg())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use feed_me_adapters::{
        memory::MemoryStore,
        system::{SystemClock, SystemIds},
    };
    use feed_me_domain::{Given, PutUser, Username};

    use super::*;

    async fn stores_with_events(count: usize) -> Stores {
        let stores = Stores::of(Arc::new(MemoryStore::new(Arc::new(SystemClock), Arc::new(SystemIds))));
        for number in 0..count {
            let username = Username::parse(&format!("user-{number}")).unwrap();
            stores.users.put(PutUser { username, display_name: Given::Absent }).await.unwrap();
        }
        stores
    }

    #[tokio::test]
    async fn old_events_go_in_steps_until_none_is_left_but_the_last() {
        let events = STEP_ROWS * 2 + 3;
        let stores = stores_with_events(events).await;
        trim(&stores, hours_ago(&SystemClock, 1)).await.unwrap();
        let extent = stores.events.extent().await.unwrap();
        assert_eq!((extent.first, usize::try_from(extent.last).unwrap()), (1, events));
        trim(&stores, Timestamp::MAX).await.unwrap();
        let extent = stores.events.extent().await.unwrap();
        assert_eq!(extent.first, extent.last);
    }

    #[tokio::test]
    async fn a_round_that_fails_does_not_end_the_rounds() {
        let rounds = std::cell::Cell::new(0);
        let task = forever(Duration::from_millis(1), "trouble", || {
            rounds.set(rounds.get() + 1);
            async { Err(StoreError::Unavailable("down".to_owned())) }
        });
        assert!(tokio::time::timeout(Duration::from_millis(200), task).await.is_err());
        assert!(2 < rounds.get());
    }
}
