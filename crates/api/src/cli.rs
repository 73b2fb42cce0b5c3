//! The command line: what can be typed. What it does is in [`commands`](crate::commands).

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use feed_me_domain::{KeyId, KeyName, Scopes, transfer::OnBadRecord};

use crate::{
    backup::Place,
    settings::{Asked, Override},
    transfer::{Destination, ImportPlan},
};

const EXAMPLES: &str = "\
Examples:
  feed-me serve                                    serve data/feed-me.db on 127.0.0.1:5000
  feed-me serve --listen 127.0.0.1:8080 --database-url postgres://me:secret@db/feed
  feed-me import activities.ndjson.gz follows.ndjson.gz
  feed-me verify-config --show                     every setting, and where it came from

Settings come from config/default.toml, config/{profile}.toml, the environment (FEEDME__SERVER__LISTEN=…) and flags, \
the later over the earlier. The exit code is 0, 1 for a failure, 2 for a command line that cannot be understood.";

const PROFILE_HELP: &str = "The profile: development, production, or the name of a file there [default: FEEDME_PROFILE, else development]";
const DATABASE_HELP: &str = "The database: sqlite://relative/path, sqlite:///absolute/path or postgres://…";

/// A social activity feed: actor, verb, object, target.
#[derive(Clone, Debug, Parser)]
#[command(name = "feed-me", version, after_help = EXAMPLES, arg_required_else_help = true)]
pub struct Cli {
    /// What holds for every command.
    #[command(flatten)]
    pub global: GlobalArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What holds for every command.
#[derive(Args, Clone, Debug)]
pub struct GlobalArgs {
    /// The folder of the files of settings: config in the working directory, where there is one
    #[arg(long, global = true, value_name = "FOLDER")]
    pub config: Option<PathBuf>,
    /// Development, production, or a profile of one's own.
    #[arg(long, global = true, value_name = "NAME", help = PROFILE_HELP)]
    pub profile: Option<String>,
    /// The database.
    #[arg(long, global = true, value_name = "URL", help = DATABASE_HELP)]
    pub database_url: Option<String>,
}

/// What can be done.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Serve HTTP. Makes a missing SQLite file, brings the schema up to date, and stops in order on SIGTERM or Ctrl-C
    Serve(ServeArgs),
    /// Bring the schema of the database up to date
    Migrate(MigrateArgs),
    /// Load files of activities, follows, users, blocks and mutes (NDJSON, also compressed by gzip)
    Import(ImportArgs),
    /// Write everything into files that import reads
    Export(ExportArgs),
    /// Write all rows of the database into a folder or object storage, while it may be served
    Backup(BackupArgs),
    /// Put a backup into a database that nobody serves: all of it, or nothing
    Restore(RestoreArgs),
    /// Compare the feeds in memory with those that the database answers
    Verify(VerifyArgs),
    /// Make, list and revoke application keys
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Check the settings
    VerifyConfig(VerifyConfigArgs),
    /// Print the OpenAPI document
    Openapi,
}

/// `feed-me serve`
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  feed-me serve
  feed-me serve --listen 127.0.0.1:0               a free port; the address is printed
  feed-me serve --profile production               callers need a key: see feed-me keys --help")]
pub struct ServeArgs {
    /// The address and port; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<String>,
}

/// `feed-me migrate`
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  feed-me migrate --status                         what would be run
  feed-me migrate --database-url postgres://me:secret@db/feed")]
pub struct MigrateArgs {
    /// Revert the last migration instead; what it made is lost
    #[arg(long)]
    pub revert: bool,
    /// Only tell which migrations were not run yet
    #[arg(long, conflicts_with = "revert")]
    pub status: bool,
}

/// `feed-me import`
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Each line is a JSON object, told by its members:
  activity   actor verb published  [object target id edited_at external_id data]
  follow     follower followee     [since from kept]
  user       username              [display_name created_at]
  block      blocker blocked since
  mute       muter muted since
Users that lines name are made where they are missing. What is there already stays as it is, so the same files may \
be imported again. A server may run meanwhile.

