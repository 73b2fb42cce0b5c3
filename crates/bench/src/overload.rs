//! Overload: what a server does that is asked for more than it can.
//!
//! First a *closed loop* finds the peak: how much of a mixed load is answered when every connection waits for its answer.
//! Then an *open loop* offers one, two and four times of it: requests come at a constant rate whether or not the server keeps
//! up, as those of many clients do who know nothing of each other, and latency counts from when a request was due. Goodput is
//! what was answered well; what was turned away is told by class.

mod drive;
mod report;

use std::{path::PathBuf, time::Duration};

use anyhow::{bail, ensure};
use clap::Args;
use serde::{Deserialize, Serialize};

use self::drive::{Arrivals, drive};
use crate::{
    http::get,
    results::Machine,
    run::Wish,
    server::{Server, Started, Wanted},
    subjects::Subjects,
};

/// `feed-me-bench overload`
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
The server is started by this command, on a core of its own, with a small pool so that the database is what is short.

Example:
  feed-me-bench overload --target sql@sqlite://bench.db --data 'size S' --out bench/results/overload.json")]
pub struct OverloadArgs {
    /// What to measure, as ENGINE@URL; may be given several times
    #[arg(long = "target", value_name = "ENGINE@URL", required = true)]
    pub targets: Vec<Wish>,
    /// What is in the databases, for the report
    #[arg(long, value_name = "WORDS", default_value = "unknown data")]
    pub data: String,
    /// The binary of the server
    #[arg(long, value_name = "FILE", default_value = "target/release/feed-me")]
    pub feed_me: PathBuf,
    /// Where the results go, as JSON; a table in Markdown and a chart in SVG go beside it
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// How long each load is counted
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0)]
    pub seconds: f64,
    /// How long each load is driven before
    #[arg(long, value_name = "SECONDS", default_value_t = 3.0)]
    pub warm_up: f64,
    /// How many connections ask at once to find the peak
    #[arg(long, value_name = "COUNT", default_value_t = 16)]
    pub connections: u32,
    /// How many connections the open loop has at most
    #[arg(long, value_name = "COUNT", default_value_t = 2000)]
    pub open_connections: u32,
    /// The connections of the server to its database
    #[arg(long, value_name = "COUNT", default_value_t = 2)]
    pub pool_size: u32,
    /// The command that the report tells, where this one is called by another
    #[arg(long, value_name = "COMMAND")]
    pub told_as: Option<String>,
}

/// What is offered, as multiples of the peak.
const FACTORS: [f64; 3] = [1.0, 2.0, 4.0];
/// What has to be left of the peak at the last of them.
const GOODPUT_MIN: f64 = 0.8;
/// How long anybody who was let in may wait: a connection of the database (two seconds), and the work itself.
const LATENCY_MAX_MS: f64 = 5_000.0;

/// What a request is to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// A list.
    List,
    /// The first page of a friends feed.
    FirstPage,
    /// A post.
    Write,
}

impl Class {
    /// All of them, the least important first.
    pub const ALL: [Self; 3] = [Self::List, Self::FirstPage, Self::Write];

    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::List => "lists",
            Self::FirstPage => "first pages",
            Self::Write => "writes",
        }
    }

    /// How many of a hundred requests are of it.
    fn share(self) -> u64 {
        match self {
            Self::List | Self::Write => 20,
            Self::FirstPage => 60,
        }
    }
}

/// All of one run.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Overload {
    /// Where and when.
    pub machine: Machine,
    /// The command that does it again.
    pub command: String,
    /// What was loaded.
    pub data: String,
    /// Seconds that each load was counted for.
    pub seconds: f64,
    /// Connections of the server to its database.
    pub pool_size: u32,
    /// One for each database and engine.
    pub targets: Vec<Target>,
}

/// A database with an engine.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Target {
    /// `SQLite` or `PostgreSQL`.
    pub database: String,
    /// `sql` or `index`.
    pub engine: String,
    /// The closed loop.
    pub peak: Offered,
    /// The open loop at each multiple.
    pub loads: Vec<Offered>,
}

/// What came of a load.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Offered {
    /// The multiple of the peak; none: the closed loop.
    pub factor: Option<f64>,
    /// Requests that were due in a second.
    pub offered: f64,
    /// Those answered well in a second.
    pub goodput: f64,
    /// By class, in the order of [`Class::ALL`].
    pub classes: Vec<ByClass>,
    /// How late requests left the driver although a connection was free, 99 of 100, in milliseconds.
    pub driver_late_p99_ms: f64,
}

