//! Who follows whom.

use super::{Degrees, YEAR, YEAR_BEGINS};
use crate::{
    random::{Purpose, Random},
    size::Shape,
};

/// A follow. Users are numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Follow {
    /// Who follows.
    pub follower: u32,
    /// Whom.
    pub followee: u32,
    /// Since when, in microseconds since 1970.
    pub since: i64,
}

/// Makes the follows of one user after the other.
#[derive(Debug)]
pub struct FollowsOf<'a> {
    degrees: &'a Degrees,
    seed: u64,
    /// For each user the last follower (and one more than its number) who was given them: tells who was drawn already.
    given_to: Vec<u32>,
}

impl<'a> FollowsOf<'a> {
    pub(super) fn new(shape: &Shape, seed: u64, degrees: &'a Degrees) -> Self {
        Self { degrees, seed, given_to: vec![0; shape.users as usize] }
    }

    /// The follows of a user, by followee. Whoever was drawn already is drawn again: at most half of all users are
    /// followed, so that ends soon.
    pub(super) fn follower(&mut self, follower: u32) -> Vec<Follow> {
        let mut random = Random::new(self.seed, Purpose::FollowsOf(follower));
        let count = self.degrees.followees(follower) as usize;
        let mut follows = Vec::with_capacity(count);
        while follows.len() < count {
            let followee = self.degrees.somebody_popular(&mut random);
            let given_to = &mut self.given_to[followee as usize];
            if followee == follower || *given_to == follower + 1 {
                continue;
            }
            *given_to = follower + 1;
            let since = YEAR_BEGINS.saturating_add_unsigned(random.below(YEAR.unsigned_abs()));
            follows.push(Follow { follower, followee, since });
        }
        follows.sort_unstable_by_key(|follow| follow.followee);
        follows
    }
}
