//! Results as a table in Markdown and as charts in SVG, beside the JSON they come from.

mod charts;
mod markdown;

use std::path::Path;

use anyhow::Context;

use crate::results::Results;

/// Writes the report of a file of results: `S.json` becomes `S.md`, `S-throughput.svg`, `S-cpu.svg` and `S-latency.svg`.
pub fn write(path: &Path) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let results: Results =
        serde_json::from_str(&text).with_context(|| format!("{} holds no results", path.display()))?;
    let stem = path.file_stem().and_then(|stem| stem.to_str()).context("results without a name")?;
    let mut charts = Vec::new();
    for chart in charts::all(&results) {
        let name = format!("{stem}-{}.svg", chart.name);
        write_file(&path.with_file_name(&name), &charts::drawn(&chart)?)?;
        charts.push((chart.title, name));
    }
    write_file(&path.with_extension("md"), &markdown::written(&results, &charts))
}

fn write_file(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    eprintln!("wrote {}", path.display());
    Ok(())
}
