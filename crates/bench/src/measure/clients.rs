//! The connections: each a task on the one thread of the driver.

use std::{cell::RefCell, net::SocketAddr, rc::Rc, time::Instant};

use tokio::{
    sync::{Mutex, mpsc::UnboundedReceiver},
    task::{JoinHandle, spawn_local},
};

use super::tally::Tally;
use crate::{
    http::Connection,
    script::{Kind, Script},
};

/// What all connections share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) tally: Tally,
    pub(super) is_counting: bool,
    pub(super) is_over: bool,
    /// The first answer that was not right.
    pub(super) wrong: Option<String>,
}

type SharedHere = Rc<RefCell<Shared>>;
type Clients = Vec<JoinHandle<()>>;

impl Shared {
    pub(super) fn new() -> anyhow::Result<Self> {
        Ok(Self { tally: Tally::new()?, is_counting: false, is_over: false, wrong: None })
    }

    fn is_over(&self) -> bool {
        self.is_over || self.wrong.is_some()
    }
}

/// Connections that ask again as soon as they are answered.
pub(super) async fn closed(
    address: SocketAddr,
    scripts: Vec<Script>,
    shared: &SharedHere,
) -> std::io::Result<Clients> {
    let mut clients = Vec::new();
    for mut script in scripts {
        let mut connection = Connection::open(address).await?;
        let shared = shared.clone();
        clients.push(spawn_local(async move {
            while !shared.borrow().is_over() {
                let began = Instant::now();
                let kind = script.advance();
                ask(&mut connection, &script, kind, began, &shared).await;
            }
            settle(&mut connection, &mut script, &shared).await;
        }));
    }
    Ok(clients)
}

/// Connections that take what is due, whichever is free.
pub(super) async fn open(
    address: SocketAddr,
    scripts: Vec<Script>,
    shared: &SharedHere,
    due: UnboundedReceiver<Instant>,
) -> std::io::Result<Clients> {
    let due = Rc::new(Mutex::new(due));
    let mut clients = Vec::new();
    for mut script in scripts {
        let mut connection = Connection::open(address).await?;
        let (shared, due) = (shared.clone(), due.clone());
        clients.push(spawn_local(async move {
            while !shared.borrow().is_over() {
                let waiting_since = Instant::now();
                let Some(due) = due.lock().await.recv().await else { break };
                if shared.borrow().is_counting && waiting_since < due {
                    shared.borrow_mut().tally.late(nanos_since(due));
                }
                let kind = script.advance();
                ask(&mut connection, &script, kind, due, &shared).await;
            }
            settle(&mut connection, &mut script, &shared).await;
        }));
    }
    Ok(clients)
}

/// Sends one request and counts its answer from `began`.
async fn ask(connection: &mut Connection, script: &Script, kind: Kind, began: Instant, shared: &SharedHere) {
    let answered = connection.ask(script.request()).await;
    let nanos = nanos_since(began);
    let mut shared = shared.borrow_mut();
    match answered {
        Ok(answer) if script.is_right(&answer) => {
            if shared.is_counting {
                shared.tally.answered(kind, nanos, answer.body.len());
            }
        }
        Ok(answer) => {
            shared.wrong.get_or_insert_with(|| format!("{kind:?} was answered with {}", answer.told()));
        }
        Err(error) => {
            shared.wrong.get_or_insert_with(|| format!("{kind:?} was not answered: {error}"));
        }
    }
}

/// Leaves nothing behind that the next scenario would stumble over.
async fn settle(connection: &mut Connection, script: &mut Script, shared: &SharedHere) {
    if shared.borrow().wrong.is_none()
        && let Some(kind) = script.settle()
    {
        ask(connection, script, kind, Instant::now(), shared).await;
    }
}

fn nanos_since(instant: Instant) -> u64 {
    u64::try_from(instant.elapsed().as_nanos()).unwrap_or(u64::MAX)
}
