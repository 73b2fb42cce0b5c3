//! A plain model of the feed: lists that are searched from end to end, and the rules of the contract, once more.

use super::{kit::ids, world::World};
use crate::{
    feed::{FeedFilter, FeedKind, Position},
    id::ActivityId,
    page::Direction,
    text::{Username, Verb},
    time::Timestamp,
};

/// An activity as the model remembers it; users are places in [`Model::users`].
#[derive(Clone, Debug)]
pub(super) struct Remembered {
    pub(super) position: Position,
    pub(super) actor: usize,
    pub(super) target: Option<usize>,
    pub(super) verb: Verb,
}

/// What one user sees of another.
#[derive(Clone, Debug, Default)]
pub(super) struct Sight {
    /// Where there is a follow, the lower bound of what it shows: the first instant of all, where it shows everything.
    pub(super) follow: Option<Timestamp>,
    /// Spans kept, with both ends inside.
    pub(super) kept: Vec<(Timestamp, Timestamp)>,
}

impl Sight {
    fn shows(&self, published: Timestamp) -> bool {
        self.follow.is_some_and(|from| from <= published)
            || self.kept.iter().any(|(from, until)| *from <= published && published <= *until)
    }
}

/// The whole world, simply.
#[derive(Debug, Default)]
pub(super) struct Model {
    /// The present names; none for the erased.
    pub(super) users: Vec<Option<Username>>,
    pub(super) activities: Vec<Remembered>,
    /// (follower, followee, what is seen).
    pub(super) sights: Vec<(usize, usize, Sight)>,
    pub(super) blocks: Vec<(usize, usize)>,
    pub(super) mutes: Vec<(usize, usize)>,
}

impl Model {
    /// The users that are there.
    pub(super) fn present(&self) -> Vec<usize> {
        (0..self.users.len()).filter(|user| self.users[*user].is_some()).collect()
    }

    pub(super) fn name(&self, user: usize) -> Username {
        self.users[user].clone().unwrap_or_else(|| panic!("user {user} of the model was erased"))
    }

    pub(super) fn names(&self) -> Vec<Username> {
        self.users.iter().flatten().cloned().collect()
    }

    pub(super) fn sight(&mut self, follower: usize, followee: usize) -> &mut Sight {
        let found = self.sights.iter().position(|(one, other, _)| (*one, *other) == (follower, followee));
        let at = found.unwrap_or_else(|| {
            self.sights.push((follower, followee, Sight::default()));
            self.sights.len() - 1
        });
        &mut self.sights[at].2
    }

    pub(super) fn is_blocked(&self, one: usize, other: usize) -> bool {
        self.blocks.contains(&(one, other)) || self.blocks.contains(&(other, one))
    }

    pub(super) fn block(&mut self, owner: usize, other: usize) {
        self.blocks.push((owner, other));
        self.sights.retain(|(one, two, _)| (*one, *two) != (owner, other) && (*one, *two) != (other, owner));
    }

    pub(super) fn erase(&mut self, user: usize) {
        self.users[user] = None;
        self.activities.retain(|activity| activity.actor != user);
        for activity in &mut self.activities {
            activity.target = activity.target.filter(|target| *target != user);
        }
        self.sights.retain(|(one, other, _)| *one != user && *other != user);
        self.blocks.retain(|(one, other)| *one != user && *other != user);
        self.mutes.retain(|(one, other)| *one != user && *other != user);
    }

    /// The feed that a user has, newest first, by looking at every activity.
    pub(super) fn feed(&self, kind: FeedKind, owner: usize, filter: &FeedFilter) -> Vec<ActivityId> {
        let mut found: Vec<Position> = self
            .activities
            .iter()
            .filter(|activity| filter.wants(&activity.verb) && self.belongs(kind, owner, filter, activity))
            .map(|activity| activity.position)
            .collect();
        found.sort();
        found.reverse();
        found.into_iter().map(|position| position.id).collect()
    }

    fn belongs(&self, kind: FeedKind, owner: usize, filter: &FeedFilter, activity: &Remembered) -> bool {
        let actor = activity.actor;
        match kind {
            FeedKind::Own => actor == owner,
            FeedKind::Mentions => activity.target == Some(owner) && !self.is_blocked(owner, actor),
            FeedKind::Friends if actor == owner => filter.includes_self(),
            FeedKind::Friends => {
                !self.mutes.contains(&(owner, actor))
                    && self.sights.iter().any(|(one, other, sight)| {
                        (*one, *other) == (owner, actor) && sight.shows(activity.position.published)
                    })
            }
        }
    }

    /// Compares all feeds of some users with the store's, walked `take` at a time, both ways.
    pub(super) async fn check(&self, world: &World, owners: &[Username], take: usize, when: &str) {
        for owner in owners {
            let user = self.users.iter().position(|name| name.as_ref() == Some(owner));
            let user = user.unwrap_or_else(|| panic!("'{owner}' is not in the model"));
            for kind in [FeedKind::Own, FeedKind::Friends, FeedKind::Mentions] {
                for include_self in [false, true] {
                    if include_self && kind != FeedKind::Friends {
                        continue;
                    }
                    let filter = FeedFilter::new(vec![], include_self);
                    let expected = self.feed(kind, user, &filter);
                    for direction in [Direction::Forward, Direction::Backward] {
                        let walked = world.walk(kind, owner, &filter, take, direction).await;
                        assert_eq!(
                            ids(&walked),
                            expected,
                            "the {kind:?} feed of '{owner}' (own: {include_self}), {take} at a time, {direction:?}, {when}"
                        );
                    }
                }
            }
        }
    }
}
