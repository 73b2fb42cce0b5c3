//! The one sequence that all writes go through.
//!
//! A write transaction locks the counters first, takes a [`Turn`] on them, stamps ids and default times from it, and
//! stores the counters and the turn's events with its rows. So the order of times, of ids and of events agree, the
//! positions of events are dense, and nothing that commits later sorts below what a reader of the top has seen.

use uuid::Uuid;

use crate::{
    before::Before,
    feed::Position,
    id::{UserKey, uuid_at},
    ports::{Clock, IdGenerator},
    time::Timestamp,
};

/// What the sequence remembers between writes. Stored as one row, which is the lock of all writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counters {
    /// The position of the last event; 0 before the first.
    pub position: i64,
    /// The last instant stamped.
    pub stamp: Timestamp,
    /// The last number given to a user; 0 before the first.
    pub user_key: i64,
}

impl Counters {
    /// Before the first write.
    pub const START: Self = Self { position: 0, stamp: Timestamp::EPOCH, user_key: 0 };
}

/// What happened. The names are written into the log and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// A user came.
    UserCreated,
    /// A user changed name or display name.
    UserUpdated,
    /// A user was erased, with all that was theirs; the one event of it.
    UserErased,
    /// An activity was posted or imported.
    ActivityAdded,
    /// An activity was edited.
    ActivityEdited,
    /// An activity was deleted.
    ActivityRemoved,
    /// `user` follows `other`.
    FollowAdded,
    /// The window of a follow moved.
    FollowChanged,
    /// `user` does not follow `other` any more, or a kept history went.
    FollowRemoved,
    /// `user` blocks `other`; follows both ways went with it.
    BlockAdded,
    /// `user` does not block `other` any more.
    BlockRemoved,
    /// `user` mutes `other`.
    MuteAdded,
    /// `user` does not mute `other` any more.
    MuteRemoved,
    /// Everything was wiped and the fixture loaded; the events before went too.
    Reset,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 14] = [
        Self::UserCreated,
        Self::UserUpdated,
        Self::UserErased,
        Self::ActivityAdded,
        Self::ActivityEdited,
        Self::ActivityRemoved,
        Self::FollowAdded,
        Self::FollowChanged,
        Self::FollowRemoved,
        Self::BlockAdded,
        Self::BlockRemoved,
        Self::MuteAdded,
        Self::MuteRemoved,
        Self::Reset,
    ];

    /// The name in the log: `activity.added`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UserCreated => "user.created",
            Self::UserUpdated => "user.updated",
            Self::UserErased => "user.erased",
            Self::ActivityAdded => "activity.added",
            Self::ActivityEdited => "activity.edited",
            Self::ActivityRemoved => "activity.removed",
            Self::FollowAdded => "follow.added",
            Self::FollowChanged => "follow.changed",
            Self::FollowRemoved => "follow.removed",
            Self::BlockAdded => "block.added",
            Self::BlockRemoved => "block.removed",
            Self::MuteAdded => "mute.added",
            Self::MuteRemoved => "mute.removed",
            Self::Reset => "reset",
        }
    }

    /// The kind of a name.
    pub fn parse(raw: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == raw)
    }
}

/// One row of the log. Users stand in it by number, which points at nobody once they are erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its place in the dense sequence of all changes.
    pub position: i64,
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: EventKind,
    /// Which activity, where it is about one, and its place in feeds: once it is gone, nothing else tells that.
    pub activity: Option<Position>,
    /// Who: the actor, follower, blocker, muter, or the user that the event is about.
    pub user: Option<UserKey>,
    /// The other one: the target, followee, blocked or muted.
    pub other: Option<UserKey>,
    /// How it was before, where rows do not tell it any more; none where nobody noted it.
    pub before: Option<Before>,
}

/// One write's turn in the sequence: hands out instants, ids, numbers and positions.
pub struct Turn<'a> {
    counters: Counters,
    now: Timestamp,
    ids: &'a dyn IdGenerator,
    events: Vec<Event>,
}

/// A state of a turn to go back to.
#[derive(Clone, Copy, Debug)]
pub struct Checkpoint {
    counters: Counters,
    events: usize,
}

impl<'a> Turn<'a> {
    /// Begins a turn on the counters, which the store has locked.
    pub fn begin(counters: Counters, clock: &dyn Clock, ids: &'a dyn IdGenerator) -> Self {
        Self { counters, now: clock.now(), ids, events: Vec::new() }
    }