Examples:
  feed-me import activities.ndjson.gz follows.ndjson.gz
  feed-me import --skip-bad old/*.ndjson
  zstd -dc activities.ndjson.zst | feed-me import -")]
pub struct ImportArgs {
    /// Files, plain or compressed by gzip; - is standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Leave bad lines out and go on; without it the first one stops the import
    #[arg(long)]
    pub skip_bad: bool,
    /// How many lines are stored together
    #[arg(long, value_name = "LINES", default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub batch_size: u32,
}

/// `feed-me export`
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Writes users.ndjson, activities.ndjson, follows.ndjson, blocks.ndjson and mutes.ndjson, which together are \
everything that feeds and lists show, as it was at one instant.

Examples:
  feed-me export --out backup --gzip
  feed-me export --out - | feed-me import - --database-url postgres://me:secret@db/feed")]
pub struct ExportArgs {
    /// The folder to write into; - writes all lines to standard output
    #[arg(long, value_name = "FOLDER", default_value = "export")]
    pub out: PathBuf,
    /// Compress by gzip
    #[arg(long)]
    pub gzip: bool,
}

const STORAGE: &str = "\
Object storage is S3, or what speaks its protocol. AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and \
AWS_ENDPOINT_URL say how to reach it, as for other programs.";

/// `feed-me backup`
#[derive(Args, Clone, Debug)]
#[command(after_help = format!("\
Everything is in it as it was at one instant: users, activities, follows, events, stored answers, keys and secrets. So it \
has to be kept as safe as the database. Each part has its digest in SHA256SUMS, which is written last.

{STORAGE}

Examples:
  feed-me backup backups/monday
  feed-me backup s3://my-backups/feed-me/monday --database-url postgres://me:secret@db/feed"))]
pub struct BackupArgs {
    /// Where to.
    #[arg(
        value_name = "DESTINATION",
        help = "A folder, or s3://bucket/prefix; no other backup may be there"
    )]
    pub destination: Place,
}

/// `feed-me restore`
#[derive(Args, Clone, Debug)]
#[command(after_help = format!("\
The database is made where it is missing, and must be empty without --replace. Where anything fails it stays as it \
was. A backup of either database is restored into the other as well. Stop all servers first, and start them afterwards: \
they know nothing of what happens here.

{STORAGE}

Examples:
  feed-me restore backups/monday --database-url sqlite://restored/feed-me.db
  feed-me restore s3://my-backups/feed-me/monday --replace
  feed-me restore --check backups/monday           is it whole? Needs no database"))]
pub struct RestoreArgs {
    /// Where from.
    #[arg(value_name = "SOURCE", help = "A folder, or s3://bucket/prefix")]
    pub source: Place,
    /// Take away all that is in the database
    #[arg(long)]
    pub replace: bool,
    /// Only read the backup and tell whether it is whole
    #[arg(long, conflicts_with = "replace")]
    pub check: bool,
}

/// `feed-me verify`
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Fills an index as a server does and compares pages of every feed of every user, or of a sample of them, with what the \
database answers. A server may run meanwhile. The exit code is 1 where the two differ; the differences are printed.")]
pub struct VerifyArgs {
    /// Compare the feeds of so many users, spread over all
    #[arg(long, value_name = "USERS")]
    pub sample: Option<usize>,
}

/// `feed-me keys`
#[derive(Clone, Debug, Subcommand)]
#[command(after_help = "\
Examples:
  feed-me keys create --name operations --scopes admin
  KEY=$(feed-me keys create --name shop --scopes read,write)
A server may run meanwhile: a new key works at once, and a revoked one for less than a second more.")]
pub enum KeysCommand {
    /// Make a key and print it, this once, on standard output
    Create(CreateKeyArgs),
    /// List the keys, newest first: id, scopes, made, last used, name
    List,
    /// Revoke a key
    Revoke(RevokeKeyArgs),
}

/// `feed-me keys create`
#[derive(Args, Clone, Debug)]
pub struct CreateKeyArgs {
    /// What it is for
    #[arg(long, value_parser = |raw: &str| KeyName::parse(raw))]
    pub name: KeyName,
    /// What it allows: read, write, admin; write does not include read, admin includes both
    #[arg(long, value_name = "SCOPE,…", value_parser = |raw: &str| Scopes::parse(raw))]
    pub scopes: Scopes,
}

/// `feed-me keys revoke`
#[derive(Args, Clone, Debug)]
pub struct RevokeKeyArgs {
    /// The id, as the list has it
    #[arg(value_parser = |raw: &str| KeyId::parse(raw).ok_or("that is no id of a key"))]
    pub id: KeyId,
}

/// `feed-me verify-config`
#[derive(Args, Clone, Debug)]
pub struct VerifyConfigArgs {
    /// Print every setting, its value (without secrets) and where that came from
    #[arg(long)]
    pub show: bool,
}

impl Cli {
    /// What the command line says about settings.
    pub fn asked(&self) -> Asked {
        let mut overrides = Vec::new();
        let mut set = |flag, name, value: &Option<String>| {
            overrides.extend(value.clone().map(|value| Override { flag, name, value }));
        };
        set("--database-url", "database.url", &self.global.database_url);
        if let Command::Serve(args) = &self.command {
            set("--listen", "server.listen", &args.listen);
        }
        Asked { profile: self.global.profile.clone(), folder: self.global.config.clone(), overrides }
    }
}

impl ImportArgs {
    /// What to import, and how.
    pub fn plan(&self) -> ImportPlan {
        ImportPlan {
            files: self.files.clone(),
            on_bad: if self.skip_bad { OnBadRecord::Skip } else { OnBadRecord::Stop },
            batch_size: self.batch_size as usize,
        }
    }
}

impl ExportArgs {
    /// Where the export goes.
    pub fn destination(&self) -> Destination {
        if self.out.as_os_str() == "-" { Destination::Stdout } else { Destination::Folder(self.out.clone()) }
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, error::ErrorKind};

    use super::*;

    fn parsed(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_become_settings_wherever_they_stand() {
        for line in [
            "feed-me --database-url sqlite://a.db --profile production serve --listen 127.0.0.1:0",
            "feed-me serve --listen 127.0.0.1:0 --profile production --database-url sqlite://a.db",
        ] {
            let asked = parsed(line).unwrap().asked();
            assert_eq!(asked.profile.as_deref(), Some("production"));
            let set: Vec<_> = asked.overrides.iter().map(|set| (set.name, set.value.as_str())).collect();
            assert_eq!(set, [("database.url", "sqlite://a.db"), ("server.listen", "127.0.0.1:0")]);
        }
    }

    #[test]
    fn what_cannot_be_meant_is_a_usage_error() {
        for (line, kind) in [
            ("feed-me", ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand),
            ("feed-me frobnicate", ErrorKind::InvalidSubcommand),
            ("feed-me import", ErrorKind::MissingRequiredArgument),
            ("feed-me import a --batch-size 0", ErrorKind::ValueValidation),
            ("feed-me migrate --revert --status", ErrorKind::ArgumentConflict),
            ("feed-me migrate --listen 127.0.0.1:1", ErrorKind::UnknownArgument),
            ("feed-me keys create --name a", ErrorKind::MissingRequiredArgument),
            ("feed-me keys create --name a --scopes root", ErrorKind::ValueValidation),
            ("feed-me keys create --name a --scopes ,", ErrorKind::ValueValidation),
            ("feed-me backup", ErrorKind::MissingRequiredArgument),
            ("feed-me backup gs://a/b", ErrorKind::ValueValidation),
            ("feed-me restore a --check --replace", ErrorKind::ArgumentConflict),
            ("feed-me keys revoke 7", ErrorKind::ValueValidation),
        ] {
            let error = parsed(line).unwrap_err();
            assert_eq!((error.kind(), error.exit_code()), (kind, 2), "{line}");
        }
    }

    #[test]
    fn import_and_export_know_the_standard_streams() {
        let Command::Import(import) = parsed("feed-me import - --skip-bad").unwrap().command else {
            panic!()
        };
        assert_eq!(import.plan().on_bad, OnBadRecord::Skip);
        assert_eq!(import.plan().files, [PathBuf::from("-")]);
        let Command::Export(export) = parsed("feed-me export --out -").unwrap().command else { panic!() };
        assert_eq!(export.destination(), Destination::Stdout);
    }
}
