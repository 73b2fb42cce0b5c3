//! The connections of both loops, on the one thread of the driver.

use std::{
    cell::RefCell,
    net::SocketAddr,
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::bail;
use hdrhistogram::Histogram;
use tokio::{
    sync::{Mutex, mpsc::UnboundedReceiver},
    task::spawn_local,
};

use super::{ByClass, Class, Offered};
use crate::{
    http::{Connection, write_request},
    measure::pacer,
    random::{Purpose, Random},
    subjects::Subjects,
};

/// How requests come.
#[derive(Clone, Copy, Debug)]
pub(super) enum Arrivals {
    /// Each connection sends its next one when the last was answered.
    Closed {
        /// How many connections.
        connections: u32,
    },
    /// At a constant rate.
    Open {
        /// Requests a second.
        rate: f64,
        /// How many may be under way.
        connections: u32,
    },
}

/// What may be asked for.
#[derive(Clone, Debug)]
pub(super) struct Material {
    pages: Rc<[Vec<u8>]>,
    lists: Rc<[Vec<u8>]>,
    actors: Rc<[String]>,
}

impl Material {
    /// First pages and actors that were found, and lists.
    pub(super) fn new(subjects: &Subjects, mut lists: Vec<Vec<u8>>) -> Self {
        lists.extend(subjects.deep.iter().cloned());
        let actors = subjects.material(&subjects.first, 0).actors;
        Self { pages: subjects.first.clone(), lists: lists.into(), actors }
    }
}

/// What all connections share.
struct Shared {
    is_counting: bool,
    is_over: bool,
    due: u64,
    classes: [Tally; Class::ALL.len()],
    late: Histogram<u64>,
    wrong: Option<String>,
}

struct Tally {
    shed: u64,
    latency: Histogram<u64>,
}

/// Microseconds, to a minute.
fn histogram() -> anyhow::Result<Histogram<u64>> {
    Ok(Histogram::new_with_bounds(1, 60_000_000, 3)?)
}

/// Drives the server and tells what came of it. Anything but a good answer or a 503 ends it.
pub(super) async fn drive(
    address: SocketAddr,
    material: &Material,
    arrivals: Arrivals,
    (warm_up, counted): (Duration, Duration),
) -> anyhow::Result<Offered> {
    let tally = || Ok::<_, anyhow::Error>(Tally { shed: 0, latency: histogram()? });
    let shared = Rc::new(RefCell::new(Shared {
        is_counting: false,
        is_over: false,
        due: 0,
        classes: [tally()?, tally()?, tally()?],
        late: histogram()?,
        wrong: None,
    }));
    let (connections, due) = match arrivals {
        Arrivals::Closed { connections } => (connections, None),
        Arrivals::Open { rate, connections } => (connections, Some(Rc::new(Mutex::new(pacer::start(rate))))),
    };
    let mut clients = Vec::new();
    for number in 0..connections {
        let connection = Connection::open(address).await?;
        let random = Random::new(0x0FFE, Purpose::Connection(number));
        let client = Client { connection, random, material: material.clone(), made: Vec::new() };
        clients.push(spawn_local(client.run(due.clone(), shared.clone())));
    }
    tokio::time::sleep(warm_up).await;
    shared.borrow_mut().is_counting = true;
    let began = Instant::now();
    tokio::time::sleep(counted).await;
    let seconds = began.elapsed().as_secs_f64();
    {
        let mut shared = shared.borrow_mut();
        shared.is_counting = false;
        shared.is_over = true;
    }
    for client in clients {
        client.await?;
    }
    let shared = shared.borrow();
    match &shared.wrong {
        Some(wrong) => bail!("{wrong}"),
        None => Ok(shared.told(seconds)),
    }
}

impl Shared {
    fn is_over(&self) -> bool {
        self.is_over || self.wrong.is_some()
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of a run are far below 2^53")]
    fn told(&self, seconds: f64) -> Offered {
        let ms = |micros: u64| micros as f64 / 1e3;
        let by_class = |class: Class| {
            let Tally { shed, latency } = &self.classes[class as usize];
            let at = |quantile| ms(latency.value_at_quantile(quantile));
            let max_ms = if latency.is_empty() { 0.0 } else { ms(latency.max()) };
            ByClass { class, answered: latency.len(), shed: *shed, p50_ms: at(0.5), p99_ms: at(0.99), max_ms }
        };
        let classes: Vec<_> = Class::ALL.into_iter().map(by_class).collect();
        let answered: u64 = classes.iter().map(|by| by.answered).sum();
        Offered {
            factor: None,
            offered: self.due as f64 / seconds,
            goodput: answered as f64 / seconds,
            classes,
            driver_late_p99_ms: ms(self.late.value_at_quantile(0.99)),
        }
    }
}

struct Client {
    connection: Connection,
    random: Random,
    material: Material,
    made: Vec<u8>,
}

impl Client {
    async fn run(mut self, due: Option<Rc<Mutex<UnboundedReceiver<Instant>>>>, shared: Rc<RefCell<Shared>>) {
        while !shared.borrow().is_over() {
            let free_since = Instant::now();
            let due = match &due {
                None => free_since,
                Some(due) => match due.lock().await.recv().await {
                    Some(due) => due,
                    None => break,
                },
            };
            {
                let mut shared = shared.borrow_mut();
                if shared.is_counting {
                    shared.due += 1;
                    if free_since < due {
                        shared.late.saturating_record(micros_since(due));
                    }
                }
            }
            self.ask(due, &shared).await;
        }
    }

    async fn ask(&mut self, due: Instant, shared: &RefCell<Shared>) {
        let class = self.draw();
        let answered = match class {
            Class::Write => self.connection.ask(&self.made).await,
            Class::List => self.connection.ask(self.random.one_of::<Vec<u8>>(&self.material.lists)).await,
            Class::FirstPage => {
                self.connection.ask(self.random.one_of::<Vec<u8>>(&self.material.pages)).await
            }
        };
        let mut shared = shared.borrow_mut();
        let is_counting = shared.is_counting;
        let tally = &mut shared.classes[class as usize];
        match answered {
            Ok(answer) if matches!(answer.status, 200 | 201) => {
                if is_counting {
                    tally.latency.saturating_record(micros_since(due));
                }
            }
            Ok(answer) if answer.status == 503 => tally.shed += u64::from(is_counting),
            Ok(answer) => {
                shared.wrong.get_or_insert_with(|| format!("{class:?} was answered with {}", answer.told()));
            }
            Err(error) => {
                shared.wrong.get_or_insert_with(|| format!("{class:?} was not answered: {error}"));
            }
        }
    }

    fn draw(&mut self) -> Class {
        let mut drawn = self.random.below(100);
        let mut class = Class::FirstPage;
        for each in Class::ALL {
            if drawn < each.share() {
                class = each;
                break;
            }
            drawn -= each.share();
        }
        if class == Class::Write {
            let actor = self.random.one_of(&self.material.actors);
            let body =
                format!(r#"{{"actor":"{actor}","verb":"update","object":"{:016x}"}}"#, self.random.bits());
            self.made.clear();
            write_request(&mut self.made, "POST", "/v1/activities", &body);
        }
        class
    }
}

fn micros_since(instant: Instant) -> u64 {
    u64::try_from(instant.elapsed().as_micros()).unwrap_or(u64::MAX).max(1)
}
