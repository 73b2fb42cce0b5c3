use feed_me_domain::{services::TransferService, transfer::OnBadRecord};

use super::{Failure, say};
use crate::{
    app::App,
    cli::{ExportArgs, ImportArgs},
    settings::Settings,
    transfer::{self, Destination},
};

/// Imports files into the database, which is made and brought up to date where needed.
pub(super) async fn import(args: &ImportArgs, settings: Settings) -> Result<(), Failure> {
    let app = App::open(&settings).await?;
    let plan = args.plan();
    let transfer = TransferService::new(app.stores.transfer.clone(), app.clock.clone(), plan.on_bad);
    let summary = transfer::import(&transfer, &plan, |line| eprintln!("feed-me: {line}")).await?;
    say(summary)
}

/// Exports the database.
pub(super) async fn export(args: &ExportArgs, settings: Settings) -> Result<(), Failure> {
    let app = App::open_existing(&settings).await?;
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
