use std::collections::VecDeque;

use futures_util::{Stream, stream};

use crate::{
    client::Client,
    error::Result,
    model::events::{Event, EventPage},
    position::Position,
};

/// The log of all changes, from a position on. It needs an `admin` key.
#[derive(Clone, Debug)]
pub struct Events {
    client: Client,
    after: Option<Position>,
    limit: Option<u32>,
}

impl Client {
    /// All that happened, in order, as far as the log reaches back.
    pub fn events(&self) -> Events {
        Events { client: self.clone(), after: None, limit: None }
    }
}

impl Events {
    /// What happened after a position.
    #[must_use]
    pub fn after(self, position: Position) -> Self {
        Self { after: Some(position), ..self }
    }

    /// The most events of one answer: 1 to 1,000, and 100 where it is not said.
    #[must_use]
    pub fn limit(self, limit: u32) -> Self {
        Self { limit: Some(limit), ..self }
    }

    /// One stretch.
    pub async fn page(&self) -> Result<EventPage> {
        let mut request = self.client.get(&["events"]);
        if let Some(after) = self.after {
            request = request.query("after", &after.to_string());
        }
        if let Some(limit) = self.limit {
            request = request.query("limit", &limit.to_string());
        }
        request.send().await?.json()
    }

    /// Every event up to the end of the log.
    pub fn items(self) -> impl Stream<Item = Result<Event>> + Send {
        let state = (Some(self), VecDeque::new());
        stream::try_unfold(state, |(mut rest, mut events)| async move {
            loop {
                if let Some(event) = events.pop_front() {
                    return Ok(Some((event, (rest, events))));
                }
                let Some(asked) = rest.take() else { return Ok(None) };
                let page = asked.page().await?;
                if !page.events.is_empty() {
                    rest = Some(asked.after(page.position));
                }
                events = page.events.into();
            }
        })
    }
}
