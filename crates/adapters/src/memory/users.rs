//! Users in memory.

use std::ops::Bound;

use async_trait::async_trait;
use feed_me_domain::{
    Direction, DisplayName, Erasure, Given, PutUser, Span, StoreError, Timestamp, User, UserId, UserKey,
    UserPatch, Username,
    before::Before,
    ports::{UserEdited, UserPut, UserRepository},
    sequence::{EventKind, Turn},
};

use super::{
    MemoryStore,
    links::EdgeRow,
    state::{ActivityRow, State, Traced, UserRow},
    walk,
};

#[async_trait]
impl UserRepository for MemoryStore {
    async fn put(&self, user: PutUser) -> Result<UserPut, StoreError> {
        Ok(self.write(|state, turn| {
            if let Some(key) = state.key_of(&user.username) {
                set_display_name(state, turn, key, user.display_name);
                return UserPut::Updated(state.user(key));
            }
            let stamp = turn.stamp();
            let key = create(state, turn, user.username, user.display_name.value(), stamp, stamp);
            turn.record(EventKind::UserCreated, None, Some(key), None);
            UserPut::Created(state.user(key))
        }))
    }

    async fn find(&self, username: &Username) -> Result<Option<User>, StoreError> {
        let state = self.state.read();
        Ok(state.key_of(username).map(|key| state.user(key)))
    }

    async fn unknown(&self, names: &[Username]) -> Result<Vec<Username>, StoreError> {
        let state = self.state.read();
        Ok(names.iter().filter(|name| state.key_of(name).is_none()).cloned().collect())
    }

    async fn edit(&self, username: &Username, patch: UserPatch) -> Result<UserEdited, StoreError> {
        Ok(self.write(|state, turn| edit(state, turn, username, patch)))
    }

    async fn erase(&self, username: &Username) -> Result<Option<Erasure>, StoreError> {
        Ok(self.write(|state, turn| {
            let key = state.key_of(username)?;
            Some(erase(state, turn, key))
        }))
    }

    async fn list(&self, prefix: &str, span: Span<Username>) -> Result<Vec<User>, StoreError> {
        let state = self.state.read();
        let Some(start) = walk::start(&span.boundary, span.direction) else { return Ok(Vec::new()) };
        let start = start.map(|place| Box::<str>::from(place.as_str()));
        let users: Vec<User> = match span.direction {
            Direction::Forward => {
                let low = walk::higher_of(start, Bound::Included(prefix.into()));
                let ahead = state.names.range((low, Bound::Unbounded));
                ahead.take_while(is_of(prefix)).take(span.take).map(|(_, key)| state.user(*key)).collect()
            }
            Direction::Backward => {
                let high = walk::lower_of(start, after_all_of(prefix));
                let ahead = state.names.range((Bound::Unbounded, high)).rev();
                ahead.take_while(is_of(prefix)).take(span.take).map(|(_, key)| state.user(*key)).collect()
            }
        };
        Ok(users)
    }
}

fn is_of(prefix: &str) -> impl Fn(&(&Box<str>, &UserKey)) -> bool {
    move |(name, _)| name.starts_with(prefix)
}

/// Where the texts that begin with `prefix` end: right before the text in which its last character is the next one.
fn after_all_of(prefix: &str) -> Bound<Box<str>> {
    let mut next: String = prefix.to_owned();
    while let Some(last) = next.pop() {
        if let Some(following) = (last..=char::MAX).nth(1) {
            next.push(following);
            return Bound::Excluded(next.into());
        }
    }
    Bound::Unbounded
}

/// Makes a user; the event is the caller's business.
pub(super) fn create(
    state: &mut State,
    turn: &mut Turn<'_>,
    username: Username,
    display_name: Option<DisplayName>,
    created_at: Timestamp,
    named_at: Timestamp,
) -> UserKey {
    let key = turn.user_key();
    let id = UserId::from_uuid(turn.uuid(named_at));
    state.insert_user(key, UserRow { id, username, display_name, created_at, named_at });
    key
}

fn set_display_name(state: &mut State, turn: &mut Turn<'_>, key: UserKey, given: Given<DisplayName>) {
    let Some(row) = state.users.get_mut(&key) else { return };
    let wanted = given.applied_to(row.display_name.clone());
    if wanted != row.display_name {
        row.display_name = wanted;
        turn.stamp();
        turn.record(EventKind::UserUpdated, None, Some(key), None);
        turn.note(Before::SameName);
    }
}

fn edit(state: &mut State, turn: &mut Turn<'_>, username: &Username, patch: UserPatch) -> UserEdited {
    let Some(key) = state.key_of(username) else { return UserEdited::Unknown };
    let new_name = patch.username.filter(|name| name != username);
    let Some(name) = new_name else {
        set_display_name(state, turn, key, patch.display_name);
        return UserEdited::Edited(state.user(key));
    };
    if state.key_of(&name).is_some() {
        return UserEdited::NameTaken(name);
    }
    let stamp = turn.stamp();
    state.rename(key, name, stamp);
    if let Some(row) = state.users.get_mut(&key) {
        row.display_name = patch.display_name.applied_to(row.display_name.take());
    }
    turn.record(EventKind::UserUpdated, None, Some(key), None);
    UserEdited::Edited(state.user(key))
}

fn erase(state: &mut State, turn: &mut Turn<'_>, key: UserKey) -> Erasure {
    let at = turn.stamp();
    let own: Vec<_> = state.by_actor.get(&key).into_iter().flatten().map(|position| position.id).collect();
    let readers = state.links.to(key).collect();
    for id in &own {
        state.remove_activity(*id);
    }
    let changed = state.by_target.get(&key).into_iter().flatten().map(|position| position.id).collect();
    let (following, followers) = (state.links.following.count(key), state.links.followers.count(key));
    let erasure = Erasure {
        activities: own.len() as u64,
        mentions: clear_mentions(state, key),
        following,
        followers,
        kept_windows: remove_edges(state, key),
        blocks: state.blocks.remove_all_of(key),
        mutes: state.mutes.remove_all_of(key),
        stored_answers: state.answers.forget(key),
        at,
    };
    state.remove_user(key);
    let position = turn.record(EventKind::UserErased, None, Some(key), None);
    state.traces.insert(position, Traced { gone: own, changed, readers });
    erasure
}

fn clear_mentions(state: &mut State, key: UserKey) -> u64 {
    let mentions: Vec<_> =
        state.by_target.get(&key).into_iter().flatten().map(|position| position.id).collect();
    for id in &mentions {
        if let Some(row) = state.activities.get(id).cloned() {
            let version = row.version.wrapping_add(1).max(1);
            state.replace_activity(ActivityRow { target: None, version, ..row });
        }
    }
    mentions.len() as u64
}

/// Removes every edge of a user and says how many kept windows went with them.
fn remove_edges(state: &mut State, key: UserKey) -> u64 {
    let outward: Vec<_> = state.links.from(key).map(|(followee, _)| (key, followee)).collect();
    let inward: Vec<_> = state.links.to(key).map(|follower| (follower, key)).collect();
    let mut kept = 0;
    for (follower, followee) in outward.into_iter().chain(inward) {
        kept += state.links.set(follower, followee, EdgeRow::default()).kept.len() as u64;
    }
    kept
}
