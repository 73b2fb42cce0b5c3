//! Feeds of the notebook: every activity is looked at, and the domain says whether it is seen.

use async_trait::async_trait;
use feed_me_domain::{
    Activity, ActivityId, FeedKind, FeedQuery, FeedSlice, Placed, RelationKind, Span, StoreError, Username,
    ports::{Explained, FeedRepository, VisibilityFacts},
};

use crate::{
    follows::named,
    notebook::{Notebook, Pages, stretch},
};

#[async_trait]
impl FeedRepository for Notebook {
    async fn page(&self, query: &FeedQuery) -> Result<Option<FeedSlice>, StoreError> {
        let pages = self.read();
        let Some(owner) = pages.user(&query.owner) else { return Ok(None) };
        let mut all: Vec<Activity> =
            pages.activities.iter().filter(|activity| belongs(&pages, query, activity)).cloned().collect();
        all.sort_by_key(|activity| std::cmp::Reverse(activity.position()));
        let skip = usize::try_from(query.skip).unwrap_or(usize::MAX);
        let span = Span { take: query.span.take.saturating_add(skip), ..query.span };
        let activities = stretch(all, &span, Placed::place, |one, other| other.cmp(one));
        let activities = activities.into_iter().skip(skip).collect();
        Ok(Some(FeedSlice::whole(owner.id, pages.counters.position, activities)))
    }

    async fn explain(&self, viewer: &Username, id: ActivityId) -> Result<Explained, StoreError> {
        let pages = self.read();
        if pages.key(viewer).is_none() {
            return Ok(Explained::UnknownViewer);
        }
        let Some(activity) = pages.activities.iter().find(|activity| activity.id == id) else {
            return Ok(Explained::UnknownActivity);
        };
        let (actor, edge) = (&activity.actor, pages.edge(viewer, &activity.actor));
        Ok(Explained::Facts(Box::new(VisibilityFacts {
            activity: activity.clone(),
            is_own: viewer == actor,
            follow: edge.current.map(|current| named(viewer, actor, current)),
            edge,
            mutes: pages.tie(RelationKind::Mute, viewer, actor).is_some(),
            blocks: pages.tie(RelationKind::Block, viewer, actor).is_some(),
            blocked_by: pages.tie(RelationKind::Block, actor, viewer).is_some(),
        })))
    }
}

fn belongs(pages: &Pages, query: &FeedQuery, activity: &Activity) -> bool {
    let (owner, actor) = (&query.owner, &activity.actor);
    let is_seen = match query.kind {
        FeedKind::Own => actor == owner,
        FeedKind::Mentions => activity.target.as_ref() == Some(owner) && !pages.is_blocked(owner, actor),
        FeedKind::Friends if actor == owner => query.filter.includes_self(),
        FeedKind::Friends => {
            pages.edge(owner, actor).shows(activity.published)
                && pages.tie(RelationKind::Mute, owner, actor).is_none()
        }
    };
    is_seen && query.filter.wants(&activity.verb)
}
