//! A run: every scenario on every database and engine, with the constant body beside it.

mod anew;
mod constants;
mod durable;
mod plan;

use std::{
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use anyhow::{Context, ensure};
use clap::Args;

use self::{constants::Pace, plan::Named};
use crate::{
    database::Database,
    measure::{Load, measure},
    results::{Machine, Outcome, Results, Scenario, Target},
    script::Mix,
    server::{Server, Started, Wanted},
    subjects::Subjects,
    usage::Watched,
};

/// `feed-me-bench run`
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Each target is ENGINE@URL and is measured on a server of its own, which this command starts. What a server refuses is \
left out, and the report says why. Writes stay in the databases.

Examples:
  feed-me-bench run --target sql@sqlite://bench.db --data 'size S' --out bench/results/S.json
  FEEDME__FEED__INDEX_MEMORY=2147483648 feed-me-bench run --target index@postgres://…/l --data 'size L' --out L.json")]
pub struct RunArgs {
    /// What to measure, as ENGINE@URL; may be given several times
    #[arg(long = "target", value_name = "ENGINE@URL", required = true)]
    pub targets: Vec<Wish>,
    /// What is in the databases, for the report
    #[arg(long, value_name = "WORDS", default_value = "unknown data")]
    pub data: String,
    /// The binary of the server
    #[arg(long, value_name = "FILE", default_value = "target/release/feed-me")]
    pub feed_me: PathBuf,
    /// Where the results go, as JSON; those of an earlier run in that file stay
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// How long each scenario is counted
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0)]
    pub seconds: f64,
    /// How long each scenario is driven before
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0)]
    pub warm_up: f64,
    /// How many connections ask at once
    #[arg(long, value_name = "COUNT", default_value_t = 16)]
    pub connections: u32,
    /// Only scenarios whose names contain one of these
    #[arg(long = "only", value_name = "PART")]
    pub only: Vec<String>,
    /// Let the server write a log line for each request, as it does by default
    #[arg(long)]
    pub request_log: bool,
    /// What the report calls the run
    #[arg(long, value_name = "WORDS")]
    pub title: Option<String>,
    /// The command that the report tells, where this one is called by another
    #[arg(long, value_name = "COMMAND")]
    pub told_as: Option<String>,
}

/// A target that is wished for.
#[derive(Clone, Debug)]
pub struct Wish {
    engine: String,
    database: Database,
}

impl Wish {
    /// What answers feeds.
    pub fn engine(&self) -> &str {
        &self.engine
    }

    /// Where the data are.
    pub fn database(&self) -> &Database {
        &self.database
    }
}

impl FromStr for Wish {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let (engine, url) =
            text.split_once('@').context("a target is ENGINE@URL, such as sql@sqlite://bench.db")?;
        ensure!(matches!(engine, "sql" | "index"), "'{engine}' is no engine; there are sql and index");
        Ok(Self { engine: engine.to_owned(), database: url.parse()? })
    }
}

/// Measures all targets and writes the results after each.
pub async fn run(args: &RunArgs) -> anyhow::Result<()> {
    let mut results = read_or_new(args)?;
    for wish in &args.targets {
        let (target, is_pinned) = Run { args, wish }.target().await?;
        results.machine.is_pinned |= is_pinned;
        // The same target measured again takes the place of what was measured before.
        results.targets.retain(|it| it.told() != target.told());
        results.targets.push(target);
        write(&args.out, &results)?;
    }
    Ok(())
}

fn read_or_new(args: &RunArgs) -> anyhow::Result<Results> {
    let mut results = Results {
        title: args.title.clone().unwrap_or_else(|| args.data.clone()),
        machine: Machine::here(),
        command: args.told_as.clone().unwrap_or_else(|| std::env::args().collect::<Vec<_>>().join(" ")),
        seconds: args.seconds,
        logs_requests: args.request_log,
        targets: Vec::new(),
    };
    if let Ok(text) = std::fs::read_to_string(&args.out) {
        let before: Results = serde_json::from_str(&text)
            .with_context(|| format!("{} holds no results", args.out.display()))?;
        results.targets = before.targets;
    }
    Ok(results)
}

fn write(path: &Path, results: &Results) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let text = serde_json::to_string_pretty(results)?;
    std::fs::write(path, text + "\n").with_context(|| format!("cannot write {}", path.display()))
}

/// One target on its way.
#[derive(Clone, Copy)]
struct Run<'a> {
    args: &'a RunArgs,
    wish: &'a Wish,
}

