//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::{
    constant::ConstantArgs, database::Database, fan_out::FanOutArgs, load::Source, overload::OverloadArgs,
    run::RunArgs, size::Size,
};

/// Measures feed-me: makes a graph, loads it, drives a server over HTTP, and reports.
#[derive(Clone, Debug, Parser)]
#[command(name = "feed-me-bench", version, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What can be done.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Write a graph as lines that `feed-me import` takes; the same seed gives the same bytes
    Generate(GenerateArgs),
    /// Migrate a database and load a graph or files into it
    Load(LoadArgs),
    /// Start servers, drive them, and write what was measured as JSON
    Run(RunArgs),
    /// Offer a server more than it can do, and tell what it does
    Overload(OverloadArgs),
    /// Turn that JSON into a table in Markdown and charts in SVG beside it
    Report(ReportArgs),
    /// Open thousands of streams of one author's followers, and measure how what happens reaches them
    FanOut(FanOutArgs),
    /// Serve one body for every request: the limit that a server is compared with
    Constant(ConstantArgs),
}

/// `feed-me-bench generate`
#[derive(Args, Clone, Debug)]
pub struct GenerateArgs {
    /// How large
    #[arg(long, value_enum, default_value_t = Size::S)]
    pub size: Size,
    /// Which of that size
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// The folder for activities.ndjson and follows.ndjson
    #[arg(long, value_name = "FOLDER")]
    pub out: PathBuf,
    /// Compress by gzip
    #[arg(long)]
    pub gzip: bool,
}

/// `feed-me-bench load`
#[derive(Args, Clone, Debug)]
pub struct LoadArgs {
    /// The database, as the setting database.url; it has to be empty for sizes M and L
    #[arg(long, value_name = "URL")]
    pub database: Database,
    /// How large a graph
    #[arg(long, value_enum, default_value_t = Size::S, conflicts_with = "files")]
    pub size: Size,
    /// Which of that size
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// The binary that migrates and imports
    #[arg(long, value_name = "FILE", default_value = "target/release/feed-me")]
    pub feed_me: PathBuf,
    /// Write straight into the tables whatever the size
    #[arg(long, conflicts_with = "files")]
    pub bulk: bool,
    /// Files to import instead of a graph
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

/// `feed-me-bench report`
#[derive(Args, Clone, Debug)]
pub struct ReportArgs {
    /// What `run` wrote; the report goes beside it
    #[arg(required = true, value_name = "FILE")]
    pub results: Vec<PathBuf>,
}

impl LoadArgs {
    /// What to load.
    pub fn source(&self) -> Source {
        if self.files.is_empty() {
            Source::Generated { size: self.size, seed: self.seed, is_bulk: self.bulk || self.size != Size::S }
        } else {
            Source::Files(self.files.clone())
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
