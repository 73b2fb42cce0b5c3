//! What the figures were measured on.

use std::{fs, process::Command};

use chrono::{DateTime, Utc};

use crate::results::Machine;

impl Machine {
    /// This one, now.
    pub fn here() -> Self {
        let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let name = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let total =
            memory.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB"));
        Self {
            cpu: name.map_or_else(|| "unknown".to_owned(), |(_, name)| name.to_owned()),
            // Not what this process may use: it is pinned to one of them.
            cores: cpus.lines().filter(|line| line.starts_with("processor")).count(),
            memory_bytes: total.and_then(|total| total.parse::<u64>().ok()).unwrap_or(0) * 1024,
            is_pinned: false,
            date: today().format("%-d %B %Y").to_string(),
            commit: commit(),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a report tells its day; the Clock port is the product's")]
fn today() -> DateTime<Utc> {
    Utc::now()
}

fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output =
            Command::new("git").args(arguments).output().ok().filter(|output| output.status.success());
        output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "--short=10", "HEAD"]) else { return "unknown".to_owned() };
    // The results may lie there of another run: they change nothing.
    let status = ["status", "--porcelain", "--untracked-files=no", "--", ".", ":!bench/results"];
    let differs = git(&status).is_some_and(|files| !files.is_empty());
    if differs { format!("{commit}+") } else { commit }
}
