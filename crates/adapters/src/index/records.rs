//! What the index knows of each activity, and the order that all of it stands in.

use feed_me_domain::{ActivityId, Boundary, Position, Timestamp};
use uuid::Uuid;

/// Where a record stands.
pub(super) type Slot = u32;

/// `published` in microseconds and the id as a number: compares as [`Position`] does.
pub(super) type Place = (i64, u128);

/// A place as the domain has it.
pub(super) fn place_of(position: Position) -> Place {
    (position.published.micros(), position.id.as_uuid().as_u128())
}

/// The gap of a boundary: what lies below it is less than this place, what lies above it is not.
pub(super) fn gap_of(boundary: Boundary<Position>) -> Place {
    match boundary {
        Boundary::Top => (i64::MAX, u128::MAX),
        Boundary::End => (i64::MIN, 0),
        Boundary::After(position) => place_of(position),
        Boundary::Before(position) => {
            let (published, id) = place_of(position);
            id.checked_add(1).map_or((published + 1, 0), |next| (published, next))
        }
    }
}

/// An activity without its body: 40 bytes. The id is cut in two because a `u128` would be aligned to 16.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    id: [u64; 2],
    pub(super) published: i64,
    pub(super) actor: u32,
    /// 0 for none; numbers of users begin at 1.
    pub(super) target: u32,
    pub(super) verb: u32,
    pub(super) version: i32,
}

impl Record {
    /// The record of an activity at a place.
    pub(super) fn new((published, id): Place, actor: u32, target: u32, verb: u32, version: i32) -> Self {
        let [high, low] = [id >> 64, id & u128::from(u64::MAX)];
        // Both fit by what was just done to them.
        let id = [u64::try_from(high).unwrap_or(0), u64::try_from(low).unwrap_or(0)];
        Self { id, published, actor, target, verb, version }
    }

    /// The id as a number.
    pub(super) fn id(&self) -> u128 {
        (u128::from(self.id[0]) << 64) | u128::from(self.id[1])
    }

    /// Its place.
    pub(super) fn place(&self) -> Place {
        (self.published, self.id())
    }

    /// Its place as the domain has it; a time that was one stays one.
    pub(super) fn position(&self) -> Position {
        Position {
            published: Timestamp::from_micros(self.published).unwrap_or(Timestamp::EPOCH),
            id: ActivityId::from_uuid(Uuid::from_u128(self.id())),
        }
    }
}

/// How many records a chunk has. Chunks are never moved, so growing copies nothing and wastes less than one of them.
const CHUNK: usize = 4096;

/// All records, each in a slot that it keeps while it lives.
#[derive(Default)]
pub(super) struct Records {
    chunks: Vec<Vec<Record>>,
    free: Vec<Slot>,
}

impl Records {
    /// The record of a slot that lives.
    #[inline]
    pub(super) fn get(&self, slot: Slot) -> &Record {
        let slot = slot as usize;
        &self.chunks[slot / CHUNK][slot % CHUNK]
    }

    pub(super) fn get_mut(&mut self, slot: Slot) -> &mut Record {
        let slot = slot as usize;
        &mut self.chunks[slot / CHUNK][slot % CHUNK]
    }

    /// Gives a record a slot; none when all four thousand million are taken.
    pub(super) fn insert(&mut self, record: Record) -> Option<Slot> {
        if let Some(slot) = self.free.pop() {
            *self.get_mut(slot) = record;
            return Some(slot);
        }
        let slot = Slot::try_from(self.reached()).ok()?;
        match self.chunks.last_mut() {
            Some(chunk) if chunk.len() < CHUNK => chunk.push(record),
            _ => {
                let mut chunk = Vec::with_capacity(CHUNK);
                chunk.push(record);
                self.chunks.push(chunk);
            }
        }
        Some(slot)
    }

    /// The slot may be given again.
    pub(super) fn remove(&mut self, slot: Slot) {
        self.free.push(slot);
    }

    /// How many live.
    pub(super) fn len(&self) -> usize {
        self.reached() - self.free.len()
    }

    /// How many slots were ever given.
    pub(super) fn reached(&self) -> usize {
        let last = self.chunks.last().map_or(0, Vec::len);
        self.chunks.len().saturating_sub(1) * CHUNK + last
    }
}
