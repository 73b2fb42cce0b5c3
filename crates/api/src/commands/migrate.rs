use super::{Failure, say};
use crate::{app::Database, cli::MigrateArgs, settings::Settings};

/// Runs, reverts or tells migrations.
pub(super) async fn migrate(args: &MigrateArgs, settings: Settings) -> Result<(), Failure> {
    let database = Database::of(&settings)?;
    if args.status {
        let pending = database.pending_migrations().await?;
        return if pending.is_empty() {
            say("the schema is current")
        } else {
            say(format_args!("not run yet: {}", pending.join(", ")))
        };
    }
    if args.revert {
        return match database.revert_migration().await? {
            Some(name) => say(format_args!("reverted {name}")),
            None => say("there is no migration to revert"),
        };
    }
    let run = database.migrate().await?;
    if run.is_empty() {
        return say("the schema was current already");
    }
    say(format_args!("ran {}", run.join(", ")))
}