/// What came of the requests of a class.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct ByClass {
    /// The class.
    pub class: Class,
    /// Answered well.
    pub answered: u64,
    /// Turned away with a 503.
    pub shed: u64,
    /// From when they were due until the answer was there, in milliseconds, of those answered well.
    pub p50_ms: f64,
    /// 99 of 100.
    pub p99_ms: f64,
    /// The longest.
    pub max_ms: f64,
}

impl Offered {
    /// The longest wait of anybody who was let in.
    pub fn max_ms(&self) -> f64 {
        self.classes.iter().map(|class| class.max_ms).fold(0.0, f64::max)
    }
}

impl Target {
    /// The share of the peak that is left at the last multiple.
    pub fn left(&self) -> f64 {
        self.loads.last().map_or(0.0, |load| load.goodput / self.peak.goodput.max(1.0))
    }

    /// What does not hold, in words.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.left() < GOODPUT_MIN {
            faults.push(format!(
                "only {:.0} % of the peak are left, not {:.0}",
                self.left() * 100.0,
                GOODPUT_MIN * 100.0
            ));
        }
        let longest = self.loads.iter().map(Offered::max_ms).fold(0.0, f64::max);
        if LATENCY_MAX_MS < longest {
            faults.push(format!("somebody who was let in waited {longest:.0} ms"));
        }
        faults
    }
}

/// Measures all targets and writes the results. Fails where less holds than has to, once all is written.
pub async fn overload(args: &OverloadArgs) -> anyhow::Result<()> {
    let mut results = Overload {
        machine: Machine::here(),
        command: args.told_as.clone().unwrap_or_else(|| std::env::args().collect::<Vec<_>>().join(" ")),
        data: args.data.clone(),
        seconds: args.seconds,
        pool_size: args.pool_size,
        targets: Vec::new(),
    };
    let mut faults = Vec::new();
    for wish in &args.targets {
        let target = target(args, wish, &mut results.machine).await?;
        let told = format!("{} / {}", target.database, target.engine);
        faults.extend(target.faults().into_iter().map(|fault| format!("{told}: {fault}")));
        results.targets.push(target);
        report::write(&args.out, &results)?;
    }
    ensure!(faults.is_empty(), "{}", faults.join("; "));
    Ok(())
}

async fn target(args: &OverloadArgs, wish: &Wish, machine: &mut Machine) -> anyhow::Result<Target> {
    let pool_size = args.pool_size.to_string();
    // More than the driver has, so that it is the wait for the database that decides.
    let settings = [("FEEDME__DATABASE__POOL_SIZE", pool_size.as_str()), ("FEEDME__SERVER__WORKERS", "1")];
    let wanted = Wanted {
        feed_me: &args.feed_me,
        database: wish.database(),
        engine: wish.engine(),
        settings: &settings,
        logs_requests: false,
    };
    let mut server = match Server::start(&wanted)? {
        Started::Yes(server) => server,
        Started::Refused(why) => bail!("the server refuses: {why}"),
    };
    machine.is_pinned = server.is_pinned();
    server.wait_until_ready(wish.engine() == "index")?;
    let subjects = Subjects::find(server.address(), 1).await?;
    let lists = [get("/v1/users?limit=20"), get("/v1/events?limit=20")];
    let material = drive::Material::new(&subjects, lists.to_vec());
    let time = (Duration::from_secs_f64(args.warm_up), Duration::from_secs_f64(args.seconds));
    let closed = Arrivals::Closed { connections: args.connections };
    let peak = drive(server.address(), &material, closed, time).await?;
    told(wish, &peak);
    let mut loads = Vec::new();
    for factor in FACTORS {
        let arrivals = Arrivals::Open { rate: peak.goodput * factor, connections: args.open_connections };
        let load =
            Offered { factor: Some(factor), ..drive(server.address(), &material, arrivals, time).await? };
        told(wish, &load);
        loads.push(load);
        server.empty_log()?;
    }
    Ok(Target { database: wish.database().kind().to_owned(), engine: wish.engine().to_owned(), peak, loads })
}

fn told(wish: &Wish, load: &Offered) {
    let name = load.factor.map_or_else(|| "peak".to_owned(), |factor| format!("{factor}x"));
    let classes = load.classes.iter().map(|by| {
        format!("{}: {} answered, {} shed, p99 {:.0} ms", by.class.name(), by.answered, by.shed, by.p99_ms)
    });
    eprintln!(
        "{} {} {name:<5} offered {:>7.0}/s  goodput {:>7.0}/s  longest {:>6.0} ms  driver late {:.1} ms  ({})",
        wish.database().kind(),
        wish.engine(),
        load.offered,
        load.goodput,
        load.max_ms(),
        load.driver_late_p99_ms,
        classes.collect::<Vec<_>>().join("; ")
    );
}
