//! Results as a table in Markdown and as charts in SVG, beside the JSON they come from.

mod charts;
mod markdown;

use std::path::Path;

use anyhow::Context;

use crate::results::Results;

/// The results that larger sizes are compared with, where they lie beside them.
const SMALL: &str = "S.json";
const LARGER: [&str; 2] = ["M", "L"];

/// Writes the report of a file of results: `L.json` becomes `L.md`, `L-throughput.svg`, `L-cpu.svg` and `L-latency.svg`.
pub fn write(path: &Path) -> anyhow::Result<()> {
    let results = read(path)?;
    let stem = path.file_stem().and_then(|stem| stem.to_str()).context("results without a name")?;
    let mut charts = Vec::new();
    for chart in charts::all(&results) {
        let name = format!("{stem}-{}.svg", chart.name);
        write_file(&path.with_file_name(&name), &charts::drawn(&chart)?)?;
        charts.push((chart.title, name));
    }
    let small = path.with_file_name(SMALL);
    let small = if LARGER.contains(&stem) && small.exists() { Some(read(&small)?) } else { None };
    write_file(&path.with_extension("md"), &markdown::written(&results, small.as_ref(), &charts))
}

fn read(path: &Path) -> anyhow::Result<Results> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} holds no results", path.display()))
}

fn write_file(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    eprintln!("wrote {}", path.display());
    Ok(())
}
