//! Pages of feeds that are asked for again and again, kept as they were answered.
//!
//! Whoever looks at a feed looks at it again a moment later: an application that is opened, a list that is pulled down, a
//! client that asks every few seconds. Mostly nothing has come. So an answer is kept whole, and given again for as long as
//! the store vouches that it is still what would be read ([`FeedService::unchanged`]): a page is never older than one that is
//! read. Nothing has to be told to these pages when something happens, and a write costs nothing by them.
//!
//! Only what was read twice without a change in between is kept. Pages that are walked through once, and feeds in which
//! something new stands whenever they are asked for, would only drive others out: like the doorkeeper of `TinyLFU`, a small
//! table remembers where each was read last.
//!
//! What it saves: a first page took 11.3 µs of CPU instead of 16.9, a deep one 11.1 instead of 20.9 (1,000 users, medians of
//! four interleaved runs). Where writes come between any two looks it saves nothing, and costs too little to be measured.
//! `make bench` measures pages that are kept beside such as are read anew.

use std::{
    hash::BuildHasher,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use feed_me_domain::{FeedKind, FeedMark, Username, services::FeedService};
use foldhash::fast::RandomState;
use moka::sync::Cache;

use crate::{accept::FeedForm, links::Asked, reply::Reply, shared::Shared};

/// What a page takes beside its text and its key.
const OVERHEAD_BYTES: usize = 500;
/// How long a page is kept that nobody asks for: it may show somebody who was erased meanwhile.
const IDLE_MAX: Duration = Duration::from_mins(10);
/// Of how many pages it is remembered where they were read last, in 8 bytes each.
const REMEMBERED: usize = 1 << 16;
/// In how many places a page may be remembered: a cache line of them. With one place, pages that shared it drove each other
/// out, and a tenth of all was never kept.
const WAYS: usize = 8;

/// The form of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageForm {
    /// Of `/v1`, in one of its forms.
    V1(FeedForm),
    /// Of the classic routes.
    Classic,
}

/// The pages that are kept.
pub struct KeptPages {
    pages: Cache<Arc<str>, Arc<KeptPage>, RandomState>,
    /// Where pages were read last: the upper half of the hash of a page, and the lower half of the position.
    read_last: Box<[AtomicU64]>,
    hasher: RandomState,
    hits: AtomicU64,
    misses: AtomicU64,
}

struct KeptPage {
    kind: FeedKind,
    owner: Username,
    copy: u64,
    /// Up to where it is known to be right.
    position: AtomicI64,
    reply: Reply,
}

impl KeptPages {
    /// Keeps pages in about so many bytes.
    pub fn new(memory: u64) -> Self {
        let hasher = RandomState::default();
        let weight = |key: &Arc<str>, page: &Arc<KeptPage>| {
            u32::try_from(key.len() + page.reply.size() + OVERHEAD_BYTES).unwrap_or(u32::MAX)
        };
        let pages = Cache::builder()
            .max_capacity(memory)
            .weigher(weight)
            .time_to_idle(IDLE_MAX)
            .build_with_hasher(hasher.clone());
        let read_last = (0..REMEMBERED).map(|_| AtomicU64::new(0)).collect();
        Self { pages, read_last, hasher, hits: AtomicU64::new(0), misses: AtomicU64::new(0) }
    }

    /// How many pages are kept, and about how many bytes they take.
    pub fn kept(&self) -> (u64, u64) {
        self.pages.run_pending_tasks();
        (self.pages.entry_count(), self.pages.weighted_size())
    }

    /// How many pages were given as they were kept, and how many were read.
    pub fn hits_and_misses(&self) -> (u64, u64) {
        (self.hits.load(Ordering::Relaxed), self.misses.load(Ordering::Relaxed))
    }

    fn find(&self, key: &str, feeds: &FeedService) -> Option<Reply> {
        let page = self.pages.get(key)?;
        let position = page.position.load(Ordering::Relaxed);
        let since = FeedMark { copy: page.copy, position };
        let Some(by_now) = feeds.unchanged(page.kind, &page.owner, since) else {
            // It would never be right again, and may show what is to be forgotten.
            self.pages.invalidate(key);
            return None;
        };
        if position < by_now.position {
            page.position.fetch_max(by_now.position, Ordering::Relaxed);
        }
        Some(page.reply.clone().at_position(by_now.position))
    }

