//! The bodies of activities, serialised once and kept.
//!
//! A body has no names: those of the actor and the target are put in while a page is written, so a rename or an erasure
//! shows at once and costs nothing. What stands in between is copied as it is.

mod body;
mod kept;

use std::{
    collections::HashMap,
    hint,
    sync::atomic::{AtomicU64, Ordering},
};

use feed_me_domain::{Activity, ActivityId, FeedItem, ports::Forgets, services::ActivityService};
use parking_lot::RwLock;

pub use self::body::{Body, Told};
use self::kept::KeptBodies;
use crate::problem::Failure;

/// The bodies that are kept, by the memory they may take.
pub struct Bodies {
    kept: RwLock<KeptBodies>,
    hits: AtomicU64,
    misses: AtomicU64,
}

/// Items of a page that are complete, and those of which the body is missing: before which of the others each belongs.
type Gathered = (Vec<Told>, Vec<(usize, ActivityId)>);

impl Bodies {
    /// Keeps bodies in at most so many bytes.
    pub fn new(memory: u64) -> Self {
        let budget = usize::try_from(memory).unwrap_or(usize::MAX);
        Self {
            kept: RwLock::new(KeptBodies::new(budget)),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        }
    }

    /// How many bodies are kept, and the bytes they take.
    pub fn kept(&self) -> (usize, usize) {
        let kept = self.kept.read();
        (kept.len(), kept.bytes())
    }

    /// How many bodies were there when they were looked for, and how many were not.
    pub fn hits_and_misses(&self) -> (u64, u64) {
        (self.hits.load(Ordering::Relaxed), self.misses.load(Ordering::Relaxed))
    }

    /// Keeps the body of an activity that was just written: feeds will ask for it next.
    pub fn note(&self, activity: &Activity) {
        // What cannot be kept is read when it is asked for.
        if let Ok(body) = Body::of(activity) {
            self.kept.write().insert(activity.id, body);
        }
    }

    /// Completes the items of a page. What is not kept is read by one question; none where an activity is not there any
    /// more, so that the page has to be read again.
    pub async fn complete(
        &self,
        items: Vec<FeedItem>,
        activities: &ActivityService,
    ) -> Result<Option<Vec<Told>>, Failure> {
        let (told, missing) = self.gather(items)?;
        self.hits.fetch_add(told.len() as u64, Ordering::Relaxed);
        if missing.is_empty() {
            return Ok(Some(told));
        }
        self.misses.fetch_add(missing.len() as u64, Ordering::Relaxed);
        self.fetch(told, &missing, activities).await
    }

    fn gather(&self, items: Vec<FeedItem>) -> Result<Gathered, Failure> {
        let kept = self.kept.read();
        let found = items.iter().map(|item| match item {
            FeedItem::Whole(_) => None,
            FeedItem::Entry(entry) => {
                kept.get(entry.position.id).filter(|body| body.version == entry.version)
            }
        });
        let found: Vec<Option<&Body>> = found.collect();
        // Every text is waited for at the same time here, and not one by one while the page is written.
        hint::black_box(found.iter().flatten().fold(0, |all, body| all ^ body.touch()));
        let mut told = Vec::with_capacity(items.len());
        let mut missing = Vec::new();
        for (item, body) in items.into_iter().zip(found) {
            match (item, body) {
                (FeedItem::Whole(activity), _) => told.push(Told::whole(&activity, Body::of(&activity)?)),
                (FeedItem::Entry(entry), Some(body)) => told.push(Told::of_entry(entry, body.clone())),
                // Its place is known: it goes in front of what comes next.
                (FeedItem::Entry(entry), None) => missing.push((told.len(), entry.position.id)),
            }
        }
        Ok((told, missing))
    }

    /// Reads what is missing and puts each before the item that it was found before.
    async fn fetch(
        &self,
        kept: Vec<Told>,
        missing: &[(usize, ActivityId)],
        activities: &ActivityService,
    ) -> Result<Option<Vec<Told>>, Failure> {
        let ids: Vec<ActivityId> = missing.iter().map(|(_, id)| *id).collect();
        let found = activities.bodies(&ids).await?;
        let mut found: HashMap<ActivityId, Activity> =
            found.into_iter().map(|activity| (activity.id, activity)).collect();
        let mut told = Vec::with_capacity(kept.len() + missing.len());
        let mut fresh = Vec::with_capacity(missing.len());
        let mut kept = kept.into_iter();
        let mut taken = 0;
        for (before, id) in missing {
            told.extend(kept.by_ref().take(before - taken));
            taken = *before;
            let Some(activity) = found.remove(id) else { return Ok(None) };
            let body = Body::of(&activity)?;
            fresh.push((*id, body.clone()));
            // The row may be newer than the entry; then all of it is.
            told.push(Told::whole(&activity, body));
        }
        told.extend(kept);
        let mut keeping = self.kept.write();
        for (id, body) in fresh {
            keeping.insert(id, body);
        }
        Ok(Some(told))
    }
}

impl Forgets for Bodies {
    fn forget(&self, ids: &[ActivityId]) {
        let mut kept = self.kept.write();
        for id in ids {
            kept.remove(*id);
        }
    }
}
