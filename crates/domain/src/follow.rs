//! Follows and their windows: whose activities, published when, reach whose friends feed.

use crate::{activity::AHEAD_MAX_MICROS, error::Fault, page::Placed, text::Username, time::Timestamp};

/// One user follows another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Follow {
    /// Who reads.
    pub follower: Username,
    /// Whose activities.
    pub followee: Username,
    /// Since when.
    pub since: Timestamp,
    /// The earliest `published` that reaches the follower; all, where there is none.
    pub from: Option<Timestamp>,
}

/// A follow with its place in lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedFollow {
    /// The follow.
    pub follow: Follow,
    /// Where it stands.
    pub place: LinkPlace,
}

impl Placed for ListedFollow {
    type Place = LinkPlace;
    fn place(&self) -> LinkPlace {
        self.place
    }
}

/// The place of a follow, block or mute in lists, newest first: by its time, then by the position of its event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LinkPlace {
    /// Since when.
    pub since: Timestamp,
    /// The position of the event that made it: decides between equal times.
    pub order: i64,
}

/// From when on a follow shows what the followee published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FollowFrom {
    /// Everything.
    Beginning,
    /// What is published from now on.
    Now,
    /// What is published from this instant on.
    At(Timestamp),
}

impl FollowFrom {
    /// Refuses an instant that no fast clock explains; `now` is the clock's.
    pub fn checked(self, now: Timestamp) -> Result<Self, Fault> {
        match self {
            Self::At(at) if now.plus_micros(AHEAD_MAX_MICROS) < at => Err(Fault::new(
                "/from",
                format!("{at} is more than 5 minutes ahead of the server's clock, which says {now}"),
            )),
            fine => Ok(fine),
        }
    }

    /// The bound to keep, when the turn of the write has the instant `stamp`.
    fn bound(self, stamp: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Beginning => None,
            Self::Now => Some(stamp),
            Self::At(at) => Some(at.min(stamp)),
        }
    }
}

/// A span of `published`, both ends inclusive; an end that is none is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// The first instant inside.
    pub from: Option<Timestamp>,
    /// The last instant inside.
    pub until: Option<Timestamp>,
}

impl Window {
    /// Whether an activity of this `published` is inside.
    pub fn contains(&self, published: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= published) && self.until.is_none_or(|until| published <= until)
    }
}

/// The present follow of an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Current {
    /// Since when.
    pub since: Timestamp,
    /// The lower bound of what it shows.
    pub from: Option<Timestamp>,
}

/// All that is stored from one user to another: the present follow, and what is kept of former ones.
///
/// Stores load an edge under the lock of the write, ask it what the wish means, and write down the answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edge {
    /// The present follow.
    pub current: Option<Current>,
    /// Windows kept by `keep_history`, disjoint and in order of time.
    pub kept: Vec<Window>,
}

/// What following means for an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FollowStep {
    /// A follow to insert.
    New(Current),
    /// There was one; its lower bound moves.
    Moved(Current),
    /// There was one and it stays as it is.
    Already(Current),
}

/// What unfollowing means for an edge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnfollowStep {
    /// There is nothing to end.
    NotThere,
    /// The history is kept already.
    NoChange,
    /// The present follow goes where there is one, and the kept windows are replaced by these (none: all go).
    End {
        /// Whether there is a present follow.
        current: bool,
        /// The windows that are kept from now on.
        kept: Vec<Window>,
    },
}

impl Edge {
    /// Follow at the instant `stamp`. Without `from`, a new follow shows everything and a present one stays as it is.
    pub fn follow(&self, from: Option<FollowFrom>, stamp: Timestamp) -> FollowStep {
        match (self.current, from) {
            (None, from) => FollowStep::New(Current {
                since: stamp,
                from: from.unwrap_or(FollowFrom::Beginning).bound(stamp),
            }),
            (Some(current), None) => FollowStep::Already(current),
            (Some(current), Some(from)) => {
                let moved = Current { from: from.bound(stamp), ..current };
                if moved == current { FollowStep::Already(current) } else { FollowStep::Moved(moved) }
            }
        }
    }

    /// Unfollow at the instant `stamp`; with `keep_history` what was published up to then stays in the feed.
    pub fn unfollow(&self, keep_history: bool, stamp: Timestamp) -> UnfollowStep {
        match (self.current, keep_history) {
            (None, _) if self.kept.is_empty() => UnfollowStep::NotThere,
            (None, true) => UnfollowStep::NoChange,
            (current, false) => UnfollowStep::End { current: current.is_some(), kept: Vec::new() },
            (Some(current), true) => {
                let mut kept = self.kept.clone();
                kept.push(Window {
                    from: current.from,
                    until: Some(stamp.max(current.from.unwrap_or(stamp))),
                });
                UnfollowStep::End { current: true, kept: united(kept) }
            }
        }
    }

