//! Single activities and followers, and the groups that they make.

use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
};

use uuid::Uuid;

use super::{GroupKey, GroupPlace, Subject, day_of};
use crate::{
    id::{ActivityId, uuid_at},
    page::Placed,
    time::Timestamp,
};

/// How many actors of a group are named.
pub const ACTORS_SHOWN: usize = 3;

/// One thing to be notified of: an activity that targets the user, or a follower. `A` is how a store names users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice<A> {
    /// What it is about.
    pub subject: Subject,
    /// Who did it.
    pub actor: A,
    /// When it was published, or when the follow began.
    pub at: Timestamp,
    /// The id of the activity, or the number of the follow.
    pub tie: Uuid,
    /// When it was stored, or put into its group.
    pub arrived: Timestamp,
}

/// When an activity arrived in its group. An id that tells no time (of an import) counts as of when it was published.
pub fn arrival(id: ActivityId, published: Timestamp, moved_at: Option<Timestamp>) -> Timestamp {
    let stored = stored_at(id).unwrap_or(published);
    moved_at.map_or(stored, |moved| moved.max(stored))
}

/// The instant that a UUIDv7 tells.
pub fn stored_at(id: ActivityId) -> Option<Timestamp> {
    id.stamp().or_else(|| {
        // Of an import: its id has milliseconds alone.
        let bytes = id.as_uuid();
        let millis = bytes.as_bytes()[..6].iter().fold(0_i64, |sum, byte| (sum << 8) | i64::from(*byte));
        let is_timed = bytes.get_version_num() == 7;
        is_timed.then(|| Timestamp::from_micros(millis.saturating_mul(1000)).ok()).flatten()
    })
}

/// The greatest id of what was stored by an instant.
pub fn last_id_by(at: Timestamp) -> Uuid {
    uuid_at(at, u64::MAX)
}

/// The number of a follow as a place has it: below every UUIDv7.
pub fn tie_of_follow(order: i64) -> Uuid {
    Uuid::from_u128(u128::from(order.unsigned_abs()))
}

/// A group as a store finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gathered<A> {
    /// Which.
    pub key: GroupKey,
    /// Where it stands in the walk.
    pub place: GroupPlace,
    /// Its newest member by now.
    pub newest: GroupPlace,
    /// The first of those who did it, newest first, at most [`ACTORS_SHOWN`].
    pub actors: Vec<A>,
    /// How many did it.
    pub actor_count: u64,
    /// How often.
    pub activity_count: u64,
    /// When its last news arrived.
    pub news: Timestamp,
}

impl<A> Gathered<A> {
    /// The activity to show; none for followers.
    pub fn latest(&self) -> Option<ActivityId> {
        match self.key.subject {
            Subject::Followers => None,
            Subject::Mention { .. } => Some(ActivityId::from_uuid(self.newest.tie)),
        }
    }
}

impl<A> Placed for Gathered<A> {
    type Place = GroupPlace;
    fn place(&self) -> GroupPlace {
        self.place
    }
}

/// Groups notices, newest place first. With `as_of`, groups of which nothing had arrived by then are left out, and the
/// others stand where they stood; what is told of them is of now. `now` is the last stamp.
pub fn gather<A: Clone + Eq + Hash>(
    notices: impl IntoIterator<Item = Notice<A>>,
    as_of: Option<Timestamp>,
    now: Timestamp,
) -> Vec<Gathered<A>> {
    let mut groups: HashMap<GroupKey, Vec<Notice<A>>> = HashMap::new();
    for notice in notices {
        let key = GroupKey { subject: notice.subject.clone(), day: day_of(notice.at) };
        groups.entry(key).or_default().push(notice);
    }
    let gathered = groups.into_iter().filter_map(|(key, notices)| gathered(key, notices, as_of, now));
    let mut gathered: Vec<_> = gathered.collect();
    gathered.sort_by_key(|group| std::cmp::Reverse(group.place));
    gathered
}

fn gathered<A: Clone + Eq + Hash>(
    key: GroupKey,
    mut notices: Vec<Notice<A>>,
    as_of: Option<Timestamp>,
    now: Timestamp,
) -> Option<Gathered<A>> {
    notices.sort_by_key(|notice| std::cmp::Reverse((notice.at, notice.tie)));
    let place =
        |notice: &Notice<A>| GroupPlace { at: notice.at, tie: notice.tie, as_of: as_of.unwrap_or(now) };
    let stands = notices.iter().find(|notice| as_of.is_none_or(|as_of| notice.arrived <= as_of))?;
    let mut met = HashSet::new();
    let actors = notices.iter().map(|notice| &notice.actor).filter(|actor| met.insert((*actor).clone()));
    let actors: Vec<A> = actors.cloned().collect();
    Some(Gathered {
        place: place(stands),
        newest: notices.first().map(place)?,
        actor_count: actors.len() as u64,
        activity_count: notices.len() as u64,
        actors: actors.into_iter().take(ACTORS_SHOWN).collect(),
        news: notices.iter().map(|notice| notice.arrived).max()?,
        key,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Verb;

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros).unwrap()
    }

    fn notice(verb: &str, actor: u8, published: i64, arrived: i64) -> Notice<u8> {
        let subject = Subject::Mention { verb: Verb::parse(verb).unwrap(), object: None };
        let tie = Uuid::from_u128(arrived.unsigned_abs().into());
        Notice { subject, actor, at: at(published), tie, arrived: at(arrived) }
    }

    #[test]
    fn a_group_tells_its_newest_actors_first_and_counts_each_once() {
        let likes = (1..=5).map(|n| notice("like", u8::try_from(n).unwrap(), n, n));
        let groups = gather(likes.chain([notice("like", 2, 9, 9)]), None, at(9));
        let [group] = &groups[..] else { panic!("{groups:?}") };
        assert_eq!(group.actors, [2, 5, 4]);
        assert_eq!((group.actor_count, group.activity_count), (5, 6));
        assert_eq!((group.newest.at, group.news), (at(9), at(9)));
    }

    #[test]
    fn a_walk_stands_in_the_order_of_its_beginning_and_tells_what_is() {
        let notices =
            [notice("a", 1, 1, 1), notice("b", 1, 2, 2), notice("a", 2, 3, 3), notice("c", 1, 4, 4)];
        let verbs = |as_of| {
            let groups = gather(notices.clone(), as_of, at(4));
            groups.iter().map(|group| (group.place.at, group.activity_count)).collect::<Vec<_>>()
        };
        assert_eq!(verbs(None), [(at(4), 1), (at(3), 2), (at(2), 1)]);
        assert_eq!(verbs(Some(at(2))), [(at(2), 1), (at(1), 2)]);
    }

    #[test]
    fn the_time_of_arrival_is_that_of_the_id_or_of_the_edit() {
        let id = ActivityId::from_uuid(uuid_at(at(1_000_999), 7));
        assert_eq!(arrival(id, at(5), None), at(1_000_999));
        assert_eq!(arrival(id, at(5), Some(at(2_000_000))), at(2_000_000));
        assert!(id.as_uuid() <= last_id_by(at(1_000_999)) && last_id_by(at(1_000_998)) < id.as_uuid());
        assert_eq!(arrival(ActivityId::from_uuid(Uuid::from_u128(5)), at(5), None), at(5));
    }
}
