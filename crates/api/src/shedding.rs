//! Who is turned away when there is too much to do: what matters least goes first.
//!
//! Two things are measured: how many requests are under way, and how long one would have to wait for the database
//! (`feed_me_adapters::watch`). A request is turned away where that wait is more than its rank may cause: lists and deep
//! pages at the target of the settings, first pages at twice of it, writes at five times. So each rank keeps a queue of its
//! own length before the same database: what matters less never makes what matters more wait longer than its own bound,
//! the database never runs idle while somebody is turned away, and who is let in waits no longer than about that bound.
//! Waiting time, not its length or the load of the processor, is what is looked at, as `CoDel` does (RFC 8289) and as
//! `DAGOR` does for services with priorities (Zhou and others, "Overload control for scaling `WeChat` microservices", 2018).
//! Both see the wait when it is over and have to guess how much to drop; here the queue is our own, so that it is known
//! before (those ahead, by the time of a turn), and no controller has to find a rate.
//!
//! What surely needs the database is looked at before anything else is done for it. A feed may come from memory: it is let
//! in, and asked again where it would really have to wait.

use std::{
    cell::Cell,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use crate::{
    app::{Index, Line, Queues, Watch},
    metrics::Metrics,
    problem::{self, Failure},
    services::Services,
    settings::Settings,
    traffic::{Needs, Traffic},
};

/// How much a request matters, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// Lists, and pages that are not the first.
    List,
    /// First pages, and whatever else only reads one thing.
    FirstPage,
    /// What writes.
    Write,
    /// Health and metrics: never turned away.
    Never,
}

/// What there was too much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The wait for the database.
    Queue,
    /// Requests under way.
    Requests,
}

impl Reason {
    /// All of them, in their order.
    pub const ALL: [Self; 2] = [Self::Queue, Self::Requests];

    /// As metrics call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Requests => "requests",
        }
    }
}

impl Rank {
    /// Those that may be turned away, in their order.
    pub const SHED: [Self; 3] = [Self::List, Self::FirstPage, Self::Write];

    /// As metrics call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::FirstPage => "first_page",
            Self::Write => "write",
            Self::Never => "never",
        }
    }

    /// The longest wait that it may join, as a multiple of the target.
    fn patience(self) -> Option<u32> {
        match self {
            Self::List => Some(1),
            Self::FirstPage => Some(2),
            Self::Write => Some(5),
            Self::Never => None,
        }
    }

    /// The share of all requests, in quarters, at which it is turned away.
    fn quarters(self) -> Option<usize> {
        match self {
            Self::List => Some(2),
            Self::FirstPage => Some(3),
            Self::Write => Some(4),
            Self::Never => None,
        }
    }
}

tokio::task_local! {
    /// The request that a task works for.
    static STANDING: Standing;
}

struct Standing {
    rank: Rank,
    is_refused: Cell<bool>,
}

/// Decides who is let in.
pub struct Gate {
    target: Option<Duration>,
    requests_max: usize,
    in_flight: AtomicUsize,
    queues: Option<Queues>,
    index: Option<Index>,
    metrics: Arc<Metrics>,
}

impl Gate {
    /// As the settings want it. From now on the lines before the database ask it.
    pub fn new(services: &Services, settings: &Settings) -> Arc<Self> {
        let target = Duration::from_millis(settings.database.queue_target_ms);
        let gate = Arc::new(Self {
            target: Some(target).filter(|target| !target.is_zero()),
            requests_max: settings.server.max_requests,
            in_flight: AtomicUsize::new(0),
            queues: services.queues.clone(),
            index: services.index.clone(),
            metrics: services.metrics.clone(),
        });
        let watch: Arc<dyn Watch> = gate.clone();
        for queue in services.queues.iter().flat_map(Queues::all) {
            queue.watch(&watch);
        }
        gate
    }

    /// Lets a request in, until the answer goes, or turns it away.
    pub fn enter(self: &Arc<Self>, traffic: Traffic) -> Result<Inside, Failure> {
        let inside = Inside { gate: self.clone(), rank: traffic.rank };
        let in_flight = self.in_flight.fetch_add(1, Ordering::Relaxed);
        if traffic.rank.quarters().is_some_and(|quarters| self.requests_max * quarters / 4 <= in_flight) {
            return Err(self.turned_away(traffic.rank, Reason::Requests));
        }
        let line = match traffic.needs {
            Needs::Reading => Some(Line::Read),
            Needs::Writing => Some(Line::Write),
            // While memory answers, the wait for the database is none of its business.
            Needs::Feed => (!self.has_memory()).then_some(Line::Read),
            Needs::Nothing => None,
        };
        if let (Some(line), Some(queues)) = (line, &self.queues)
            && !self.is_patient(traffic.rank, queues.line(line).expected_wait())
        {
            return Err(self.turned_away(traffic.rank, Reason::Queue));
        }
        Ok(inside)
    }

    fn has_memory(&self) -> bool {
        self.index.as_ref().is_some_and(|index| index.status().is_serving)
    }

    fn is_patient(&self, rank: Rank, expected: Duration) -> bool {
        let bound = self.target.zip(rank.patience()).map(|(target, times)| target * times);
        bound.is_none_or(|bound| expected <= bound)
    }

    fn turned_away(&self, rank: Rank, reason: Reason) -> Failure {
        self.metrics.admission.shed(rank, reason);
        busy()
    }
}

fn busy() -> Failure {
    let detail = "there is too much to do at the moment, and this can wait; try again a little later";
    Failure::new(problem::OVERLOADED, detail)
}

impl Watch for Gate {
    fn may_wait(&self, _: Line, expected: Duration) -> bool {
        // What no request asked for is the server's own business.
        let asked = STANDING.try_with(|standing| {
            let may = self.is_patient(standing.rank, expected);
            if !may {
                standing.is_refused.set(true);
                self.metrics.admission.shed(standing.rank, Reason::Queue);
            }
            may
        });
        asked.unwrap_or(true)
    }

    fn waited(&self, line: Line, waited: Duration) {
        self.metrics.admission.waited(line, waited);
    }

    fn grouped(&self, writes: usize) {
        self.metrics.admission.grouped(writes);
    }
}

/// A request that was let in, until this goes.
pub struct Inside {
    gate: Arc<Gate>,
    rank: Rank,
}

impl Inside {
    /// Works for the request. Says, beside the outcome, whether it was turned away where it would have had to wait.
    pub async fn work<T>(&self, work: impl Future<Output = T>) -> (T, Option<Failure>) {
        let standing = Standing { rank: self.rank, is_refused: Cell::new(false) };
        STANDING
            .scope(standing, async {
                let outcome = work.await;
                (outcome, STANDING.with(|standing| standing.is_refused.get()).then(busy))
            })
            .await
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.gate.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
