//! The copy itself: everything that pages are made of, and how a change alters it.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicU64, Ordering},
};

use feed_me_domain::{
    ActivityId, FeedEntry, FeedItem, FeedKind, FeedMark, RelationKind, UserKey, Username, Window,
    activity::next_version,
    ports::{ActivityFact, Change, EdgeFact, Fact, FollowFact, UserFact},
};
use foldhash::fast::RandomState;
use uuid::Uuid;

use super::{
    log::{Line, Log},
    people::{People, Person, Verbs},
    reader::Reader,
    records::{Place, Record, Records, Slot, place_of},
    timeline::Timeline,
    touches::{Touch, Touches},
};

/// What an activity takes: its record, its line in its author's timeline, its place in the log.
const ACTIVITY_BYTES: usize = 40 + 12 + 8;
/// What standing in a target's timeline takes.
const MENTION_BYTES: usize = 12;
/// What an edge takes: the number, and its part of the sieve that those have who follow many.
const EDGE_BYTES: usize = 4 + 2;
/// What a user takes: the person, the name twice, an author's timeline, a reader, a head.
const PERSON_BYTES: usize = 300;
/// What a verb takes.
const VERB_BYTES: usize = 200;
/// The part of all activities that goes when there is no room for one more.
const EVICTED_PART: usize = 32;

/// Nobody has posted yet.
pub(super) const NO_HEAD: i64 = i64::MIN;

/// A change that the copy cannot take in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// Everything is different.
    Everything,
    /// A number is too large for it.
    TooLarge,
}

/// The copy.
pub(super) struct State {
    /// The position of the last change in it.
    pub(super) position: i64,
    pub(super) people: People,
    pub(super) verbs: Verbs,
    pub(super) records: Records,
    pub(super) log: Log,
    authors: Vec<Timeline>,
    /// When each author's newest was published: what most followees are passed over by, so it lies close together.
    heads: Vec<i64>,
    mentions: HashMap<u32, Timeline, RandomState>,
    readers: Vec<Reader>,
    /// Nothing below this place is in the copy, though it may exist.
    pub(super) floor: Option<Place>,
    edges: usize,
    mentioned: usize,
    budget: usize,
    gone: Vec<ActivityId>,
    /// Tells this copy from those before it.
    copy: u64,
    touches: Touches,
    /// The position of the change that is being taken in.
    taking_in: i64,
}

/// How many copies there were in this process.
static COPIES: AtomicU64 = AtomicU64::new(0);

impl State {
    /// An empty copy that may take so many bytes.
    pub(super) fn new(budget: usize) -> Self {
        Self {
            position: 0,
            people: People::default(),
            verbs: Verbs::default(),
            records: Records::default(),
            log: Log::default(),
            authors: Vec::new(),
            heads: Vec::new(),
            mentions: HashMap::default(),
            readers: Vec::new(),
            floor: None,
            edges: 0,
            mentioned: 0,
            budget,
            gone: Vec::new(),
            copy: COPIES.fetch_add(1, Ordering::Relaxed),
            touches: Touches::default(),
            taking_in: 0,
        }
    }

    /// What pages that are read by now include.
    pub(super) fn mark(&self) -> FeedMark {
        FeedMark { copy: self.copy, position: self.position }
    }

    /// Whether pages of a feed that included `since` are still right: then what they include by now.
    pub(super) fn unchanged(&self, kind: FeedKind, owner: &Username, since: FeedMark) -> Option<FeedMark> {
        if since.copy != self.copy {
            return None;
        }
        if since.position == self.position {
            return Some(since);
        }
        let owner = self.people.key(owner)?;
        let nobody = Reader::default();
        let reader = self.reader(owner).unwrap_or(&nobody);
        self.touches.spare(kind, owner, reader, since.position).then(|| self.mark())
    }

    fn touch(&mut self, touch: Touch) {
        self.touches.note(self.taking_in, touch);
    }

    /// The bytes that it takes, by what is in it.
    pub(super) fn bytes(&self) -> usize {
        self.records.len() * ACTIVITY_BYTES
            + self.mentioned * MENTION_BYTES
            + self.edges * EDGE_BYTES
            + self.people.len() * PERSON_BYTES
            + self.verbs.len() * VERB_BYTES
    }

    pub(super) fn is_full(&self) -> bool {
        self.budget < self.bytes()
    }

    pub(super) fn edges(&self) -> usize {
        self.edges
    }

    /// The activities that went since this was asked last.
    pub(super) fn take_gone(&mut self) -> Vec<ActivityId> {
        std::mem::take(&mut self.gone)
    }

