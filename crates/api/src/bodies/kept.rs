//! The bodies that are kept, by the memory they may take.
//!
//! No library's cache, because a page takes twenty bodies, and here one lock and one wait for memory serve all of them;
//! caches hand out one value at a time, each behind a lock of its own. With `quick_cache` a first page took about 14.4 µs of
//! CPU instead of 13.2 (1,000 users), and 20.0 instead of 19.5 (200,000 users): single runs on a machine that was not quiet.
//!
//! What goes when there is no room is what was not used since it was last looked at, part after part: the clock of F. J.
//! Corbató ("A paging experiment with the Multics system", 1968), with a part of all bodies instead of one at each tick.

use std::{
    collections::HashMap,
    hash::BuildHasher,
    sync::atomic::{AtomicBool, Ordering},
};

use feed_me_domain::ActivityId;
use foldhash::fast::RandomState;

use super::body::Body;

/// What a body takes beside its text: its line in the table, where up to half of the lines are empty, and the allocation.
const OVERHEAD_BYTES: usize = 120;
/// How many parts there are. Growing, and making room, stops readers for one of them and not for all.
const PARTS: usize = 256;

/// A body, and whether anybody asked for it since it was last looked at.
#[derive(Debug)]
struct Kept {
    body: Body,
    is_used: AtomicBool,
}

type Part = HashMap<ActivityId, Kept, RandomState>;

/// Bodies by id.
pub(super) struct KeptBodies {
    parts: Vec<Part>,
    hasher: RandomState,
    budget: usize,
    bytes: usize,
    /// Which part is looked at when there is no room next time.
    hand: usize,
}

impl KeptBodies {
    /// Keeps bodies in at most so many bytes.
    pub(super) fn new(budget: usize) -> Self {
        let hasher = RandomState::default();
        let parts = (0..PARTS).map(|_| Part::with_hasher(hasher.clone())).collect();
        Self { parts, hasher, budget, bytes: 0, hand: 0 }
    }

    /// How many bodies there are.
    pub(super) fn len(&self) -> usize {
        self.parts.iter().map(Part::len).sum()
    }

    /// The bytes that they take.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The body of an activity.
    pub(super) fn get(&self, id: ActivityId) -> Option<&Body> {
        let kept = self.parts[self.part_of(id)].get(&id)?;
        // Written only where it says something new, so that readers do not take the line from each other.
        if !kept.is_used.load(Ordering::Relaxed) {
            kept.is_used.store(true, Ordering::Relaxed);
        }
        Some(&kept.body)
    }

    /// Keeps a body, in place of another state of it.
    pub(super) fn insert(&mut self, id: ActivityId, body: Body) {
        let weight = weight(&body);
        if self.budget < weight {
            self.remove(id);
            return;
        }
        let part = self.part_of(id);
        self.bytes += weight;
        let before = self.parts[part].insert(id, Kept { body, is_used: AtomicBool::new(true) });
        if let Some(before) = before {
            self.bytes -= self::weight(&before.body);
        }
        while self.budget < self.bytes {
            self.make_room();
        }
    }

    /// Forgets a body.
    pub(super) fn remove(&mut self, id: ActivityId) {
        let part = self.part_of(id);
        if let Some(gone) = self.parts[part].remove(&id) {
            self.bytes -= weight(&gone.body);
        }
    }

    /// Drops what was not used since the hand last came to a part. The next round finds more.
    fn make_room(&mut self) {
        let mut freed = 0;
        self.parts[self.hand].retain(|_, kept| {
            let stays = std::mem::take(kept.is_used.get_mut());
            freed += if stays { 0 } else { weight(&kept.body) };
            stays
        });
        self.bytes -= freed;
        self.hand = (self.hand + 1) % PARTS;
    }

    fn part_of(&self, id: ActivityId) -> usize {
        // The table within the part goes by the lowest and the highest bits of the same hash.
        usize::try_from(self.hasher.hash_one(id) >> 32).unwrap_or(0) % PARTS
    }
}

fn weight(body: &Body) -> usize {
    body.size() + OVERHEAD_BYTES
}

#[cfg(test)]
mod tests {
    use feed_me_domain::{Activity, Data, Object, Timestamp, Username, Verb};

    use super::*;

    fn body(version: i32, size: usize) -> Body {
        let activity = Activity {
            id: id(0),
            actor: Username::parse("ivan").unwrap(),
            verb: Verb::parse("post").unwrap(),
            object: Some(Object::parse(&"x".repeat(size)).unwrap()),
            target: None,
            published: Timestamp::EPOCH,
            edited_at: None,
            external_id: None,
            data: Data::empty(),
            version,
        };
        Body::of(&activity).unwrap()
    }

    fn id(number: u128) -> ActivityId {
        ActivityId::from_uuid(uuid::Uuid::from_u128(number))
    }

    #[test]
    fn a_body_is_found_until_it_is_forgotten() {
        let mut kept = KeptBodies::new(1 << 20);
        kept.insert(id(1), body(1, 10));
        kept.insert(id(1), body(2, 10));
        assert_eq!(kept.get(id(1)).map(|body| body.version), Some(2));
        assert!(kept.get(id(2)).is_none());
        assert_eq!((kept.len(), kept.bytes()), (1, weight(&body(2, 10))));
        kept.remove(id(1));
        assert!(kept.get(id(1)).is_none());
        assert_eq!((kept.len(), kept.bytes()), (0, 0));
    }

    #[test]
    fn what_is_used_stays_and_the_rest_goes_when_there_is_no_room() {
        let each = weight(&body(1, 100));
        let mut kept = KeptBodies::new(1000 * each);
        for number in 0..10_000 {
            kept.insert(id(number), body(1, 100));
            for favourite in 0..10 {
                assert!(number < favourite || kept.get(id(favourite)).is_some(), "{favourite} at {number}");
            }
            assert!(kept.bytes() <= 1000 * each);
        }
        assert_eq!(kept.bytes(), kept.len() * each);
        assert!(500 < kept.len(), "no more goes than has to: {}", kept.len());
    }

    #[test]
    fn a_body_that_is_larger_than_all_room_is_not_kept() {
        let mut kept = KeptBodies::new(200);
        kept.insert(id(1), body(1, 1000));
        assert_eq!((kept.len(), kept.bytes()), (0, 0));
    }
}