impl Run<'_> {
    async fn target(self) -> anyhow::Result<(Target, bool)> {
        let mut target = Target {
            data: self.args.data.clone(),
            database: self.wish.database.kind().to_owned(),
            engine: self.wish.engine.clone(),
            refused: None,
            start: None,
            constants: Vec::new(),
            scenarios: Vec::new(),
        };
        eprintln!("{}", target.told());
        let mut server = match self.start(&[])? {
            Started::Yes(server) => server,
            Started::Refused(why) => {
                eprintln!("  left out: the server refuses: {why}");
                target.refused = Some(why);
                return Ok((target, false));
            }
        };
        let start = server.wait_until_ready(self.wish.engine == "index")?;
        let index = start.index_s.map(|seconds| format!(", served by the index after {seconds:.2} s"));
        eprintln!("  ready after {:.2} s{}", start.ready_s, index.unwrap_or_default());
        target.start = Some(start);
        let subjects =
            Subjects::find(server.address(), self.args.connections.max(plan::OPEN_CONNECTIONS)).await?;
        eprintln!("  {}", subjects.told());
        target.constants = constants::scenarios(self, &subjects).await?;
        for scenario in plan::scenarios(&subjects) {
            if self.is_wished(scenario.name) {
                let rate =
                    scenario.half_of.and_then(|whole| target.scenario(whole)).map(|it| it.per_second / 2.0);
                let outcome = self.scenario(&server, &subjects, &scenario, rate).await;
                target.scenarios.push(told(scenario.name, outcome));
                server.empty_log()?;
                if let (Some(per_second), Some(half)) = (rate, target.scenario(scenario.name)) {
                    let is_awake = self.is_awake(&server, &scenario);
                    let pace = Pace { per_second, server_cpu_us: half.server_cpu_us, is_awake };
                    target.constants.extend(constants::at_pace(self, &subjects, pace).await?);
                }
            }
        }
        let is_pinned = server.is_pinned();
        drop(server);
        if self.wish.engine == "index" {
            target.scenarios.extend(anew::scenarios(self, &subjects).await?);
        }
        if self.is_wished(durable::NAME) {
            target.scenarios.extend(durable::scenarios(self, &subjects).await?);
        }
        Ok((target, is_pinned))
    }

    fn start(self, settings: &[(&str, &str)]) -> anyhow::Result<Started> {
        Server::start(&Wanted {
            feed_me: &self.args.feed_me,
            database: &self.wish.database,
            engine: &self.wish.engine,
            settings,
            logs_requests: self.args.request_log,
        })
    }

    fn is_wished(self, name: &str) -> bool {
        self.args.only.is_empty() || self.args.only.iter().any(|part| name.contains(part.as_str()))
    }

    fn load(self, connections: u32, rate: Option<f64>, is_awake: bool) -> Load {
        Load {
            connections,
            warm_up: Duration::from_secs_f64(self.args.warm_up),
            counted: Duration::from_secs_f64(self.args.seconds),
            rate,
            is_awake,
        }
    }

    /// Whether the driver has its core to itself, and need not sleep. PostgreSQL works for whatever is not read from memory, and
    /// its processes need a core.
    fn is_awake(self, server: &Server, scenario: &Named) -> bool {
        let is_postgres_idle = self.wish.engine == "index" && scenario.mix == Mix::READS;
        server.is_pinned() && (is_postgres_idle || self.wish.database.kind() == "SQLite")
    }

    async fn scenario(
        self,
        server: &Server,
        subjects: &Subjects,
        scenario: &Named,
        rate: Option<f64>,
    ) -> anyhow::Result<Outcome> {
        if let Some(why) = &scenario.left_out {
            return Ok(Outcome::LeftOut(why.clone()));
        }
        if let (Some(whole), None) = (scenario.half_of, rate) {
            return Ok(Outcome::LeftOut(format!(
                "{whole} was not measured, so half of its rate is not known"
            )));
        }
        let connections = scenario.connections.unwrap_or(self.args.connections);
        let watched = Watched::new(server.pid(), Some(&self.wish.database));
        let material = |connection| subjects.material(&scenario.pages, connection);
        let load = self.load(connections, rate, self.is_awake(server, scenario));
        Ok(Outcome::Measured(measure(server.address(), &watched, scenario.mix, material, load).await?))
    }
}

/// A scenario that failed is a line of the report, not the end of the run: the others are worth having.
fn told(name: &str, outcome: anyhow::Result<Outcome>) -> Scenario {
    let outcome = outcome.unwrap_or_else(|error| Outcome::LeftOut(format!("it failed: {error:#}")));
    match &outcome {
        Outcome::LeftOut(why) => eprintln!("  {name:<28} left out: {why}"),
        Outcome::Measured(measured) => eprintln!(
            "  {name:<28} {:>8.0}/s  p50 {:>7.0} µs  p99 {:>7.0} µs  server {:>6.1} µs of CPU{}  (cores: server {:.2}, \
             driver {:.2}, others {:.2})",
            measured.per_second,
            measured.latency.p50_us,
            measured.latency.p99_us,
            measured.server_cpu_us,
            measured.postgres_cpu_us.map(|us| format!(", PostgreSQL {us:.1}")).unwrap_or_default(),
            measured.server_share,
            measured.driver_share,
            measured.others_share,
        ),
    }
    Scenario { name: name.to_owned(), outcome }
}
