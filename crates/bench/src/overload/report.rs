//! The results as JSON, a table in Markdown and a chart in SVG.

use std::{
    fmt::{self, Write},
    path::Path,
};

use anyhow::{Context, anyhow};
use plotters::prelude::*;

use super::{GOODPUT_MIN, LATENCY_MAX_MS, Offered, Overload, Target};

/// Writes all three: the JSON to `path`, the others beside it.
pub(super) fn write(path: &Path, results: &Overload) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let json = serde_json::to_string_pretty(results)? + "\n";
    let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let chart = format!("{name}.svg");
    let table = markdown(results, &chart)?;
    for (path, text) in [
        (path.to_owned(), json),
        (path.with_extension("md"), table),
        (path.with_extension("svg"), chart_of(results)?),
    ] {
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn markdown(results: &Overload, chart: &str) -> Result<String, fmt::Error> {
    let mut out = String::new();
    let machine = &results.machine;
    writeln!(out, "# Overload\n")?;
    writeln!(
        out,
        "What a server does that is asked for more than it can: 60 % first pages of friends feeds, 20 % lists and deep pages, 20 % \
         posts, on {}. The peak is that of {} s of a closed loop; then requests came at a constant rate, {} s each, and \
         latency counts from when a request was due. The server had a pool of {} connections.\n",
        results.data, results.seconds, results.seconds, results.pool_size
    )?;
    writeln!(
        out,
        "Measured on {} on {} ({} cores, {}; commit {}) by `{}`.\n",
        machine.date,
        machine.cpu,
        machine.cores,
        if machine.is_pinned { "server and driver pinned to one each" } else { "nothing pinned" },
        machine.commit,
        results.command
    )?;
    writeln!(out, "![goodput]({chart})\n")?;
    for target in &results.targets {
        table(&mut out, target)?;
    }
    Ok(out)
}

fn table(out: &mut String, target: &Target) -> fmt::Result {
    writeln!(out, "## {} / {}\n", target.database, target.engine)?;
    writeln!(
        out,
        "| load | offered/s | goodput/s | of the peak | p99 of those let in (lists, first pages, writes) | longest | shed: lists | first pages | writes |"
    )?;
    writeln!(out, "|---|---:|---:|---:|---:|---:|---:|---:|---:|")?;
    for load in std::iter::once(&target.peak).chain(&target.loads) {
        row(out, target, load)?;
    }
    let verdict = |holds: bool| if holds { "holds" } else { "does **not** hold" };
    let longest = target.loads.iter().map(Offered::max_ms).fold(0.0, f64::max);
    writeln!(
        out,
        "\nAt the last load {:.0} % of the peak are left; {:.0} % or more: {}. The longest wait of anybody who was let in was {:.0} ms; at \
         most {:.0} ms: {}.\n",
        target.left() * 100.0,
        GOODPUT_MIN * 100.0,
        verdict(GOODPUT_MIN <= target.left()),
        longest,
        LATENCY_MAX_MS,
        verdict(longest <= LATENCY_MAX_MS)
    )
}

fn row(out: &mut String, target: &Target, load: &Offered) -> fmt::Result {
    let name = load.factor.map_or_else(|| "closed loop".to_owned(), |factor| format!("{factor}x"));
    let p99: Vec<_> = load
        .classes
        .iter()
        .map(|by| if by.answered == 0 { "–".to_owned() } else { format!("{:.0} ms", by.p99_ms) })
        .collect();
    #[expect(clippy::cast_precision_loss, reason = "counts of a run are far below 2^53")]
    let shed = load.classes.iter().map(|by| {
        let all = by.answered + by.shed;
        if all == 0 { "–".to_owned() } else { format!("{:.1} %", by.shed as f64 * 100.0 / all as f64) }
    });
    writeln!(
        out,
        "| {name} | {:.0} | {:.0} | {:.0} % | {} | {:.0} ms | {} |",
        load.offered,
        load.goodput,
        load.goodput * 100.0 / target.peak.goodput.max(1.0),
        p99.join(", "),
        load.max_ms(),
        shed.collect::<Vec<_>>().join(" | ")
    )
}

const WIDTH: u32 = 760;
const HEIGHT: u32 = 360;
const COLOURS: [RGBColor; 4] =
    [RGBColor(38, 110, 165), RGBColor(214, 96, 40), RGBColor(60, 140, 80), RGBColor(120, 80, 160)];

/// Goodput over what was offered, both as shares of the peak.
fn chart_of(results: &Overload) -> anyhow::Result<String> {
    let mut svg = String::new();
    draw(results, &mut svg).map_err(|error| anyhow!("the chart cannot be drawn: {error}"))?;
    Ok(svg)
}

fn draw(results: &Overload, svg: &mut String) -> Result<(), Box<dyn std::error::Error>> {
    let area = SVGBackend::with_string(svg, (WIDTH, HEIGHT)).into_drawing_area();
    area.fill(&WHITE)?;
    let most = results.targets.iter().flat_map(|target| &target.loads).filter_map(|load| load.factor);
    let most = most.fold(1.0, f64::max);
    let mut chart = ChartBuilder::on(&area)
        .caption("Goodput over offered load, as multiples of the peak", ("sans-serif", 18))
        .margin(14)
        .x_label_area_size(36)
        .y_label_area_size(46)
        .build_cartesian_2d(0.0..most * 1.05, 0.0..1.3)?;
    chart.configure_mesh().x_desc("offered").y_desc("goodput").light_line_style(WHITE).draw()?;
    chart.draw_series(LineSeries::new([(0.0, GOODPUT_MIN), (most, GOODPUT_MIN)], BLACK.mix(0.4)))?;
    for (target, colour) in results.targets.iter().zip(COLOURS.iter().cycle()) {
        let peak = target.peak.goodput.max(1.0);
        let points: Vec<_> = std::iter::once((0.0, 0.0))
            .chain(target.loads.iter().map(|load| (load.offered / peak, load.goodput / peak)))
            .collect();
        chart
            .draw_series(LineSeries::new(points.clone(), colour.stroke_width(2)))?
            .label(format!("{} / {}", target.database, target.engine))
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
        chart.draw_series(points.into_iter().skip(1).map(|point| Circle::new(point, 4, colour.filled())))?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.3))
        .draw()?;
    area.present()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        overload::{ByClass, Class},
        results::Machine,
    };

    fn load(factor: Option<f64>, goodput: f64, max_ms: f64) -> Offered {
        let class = |class| ByClass { class, answered: 100, shed: 300, p50_ms: 1.0, p99_ms: 9.0, max_ms };
        Offered {
            factor,
            offered: factor.unwrap_or(1.0) * 1000.0,
            goodput,
            classes: Class::ALL.map(class).to_vec(),
            driver_late_p99_ms: 0.1,
        }
    }

    fn target(at_last: f64, max_ms: f64) -> Target {
        Target {
            database: "SQLite".to_owned(),
            engine: "sql".to_owned(),
            peak: load(None, 1000.0, 5.0),
            loads: vec![load(Some(1.0), 990.0, 20.0), load(Some(4.0), at_last, max_ms)],
        }
    }

    #[test]
    fn what_does_not_hold_is_told() {
        assert_eq!(target(801.0, 100.0).faults(), Vec::<String>::new());
        assert_eq!(target(700.0, 100.0).faults(), ["only 70 % of the peak are left, not 80"]);
        assert_eq!(target(900.0, 6_000.0).faults(), ["somebody who was let in waited 6000 ms"]);
    }

    #[test]
    fn the_report_has_a_line_for_each_load_and_a_chart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("overload.json");
        let results = Overload {
            machine: Machine::here(),
            command: "make overload".to_owned(),
            data: "size S".to_owned(),
            seconds: 10.0,
            pool_size: 2,
            targets: vec![target(850.0, 100.0)],
        };
        write(&path, &results).unwrap();
        let table = std::fs::read_to_string(path.with_extension("md")).unwrap();
        assert!(table.contains("| 4x | 4000 | 850 | 85 % | 9 ms, 9 ms, 9 ms | 100 ms | 75.0 % |"), "{table}");
        assert!(table.contains("80 % or more: holds"), "{table}");
        assert!(std::fs::read_to_string(path.with_extension("svg")).unwrap().contains("SQLite / sql"));
        let read: Overload = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(read.targets.len(), 1);
    }
}
