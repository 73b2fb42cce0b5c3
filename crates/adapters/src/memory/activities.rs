//! Activities in memory.

use async_trait::async_trait;
use feed_me_domain::{
    Activity, ActivityId, ActivityPatch, Attempt, ExternalId, Keyed, NewActivity, Precondition, StoreError,
    Username,
    ports::{ActivityRepository, Atomicity, BatchPosted, Deleted, Edited, Posted},
    sequence::{EventKind, Turn},
};

use super::{
    MemoryStore,
    state::{ActivityRow, State, Undo},
};

#[async_trait]
impl ActivityRepository for MemoryStore {
    async fn post(
        &self,
        activity: NewActivity,
        keyed: Option<Keyed<Posted>>,
    ) -> Result<Attempt<Posted>, StoreError> {
        Ok(self.write_keyed(keyed, |state, turn| post(state, turn, activity)))
    }

    async fn post_batch(
        &self,
        activities: Vec<NewActivity>,
        atomicity: Atomicity,
        keyed: Option<Keyed<BatchPosted>>,
    ) -> Result<Attempt<BatchPosted>, StoreError> {
        Ok(self.write_keyed(keyed, |state, turn| post_batch(state, turn, activities, atomicity)))
    }

    async fn find(&self, id: ActivityId) -> Result<Option<Activity>, StoreError> {
        let state = self.state.read();
        Ok(state.activities.get(&id).map(|row| state.activity(row)))
    }

    async fn find_many(&self, ids: &[ActivityId]) -> Result<Vec<Activity>, StoreError> {
        let state = self.state.read();
        let rows = ids.iter().filter_map(|id| state.activities.get(id));
        Ok(rows.map(|row| state.activity(row)).collect())
    }

    async fn find_external(
        &self,
        actor: &Username,
        external_id: &ExternalId,
    ) -> Result<Option<Activity>, StoreError> {
        let state = self.state.read();
        let key = state.key_of(actor);
        let id = key.and_then(|key| state.external_ids.get(&(key, external_id.clone())));
        Ok(id.and_then(|id| state.activities.get(id)).map(|row| state.activity(row)))
    }

    async fn edit(
        &self,
        id: ActivityId,
        patch: ActivityPatch,
        precondition: Precondition,
    ) -> Result<Edited, StoreError> {
        Ok(self.write(|state, turn| edit(state, turn, id, &patch, &precondition)))
    }

    async fn delete(&self, id: ActivityId, precondition: Precondition) -> Result<Deleted, StoreError> {
        Ok(self.write(|state, turn| {
            let Some(row) = state.activities.get(&id) else { return Deleted::Unknown };
            if !precondition.holds_for(&state.activity(row)) {
                return Deleted::PreconditionFailed;
            }
            let (place, actor, target) = (row.position(), row.actor, row.target);
            state.remove_activity(id);
            turn.stamp();
            turn.record(EventKind::ActivityRemoved, Some(place), Some(actor), target);
            Deleted::Deleted
        }))
    }
}

fn post(state: &mut State, turn: &mut Turn<'_>, activity: NewActivity) -> Posted {
    let posted = place(state, turn, activity);
    if let Posted::Created(activity) = &posted {
        let (actor, target) = (state.key_of(&activity.actor), activity.target.as_ref());
        let target = target.and_then(|name| state.key_of(name));
        turn.record(EventKind::ActivityAdded, Some(activity.position()), actor, target);
    }
    posted
}

/// Puts a new activity into its place; the event is the caller's business.
pub(super) fn place(state: &mut State, turn: &mut Turn<'_>, activity: NewActivity) -> Posted {
    let target_name = activity.target.clone().value();
    let target = target_name.as_ref().map(|name| state.key_of(name));
    let (actor, target) = match (state.key_of(&activity.actor), target) {
        (Some(actor), None) => (actor, None),
        (Some(actor), Some(Some(target))) => (actor, Some(target)),
        (actor, target) => {
            return Posted::UnknownUsers { actor: actor.is_none(), target: target == Some(None) };
        }
    };
    let external_id = activity.external_id.clone().map(|external_id| (actor, external_id));
    if let Some(stored) = external_id.and_then(|place| state.external_ids.get(&place)) {
        let stored = state.activity(&state.activities[stored]);
        return if activity.repeats(&stored, turn.now()) {
            Posted::Existing(stored)
        } else {
            Posted::ExternalIdTaken(stored)
        };
    }
    let (stamp, id) = loop {
        let stamp = turn.stamp();
        let id = ActivityId::from_uuid(turn.uuid(stamp));
        // Only an import can have brought this id already; the next instant has another one.
        if !state.activities.contains_key(&id) {
            break (stamp, id);
        }
    };
    let stored = activity.stamped(id, stamp);
    state.insert_activity(ActivityRow::new(stored.clone(), actor, target));
    Posted::Created(stored)
}

fn post_batch(
    state: &mut State,
    turn: &mut Turn<'_>,
    activities: Vec<NewActivity>,
    atomicity: Atomicity,
) -> BatchPosted {
    let before = turn.checkpoint();
    let outcomes: Vec<Posted> = activities.into_iter().map(|activity| post(state, turn, activity)).collect();
    let is_good = |outcome: &Posted| matches!(outcome, Posted::Created(_) | Posted::Existing(_));
    let stored = atomicity == Atomicity::Each || outcomes.iter().all(is_good);
    if !stored {
        let created = outcomes.iter().filter_map(|outcome| match outcome {
            Posted::Created(activity) => Some(Undo::Activity(activity.id)),
            _ => None,
        });
        state.undo(created.collect());
        turn.roll_back_to(before);
    }
    BatchPosted { stored, outcomes }
}

fn edit(
    state: &mut State,
    turn: &mut Turn<'_>,
    id: ActivityId,
    patch: &ActivityPatch,
    precondition: &Precondition,
) -> Edited {
    let Some(row) = state.activities.get(&id) else { return Edited::Unknown };
    let (stored, actor, moved_at) = (state.activity(row), row.actor, row.moved_at);
    if !precondition.holds_for(&stored) {
        return Edited::PreconditionFailed;
    }
    if let Some(name) = patch.target.clone().value().filter(|name| state.key_of(name).is_none()) {
        return Edited::UnknownTarget(name);
    }
    if patch.is_empty() {
        return Edited::Edited(stored);
    }
    let Some(edited) = stored.edited(patch, turn.stamp()) else { return Edited::Edited(stored) };
    let target = edited.target.as_ref().and_then(|name| state.key_of(name));
    let moved_at = if edited.says_otherwise_than(&stored) { edited.edited_at } else { moved_at };
    state.replace_activity(ActivityRow { moved_at, ..ActivityRow::new(edited.clone(), actor, target) });
    turn.record(EventKind::ActivityEdited, Some(edited.position()), Some(actor), target);
    Edited::Edited(edited)
}
