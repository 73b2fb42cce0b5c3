use super::{Failure, say};
use crate::{
    app::{Database, IfMissing},
    cli::MigrateArgs,
    settings::Settings,
};

/// Runs, reverts or tells migrations.
pub(super) async fn migrate(args: &MigrateArgs, settings: Settings) -> Result<(), Failure> {
    let if_missing = if args.status || args.revert { IfMissing::Fail } else { IfMissing::Make };
    let database = Database::open(&settings.database, if_missing)?;
    if args.status {
        return match database.pending_migrations().await?.as_slice() {
            [] => say("the schema is current"),
            pending => say(format_args!("not run yet: {}", pending.join(", "))),
        };
    }
    if args.revert {
        return match database.revert_migration().await? {
            Some(name) => say(format_args!("reverted {name}")),
            None => say("there is no migration to revert"),
        };
    }
    match database.migrate().await?.as_slice() {
        [] => say("the schema was current already"),
        run => say(format_args!("ran {}", run.join(", "))),
    }
}
