use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use diesel::{Connection, PgConnection, RunQueryDsl, sql_query};

/// A PostgreSQL server of one test alone, which may stop it and start it again.
pub(super) struct OwnPostgres {
    programs: PathBuf,
    folder: PathBuf,
    port: u16,
}

/// How a server is stopped.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stop {
    /// Transactions are broken off, and what is committed is written out.
    Fast,
    /// As by a power cut: the next start recovers.
    Immediate,
}

impl OwnPostgres {
    /// A new server, with all its safety on.
    pub(super) fn start_new() -> Self {
        let programs = programs();
        let mut server = Self { programs, folder: made_folder(), port: 0 };
        let data = server.folder.join("data");
        server.run(
            "initdb",
            &["-D", data.to_str().unwrap(), "--username=postgres", "--auth=trust", "--encoding=UTF8"],
        );
        let settings = format!(
            "listen_addresses = '127.0.0.1'\nunix_socket_directories = '{}'\nmax_connections = 60\n",
            server.folder.display()
        );
        std::fs::write(data.join("postgresql.auto.conf"), settings).unwrap();
        server.take_a_port();
        server
    }

    /// Starts it on a port that is free. Another process may take that between our look and the start.
    fn take_a_port(&mut self) {
        for attempt in 0..5 {
            self.port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            if self.try_start() {
                break;
            }
            assert!(attempt < 4, "PostgreSQL did not start; see {}", self.folder.join("log").display());
        }
    }

    /// A copy of this server that streams and replays what it commits, with a folder and a port of its own.
    pub(super) fn start_standby(&self) -> Self {
        let folder = made_folder();
        let mut standby = Self { programs: self.programs.clone(), folder, port: 0 };
        let data = standby.folder.join("data");
        let source = format!("host=127.0.0.1 port={} user=postgres application_name=standby", self.port);
        let from = ["-D", data.to_str().unwrap(), "-d", &source, "-R", "-X", "stream", "-c", "fast"];
        standby.run("pg_basebackup", &from);
        let settings = format!("unix_socket_directories = '{}'", standby.folder.display());
        let file = data.join("postgresql.auto.conf");
        let copied = std::fs::read_to_string(&file).unwrap();
        std::fs::write(file, format!("{copied}{settings}\n")).unwrap();
        standby.take_a_port();
        standby
    }

    /// Makes a standby the primary.
    pub(super) fn promote(&self) {
        self.run("pg_ctl", &["-D", self.folder.join("data").to_str().unwrap(), "-w", "promote"]);
    }

    pub(super) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Host and port.
    pub(super) fn place(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Carries out a statement.
    pub(super) fn tell(&self, statement: &str) {
        let mut conn = PgConnection::establish(&self.url()).unwrap();
        sql_query(statement).execute(&mut conn).unwrap();
    }

    /// Stops it and waits until it is gone.
    pub(super) fn stop(&self, how: Stop) {
        let mode = match how {
            Stop::Fast => "fast",
            Stop::Immediate => "immediate",
        };
        self.run("pg_ctl", &["-D", self.folder.join("data").to_str().unwrap(), "-m", mode, "-w", "stop"]);
    }

    /// Starts it again and waits until it takes connections.
    pub(super) fn start(&self) {
        assert!(self.try_start(), "PostgreSQL did not start again");
    }

    fn try_start(&self) -> bool {
        let (data, log) = (self.folder.join("data"), self.folder.join("log"));
        let port = format!("-p {}", self.port);
        let arguments = [
            "-D",
            data.to_str().unwrap(),
            "-l",
            log.to_str().unwrap(),
            "-o",
            &port,
            "-w",
            "-t",
            "60",
            "start",
        ];
        self.command("pg_ctl").args(arguments).status().unwrap().success()
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let status = self.command(program).args(arguments).status().unwrap();
        assert!(status.success(), "{program} {arguments:?}: {status}");
    }

    fn command(&self, program: &str) -> Command {
        let mut command = as_owner(&self.programs.join(program));
        // Without our streams: the server outlives the command and would keep them open.
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }
}

impl Drop for OwnPostgres {
    fn drop(&mut self) {
        let data = self.folder.join("data");
        let arguments = ["-D", data.to_str().unwrap_or_default(), "-m", "immediate", "-w", "stop"];
        // Where it was stopped already there is nothing to stop.
        let _ = self.command("pg_ctl").args(arguments).status();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A new folder, made by the owner itself, so that it can surely be reached; short, because a socket's path may have 107
/// bytes.
fn made_folder() -> PathBuf {
    let made = as_owner(Path::new("mktemp")).args(["-d", "/tmp/feed-me-pg.XXXXXX"]).output().unwrap();
    let folder = PathBuf::from(String::from_utf8(made.stdout).unwrap().trim());
    assert!(folder.is_absolute(), "{}", String::from_utf8_lossy(&made.stderr));
    folder
}

/// A command as the user who may run PostgreSQL, which refuses to run as root: root hands over to the user postgres.
fn as_owner(program: &Path) -> Command {
    let id = Command::new("id").arg("-u").output().unwrap();
    let mut command = if id.stdout.trim_ascii() == b"0" {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.current_dir("/");
    command
}

/// Where the server's programs are: Debian's newest, or those on the path.
fn programs() -> PathBuf {
    let major = |folder: &Path| folder.file_name()?.to_str()?.parse::<u32>().ok();
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = installed
        .map(|entry| entry.path())
        .filter(|folder| major(folder).is_some())
        .max_by_key(|it| major(it));
    if let Some(programs) = newest.map(|folder| folder.join("bin")).filter(|it| it.join("initdb").exists()) {
        return programs;
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).find(|folder| folder.join("initdb").exists());
    let found =
        found.unwrap_or_else(|| panic!("this test needs PostgreSQL's server programs (initdb, pg_ctl)"));
    std::fs::canonicalize(found.join("initdb")).unwrap().parent().unwrap().to_owned()
}