    /// The spans of `published` that reach the follower, disjoint, in order of time. A store that reads by windows must
    /// not show an activity twice that lies in two of them; these do not overlap.
    pub fn windows(&self) -> Vec<Window> {
        let mut all = self.kept.clone();
        all.extend(self.current.map(|current| Window { from: current.from, until: None }));
        united(all)
    }

    /// Whether an activity of the followee with this `published` reaches the follower.
    pub fn shows(&self, published: Timestamp) -> bool {
        self.current.is_some_and(|current| current.from.is_none_or(|from| from <= published))
            || self.kept.iter().any(|window| window.contains(published))
    }
}

/// The same instants in as few windows as possible. Windows that only touch (one ends a microsecond before the next
/// begins) are one.
pub fn united(mut windows: Vec<Window>) -> Vec<Window> {
    windows.sort_by_key(|window| window.from);
    let mut out: Vec<Window> = Vec::with_capacity(windows.len());
    for window in windows {
        match out.last_mut() {
            Some(last)
                if window
                    .from
                    .is_none_or(|from| last.until.is_none_or(|until| from <= until.plus_micros(1))) =>
            {
                last.until = match (last.until, window.until) {
                    (Some(one), Some(other)) => Some(one.max(other)),
                    _ => None,
                };
            }
            _ => out.push(window),
        }
    }
    out
}

/// What a user asks when following.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FollowRequest {
    /// Who wants to follow.
    pub follower: Username,
    /// Whom.
    pub followee: Username,
    /// From when on; none leaves a present follow as it is.
    pub from: Option<FollowFrom>,
}

/// What a user asks when unfollowing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnfollowRequest {
    /// Who follows.
    pub follower: Username,
    /// Whom.
    pub followee: Username,
    /// Whether what was published up to now stays in the feed.
    pub keep_history: bool,
}

/// Which end of follows a list is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FollowSide {
    /// Whom the owner follows.
    Following,
    /// Who follows the owner.
    Followers,
}

/// How the owner of a question stands to another user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relationship {
    /// The other user.
    pub username: Username,
    /// Whether the owner follows them.
    pub following: bool,
    /// Whether they follow the owner.
    pub followed_by: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_micros(second * 1_000_000).unwrap()
    }

    fn window(from: impl Into<Option<i64>>, until: impl Into<Option<i64>>) -> Window {
        Window { from: from.into().map(at), until: until.into().map(at) }
    }

    fn following(from: Option<i64>) -> Edge {
        Edge { current: Some(Current { since: at(100), from: from.map(at) }), kept: vec![] }
    }

    #[test]
    fn a_first_follow_shows_everything_unless_asked_otherwise() {
        let edge = Edge::default();
        assert_eq!(edge.follow(None, at(5)), FollowStep::New(Current { since: at(5), from: None }));
        assert_eq!(
            edge.follow(Some(FollowFrom::Now), at(5)),
            FollowStep::New(Current { since: at(5), from: Some(at(5)) })
        );
        assert_eq!(
            edge.follow(Some(FollowFrom::At(at(9))), at(5)),
            FollowStep::New(Current { since: at(5), from: Some(at(5)) })
        );
    }

    #[test]
    fn a_second_follow_moves_the_bound_only_when_asked_to() {
        let edge = following(Some(50));
        assert!(matches!(edge.follow(None, at(200)), FollowStep::Already(_)));
        assert_eq!(
            edge.follow(Some(FollowFrom::Beginning), at(200)),
            FollowStep::Moved(Current { since: at(100), from: None })
        );
        assert!(matches!(edge.follow(Some(FollowFrom::At(at(50))), at(200)), FollowStep::Already(_)));
    }

    #[test]
    fn keeping_history_closes_the_window_now() {
        let kept = UnfollowStep::End { current: true, kept: vec![window(50, 200)] };
        assert_eq!(following(Some(50)).unfollow(true, at(200)), kept);
        let edge = Edge { current: None, kept: vec![window(50, 200)] };
        assert_eq!(edge.unfollow(true, at(300)), UnfollowStep::NoChange);
        assert_eq!(edge.unfollow(false, at(300)), UnfollowStep::End { current: false, kept: vec![] });
        assert_eq!(Edge::default().unfollow(true, at(300)), UnfollowStep::NotThere);
    }

    #[test]
    fn windows_of_one_edge_add_up_and_never_overlap() {
        let edge =
            Edge { current: following(Some(150)).current, kept: vec![window(None, 20), window(100, 200)] };
        assert_eq!(edge.windows(), vec![window(None, 20), window(100, None)]);
        assert!(edge.shows(at(10)) && edge.shows(at(120)) && edge.shows(at(999)) && !edge.shows(at(50)));
        assert_eq!(united(vec![window(1, 5), window(2, 3)]), vec![window(1, 5)]);
        assert_eq!(united(vec![window(None, None), window(2, 3)]), vec![window(None, None)]);
    }
}
