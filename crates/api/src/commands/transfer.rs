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
    let summary = transfer::import(&transfer, &plan, |line| eprintln!("feed-me: {line}")).await?;
    say(summary)
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
