//! Driving a server and timing its answers.
//!
//! *Closed loop*: every connection sends its next request when the last one was answered, so the server is always busy and
//! the rate is the highest that it has. *Open loop*: requests are due at fixed times, whether or not the server keeps up,
//! and the latency counts from when a request was due, so that a stall is felt by all that should have been sent meanwhile.

mod clients;
mod pacer;
mod tally;

use std::{cell::RefCell, net::SocketAddr, rc::Rc, time::Duration};

use anyhow::bail;

use self::{clients::Shared, tally::Tally};
use crate::{
    results::{Latency, Measured},
    script::{Material, Mix, Script},
    usage::{Usage, Watched},
};

/// How long, by how many.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// How many connections.
    pub connections: u32,
    /// How long to drive before anything counts.
    pub warm_up: Duration,
    /// How long to count.
    pub counted: Duration,
    /// How many requests are due in a second; none: as many as go.
    pub rate: Option<f64>,
    /// Whether the driver never sleeps. To wake it costs the server 5 µs of CPU an answer in a virtual machine, and the
    /// slower the server, the more often the driver has gone to sleep: what is compared would be the driver. Not where
    /// PostgreSQL needs the driver's core.
    pub is_awake: bool,
}

/// Keeps the driver's thread from sleeping: whenever nothing else is to be done, sockets are looked at again.
async fn stay_awake() {
    loop {
        tokio::task::yield_now().await;
    }
}

/// Drives the server at `address` with `mix` and tells what came of it. The first wrong answer ends it.
pub async fn measure(
    address: SocketAddr,
    watched: &Watched,
    mix: Mix,
    material: impl Fn(u32) -> Material,
    load: Load,
) -> anyhow::Result<Measured> {
    let scripts = (0..load.connections).map(|number| Script::new(mix, material(number), number)).collect();
    let shared = Rc::new(RefCell::new(Shared::new()?));
    let clients = match load.rate {
        None => clients::closed(address, scripts, &shared).await?,
        Some(rate) => {
            let due = if load.is_awake { pacer::watch(rate) } else { pacer::start(rate) };
            clients::open(address, scripts, &shared, due).await?
        }
    };
    let awake = (load.is_awake && load.rate.is_none()).then(|| tokio::task::spawn_local(stay_awake()));
    tokio::time::sleep(load.warm_up).await;
    shared.borrow_mut().is_counting = true;
    let before = watched.usage();
    tokio::time::sleep(load.counted).await;
    let after = watched.usage();
    {
        let mut shared = shared.borrow_mut();
        shared.is_counting = false;
        shared.is_over = true;
    }
    for client in clients {
        client.await?;
    }
    if let Some(awake) = awake {
        awake.abort();
    }
    let shared = shared.borrow();
    if let Some(wrong) = &shared.wrong {
        bail!("{wrong}");
    }
    Ok(measured(&shared.tally, &before, &after, watched.memory()))
}

fn measured(tally: &Tally, before: &Usage, after: &Usage, memory: u64) -> Measured {
    let seconds = after.at.duration_since(before.at).as_secs_f64();
    let requests = tally.count();
    #[expect(clippy::cast_precision_loss, reason = "microseconds of minutes, and counts, are far below 2^53")]
    let number = |count: u64| count as f64;
    let each = |after: u64, before: u64| number(after.saturating_sub(before)) / number(requests.max(1));
    let share = |after: u64, before: u64| number(after.saturating_sub(before)) / 1e6 / seconds;
    let postgres = after.postgres_us.zip(before.postgres_us);
    let server_share = share(after.server_us, before.server_us);
    let driver_share = share(after.driver_us, before.driver_us);
    let postgres_share = postgres.map_or(0.0, |(after, before)| share(after, before));
    let machine_share = share(after.machine_us, before.machine_us);
    Measured {
        requests,
        per_second: number(requests) / seconds,
        latency: Latency::of(tally.main()),
        write_latency: tally.writes_beside_reads().map(Latency::of),
        lateness: tally.lateness().map(Latency::of),
        server_cpu_us: each(after.server_us, before.server_us),
        postgres_cpu_us: postgres.map(|(after, before)| each(after, before)),
        memory_bytes: memory,
        server_share,
        driver_share,
        others_share: (machine_share - server_share - driver_share - postgres_share).max(0.0),
        body_bytes: tally.body_bytes(),
    }
}