    /// What an author posted.
    pub(super) fn author(&self, key: u32) -> Option<&Timeline> {
        self.authors.get(key as usize).filter(|timeline| !timeline.is_empty())
    }

    /// When an author's newest was published; below everything where there is none.
    #[inline]
    pub(super) fn head(&self, key: u32) -> i64 {
        self.heads.get(key as usize).copied().unwrap_or(NO_HEAD)
    }

    /// What has a user as its target.
    pub(super) fn mentions(&self, key: u32) -> Option<&Timeline> {
        self.mentions.get(&key)
    }

    /// What decides about a user's feeds.
    pub(super) fn reader(&self, key: u32) -> Option<&Reader> {
        self.readers.get(key as usize)
    }

    /// The entries of slots; none where an author is not known, which a whole copy has not.
    pub(super) fn entries(&self, slots: &[Slot]) -> Option<Vec<FeedItem>> {
        // Three times through all of them instead of once through each: what is waited for is memory, and like this it is
        // waited for side by side.
        let records: Vec<Record> = slots.iter().map(|slot| *self.records.get(*slot)).collect();
        let name = |key| self.people.get(key).map(|person| &person.name);
        let names = records.iter().map(|record| {
            let target = if record.target == 0 { None } else { Some(name(record.target)?) };
            Some((name(record.actor)?, target))
        });
        let names = names.collect::<Option<Vec<_>>>()?;
        let firsts = names.iter().map(|(actor, target)| {
            let first = |name: &Username| name.as_str().bytes().next().unwrap_or(0);
            first(actor) ^ target.map_or(0, first)
        });
        // To clone a name is to write beside it, which nothing can overtake: it has to be here by then.
        std::hint::black_box(firsts.fold(0, |all, first| all ^ first));
        let entries = records.iter().zip(names).map(|(record, (actor, target))| {
            FeedItem::Entry(FeedEntry {
                position: record.position(),
                version: record.version,
                actor: actor.clone(),
                target: target.cloned(),
            })
        });
        Some(entries.collect())
    }

    /// Takes a change in. The copy may be newer than the change.
    pub(super) fn apply(&mut self, change: &Change) -> Result<(), Unfit> {
        self.taking_in = change.position;
        for fact in &change.facts {
            match fact {
                Fact::User(user) => self.set_user(user)?,
                Fact::NoUser(user) => self.erase(key(*user)?),
                Fact::Activity(activity) => self.set_activity(activity)?,
                Fact::NoActivity { id, actor, published } => {
                    let published = published.map(feed_me_domain::Timestamp::micros);
                    self.remove_activity(*id, key(*actor)?, published);
                }
                Fact::Edge(edge) => self.set_edge(edge)?,
                Fact::Relation { kind, owner, other, stands } => {
                    self.set_relation(*kind, (*owner, *other), *stands)?;
                }
                Fact::Everything => return Err(Unfit::Everything),
            }
        }
        self.position = change.position;
        Ok(())
    }

    pub(super) fn set_user(&mut self, user: &UserFact) -> Result<(), Unfit> {
        let key = key(user.key)?;
        let is_renamed = self.people.get(key).is_some_and(|person| person.name != user.username);
        let is_taken = self.people.key(&user.username).is_some_and(|holder| holder != key);
        if is_renamed || is_taken {
            // Anybody's page may show the name.
            self.touch(Touch::Everybody);
        }
        self.people.set(key, Person { id: user.id, name: user.username.clone() });
        Ok(())
    }

    fn reader_mut(&mut self, key: u32) -> &mut Reader {
        grown(&mut self.readers, key)
    }

    pub(super) fn set_edge(&mut self, edge: &EdgeFact) -> Result<(), Unfit> {
        let (follower, followee) = (key(edge.follower)?, key(edge.followee)?);
        if edge.windows.is_empty() && self.reader(follower).is_none() {
            return Ok(());
        }
        let change = self.reader_mut(follower).set_edge(followee, &edge.windows);
        self.touch(Touch::Reader(follower));
        self.edges = self.edges.saturating_add_signed(change);
        Ok(())
    }

    /// Adds follows in the order of their pairs, when there are none beyond yet.
    pub(super) fn push_follows(&mut self, follows: &[FollowFact]) -> Result<(), Unfit> {
        for follow in follows {
            let (follower, followee) = (key(follow.follower)?, key(follow.followee)?);
            if follow.from.is_some() {
                let windows = vec![Window { from: follow.from, until: None }];
                let (follower, followee) = (follow.follower, follow.followee);
                self.set_edge(&EdgeFact { follower, followee, windows })?;
            } else {
                self.reader_mut(follower).push_plain(followee);
                self.edges += 1;
            }
        }
        Ok(())
    }

