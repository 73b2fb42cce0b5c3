//! Notifications: what targets a user, and new followers, in groups.
//!
//! A group is what was done (verb and object) on one day in UTC, by whomever; new followers of a day are one group.
//! Nothing of it is stored. Groups follow from the activities and follows that are there when somebody asks, so they are
//! right after every edit, deletion, block and erasure; only what the user has seen and read is kept, as an instant.
//!
//! *News* of a group is what arrived last: an activity by its id, which tells when it was stored, or by the edit that
//! put it into the group; a follower by the follow. What arrived after a mark was not seen.
//!
//! A group moves up when it has news. So that a walk down still gives each group once, a walk stands in the order of the
//! instant at which it began ([`GroupPlace::as_of`]); a walk up asks for what there is by now.

mod gathering;
mod group;
mod marks;

pub use self::{
    gathering::{ACTORS_SHOWN, Gathered, Notice, arrival, gather, last_id_by, stored_at, tie_of_follow},
    group::{GroupId, GroupKey, GroupPlace, Subject, as_of, day_around, day_of},
    marks::{MARKS_MAX, Mark, MarkRequest, ReadRequest, unmarked},
};
use crate::{activity::Activity, id::UserId, page::Placed, text::Username, time::Timestamp};

/// How many of the newest activities, and how many followers, the counts of groups look at. What is older counts as read.
pub const COUNTED_MAX: usize = 10_000;

/// A group as a client reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotificationGroup {
    /// Its id.
    pub id: GroupId,
    /// What it is about.
    pub subject: Subject,
    /// The first of those who did it, newest first.
    pub actors: Vec<Username>,
    /// How many did it.
    pub actor_count: u64,
    /// How often.
    pub activity_count: u64,
    /// The newest activity; none for followers.
    pub latest: Option<Activity>,
    /// When that was published, or the newest follower came.
    pub updated_at: Timestamp,
    /// Whether all of it was seen.
    pub seen: bool,
    /// Whether all of it was read.
    pub read: bool,
    /// Where it stands in the walk.
    pub place: GroupPlace,
}

impl NotificationGroup {
    /// The group that was gathered, with the names that its numbers stand for.
    pub fn of<A>(
        group: &Gathered<A>,
        actors: Vec<Username>,
        latest: Option<Activity>,
        mark: impl Fn(GroupId) -> Mark,
    ) -> Self {
        let id = group.key.id();
        let mark = mark(id);
        Self {
            id,
            subject: group.key.subject.clone(),
            actors,
            actor_count: group.actor_count,
            activity_count: group.activity_count,
            latest,
            updated_at: group.newest.at,
            seen: group.news <= mark.seen,
            read: group.news <= mark.read,
            place: group.place,
        }
    }
}

impl Placed for NotificationGroup {
    type Place = GroupPlace;
    fn place(&self) -> GroupPlace {
        self.place
    }
}

/// A stretch of a user's notifications.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotificationSlice {
    /// Whose.
    pub owner: UserId,
    /// The position in the order of all changes that it includes.
    pub position: i64,
    /// At most as many as were asked for, in walking order.
    pub groups: Vec<NotificationGroup>,
    /// How many groups in all have something that was not seen.
    pub unseen: u64,
    /// How many have something that was not read.
    pub unread: u64,
}
