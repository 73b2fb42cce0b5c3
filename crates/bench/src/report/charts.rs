//! Charts of horizontal bars: one group for each target, one bar for each scenario.

use anyhow::anyhow;
use plotters::prelude::*;

use crate::results::{Measured, Results};

const WIDTH: u32 = 960;
const ROW: u32 = 22;
/// Where bars begin and end.
const LEFT: i32 = 230;
const RIGHT: i32 = 850;
const INK: RGBColor = RGBColor(40, 44, 52);
const PALE: RGBColor = RGBColor(150, 200, 230);
const FULL: RGBColor = RGBColor(38, 110, 165);
/// The smallest value of a logarithmic chart, in its unit.
const LOG_MIN: f64 = 0.01;

/// A chart.
#[derive(Clone, Debug)]
pub(super) struct Chart {
    /// What its file is called.
    pub(super) name: &'static str,
    /// What stands above it.
    pub(super) title: &'static str,
    is_logarithmic: bool,
    groups: Vec<(String, Vec<Bar>)>,
}

/// A bar: its full part, and a pale one that goes on from there where there are two values.
#[derive(Clone, Debug)]
struct Bar {
    name: String,
    value: f64,
    beyond: Option<f64>,
    label: String,
}

/// All charts of some results.
pub(super) fn all(results: &Results) -> [Chart; 3] {
    [
        chart(results, "throughput", "Requests a second, one core for the server", false, |it| {
            (it.per_second, None, format!("{:.0}", it.per_second))
        }),
        chart(results, "cpu", "CPU µs for one request: server, then PostgreSQL (pale)", true, |it| {
            let postgres = it.postgres_cpu_us.map(|us| it.server_cpu_us + us);
            let beside = it.postgres_cpu_us.map(|us| format!(" + {us:.1}")).unwrap_or_default();
            (it.server_cpu_us, postgres, format!("{:.1}{beside}", it.server_cpu_us))
        }),
        chart(results, "latency", "Latency in ms: p50, then p99 (pale)", true, |it| {
            let (p50, p99) = (it.latency.p50_us / 1e3, it.latency.p99_us / 1e3);
            (p50, Some(p99), format!("{p50:.2} / {p99:.2}"))
        }),
    ]
}

fn chart(
    results: &Results,
    name: &'static str,
    title: &'static str,
    is_logarithmic: bool,
    bar: impl Fn(&Measured) -> (f64, Option<f64>, String),
) -> Chart {
    let groups = results.targets.iter().map(|target| {
        let scenarios = target.constants.iter().chain(&target.scenarios);
        let bars = scenarios.filter_map(|scenario| {
            let (value, beyond, label) = bar(scenario.measured()?);
            Some(Bar { name: scenario.name.clone(), value, beyond, label })
        });
        (target.told(), bars.collect())
    });
    let groups = groups.filter(|(_, bars): &(_, Vec<Bar>)| !bars.is_empty()).collect();
    Chart { name, title, is_logarithmic, groups }
}

/// The chart as SVG.
pub(super) fn drawn(chart: &Chart) -> anyhow::Result<String> {
    let rows: usize = chart.groups.iter().map(|(_, bars)| bars.len() + 2).sum();
    let height = ROW * (u32::try_from(rows)? + 3);
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
        draw(chart, &area).map_err(|error| anyhow!("the chart {} cannot be drawn: {error}", chart.name))?;
    }
    Ok(svg)
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

fn draw(chart: &Chart, area: &Area<'_>) -> Result<(), Box<dyn std::error::Error>> {
    area.fill(&WHITE)?;
    let text = |size: u32| ("sans-serif", size).into_font().color(&INK);
    area.draw_text(chart.title, &text(20), (16, 12))?;
    let row = i32::try_from(ROW)?;
    let mut top = row * 2;
    for (name, bars) in &chart.groups {
        area.draw_text(name, &text(17), (16, top + 4))?;
        top += row + 4;
        for bar in bars {
            let end = chart.place(bar.value);
            area.draw_text(&bar.name, &text(15), (32, top + 3))?;
            if let Some(beyond) = bar.beyond {
                let far = chart.place(beyond);
                area.draw(&Rectangle::new([(end, top), (far, top + row - 5)], PALE.filled()))?;
            }
            area.draw(&Rectangle::new([(LEFT, top), (end, top + row - 5)], FULL.filled()))?;
            let after = bar.beyond.map_or(end, |beyond| chart.place(beyond).max(end));
            area.draw_text(&bar.label, &text(15), (after + 6, top + 3))?;
            top += row;
        }
        top += row / 2;
    }
    if chart.is_logarithmic {
        area.draw_text("lengths are logarithmic", &text(14), (16, top + 4))?;
    }
    area.present()?;
    Ok(())
}

impl Chart {
    /// Where a bar of a value ends.
    fn place(&self, value: f64) -> i32 {
        let bars = || self.groups.iter().flat_map(|(_, bars)| bars);
        let most = bars().map(|bar| bar.beyond.unwrap_or(0.0).max(bar.value)).fold(LOG_MIN * 10.0, f64::max);
        let part = if self.is_logarithmic {
            (value.max(LOG_MIN) / LOG_MIN).ln() / (most / LOG_MIN).ln()
        } else {
            value / most
        };
        #[expect(clippy::cast_possible_truncation, reason = "a place on a chart of some hundred pixels")]
        let length = (part.clamp(0.0, 1.0) * f64::from(RIGHT - LEFT)) as i32;
        LEFT + length.max(1)
    }
}