    pub(super) fn set_relation(
        &mut self,
        kind: RelationKind,
        (owner, other): (UserKey, UserKey),
        stands: bool,
    ) -> Result<(), Unfit> {
        let (owner, other) = (key(owner)?, key(other)?);
        self.reader_mut(owner).set_relation(kind, other, stands);
        if kind == RelationKind::Block {
            self.reader_mut(other).set_blocked_by(owner, stands);
        }
        self.touch(Touch::Reader(owner));
        self.touch(Touch::Reader(other));
        Ok(())
    }

    /// Makes an activity what it is by now.
    pub(super) fn set_activity(&mut self, fact: &ActivityFact) -> Result<(), Unfit> {
        let place = place_of(fact.position);
        let actor = key(fact.actor)?;
        let target = fact.target.map_or(Ok(0), key)?;
        let verb = self.verbs.number(&fact.verb);
        let found = self.author(actor).and_then(|timeline| timeline.find(place, &self.records));
        if let Some((_, slot)) = found {
            let record = self.records.get_mut(slot);
            let before = record.target;
            (record.target, record.verb, record.version) = (target, verb, fact.version);
            self.touch(Touch::Activity { author: actor, target });
            if before != target {
                self.touch(Touch::Activity { author: actor, target: before });
                self.unmention(before, place);
                self.mention(target, place, slot);
            }
            return Ok(());
        }
        if self.floor.is_some_and(|floor| place < floor) {
            // Whom it targeted before is not known here.
            self.touch(Touch::Everybody);
            return Ok(());
        }
        self.touch(Touch::Activity { author: actor, target });
        let record = Record::new(place, actor, target, verb, fact.version);
        let slot = self.records.insert(record).ok_or(Unfit::TooLarge)?;
        grown(&mut self.authors, actor).insert(place, slot, &self.records);
        self.set_head(actor);
        self.log.insert(place, slot, &self.records);
        self.mention(target, place, slot);
        if self.is_full() {
            self.raise_floor();
        }
        Ok(())
    }

    fn set_head(&mut self, actor: u32) {
        let newest = self.author(actor).and_then(Timeline::newest);
        let index = actor as usize;
        if self.heads.len() <= index {
            self.heads.resize(index + 1, NO_HEAD);
        }
        self.heads[index] = newest.unwrap_or(NO_HEAD);
    }

    fn mention(&mut self, target: u32, place: Place, slot: Slot) {
        if target != 0 {
            self.mentions.entry(target).or_default().insert(place, slot, &self.records);
            self.mentioned += 1;
        }
    }

    fn unmention(&mut self, target: u32, place: Place) {
        let Some(timeline) = self.mentions.get_mut(&target) else { return };
        if let Some((index, _)) = timeline.find(place, &self.records) {
            timeline.remove(index);
            self.mentioned -= 1;
        }
        if timeline.is_empty() {
            self.mentions.remove(&target);
        }
    }

    fn remove_activity(&mut self, id: ActivityId, actor: u32, published: Option<i64>) {
        self.gone.push(id);
        let number = id.as_uuid().as_u128();
        let Some(timeline) = self.author(actor) else {
            self.touch(Touch::Everybody);
            return;
        };
        let at = |published| timeline.find((published, number), &self.records);
        let found = match published {
            Some(published) => at(published),
            // A log of before the time was noted: mostly it is that of the id, else all of the author's are looked at.
            None => id.stamp().and_then(|stamp| at(stamp.micros())).or_else(|| {
                let mut slots = timeline.slots(0..timeline.len()).enumerate();
                slots.find(|(_, slot)| self.records.get(*slot).id() == number)
            }),
        };
        let target = found.map(|(_, slot)| self.records.get(slot).target);
        // What lies below the floor may have targeted anybody.
        self.touch(target.map_or(Touch::Everybody, |target| Touch::Activity { author: actor, target }));
        if let Some((index, slot)) = found {
            self.authors[actor as usize].remove(index);
            self.set_head(actor);
            self.release(slot);
        }
    }

    /// Takes a record out of all but its author's timeline.
    fn release(&mut self, slot: Slot) {
        let record = *self.records.get(slot);
        self.log.remove(record.place(), &self.records);
        self.unmention(record.target, record.place());
        self.records.remove(slot);
    }

