use std::collections::HashMap;

use async_trait::async_trait;
use diesel::{SqliteConnection, prelude::*, sql_types::BigInt};
use feed_me_domain::{
    Activity, ActivityId, ActivityPatch, Attempt, ExternalId, Given, Keyed, NewActivity, Object,
    Precondition, UserKey, Username,
    error::StoreError,
    ports::{ActivityRepository, Atomicity, BatchPosted, Deleted, Edited, Posted},
    sequence::EventKind,
};
use serde_json::json;

use super::{
    SqliteStore,
    errors::Trouble,
    names,
    rows::{self, ActivityCells, ActivityTypes, StoredActivity, activity_columns},
    schema::activities,
    sql,
    writer::Write,
};

#[async_trait]
impl ActivityRepository for SqliteStore {
    async fn post(
        &self,
        activity: NewActivity,
        keyed: Option<Keyed<Posted>>,
    ) -> Result<Attempt<Posted>, StoreError> {
        if keyed.is_none() {
            return self.writer.post(activity).await.map(Attempt::Done);
        }
        self.write_keyed(keyed, move |write| {
            let posted = post_all(write, vec![activity], Atomicity::Each)?;
            let first = posted.outcomes.into_iter().next();
            first.ok_or_else(|| Trouble::Stored("a post has no outcome".to_owned()))
        })
        .await
    }

    async fn post_batch(
        &self,
        activities: Vec<NewActivity>,
        atomicity: Atomicity,
        keyed: Option<Keyed<BatchPosted>>,
    ) -> Result<Attempt<BatchPosted>, StoreError> {
        self.write_keyed(keyed, move |write| post_all(write, activities, atomicity)).await
    }

    async fn find(&self, id: ActivityId) -> Result<Option<Activity>, StoreError> {
        self.read(move |conn| find(conn, id)).await
    }

    async fn find_many(&self, ids: &[ActivityId]) -> Result<Vec<Activity>, StoreError> {
        const FIND: &str = concat!(
            "select ",
            activity_columns!(),
            " from json_each(?1) k cross join activities a on a.id = unhex(k.value) \
              join users u on u.key = a.actor left join users t on t.key = a.target"
        );
        let ids = rows::json(ids.iter().copied().map(rows::hex));
        self.read(move |conn| {
            let query = sql::query::<ActivityTypes>(FIND).bind(ids);
            query.load::<ActivityCells>(conn)?.into_iter().map(rows::activity).collect()
        })
        .await
    }

    async fn find_external(
        &self,
        actor: &Username,
        external_id: &ExternalId,
    ) -> Result<Option<Activity>, StoreError> {
        const FIND: &str = concat!(
            "select ",
            activity_columns!(),
            " from users u cross join activities a on a.actor = u.key left join users t on t.key = a.target \
              where u.username = ?1 and a.external_id = ?2"
        );
        let (actor, external_id) = (actor.as_str().to_owned(), external_id.as_str().to_owned());
        self.read(move |conn| {
            let query = sql::query::<ActivityTypes>(FIND).bind(actor).bind(external_id);
            query.get_result(conn).optional()?.map(rows::activity).transpose()
        })
        .await
    }

    async fn edit(
        &self,
        id: ActivityId,
        patch: ActivityPatch,
        precondition: Precondition,
    ) -> Result<Edited, StoreError> {
        self.write(move |write| edit(write, id, &patch, &precondition)).await
    }

    async fn delete(&self, id: ActivityId, precondition: Precondition) -> Result<Deleted, StoreError> {
        self.write(move |write| delete(write, id, &precondition)).await
    }
}

pub(super) fn find(conn: &mut SqliteConnection, id: ActivityId) -> Result<Option<Activity>, Trouble> {
    const FIND: &str = concat!(
        "select ",
        activity_columns!(),
        " from activities a join users u on u.key = a.actor left join users t on t.key = a.target where a.id = ?1"
    );
    let query = sql::query::<ActivityTypes>(FIND).bind(rows::blob(id.as_uuid()));
    query.get_result(conn).optional()?.map(rows::activity).transpose()
}

