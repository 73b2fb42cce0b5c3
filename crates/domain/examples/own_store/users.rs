//! Users in the notebook.

use async_trait::async_trait;
use feed_me_domain::{
    DisplayName, Erasure, Placed, PutUser, RelationKind, Span, StoreError, Timestamp, User, UserId,
    UserPatch, Username,
    ports::{UserEdited, UserPut, UserRepository},
    sequence::{EventKind, Turn},
};

use crate::notebook::{Notebook, Pages, stretch};

#[async_trait]
impl UserRepository for Notebook {
    async fn put(&self, user: PutUser) -> Result<UserPut, StoreError> {
        let PutUser { username, display_name } = user;
        Ok(self.write(|pages, turn| {
            let Some(before) = pages.user(&username) else {
                let stamp = turn.stamp();
                let user = create(pages, turn, &username, display_name.value(), stamp, stamp);
                turn.record(EventKind::UserCreated, None, Some(user.key), None);
                return UserPut::Created(user);
            };
            let display_name = display_name.applied_to(before.display_name.clone());
            UserPut::Updated(change(pages, turn, before, username, display_name))
        }))
    }

    async fn find(&self, username: &Username) -> Result<Option<User>, StoreError> {
        Ok(self.read().user(username))
    }

    async fn unknown(&self, names: &[Username]) -> Result<Vec<Username>, StoreError> {
        let pages = self.read();
        Ok(names.iter().filter(|name| pages.key(name).is_none()).cloned().collect())
    }

    async fn edit(&self, username: &Username, patch: UserPatch) -> Result<UserEdited, StoreError> {
        Ok(self.write(|pages, turn| edit(pages, turn, username, patch)))
    }

    async fn erase(&self, username: &Username) -> Result<Option<Erasure>, StoreError> {
        Ok(self.write(|pages, turn| {
            let user = pages.user(username)?;
            let at = turn.stamp();
            turn.record(EventKind::UserErased, None, Some(user.key), None);
            Some(erase(pages, &user, at))
        }))
    }

    async fn list(&self, prefix: &str, span: Span<Username>) -> Result<Vec<User>, StoreError> {
        let pages = self.read();
        let mut users: Vec<User> =
            pages.users.iter().filter(|user| user.username.as_str().starts_with(prefix)).cloned().collect();
        users.sort_by(|one, other| one.username.cmp(&other.username));
        let users = stretch(users, &span, Placed::place, Username::cmp);
        Ok(users.iter().filter_map(|user| pages.user(&user.username)).collect())
    }
}

pub(crate) fn create(
    pages: &mut Pages,
    turn: &mut Turn<'_>,
    username: &Username,
    display_name: Option<DisplayName>,
    created_at: Timestamp,
    named_at: Timestamp,
) -> User {
    let user = User {
        key: turn.user_key(),
        id: UserId::from_uuid(turn.uuid(named_at)),
        username: username.clone(),
        display_name,
        created_at,
        named_at,
        following: 0,
        followers: 0,
        activities: 0,
    };
    pages.users.push(user.clone());
    user
}

fn edit(pages: &mut Pages, turn: &mut Turn<'_>, username: &Username, patch: UserPatch) -> UserEdited {
    let Some(before) = pages.user(username) else { return UserEdited::Unknown };
    let name = patch.username.unwrap_or_else(|| username.clone());
    if name != *username && pages.key(&name).is_some() {
        return UserEdited::NameTaken(name);
    }
    let display_name = patch.display_name.applied_to(before.display_name.clone());
    UserEdited::Edited(change(pages, turn, before, name, display_name))
}

/// Gives a user this name and this display name, where they are others than before.
fn change(
    pages: &mut Pages,
    turn: &mut Turn<'_>,
    before: User,
    name: Username,
    display_name: Option<DisplayName>,
) -> User {
    if name == before.username && display_name == before.display_name {
        return before;
    }
    let stamp = turn.stamp();
    let named_at = if name == before.username { before.named_at } else { stamp };
    rename(pages, &before.username, &name);
    let after = User { username: name, display_name, named_at, ..before };
    turn.record(EventKind::UserUpdated, None, Some(after.key), None);
    pages.users.retain(|user| user.key != after.key);
    pages.users.push(after.clone());
    after
}

/// Writes the new name wherever the old one stands.
fn rename(pages: &mut Pages, old: &Username, new: &Username) {
    let activities = pages.activities.iter_mut();
    let of_activities = activities.flat_map(|activity| [Some(&mut activity.actor), activity.target.as_mut()]);
    let links = pages.links.iter_mut().flat_map(|link| [&mut link.follower, &mut link.followee]);
    let ties = pages.relations.iter_mut().flat_map(|tie| [&mut tie.owner, &mut tie.other]);
    let answers = pages.answers.iter_mut().filter_map(|(_, stored)| stored.answer.as_mut());
    let of_answers = answers.flat_map(|answer| answer.names.iter_mut());
    for name in of_activities.flatten().chain(links).chain(ties).chain(of_answers) {
        if name == old {
            *name = new.clone();
        }
    }
}

fn erase(pages: &mut Pages, user: &User, at: Timestamp) -> Erasure {
    let name = &user.username;
    pages.users.retain(|other| other.key != user.key);
    pages.marks.retain(|(owner, ..)| *owner != user.key);
    pages.forget_webhooks(|webhook| {
        let named = [&webhook.filter.actor, &webhook.filter.target].into_iter().flatten();
        named.into_iter().any(|named| named.key == user.key)
    });
    pages.activities.retain(|activity| activity.actor != *name);
    let mut mentions = 0;
    for activity in pages.activities.iter_mut().filter(|activity| activity.target.as_ref() == Some(name)) {
        activity.target = None;
        activity.version += 1;
        mentions += 1;
    }
    let mut stored_answers = 0;
    for (_, stored) in &mut pages.answers {
        if stored.answer.take_if(|answer| answer.names.contains(name)).is_some() {
            stored_answers += 1;
        }
    }
    let links = pages.links.extract_if(.., |link| link.follower == *name || link.followee == *name);
    let kept_windows = links.map(|link| link.edge.kept.len() as u64).sum();
    let ties: Vec<_> =
        pages.relations.extract_if(.., |tie| tie.owner == *name || tie.other == *name).collect();
    let count = |kind: RelationKind| ties.iter().filter(|tie| tie.kind == kind).count() as u64;
    Erasure {
        activities: user.activities,
        mentions,
        following: user.following,
        followers: user.followers,
        kept_windows,
        blocks: count(RelationKind::Block),
        mutes: count(RelationKind::Mute),
        stored_answers,
        at,
    }
}