    /// The clock's instant at which the turn began. It may lie below the last stamp, when clocks differ.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The last instant that was stamped, in this turn or before it: all that was stored so far has arrived by then, and
    /// what is stored later arrives later.
    pub fn last_stamp(&self) -> Timestamp {
        self.counters.stamp
    }

    /// The position of the last event, in this turn or before it.
    pub fn position(&self) -> i64 {
        self.counters.position
    }

    /// The next instant: the clock's, or a microsecond after the last one where the clock is not past that.
    pub fn stamp(&mut self) -> Timestamp {
        self.counters.stamp = self.now.max(self.counters.stamp.plus_micros(1));
        self.counters.stamp
    }

    /// An id of that instant.
    pub fn uuid(&self, stamp: Timestamp) -> Uuid {
        uuid_at(stamp, self.ids.random())
    }

    /// The number of a new user.
    pub fn user_key(&mut self) -> UserKey {
        self.counters.user_key += 1;
        UserKey(self.counters.user_key)
    }

    /// After a reset the numbers of users start again at 1.
    pub fn restart_user_keys(&mut self) {
        self.counters.user_key = 0;
    }

    /// Appends an event and answers its position.
    pub fn record(
        &mut self,
        kind: EventKind,
        activity: Option<Position>,
        user: Option<UserKey>,
        other: Option<UserKey>,
    ) -> i64 {
        self.counters.position += 1;
        let at = self.counters.stamp.max(self.now);
        // Kept, so that no later event tells an earlier time when the clock goes back.
        self.counters.stamp = at;
        let position = self.counters.position;
        self.events.push(Event { position, at, kind, activity, user, other, before: None });
        position
    }

    /// Notes how it was before the change that was recorded last.
    pub fn note(&mut self, before: Before) {
        if let Some(event) = self.events.last_mut() {
            event.before = Some(before);
        }
    }

