use std::{sync::Mutex, time::Duration};

use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::kit::{Answer, Call, Place, Server, Store, User};

/// A server of one story alone, on a database of its own. Both are gone when the story ends.
pub(crate) struct World {
    server: Mutex<Server>,
    client: Client,
    // After the server, so that it goes after the server.
    place: Place,
}

impl World {
    pub(crate) fn start(store: Store) -> Self {
        Place::fresh(store).serve()
    }

    /// With settings: the names are those of the environment.
    pub(crate) fn start_with(store: Store, settings: &[(&str, &str)]) -> Self {
        let place = Place::fresh(store);
        settings.iter().fold(place, |place, (name, value)| place.with(name, value)).serve()
    }

    pub(super) fn at(place: Place) -> Self {
        let client = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_mins(1))
            .build()
            .unwrap();
        Self { server: Mutex::new(place.start()), client, place }
    }

    /// Where the server runs; other commands can be run there, too.
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// Scheme, host and port.
    pub(crate) fn address(&self) -> String {
        self.server.lock().unwrap().address.clone()
    }

    /// A typed client of the server.
    pub(crate) fn client(&self) -> feed_me_client::Client {
        // A machine that is busy for a while must not make it ask twice: a story counts what it does.
        let client = feed_me_client::Client::builder(&self.address());
        client.timeout(Duration::from_mins(2)).silence_max(Duration::from_mins(2)).build().unwrap()
    }

    /// Host and port.
    pub(crate) fn host(&self) -> String {
        self.address().trim_start_matches("http://").to_owned()
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
        *server = self.place.start();
    }

    /// Starts a server in the place of one that ended.
    pub(crate) fn start_again(&self) {
        *self.server() = self.place.start();
    }

    /// Kills the server as a power cut does and starts it again on the same database.
    pub(crate) fn crash_and_start_again(&self) {
        let mut server = self.server();
        server.kill();
        *server = self.place.start();
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
