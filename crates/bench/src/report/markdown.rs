//! The table.

use std::fmt::{self, Write};

use crate::results::{
    Machine, Outcome, Results, Scenario, Target,
    constant_names::{AS_BUSY, AT_HALF_RATE, BARE, PRODUCT},
};

/// A share of a core that is noise.
const OTHERS_MAX: f64 = 0.2;

/// The report. `small` are the results of size S, where these are others; `charts` are titles and files.
pub(super) fn written(
    results: &Results,
    small: Option<&Results>,
    charts: &[(&'static str, String)],
) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = report(&mut out, results, small, charts);
    out
}

fn report(
    out: &mut String,
    results: &Results,
    small: Option<&Results>,
    charts: &[(&'static str, String)],
) -> fmt::Result {
    writeln!(out, "# Load run: {}\n", results.title)?;
    conditions(out, results)?;
    for target in &results.targets {
        let alike = |it: &&Target| it.database == target.database && it.engine == target.engine;
        one(out, target, small.and_then(|small| small.targets.iter().find(alike)))?;
    }
    writeln!(out, "## Charts\n")?;
    for (title, file) in charts {
        writeln!(out, "![{title}]({file})\n")?;
    }
    writeln!(out, "## How to read this\n\n{HOW}")
}

fn conditions(out: &mut String, results: &Results) -> fmt::Result {
    let Machine { cpu, cores, memory_bytes, is_pinned, date, commit } = &results.machine;
    let gib = memory_bytes >> 30;
    let pinned = if *is_pinned {
        "server on the first core, driver on the second; PostgreSQL's processes wherever the system puts them"
    } else {
        "nothing is pinned to a core"
    };
    let log = if results.logs_requests { "a line for each request" } else { "no line for each request" };
    writeln!(out, "* {cpu}, {cores} cores, {gib} GiB of memory; {pinned}")?;
    writeln!(out, "* {date}, commit {commit}; log: {log}")?;
    writeln!(out, "* each scenario counted for {} s, after a warm-up", results.seconds)?;
    writeln!(out, "* again by: `{}`\n", results.command)
}

fn one(out: &mut String, target: &Target, small: Option<&Target>) -> fmt::Result {
    writeln!(out, "## {}\n", target.told())?;
    if let Some(why) = &target.refused {
        return writeln!(out, "Left out: the server refuses this engine: `{why}`\n");
    }
    if let Some(start) = target.start {
        write!(out, "Ready {:.2} s after its start", start.ready_s)?;
        if let Some(index_s) = start.index_s {
            write!(out, ", served by the index after {index_s:.2} s")?;
        }
        writeln!(out, ".\n")?;
    }
    writeln!(
        out,
        "| scenario | requests/s | p50 ms | p99 ms | p99.9 ms | server CPU µs | PostgreSQL CPU µs | memory MiB | of bare: CPU (rate) | of the product's stack: CPU (rate) | cores: server, others |"
    )?;
    writeln!(out, "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")?;
    for scenario in target.constants.iter().chain(&target.scenarios) {
        row(out, target, scenario)?;
    }
    writeln!(out)?;
    notes(out, target)?;
    for name in ["friends-first", "friends-deep", "friends-first-anew", "friends-deep-anew"] {
        if let (Some(here), Some(there)) =
            (target.scenario(name), small.and_then(|small| small.scenario(name)))
        {
            let times = here.server_cpu_us / there.server_cpu_us.max(0.1);
            writeln!(out, "* {name}: the server's CPU time is {times:.2} times that of size S")?;
        }
    }
    writeln!(out)
}

fn row(out: &mut String, target: &Target, scenario: &Scenario) -> fmt::Result {
    let Some(measured) = scenario.measured() else { return Ok(()) };
    let latency = measured.latency;
    let postgres = measured.postgres_cpu_us.map_or_else(|| "–".to_owned(), |us| format!("{us:.1}"));
    let ratio = |constant: &str| match target.scenario(constant) {
        Some(constant) => {
            let ratios = measured.ratios(constant);
            format!("{:.2} ({:.2})", ratios.by_cpu, ratios.by_rate)
        }
        None => "–".to_owned(),
    };
    writeln!(
        out,
        "| {} | {:.0} | {:.3} | {:.3} | {:.3} | {:.1} | {postgres} | {} | {} | {} | {:.2}, {:.2} |",
        scenario.name,
        measured.per_second,
        latency.p50_us / 1e3,
        latency.p99_us / 1e3,
        latency.p999_us / 1e3,
        measured.server_cpu_us,
        measured.memory_bytes >> 20,
        ratio(BARE),
        ratio(PRODUCT),
        measured.server_share,
        measured.others_share,
    )
}

/// What the table does not show: what was left out, what disturbed, and the lines of the issue that follow from it.
fn notes(out: &mut String, target: &Target) -> fmt::Result {
    let all = || target.constants.iter().chain(&target.scenarios);
    for scenario in all() {
        if let Outcome::LeftOut(why) = &scenario.outcome {
            writeln!(out, "* {} was left out: {why}", scenario.name)?;
        }
    }
    let measured = || all().filter_map(|scenario| Some((scenario.name.as_str(), scenario.measured()?)));
    for (name, it) in measured().filter(|(_, it)| it.is_driver_bound()) {
        writeln!(
            out,
            "* {name}: the driver's core was full and the server's was not ({:.2}), so the rate is the driver's; the CPU \
             time of a request holds",
            it.server_share
        )?;
    }
    let disturbed = measured().filter(|(_, it)| it.others_share > OTHERS_MAX).count();
    if disturbed > 0 {
        writeln!(
            out,
            "* other programs took more than {OTHERS_MAX} cores during {disturbed} of {} scenarios (the last column): rates and \
             latencies are worse than they would be on a machine of one's own, and CPU times somewhat",
            measured().count()
        )?;
    }
    if let Some(half) = target.scenario("mixed-at-half-rate") {
        let times = half.latency.tail();
        writeln!(
            out,
            "* friends feed under the mixed load at half of its peak rate: p99 is {times:.1} times p50"
        )?;
        if let Some(late) = half.lateness {
            writeln!(
                out,
                "  (the driver itself sent {:.0} µs late at p50 and {:.0} µs at p99, which is in both)",
                late.p50_us, late.p99_us
            )?;
        }
        for (name, what) in [(AT_HALF_RATE, "nothing to do"), (AS_BUSY, "as much work for each request")] {
            if let Some(floor) = target.scenario(name) {
                let times = floor.latency.tail();
                writeln!(
                    out,
                    "* a constant body at that rate, with {what} and no database: p99 is {times:.1} times p50"
                )?;
            }
        }
    }
    let durable = (target.scenario("durable-posts"), target.scenario("durable-posts-one-a-commit"));
    if let (Some(grouped), Some(alone)) = durable {
        let times = grouped.per_second / alone.per_second.max(1.0);
        writeln!(out, "* durable posts with 32 clients: {times:.1} times those with one write a commit")?;
    }
    Ok(())
}

const HOW: &str = "\
* *CPU µs* is the CPU time for one request, user and system, of the server and of all processes of PostgreSQL; in \
microseconds for one it is milliseconds for 1,000.
* *of bare* and *of the product's stack* compare with the constant body: the same page from memory, on actix-web alone and \
within feed-me's own middleware, answered by the same number of workers on the same core in the same run. The first figure is \
requests by CPU second, which other programs on the machine hardly disturb, the one in brackets is the rate.
* `alone-…` is one client that reads first pages of users with about so many followees: its latency is the time of a page.
* `…-anew` are the same pages from a server that keeps none (`feed.page_memory = 0`): what a page costs that nobody asked for lately.
* The latencies of a mixed load are those of its friends feeds. Latencies of a closed loop grow with its connections; only \
`mixed-at-half-rate` and the constants beside it are an open loop, where a request counts from the time at which it was due.
* `constant-at-half-rate` and `constant-as-busy` are bare actix-web at the rate of `mixed-at-half-rate`, the second working as long \
for each request as the product did, with no database, lock or other thread (the product is there, and idle): how late that is, is how late the machine is.
* Every answer was checked: a page has status 200 and 20 items, a post and a follow 201, an unfollow 204.
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::{Latency, Measured, Start};

    fn scenario(name: &str, per_second: f64, server_cpu_us: f64) -> Scenario {
        let latency = Latency { p50_us: 100.0, p99_us: 450.0, p999_us: 900.0 };
        let measured = Measured {
            requests: 1,
            per_second,
            server_cpu_us,
            latency,
            memory_bytes: 64 << 20,
            server_share: 0.9,
            others_share: 0.5,
            ..Measured::default()
        };
        Scenario { name: name.to_owned(), outcome: Outcome::Measured(measured) }
    }

    fn results() -> Results {
        let target = Target {
            data: "size S".to_owned(),
            database: "SQLite".to_owned(),
            engine: "sql".to_owned(),
            refused: None,
            start: Some(Start { ready_s: 0.05, index_s: None }),
            constants: vec![scenario(BARE, 80_000.0, 10.0), scenario(AS_BUSY, 10_000.0, 40.0)],
            scenarios: vec![
                scenario("friends-first", 20_000.0, 40.0),
                scenario("mixed-at-half-rate", 10_000.0, 40.0),
                scenario("durable-posts", 10_000.0, 40.0),
                scenario("durable-posts-one-a-commit", 1_000.0, 400.0),
                Scenario { name: "friends-deep".to_owned(), outcome: Outcome::LeftOut("too few".to_owned()) },
            ],
        };
        let refused = Target { engine: "index".to_owned(), refused: Some("no".to_owned()), ..target.clone() };
        Results {
            title: "size S".to_owned(),
            machine: Machine {
                cpu: "A CPU".to_owned(),
                cores: 2,
                memory_bytes: 8 << 30,
                is_pinned: true,
                date: "1 May 2026".to_owned(),
                commit: "abc".to_owned(),
            },
            command: "make bench".to_owned(),
            seconds: 5.0,
            logs_requests: false,
            targets: vec![target, refused],
        }
    }

    #[test]
    fn the_table_has_figures_ratios_and_the_lines_that_must_hold() {
        let mut small = results();
        small.targets[0].scenarios[0] = scenario("friends-first", 1.0, 32.0);
        let charts = [("Rate", "S-throughput.svg".to_owned())];
        let report = written(&results(), Some(&small), &charts);
        for part in [
            "| friends-first | 20000 | 0.100 | 0.450 | 0.900 | 40.0 | – | 64 | 0.25 (0.25) | – | 0.90, 0.50 |",
            "half of its peak rate: p99 is 4.5 times p50",
            "with as much work for each request and no database: p99 is 4.5 times p50",
            "more than 0.2 cores during 6 of 6 scenarios",
            "* friends-first: the server's CPU time is 1.25 times that of size S",
            "10.0 times those with one write a commit",
            "* friends-deep was left out: too few",
            "Left out: the server refuses this engine: `no`",
            "![Rate](S-throughput.svg)",
        ] {
            assert!(report.contains(part), "{part:?} is missing in\n{report}");
        }
    }

    #[test]
    fn charts_are_svg_with_a_bar_for_each_scenario_that_was_measured() {
        for chart in super::super::charts::all(&results()) {
            let svg = super::super::charts::drawn(&chart).unwrap();
            assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"), "{svg}");
            assert!(svg.contains("friends-first") && !svg.contains("friends-deep"), "{svg}");
        }
    }
}
