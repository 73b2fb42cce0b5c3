use feed_me_domain::{
    Attempt, Error, KeyDraft, Timestamp,
    services::{ApplicationKeyService, PageRequest},
};

use super::{Failure, say};
use crate::{
    app::{App, Database, IfMissing},
    cli::{CreateKeyArgs, KeysCommand},
    settings::Settings,
};

/// Makes, lists and revokes application keys. The first one is made before there is a server that could.
pub(super) async fn keys(command: &KeysCommand, settings: Settings) -> Result<(), Failure> {
    let is_new = matches!(command, KeysCommand::Create(_));
    let if_missing = if is_new { IfMissing::Make } else { IfMissing::Fail };
    let database = Database::open(&settings.database, if_missing)?;
    if is_new {
        database.migrate().await?;
    } else {
        database.expect_current().await?;
    }
    let keys = App::build(&settings, &database).await?.services.application_keys;
    match command {
        KeysCommand::Create(args) => create(&keys, args).await,
        KeysCommand::List => list(&keys).await,
        KeysCommand::Revoke(args) => keys.revoke(args.id).await.map_err(Failure::Keys),
    }
}

async fn create(keys: &ApplicationKeyService, args: &CreateKeyArgs) -> Result<(), Failure> {
    let draft = KeyDraft { name: Some(args.name.clone()), scopes: Some(args.scopes), faults: Vec::new() };
    match keys.create(draft, None).await.map_err(Failure::Keys)? {
        Attempt::Done(made) => say(made.secret.reveal()),
        // Without an idempotency key nothing is repeated or refused.
        Attempt::Replayed(_) => Ok(()),
        Attempt::Refused(refusal) => Err(Failure::Keys(Error::Key(refusal))),
    }
}

async fn list(keys: &ApplicationKeyService) -> Result<(), Failure> {
    let mut request = PageRequest::default();
    loop {
        let page = keys.list(&request).await.map_err(Failure::Keys)?;
        for key in page.items {
            let used = key.last_used_at.map_or("never".to_owned(), Timestamp::to_rfc3339);
            // Whoever names a key must not be able to write a line of their own.
            let name = key.name.as_str().replace(char::is_control, " ");
            say(format_args!("{}\t{}\t{}\t{used}\t{name}", key.id, key.scopes, key.created_at))?;
        }
        let Some(next) = page.next else { return Ok(()) };
        request.cursor = Some(next.as_str().to_owned());
    }
}
