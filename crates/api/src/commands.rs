//! What each command does.

mod backup;
mod keys;
mod migrate;
mod serve;
mod transfer;
mod verify;
mod verify_config;

use std::{
    ffi::OsString,
    io::{self, Write},
    net::SocketAddr,
};

use crate::{
    app::OpenFailure,
    backup::{BackupFailure, RestoreFailure},
    cli::{Cli, Command},
    logging, openapi,
    settings::{self, Loaded, SettingsError},
    tls::TlsFault,
    transfer::{ExportFailure, ImportFailure},
};

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The settings cannot be used.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The database cannot be used.
    #[error(transparent)]
    Open(#[from] OpenFailure),
    /// The address cannot be listened on.
    #[error("cannot listen on {listen}: {source}")]
    Listen {
        /// The address.
        listen: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// TLS cannot be spoken.
    #[error(transparent)]
    Tls(#[from] TlsFault),
    /// The server broke off.
    #[error("cannot serve: {0}")]
    Serve(io::Error),
    /// The import ended before its end.
    #[error("import: {0}")]
    Import(#[from] ImportFailure),
    /// The export failed.
    #[error("export: {0}")]
    Export(#[from] ExportFailure),
    /// There is no backup.
    #[error("backup: {0}")]
    Backup(#[from] BackupFailure),
    /// Nothing was restored.
    #[error("restore: {0}")]
    Restore(#[from] RestoreFailure),
    /// The index and the database differ.
    #[error("the index and the database differ")]
    Differs,
    /// Something about application keys.
    #[error("keys: {0}")]
    Keys(feed_me_domain::Error),
    /// Standard output takes no more.
    #[error("cannot write to standard output: {0}")]
    Output(#[from] io::Error),
}

/// Does what the command line asks for, with the environment given.
pub async fn run(cli: Cli, environment: Vec<(OsString, OsString)>) -> Result<(), Failure> {
    let asked = cli.asked();
    let load = || -> Result<Loaded, Failure> {
        let loaded = settings::load(&asked, environment)?;
        logging::start(&loaded.settings.log);
        Ok(loaded)
    };
    match &cli.command {
        Command::Serve(_) => serve::serve(load()?.settings).await,
        Command::Migrate(args) => migrate::migrate(args, load()?.settings).await,
        Command::Import(args) => transfer::import(args, load()?.settings).await,
        Command::Export(args) => transfer::export(args, load()?.settings).await,
        Command::Backup(args) => backup::back_up(args, load()?.settings).await,
        Command::Restore(args) => backup::restore(args, load()?.settings).await,
        Command::Verify(args) => verify::verify(args, load()?.settings).await,
        Command::Keys(command) => keys::keys(command, load()?.settings).await,
        Command::VerifyConfig(args) => verify_config::verify_config(args, &load()?),
        Command::Openapi => say(openapi::openapi().to_pretty_json().map_err(io::Error::from)?),
    }
}

/// Prints a line on standard output.
fn say(line: impl std::fmt::Display) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()?;
    Ok(())
}
