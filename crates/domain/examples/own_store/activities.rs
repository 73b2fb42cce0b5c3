//! Activities in the notebook.

use async_trait::async_trait;
use feed_me_domain::{
    Activity, ActivityId, ActivityPatch, Attempt, ExternalId, Keyed, NewActivity, Precondition, StoreError,
    Username,
    ports::{ActivityRepository, Atomicity, BatchPosted, Deleted, Edited, Posted},
    sequence::{EventKind, Turn},
};

use crate::notebook::{Notebook, Pages};

#[async_trait]
impl ActivityRepository for Notebook {
    async fn post(
        &self,
        activity: NewActivity,
        keyed: Option<Keyed<Posted>>,
    ) -> Result<Attempt<Posted>, StoreError> {
        Ok(self.write_keyed(keyed, |pages, turn| post(pages, turn, activity)))
    }

    async fn post_batch(
        &self,
        activities: Vec<NewActivity>,
        atomicity: Atomicity,
        keyed: Option<Keyed<BatchPosted>>,
    ) -> Result<Attempt<BatchPosted>, StoreError> {
        Ok(self.write_keyed(keyed, |pages, turn| {
            let (before, checkpoint) = (pages.clone(), turn.checkpoint());
            let outcomes: Vec<Posted> =
                activities.into_iter().map(|activity| post(pages, turn, activity)).collect();
            let is_good = |outcome: &Posted| matches!(outcome, Posted::Created(_) | Posted::Existing(_));
            let stored = atomicity == Atomicity::Each || outcomes.iter().all(is_good);
            if !stored {
                *pages = before;
                turn.roll_back_to(checkpoint);
            }
            BatchPosted { stored, outcomes }
        }))
    }

    async fn find(&self, id: ActivityId) -> Result<Option<Activity>, StoreError> {
        Ok(self.read().activities.iter().find(|activity| activity.id == id).cloned())
    }

    async fn find_many(&self, ids: &[ActivityId]) -> Result<Vec<Activity>, StoreError> {
        Ok(self.read().activities.iter().filter(|activity| ids.contains(&activity.id)).cloned().collect())
    }

    async fn find_external(
        &self,
        actor: &Username,
        external_id: &ExternalId,
    ) -> Result<Option<Activity>, StoreError> {
        Ok(external(&self.read(), actor, external_id).cloned())
    }

    async fn edit(
        &self,
        id: ActivityId,
        patch: ActivityPatch,
        precondition: Precondition,
    ) -> Result<Edited, StoreError> {
        Ok(self.write(|pages, turn| {
            let Some(at) = pages.activities.iter().position(|activity| activity.id == id) else {
                return Edited::Unknown;
            };
            let stored = pages.activities[at].clone();
            if !precondition.holds_for(&stored) {
                return Edited::PreconditionFailed;
            }
            if let Some(name) = patch.target.clone().value().filter(|name| pages.key(name).is_none()) {
                return Edited::UnknownTarget(name);
            }
            let Some(edited) = stored.edited(&patch, turn.stamp()) else { return Edited::Edited(stored) };
            if edited.says_otherwise_than(&stored) {
                pages.moved.retain(|(moved, _)| *moved != id);
                pages.moved.extend(edited.edited_at.map(|at| (id, at)));
            }
            tell(pages, turn, EventKind::ActivityEdited, &edited);
            pages.activities[at] = edited.clone();
            Edited::Edited(edited)
        }))
    }

    async fn delete(&self, id: ActivityId, precondition: Precondition) -> Result<Deleted, StoreError> {
        Ok(self.write(|pages, turn| {
            let Some(at) = pages.activities.iter().position(|activity| activity.id == id) else {
                return Deleted::Unknown;
            };
            if !precondition.holds_for(&pages.activities[at]) {
                return Deleted::PreconditionFailed;
            }
            turn.stamp();
            let gone = pages.activities.remove(at);
            tell(pages, turn, EventKind::ActivityRemoved, &gone);
            Deleted::Deleted
        }))
    }
}

pub(crate) fn external<'a>(pages: &'a Pages, actor: &Username, id: &ExternalId) -> Option<&'a Activity> {
    pages
        .activities
        .iter()
        .find(|activity| activity.actor == *actor && activity.external_id.as_ref() == Some(id))
}

/// Appends the event of an activity.
pub(crate) fn tell(pages: &Pages, turn: &mut Turn<'_>, kind: EventKind, activity: &Activity) {
    let target = activity.target.as_ref().and_then(|name| pages.key(name));
    turn.record(kind, Some(activity.position()), pages.key(&activity.actor), target);
}

fn post(pages: &mut Pages, turn: &mut Turn<'_>, activity: NewActivity) -> Posted {
    let posted = place(pages, turn, activity);
    if let Posted::Created(activity) = &posted {
        tell(pages, turn, EventKind::ActivityAdded, activity);
    }
    posted
}

/// Stores the activity; the event is the caller's business.
pub(crate) fn place(pages: &mut Pages, turn: &mut Turn<'_>, activity: NewActivity) -> Posted {
    let actor = pages.key(&activity.actor).is_none();
    let target = activity.target.clone().value().is_some_and(|name| pages.key(&name).is_none());
    if actor || target {
        return Posted::UnknownUsers { actor, target };
    }
    let taken = activity.external_id.as_ref().and_then(|id| external(pages, &activity.actor, id));
    if let Some(stored) = taken.cloned() {
        let is_repeat = activity.repeats(&stored, turn.now());
        return if is_repeat { Posted::Existing(stored) } else { Posted::ExternalIdTaken(stored) };
    }
    let stamp = turn.stamp();
    let stored = activity.stamped(ActivityId::from_uuid(turn.uuid(stamp)), stamp);
    pages.activities.push(stored.clone());
    Posted::Created(stored)
}
