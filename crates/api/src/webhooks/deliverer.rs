//! The tasks that deliver: one for each webhook whose lease this process has, so that none waits for another, and one that
//! keeps the leases and looks whether something happened.

use std::{collections::HashMap, sync::Arc, time::Duration};

use feed_me_domain::{
    Timestamp, WebhookId,
    ports::{Claimed, Clock, EventLog},
    services::{DeliveryService, Line, Next, Step},
};
use tokio::{
    sync::{Notify, Semaphore, watch},
    task::JoinHandle,
    time::Instant,
};

use crate::metrics::Metrics;

/// How long a lease holds. Another process goes on after that where this one is gone without giving it back.
const LEASE: Duration = Duration::from_secs(6);
/// How often leases are renewed and taken.
const CLAIM_EVERY: Duration = Duration::from_secs(2);
/// Between two looks whether something was committed here; it costs no question.
const TICK: Duration = Duration::from_millis(25);
/// Between two looks whether something was committed elsewhere.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// So many tasks ask the store at a time, so that however many webhooks there are, requests have connections too.
const ASKING_MAX: usize = 2;
/// After so long a task looks again, whatever it waits for.
const REST_MAX: Duration = Duration::from_mins(1);
/// After trouble with the store: first, and at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// Delivers until it is stopped.
pub struct Deliverer {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// What the tasks share.
#[derive(Clone)]
struct Shared {
    service: Arc<DeliveryService>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    /// Taken while the store is asked, and not while a receiver is.
    asking: Arc<Semaphore>,
    /// The position of the last event that is known of.
    position: watch::Receiver<i64>,
    stop: watch::Receiver<bool>,
}

impl Shared {
    /// The next thing for a webhook.
    async fn step(&self, line: &mut Line) -> Result<Step, feed_me_domain::Error> {
        let next = {
            // It is never closed; were it, the store would be asked all the same.
            let _asking = self.asking.acquire().await;
            self.service.next(line).await?
        };
        match next {
            Next::Done(step) => Ok(step),
            Next::Send(prepared) => {
                let attempted = self.service.send(*prepared).await;
                let _asking = self.asking.acquire().await;
                self.service.settle(attempted).await
            }
        }
    }
}

/// A task that delivers for a webhook.
struct Running {
    task: JoinHandle<()>,
    wake: Arc<Notify>,
    claimed: Claimed,
}

impl Deliverer {
    /// Begins. `bell` is rung where somebody has changed something about webhooks in this process.
    pub fn start(
        service: Arc<DeliveryService>,
        log: Arc<dyn EventLog>,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
        bell: Arc<Notify>,
    ) -> Self {
        let (stop, stopped) = watch::channel(false);
        let (told, position) = watch::channel(0);
        let shared = Shared {
            service,
            clock,
            metrics,
            asking: Arc::new(Semaphore::new(ASKING_MAX)),
            position,
            stop: stopped,
        };
        let keeper = Keeper {
            shared,
            log,
            bell,
            told,
            looked_at: Instant::now(),
            running: HashMap::new(),
            is_trouble_told: false,
        };
        Self { stop, task: tokio::spawn(keeper.run()) }
    }

    /// Ends: what is being sent is waited for, for so long at most, and noted; then other processes may go on.
    pub async fn stop(self, patience: Duration) {
        // The task is there as long as this is.
        let _ = self.stop.send(true);
        let task = self.task.abort_handle();
        if tokio::time::timeout(patience, self.task).await.is_err() {
            task.abort();
            tracing::warn!("webhooks are still being delivered; what is under way will be sent again");
        }
    }
}

struct Keeper {
    shared: Shared,
    log: Arc<dyn EventLog>,
    bell: Arc<Notify>,
    told: watch::Sender<i64>,
    looked_at: Instant,
    running: HashMap<WebhookId, Running>,
    is_trouble_told: bool,
}

impl Keeper {
    async fn run(mut self) {
        let mut stop = self.shared.stop.clone();
        let mut claim_at = Instant::now();
        loop {
            let is_idle = self.running.is_empty();
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => break,
                () = self.bell.notified() => claim_at = Instant::now(),
                () = tokio::time::sleep_until(claim_at) => {}
                () = tokio::time::sleep(TICK), if !is_idle => {}
            }
            if claim_at <= Instant::now() {
                claim_at = Instant::now() + CLAIM_EVERY;
                let claimed = self.claim().await;
                self.tell(claimed);
            }
            if !self.running.is_empty()
                && let Err(error) = self.look().await
            {
                self.tell(Err(error));
            }
        }
        for (_, running) in self.running.drain() {
            // Each ends after what it is sending; one that panicked has told so.
            let _ = running.task.await;
        }
        if let Err(error) = self.shared.service.release().await {
            tracing::warn!(%error, "the leases of webhooks are not given back; they end by themselves");
        }
    }

