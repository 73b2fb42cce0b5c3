//! Comparing what the index answers with what the store beneath it does.

use std::time::Duration;

use feed_me_domain::{
    Boundary, Direction, FeedEntry, FeedFilter, FeedItem, FeedKind, FeedQuery, Position, Shape, Span,
    StoreError, Username,
};

use super::{FeedIndex, page::Read};

/// Items of a page that is compared.
const TAKE: usize = 21;
/// How often a page that differs is read again before that counts: writes go on meanwhile.
const TRIES: usize = 5;
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(50);

/// Whose feeds are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sample {
    /// Everybody's.
    All,
    /// Those of so many users, spread evenly over all; which of them, the number of the round says.
    Users {
        /// How many.
        count: usize,
        /// Another round, other users.
        round: usize,
    },
}

/// What comparing came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// How many users' feeds were compared.
    pub users: usize,
    /// How many pages were.
    pub pages: usize,
    /// How many of them the index left to the store.
    pub left_to_sql: usize,
    /// The pages that differ.
    pub differences: Vec<Difference>,
}

/// A page that the index and the store tell differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What was asked.
    pub query: FeedQuery,
    /// The index's answer; none where it knows no such user.
    pub index: Option<Vec<FeedEntry>>,
    /// The store's.
    pub store: Option<Vec<FeedEntry>>,
}

impl FeedIndex {
    /// Compares pages of the feeds of a sample of users: own, friends with and without the user, mentions; each at its top,
    /// at its end, and on the way through, downward and upward. Before each page it pauses: whoever is served meanwhile comes
    /// first. `progress` hears how many users are done, and of how many.
    pub async fn compare(
        &self,
        sample: Sample,
        pause: Duration,
        mut progress: impl FnMut(usize, usize),
    ) -> Result<Compared, StoreError> {
        let names = self.sampled(sample);
        let mut compared = Compared::default();
        for (done, name) in names.iter().enumerate() {
            progress(done, names.len());
            // Nobody else may follow the log, and an index that has not seen its end for long leaves every page to the store.
            self.catch_up().await?;
            for (kind, include_self) in [
                (FeedKind::Own, false),
                (FeedKind::Friends, false),
                (FeedKind::Friends, true),
                (FeedKind::Mentions, false),
            ] {
                let filter = FeedFilter::new(Vec::new(), include_self);
                self.compare_feed(name, kind, filter, (pause, &mut compared)).await?;
            }
            compared.users += 1;
        }
        progress(names.len(), names.len());
        Ok(compared)
    }

    fn sampled(&self, sample: Sample) -> Vec<Username> {
        let state = self.state.read();
        let Some(state) = &*state else { return Vec::new() };
        match sample {
            Sample::All => state.people.names().cloned().collect(),
            Sample::Users { count, round } => state.people.spread(count, round).cloned().collect(),
        }
    }

    /// Pages at the top and the end, and from the middle of what lies between.
    async fn compare_feed(
        &self,
        owner: &Username,
        kind: FeedKind,
        filter: FeedFilter,
        (pause, compared): (Duration, &mut Compared),
    ) -> Result<(), StoreError> {
        let query = |boundary, direction| FeedQuery {
            kind,
            owner: owner.clone(),
            filter: filter.clone(),
            span: Span { boundary, direction, take: TAKE },
            skip: 0,
            shape: Shape::Entry,
        };
        let top = self.compare_page(query(Boundary::Top, Direction::Forward), pause, compared).await?;
        let end = self.compare_page(query(Boundary::End, Direction::Backward), pause, compared).await?;
        let mut inner: Vec<Position> = top.last().into_iter().chain(end.last()).copied().collect();
        inner.extend(middle(&top, &end));
        for position in inner {
            self.compare_page(query(Boundary::After(position), Direction::Forward), pause, compared).await?;
            self.compare_page(query(Boundary::Before(position), Direction::Backward), pause, compared)
                .await?;
        }
        Ok(())
    }

    /// Pauses, compares a page, and answers where its items stand.
    async fn compare_page(
        &self,
        query: FeedQuery,
        pause: Duration,
        compared: &mut Compared,
    ) -> Result<Vec<Position>, StoreError> {
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        compared.pages += 1;
        for attempt in 1.. {
            let index = match self.read(&query) {
                Read::Slice(slice) => Some(entries(slice.items)),
                Read::NoSuchUser => None,
                Read::AskSql => {
                    compared.left_to_sql += 1;
                    let slice = self.beneath.page(&query).await?;
                    let items = slice.map(|slice| entries(slice.items)).unwrap_or_default();
                    return Ok(items.iter().map(|entry| entry.position).collect());
                }
            };
            let store = self.beneath.page(&query).await?.map(|slice| entries(slice.items));
            if index == store {
                return Ok(index.unwrap_or_default().iter().map(|entry| entry.position).collect());
            }
            if attempt == TRIES {
                let places = store.iter().flatten().map(|entry| entry.position).collect();
                compared.differences.push(Difference { query, index, store });
                return Ok(places);
            }
            tokio::time::sleep(PAUSE).await;
            self.catch_up().await?;
        }
        Ok(Vec::new())
    }
}

/// Somewhere between the two ends of a feed, by time.
fn middle(top: &[Position], end: &[Position]) -> Option<Position> {
    let (newest, oldest) = (top.first()?, end.first()?);
    let half = newest.published.micros() / 2 + oldest.published.micros() / 2;
    let published = feed_me_domain::Timestamp::from_micros(half).ok()?;
    Some(Position { published, ..*newest })
}

fn entries(items: Vec<FeedItem>) -> Vec<FeedEntry> {
    let entry = |item| match item {
        FeedItem::Entry(entry) => entry,
        FeedItem::Whole(activity) => FeedEntry {
            position: activity.position(),
            version: activity.version,
            actor: activity.actor,
            target: activity.target,
        },
    };
    items.into_iter().map(entry).collect()
}
