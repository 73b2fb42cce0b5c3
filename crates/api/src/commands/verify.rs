use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};

use super::{Failure, say};
use crate::{
    app::{Database, IfMissing, Index},
    cli::VerifyArgs,
    settings::Settings,
};

/// Compares the feeds in memory with those of the database, which may be served meanwhile.
pub(super) async fn verify(args: &VerifyArgs, settings: Settings) -> Result<(), Failure> {
    let database = Database::open(&settings.database, IfMissing::Fail)?;
    database.expect_current().await?;
    let bar = progress_bar();
    let progress = |done: usize, all: usize| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    };
    let report = Index::verify(&database, &settings.feed, args.sample, progress).await?;
    bar.finish_and_clear();
    say(&report)?;
    if report.is_clean() { Ok(()) } else { Err(Failure::Differs) }
}

fn progress_bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(0);
    let style = ProgressStyle::with_template("{bar:30} {pos} of {len} users, {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}
