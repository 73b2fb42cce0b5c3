use std::{
    pin::Pin,
    time::{Duration, Instant},
};

use bytes::Bytes;
use eventsource_stream::{Event, EventStream, Eventsource};
use futures_util::{Stream, StreamExt, stream};
use serde::Deserialize;
use uuid::Uuid;

use crate::{
    client::Client,
    error::{Error, Result},
    model::activity::Activity,
    position::Position,
    problem::Problem,
    request::{Request, position_in, retry_after},
    retry::Pauses,
};

/// A friends feed as it changes, to be begun.
#[derive(Clone, Debug)]
#[must_use = "it begins with `stream`"]
pub struct Live {
    client: Client,
    username: String,
    since: Option<Position>,
    patience: Option<usize>,
}

/// Something that changed in the feed.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LiveEvent {
    /// Who was told everything up to here goes on from here.
    pub position: Position,
    /// What changed.
    pub change: Change,
}

/// What changed in a feed.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Change {
    /// An activity came in. Put it in, also where it is there already.
    Added(Activity),
    /// An activity is otherwise than before. Put it in, also where it is not there.
    Edited(Activity),
    /// An activity is in the feed no more, if it was.
    Removed(Uuid),
    /// The feed has to be read again; the stream goes on by itself.
    Resync,
}

impl Live {
    pub(crate) fn of(client: &Client, username: &str) -> Self {
        Self { client: client.clone(), username: username.to_owned(), since: None, patience: None }
    }

    /// Begins behind a position ([`Page::position`](crate::Page::position), [`LiveEvent::position`]): nothing that came later is left
    /// out. Without one the stream begins now.
    pub fn since(self, position: Position) -> Self {
        Self { since: Some(position), ..self }
    }

    /// How often in a row a connection may fail before the stream gives the error and ends. It goes on for ever where
    /// this is not said.
    pub fn patience(self, times: usize) -> Self {
        Self { patience: Some(times), ..self }
    }

    /// The stream. Where its connection breaks, or the server goes, it goes on from the last event, with pauses that grow. It
    /// ends only behind an error that will not pass: the user is gone, the credential is not enough.
    pub fn stream(self) -> impl Stream<Item = Result<LiveEvent>> + Send {
        stream::unfold(Listener::of(self), Listener::next)
    }

    fn request(&self, last: Option<Position>) -> Request {
        let request = self.client.get(&["feeds", &self.username, "friends", "live"]);
        let request = request.header("accept", "text/event-stream");
        match last {
            Some(last) => request.header("last-event-id", &last.to_string()),
            None => request,
        }
    }
}

type Bytestream = Pin<Box<dyn Stream<Item = reqwest::Result<Bytes>> + Send>>;
type Connection = EventStream<Bytestream>;

struct Listener {
    live: Live,
    last: Option<Position>,
    connection: Option<(Connection, Instant)>,
    /// Connections that were begun since something was told.
    attempts: usize,
    /// Connections in a row that could not be begun.
    failures: usize,
    pauses: Pauses,
    /// When the server wants to be asked again.
    told: Option<Duration>,
    is_over: bool,
}

impl Listener {
    fn of(live: Live) -> Self {
        Self {
            last: live.since,
            pauses: live.client.inner.retries.endless_pauses(),
            live,
            connection: None,
            attempts: 0,
            failures: 0,
            told: None,
            is_over: false,
        }
    }

    async fn next(mut self) -> Option<(Result<LiveEvent>, Self)> {
        while !self.is_over {
            let told = match &mut self.connection {
                Some((connection, _)) => connection.next().await,
                None => match self.connect().await {
                    Ok(()) => continue,
                    Err(error) => return Some(self.end(error)),
                },
            };
            match told.map(|event| event.map(|event| read(&event))) {
                Some(Ok(Ok(Some(event)))) => {
                    self.start_over();
                    self.last = Some(event.position);
                    return Some((Ok(event), self));
                }
                // A kind of event that this version does not know.
                Some(Ok(Ok(None))) => {}
                Some(Ok(Err(error))) => return Some(self.end(error)),
                Some(Err(_)) | None => self.broke(),
            }
        }
        None
    }

    fn end(mut self, error: Error) -> (Result<LiveEvent>, Self) {
        self.is_over = true;
        (Err(error), self)
    }

    /// All is well: the next connection is begun without a pause.
    fn start_over(&mut self) {
        if 0 < self.attempts {
            self.attempts = 0;
            self.pauses = self.live.client.inner.retries.endless_pauses();
        }
    }

    fn broke(&mut self) {
        let began = self.connection.take().map(|(_, began)| began);
        // One that was quiet and lasted was well, too.
        if began.is_some_and(|began| self.live.client.inner.retries.pause_max < began.elapsed()) {
            self.start_over();
        }
    }

    /// Begins a connection, or says that it has to be tried again. An error is one that will not pass.
    async fn connect(&mut self) -> Result<()> {
        if 0 < self.attempts {
            let pause = self.pauses.next(self.told.take());
            tokio::time::sleep(pause.unwrap_or(self.live.client.inner.retries.pause_max)).await;
        }
        self.attempts += 1;
        match self.begin().await {
            Ok(connection) => {
                self.failures = 0;
                self.connection = Some((connection, Instant::now()));
                Ok(())
            }
            Err(failed) => {
                self.failures += 1;
                let is_spent = self.live.patience.is_some_and(|patience| patience < self.failures);
                if is_spent || !may_pass(&failed) {
                    return Err(failed);
                }
                let most = self.live.client.inner.retries.retry_after_max;
                self.told = retry_after(&failed).map(|told| told.min(most));
                Ok(())
            }
        }
    }

    async fn begin(&mut self) -> Result<Connection> {
        // The time-out is that of the head; what follows has no end.
        let request = self.live.request(self.last);
        let begun = tokio::time::timeout(self.live.client.inner.timeout, request.begin(None)).await;
        let response = begun.map_err(|_| Error::Late)??;
        let (status, headers) = (response.status(), response.headers().clone());
        if !status.is_success() {
            return Err(Problem::read(status, &headers, &response.bytes().await?).into());
        }
        // A stream that breaks before its first event resumes where it began.
        self.last = self.last.or_else(|| position_in(&headers));
        let bytes: Bytestream = Box::pin(response.bytes_stream());
        Ok(bytes.eventsource())
    }
}

fn may_pass(failed: &Error) -> bool {
    match failed {
        Error::Transport(error) => !error.is_builder(),
        Error::Late => true,
        Error::Problem(problem) => 500 <= problem.status || [408, 429].contains(&problem.status),
        Error::Unreadable(_) | Error::Unusable(_) => false,
    }
}

/// Reads an event; none for a kind that this version does not know.
fn read(event: &Event) -> Result<Option<LiveEvent>> {
    #[derive(Deserialize)]
    struct Removed {
        id: Uuid,
    }
    let unreadable = |error: serde_json::Error| Error::Unreadable(format!("'{}': {error}", event.event));
    let change = match event.event.as_str() {
        "activity.added" => Change::Added(serde_json::from_str(&event.data).map_err(unreadable)?),
        "activity.edited" => Change::Edited(serde_json::from_str(&event.data).map_err(unreadable)?),
        "activity.removed" => {
            Change::Removed(serde_json::from_str::<Removed>(&event.data).map_err(unreadable)?.id)
        }
        "resync" => Change::Resync,
        _ => return Ok(None),
    };
    let position = event.id.parse();
    let position = position.map_err(|_| Error::Unreadable(format!("'{}' is not a position", event.id)))?;
    Ok(Some(LiveEvent { position, change }))
}