/// What an actor has under an external id, by the two together.
pub(super) type ByExternalId = HashMap<(UserKey, ExternalId), Activity>;

/// Posts one after the other, looking everything up first and writing everything last, each with one statement.
pub(super) fn post_all(
    write: &mut Write<'_>,
    wishes: Vec<NewActivity>,
    atomicity: Atomicity,
) -> Result<BatchPosted, Trouble> {
    let before = write.turn.checkpoint();
    let target = |wish: &NewActivity| wish.target.clone().value();
    let targets: Vec<Username> = wishes.iter().filter_map(target).collect();
    let keys = names::keys_of(write.conn, wishes.iter().map(|wish| &wish.actor).chain(&targets))?;
    let external =
        wishes.iter().filter_map(|wish| Some((*keys.get(&wish.actor)?, wish.external_id.clone()?)));
    let mut taken = by_external_id(write.conn, external)?;
    let now = write.turn.now();
    let mut new = Vec::with_capacity(wishes.len());
    let mut outcomes = Vec::with_capacity(wishes.len());
    for wish in wishes {
        let actor = keys.get(&wish.actor).copied();
        let target = target(&wish).map(|name| keys.get(&name).copied());
        let (Some(actor), None | Some(Some(_))) = (actor, target) else {
            let target = matches!(target, Some(None));
            outcomes.push(Posted::UnknownUsers { actor: actor.is_none(), target });
            continue;
        };
        let place = wish.external_id.clone().map(|external_id| (actor, external_id));
        if let Some(stored) = place.as_ref().and_then(|place| taken.get(place)) {
            let repeats = wish.repeats(stored, now);
            let stored = stored.clone();
            outcomes.push(if repeats { Posted::Existing(stored) } else { Posted::ExternalIdTaken(stored) });
            continue;
        }
        let stamp = write.turn.stamp();
        let activity = wish.stamped(ActivityId::from_uuid(write.turn.uuid(stamp)), stamp);
        let target = target.flatten();
        write.turn.record(EventKind::ActivityAdded, Some(activity.position()), Some(actor), target);
        taken.extend(place.map(|place| (place, activity.clone())));
        outcomes.push(Posted::Created(activity.clone()));
        new.push(StoredActivity { activity, actor, target });
    }
    let is_good = |posted: &Posted| matches!(posted, Posted::Created(_) | Posted::Existing(_));
    if atomicity == Atomicity::AllOrNone && !outcomes.iter().all(is_good) {
        write.turn.roll_back_to(before);
        return Ok(BatchPosted { stored: false, outcomes });
    }
    insert_many(write.conn, &new)?;
    Ok(BatchPosted { stored: true, outcomes })
}

/// What is stored under external ids, by one question.
pub(super) fn by_external_id(
    conn: &mut SqliteConnection,
    asked: impl Iterator<Item = (UserKey, ExternalId)>,
) -> Result<ByExternalId, Trouble> {
    const FIND: &str = concat!(
        "select a.actor, ",
        activity_columns!(),
        " from json_each(?1) x cross join activities a on a.actor = x.value->>0 and a.external_id = x.value->>1 \
          join users u on u.key = a.actor left join users t on t.key = a.target"
    );
    let asked: Vec<_> = asked.map(|(actor, external_id)| json!([actor.0, external_id.as_str()])).collect();
    if asked.is_empty() {
        return Ok(HashMap::new());
    }
    let query = sql::query::<(BigInt, ActivityTypes)>(FIND).bind(rows::json(asked));
    let mut found = HashMap::new();
    for (actor, cells) in query.load::<(i64, ActivityCells)>(conn)? {
        let activity = rows::activity(cells)?;
        if let Some(external_id) = activity.external_id.clone() {
            found.insert((UserKey(actor), external_id), activity);
        }
    }
    Ok(found)
}

