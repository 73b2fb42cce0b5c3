use serde::Deserialize;
use serde_json::value::RawValue;

use super::files::Files;
use crate::kit::World;

/// Up to this many items a feed is walked whole with a small limit; a longer one at both its ends, unless
/// `FEEDME_TEST_WHOLE_WALKS` is set, which takes a quarter of an hour.
const WHOLE_MAX: [(usize, usize); 2] = [(1, 30), (7, 210)];

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    items: Vec<&'a RawValue>,
    next_cursor: Option<String>,
    previous_cursor: String,
}

/// Reads feeds and compares them with what the files say.
pub(super) struct Walker<'a> {
    world: &'a World,
    files: &'a Files,
    pub(super) requests: usize,
}

/// Where a page is: the place of its first item in the feed, and the cursor that leads to it.
type Start = (usize, Option<String>);

impl<'a> Walker<'a> {
    pub(super) fn new(world: &'a World, files: &'a Files) -> Self {
        Self { world, files, requests: 0 }
    }

    pub(super) async fn compares_the_feeds_of(&mut self, name: &str) {
        let user = self.world.user(name);
        let nobody = Vec::new();
        let followees = self.files.following.get(name).unwrap_or(&nobody);
        let own = self.files.feed(|line| line.actor == name);
        self.compares(&user.own_path(), &own).await;
        let friends = self.files.feed(|line| followees.contains(&line.actor));
        self.compares(&user.friends_path(), &friends).await;
        let mentions = self.files.feed(|line| line.target.as_deref() == Some(name));
        self.compares(&user.mentions_path(), &mentions).await;
    }

    async fn compares(&mut self, path: &str, wanted: &[usize]) {
        let starts = self.walks(path, wanted, 100, (0, None), wanted.len()).await;
        let all_whole = std::env::var_os("FEEDME_TEST_WHOLE_WALKS").is_some();
        for (limit, whole_max) in WHOLE_MAX {
            if all_whole || wanted.len() <= whole_max {
                self.walks(path, wanted, limit, (0, None), wanted.len()).await;
                continue;
            }
            let part = whole_max / 2;
            self.walks(path, wanted, limit, (0, None), part).await;
            let start = self.goes_to(path, wanted, wanted.len() - part, &starts).await;
            self.walks(path, wanted, limit, start, part).await;
        }
        if let Some(last) = starts.last().filter(|_| !wanted.is_empty()) {
            self.walks_back(path, wanted, last.clone()).await;
        }
    }

    /// Reads `count` items (or to the end) from a start, comparing as it goes. Gives the starts of the pages.
    async fn walks(
        &mut self,
        path: &str,
        wanted: &[usize],
        limit: usize,
        start: Start,
        count: usize,
    ) -> Vec<Start> {
        let (mut at, mut cursor) = start;
        let end = at + count;
        let mut starts = Vec::new();
        loop {
            starts.push((at, cursor.clone()));
            let (found, next, _) = self.page(path, limit, cursor.as_deref()).await;
            let until = (at + limit).min(wanted.len());
            assert_eq!(found, wanted[at..until], "{path}, limit {limit}, from item {at} on");
            at = until;
            assert_eq!(
                next.is_none(),
                at == wanted.len(),
                "{path}, limit {limit}: the end is at {}",
                wanted.len()
            );
            if next.is_none() || end <= at {
                return starts;
            }
            cursor = next;
        }
    }

    /// The start that stands at an item: from the page before it, a step of the right length.
    async fn goes_to(&mut self, path: &str, wanted: &[usize], at: usize, starts: &[Start]) -> Start {
        let (before, cursor) = starts.iter().rfind(|(start, _)| *start <= at).unwrap().clone();
        if before == at {
            return (at, cursor);
        }
        let (found, next, _) = self.page(path, at - before, cursor.as_deref()).await;
        assert_eq!(found, wanted[before..at], "{path}: a step to item {at}");
        (at, next)
    }

    /// From the last page backwards, some pages.
    async fn walks_back(&mut self, path: &str, wanted: &[usize], (mut at, cursor): Start) {
        let (_, _, mut previous) = self.page(path, 100, cursor.as_deref()).await;
        for limit in [7, 100, 1, 3, 100] {
            let (found, next, before) = self.page(path, limit, Some(&previous)).await;
            let from = at.saturating_sub(limit);
            assert_eq!(found, wanted[from..at], "{path}, limit {limit}, backwards from item {at} on");
            assert!(next.is_some(), "{path}: something follows what precedes");
            (at, previous) = (from, before);
        }
    }

    async fn page(
        &mut self,
        path: &str,
        limit: usize,
        cursor: Option<&str>,
    ) -> (Vec<usize>, Option<String>, String) {
        self.requests += 1;
        let path = format!("{path}?limit={limit}");
        let answer = match cursor {
            Some(cursor) => self.world.page(&path, cursor).await,
            None => self.world.get(&path).await,
        };
        answer.is(200);
        let page: Page<'_> = serde_json::from_slice(&answer.bytes).unwrap();
        let found = page.items.iter().map(|raw| self.files.recognised(raw.get())).collect();
        (found, page.next_cursor, page.previous_cursor)
    }
}
