use async_trait::async_trait;

use crate::{
    before::Before,
    changes::{Asked, Found},
    error::StoreError,
    feed::Position,
    follow::{Edge, Window},
    id::{ActivityId, UserId, UserKey},
    relation::RelationKind,
    sequence::EventKind,
    text::{Username, Verb},
    time::Timestamp,
};

/// Hands out the facts that feeds follow from, in bulk and change by change, for whoever keeps a copy of them in memory.
///
/// A copy is made so: note [`EventLog::extent`](super::EventLog::extent), read everything in steps, then apply
/// [`changes`](Self::changes) from the position noted on. The steps need not be of one instant: a change tells what its
/// rows are when it is read, not what they were, so applying it to a copy that is newer than the change does no harm.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait FeedFacts: Send + Sync {
    /// At most `take` users with a greater number, by number.
    async fn users(&self, after: UserKey, take: usize) -> Result<Vec<UserFact>, StoreError>;

    /// At most `take` present follows beyond a pair (follower, followee), by that pair.
    async fn follows(&self, after: (UserKey, UserKey), take: usize) -> Result<Vec<FollowFact>, StoreError>;

    /// At most `take` edges with kept history beyond a pair (follower, followee), by that pair, whole.
    async fn kept(&self, after: (UserKey, UserKey), take: usize) -> Result<Vec<EdgeFact>, StoreError>;

    /// At most `take` pairs (owner, other) of blocks or mutes beyond a pair, by that pair.
    async fn relations(
        &self,
        kind: RelationKind,
        after: (UserKey, UserKey),
        take: usize,
    ) -> Result<Vec<(UserKey, UserKey)>, StoreError>;

    /// At most `take` activities below a position, the greatest position first; none begins at the top.
    async fn activities(&self, below: Option<Position>, take: usize)
    -> Result<Vec<ActivityFact>, StoreError>;

    /// What at most `take` events after a position changed, in their order.
    async fn changes(&self, after: i64, take: usize) -> Result<Vec<Change>, StoreError>;

    /// Rows as they are now, whatever the log says about them.
    async fn look_up(&self, asked: &Asked) -> Result<Found, StoreError>;

    /// At most `take` activities of an author, the newest first.
    async fn posted_by(&self, author: UserKey, take: usize) -> Result<Vec<ActivityFact>, StoreError>;

    /// At most `take` activities that target a user, the newest first.
    async fn targeting(&self, target: UserKey, take: usize) -> Result<Vec<ActivityFact>, StoreError>;

    /// What the erasure that is the event at a position took away and changed, at most `take` activities of each, and
    /// whether the erased user's activities could reach a reader. It is kept as long as the event is.
    async fn traces(&self, position: i64, reader: UserKey, take: usize) -> Result<Traces, StoreError>;

    /// The position of the last event that was committed through this very store object; 0 where none was. It asks
    /// nobody: an event of another process is not in it.
    fn committed(&self) -> i64;

    /// At most `take` changes that follow a position without a gap and were committed through this very store object, their
    /// rows as the commit left them; none where they are not at hand. It asks nobody, and so tells nothing about the end of
    /// the log. A store that has any reads [`changes`](Self::changes) at one instant: a copy that has seen the end of
    /// the log there is then nowhere newer than what follows here.
    fn recent(&self, after: i64, take: usize) -> Vec<Change> {
        let _ = (after, take);
        Vec::new()
    }

    /// How often the log may have lost its end, as when a copy of the database took over that lacked what was committed
    /// last: a position may then be given again, and what was read before is not to be relied on.
    fn breaks(&self) -> u64 {
        0
    }
}

/// What an erasure did to feeds, by ids alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traces {
    /// Whether the reader had an edge to the erased user: a follow, or kept history.
    pub was_reader: bool,
    /// The activities that went.
    pub gone: Vec<ActivityId>,
    /// The activities of others that lost their target.
    pub changed: Vec<ActivityId>,
}

/// A user, as far as feeds go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserFact {
    /// The number that rows refer to.
    pub key: UserKey,
    /// What cursors name.
    pub id: UserId,
    /// The present name.
    pub username: Username,
}

/// A present follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FollowFact {
    /// Who reads.
    pub follower: UserKey,
    /// Whose activities.
    pub followee: UserKey,
    /// The lower bound of what it shows.
    pub from: Option<Timestamp>,
}

/// All that one user stores about another's activities: the windows that reach the reader, disjoint, in order of time;
/// empty where nothing does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdgeFact {
    /// Who reads.
    pub follower: UserKey,
    /// Whose activities.
    pub followee: UserKey,
    /// What of them.
    pub windows: Vec<Window>,
}

impl EdgeFact {
    /// The fact of an edge as a store has loaded it.
    pub fn of(follower: UserKey, followee: UserKey, edge: &Edge) -> Self {
        Self { follower, followee, windows: edge.windows() }
    }
}

/// An activity without its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActivityFact {
    /// Its place.
    pub position: Position,
    /// Which state of it.
    pub version: i32,
    /// Who did it.
    pub actor: UserKey,
    /// To or for whom.
    pub target: Option<UserKey>,
    /// What was done.
    pub verb: Verb,
}

/// What an event changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The position of the event.
    pub position: i64,
    /// What happened.
    pub kind: EventKind,
    /// How it was before, where that was noted.
    pub before: Option<Before>,
    /// The facts by now; what is there no more is told by a later change too.
    pub facts: Vec<Fact>,
}

impl Change {
    /// Whether a user may have another name than before.
    pub fn is_rename(&self) -> bool {
        self.kind == EventKind::UserUpdated && self.before != Some(Before::SameName)
    }
}

/// A row as it is when the change is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// A user is like this.
    User(UserFact),
    /// No user has this number, and nothing of theirs is left.
    NoUser(UserKey),
    /// An activity is like this.
    Activity(ActivityFact),
    /// There is no such activity.
    NoActivity {
        /// Which.
        id: ActivityId,
        /// Whose it was.
        actor: UserKey,
        /// When it was published; none in logs that were written before that was noted.
        published: Option<Timestamp>,
    },
    /// An edge is like this.
    Edge(EdgeFact),
    /// A block or mute stands, or does not.
    Relation {
        /// Which of the two.
        kind: RelationKind,
        /// Who blocks or mutes.
        owner: UserKey,
        /// Whom.
        other: UserKey,
        /// Whether it stands.
        stands: bool,
    },
    /// Everything is different: a copy has to be made anew.
    Everything,
}

/// Whoever keeps something of activities, and must forget it when they go.
#[cfg_attr(feature = "mock", mockall::automock)]
pub trait Forgets: Send + Sync {
    /// These activities are gone.
    fn forget(&self, ids: &[ActivityId]);
}
