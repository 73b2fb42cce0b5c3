//! What the routes for development read and do.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::{
    connection::SimpleConnection,
    prelude::*,
    sql_types::{BigInt, Nullable, Text, Timestamptz},
};
use feed_me_domain::{
    Activity, Follow, StoreError, UserKey, Username,
    follow::Current,
    ports::{Atomicity, DevelopmentRepository, Fixture, ResetDone},
    sequence::EventKind,
};

use super::{
    PgStore,
    activities::post_all,
    edges::Edges,
    errors::{Outcome, PgError},
    migrations,
    rows::{self, ACTIVITY, ActivityRow, ActivityTypes, instant, limit, maybe_instant, username},
    schema::users as user_table,
    sql::Sql,
    users,
    writing::Write,
};

/// Everything but secrets and the applications' keys, what refers before what is referred to.
const WIPE: &str = "
delete from webhook_deliveries;
delete from webhooks;
delete from notification_marks;
delete from idempotency_names;
delete from idempotency;
delete from mutes;
delete from blocks;
delete from follow_windows;
delete from follows;
delete from activities;
delete from users;
delete from erased_activities;
delete from erased_readers;
delete from events";

#[async_trait]
impl DevelopmentRepository for PgStore {
    async fn reset(&self, fixture: Fixture, users_max: usize) -> Result<ResetDone, StoreError> {
        self.write_alone(move |write| reset(write, &fixture, users_max)).await
    }

    async fn users(&self, take: usize) -> Result<Vec<(UserKey, Username)>, StoreError> {
        self.read(move |conn| {
            let found = user_table::table
                .order(user_table::key)
                .limit(limit(take))
                .select((user_table::key, user_table::username));
            let found: Vec<(i64, String)> = found.load(conn)?;
            found.into_iter().map(|(key, name)| Ok((UserKey(key), username(&name)?))).collect()
        })
        .await
    }

    async fn activities(&self, take: usize) -> Result<Vec<Activity>, StoreError> {
        self.read(move |conn| {
            let found = Sql::<ActivityTypes>::new(format!(
                "select {ACTIVITY} from activities a order by a.id limit $1"
            ));
            rows::activities(&found.bind::<BigInt, _>(limit(take)).load::<ActivityRow>(conn)?)
        })
        .await
    }

    /// By the position of the event that made them; those of one reset by their instants. No index has this order: it is for toys.
    async fn follows(&self, take: usize) -> Result<Vec<Follow>, StoreError> {
        type Row = (String, String, DateTime<Utc>, Option<DateTime<Utc>>);
        self.read(move |conn| {
            let found = Sql::<(Text, Text, Timestamptz, Nullable<Timestamptz>)>::new(
                "select (select u.username from users u where u.key = f.follower),
                    (select u.username from users u where u.key = f.followee), f.since, f.visible_from
                from (select * from follows order by ordinal, since limit $1) f order by f.ordinal, f.since",
            );
            let follow = |(follower, followee, since, from): Row| {
                Ok(Follow {
                    follower: username(&follower)?,
                    followee: username(&followee)?,
                    since: instant(since)?,
                    from: maybe_instant(from)?,
                })
            };
            found.bind::<BigInt, _>(limit(take)).load::<Row>(conn)?.into_iter().map(follow).collect()
        })
        .await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.read(|conn| {
            let pending = migrations::pending_on(conn)?;
            if pending.is_empty() {
                return Ok(());
            }
            Err(StoreError::Unavailable(format!("migrations are pending: {}", pending.join(", "))).into())
        })
        .await
    }
}

fn reset(write: &mut Write<'_>, fixture: &Fixture, users_max: usize) -> Outcome<ResetDone> {
    let most = limit(users_max).saturating_add(1);
    let found: i64 = Sql::<BigInt>::new("select count(*) from (select 1 from users limit $1) u")
        .bind::<BigInt, _>(most)
        .get_result(write.conn)?;
    if found == most {
        return Ok(ResetDone::TooLarge);
    }
    write.is_large()?;
    write.conn.batch_execute(WIPE)?;
    write.turn.restart_user_keys();
    let start = write.turn.checkpoint();
    let users: Vec<_> =
        fixture.users.iter().map(|name| users::made(write, name.clone(), None, None)).collect();
    users::insert(write.conn, &users)?;
    post_all(write, &fixture.activities, Atomicity::Each)?;
    // All of this is one event. The numbers of the users stay given.
    write.turn.roll_back_to(start);
    for _ in &users {
        write.turn.user_key();
    }
    let position = write.turn.record(EventKind::Reset, None, None, None);
    follow(write, &fixture.follows, position)?;
    Ok(ResetDone::Reset)
}

/// Makes follows that came with the event at `position`.
fn follow(write: &mut Write<'_>, follows: &[(Username, Username)], position: i64) -> Outcome<()> {
    let names = follows.iter().flat_map(|(follower, followee)| [follower, followee]);
    let keys = users::keys_of(write.conn, names)?;
    let key = |name: &Username| {
        let key = keys.get(name).copied();
        key.ok_or_else(|| PgError::failed(format!("the fixture follows '{name}', who is not in it")))
    };
    let mut edges = Edges::default();
    for (follower, followee) in follows {
        let pair = (key(follower)?, key(followee)?);
        let since = write.turn.stamp();
        let stored = edges.of(pair);
        stored.edge.current = Some(Current { since, from: None });
        stored.ordinal = position;
    }
    edges.save(write.conn)
}
