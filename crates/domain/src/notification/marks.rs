//! What a user has seen and read.

use super::GroupId;
use crate::time::Timestamp;

/// How many marks of single groups are kept for a user, the newest ones.
pub const MARKS_MAX: usize = 10_000;

/// Up to where a user has seen and read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// What arrived up to then was seen.
    pub seen: Timestamp,
    /// What arrived up to then was read.
    pub read: Timestamp,
}

impl Mark {
    /// Nothing was seen.
    pub const NONE: Self = Self { seen: Timestamp::MIN, read: Timestamp::MIN };

    /// Both marks together: that of all groups, and that of one.
    #[must_use]
    pub fn joined(self, other: Self) -> Self {
        Self { seen: self.seen.max(other.seen), read: self.read.max(other.read) }
    }
}

/// What a user marks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MarkRequest {
    /// All groups are seen.
    pub seen_all: bool,
    /// Which are read, and so seen too.
    pub read: ReadRequest,
}

/// Which groups a user marks as read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ReadRequest {
    /// None.
    #[default]
    None,
    /// All.
    All,
    /// These; an id of no group changes nothing that anybody sees.
    These(Vec<GroupId>),
}

impl MarkRequest {
    /// The marks to store for a user whose last arrival was at `stamp`, each to be joined with what is stored, and
    /// whether those of single groups go, because the mark of all says more.
    pub fn marks(&self, stamp: Timestamp) -> (Vec<(GroupId, Mark)>, bool) {
        let read = Mark { seen: stamp, read: stamp };
        let mut marks = Vec::new();
        if self.seen_all {
            marks.push((GroupId::ALL, Mark { seen: stamp, ..Mark::NONE }));
        }
        match &self.read {
            ReadRequest::None => {}
            ReadRequest::All => marks = vec![(GroupId::ALL, read)],
            ReadRequest::These(ids) => {
                let mut ids: Vec<GroupId> = ids.iter().copied().filter(|id| *id != GroupId::ALL).collect();
                ids.sort_unstable();
                ids.dedup();
                marks.extend(ids.into_iter().map(|id| (id, read)));
            }
        }
        (marks, self.read == ReadRequest::All)
    }
}

/// How many groups have news that was not seen, and not read.
pub fn unmarked(
    groups: impl IntoIterator<Item = (GroupId, Timestamp)>,
    mark: impl Fn(GroupId) -> Mark,
) -> (u64, u64) {
    let (mut unseen, mut unread) = (0, 0);
    for (id, news) in groups {
        let mark = mark(id);
        unseen += u64::from(mark.seen < news);
        unread += u64::from(mark.read < news);
    }
    (unseen, unread)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notification::{GroupKey, Subject};

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros).unwrap()
    }

    #[test]
    fn marks_of_all_and_of_one_hold_together() {
        let one = Mark { seen: at(5), read: at(1) };
        let joined = one.joined(Mark { seen: at(2), read: at(3) });
        assert_eq!(joined, Mark { seen: at(5), read: at(3) });
        let id = GroupKey { subject: Subject::Followers, day: 1 }.id();
        assert_eq!(unmarked([(id, at(4)), (id, at(6)), (id, at(3))], |_| joined), (1, 2));
        let both = MarkRequest { seen_all: true, read: ReadRequest::These(vec![id, id, GroupId::ALL]) };
        let read = Mark { seen: at(9), read: at(9) };
        let expected = vec![(GroupId::ALL, Mark { seen: at(9), ..Mark::NONE }), (id, read)];
        assert_eq!(both.marks(at(9)), (expected, false));
        let all = MarkRequest { seen_all: true, read: ReadRequest::All };
        assert_eq!(all.marks(at(9)), (vec![(GroupId::ALL, read)], true));
    }
}