    /// Remembers the present state.
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint { counters: self.counters, events: self.events.len() }
    }

    /// Forgets what was recorded and numbered since; instants are not given again.
    pub fn roll_back_to(&mut self, checkpoint: Checkpoint) {
        let stamp = self.counters.stamp;
        self.counters = Counters { stamp, ..checkpoint.counters };
        self.events.truncate(checkpoint.events);
    }

    /// The counters to store and the events to append.
    pub fn finish(self) -> (Counters, Vec<Event>) {
        (self.counters, self.events)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        id::ActivityId,
        ports::{MockClock, MockIdGenerator},
    };

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros).unwrap()
    }

    fn clock(micros: i64) -> MockClock {
        let mut clock = MockClock::new();
        clock.expect_now().times(1).return_once(move || at(micros));
        clock
    }

    /// Carries out `work` in a turn that begins on `counters` when the clock says `now`.
    fn turn<T>(counters: Counters, now: i64, work: impl FnOnce(&mut Turn) -> T) -> (T, Counters, Vec<Event>) {
        let mut ids = MockIdGenerator::new();
        ids.expect_random().returning(|| 7);
        let mut turn = Turn::begin(counters, &clock(now), &ids);
        let done = work(&mut turn);
        let (counters, events) = turn.finish();
        (done, counters, events)
    }

    fn stamp(turn: &mut Turn) -> Timestamp {
        turn.stamp()
    }

    fn number(turn: &mut Turn) -> UserKey {
        turn.user_key()
    }

    fn event(turn: &mut Turn) -> i64 {
        turn.record(EventKind::ActivityAdded, None, None, None)
    }

    #[test]
    fn stamps_strictly_increase_within_a_turn_and_from_turn_to_turn() {
        let (first, counters, _) = turn(Counters::START, 100, |turn| [turn.stamp(), turn.stamp()]);
        assert_eq!(first, [at(100), at(101)]);
        // The clock stands still, goes back, and goes on.
        let (second, counters, _) = turn(counters, 100, stamp);
        let (third, counters, _) = turn(counters, 5, stamp);
        let (fourth, ..) = turn(counters, 500, stamp);
        assert_eq!([second, third, fourth], [at(102), at(103), at(500)]);
    }

    #[test]
    fn a_turn_asks_the_clock_once_and_tells_what_it_said() {
        let counters = Counters { stamp: at(900), ..Counters::START };
        let (now, ..) = turn(counters, 100, |turn| {
            turn.stamp();
            turn.now()
        });
        assert_eq!(now, at(100));
    }

    #[test]
    fn ids_sort_as_their_stamps_do() {
        let (ids, ..) = turn(Counters::START, 1_234_567_890_123_999, |turn| {
            [0; 3].map(|_| {
                let stamp = turn.stamp();
                turn.uuid(stamp)
            })
        });
        assert!(ids.is_sorted() && ids[0] != ids[1]);
        let stamp = ActivityId::from_uuid(ids[2]).stamp();
        assert_eq!(stamp, Some(at(1_234_567_890_124_001)));
    }

    #[test]
    fn positions_are_dense_over_turns() {
        let (first, counters, events) = turn(Counters::START, 100, |turn| [event(turn), event(turn)]);
        assert_eq!((first, events.len()), ([1, 2], 2));
        let ((), unchanged, none) = turn(counters, 100, |_| ());
        assert_eq!((unchanged, none), (counters, vec![]), "a turn that does nothing leaves no trace");
        let (next, counters, events) = turn(counters, 100, event);
        assert_eq!((next, counters.position, events[0].position), (3, 3, 3));
    }

    #[test]
    fn an_event_happens_at_the_last_stamp_and_never_before_an_earlier_event() {
        let ((), counters, events) = turn(Counters::START, 100, |turn| {
            event(turn);
            turn.stamp();
            turn.stamp();
            event(turn);
        });
        let (_, _, later) = turn(counters, 5, event);
        let times: Vec<_> = events.iter().chain(&later).map(|event| event.at).collect();
        assert_eq!(times, [at(100), at(102), at(102)]);
    }

    #[test]
    fn an_event_says_what_was_recorded() {
        let place = Position { published: at(90), id: ActivityId::from_uuid(Uuid::from_u128(5)) };
        let (_, _, events) = turn(Counters::START, 100, |turn| {
            turn.record(EventKind::ActivityAdded, Some(place), Some(UserKey(1)), Some(UserKey(2)))
        });
        let expected = Event {
            position: 1,
            at: at(100),
            kind: EventKind::ActivityAdded,
            activity: Some(place),
            user: Some(UserKey(1)),
            other: Some(UserKey(2)),
            before: None,
        };
        assert_eq!(events, [expected]);
    }

    #[test]
    fn what_is_noted_stands_with_the_change_that_was_recorded_last() {
        let ((), _, events) = turn(Counters::START, 100, |turn| {
            turn.note(Before::SameName);
            event(turn);
            event(turn);
            turn.note(Before::SameName);
        });
        let noted: Vec<_> = events.into_iter().map(|event| event.before).collect();
        assert_eq!(noted, [None, Some(Before::SameName)]);
    }

    #[test]
    fn going_back_forgets_events_and_numbers_but_gives_no_instant_twice() {
        let ((keys, stamps), counters, events) = turn(Counters::START, 100, |turn| {
            let (kept, first) = (turn.user_key(), turn.stamp());
            event(turn);
            let checkpoint = turn.checkpoint();
            let lost = turn.user_key();
            turn.stamp();
            event(turn);
            turn.roll_back_to(checkpoint);
            let again = turn.user_key();
            event(turn);
            ([kept, lost, again], [first, turn.stamp()])
        });
        assert_eq!(keys, [UserKey(1), UserKey(2), UserKey(2)]);
        assert_eq!(stamps, [at(100), at(102)]);
        assert_eq!(events.iter().map(|event| event.position).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(counters, Counters { position: 2, stamp: at(102), user_key: 2 });
    }

    #[test]
    fn numbers_of_users_go_on_and_begin_again_after_a_reset_alone() {
        let (first, counters, _) = turn(Counters::START, 100, |turn| [turn.user_key(), turn.user_key()]);
        let (next, counters, _) = turn(counters, 100, number);
        assert_eq!((first, next), ([UserKey(1), UserKey(2)], UserKey(3)));
        let (restarted, counters, _) = turn(counters, 100, |turn| {
            turn.restart_user_keys();
            event(turn);
            turn.user_key()
        });
        assert_eq!((restarted, counters.position), (UserKey(1), 1));
    }

    #[test]
    fn every_kind_of_event_is_read_from_its_name() {
        for kind in EventKind::ALL {
            assert_eq!(EventKind::parse(kind.as_str()), Some(kind));
        }
        let names: std::collections::HashSet<_> = EventKind::ALL.map(EventKind::as_str).into();
        assert_eq!(names.len(), EventKind::ALL.len());
        assert_eq!(EventKind::parse("activity.Added"), None);
    }
}
