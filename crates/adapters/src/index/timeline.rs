//! The activities of one author, or for one target, in order.

use super::records::{Place, Records, Slot};

/// Places in ascending order. The times stand apart from the slots, so that a search touches nothing else: 12 bytes an
/// activity.
#[derive(Default)]
pub(super) struct Timeline {
    times: Vec<i64>,
    slots: Vec<Slot>,
}

impl Timeline {
    /// An empty one with room for exactly as many.
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self { times: Vec::with_capacity(capacity), slots: Vec::with_capacity(capacity) }
    }

    pub(super) fn len(&self) -> usize {
        self.times.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// When the newest was published.
    pub(super) fn newest(&self) -> Option<i64> {
        self.times.last().copied()
    }

    #[inline]
    pub(super) fn time(&self, index: usize) -> i64 {
        self.times[index]
    }

    #[inline]
    pub(super) fn slot(&self, index: usize) -> Slot {
        self.slots[index]
    }

    pub(super) fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// How many lie below a place.
    pub(super) fn below(&self, place: Place, records: &Records) -> usize {
        self.settled(self.before(place.0), place, records)
    }

    /// How many lie below a place, where so many lie before its time.
    fn settled(&self, start: usize, place: Place, records: &Records) -> usize {
        if self.times.get(start) != Some(&place.0) {
            return start;
        }
        // Of equal times the ids decide.
        let equal = self.times[start..].partition_point(|time| *time == place.0);
        let ties = &self.slots[start..start + equal];
        start + ties.partition_point(|slot| records.get(*slot).id() < place.1)
    }

    /// How many were published before an instant.
    pub(super) fn before(&self, time: i64) -> usize {
        self.times.partition_point(|own| *own < time)
    }

    /// How many were published until an instant, that one included.
    pub(super) fn until(&self, time: i64) -> usize {
        self.times.partition_point(|own| *own <= time)
    }

    /// How many of each lie below a place. All are searched in step: a search alone waits for memory at each of its steps,
    /// in step they wait together. None of them may be empty.
    pub(super) fn below_each(timelines: &[&Self], place: Place, records: &Records) -> Vec<usize> {
        // A base that the answer is not below, and how many from there on it may be.
        let mut spans: Vec<(usize, usize)> = timelines.iter().map(|timeline| (0, timeline.len())).collect();
        let mut is_open = true;
        while is_open {
            is_open = false;
            for (timeline, (base, size)) in timelines.iter().zip(&mut spans) {
                if 1 < *size {
                    let half = *size / 2;
                    *base += if timeline.times[*base + half] < place.0 { half } else { 0 };
                    *size -= half;
                    is_open |= 1 < *size;
                }
            }
        }
        let settled = timelines.iter().zip(spans).map(|(timeline, (base, _))| {
            let start = base + usize::from(timeline.times[base] < place.0);
            timeline.settled(start, place, records)
        });
        settled.collect()
    }

    /// The slot at a place, and where it stands.
    pub(super) fn find(&self, place: Place, records: &Records) -> Option<(usize, Slot)> {
        let index = self.below(place, records);
        let slot = *self.slots.get(index)?;
        (records.get(slot).place() == place).then_some((index, slot))
    }

    /// Puts a slot at its place.
    pub(super) fn insert(&mut self, place: Place, slot: Slot, records: &Records) {
        if self.times.len() == self.times.capacity() {
            // Doubling would waste more than the index may: an eighth more is moved less than nine times in all.
            let more = self.times.len() / 8 + 4;
            self.times.reserve_exact(more);
            self.slots.reserve_exact(more);
        }
        let index = self.below(place, records);
        self.times.insert(index, place.0);
        self.slots.insert(index, slot);
    }

    /// Adds what lies above all that is there.
    pub(super) fn push(&mut self, time: i64, slot: Slot) {
        self.times.push(time);
        self.slots.push(slot);
    }

    pub(super) fn remove(&mut self, index: usize) {
        self.times.remove(index);
        self.slots.remove(index);
    }

    /// Drops so many of the oldest.
    pub(super) fn drop_oldest(&mut self, count: usize) {
        self.times.drain(..count);
        self.slots.drain(..count);
        if self.times.len() < self.times.capacity() / 2 {
            self.times.shrink_to_fit();
            self.slots.shrink_to_fit();
        }
    }
}
