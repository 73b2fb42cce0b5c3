//! Blocks and mutes: what one user wants nothing of.

use crate::{follow::LinkPlace, page::Placed, text::Username, time::Timestamp};

/// One user blocks another: follows both ways end, and neither sees the other's activities in friends or mentions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Who blocks.
    pub blocker: Username,
    /// Whom.
    pub blocked: Username,
    /// Since when.
    pub since: Timestamp,
}

/// One user mutes another, whose activities then stay out of the first one's friends feed alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mute {
    /// Who mutes.
    pub muter: Username,
    /// Whom.
    pub muted: Username,
    /// Since when.
    pub since: Timestamp,
}

/// The two kinds of refusal, which are kept and listed alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RelationKind {
    /// [`Block`].
    Block,
    /// [`Mute`].
    Mute,
}

/// A block or mute of a given owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation {
    /// The user blocked or muted.
    pub username: Username,
    /// Where it stands in lists, and since when.
    pub place: LinkPlace,
}

impl Placed for Relation {
    type Place = LinkPlace;
    fn place(&self) -> LinkPlace {
        self.place
    }
}
