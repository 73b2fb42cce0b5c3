//! From names to the numbers that rows refer to users by.

use std::collections::HashMap;

use diesel::{SqliteConnection, prelude::*, sql_types};
use feed_me_domain::{UserId, UserKey, Username};

use super::{errors::Trouble, rows, schema::users, sql};

/// The number of a name.
pub(super) fn key_of(conn: &mut SqliteConnection, name: &Username) -> Result<Option<UserKey>, Trouble> {
    let found = users::table.filter(users::username.eq(name.as_str())).select(users::key);
    Ok(found.first(conn).optional()?.map(UserKey))
}

/// The number and public id of a name.
pub(super) fn owner(
    conn: &mut SqliteConnection,
    name: &Username,
) -> Result<Option<(UserKey, UserId)>, Trouble> {
    let found = users::table.filter(users::username.eq(name.as_str())).select((users::key, users::id));
    let found: Option<(i64, Vec<u8>)> = found.first(conn).optional()?;
    found.map(|(key, id)| Ok((UserKey(key), rows::user_id(&id)?))).transpose()
}

/// The numbers of those names that are users, by one question.
pub(super) fn keys_of<'n>(
    conn: &mut SqliteConnection,
    names: impl IntoIterator<Item = &'n Username>,
) -> Result<HashMap<Username, UserKey>, Trouble> {
    const KEYS: &str =
        "select u.username, u.key from json_each(?1) n cross join users u on u.username = n.value";
    let names: Vec<&str> = names.into_iter().map(Username::as_str).collect();
    if names.is_empty() {
        return Ok(HashMap::new());
    }
    let found: Vec<(String, i64)> =
        sql::query::<(sql_types::Text, sql_types::BigInt)>(KEYS).bind(rows::json(names)).load(conn)?;
    found.into_iter().map(|(name, key)| Ok((rows::username(&name)?, UserKey(key)))).collect()
}
