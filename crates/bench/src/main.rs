//! The binary `feed-me-bench`.

use clap::Parser;
use feed_me_bench::{
    cli::{Cli, Command, GenerateArgs},
    constant, fan_out,
    generate::{self, Graph},
    load, overload, pin, report, run,
};

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Generate(args) => generate(&args),
        Command::Load(args) => load::load(&args.feed_me, &args.database, &args.source()),
        Command::Run(args) => drive(run::run(&args)),
        Command::Overload(args) => drive(overload::overload(&args)),
        Command::FanOut(args) => drive(fan_out::run(&args)),
        Command::Report(args) => args.results.iter().try_for_each(|results| report::write(results)),
        Command::Constant(args) => actix_web::rt::System::new().block_on(constant::serve(&args)),
    }
}

fn generate(args: &GenerateArgs) -> anyhow::Result<()> {
    let graph = Graph::new(args.size.shape(), args.seed);
    let (files, achieved) = generate::write(&graph, &args.out, args.gzip)?;
    for file in files {
        eprintln!("wrote {}", file.display());
    }
    eprintln!("{}", achieved.told());
    Ok(())
}

/// The driver is one thread, on a core of its own.
fn drive(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    pin::on(pin::DRIVER, || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        tokio::task::LocalSet::new().block_on(&runtime, work)
    })
    .0
}
