//! Activities: posting, editing, deleting.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use diesel::{
    pg::PgConnection,
    prelude::*,
    sql_types::{Array, BigInt, Bool, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use feed_me_domain::{
    Activity, ActivityId, ActivityPatch, Attempt, ExternalId, Given, Keyed, NewActivity, Object,
    Precondition, StoreError, UserKey, Username, Verb,
    ports::{ActivityRepository, Atomicity, BatchPosted, Deleted, Edited, Posted},
    sequence::EventKind,
};

use super::{
    PgStore,
    errors::Outcome,
    lane::Post,
    rows::{ACTIVITY, ActivityRow, ActivityTypes, at},
    sql::Sql,
    users,
    writing::Write,
};

#[async_trait]
impl ActivityRepository for PgStore {
    async fn post(
        &self,
        activity: NewActivity,
        keyed: Option<Keyed<Posted>>,
    ) -> Result<Attempt<Posted>, StoreError> {
        self.attempt_job(keyed, |asked| Post::job(asked, activity)).await
    }

    async fn post_batch(
        &self,
        activities: Vec<NewActivity>,
        atomicity: Atomicity,
        keyed: Option<Keyed<BatchPosted>>,
    ) -> Result<Attempt<BatchPosted>, StoreError> {
        self.attempt(keyed, move |write| post_all(write, &activities, atomicity)).await
    }

    async fn find(&self, id: ActivityId) -> Result<Option<Activity>, StoreError> {
        self.read(move |conn| find(conn, id)?.as_ref().map(ActivityRow::activity).transpose()).await
    }

    async fn find_many(&self, ids: &[ActivityId]) -> Result<Vec<Activity>, StoreError> {
        let ids = ids.to_vec();
        self.read(move |conn| find_all(conn, &ids)).await
    }

    async fn find_external(
        &self,
        actor: &Username,
        external_id: &ExternalId,
    ) -> Result<Option<Activity>, StoreError> {
        let (actor, external_id) = (actor.clone(), external_id.clone());
        self.read(move |conn| {
            let found = Sql::<ActivityTypes>::new(format!(
                "select {ACTIVITY} from activities a
                where a.actor = (select u.key from users u where u.username = $1) and a.external_id = $2"
            ));
            let found = found.bind::<Text, _>(actor.as_str()).bind::<Text, _>(external_id.as_str());
            found.get_result::<ActivityRow>(conn).optional()?.as_ref().map(ActivityRow::activity).transpose()
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

/// Those of the ids that are activities, in any order, in one question.
pub(super) fn find_all(conn: &mut PgConnection, ids: &[ActivityId]) -> Outcome<Vec<Activity>> {
    let ids: Vec<_> = ids.iter().map(|id| id.as_uuid()).collect();
    let found = Sql::<ActivityTypes>::new(format!(
        "select {ACTIVITY} from unnest($1) as asked (id)
        cross join lateral (select * from activities x where x.id = asked.id offset 0) a"
    ));
    let rows = found.bind::<Array<SqlUuid>, _>(&ids[..]).load::<ActivityRow>(conn)?;
    super::rows::activities(&rows)
}

/// The row of an id.
pub(super) fn find(conn: &mut PgConnection, id: ActivityId) -> Outcome<Option<ActivityRow>> {
    let found = Sql::<ActivityTypes>::new(format!("select {ACTIVITY} from activities a where a.id = $1"));
    Ok(found.bind::<SqlUuid, _>(id.as_uuid()).get_result(conn).optional()?)
}

/// An activity to insert, its users as numbers.
pub(super) struct NewRow {
    /// The activity.
    pub(super) activity: Activity,
    /// Its actor.
    pub(super) actor: i64,
    /// Its target.
    pub(super) target: Option<i64>,
}

/// Everybody whom activities name.
pub(super) fn names<'a>(items: &'a [&NewActivity]) -> impl Iterator<Item = &'a Username> {
    items.iter().flat_map(|item| {
        let target = match &item.target {
            Given::Value(target) => Some(target),
            Given::Absent | Given::Null => None,
        };
        std::iter::once(&item.actor).chain(target)
    })
}

/// Posts in order. Everything is decided before anything is inserted, so a batch that must not be stored leaves nothing.
pub(super) fn post_all(
    write: &mut Write<'_>,
    items: &[NewActivity],
    atomicity: Atomicity,
) -> Outcome<BatchPosted> {
    let items: Vec<&NewActivity> = items.iter().collect();
    let keys = users::keys_of(write.conn, names(&items))?;
    let before = write.turn.checkpoint();
    let Prepared { rows, outcomes } = prepare(write, &items, &keys)?;
    let has_failed =
        outcomes.iter().any(|outcome| !matches!(outcome, Posted::Created(_) | Posted::Existing(_)));
    let stored = !(has_failed && atomicity == Atomicity::AllOrNone);
    if stored {
        insert(write.conn, &rows)?;
    } else {
        write.turn.roll_back_to(before);
    }
    Ok(BatchPosted { stored, outcomes })
}

/// Posts of which everything is decided, their events recorded, and that are not inserted yet.
pub(super) struct Prepared {
    /// What is to be inserted.
    pub(super) rows: Vec<NewRow>,
    /// What is to be answered, in the order of the posts.
    pub(super) outcomes: Vec<Posted>,
}

/// Decides posts in order. `keys` are the numbers of those whom they name.
pub(super) fn prepare(
    write: &mut Write<'_>,
    items: &[&NewActivity],
    keys: &HashMap<Username, i64>,
) -> Outcome<Prepared> {
    let external = items
        .iter()
        .filter_map(|item| Some((*keys.get(&item.actor)?, item.external_id.as_ref()?.as_str().to_owned())));
    let mut taken = find_all_external(write.conn, external)?;
    let mut rows = Vec::with_capacity(items.len());
    let outcomes = items.iter().map(|item| post(write, item, keys, &mut taken, &mut rows)).collect();
    Ok(Prepared { rows, outcomes })
}

/// Activities by actor and external id.
type ByExternalId = HashMap<(i64, String), Activity>;

fn post(
    write: &mut Write<'_>,
    item: &NewActivity,
    keys: &HashMap<Username, i64>,
    taken: &mut ByExternalId,
    rows: &mut Vec<NewRow>,
) -> Posted {
    let actor = keys.get(&item.actor).copied();
    let target = item.target.clone().value().map(|name| keys.get(&name).copied());
    let (Some(actor), None | Some(Some(_))) = (actor, target) else {
        return Posted::UnknownUsers { actor: actor.is_none(), target: target == Some(None) };
    };
    let target = target.flatten();
    let external = item.external_id.as_ref().map(|external_id| (actor, external_id.as_str().to_owned()));
    if let Some(stored) = external.as_ref().and_then(|external| taken.get(external)) {
        return if item.repeats(stored, write.turn.now()) {
            Posted::Existing(stored.clone())
        } else {
            Posted::ExternalIdTaken(stored.clone())
        };
    }
    let stamp = write.turn.stamp();
    let id = ActivityId::from_uuid(write.turn.uuid(stamp));
    let activity = item.clone().stamped(id, stamp);
    write.turn.record(
        EventKind::ActivityAdded,
        Some(activity.position()),
        Some(UserKey(actor)),
        target.map(UserKey),
    );
    if let Some(external) = external {
        taken.insert(external, activity.clone());
    }
    rows.push(NewRow { activity: activity.clone(), actor, target });
    Posted::Created(activity)
}

/// The activities that have these external ids, in one question. `offset 0` keeps each a look into the index.
pub(super) fn find_all_external(
    conn: &mut PgConnection,
    asked: impl Iterator<Item = (i64, String)>,
) -> Outcome<ByExternalId> {
    let asked: HashSet<(i64, String)> = asked.collect();
    if asked.is_empty() {
        return Ok(HashMap::new());
    }
    let (actors, external_ids): (Vec<i64>, Vec<String>) = asked.into_iter().unzip();
    let found = Sql::<ActivityTypes>::new(format!(
        "select {ACTIVITY} from unnest($1, $2) as asked (actor, external_id)
        cross join lateral (
            select * from activities x where x.actor = asked.actor and x.external_id = asked.external_id offset 0
        ) a"
    ));
    let found = found.bind::<Array<BigInt>, _>(actors).bind::<Array<Text>, _>(external_ids);
    let mut taken = HashMap::new();
    for row in found.load::<ActivityRow>(conn)? {
        let activity = row.activity()?;
        if let Some(external_id) = &activity.external_id {
            taken.insert((row.actor, external_id.as_str().to_owned()), activity);
        }
    }
    Ok(taken)
}

/// A part of a statement that inserts the rows of [`bind_rows`], and one that counts them.
pub(super) const ADDED: &str = "added as (
        insert into activities
            (id, actor, verb, object, target, published, edited_at, external_id, data, version)
        select * from unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
    ),
    counted as (select actor, count(*) as added from unnest($2) as actor group by actor)";
/// A statement that adds what [`ADDED`] has counted to the counts of the actors.
pub(super) const CREDIT: &str =
    "update users set activities = activities + counted.added from counted where key = counted.actor";

/// Inserts activities and counts them for their actors, in one statement.
pub(super) fn insert(conn: &mut PgConnection, rows: &[NewRow]) -> Outcome<()> {
    if !rows.is_empty() {
        bind_rows(Sql::new(format!("with {ADDED} {CREDIT}")), rows).execute(conn)?;
    }
    Ok(())
}

/// Binds rows as the first ten values of a statement.
pub(super) fn bind_rows<'a>(statement: Sql<'a, ()>, rows: &'a [NewRow]) -> Sql<'a, ()> {
    statement
        .bind::<Array<SqlUuid>, _>(all(rows, |row| row.activity.id.as_uuid()))
        .bind::<Array<BigInt>, _>(all(rows, |row| row.actor))
        .bind::<Array<Text>, _>(all(rows, |row| row.activity.verb.as_str()))
        .bind::<Array<Nullable<Text>>, _>(all(rows, |row| row.activity.object.as_ref().map(Object::as_str)))
        .bind::<Array<Nullable<BigInt>>, _>(all(rows, |row| row.target))
        .bind::<Array<Timestamptz>, _>(all(rows, |row| at(row.activity.published)))
        .bind::<Array<Nullable<Timestamptz>>, _>(all(rows, |row| row.activity.edited_at.map(at)))
        .bind::<Array<Nullable<Text>>, _>(all(rows, |row| {
            row.activity.external_id.as_ref().map(ExternalId::as_str)
        }))
        .bind::<Array<Text>, _>(all(rows, |row| row.activity.data.as_str()))
        .bind::<Array<Integer>, _>(all(rows, |row| row.activity.version))
}

fn edit(
    write: &mut Write<'_>,
    id: ActivityId,
    patch: &ActivityPatch,
    precondition: &Precondition,
) -> Outcome<Edited> {
    let Some(row) = find(write.conn, id)? else {
        return Ok(Edited::Unknown);
    };
    let stored = row.activity()?;
    if !precondition.holds_for(&stored) {
        return Ok(Edited::PreconditionFailed);
    }
    let target = match &patch.target {
        Given::Absent => row.target,
        Given::Null => None,
        Given::Value(name) => match users::keys_of(write.conn, std::iter::once(name))?.get(name) {
            Some(key) => Some(*key),
            None => return Ok(Edited::UnknownTarget(name.clone())),
        },
    };
    let Some(edited) = stored.edited(patch, write.turn.stamp()) else {
        return Ok(Edited::Edited(stored));
    };
    Sql::<()>::new(
        "update activities set verb = $2, object = $3, target = $4, edited_at = $5, data = $6, version = $7,
            moved_at = case when $8 then $5 else moved_at end
        where id = $1",
    )
    .bind::<SqlUuid, _>(id.as_uuid())
    .bind::<Text, _>(Verb::as_str(&edited.verb))
    .bind::<Nullable<Text>, _>(edited.object.as_ref().map(Object::as_str))
    .bind::<Nullable<BigInt>, _>(target)
    .bind::<Nullable<Timestamptz>, _>(edited.edited_at.map(at))
    .bind::<Text, _>(edited.data.as_str())
    .bind::<Integer, _>(edited.version)
    .bind::<Bool, _>(edited.says_otherwise_than(&stored))
    .execute(write.conn)?;
    let actor = Some(row.actor_key());
    write.turn.record(EventKind::ActivityEdited, Some(edited.position()), actor, target.map(UserKey));
    Ok(Edited::Edited(edited))
}

fn delete(write: &mut Write<'_>, id: ActivityId, precondition: &Precondition) -> Outcome<Deleted> {
    let Some(row) = find(write.conn, id)? else {
        return Ok(Deleted::Unknown);
    };
    let stored = row.activity()?;
    if !precondition.holds_for(&stored) {
        return Ok(Deleted::PreconditionFailed);
    }
    Sql::<()>::new(
        "with gone as (delete from activities where id = $1 returning actor)
        update users set activities = activities - 1 from gone where key = gone.actor",
    )
    .bind::<SqlUuid, _>(id.as_uuid())
    .execute(write.conn)?;
    let (actor, target) = (Some(row.actor_key()), row.target_key());
    write.turn.record(EventKind::ActivityRemoved, Some(stored.position()), actor, target);
    Ok(Deleted::Deleted)
}

/// One column of rows.
fn all<'a, T>(rows: &'a [NewRow], of: impl Fn(&'a NewRow) -> T) -> Vec<T> {
    rows.iter().map(of).collect()
}