/// Stores many activities, and counts them for their actors; no events.
pub(super) fn insert_many(conn: &mut SqliteConnection, new: &[StoredActivity]) -> Result<(), Trouble> {
    const INTO: &str =
        "activities (id, actor, verb, object, target, published, edited_at, external_id, data, version)";
    const COUNT: &str = "update users set activities = activities + n.value->>1 from json_each(?1) n \
        where users.key = n.value->>0";
    if new.is_empty() {
        return Ok(());
    }
    let mut counts: HashMap<i64, i64> = HashMap::new();
    let lines = new.iter().map(|StoredActivity { activity, actor, target }| {
        *counts.entry(actor.0).or_default() += 1;
        [
            rows::blob(activity.id.as_uuid()).into(),
            actor.0.into(),
            activity.verb.as_str().into(),
            activity.object.as_ref().map(Object::as_str).into(),
            target.map(|key| key.0).into(),
            activity.published.micros().into(),
            activity.edited_at.map(feed_me_domain::Timestamp::micros).into(),
            activity.external_id.as_ref().map(ExternalId::as_str).into(),
            activity.data.as_str().into(),
            i64::from(activity.version).into(),
        ]
    });
    let lines = lines.collect();
    sql::insert(conn, INTO, lines)?;
    let counts = rows::json(counts.into_iter().map(|(actor, count)| json!([actor, count])));
    sql::command(COUNT).bind(counts).execute(conn)?;
    Ok(())
}

fn keys_of(conn: &mut SqliteConnection, id: ActivityId) -> Result<(UserKey, Option<UserKey>), Trouble> {
    let row = activities::table.find(rows::blob(id.as_uuid()));
    let (actor, target): (i64, Option<i64>) =
        row.select((activities::actor, activities::target)).first(conn)?;
    Ok((UserKey(actor), target.map(UserKey)))
}

fn edit(
    write: &mut Write<'_>,
    id: ActivityId,
    patch: &ActivityPatch,
    precondition: &Precondition,
) -> Result<Edited, Trouble> {
    const EDIT: &str = "update activities set verb = ?2, object = ?3, target = ?4, data = ?5, edited_at = ?6, \
        version = ?7, moved_at = ifnull(?8, moved_at) where id = ?1";
    let Some(stored) = find(write.conn, id)? else { return Ok(Edited::Unknown) };
    if !precondition.holds_for(&stored) {
        return Ok(Edited::PreconditionFailed);
    }
    let (actor, mut target) = keys_of(write.conn, id)?;
    match &patch.target {
        Given::Absent => {}
        Given::Null => target = None,
        Given::Value(name) => {
            target = names::key_of(write.conn, name)?;
            if target.is_none() {
                return Ok(Edited::UnknownTarget(name.clone()));
            }
        }
    }
    let stamp = write.turn.stamp();
    let Some(edited) = stored.edited(patch, stamp) else { return Ok(Edited::Edited(stored)) };
    let says = edited.says_otherwise_than(&stored);
    sql::command(EDIT)
        .bind(rows::blob(id.as_uuid()))
        .bind(edited.verb.as_str())
        .bind(edited.object.as_ref().map(Object::as_str))
        .bind(target.map(|key| key.0))
        .bind(edited.data.as_str())
        .bind(edited.edited_at.map(feed_me_domain::Timestamp::micros))
        .bind(i64::from(edited.version))
        .bind(says.then(|| stamp.micros()))
        .execute(write.conn)?;
    write.turn.record(EventKind::ActivityEdited, Some(edited.position()), Some(actor), target);
    Ok(Edited::Edited(edited))
}

fn delete(write: &mut Write<'_>, id: ActivityId, precondition: &Precondition) -> Result<Deleted, Trouble> {
    let Some(stored) = find(write.conn, id)? else { return Ok(Deleted::Unknown) };
    if !precondition.holds_for(&stored) {
        return Ok(Deleted::PreconditionFailed);
    }
    let (actor, target) = keys_of(write.conn, id)?;
    write.turn.stamp();
    diesel::delete(activities::table.find(rows::blob(id.as_uuid()))).execute(write.conn)?;
    sql::command("update users set activities = activities - 1 where key = ?1")
        .bind(actor.0)
        .execute(write.conn)?;
    write.turn.record(EventKind::ActivityRemoved, Some(stored.position()), Some(actor), target);
    Ok(Deleted::Deleted)
}
