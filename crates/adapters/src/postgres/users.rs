//! Users.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::{
    pg::PgConnection,
    prelude::*,
    sql_types::{Array, BigInt, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use feed_me_domain::{
    Boundary, Direction, DisplayName, Erasure, PutUser, Span, StoreError, Timestamp, User, UserId, UserKey,
    UserPatch, Username,
    before::Before,
    ports::{UserEdited, UserPut, UserRepository},
    sequence::EventKind,
};
use uuid::Uuid;

use super::{
    PgStore,
    errors::{Outcome, PgError},
    idempotency,
    rows::{at, corrupt, count, instant, limit, username},
    schema::{sequence, users},
    sql::Sql,
    writing::Write,
};

#[async_trait]
impl UserRepository for PgStore {
    async fn put(&self, user: PutUser) -> Result<UserPut, StoreError> {
        self.write(move |write| put(write, &user)).await
    }

    async fn find(&self, username: &Username) -> Result<Option<User>, StoreError> {
        let username = username.clone();
        self.read(move |conn| find(conn, &username)).await
    }

    async fn unknown(&self, names: &[Username]) -> Result<Vec<Username>, StoreError> {
        let names = names.to_vec();
        self.read(move |conn| {
            let known = keys_of(conn, names.iter())?;
            Ok(names.iter().filter(|name| !known.contains_key(*name)).cloned().collect())
        })
        .await
    }

    async fn edit(&self, username: &Username, patch: UserPatch) -> Result<UserEdited, StoreError> {
        let username = username.clone();
        self.write(move |write| edit(write, &username, &patch)).await
    }

    async fn erase(&self, username: &Username) -> Result<Option<Erasure>, StoreError> {
        let username = username.clone();
        self.write_alone(move |write| match find(write.conn, &username)? {
            Some(user) => erase(write, user.key).map(Some),
            None => Ok(None),
        })
        .await
    }

    async fn list(&self, prefix: &str, span: Span<Username>) -> Result<Vec<User>, StoreError> {
        let prefix = prefix.to_owned();
        self.read(move |conn| list(conn, &prefix, &span)).await
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = users, check_for_backend(diesel::pg::Pg))]
struct UserRow {
    key: i64,
    id: Uuid,
    username: String,
    display_name: Option<String>,
    created_at: DateTime<Utc>,
    named_at: DateTime<Utc>,
    following: i64,
    followers: i64,
    activities: i64,
}

impl UserRow {
    fn user(self) -> Outcome<User> {
        let display_name = self
            .display_name
            .map(|raw| DisplayName::parse(&raw).map_err(|error| corrupt("a display name", &raw, error)));
        Ok(User {
            key: UserKey(self.key),
            id: UserId::from_uuid(self.id),
            username: username(&self.username)?,
            display_name: display_name.transpose()?,
            created_at: instant(self.created_at)?,
            named_at: instant(self.named_at)?,
            following: count(self.following)?,
            followers: count(self.followers)?,
            activities: count(self.activities)?,
        })
    }
}

/// The user of a name.
pub(super) fn find(conn: &mut PgConnection, username: &Username) -> Outcome<Option<User>> {
    let named = users::table.filter(users::username.eq(username.as_str()));
    named.select(UserRow::as_select()).first(conn).optional()?.map(UserRow::user).transpose()
}

/// The same, with the position of the last event by then.
pub(super) fn find_at(conn: &mut PgConnection, username: &Username) -> Outcome<Option<(User, i64)>> {
    let named = users::table.filter(users::username.eq(username.as_str()));
    let position = sequence::table.select(sequence::position).single_value();
    let found: Option<(UserRow, Option<i64>)> =
        named.select((UserRow::as_select(), position)).first(conn).optional()?;
    found.map(|(row, position)| Ok((row.user()?, position.unwrap_or_default()))).transpose()
}

/// The numbers of those names that are users', in one question.
pub(super) fn keys_of<'a>(
    conn: &mut PgConnection,
    names: impl Iterator<Item = &'a Username>,
) -> Outcome<HashMap<Username, i64>> {
    let distinct: HashSet<&str> = names.map(Username::as_str).collect();
    if distinct.is_empty() {
        return Ok(HashMap::new());
    }
    let found = Sql::<(Text, BigInt)>::new("select username, key from users where username = any($1)")
        .bind::<Array<Text>, _>(distinct.into_iter().collect::<Vec<_>>());
    let found: Vec<(String, i64)> = found.load(conn)?;
    found.into_iter().map(|(name, key)| Ok((username(&name)?, key))).collect()
}

