use std::{path::Path, sync::Mutex, time::Duration};

use reqwest::{Client, Method};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::kit::{Answer, Call, Database, Server, Store, User};

/// A server of one story alone, on a database of its own. Both are gone when the story ends.
pub(crate) struct World {
    server: Mutex<Server>,
    client: Client,
    settings: Vec<(String, String)>,
    // After the server, so that it goes after the server.
    database: Database,
    home: TempDir,
}

impl World {
    pub(crate) fn start(store: Store) -> Self {
        Self::start_with(store, &[])
    }

    /// With settings: the names are those of the environment.
    pub(crate) fn start_with(store: Store, settings: &[(&str, &str)]) -> Self {
        let home = TempDir::new().unwrap();
        let database = Database::fresh(store, home.path());
        Self::over(home, database, settings)
    }

    /// On a database that is there already.
    pub(crate) fn over(home: TempDir, database: Database, settings: &[(&str, &str)]) -> Self {
        let mut all = vec![
            ("FEEDME__SERVER__LISTEN".to_owned(), "127.0.0.1:0".to_owned()),
            ("FEEDME__DATABASE__URL".to_owned(), database.url.clone()),
        ];
        for (name, value) in settings {
            all.retain(|(known, _)| known != name);
            all.push(((*name).to_owned(), (*value).to_owned()));
        }
        let server = Mutex::new(Server::start(home.path(), &all));
        let client = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(60))
            .build()
            .unwrap();
        Self { server, client, settings: all, database, home }
    }

    /// Scheme, host and port.
    pub(crate) fn address(&self) -> String {
        self.server.lock().unwrap().address.clone()
    }

    /// Host and port.
    pub(crate) fn host(&self) -> String {
        self.address().trim_start_matches("http://").to_owned()
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    pub(crate) fn database_url(&self) -> &str {
        &self.database.url
    }

    pub(crate) fn settings(&self) -> &[(String, String)] {
        &self.settings
    }

    /// The server itself, for stories about the process.
    pub(crate) fn server(&self) -> std::sync::MutexGuard<'_, Server> {
        self.server.lock().unwrap()
    }

    /// Stops the server as an operator does and starts it again on the same database.
    pub(crate) fn restart(&self) {
        let mut server = self.server();
        server.terminate();
        assert!(server.wait().success(), "the server did not stop well:\n{}", server.output());
        *server = Server::start(self.home(), &self.settings);
    }

    /// Kills the server as a power cut does and starts it again on the same database.
    pub(crate) fn crash_and_start_again(&self) {
        let mut server = self.server();
        server.kill();
        *server = Server::start(self.home(), &self.settings);
    }

    /// A request to a path, or to an absolute URL that the server gave.
    pub(crate) fn call(&self, method: Method, path: &str) -> Call {
        let url = if path.starts_with("http://") { path.to_owned() } else { self.address() + path };
        let asked = format!("{method} {path}");
        Call::new(asked, path.starts_with("/v1"), self.client.request(method, url))
    }

    pub(crate) fn get(&self, path: &str) -> Call {
        self.call(Method::GET, path)
    }

    pub(crate) fn post(&self, path: &str, body: Value) -> Call {
        self.call(Method::POST, path).json(body)
    }

    pub(crate) fn put(&self, path: &str, body: Value) -> Call {
        self.call(Method::PUT, path).json(body)
    }

    pub(crate) fn patch(&self, path: &str, body: Value) -> Call {
        self.call(Method::PATCH, path).json(body)
    }

    pub(crate) fn delete(&self, path: &str) -> Call {
        self.call(Method::DELETE, path)
    }

    /// Creates users, or fails.
    pub(crate) async fn users<const N: usize>(&self, names: [&str; N]) -> [User<'_>; N] {
        for name in names {
            self.put(&self.user(name).path(), json!({})).await.is(201);
        }
        names.map(|name| self.user(name))
    }

    /// A user who may or may not be there.
    pub(crate) fn user(&self, name: &str) -> User<'_> {
        User { world: self, name: name.to_owned() }
    }

    /// The page of a listing that a cursor leads to. The path may have a query already.
    pub(crate) async fn page(&self, path: &str, cursor: &str) -> Answer {
        let sign = if path.contains('?') { '&' } else { '?' };
        self.get(&format!("{path}{sign}cursor={cursor}")).await
    }
}
