use async_trait::async_trait;
use diesel::{SqliteConnection, prelude::*};
use feed_me_domain::{
    Boundary, Direction, DisplayName, Erasure, PutUser, Span, Timestamp, User, UserId, UserKey, UserPatch,
    Username,
    before::Before,
    error::StoreError,
    ports::{UserEdited, UserPut, UserRepository},
    sequence::EventKind,
};

use super::{SqliteStore, errors::Trouble, names, rows, schema::users, sql, writer::Write};

type Row = (i64, Vec<u8>, String, Option<String>, i64, i64, i64, i64, i64);

#[async_trait]
impl UserRepository for SqliteStore {
    async fn put(&self, user: PutUser) -> Result<UserPut, StoreError> {
        self.write(move |write| put(write, user)).await
    }

    async fn find(&self, username: &Username) -> Result<Option<User>, StoreError> {
        let username = username.clone();
        self.read(move |conn| find(conn, &username)).await
    }

    async fn unknown(&self, names: &[Username]) -> Result<Vec<Username>, StoreError> {
        let names = names.to_vec();
        self.read(move |conn| {
            let known = names::keys_of(conn, &names)?;
            Ok(names.into_iter().filter(|name| !known.contains_key(name)).collect())
        })
        .await
    }

    async fn edit(&self, username: &Username, patch: UserPatch) -> Result<UserEdited, StoreError> {
        let username = username.clone();
        self.write(move |write| edit(write, &username, patch)).await
    }

    async fn erase(&self, username: &Username) -> Result<Option<Erasure>, StoreError> {
        let username = username.clone();
        self.write(move |write| match names::key_of(write.conn, &username)? {
            Some(key) => erase(write, key).map(Some),
            None => Ok(None),
        })
        .await
    }

    async fn list(&self, prefix: &str, span: Span<Username>) -> Result<Vec<User>, StoreError> {
        let prefix = prefix.to_owned();
        self.read(move |conn| list(conn, &prefix, &span)).await
    }
}

fn find(conn: &mut SqliteConnection, username: &Username) -> Result<Option<User>, Trouble> {
    let found = users::table.filter(users::username.eq(username.as_str())).first::<Row>(conn).optional()?;
    found.map(user).transpose()
}

fn user(row: Row) -> Result<User, Trouble> {
    let (key, id, username, display_name, created_at, named_at, following, followers, activities) = row;
    Ok(User {
        key: UserKey(key),
        id: rows::user_id(&id)?,
        username: rows::username(&username)?,
        display_name: rows::parsed(display_name.as_deref(), "display_name", DisplayName::parse)?,
        created_at: rows::timestamp(created_at)?,
        named_at: rows::timestamp(named_at)?,
        following: rows::count(following)?,
        followers: rows::count(followers)?,
        activities: rows::count(activities)?,
    })
}

fn put(write: &mut Write<'_>, wish: PutUser) -> Result<UserPut, Trouble> {
    let Some(stored) = find(write.conn, &wish.username)? else {
        let stamp = write.turn.stamp();
        let user = User {
            key: write.turn.user_key(),
            id: UserId::from_uuid(write.turn.uuid(stamp)),
            username: wish.username,
            display_name: wish.display_name.value(),
            created_at: stamp,
            named_at: stamp,
            following: 0,
            followers: 0,
            activities: 0,
        };
        let row = (
            users::key.eq(user.key.0),
            users::id.eq(rows::blob(user.id.as_uuid())),
            users::username.eq(user.username.as_str()),
            users::display_name.eq(user.display_name.as_ref().map(DisplayName::as_str)),
            users::created_at.eq(stamp.micros()),
            users::named_at.eq(stamp.micros()),
        );
        diesel::insert_into(users::table).values(row).execute(write.conn)?;
        write.turn.record(EventKind::UserCreated, None, Some(user.key), None);
        return Ok(UserPut::Created(user));
    };
    let display_name = wish.display_name.applied_to(stored.display_name.clone());
    let changed = User { display_name, ..stored.clone() };
    update(write, &stored, &changed)?;
    Ok(UserPut::Updated(changed))
}