/// Inserts a user. `named_at` is the write's turn: that is when the present holder took the name.
pub(super) fn insert(conn: &mut PgConnection, new: &[User]) -> Outcome<()> {
    if new.is_empty() {
        return Ok(());
    }
    Sql::<()>::new(
        "insert into users (key, id, username, display_name, created_at, named_at)
        select * from unnest($1, $2, $3, $4, $5, $6)",
    )
    .bind::<Array<BigInt>, _>(new.iter().map(|user| user.key.0).collect::<Vec<_>>())
    .bind::<Array<SqlUuid>, _>(new.iter().map(|user| user.id.as_uuid()).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(new.iter().map(|user| user.username.as_str()).collect::<Vec<_>>())
    .bind::<Array<Nullable<Text>>, _>(
        new.iter().map(|user| user.display_name.as_ref().map(DisplayName::as_str)).collect::<Vec<_>>(),
    )
    .bind::<Array<Timestamptz>, _>(new.iter().map(|user| at(user.created_at)).collect::<Vec<_>>())
    .bind::<Array<Timestamptz>, _>(new.iter().map(|user| at(user.named_at)).collect::<Vec<_>>())
    .execute(conn)?;
    Ok(())
}

/// A user to insert, numbered and named by the write's turn, and the event of it.
pub(super) fn made(
    write: &mut Write<'_>,
    username: Username,
    display_name: Option<DisplayName>,
    created_at: Option<Timestamp>,
) -> User {
    let stamp = write.turn.stamp();
    let key = write.turn.user_key();
    write.turn.record(EventKind::UserCreated, None, Some(key), None);
    User {
        key,
        id: UserId::from_uuid(write.turn.uuid(stamp)),
        username,
        display_name,
        created_at: created_at.unwrap_or(stamp),
        named_at: stamp,
        following: 0,
        followers: 0,
        activities: 0,
    }
}

fn put(write: &mut Write<'_>, wish: &PutUser) -> Outcome<UserPut> {
    let Some(user) = find(write.conn, &wish.username)? else {
        let user = made(write, wish.username.clone(), wish.display_name.clone().value(), None);
        insert(write.conn, std::slice::from_ref(&user))?;
        return Ok(UserPut::Created(user));
    };
    let display_name = wish.display_name.clone().applied_to(user.display_name.clone());
    let changed = User { display_name, ..user.clone() };
    update(write, &user, &changed)?;
    Ok(UserPut::Updated(changed))
}

fn edit(write: &mut Write<'_>, name: &Username, patch: &UserPatch) -> Outcome<UserEdited> {
    let Some(user) = find(write.conn, name)? else {
        return Ok(UserEdited::Unknown);
    };
    let mut changed = user.clone();
    changed.display_name = patch.display_name.clone().applied_to(changed.display_name);
    if let Some(new_name) = patch.username.as_ref().filter(|new_name| **new_name != user.username) {
        if find(write.conn, new_name)?.is_some() {
            return Ok(UserEdited::NameTaken(new_name.clone()));
        }
        changed.username = new_name.clone();
        changed.named_at = write.turn.stamp();
    }
    update(write, &user, &changed)?;
    Ok(UserEdited::Edited(changed))
}

/// Writes a change down, where there is one.
fn update(write: &mut Write<'_>, before: &User, after: &User) -> Outcome<()> {
    if before == after {
        return Ok(());
    }
    diesel::update(users::table.find(after.key.0))
        .set((
            users::username.eq(after.username.as_str()),
            users::display_name.eq(after.display_name.as_ref().map(DisplayName::as_str)),
            users::named_at.eq(at(after.named_at)),
        ))
        .execute(write.conn)?;
    write.turn.record(EventKind::UserUpdated, None, Some(after.key), None);
    if before.username == after.username {
        write.turn.note(Before::SameName);
    }
    Ok(())
}

fn erase(write: &mut Write<'_>, user: UserKey) -> Outcome<Erasure> {
    write.is_large()?;
    let stamp = write.turn.stamp();
    let position = write.turn.record(EventKind::UserErased, None, Some(user), None);
    trace(write.conn, user, position)?;
    let mut step = |text: &str| -> Outcome<u64> {
        let changed = Sql::<()>::new(text).bind::<BigInt, _>(user.0).execute(write.conn)?;
        u64::try_from(changed).map_err(|error| PgError::failed(error.to_string()))
    };
    let activities = step("delete from activities where actor = $1")?;
    // The user's own activities are gone by now, so these are others'. A version goes from the last back to 1.
    let mentions = step(
        "update activities set target = null, version = case version when 2147483647 then 1 else version + 1 end
        where target = $1",
    )?;
    let following = step(
        "with gone as (delete from follows where follower = $1 returning followee)
        update users set followers = followers - 1 from gone where key = gone.followee",
    )?;
    let followers = step(
        "with gone as (delete from follows where followee = $1 returning follower)
        update users set following = following - 1 from gone where key = gone.follower",
    )?;
    let kept_windows = step("delete from follow_windows where follower = $1")?
        + step("delete from follow_windows where followee = $1")?;
    let blocks =
        step("delete from blocks where blocker = $1")? + step("delete from blocks where blocked = $1")?;
    let mutes = step("delete from mutes where muter = $1")? + step("delete from mutes where muted = $1")?;
    step("delete from notification_marks where owner = $1")?;
    step("delete from webhooks where actor = $1 or target = $1")?;
    let stored_answers = idempotency::forget(write.conn, user.0)?;
    diesel::delete(users::table.find(user.0)).execute(write.conn)?;
    Ok(Erasure {
        activities,
        mentions,
        following,
        followers,
        kept_windows,
        blocks,
        mutes,
        stored_answers,
        at: stamp,
    })
}

/// Keeps by ids what an erasure is going to take away and change, and who could see it.
fn trace(conn: &mut PgConnection, user: UserKey, position: i64) -> Outcome<()> {
    for text in [
        "insert into erased_activities (position, activity, is_gone)
        select $2, a.id, true from activities a where a.actor = $1",
        "insert into erased_activities (position, activity, is_gone)
        select $2, a.id, false from activities a where a.target = $1 and a.actor <> $1",
        "insert into erased_readers (position, reader)
        select $2, f.follower from follows f where f.followee = $1
        union select $2, k.follower from follow_windows k where k.followee = $1",
    ] {
        let trace = Sql::<()>::new(text).bind::<BigInt, _>(user.0).bind::<BigInt, _>(position);
        trace.execute(conn)?;
    }
    Ok(())
}

/// Names are compared bytewise, which for UTF-8 is the order of code points; so a prefix is a range of the index.
fn list(conn: &mut PgConnection, prefix: &str, span: &Span<Username>) -> Outcome<Vec<User>> {
    let mut query = users::table.select(UserRow::as_select()).limit(limit(span.take)).into_boxed();
    if !prefix.is_empty() {
        query = query.filter(users::username.ge(prefix));
        if let Some(end) = end_of_prefix(prefix) {
            query = query.filter(users::username.lt(end));
        }
    }
    query = match (span.direction, &span.boundary) {
        (Direction::Forward, Boundary::End) | (Direction::Backward, Boundary::Top) => return Ok(Vec::new()),
        (Direction::Forward, Boundary::Top) | (Direction::Backward, Boundary::End) => query,
        (Direction::Forward, Boundary::Before(name)) => query.filter(users::username.ge(name.as_str())),
        (Direction::Forward, Boundary::After(name)) => query.filter(users::username.gt(name.as_str())),
        (Direction::Backward, Boundary::Before(name)) => query.filter(users::username.lt(name.as_str())),
        (Direction::Backward, Boundary::After(name)) => query.filter(users::username.le(name.as_str())),
    };
    query = match span.direction {
        Direction::Forward => query.order(users::username.asc()),
        Direction::Backward => query.order(users::username.desc()),
    };
    query.load(conn)?.into_iter().map(UserRow::user).collect()
}

/// The least text that is greater than all that begin with `prefix`; none where there is none.
fn end_of_prefix(prefix: &str) -> Option<String> {
    let mut end = prefix.to_owned();
    while let Some(last) = end.pop() {
        let next = match last {
            // The surrogates between these two are no characters.
            '\u{D7FF}' => Some('\u{E000}'),
            last => char::from_u32(u32::from(last) + 1),
        };
        if let Some(next) = next {
            end.push(next);
            return Some(end);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::end_of_prefix;

    #[test]
    fn a_prefix_ends_where_its_last_character_that_can_grows() {
        for (prefix, end) in [
            ("a", Some("b")),
            ("az", Some("a{")),
            ("\u{7f}", Some("\u{80}")),
            ("x\u{D7FF}", Some("x\u{E000}")),
            ("a\u{10FFFF}", Some("b")),
            ("\u{10FFFF}\u{10FFFF}", None),
        ] {
            assert_eq!(end_of_prefix(prefix).as_deref(), end, "{prefix:?}");
        }
    }
}
