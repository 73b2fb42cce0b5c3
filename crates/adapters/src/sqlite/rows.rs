//! Between rows and values. What does not parse on the way out is told loudly.

use diesel::sql_types::{BigInt, Binary, Integer, Nullable, Text};
use feed_me_domain::{
    Activity, ActivityId, Data, ExternalId, Object, Timestamp, UserId, UserKey, Username, Verb,
};
use serde_json::Value;
use uuid::Uuid;

use super::errors::Trouble;

/// The columns of an activity `a` of the user `u` and perhaps for the user `t`, in the order of [`ActivityTypes`].
macro_rules! activity_columns {
    () => {
        "a.id, u.username, a.verb, a.object, t.username, a.published, a.edited_at, a.external_id, a.data, a.version"
    };
}
pub(super) use activity_columns;

/// The types of those columns.
pub(super) type ActivityTypes = (
    Binary,
    Text,
    Text,
    Nullable<Text>,
    Nullable<Text>,
    BigInt,
    Nullable<BigInt>,
    Nullable<Text>,
    Text,
    Integer,
);

/// Their values.
pub(super) type ActivityCells =
    (Vec<u8>, String, String, Option<String>, Option<String>, i64, Option<i64>, Option<String>, String, i32);

/// An activity with the numbers of those whom it names.
#[derive(Clone, Debug)]
pub(super) struct StoredActivity {
    pub(super) activity: Activity,
    pub(super) actor: UserKey,
    pub(super) target: Option<UserKey>,
}

pub(super) fn activity(cells: ActivityCells) -> Result<Activity, Trouble> {
    let (id, actor, verb, object, target, published, edited_at, external_id, data, version) = cells;
    Ok(Activity {
        id: activity_id(&id)?,
        actor: username(&actor)?,
        verb: Verb::parse(&verb).map_err(|error| Trouble::stored("verb", error))?,
        object: parsed(object.as_deref(), "object", Object::parse)?,
        target: target.as_deref().map(username).transpose()?,
        published: timestamp(published)?,
        edited_at: edited_at.map(timestamp).transpose()?,
        external_id: parsed(external_id.as_deref(), "external_id", ExternalId::parse)?,
        data: Data::parse(&data).map_err(|error| Trouble::stored("data", error))?,
        version,
    })
}

pub(super) fn parsed<T, E: std::fmt::Display>(
    raw: Option<&str>,
    column: &str,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<Option<T>, Trouble> {
    raw.map(|raw| parse(raw).map_err(|error| Trouble::stored(column, error))).transpose()
}

pub(super) fn username(raw: &str) -> Result<Username, Trouble> {
    Username::parse(raw).map_err(|error| Trouble::stored("username", error))
}

pub(super) fn timestamp(micros: i64) -> Result<Timestamp, Trouble> {
    Timestamp::from_micros(micros).map_err(|error| Trouble::stored("time", error))
}

pub(super) fn count(number: i64) -> Result<u64, Trouble> {
    u64::try_from(number).map_err(|error| Trouble::stored("count", error))
}

pub(super) fn user_id(bytes: &[u8]) -> Result<UserId, Trouble> {
    Uuid::from_slice(bytes).map(UserId::from_uuid).map_err(|error| Trouble::stored("user id", error))
}

pub(super) fn activity_id(bytes: &[u8]) -> Result<ActivityId, Trouble> {
    Uuid::from_slice(bytes).map(ActivityId::from_uuid).map_err(|error| Trouble::stored("activity id", error))
}

/// The bytes that an id is stored as.
pub(super) fn blob(id: Uuid) -> Vec<u8> {
    id.as_bytes().to_vec()
}

/// An id inside a JSON text; SQL turns it into its bytes by `unhex`.
pub(super) fn hex(id: ActivityId) -> String {
    id.as_uuid().simple().to_string()
}

/// A table of rows in one bound text.
pub(super) fn json<T: Into<Value>>(rows: impl IntoIterator<Item = T>) -> String {
    rows.into_iter().collect::<Value>().to_string()
}