fn edit(write: &mut Write<'_>, username: &Username, patch: UserPatch) -> Result<UserEdited, Trouble> {
    let Some(stored) = find(write.conn, username)? else { return Ok(UserEdited::Unknown) };
    let mut changed =
        User { display_name: patch.display_name.applied_to(stored.display_name.clone()), ..stored.clone() };
    if let Some(name) = patch.username.filter(|name| *name != stored.username) {
        if names::key_of(write.conn, &name)?.is_some() {
            return Ok(UserEdited::NameTaken(name));
        }
        changed.username = name;
        changed.named_at = write.turn.stamp();
    }
    update(write, &stored, &changed)?;
    Ok(UserEdited::Edited(changed))
}

fn update(write: &mut Write<'_>, stored: &User, changed: &User) -> Result<(), Trouble> {
    if stored == changed {
        return Ok(());
    }
    let columns = (
        users::username.eq(changed.username.as_str()),
        users::display_name.eq(changed.display_name.as_ref().map(DisplayName::as_str)),
        users::named_at.eq(changed.named_at.micros()),
    );
    diesel::update(users::table.find(stored.key.0)).set(columns).execute(write.conn)?;
    write.turn.record(EventKind::UserUpdated, None, Some(stored.key), None);
    if stored.username == changed.username {
        write.turn.note(Before::SameName);
    }
    Ok(())
}

fn erase(write: &mut Write<'_>, key: UserKey) -> Result<Erasure, Trouble> {
    let at = write.turn.stamp();
    let position = write.turn.record(EventKind::UserErased, None, Some(key), None);
    trace(write.conn, key, position)?;
    let mut run = |text: &'static str| -> Result<u64, Trouble> {
        Ok(sql::command(text).bind(key.0).execute(&mut *write.conn)? as u64)
    };
    let mentions = run("update activities set target = null, \
        version = case when version < 2147483647 then version + 1 else 1 end \
        where target = ?1 and actor <> ?1")?;
    let activities = run("delete from activities where actor = ?1")?;
    run("update users set followers = followers - 1 \
        where key in (select followee from follows where follower = ?1)")?;
    run("update users set following = following - 1 \
        where key in (select follower from follows where followee = ?1)")?;
    let following = run("delete from follows where follower = ?1")?;
    let followers = run("delete from follows where followee = ?1")?;
    let kept_windows = run("delete from follow_windows where follower = ?1 or followee = ?1")?;
    let blocks = run("delete from blocks where blocker = ?1 or blocked = ?1")?;
    let mutes = run("delete from mutes where muter = ?1 or muted = ?1")?;
    let stored_answers = run("update idempotency set body = null, location = null \
        where scope in (select scope from idempotency_names where user_key = ?1) and body is not null")?;
    run("delete from idempotency_names \
        where scope in (select scope from idempotency_names where user_key = ?1)")?;
    run("delete from notification_marks where owner = ?1")?;
    run("delete from webhooks where actor = ?1 or target = ?1")?;
    run("delete from users where key = ?1")?;
    Ok(Erasure {
        activities,
        mentions,
        following,
        followers,
        kept_windows,
        blocks,
        mutes,
        stored_answers,
        at,
    })
}

/// Keeps by ids what an erasure is going to take away and change, and who could see it.
fn trace(conn: &mut SqliteConnection, user: UserKey, position: i64) -> Result<(), Trouble> {
    for text in [
        "insert into erased_activities (position, activity, is_gone) \
         select ?2, id, 1 from activities where actor = ?1",
        "insert into erased_activities (position, activity, is_gone) \
         select ?2, id, 0 from activities where target = ?1 and actor <> ?1",
        "insert into erased_readers (position, reader) \
         select ?2, follower from follows where followee = ?1 \
         union select ?2, follower from follow_windows where followee = ?1",
    ] {
        sql::command(text).bind(user.0).bind(position).execute(conn)?;
    }
    Ok(())
}