    fn erase(&mut self, user: u32) {
        self.touch(Touch::Everybody);
        self.people.remove(user);
        let own = self.authors.get_mut(user as usize).map(std::mem::take).unwrap_or_default();
        for slot in own.slots(0..own.len()) {
            self.gone.push(ActivityId::from_uuid(Uuid::from_u128(self.records.get(slot).id())));
            self.release(slot);
        }
        self.set_head(user);
        let mentions = self.mentions.remove(&user).unwrap_or_default();
        self.mentioned -= mentions.len();
        for slot in mentions.slots(0..mentions.len()) {
            let record = self.records.get_mut(slot);
            (record.target, record.version) = (0, next_version(record.version));
        }
        let reader = self.readers.get_mut(user as usize).map(std::mem::take).unwrap_or_default();
        self.edges -= reader.edges();
        let changes = self.readers.iter_mut().map(|reader| reader.forget(user));
        let change: isize = changes.sum();
        self.edges = self.edges.saturating_add_signed(change);
    }

    /// Makes room: the oldest go, a part of all at once.
    fn raise_floor(&mut self) {
        let over = self.bytes().saturating_sub(self.budget) / ACTIVITY_BYTES + 1;
        let count = over.max(self.records.len() / EVICTED_PART);
        let gone = self.log.drop_oldest(count, &self.records);
        let mut authors: HashMap<u32, usize> = HashMap::new();
        let mut targets: HashMap<u32, usize> = HashMap::new();
        for slot in &gone {
            let record = self.records.get(*slot);
            *authors.entry(record.actor).or_default() += 1;
            if record.target != 0 {
                *targets.entry(record.target).or_default() += 1;
            }
        }
        // The oldest of all are the oldest of each.
        for (author, count) in authors {
            if let Some(timeline) = self.authors.get_mut(author as usize) {
                timeline.drop_oldest(count);
            }
            self.set_head(author);
        }
        for (target, count) in targets {
            if let Some(timeline) = self.mentions.get_mut(&target) {
                timeline.drop_oldest(count);
                self.mentioned -= count;
            }
        }
        let top = gone.last().map(|slot| self.records.get(*slot).place());
        for slot in gone {
            self.records.remove(slot);
        }
        self.floor = match self.log.oldest() {
            Some(oldest) => Some(self.records.get(oldest).place()),
            // Nothing is left: whatever is newer may come.
            None => top.map(|(published, id)| (published, id.saturating_add(1))),
        };
    }

    /// Builds timelines and log of records that were put in newest first, each list as long as it has to be.
    pub(super) fn order(&mut self) {
        let slots = || (0..self.records.reached()).rev().filter_map(|slot| Slot::try_from(slot).ok());
        let mut posted: Vec<usize> = Vec::new();
        let mut mentioned: HashMap<u32, usize> = HashMap::new();
        for slot in slots() {
            let record = self.records.get(slot);
            *grown(&mut posted, record.actor) += 1;
            if record.target != 0 {
                *mentioned.entry(record.target).or_default() += 1;
            }
        }
        self.authors = posted.into_iter().map(Timeline::with_capacity).collect();
        self.mentions =
            mentioned.into_iter().map(|(key, count)| (key, Timeline::with_capacity(count))).collect();
        for slot in slots() {
            let record = self.records.get(slot);
            self.authors[record.actor as usize].push(record.published, slot);
            if let Some(timeline) = self.mentions.get_mut(&record.target) {
                timeline.push(record.published, slot);
                self.mentioned += 1;
            }
            self.log.push(record.published, Line { slot, actor: record.actor });
        }
        self.heads = self.authors.iter().map(|timeline| timeline.newest().unwrap_or(NO_HEAD)).collect();
        self.readers.iter_mut().for_each(Reader::settle);
        if self.is_full() {
            self.raise_floor();
        }
    }

    /// Puts a record in that [`order`](Self::order) will find.
    pub(super) fn push_activity(&mut self, fact: &ActivityFact) -> Result<(), Unfit> {
        let target = fact.target.map_or(Ok(0), key)?;
        let verb = self.verbs.number(&fact.verb);
        let record = Record::new(place_of(fact.position), key(fact.actor)?, target, verb, fact.version);
        self.records.insert(record).ok_or(Unfit::TooLarge)?;
        Ok(())
    }

    /// Loses every follow, so that a test sees that this is found.
    #[cfg(test)]
    pub(super) fn mangle(&mut self) {
        self.readers.clear();
    }
}

/// The number of a user as the copy keeps it.
fn key(user: UserKey) -> Result<u32, Unfit> {
    u32::try_from(user.0).map_err(|_| Unfit::TooLarge)
}

/// The item of a number, in a list that grows to have one.
fn grown<T: Default>(all: &mut Vec<T>, key: u32) -> &mut T {
    let index = key as usize;
    if all.len() <= index {
        all.resize_with(index + 1, T::default);
    }
    &mut all[index]
}
