//! The binary `feed-me`.

use std::process::ExitCode;

use clap::Parser;
use feed_me_api::{cli::Cli, commands, logging};

/// Pages and their heads are dozens of small allocations, freed by the thread that made them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let done = run(Cli::parse());
    logging::flush();
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A message tells its causes itself.
            eprintln!("feed-me: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<()> {
    let system = actix_web::rt::System::new();
    system.block_on(commands::run(cli, std::env::vars_os().collect())).map_err(anyhow::Error::from)
}