    /// Whether a page was read before and would have been the same; remembers that it was read now.
    fn is_read_again(
        &self,
        key: &str,
        feeds: &FeedService,
        (kind, owner): (FeedKind, &Username),
        mark: FeedMark,
    ) -> bool {
        const LOW: u64 = 0xFFFF_FFFF;
        let hash = self.hasher.hash_one(key);
        let set = usize::try_from(hash & LOW).unwrap_or(0) % (REMEMBERED / WAYS);
        let set = &self.read_last[set * WAYS..(set + 1) * WAYS];
        let is_it = |slot: &&AtomicU64| slot.load(Ordering::Relaxed) & !LOW == hash & !LOW;
        let position = mark.position.cast_unsigned();
        let now = (hash & !LOW) | (position & LOW);
        let Some(slot) = set.iter().find(is_it) else {
            // Any of them goes.
            let any = usize::try_from(self.misses.load(Ordering::Relaxed)).unwrap_or(0);
            set[any % WAYS].store(now, Ordering::Relaxed);
            return false;
        };
        let passed = position.wrapping_sub(slot.swap(now, Ordering::Relaxed)) & LOW;
        let since = position.wrapping_sub(passed).cast_signed();
        feeds.unchanged(kind, owner, FeedMark { position: since, ..mark }).is_some()
    }
}

/// A page that is asked for: what its answer follows from beside the state of the feed.
pub struct Visit<'s> {
    shared: &'s Shared,
    asked: Option<(&'s KeptPages, String)>,
    /// What the page will include at least.
    mark: Option<FeedMark>,
}

impl<'s> Visit<'s> {
    /// Somebody asks for a page.
    pub fn of(shared: &'s Shared, asked: Asked<'_>, form: PageForm) -> Self {
        let key = || {
            let uri = &asked.head.uri;
            let form = match form {
                PageForm::V1(FeedForm::Json) => "#json",
                PageForm::V1(FeedForm::ActivityStreams) => "#streams",
                PageForm::V1(FeedForm::JsonLd) => "#linked",
                PageForm::Classic => "#classic",
            };
            // Absolute URLs begin with the origin; neither it nor a path has a mark of interrogation.
            let (mut key, query) = (shared.origin(asked), uri.query().unwrap_or_default());
            key.reserve(uri.path().len() + query.len() + 12);
            key.extend([uri.path(), "?", query, form]);
            key
        };
        let asked = shared.services.kept_pages.as_deref().map(|pages| (pages, key()));
        Self { shared, asked, mark: None }
    }

    /// The answer that is kept, where it is still right. Where there is none, it has to be read, from now on.
    pub fn find(&mut self) -> Option<Reply> {
        let (pages, key) = self.asked.as_ref()?;
        let feeds = &self.shared.services.feeds;
        let found = pages.find(key, feeds);
        let counter = if found.is_some() { &pages.hits } else { &pages.misses };
        counter.fetch_add(1, Ordering::Relaxed);
        if found.is_none() {
            self.mark = feeds.mark();
        }
        found
    }

    /// The answer as it was read, at a position; kept, where that is of use.
    pub fn read(self, kind: FeedKind, owner: &Username, reply: Reply, position: i64) -> Reply {
        // What was read elsewhere may be older than what the mark tells of.
        if let (Some((pages, key)), Some(mark)) = (self.asked, self.mark)
            && mark.position <= position
            && pages.is_read_again(&key, &self.shared.services.feeds, (kind, owner), mark)
        {
            let FeedMark { copy, position } = mark;
            let (owner, position, reply) = (owner.clone(), AtomicI64::new(position), reply.compact());
            pages.pages.insert(key.into(), Arc::new(KeptPage { kind, owner, copy, position, reply }));
        }
        reply.at_position(position)
    }
}
