use async_trait::async_trait;
use diesel::{
    connection::SimpleConnection,
    prelude::*,
    sql_types::{BigInt, Nullable, Text},
};
use feed_me_domain::{
    Activity, ActivityId, Follow, UserId, UserKey, Username,
    error::StoreError,
    follow::{Current, Edge, FollowStep},
    ports::{DevelopmentRepository, Fixture, ResetDone},
    sequence::EventKind,
};

use super::{
    SqliteStore, activities,
    errors::Trouble,
    follows, migrations, names,
    rows::{self, ActivityTypes, StoredActivity, activity_columns},
    schema::users,
    sql,
    users::NewUser,
    writer::Write,
};

#[async_trait]
impl DevelopmentRepository for SqliteStore {
    async fn reset(&self, fixture: Fixture, users_max: usize) -> Result<ResetDone, StoreError> {
        // In a transaction of its own: the events that others in the group have recorded would otherwise be appended
        // after those before have gone.
        self.writer.run_alone(move |write| reset(write, fixture, users_max)).await
    }

    async fn users(&self, take: usize) -> Result<Vec<(UserKey, Username)>, StoreError> {
        self.read(move |conn| {
            let query = users::table.select((users::key, users::username)).order(users::key);
            let found = query.limit(sql::limit(take)).load::<(i64, String)>(conn)?;
            found.into_iter().map(|(key, name)| Ok((UserKey(key), rows::username(&name)?))).collect()
        })
        .await
    }

    async fn activities(&self, take: usize) -> Result<Vec<Activity>, StoreError> {
        const FIRST: &str = concat!(
            "select ",
            activity_columns!(),
            " from activities a cross join users u on u.key = a.actor \
              left join users t on t.key = a.target order by a.id limit ?1"
        );
        self.read(move |conn| {
            let found = sql::query::<ActivityTypes>(FIRST).bind(sql::limit(take)).load(conn)?;
            found.into_iter().map(rows::activity).collect()
        })
        .await
    }

    async fn follows(&self, take: usize) -> Result<Vec<Follow>, StoreError> {
        const FIRST: &str = "select u.username, o.username, f.since, f.visible_from from follows f \
            join users u on u.key = f.follower join users o on o.key = f.followee \
            order by f.ordinal, f.since limit ?1";
        type Row = (String, String, i64, Option<i64>);
        self.read(move |conn| {
            let query = sql::query::<(Text, Text, BigInt, Nullable<BigInt>)>(FIRST).bind(sql::limit(take));
            let found = query.load::<Row>(conn)?.into_iter();
            found
                .map(|(follower, followee, since, from)| {
                    Ok(Follow {
                        follower: rows::username(&follower)?,
                        followee: rows::username(&followee)?,
                        since: rows::timestamp(since)?,
                        from: from.map(rows::timestamp).transpose()?,
                    })
                })
                .collect()
        })
        .await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        let pending = self.read(migrations::pending).await?;
        if pending.is_empty() {
            return Ok(());
        }
        Err(StoreError::Unavailable(format!("migrations have not been run: {}", pending.join(", "))))
    }
}

fn reset(write: &mut Write<'_>, fixture: Fixture, users_max: usize) -> Result<ResetDone, Trouble> {
    const COUNTED: &str = "select count(*) from (select 1 from users limit ?1)";
    // In the order that the references between them ask for.
    const WIPE: &str = "delete from webhook_deliveries; delete from webhooks; delete from notification_marks; \
        delete from idempotency_names; delete from idempotency; delete from events; delete from erased_activities; delete from erased_readers; delete from mutes; \
        delete from blocks; delete from follow_windows; delete from follows; delete from activities; \
        delete from users;";
    let bound = sql::limit(users_max).saturating_add(1);
    if sql::query::<BigInt>(COUNTED).bind(bound).get_result::<i64>(write.conn)? == bound {
        return Ok(ResetDone::TooLarge);
    }
    write.conn.batch_execute(WIPE)?;
    write.turn.restart_user_keys();
    let made = write.turn.stamp();
    let mut new = Vec::with_capacity(fixture.users.len());
    for username in fixture.users {
        let id = UserId::from_uuid(write.turn.uuid(made));
        let key = write.turn.user_key();
        new.push(NewUser { key, id, username, display_name: None, created_at: made, named_at: made });
    }
    super::users::insert_many(write.conn, &new)?;
    let known = names::keys_of(write.conn, new.iter().map(|user| &user.username))?;
    let key = |name: &Username| {
        known.get(name).copied().ok_or_else(|| Trouble::Stored(format!("the fixture has no user '{name}'")))
    };
    let mut stored = Vec::with_capacity(fixture.activities.len());
    for wish in fixture.activities {
        let stamp = write.turn.stamp();
        let activity = wish.stamped(ActivityId::from_uuid(write.turn.uuid(stamp)), stamp);
        let actor = key(&activity.actor)?;
        let target = activity.target.as_ref().map(&key).transpose()?;
        stored.push(StoredActivity { activity, actor, target });
    }
    activities::insert_many(write.conn, &stored)?;
    let follows: Vec<Current> = fixture
        .follows
        .iter()
        .filter_map(|_| match Edge::default().follow(None, write.turn.stamp()) {
            FollowStep::New(current) => Some(current),
            FollowStep::Moved(_) | FollowStep::Already(_) => None,
        })
        .collect();
    let ordinal = write.turn.record(EventKind::Reset, None, None, None);
    for ((follower, followee), current) in fixture.follows.iter().zip(follows) {
        follows::insert(write.conn, (key(follower)?, key(followee)?), current, ordinal)?;
    }
    Ok(ResetDone::Reset)
}
