use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use reqwest::{
    Method, Url,
    header::{AUTHORIZATION, HeaderMap, HeaderValue},
};

use crate::{
    error::{Error, Result},
    position::Position,
    request::Request,
    retry::Retries,
};

/// A way to a server. Clones share their connections, and the position of what they wrote.
#[derive(Clone, Debug)]
pub struct Client {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) http: reqwest::Client,
    pub(crate) base: Url,
    pub(crate) timeout: Duration,
    pub(crate) retries: Retries,
    reads_writes: bool,
    /// Behind all that was written; 0 where nothing was.
    written: AtomicU64,
}

/// A client to be.
#[derive(Debug)]
pub struct ClientBuilder {
    base: String,
    credential: Option<String>,
    timeout: Duration,
    silence_max: Duration,
    retries: Retries,
    reads_writes: bool,
    http: Option<reqwest::Client>,
}

impl Client {
    /// A client of the server at a URL (`http://127.0.0.1:5000`), without a credential.
    pub fn new(base_url: &str) -> Result<Self> {
        Self::builder(base_url).build()
    }

    /// A client with settings of its own.
    pub fn builder(base_url: &str) -> ClientBuilder {
        ClientBuilder {
            base: base_url.to_owned(),
            credential: None,
            timeout: Duration::from_secs(30),
            silence_max: Duration::from_secs(45),
            retries: Retries::default(),
            reads_writes: true,
            http: None,
        }
    }

    /// What this client, or a clone of it, has written last; what is read includes it.
    pub fn position(&self) -> Option<Position> {
        match self.inner.written.load(Ordering::Relaxed) {
            0 => None,
            position => Some(Position(position)),
        }
    }

    /// Makes what is read include everything up to a position as well, such as one that another client told.
    pub fn see(&self, position: Position) {
        self.inner.written.fetch_max(position.0, Ordering::Relaxed);
    }

    /// Forgets what was written: for a server whose database was put back to an earlier state.
    pub fn forget_position(&self) {
        self.inner.written.store(0, Ordering::Relaxed);
    }

    /// The position that a read has to include.
    pub(crate) fn wanted(&self) -> Option<Position> {
        self.position().filter(|_| self.inner.reads_writes)
    }

    pub(crate) fn request(&self, method: Method, path: &[&str]) -> Request {
        Request::new(self.clone(), method, path)
    }

    pub(crate) fn get(&self, path: &[&str]) -> Request {
        self.request(Method::GET, path)
    }

    /// A POST that may be sent again: it has a key of its own.
    pub(crate) fn post_to(&self, path: &[&str]) -> Request {
        self.request(Method::POST, path).key(&uuid::Uuid::now_v7().to_string())
    }
}

impl ClientBuilder {
    /// An application key (`fm_…`) or the token of a user.
    #[must_use]
    pub fn credential(self, credential: impl Into<String>) -> Self {
        Self { credential: Some(credential.into()), ..self }
    }

    /// How long one attempt of a request may take; 30 s. Streams have no end.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// How long a connection may be silent before it counts as broken; 45 s, three heartbeats of a stream.
    #[must_use]
    pub fn silence_max(self, silence_max: Duration) -> Self {
        Self { silence_max, ..self }
    }

    /// How often a request is sent again.
    #[must_use]
    pub fn retries(self, retries: Retries) -> Self {
        Self { retries, ..self }
    }

    /// Whether reads wait until the instance that answers has seen what this client wrote; they do. With a server of one
    /// instance they never have to wait.
    #[must_use]
    pub fn read_your_writes(self, reads_writes: bool) -> Self {
        Self { reads_writes, ..self }
    }

    /// Connections of one's own making: with a proxy, other certificates, and so on. Its time-outs are its own, and it shows its own
    /// credential.
    #[must_use]
    pub fn http(self, http: reqwest::Client) -> Self {
        Self { http: Some(http), ..self }
    }

    /// The client.
    pub fn build(self) -> Result<Client> {
        let base = Url::parse(&self.base)
            .map_err(|error| Error::Unusable(format!("'{}' is no URL: {error}", self.base)))?;
        if base.cannot_be_a_base() || base.host_str().is_none() {
            return Err(Error::Unusable(format!("'{}' is not the URL of a server", self.base)));
        }
        let http = match self.http {
            Some(http) => http,
            None => connections(self.credential.as_deref(), self.silence_max)?,
        };
        let inner = Inner {
            http,
            base,
            timeout: self.timeout,
            retries: self.retries,
            reads_writes: self.reads_writes,
            written: AtomicU64::new(0),
        };
        Ok(Client { inner: Arc::new(inner) })
    }
}

fn connections(credential: Option<&str>, silence_max: Duration) -> Result<reqwest::Client> {
    let mut headers = HeaderMap::new();
    if let Some(credential) = credential {
        let value = HeaderValue::from_str(&format!("Bearer {credential}"));
        let mut value =
            value.map_err(|_| Error::Unusable("the credential is no header's value".to_owned()))?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    let http = reqwest::Client::builder()
        .user_agent(concat!("feed-me-client/", env!("CARGO_PKG_VERSION")))
        .default_headers(headers)
        .connect_timeout(Duration::from_secs(10))
        .read_timeout(silence_max)
        // The API has none, and a credential must not be carried elsewhere.
        .redirect(reqwest::redirect::Policy::none());
    Ok(http.build()?)
}
