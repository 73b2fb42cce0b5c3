//! What stands between two users: edges of follows with their windows, blocks, mutes; and their lists in order.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::Bound,
};

use feed_me_domain::{
    LinkPlace, Span, UserKey, Window,
    follow::{Current, Edge},
};

use super::walk;

/// One end of an ordered list: the other users by place.
#[derive(Default)]
pub(super) struct Lists(HashMap<UserKey, BTreeMap<LinkPlace, UserKey>>);

impl Lists {
    pub(super) fn count(&self, owner: UserKey) -> u64 {
        self.0.get(&owner).map_or(0, |list| list.len() as u64)
    }

    fn insert(&mut self, owner: UserKey, place: LinkPlace, other: UserKey) {
        self.0.entry(owner).or_default().insert(place, other);
    }

    fn remove(&mut self, owner: UserKey, place: LinkPlace) {
        if let Some(list) = self.0.get_mut(&owner) {
            list.remove(&place);
            if list.is_empty() {
                self.0.remove(&owner);
            }
        }
    }

    /// A stretch of the owner's list, greatest place first, in walking order.
    pub(super) fn stretch(&self, owner: UserKey, span: &Span<LinkPlace>) -> Vec<(LinkPlace, UserKey)> {
        match self.0.get(&owner) {
            Some(list) => walk::descending(list, span).map(|(place, other)| (*place, *other)).collect(),
            None => Vec::new(),
        }
    }
}

/// All that is stored from one user to another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct EdgeRow {
    /// The present follow, and the position of its event.
    pub(super) current: Option<(Current, i64)>,
    pub(super) kept: Vec<Window>,
}

impl EdgeRow {
    pub(super) fn is_empty(&self) -> bool {
        self.current.is_none() && self.kept.is_empty()
    }

    pub(super) fn edge(&self) -> Edge {
        Edge { current: self.current.map(|(current, _)| current), kept: self.kept.clone() }
    }

    fn place(&self) -> Option<LinkPlace> {
        self.current.map(|(current, order)| LinkPlace { since: current.since, order })
    }
}

/// Every edge, from both ends.
#[derive(Default)]
pub(super) struct Links {
    edges: BTreeMap<(UserKey, UserKey), EdgeRow>,
    backward: BTreeSet<(UserKey, UserKey)>,
    pub(super) following: Lists,
    pub(super) followers: Lists,
}

impl Links {
    pub(super) fn get(&self, follower: UserKey, followee: UserKey) -> EdgeRow {
        self.edges.get(&(follower, followee)).cloned().unwrap_or_default()
    }

    /// Puts `row` in the place of what is there, and answers that.
    pub(super) fn set(&mut self, follower: UserKey, followee: UserKey, row: EdgeRow) -> EdgeRow {
        let before = self.edges.remove(&(follower, followee)).unwrap_or_default();
        if let Some(place) = before.place() {
            self.following.remove(follower, place);
            self.followers.remove(followee, place);
        }
        if let Some(place) = row.place() {
            self.following.insert(follower, place, followee);
            self.followers.insert(followee, place, follower);
        }
        if row.is_empty() {
            self.backward.remove(&(followee, follower));
        } else {
            self.backward.insert((followee, follower));
            self.edges.insert((follower, followee), row);
        }
        before
    }

    /// Every edge from a follower.
    pub(super) fn from(&self, follower: UserKey) -> impl Iterator<Item = (UserKey, &EdgeRow)> {
        self.edges.range(all_of(follower)).map(|((_, followee), row)| (*followee, row))
    }

    /// Every edge beyond a pair, in order.
    pub(super) fn beyond(
        &self,
        after: (UserKey, UserKey),
    ) -> impl Iterator<Item = (UserKey, UserKey, &EdgeRow)> {
        let beyond = self.edges.range((Bound::Excluded(after), Bound::Unbounded));
        beyond.map(|((follower, followee), row)| (*follower, *followee, row))
    }

    /// Everybody who has an edge to a followee.
    pub(super) fn to(&self, followee: UserKey) -> impl Iterator<Item = UserKey> {
        self.backward.range(all_of(followee)).map(|(_, follower)| *follower)
    }

    /// Every edge.
    pub(super) fn all(&self) -> impl Iterator<Item = (UserKey, UserKey, &EdgeRow)> {
        self.edges.iter().map(|((follower, followee), row)| (*follower, *followee, row))
    }
}

/// All blocks, or all mutes.
#[derive(Default)]
pub(super) struct Relations {
    places: BTreeMap<(UserKey, UserKey), LinkPlace>,
    backward: BTreeSet<(UserKey, UserKey)>,
    pub(super) lists: Lists,
}

impl Relations {
    pub(super) fn place(&self, owner: UserKey, other: UserKey) -> Option<LinkPlace> {
        self.places.get(&(owner, other)).copied()
    }

    pub(super) fn insert(&mut self, owner: UserKey, other: UserKey, place: LinkPlace) {
        self.places.insert((owner, other), place);
        self.backward.insert((other, owner));
        self.lists.insert(owner, place, other);
    }

    /// Says whether there was one.
    pub(super) fn remove(&mut self, owner: UserKey, other: UserKey) -> bool {
        let Some(place) = self.places.remove(&(owner, other)) else { return false };
        self.backward.remove(&(other, owner));
        self.lists.remove(owner, place);
        true
    }

    /// Removes everything that a user is an end of, and says how many there were.
    pub(super) fn remove_all_of(&mut self, user: UserKey) -> u64 {
        let owned = self.places.range(all_of(user)).map(|(pair, _)| *pair);
        let suffered = self.backward.range(all_of(user)).map(|(other, owner)| (*owner, *other));
        let pairs: Vec<_> = owned.chain(suffered).collect();
        for (owner, other) in &pairs {
            self.remove(*owner, *other);
        }
        pairs.len() as u64
    }

    /// Every pair, with its place.
    pub(super) fn all(&self) -> impl Iterator<Item = (UserKey, UserKey, LinkPlace)> {
        self.places.iter().map(|((owner, other), place)| (*owner, *other, *place))
    }
}

fn all_of(user: UserKey) -> std::ops::RangeInclusive<(UserKey, UserKey)> {
    (user, UserKey(i64::MIN))..=(user, UserKey(i64::MAX))
}
