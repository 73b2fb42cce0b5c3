//! What streams are told from.

use std::{collections::HashMap, sync::Arc};

use feed_me_domain::{
    RelationKind, StoreError, UserKey, Window,
    ports::{ActivityRepository, EventLog, Fact, FeedFacts},
    services::ChangeService,
};

use super::{
    audience::Shown,
    frame::{self, Frame},
};
use crate::problem::Failure;

/// How many rows are read at once.
const STEP: usize = 500;

/// What the hub reads from.
pub(super) struct Source {
    pub(super) activities: Arc<dyn ActivityRepository>,
    pub(super) log: Arc<dyn EventLog>,
    pub(super) facts: Arc<dyn FeedFacts>,
    pub(super) changes: Arc<ChangeService>,
}

/// What a viewer lacked.
pub(super) struct CaughtUp {
    /// What happened, where something did.
    pub(super) frame: Option<Frame>,
    /// All up to here was told.
    pub(super) position: i64,
    /// Whom the viewer reads, as of that position or later.
    pub(super) authors: Vec<(UserKey, Shown)>,
    /// Nothing after that position had changed whom they read when that was looked up. Otherwise what happened in between
    /// would be told to those alone who still read its author: not that the author is erased, nor what was deleted before an
    /// unfollow.
    pub(super) is_settled: bool,
}

impl Source {
    /// What a viewer lacks who was told everything up to a position. Whom they read is looked up last, so all that changed
    /// that up to the position is in it.
    pub(super) async fn catch_up(&self, viewer: UserKey, since: i64) -> Result<CaughtUp, Failure> {
        let changes = self.changes.since(viewer, Some(since)).await?;
        let frame = frame::of_changes(&changes)?;
        let (position, authors) = (changes.position, self.authors(viewer).await?);
        Ok(CaughtUp { frame, position, authors, is_settled: self.is_settled(viewer, position).await? })
    }

    /// Whether nothing that the log tells after a position changed whom a viewer reads.
    async fn is_settled(&self, viewer: UserKey, position: i64) -> Result<bool, StoreError> {
        let last = self.log.extent().await?.last;
        if last <= position {
            return Ok(true);
        }
        let take = usize::try_from(last - position).unwrap_or(usize::MAX);
        if STEP < take {
            return Ok(false);
        }
        let changes = self.facts.changes(position, take).await?;
        let is_cut = changes.first().is_none_or(|first| first.position != position + 1);
        let turns = |fact: &Fact| match fact {
            Fact::Edge(edge) => edge.follower == viewer,
            Fact::Relation { owner, other, .. } => [*owner, *other].contains(&viewer),
            Fact::NoUser(_) | Fact::Everything => true,
            Fact::User(_) | Fact::Activity(_) | Fact::NoActivity { .. } => false,
        };
        Ok(!is_cut && !changes.iter().flat_map(|change| &change.facts).any(turns))
    }

    /// Whom a viewer reads, and what of them. A block ends follows, so it need not be asked for.
    async fn authors(&self, viewer: UserKey) -> Result<Vec<(UserKey, Shown)>, StoreError> {
        let mut authors: HashMap<UserKey, Shown> = HashMap::new();
        let mut after = (viewer, UserKey(0));
        loop {
            let follows = self.facts.follows(after, STEP).await?;
            let is_all = follows.len() < STEP;
            let own = follows.iter().take_while(|follow| follow.follower == viewer);
            let before = authors.len();
            for follow in own {
                let window = |from| Box::from([Window { from: Some(from), until: None }]);
                authors.insert(follow.followee, follow.from.map(window));
                after = (viewer, follow.followee);
            }
            if is_all || authors.len() - before < STEP {
                break;
            }
        }
        let mut after = (viewer, UserKey(0));
        loop {
            let kept = self.facts.kept(after, STEP).await?;
            let own: Vec<_> = kept.into_iter().take_while(|edge| edge.follower == viewer).collect();
            let count = own.len();
            for edge in own {
                after = (viewer, edge.followee);
                authors.insert(edge.followee, Some(edge.windows.into()));
            }
            if count < STEP {
                break;
            }
        }
        let mut after = (viewer, UserKey(0));
        loop {
            let muted = self.facts.relations(RelationKind::Mute, after, STEP).await?;
            let own: Vec<_> = muted.into_iter().take_while(|(owner, _)| *owner == viewer).collect();
            for (_, other) in &own {
                after = (viewer, *other);
                authors.remove(other);
            }
            if own.len() < STEP {
                break;
            }
        }
        Ok(authors.into_iter().collect())
    }
}
