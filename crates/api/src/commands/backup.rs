use feed_me_domain::backup::IfNotEmpty;

use super::{Failure, say};
use crate::{
    app::{Database, IfMissing},
    backup,
    cli::{BackupArgs, RestoreArgs},
    settings::Settings,
};

/// Backs the database up, in which nothing is changed. It may be served meanwhile.
pub(super) async fn back_up(args: &BackupArgs, settings: Settings) -> Result<(), Failure> {
    let database = Database::open(&settings.database, IfMissing::Fail)?;
    database.expect_current().await?;
    let taken_at = database.now();
    let done = backup::back_up(&*database.backups(), &args.destination, taken_at).await?;
    say(format_args!("{done}, into {}", args.destination))
}

/// Restores a backup into a database that nobody serves. It is made where it is missing.
pub(super) async fn restore(args: &RestoreArgs, settings: Settings) -> Result<(), Failure> {
    if args.check {
        let good = backup::check(&args.source).await?;
        return say(format_args!("{} is whole: {good}", args.source));
    }
    let database = Database::open(&settings.database, IfMissing::Make)?;
    let _not_served = database.lock_for_serving()?;
    database.migrate().await?;
    let if_not_empty = if args.replace { IfNotEmpty::Replace } else { IfNotEmpty::Refuse };
    let done = backup::restore(&*database.backups(), &args.source, if_not_empty).await?;
    // What is restored is restored; without this, reads are slower for a while.
    if let Err(error) = database.settle().await {
        eprintln!("feed-me: the statistics of the database are not up to date: {error}");
    }
    say(format_args!("restored {done}"))
}
