//! Import and export: what a line of a file is, as values. Reading and writing the lines is the API crate's business.

use crate::{
    activity::{AHEAD_MAX_MICROS, Activity},
    error::Fault,
    follow::{Window, united},
    text::{DisplayName, Username},
    time::Timestamp,
};

/// One line of an import or export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A user.
    User(UserRecord),
    /// An activity, its id known.
    Activity(Activity),
    /// A follow, and what is kept of former ones.
    Follow(FollowRecord),
    /// A block.
    Block(RelationRecord),
    /// A mute.
    Mute(RelationRecord),
}

/// A user in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRecord {
    /// The name.
    pub username: Username,
    /// The name shown.
    pub display_name: Option<DisplayName>,
    /// When the user was made; the import's turn, where the file does not say.
    pub created_at: Option<Timestamp>,
}

/// All that one user stores about another's activities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FollowRecord {
    /// Who reads.
    pub follower: Username,
    /// Whose activities.
    pub followee: Username,
    /// The present follow; none where only history is kept.
    pub current: Option<FollowRecordCurrent>,
    /// Windows kept of former follows.
    pub kept: Vec<Window>,
}

/// The present follow in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FollowRecordCurrent {
    /// Since when.
    pub since: Timestamp,
    /// The lower bound of what it shows.
    pub from: Option<Timestamp>,
}

/// A block or mute in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelationRecord {
    /// Who blocks or mutes.
    pub owner: Username,
    /// Whom.
    pub other: Username,
    /// Since when.
    pub since: Timestamp,
}

impl Record {
    /// Refuses what no store may hold, whatever the file says; `now` is the clock's.
    pub fn check(&self, now: Timestamp) -> Result<(), Fault> {
        let on_oneself = |pointer: &str, one: &Username, other: &Username| {
            if one == other {
                Err(Fault::new(pointer, format!("'{one}' cannot be on both sides")))
            } else {
                Ok(())
            }
        };
        let not_ahead = |pointer: &str, at: Timestamp| {
            if now.plus_micros(AHEAD_MAX_MICROS) < at {
                return Err(Fault::new(
                    pointer,
                    format!("{at} is more than 5 minutes ahead of the clock, which says {now}"),
                ));
            }
            Ok(())
        };
        match self {
            Self::User(user) => user.created_at.map_or(Ok(()), |at| not_ahead("/created_at", at)),
            Self::Activity(activity) => not_ahead("/published", activity.published),
            Self::Follow(follow) => {
                on_oneself("/followee", &follow.follower, &follow.followee)?;
                if let Some(current) = follow.current {
                    not_ahead("/since", current.since)?;
                    current.from.map_or(Ok(()), |from| not_ahead("/from", from))?;
                }
                check_kept(&follow.kept)?;
                let mut ends = follow.kept.iter().filter_map(|window| window.until).enumerate();
                ends.try_for_each(|(index, at)| not_ahead(&format!("/kept/{index}/until"), at))
            }
            Self::Block(relation) | Self::Mute(relation) => {
                on_oneself("/username", &relation.owner, &relation.other)?;
                not_ahead("/since", relation.since)
            }
        }
    }
}

impl FollowRecord {
    /// The same history in windows that lie apart, in order of time, as every store keeps them: of two that overlap, an
    /// activity in both would be shown twice.
    #[must_use]
    pub fn tidied(self) -> Self {
        Self { kept: united(self.kept), ..self }
    }
}

/// Kept history is closed: only a present follow goes on without an end.
fn check_kept(kept: &[Window]) -> Result<(), Fault> {
    for (index, window) in kept.iter().enumerate() {
        let Some(until) = window.until else {
            return Err(Fault::new(
                format!("/kept/{index}/until"),
                "is required: history that is kept has an end",
            ));
        };
        if window.from.is_some_and(|from| until < from) {
            return Err(Fault::new(
                format!("/kept/{index}/until"),
                format!("is {until}, before the window begins"),
            ));
        }
    }
    Ok(())
}

/// What became of one record of an imported batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Imported {
    /// It is stored now.
    New,
    /// It was there already (the id of an activity, the name of a user, the two ends of a link), and stays as it is.
    AlreadyThere,
    /// It cannot be stored beside what is there; nothing of the batch was, unless bad records were to be left out.
    Refused(Fault),
}

/// What an import does about a record that cannot be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnBadRecord {
    /// Stores nothing of the batch.
    Stop,
    /// Leaves it out.
    Skip,
}
