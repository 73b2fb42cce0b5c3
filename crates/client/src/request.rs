use std::time::Duration;

use bytes::Bytes;
use reqwest::{
    Method, Response, StatusCode, Url,
    header::{ACCEPT, CONTENT_TYPE, ETAG, HeaderMap},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    client::Client,
    error::{Error, Result},
    model::{Stored, Tagged},
    position::Position,
    problem::{Problem, ProblemKind},
};

const FEED_POSITION: &str = "feed-position";
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// A request, and how it is sent again.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    client: Client,
    method: Method,
    url: Url,
    headers: Vec<(&'static str, String)>,
    body: Option<Bytes>,
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    body: Bytes,
}

impl Request {
    pub(crate) fn new(client: Client, method: Method, path: &[&str]) -> Self {
        let mut url = client.inner.base.clone();
        // The base has a host, so it has a path.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("v1").extend(path);
        }
        Self { client, method, url, headers: Vec::new(), body: None }
    }

    pub(crate) fn query(mut self, name: &str, value: &str) -> Self {
        self.url.query_pairs_mut().append_pair(name, value);
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.to_owned()));
        self
    }

    /// With another `Idempotency-Key`.
    pub(crate) fn key(self, key: &str) -> Self {
        self.header(IDEMPOTENCY_KEY, key)
    }

    pub(crate) fn json(mut self, body: &impl Serialize) -> Result<Self> {
        let body = serde_json::to_vec(body).map_err(|error| Error::Unusable(format!("no JSON: {error}")))?;
        self.body = Some(body.into());
        Ok(self.header("content-type", "application/json"))
    }

    /// Sends it, again where that helps and is safe, until there is an answer that is a success.
    pub(crate) async fn send(self) -> Result<Answer> {
        let mut pauses = self.client.inner.retries.pauses();
        loop {
            let failed = match self.attempt().await {
                Ok(answer) => return Ok(answer),
                Err(failed) => failed,
            };
            let pause = if self.may_go_again(&failed) { pauses.next(retry_after(&failed)) } else { None };
            let Some(pause) = pause else { return Err(failed) };
            tokio::time::sleep(pause).await;
        }
    }

    /// Sends it once.
    async fn attempt(&self) -> Result<Answer> {
        let response = self.begin(Some(self.client.inner.timeout)).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.bytes().await?;
        if status.is_client_error() || status.is_server_error() {
            return Err(Problem::read(status, &headers, &body).into());
        }
        if self.is_write()
            && let Some(position) = position_in(&headers)
        {
            self.client.see(position);
        }
        Ok(Answer { status, headers, body })
    }

    /// Sends it once, as far as to the head of the answer.
    pub(crate) async fn begin(&self, timeout: Option<Duration>) -> Result<Response> {
        let mut request = self.client.inner.http.request(self.method.clone(), self.url.clone());
        if !self.headers.iter().any(|(name, _)| *name == "accept") {
            request = request.header(ACCEPT, "application/json");
        }
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        if let Some(position) = self.client.wanted().filter(|_| !self.is_write()) {
            request = request.header(FEED_POSITION, position.to_string());
        }
        if let Some(body) = &self.body {
            request = request.body(body.clone());
        } else if self.method == Method::POST {
            request = request.header(CONTENT_TYPE, "application/json").body("");
        }
        if let Some(timeout) = timeout {
            request = request.timeout(timeout);
        }
        Ok(request.send().await?)
    }

    fn is_write(&self) -> bool {
        ![Method::GET, Method::HEAD].contains(&self.method)
    }

    /// Whether to have it twice is to have it once.
    fn is_repeatable(&self) -> bool {
        match self.method {
            Method::POST => self.headers.iter().any(|(name, _)| *name == IDEMPOTENCY_KEY),
            Method::PATCH => false,
            _ => true,
        }
    }

    fn may_go_again(&self, failed: &Error) -> bool {
        match failed {
            Error::Transport(error) if error.is_connect() => true,
            Error::Transport(error) => self.is_repeatable() && !error.is_builder(),
            Error::Problem(problem) => match problem.status {
                429 | 503 => true,
                409 => problem.kind() == ProblemKind::IdempotencyKeyUnderWay,
                // A proxy that lost its server.
                502 | 504 => self.is_repeatable(),
                _ => false,
            },
            Error::Late | Error::Unreadable(_) | Error::Unusable(_) => false,
        }
    }
}

/// When the server wants to be asked again, where it says so.
pub(crate) fn retry_after(failed: &Error) -> Option<Duration> {
    failed.problem().and_then(|problem| problem.retry_after)
}

/// The position that an answer includes.
pub(crate) fn position_in(headers: &HeaderMap) -> Option<Position> {
    headers.get(FEED_POSITION)?.to_str().ok()?.parse().ok()
}

impl Answer {
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.body).map_err(|error| Error::Unreadable(error.to_string()))
    }

    pub(crate) fn stored<T: DeserializeOwned>(&self) -> Result<Stored<T>> {
        let value = self.json()?;
        Ok(if self.status == StatusCode::CREATED { Stored::Created(value) } else { Stored::Existing(value) })
    }

    pub(crate) fn tagged<T: DeserializeOwned>(&self) -> Result<Tagged<T>> {
        Ok(Tagged { value: self.json()?, etag: self.etag().unwrap_or_default() })
    }

    pub(crate) fn etag(&self) -> Option<String> {
        self.headers.get(ETAG).and_then(|tag| tag.to_str().ok()).map(str::to_owned)
    }

    pub(crate) fn position(&self) -> Option<Position> {
        position_in(&self.headers)
    }
}
