use std::{
    path::Path,
    process::{Command, Output},
    sync::Arc,
};

use tempfile::TempDir;

use crate::kit::{Database, Server, Store, World, feed_me};

/// A folder, a database and settings: where the binary can be run. Folder and database go when the last one goes.
#[derive(Clone)]
pub(crate) struct Place {
    database: Arc<Database>,
    home: Arc<TempDir>,
    settings: Vec<(String, String)>,
}

impl Place {
    /// A new folder and a new database.
    pub(crate) fn fresh(store: Store) -> Self {
        let home = TempDir::new().unwrap();
        let database = Database::fresh(store, home.path());
        let settings = vec![
            ("FEEDME__SERVER__LISTEN".to_owned(), "127.0.0.1:0".to_owned()),
            ("FEEDME__DATABASE__URL".to_owned(), database.url.clone()),
        ];
        Self { database: Arc::new(database), home: Arc::new(home), settings }
    }

    /// With a setting more, or another one: the name is that of the environment.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.settings.retain(|(known, _)| known != name);
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    /// The binary, to be run here with these arguments.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = feed_me(self.home(), &self.settings);
        command.args(arguments);
        command
    }

    /// Runs the binary to its end.
    pub(crate) fn try_run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs the binary to its end, which must be a good one. Gives what it said.
    #[track_caller]
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let output = self.try_run(arguments);
        let (said, complained) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "feed-me {arguments:?}: {}\n{said}{complained}", output.status);
        said.into_owned()
    }

    /// Runs the binary to its end, which must be a bad one. Gives what it complained about.
    #[track_caller]
    pub(crate) fn run_badly(&self, arguments: &[&str]) -> String {
        let output = self.try_run(arguments);
        let complained = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "feed-me {arguments:?} did not fail: {complained}");
        assert!(output.status.code().is_some(), "feed-me {arguments:?} was killed: {complained}");
        complained
    }

    pub(crate) fn start(&self) -> Server {
        Server::start(self.home(), &self.settings)
    }

    /// Starts a server, or gives what it wrote before it gave up.
    pub(crate) fn try_start(&self) -> Result<Server, String> {
        Server::try_start(self.home(), &self.settings)
    }

    /// A server here.
    pub(crate) fn serve(&self) -> World {
        World::at(self.clone())
    }
}
