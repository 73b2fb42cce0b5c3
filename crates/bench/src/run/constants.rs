//! The constant body beside the product: what the stack does at most, and how late it is on this machine at the pace and
//! with the work of the product.

use std::path::PathBuf;

use super::{Run, plan, told};
use crate::{
    measure::measure,
    results::{Measured, Outcome, Scenario, constant_names},
    script::{Material, Mix},
    server::{Server, Started},
    subjects::Subjects,
    usage::Watched,
};

/// The two stacks, asked as fast as they answer.
pub(super) async fn scenarios(run: Run<'_>, subjects: &Subjects) -> anyhow::Result<Vec<Scenario>> {
    let body = Body::of(subjects)?;
    let mut scenarios = Vec::new();
    for (name, stack) in [(constant_names::BARE, "bare"), (constant_names::PRODUCT, "product")] {
        let outcome = constant(run, subjects, &body, Way { stack, work_us: 0.0, open: None }).await;
        scenarios.push(told(name, outcome.map(Outcome::Measured)));
    }
    Ok(scenarios)
}

/// How the open loop of the mixed load was driven, and what a request of it cost.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pub(super) per_second: f64,
    /// The product's CPU time for one request, in microseconds.
    pub(super) server_cpu_us: f64,
    /// Whether the driver never slept.
    pub(super) is_awake: bool,
}

/// The bare stack at the rate of the mixed load, with nothing to do, and then with as much to do for each request as the product
/// had: what is late there is not the product's fault.
pub(super) async fn at_pace(run: Run<'_>, subjects: &Subjects, pace: Pace) -> anyhow::Result<Vec<Scenario>> {
    let body = Body::of(subjects)?;
    let open = Some(pace);
    let idle = constant(run, subjects, &body, Way { stack: "bare", work_us: 0.0, open }).await;
    let work_us = idle.as_ref().map_or(0.0, |idle| (pace.server_cpu_us - idle.server_cpu_us).max(0.0));
    let busy = constant(run, subjects, &body, Way { stack: "bare", work_us, open }).await;
    Ok(vec![
        told(constant_names::AT_HALF_RATE, idle.map(Outcome::Measured)),
        told(constant_names::AS_BUSY, busy.map(Outcome::Measured)),
    ])
}

/// A page in a file, as long as this is there.
struct Body {
    folder: tempfile::TempDir,
}

impl Body {
    fn of(subjects: &Subjects) -> anyhow::Result<Self> {
        let body = Self { folder: tempfile::tempdir()? };
        std::fs::write(body.path(), &subjects.sample)?;
        Ok(body)
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("body.json")
    }
}

/// How a constant body is served and asked for.
#[derive(Clone, Copy, Debug)]
struct Way {
    stack: &'static str,
    work_us: f64,
    open: Option<Pace>,
}

async fn constant(run: Run<'_>, subjects: &Subjects, body: &Body, way: Way) -> anyhow::Result<Measured> {
    let started = Server::start_constant(&body.path(), way.stack, way.work_us, run.args.request_log)?;
    let Started::Yes(server) = started else {
        anyhow::bail!("the constant body was not served");
    };
    // The same requests as those of the first page: what is parsed is the same too.
    let pages = subjects.first.clone();
    let material = |_| Material { pages: pages.clone(), ..Material::default() };
    let watched = Watched::new(server.pid(), None);
    let load = match way.open {
        Some(pace) => run.load(plan::OPEN_CONNECTIONS, Some(pace.per_second), pace.is_awake),
        None => run.load(run.args.connections, None, server.is_pinned()),
    };
    measure(server.address(), &watched, Mix::READS, material, load).await
}
