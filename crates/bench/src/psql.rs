//! PostgreSQL's own client, for what is done beside the measuring.

use std::process::{Command, Stdio};

use anyhow::{Context, bail};

/// psql on a database: no start-up file, no chatter, the first error ends it.
pub fn psql(url: &str) -> Command {
    let mut command = Command::new("psql");
    command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", url]);
    command
}

/// Carries out a statement.
pub fn tell(url: &str, statement: &str) -> anyhow::Result<()> {
    ask(url, statement).map(|_| ())
}

/// What a query answers: fields by `|`, rows by line.
pub fn ask(url: &str, query: &str) -> anyhow::Result<String> {
    let output = psql(url).args(["-c", query]).stdin(Stdio::null()).output().context("cannot run psql")?;
    if !output.status.success() {
        bail!("psql: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}
