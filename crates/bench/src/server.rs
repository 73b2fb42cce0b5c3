//! A server that is measured: a child process on a core of its own.

use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};

use crate::{database::Database, http, pin, results::Start};

/// How long a server may take until it answers.
const READY_MAX: Duration = Duration::from_secs(30);
/// How long the index may take until it serves.
const INDEX_MAX: Duration = Duration::from_mins(5);
/// How the line of the log begins that says that the index serves.
const INDEX_SERVES: &str = "the index serves";
/// Settings of the index that are handed on from our environment; all others are ours to say.
const HANDED_ON: [&str; 2] = ["FEEDME__FEED__INDEX_MEMORY", "FEEDME__FEED__BODY_MEMORY"];
/// No line for each request, unless it is asked for.
const QUIET: &str = "info,actix_server=warn,feed_me_api::observe=warn";
const LOUD: &str = "info,actix_server=warn";

/// What a server is to be.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    /// The binary.
    pub feed_me: &'a Path,
    /// Its database.
    pub database: &'a Database,
    /// What answers feeds: `sql` or `index`.
    pub engine: &'a str,
    /// More settings, by their names in the environment.
    pub settings: &'a [(&'a str, &'a str)],
    /// Whether it writes a log line for each request.
    pub logs_requests: bool,
}

/// A running server. It is stopped when this value goes.
#[derive(Debug)]
pub struct Server {
    child: Child,
    address: SocketAddr,
    log: PathBuf,
    began: Instant,
    is_pinned: bool,
    _folder: tempfile::TempDir,
}

/// What came of a start.
#[derive(Debug)]
pub enum Started {
    /// It runs.
    Yes(Server),
    /// It said why not.
    Refused(String),
}

/// Takes every setting of our own environment away from a child.
pub fn unset_settings(command: &mut Command) {
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("FEEDME")) {
        command.env_remove(name);
    }
}

impl Server {
    /// Starts `feed-me serve` and waits until it listens, or ends.
    pub fn start(wanted: &Wanted<'_>) -> anyhow::Result<Started> {
        let mut command = Command::new(std::path::absolute(wanted.feed_me)?);
        unset_settings(&mut command);
        for name in HANDED_ON.into_iter().filter(|_| wanted.engine == "index") {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command
            .arg("serve")
            .env("FEEDME__SERVER__LISTEN", "127.0.0.1:0")
            .env("FEEDME__DATABASE__URL", wanted.database.url())
            .env("FEEDME__FEED__ENGINE", wanted.engine)
            .env("FEEDME__LOG__FORMAT", "json")
            .env("FEEDME__LOG__FILTER", if wanted.logs_requests { LOUD } else { QUIET })
            .envs(wanted.settings.iter().copied());
        Self::spawn(command)
    }

    /// Starts the constant body, with the arguments of our own subcommand.
    pub fn start_constant(
        body: &Path,
        stack: &str,
        work_us: f64,
        logs_requests: bool,
    ) -> anyhow::Result<Started> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args([
            "constant",
            "--stack",
            stack,
            "--log-filter",
            if logs_requests { LOUD } else { QUIET },
        ]);
        command.arg("--body").arg(body).arg("--work-us").arg(work_us.to_string());
        Self::spawn(command)
    }

    fn spawn(mut command: Command) -> anyhow::Result<Started> {
        let folder = tempfile::tempdir().context("no folder for a server")?;
        let log = folder.path().join("server.log");
        // Appended, so that it can be emptied while the server writes.
        let stderr = OpenOptions::new().create(true).append(true).open(&log)?;
        command.current_dir(folder.path()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr);
        let began = Instant::now();
        let (child, is_pinned) = pin::on(pin::SERVER, || command.spawn());
        let mut child = child.with_context(|| format!("cannot run {}", command.get_program().display()))?;
        let mut stdout = BufReader::new(child.stdout.take().context("a server without standard output")?);
        let mut line = String::new();
        while stdout.read_line(&mut line)? > 0 {
            if let Some((_, address)) = line.trim_end().rsplit_once("listens on http://") {
                let address = address.parse().with_context(|| format!("'{line}' tells no address"))?;
                // Whatever else it says is read, so that it never waits for us.
                thread::spawn(move || std::io::copy(&mut stdout, &mut std::io::sink()));
                return Ok(Started::Yes(Self { child, address, log, began, is_pinned, _folder: folder }));
            }
            line.clear();
        }
        child.wait()?;
        let said = std::fs::read_to_string(&log).unwrap_or_default();
        let why = said.trim().lines().last().unwrap_or("it said nothing").to_owned();
        Ok(Started::Refused(why))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has a core of its own.
    pub fn is_pinned(&self) -> bool {
        self.is_pinned
    }

    /// Waits until it is ready, with the index where that is asked for; answers how long each took from the start.
    pub fn wait_until_ready(&mut self, has_index: bool) -> anyhow::Result<Start> {
        let deadline = self.began + READY_MAX;
        while !http::answers_200(self.address, "/readyz") {
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended before it was ready ({status})");
            }
            if deadline < Instant::now() {
                bail!("the server is not ready after {} s", READY_MAX.as_secs());
            }
            thread::sleep(Duration::from_millis(5));
        }
        let ready_s = self.began.elapsed().as_secs_f64();
        let index_s = if has_index { Some(self.wait_until_index_serves(INDEX_MAX)?) } else { None };
        Ok(Start { ready_s, index_s })
    }

    /// Waits for the line of the log that says that the index serves; answers how long that took from the start.
    fn wait_until_index_serves(&mut self, longest: Duration) -> anyhow::Result<f64> {
        let deadline = self.began + longest;
        let mut log = BufReader::new(File::open(&self.log)?);
        let mut line = String::new();
        loop {
            // A line may be half-written when it is read; the rest of it comes with the next read.
            if log.read_line(&mut line)? > 0 {
                if line.contains(INDEX_SERVES) {
                    return Ok(self.began.elapsed().as_secs_f64());
                }
                if line.ends_with('\n') {
                    line.clear();
                }
                continue;
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended before its index served ({status})");
            }
            if deadline < Instant::now() {
                bail!("the log does not say '{INDEX_SERVES}' after {} s", longest.as_secs());
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Empties the log: a line for each request would fill a disk. What stood in it and was worse than a request is told.
    pub fn empty_log(&self) -> anyhow::Result<()> {
        let mut log = OpenOptions::new().read(true).write(true).open(&self.log)?;
        let mut said = String::new();
        log.by_ref().take(1 << 20).read_to_string(&mut said)?;
        for line in said.lines().filter(|line| line.contains("\"ERROR\"")).take(3) {
            eprintln!("    the server says: {line}");
        }
        log.set_len(0)?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // SIGTERM, so that SQLite's WAL is put away; it ends by itself as nothing is under way.
        let pid = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        let asked =
            pid.is_some_and(|pid| rustix::process::kill_process(pid, rustix::process::Signal::TERM).is_ok());
        let deadline = Instant::now() + Duration::from_secs(40);
        while asked && Instant::now() < deadline {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
