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

use std::{cmp::Ordering, collections::HashMap, hash::Hash};

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{
    activity::Activity,
    id::{ActivityId, UserId, uuid_at},
    page::{Boundary, Direction, Placed, Span},
    text::{Object, Username, Verb},
    time::Timestamp,
};

/// How many actors of a group are named.
pub const ACTORS_SHOWN: usize = 3;
/// How many of the newest activities, and how many followers, the counts of groups look at. What is older counts as read.
pub const COUNTED_MAX: usize = 10_000;
/// How many marks of single groups are kept for a user, the newest ones.
pub const MARKS_MAX: usize = 10_000;

/// The microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// The number of the day of an instant; counted from 1970, downwards before.
pub fn day_of(at: Timestamp) -> i64 {
    at.micros().div_euclid(DAY)
}

/// The first and the last instant of the day of an instant.
pub fn day_around(at: Timestamp) -> (Timestamp, Timestamp) {
    let into = at.micros().rem_euclid(DAY);
    (at.plus_micros(-into), at.plus_micros(DAY - 1 - into))
}

/// What a group is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// Activities that target the user.
    Mention {
        /// What was done.
        verb: Verb,
        /// With what.
        object: Option<Object>,
    },
    /// New followers.
    Followers,
}

/// What makes a group one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GroupKey {
    /// What it is about.
    pub subject: Subject,
    /// On which day, as [`day_of`] counts.
    pub day: i64,
}

/// Names a group of a user, for as long as the day is that day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupId([u8; 16]);

impl GroupId {
    /// Stands for all groups where marks are kept. No digest is expected to be this.
    pub const ALL: Self = Self([0; 16]);

    /// Reads what [`Display`](std::fmt::Display) writes.
    pub fn parse(raw: &str) -> Option<Self> {
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let is_one = raw.len() == 32 && raw.bytes().all(is_hex);
        let id = is_one.then(|| u128::from_str_radix(raw, 16).ok()).flatten()?;
        Some(Self(id.to_be_bytes()))
    }

    /// An id as it is stored.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes to store.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl std::fmt::Display for GroupId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl GroupKey {
    /// The id of the group: a digest, so that it is the same in every store.
    pub fn id(&self) -> GroupId {
        let mut hash = Sha256::new();
        hash.update(self.day.to_be_bytes());
        match &self.subject {
            Subject::Followers => hash.update([0]),
            Subject::Mention { verb, object } => {
                hash.update([if object.is_some() { 1 } else { 2 }]);
                hash.update((verb.as_str().len() as u64).to_be_bytes());
                hash.update(verb.as_str());
                hash.update(object.as_ref().map_or("", Object::as_str));
            }
        }
        let mut id = [0; 16];
        id.copy_from_slice(&hash.finalize()[..16]);
        GroupId(id)
    }
}

/// Where a group stands in its listing: at its newest activity or follower. Greater places come first.
#[derive(Clone, Copy, Debug)]
pub struct GroupPlace {
    /// When that was published, or when the follow began.
    pub at: Timestamp,
    /// The id of the activity, or the number of the follow: decides between equal times.
    pub tie: Uuid,
    /// The walk that this place belongs to: it counts only what had arrived by then.
    pub as_of: Timestamp,
}

impl PartialEq for GroupPlace {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for GroupPlace {}

impl PartialOrd for GroupPlace {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for GroupPlace {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.tie).cmp(&(other.at, other.tie))
    }
}

/// Up to which arrivals a walk of this span counts; none for all that is there by now.
pub fn as_of(span: &Span<GroupPlace>) -> Option<Timestamp> {
    match (span.direction, &span.boundary) {
        (Direction::Forward, Boundary::Before(place) | Boundary::After(place)) => Some(place.as_of),
        _ => None,
    }
}

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
    let mut met = std::collections::HashSet::new();
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

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros).unwrap()
    }

    fn notice(verb: &str, actor: u8, published: i64, arrived: i64) -> Notice<u8> {
        let subject = Subject::Mention { verb: Verb::parse(verb).unwrap(), object: None };
        let tie = Uuid::from_u128(arrived.unsigned_abs().into());
        Notice { subject, actor, at: at(published), tie, arrived: at(arrived) }
    }

    #[test]
    fn what_is_one_group_has_one_id_and_others_have_others() {
        let mention = |verb: &str, object: Option<&str>, day| GroupKey {
            subject: Subject::Mention {
                verb: Verb::parse(verb).unwrap(),
                object: object.map(|object| Object::parse(object).unwrap()),
            },
            day,
        };
        let keys = [
            mention("like", Some("1"), 5),
            mention("like", Some("1"), 6),
            mention("like", None, 5),
            mention("like", Some(""), 5),
            mention("lik", Some("e1"), 5),
            GroupKey { subject: Subject::Followers, day: 5 },
        ];
        let ids: std::collections::HashSet<_> = keys.iter().map(GroupKey::id).collect();
        assert_eq!(ids.len(), keys.len());
        let id = keys[0].id();
        assert_eq!(GroupId::parse(&id.to_string()), Some(id));
        for raw in ["", "x", &id.to_string()[1..], &id.to_string().replace(|c: char| c.is_alphabetic(), "G")]
        {
            assert_eq!(GroupId::parse(raw), None, "{raw}");
        }
    }

    #[test]
    fn days_are_of_utc_and_whole_before_1970_too() {
        assert_eq!((day_of(at(-1)), day_of(at(0)), day_of(at(DAY - 1)), day_of(at(DAY))), (-1, 0, 0, 1));
        assert_eq!(day_around(at(-1)), (at(-DAY), at(-1)));
        assert_eq!(day_around(Timestamp::MAX).1, Timestamp::MAX);
        assert_eq!(day_around(Timestamp::MIN).0, Timestamp::MIN);
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

    #[test]
    fn the_time_of_arrival_is_that_of_the_id_or_of_the_edit() {
        let id = ActivityId::from_uuid(uuid_at(at(1_000_999), 7));
        assert_eq!(arrival(id, at(5), None), at(1_000_999));
        assert_eq!(arrival(id, at(5), Some(at(2_000_000))), at(2_000_000));
        assert!(id.as_uuid() <= last_id_by(at(1_000_999)) && last_id_by(at(1_000_998)) < id.as_uuid());
        assert_eq!(arrival(ActivityId::from_uuid(Uuid::from_u128(5)), at(5), None), at(5));
    }
}
