//! The team's store: everything in vectors, one lock around them, and a copy of all of it for each write.

use std::{
    cmp::Ordering,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use feed_me_domain::{
    Activity, ActivityId, Attempt, Boundary, Direction, Keyed, LinkPlace, RelationKind, RequestKey, Span,
    StoredApplicationKey, StoredKey, Timestamp, User, UserKey, Username,
    follow::Edge,
    notification::{GroupId, Mark},
    ports::{Clock, IdGenerator},
    sequence::{Counters, Event, Turn},
    webhook::Delivery,
};

use crate::webhooks::Subscribed;

/// What is written in the book.
#[derive(Clone)]
pub(crate) struct Pages {
    pub(crate) counters: Counters,
    /// The counts in them are not kept; they are counted when somebody asks.
    pub(crate) users: Vec<User>,
    pub(crate) activities: Vec<Activity>,
    pub(crate) links: Vec<Link>,
    pub(crate) relations: Vec<Tie>,
    /// When edits said something else.
    pub(crate) moved: Vec<(ActivityId, Timestamp)>,
    pub(crate) marks: Vec<(UserKey, GroupId, Mark)>,
    pub(crate) events: Vec<Event>,
    pub(crate) answers: Vec<([u8; 32], StoredKey)>,
    pub(crate) secrets: Vec<(String, Vec<u8>)>,
    pub(crate) application_keys: Vec<StoredApplicationKey>,
    pub(crate) webhooks: Vec<Subscribed>,
    pub(crate) deliveries: Vec<Delivery>,
}

/// All that one user stores about another's activities.
#[derive(Clone)]
pub(crate) struct Link {
    pub(crate) follower: Username,
    pub(crate) followee: Username,
    pub(crate) edge: Edge,
    /// The position of the event of the present follow.
    pub(crate) order: i64,
}

impl Link {
    pub(crate) fn place(&self) -> Option<LinkPlace> {
        self.edge.current.map(|current| LinkPlace { since: current.since, order: self.order })
    }
}

/// A block or mute.
#[derive(Clone)]
pub(crate) struct Tie {
    pub(crate) kind: RelationKind,
    pub(crate) owner: Username,
    pub(crate) other: Username,
    pub(crate) place: LinkPlace,
}

/// The store.
pub(crate) struct Notebook {
    pub(crate) clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
    pages: Mutex<Pages>,
}

impl Notebook {
    pub(crate) fn new(clock: Arc<dyn Clock>, ids: Arc<dyn IdGenerator>) -> Self {
        Self { clock, ids, pages: Mutex::new(Pages::empty(Counters::START, Vec::new())) }
    }

    pub(crate) fn read(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One write: on a copy, which takes the place of the original when all of it went well.
    pub(crate) fn write<T>(&self, work: impl FnOnce(&mut Pages, &mut Turn<'_>) -> T) -> T {
        let mut pages = self.read();
        let (copy, outcome) = self.worked(&pages, work);
        *pages = copy;
        outcome
    }

    /// One write that may carry a key.
    pub(crate) fn write_keyed<T>(
        &self,
        keyed: Option<Keyed<T>>,
        work: impl FnOnce(&mut Pages, &mut Turn<'_>) -> T,
    ) -> Attempt<T> {
        let mut pages = self.read();
        let now = self.clock.now();
        if let Some(met) = keyed.as_ref().and_then(|keyed| pages.meets(&keyed.key, now)) {
            return met;
        }
        let (mut copy, outcome) = self.worked(&pages, work);
        if let Some(keyed) = keyed
            && let Some(answer) = (keyed.answer)(&outcome)
        {
            copy.answers.retain(|(scope, _)| *scope != keyed.key.scope);
            let stored = StoredKey { content: keyed.key.content, answer: Some(answer), at: now };
            copy.answers.push((keyed.key.scope, stored));
        }
        *pages = copy;
        Attempt::Done(outcome)
    }

    fn worked<T>(&self, pages: &Pages, work: impl FnOnce(&mut Pages, &mut Turn<'_>) -> T) -> (Pages, T) {
        let mut copy = pages.clone();
        let mut turn = Turn::begin(copy.counters, &*self.clock, &*self.ids);
        let outcome = work(&mut copy, &mut turn);
        let (counters, events) = turn.finish();
        copy.counters = counters;
        copy.events.extend(events);
        (copy, outcome)
    }
}

impl Pages {
    pub(crate) fn empty(counters: Counters, secrets: Vec<(String, Vec<u8>)>) -> Self {
        Self {
            counters,
            users: Vec::new(),
            activities: Vec::new(),
            links: Vec::new(),
            relations: Vec::new(),
            moved: Vec::new(),
            marks: Vec::new(),
            events: Vec::new(),
            answers: Vec::new(),
            secrets,
            application_keys: Vec::new(),
            webhooks: Vec::new(),
            deliveries: Vec::new(),
        }
    }

    pub(crate) fn meets<T>(&self, key: &RequestKey, now: Timestamp) -> Option<Attempt<T>> {
        let (_, stored) = self.answers.iter().find(|(scope, _)| *scope == key.scope)?;
        stored.clone().meets(key, now)
    }

    /// The user of a name, with the counts of this moment.
    pub(crate) fn user(&self, username: &Username) -> Option<User> {
        let user = self.users.iter().find(|user| user.username == *username)?.clone();
        let follows = |end: fn(&Link) -> &Username| {
            self.links.iter().filter(|link| link.edge.current.is_some() && end(link) == username).count()
                as u64
        };
        let activities = self.activities.iter().filter(|activity| activity.actor == *username).count() as u64;
        let (following, followers) = (follows(|link| &link.follower), follows(|link| &link.followee));
        Some(User { following, followers, activities, ..user })
    }

    pub(crate) fn key(&self, username: &Username) -> Option<UserKey> {
        self.users.iter().find(|user| user.username == *username).map(|user| user.key)
    }

    /// The numbers of two users, or the name that nobody has.
    pub(crate) fn keys(&self, one: &Username, other: &Username) -> Result<(UserKey, UserKey), Username> {
        let key = |name: &Username| self.key(name).ok_or_else(|| name.clone());
        Ok((key(one)?, key(other)?))
    }

    pub(crate) fn link(&self, follower: &Username, followee: &Username) -> Option<&Link> {
        self.links.iter().find(|link| link.follower == *follower && link.followee == *followee)
    }

    pub(crate) fn edge(&self, follower: &Username, followee: &Username) -> Edge {
        self.link(follower, followee).map(|link| link.edge.clone()).unwrap_or_default()
    }

    /// Puts an edge into its place; one with nothing in it goes.
    pub(crate) fn set_edge(&mut self, follower: &Username, followee: &Username, edge: Edge, order: i64) {
        self.links.retain(|link| link.follower != *follower || link.followee != *followee);
        if edge != Edge::default() {
            self.links.push(Link { follower: follower.clone(), followee: followee.clone(), edge, order });
        }
    }

    pub(crate) fn tie(&self, kind: RelationKind, owner: &Username, other: &Username) -> Option<LinkPlace> {
        let found =
            self.relations.iter().find(|tie| tie.kind == kind && tie.owner == *owner && tie.other == *other);
        found.map(|tie| tie.place)
    }

    pub(crate) fn is_blocked(&self, one: &Username, other: &Username) -> bool {
        self.tie(RelationKind::Block, one, other).or(self.tie(RelationKind::Block, other, one)).is_some()
    }

    /// Keeps a block or mute, with what a block ends.
    pub(crate) fn add_tie(&mut self, tie: Tie) {
        if tie.kind == RelationKind::Block {
            self.set_edge(&tie.owner, &tie.other, Edge::default(), 0);
            self.set_edge(&tie.other, &tie.owner, Edge::default(), 0);
        }
        self.relations.push(tie);
    }
}

/// The stretch of a listing that a span asks for. `all` stands in the order of the listing.
pub(crate) fn stretch<T, K>(
    all: Vec<T>,
    span: &Span<K>,
    place: impl Fn(&T) -> K,
    order: impl Fn(&K, &K) -> Ordering,
) -> Vec<T> {
    let is_before_boundary = |item: &T| match &span.boundary {
        Boundary::Top => false,
        Boundary::Before(here) => order(&place(item), here).is_lt(),
        Boundary::After(here) => order(&place(item), here).is_le(),
        Boundary::End => true,
    };
    let gap = all.iter().filter(|item| is_before_boundary(item)).count();
    match span.direction {
        Direction::Forward => all.into_iter().skip(gap).take(span.take).collect(),
        Direction::Backward => all.into_iter().take(gap).rev().take(span.take).collect(),
    }
}