    /// Tells trouble once, until leases can be kept again: between two claims most looks ask the store nothing.
    fn tell(&mut self, done: Result<(), feed_me_domain::Error>) {
        match done {
            Ok(()) => self.is_trouble_told = false,
            Err(error) if !self.is_trouble_told => {
                tracing::warn!(%error, "webhooks wait for the store");
                self.is_trouble_told = true;
            }
            Err(_) => {}
        }
    }

    /// Takes and renews leases, starts what has to be delivered from now on, and wakes what has changed.
    async fn claim(&mut self) -> Result<(), feed_me_domain::Error> {
        let lease_micros = i64::try_from(LEASE.as_micros()).unwrap_or(i64::MAX);
        let all = self.shared.service.claim(lease_micros).await?;
        self.running.retain(|_, running| !running.task.is_finished());
        // Those that are not among them end by themselves when they look.
        let is_lost = |id: &WebhookId| !all.iter().any(|claimed| claimed.id == *id);
        for (_, running) in self.running.iter().filter(|(id, _)| is_lost(id)) {
            running.wake.notify_one();
        }
        for claimed in all {
            if let Some(running) = self.running.get_mut(&claimed.id) {
                if running.claimed != claimed {
                    running.wake.notify_one();
                }
                running.claimed = claimed;
                continue;
            }
            let wake = Arc::new(Notify::new());
            let task = tokio::spawn(deliver(self.shared.clone(), claimed.id, wake.clone()));
            self.running.insert(claimed.id, Running { task, wake, claimed });
        }
        Ok(())
    }

    /// Looks whether something happened.
    async fn look(&mut self) -> Result<(), feed_me_domain::Error> {
        let known = *self.told.borrow();
        let mut position = self.log.last_committed().unwrap_or(0);
        if position <= known && LOOK_EVERY <= self.looked_at.elapsed() {
            self.looked_at = Instant::now();
            position = self.log.extent().await?.last;
        }
        self.told.send_if_modified(|told| {
            let is_new = *told < position;
            *told = position.max(*told);
            is_new
        });
        Ok(())
    }
}

/// Delivers for one webhook, one message after the other, as long as this process has its lease.
async fn deliver(mut shared: Shared, id: WebhookId, wake: Arc<Notify>) {
    let mut line = Line::new(id);
    let mut pause = PAUSES.0;
    while !*shared.stop.borrow() {
        // Before the step: what comes after its look counts as new.
        shared.position.mark_unchanged();
        let step = shared.step(&mut line).await;
        match step {
            Ok(Step::Sent(sent)) => {
                pause = PAUSES.0;
                shared.metrics.webhooks.sent(&sent);
                if let Some(status) = sent.switched_off {
                    tracing::warn!(webhook = %id, reason = status.as_str(), "a webhook was switched off");
                }
            }
            Ok(Step::Passed) => pause = PAUSES.0,
            Ok(Step::Idle(at)) => {
                let rest = rest_until(&*shared.clock, at);
                tokio::select! {
                    // The keeper is there as long as its tasks are.
                    _ = shared.position.changed() => {}
                    () = wake.notified() => {}
                    _ = shared.stop.wait_for(|stop| *stop) => {}
                    () = tokio::time::sleep(rest) => {}
                }
            }
            Ok(Step::Waiting(at)) => {
                let rest = rest_until(&*shared.clock, Some(at));
                tokio::select! {
                    () = wake.notified() => {}
                    _ = shared.stop.wait_for(|stop| *stop) => {}
                    () = tokio::time::sleep(rest) => {}
                }
            }
            Ok(Step::Over) => return,
            Err(error) => {
                // Once, until something goes well.
                if pause == PAUSES.0 {
                    tracing::warn!(webhook = %id, %error, "a webhook waits for the store");
                }
                tokio::select! {
                    _ = shared.stop.wait_for(|stop| *stop) => {}
                    () = tokio::time::sleep(pause) => {}
                }
                pause = (pause * 2).min(PAUSES.1);
            }
        }
    }
}

fn rest_until(clock: &dyn Clock, at: Option<Timestamp>) -> Duration {
    let Some(at) = at else { return REST_MAX };
    let micros = u64::try_from(at.micros().saturating_sub(clock.now().micros())).unwrap_or(0);
    // A millisecond more than the timers' resolution, so that it is not looked too early.
    Duration::from_micros(micros).saturating_add(Duration::from_millis(1)).min(REST_MAX)
}
