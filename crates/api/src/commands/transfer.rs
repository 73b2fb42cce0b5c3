use std::time::{Duration, Instant};

use feed_me_domain::{services::TransferService, transfer::OnBadRecord};

use super::{Failure, say};
use crate::{
    app::{App, Database, IfMissing},
    cli::{ExportArgs, ImportArgs},
    settings::Settings,
    transfer::{self, Destination},
};

/// Imports files into the database, which is made and brought up to date where needed.
pub(super) async fn import(args: &ImportArgs, settings: Settings) -> Result<(), Failure> {
    let database = Database::open(&settings.database, IfMissing::Make)?;
    database.migrate().await?;
    let app = App::build(&settings, &database).await?;
    let plan = args.plan();
    let transfer = TransferService::new(app.stores.transfer.clone(), app.clock.clone(), plan.on_bad);
    let report = |line: &str| eprintln!("feed-me: {line}");
    let summary = transfer::import(&transfer, &plan, report, courtesy(&database)).await?;
    say(summary)
}

/// How long a writer of another process sleeps at most before it looks again whether a SQLite file is free, and a little.
const SQLITE_RETRY: Duration = Duration::from_millis(120);
/// How often to look whether a server is there.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// SQLite keeps no queue of those who wait for the file: an import that never lets go of it would starve a server. So it
/// stands back between batches while one serves the file.
fn courtesy(database: &Database) -> impl FnMut() -> Duration {
    let mut looked: Option<(Instant, bool)> = None;
    move || {
        let is_served = match looked {
            Some((at, is_served)) if at.elapsed() < LOOK_EVERY => is_served,
            _ => {
                let is_served = database.is_served();
                looked = Some((Instant::now(), is_served));
                is_served
            }
        };
        if is_served { SQLITE_RETRY } else { Duration::ZERO }
    }
}

/// Exports the database, in which nothing is changed.
pub(super) async fn export(args: &ExportArgs, settings: Settings) -> Result<(), Failure> {
    let database = Database::open(&settings.database, IfMissing::Fail)?;
    database.expect_current().await?;
    let app = App::build(&settings, &database).await?;
    let transfer = TransferService::new(app.stores.transfer.clone(), app.clock.clone(), OnBadRecord::Stop);
    let destination = args.destination();
    let exported = transfer::export(&transfer, &destination, args.gzip).await?;
    match destination {
        Destination::Folder(folder) => say(format_args!("{exported}, into {}", folder.display())),
        Destination::Stdout => {
            eprintln!("feed-me: {exported}");
            Ok(())
        }
    }
}