fn list(conn: &mut SqliteConnection, prefix: &str, span: &Span<Username>) -> Result<Vec<User>, Trouble> {
    let upper = after_prefix(prefix);
    let mut query = users::table.limit(sql::limit(span.take)).into_boxed();
    // The tighter of the two bounds alone, so that a deep page seeks to where it begins.
    match (&span.boundary, span.direction) {
        (Boundary::End, Direction::Forward) | (Boundary::Top, Direction::Backward) => return Ok(Vec::new()),
        (Boundary::After(name), Direction::Forward) if prefix <= name.as_str() => {
            query = query.filter(users::username.gt(name.as_str()));
        }
        (Boundary::Before(name), Direction::Forward) if prefix <= name.as_str() => {
            query = query.filter(users::username.ge(name.as_str()));
        }
        (_, Direction::Forward) => query = query.filter(users::username.ge(prefix)),
        (Boundary::Before(name), Direction::Backward) if is_below(name, upper.as_deref()) => {
            query = query.filter(users::username.lt(name.as_str()));
        }
        (Boundary::After(name), Direction::Backward) if is_below(name, upper.as_deref()) => {
            query = query.filter(users::username.le(name.as_str()));
        }
        (_, Direction::Backward) => {
            if let Some(upper) = &upper {
                query = query.filter(users::username.lt(upper));
            }
        }
    }
    query = match span.direction {
        Direction::Forward => match &upper {
            Some(upper) => query.filter(users::username.lt(upper)),
            None => query,
        }
        .order(users::username.asc()),
        Direction::Backward => query.filter(users::username.ge(prefix)).order(users::username.desc()),
    };
    query.load::<Row>(conn)?.into_iter().map(user).collect()
}

fn is_below(name: &Username, upper: Option<&str>) -> bool {
    upper.is_none_or(|upper| name.as_str() < upper)
}

/// The least text above everything that begins with `prefix`; none where there is none.
fn after_prefix(prefix: &str) -> Option<String> {
    let mut chars: Vec<char> = prefix.chars().collect();
    while let Some(last) = chars.pop() {
        let next = match last {
            char::MAX => continue,
            // The code points between are no characters.
            '\u{D7FF}' => '\u{E000}',
            other => char::from_u32(u32::from(other) + 1)?,
        };
        chars.push(next);
        return Some(chars.into_iter().collect());
    }
    None
}

/// A user that an import met or a reset brings.
pub(super) struct NewUser {
    pub(super) key: UserKey,
    pub(super) id: UserId,
    pub(super) username: Username,
    pub(super) display_name: Option<DisplayName>,
    pub(super) created_at: Timestamp,
    pub(super) named_at: Timestamp,
}

/// Stores many users; no events.
pub(super) fn insert_many(conn: &mut SqliteConnection, new: &[NewUser]) -> Result<(), Trouble> {
    let rows = new.iter().map(|user| {
        [
            user.key.0.into(),
            rows::blob(user.id.as_uuid()).into(),
            user.username.as_str().into(),
            user.display_name.as_ref().map(DisplayName::as_str).into(),
            user.created_at.micros().into(),
            user.named_at.micros().into(),
        ]
    });
    let into = "users (key, id, username, display_name, created_at, named_at)";
    sql::insert(conn, into, rows.collect())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::after_prefix;

    #[test]
    fn the_bound_above_a_prefix_is_the_next_code_point_and_carries() {
        assert_eq!(after_prefix("ab").as_deref(), Some("ac"));
        assert_eq!(after_prefix("a\u{10FFFF}").as_deref(), Some("b"));
        assert_eq!(after_prefix("\u{D7FF}").as_deref(), Some("\u{E000}"));
        assert_eq!(after_prefix("z\u{7F}").as_deref(), Some("z\u{80}"));
        assert_eq!(after_prefix("\u{10FFFF}\u{10FFFF}"), None);
        assert_eq!(after_prefix(""), None);
    }
}
