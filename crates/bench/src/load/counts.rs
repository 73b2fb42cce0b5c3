//! What a bulk load counts while it writes, and what it knows of users.

use crate::generate::{Achieved, Activity, Follow, YEAR_BEGINS, username};

/// Counts by user, and the latest time.
#[derive(Clone, Debug)]
pub(super) struct Counts {
    following: Vec<u32>,
    followers: Vec<u32>,
    activities: Vec<u32>,
    /// How many rows were counted: the position of the sequence, as if each had been an event.
    pub(super) position: i64,
    /// The latest time of all, which the sequence must not fall below.
    pub(super) stamp: i64,
}

/// A user as a row.
#[derive(Clone, Debug)]
pub(super) struct UserRow {
    pub(super) key: i64,
    pub(super) id: uuid::Uuid,
    pub(super) username: String,
    pub(super) created_at: i64,
    pub(super) following: i64,
    pub(super) followers: i64,
    pub(super) activities: i64,
}

impl Counts {
    pub(super) fn new(users: u32) -> Self {
        let none = vec![0; users as usize];
        Self {
            following: none.clone(),
            followers: none.clone(),
            activities: none,
            position: 0,
            stamp: YEAR_BEGINS,
        }
    }

    pub(super) fn activity(&mut self, activity: &Activity) {
        self.activities[activity.actor as usize] += 1;
        self.stamp = self.stamp.max(activity.published);
        self.position += 1;
    }

    /// Answers the position of the follow's event, had there been one: what decides between equal times.
    pub(super) fn follow(&mut self, follow: &Follow) -> i64 {
        self.following[follow.follower as usize] += 1;
        self.followers[follow.followee as usize] += 1;
        self.stamp = self.stamp.max(follow.since);
        self.position += 1;
        self.position
    }

    /// All users with their counts, by number.
    pub(super) fn users(&self) -> impl Iterator<Item = UserRow> + '_ {
        (0_u32..).zip(&self.activities).map(|(user, activities)| UserRow {
            key: key(user),
            id: id(user),
            username: username(user),
            created_at: YEAR_BEGINS,
            following: self.following[user as usize].into(),
            followers: self.followers[user as usize].into(),
            activities: (*activities).into(),
        })
    }

    /// The number of the last user.
    pub(super) fn last_key(&self) -> i64 {
        i64::try_from(self.activities.len()).unwrap_or(i64::MAX)
    }

    pub(super) fn achieved(self) -> Achieved {
        Achieved::of(self.following, self.followers, self.activities)
    }
}

/// The number of a user in the database: they begin with 1 there.
pub(super) fn key(user: u32) -> i64 {
    i64::from(user) + 1
}

/// The public id of a user: of the time at which the year begins, and unlike any other.
fn id(user: u32) -> uuid::Uuid {
    let number = user.to_be_bytes();
    let tail = [0, 0, 0, 0, 0, 0, number[0], number[1], number[2], number[3]];
    uuid::Builder::from_unix_timestamp_millis(YEAR_BEGINS.unsigned_abs() / 1000, &tail).into_uuid()
}
