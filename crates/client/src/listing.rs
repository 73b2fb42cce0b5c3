use std::{collections::VecDeque, marker::PhantomData};

use futures_util::{Stream, TryStreamExt, stream};
use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    client::Client,
    error::Result,
    model::{activity::Activity, feeds::NotificationGroup, users::User},
    position::Position,
    request::{Answer, Request},
};

/// A feed or a list, to be read page by page or as a stream.
#[derive(Debug)]
#[must_use = "a listing is read by `page`, `items` or `newer`"]
pub struct Listing<T> {
    request: Request,
    cursor: Option<String>,
    items: PhantomData<fn() -> T>,
}

impl<T> Clone for Listing<T> {
    fn clone(&self) -> Self {
        Self { request: self.request.clone(), cursor: self.cursor.clone(), items: PhantomData }
    }
}

/// A page.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[non_exhaustive]
pub struct Page<T> {
    /// The items, in the order of the listing.
    #[serde(alias = "groups")]
    pub items: Vec<T>,
    /// Leads to the page that follows; none at the true end alone.
    pub next_cursor: Option<String>,
    /// Leads to what is newer, or stands before.
    pub previous_cursor: Option<String>,
    /// The position that the page includes, of a feed: a live stream, or changes, go on from here.
    #[serde(skip)]
    pub position: Option<Position>,
    /// The tag of the page, for [`Listing::page_unless`].
    #[serde(skip)]
    pub etag: Option<String>,
}

/// How many groups of notifications are new.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotificationCounts {
    /// Those with something that was not seen.
    pub unseen: u64,
    /// Those with something that was not read.
    pub unread: u64,
}

impl<T: DeserializeOwned + Send + 'static> Listing<T> {
    pub(crate) fn of(client: &Client, path: &[&str]) -> Self {
        Self { request: client.get(path), cursor: None, items: PhantomData }
    }

    pub(crate) fn with(self, name: &str, value: &str) -> Self {
        Self { request: self.request.query(name, value), ..self }
    }

    /// The most items of a page: 1 to 100, and 20 where it is not said.
    pub fn limit(self, limit: u32) -> Self {
        self.with("limit", &limit.to_string())
    }

    /// Begins where a cursor leads, which an earlier page gave, perhaps days ago.
    pub fn cursor(self, cursor: impl Into<String>) -> Self {
        Self { cursor: Some(cursor.into()), ..self }
    }

    /// One page.
    pub async fn page(&self) -> Result<Page<T>> {
        read(&self.asked().send().await?)
    }

    /// One page, unless it is still what has this tag.
    pub async fn page_unless(&self, etag: &str) -> Result<Option<Page<T>>> {
        let answer = self.asked().header("if-none-match", etag).send().await?;
        if answer.status.as_u16() == 304 { Ok(None) } else { read(&answer).map(Some) }
    }

    fn asked(&self) -> Request {
        match &self.cursor {
            Some(cursor) => self.request.clone().query("cursor", cursor),
            None => self.request.clone(),
        }
    }

    /// Every page from here to the end.
    pub fn pages(self) -> impl Stream<Item = Result<Page<T>>> + Send + Unpin {
        Box::pin(stream::try_unfold(Some(self), |rest| async move {
            let Some(listing) = rest else { return Ok(None) };
            let page = listing.page().await?;
            let rest = page.next_cursor.clone().map(|cursor| listing.cursor(cursor));
            Ok(Some((page, rest)))
        }))
    }

    /// Every item from here to the end: each that is there throughout once, whatever happens meanwhile.
    pub fn items(self) -> impl Stream<Item = Result<T>> + Send + Unpin {
        let pages = self.pages();
        pages.map_ok(|page| stream::iter(page.items.into_iter().map(Ok))).try_flatten()
    }

    /// Every item that stands before where this begins, the nearest first: from a cursor
    /// ([`Page::previous_cursor`]) towards what is newer, up to what is the newest when it is reached.
    pub fn newer(self) -> impl Stream<Item = Result<T>> + Send + Unpin {
        let state = (Some(self), VecDeque::new());
        Box::pin(stream::try_unfold(state, |(mut rest, mut items)| async move {
            loop {
                if let Some(item) = items.pop_back() {
                    return Ok(Some((item, (rest, items))));
                }
                let Some(listing) = rest.take() else { return Ok(None) };
                let page: Page<T> = listing.page().await?;
                if !page.items.is_empty() {
                    rest = page.previous_cursor.map(|cursor| listing.cursor(cursor));
                }
                items = page.items.into();
            }
        }))
    }
}

fn read<T: DeserializeOwned>(answer: &Answer) -> Result<Page<T>> {
    let page: Page<T> = answer.json()?;
    Ok(Page { position: answer.position(), etag: answer.etag(), ..page })
}

impl Listing<User> {
    /// Users whose names begin with this, literally.
    pub fn prefix(self, prefix: &str) -> Self {
        self.with("prefix", prefix)
    }
}

impl Listing<Activity> {
    /// Activities of this verb alone, or of another one that is asked for as well.
    pub fn verb(self, verb: &str) -> Self {
        self.with("verb", verb)
    }

    /// With the user's own activities, in a friends feed.
    pub fn include_self(self) -> Self {
        self.with("include_self", "true")
    }
}

impl Listing<NotificationGroup> {
    /// One page, and how many groups are new in all.
    pub async fn with_counts(&self) -> Result<(Page<NotificationGroup>, NotificationCounts)> {
        let answer = self.asked().send().await?;
        Ok((read(&answer)?, answer.json()?))
    }
}
