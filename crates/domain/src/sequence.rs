//! The one sequence that all writes go through.
//!
//! A write transaction locks the counters first, takes a [`Turn`] on them, stamps ids and default times from it, and
//! stores the counters and the turn's events with its rows. So the order of times, of ids and of events agree, the
//! positions of events are dense, and nothing that commits later sorts below what a reader of the top has seen.

use uuid::Uuid;

use crate::{
    id::{ActivityId, UserKey, uuid_at},
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its place in the dense sequence of all changes.
    pub position: i64,
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: EventKind,
    /// Which activity, where it is about one.
    pub activity: Option<ActivityId>,
    /// Who: the actor, follower, blocker, muter, or the user that the event is about.
    pub user: Option<UserKey>,
    /// The other one: the target, followee, blocked or muted.
    pub other: Option<UserKey>,
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
        activity: Option<ActivityId>,
        user: Option<UserKey>,
        other: Option<UserKey>,
    ) -> i64 {
        self.counters.position += 1;
        let at = self.counters.stamp.max(self.now);
        self.events.push(Event { position: self.counters.position, at, kind, activity, user, other });
        self.counters.position
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
