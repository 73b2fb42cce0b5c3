//! What the routes for development need of the memory.

use async_trait::async_trait;
use feed_me_domain::{
    Activity, Follow, StoreError, UserKey, Username,
    follow::FollowStep,
    ports::{DevelopmentRepository, Fixture, Posted, ResetDone},
    sequence::{EventKind, Turn},
};

use super::{MemoryStore, activities, follows::named, links::EdgeRow, state::State, users};

#[async_trait]
impl DevelopmentRepository for MemoryStore {
    async fn reset(&self, fixture: Fixture, users_max: usize) -> Result<ResetDone, StoreError> {
        self.write(|state, turn| {
            if users_max < state.users.len() {
                return Ok(ResetDone::TooLarge);
            }
            let mut fresh =
                State::empty(state.counters, state.secrets.clone(), state.application_keys.clone());
            load(&mut fresh, turn, fixture)?;
            *state = fresh;
            Ok(ResetDone::Reset)
        })
    }

    async fn users(&self, take: usize) -> Result<Vec<(UserKey, Username)>, StoreError> {
        let state = self.state.read();
        Ok(state.users.iter().take(take).map(|(key, row)| (*key, row.username.clone())).collect())
    }

    async fn activities(&self, take: usize) -> Result<Vec<Activity>, StoreError> {
        let state = self.state.read();
        Ok(state.activities.values().take(take).map(|row| state.activity(row)).collect())
    }

    async fn follows(&self, take: usize) -> Result<Vec<Follow>, StoreError> {
        let state = self.state.read();
        let mut follows: Vec<_> = state
            .links
            .all()
            .filter_map(|(follower, followee, row)| Some((row.current?, follower, followee)))
            .map(|((current, order), follower, followee)| (order, current.since, follower, followee, current))
            .collect();
        follows.sort_by_key(|&(order, since, ..)| (order, since));
        let follows = follows.into_iter().take(take);
        Ok(follows
            .map(|(_, _, follower, followee, current)| {
                named(&state.name_of(follower), &state.name_of(followee), current)
            })
            .collect())
    }

    async fn ready(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// Loads the fixture into an empty state. All of it is one event.
fn load(state: &mut State, turn: &mut Turn<'_>, fixture: Fixture) -> Result<(), StoreError> {
    let checkpoint = turn.checkpoint();
    let loaded = load_rows(state, turn, fixture);
    if loaded.is_err() {
        turn.roll_back_to(checkpoint);
    }
    loaded
}

fn load_rows(state: &mut State, turn: &mut Turn<'_>, fixture: Fixture) -> Result<(), StoreError> {
    turn.restart_user_keys();
    turn.stamp();
    let order = turn.record(EventKind::Reset, None, None, None);
    for username in fixture.users {
        let stamp = turn.stamp();
        users::create(state, turn, username, None, stamp, stamp);
    }
    for activity in fixture.activities {
        let posted = activities::place(state, turn, activity);
        if !matches!(posted, Posted::Created(_)) {
            return Err(unloadable(&format!("an activity of the fixture cannot be stored: {posted:?}")));
        }
    }
    for (follower, followee) in fixture.follows {
        let keys = state.keys_of(&follower, &followee);
        let (one, other) = keys.map_err(|name| unloadable(&format!("'{name}' is no user of the fixture")))?;
        let stored = state.links.get(one, other);
        if let FollowStep::New(current) = stored.edge().follow(None, turn.stamp()) {
            state.links.set(one, other, EdgeRow { current: Some((current, order)), ..stored });
        }
    }
    Ok(())
}

fn unloadable(why: &str) -> StoreError {
    StoreError::Failed(why.to_owned())
}
