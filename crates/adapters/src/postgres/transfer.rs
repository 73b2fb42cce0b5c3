//! Moving whole databases.

use std::ops::ControlFlow;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::{
    connection::SimpleConnection,
    pg::PgConnection,
    prelude::*,
    sql_types::{Array, Nullable, Text, Timestamptz},
};
use feed_me_domain::{
    DisplayName, RelationKind, StoreError, Timestamp, Window,
    ports::{ExportSink, TransferRepository},
    transfer::{
        FollowRecord, FollowRecordCurrent, Imported, OnBadRecord, Record, RelationRecord, UserRecord,
    },
};

use super::{
    PgStore,
    errors::{Outcome, PgError},
    importing, migrations, relations,
    rows::{ACTIVITY, ActivityRow, ActivityTypes, corrupt, instant, maybe_instant, username},
};

#[async_trait]
impl TransferRepository for PgStore {
    async fn import(
        &self,
        records: Vec<Record>,
        started: Timestamp,
        on_bad: OnBadRecord,
    ) -> Result<Vec<Imported>, StoreError> {
        self.write_alone(move |write| importing::import(write, &records, started, on_bad)).await
    }

    async fn export(&self, mut sink: ExportSink) -> Result<(), StoreError> {
        self.read(move |conn| {
            let mut has_begun = false;
            let exported = conn.build_transaction().read_only().repeatable_read().run(|conn| {
                conn.batch_execute("set local statement_timeout = 0; set local cursor_tuple_fraction = 1")?;
                has_begun = true;
                match export(conn, &mut sink)? {
                    ControlFlow::Continue(()) | ControlFlow::Break(()) => Ok(()),
                }
            });
            // What the sink has taken it cannot give back.
            exported.map_err(|error: PgError| if has_begun { error.told() } else { error })
        })
        .await
    }

    /// Without this, index-only scans look into the table for every row that just came.
    async fn settle(&self) -> Result<(), StoreError> {
        self.blocking(|shared, _| {
            migrations::with_session(&shared.options.url, |conn| {
                conn.batch_execute(
                    "vacuum (analyze) users, activities, follows, follow_windows, blocks, mutes, events",
                )?;
                Ok(())
            })
        })
        .await
    }
}

/// How many rows are fetched at a time.
const CHUNK: u32 = 2000;

/// Exports one kind of record.
type Step<'a> = &'a dyn Fn(&mut PgConnection, &mut ExportSink) -> Outcome<ControlFlow<()>>;

fn export(conn: &mut PgConnection, sink: &mut ExportSink) -> Outcome<ControlFlow<()>> {
    let users = "select username, display_name, created_at from users order by key";
    let activities = format!("select {ACTIVITY} from activities a order by a.id");
    let steps: [Step<'_>; 6] = [
        &|conn, sink| each::<UserTypes, _>(conn, users, user, sink),
        &|conn, sink| {
            let record = |row: ActivityRow| row.activity().map(Record::Activity);
            each::<ActivityTypes, _>(conn, &activities, record, sink)
        },
        &|conn, sink| each::<FollowTypes, _>(conn, FOLLOWS, follow, sink),
        &|conn, sink| each::<FollowTypes, _>(conn, KEPT_ALONE, follow, sink),
        &|conn, sink| {
            let record = |row| relation(row).map(Record::Block);
            each::<RelationTypes, _>(conn, &all_of(RelationKind::Block), record, sink)
        },
        &|conn, sink| {
            let record = |row| relation(row).map(Record::Mute);
            each::<RelationTypes, _>(conn, &all_of(RelationKind::Mute), record, sink)
        },
    ];
    for step in steps {
        if step(conn, sink)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// Gives the sink a record for each row of `query`, by a cursor: however many there are, few are in memory.
fn each<ST, R>(
    conn: &mut PgConnection,
    query: &str,
    record: impl Fn(R) -> Outcome<Record>,
    sink: &mut ExportSink,
) -> Outcome<ControlFlow<()>>
where
    Fetch<ST>: for<'q> diesel::query_dsl::LoadQuery<'q, PgConnection, R>,
{
    conn.batch_execute(&format!("declare exported no scroll cursor for {query}"))?;
    loop {
        let rows: Vec<R> = Fetch::<ST>::default().load(conn)?;
        if rows.is_empty() {
            conn.batch_execute("close exported")?;
            return Ok(ControlFlow::Continue(()));
        }
        for row in rows {
            if sink(record(row)?).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
    }
}

/// `fetch` as a statement with typed rows. It is never kept: the same text means other columns with another cursor.
pub(super) struct Fetch<ST>(std::marker::PhantomData<ST>);

impl<ST> Default for Fetch<ST> {
    fn default() -> Self {
        Self(std::marker::PhantomData)
    }
}

impl<ST> diesel::query_builder::QueryFragment<diesel::pg::Pg> for Fetch<ST> {
    fn walk_ast<'b>(
        &'b self,
        mut out: diesel::query_builder::AstPass<'_, 'b, diesel::pg::Pg>,
    ) -> QueryResult<()> {
        out.unsafe_to_cache_prepared();
        out.push_sql(&format!("fetch forward {CHUNK} from exported"));
        Ok(())
    }
}

impl<ST> diesel::query_builder::QueryId for Fetch<ST> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<ST> diesel::query_builder::Query for Fetch<ST> {
    type SqlType = ST;
}

impl<ST> diesel::query_dsl::RunQueryDsl<PgConnection> for Fetch<ST> {}

type UserTypes = (Text, Nullable<Text>, Timestamptz);
type UserRow = (String, Option<String>, DateTime<Utc>);

fn user((name, display_name, created_at): UserRow) -> Outcome<Record> {
    let display_name = display_name
        .map(|raw| DisplayName::parse(&raw).map_err(|error| corrupt("a display name", &raw, error)));
    Ok(Record::User(UserRecord {
        username: username(&name)?,
        display_name: display_name.transpose()?,
        created_at: Some(instant(created_at)?),
    }))
}

const FOLLOWS: &str = "select (select u.username from users u where u.key = f.follower),
    (select u.username from users u where u.key = f.followee), f.since, f.visible_from,
    array(select k.visible_from from follow_windows k
        where k.follower = f.follower and k.followee = f.followee order by k.visible_until),
    array(select k.visible_until from follow_windows k
        where k.follower = f.follower and k.followee = f.followee order by k.visible_until)
    from follows f order by f.since, f.ordinal";
const KEPT_ALONE: &str = "select (select u.username from users u where u.key = k.follower),
    (select u.username from users u where u.key = k.followee), null::timestamptz, null::timestamptz,
    array_agg(k.visible_from order by k.visible_until), array_agg(k.visible_until order by k.visible_until)
    from follow_windows k
    where not exists (select 1 from follows f where f.follower = k.follower and f.followee = k.followee)
    group by k.follower, k.followee order by k.follower, k.followee";

type FollowTypes = (
    Text,
    Text,
    Nullable<Timestamptz>,
    Nullable<Timestamptz>,
    Array<Nullable<Timestamptz>>,
    Array<Timestamptz>,
);
type FollowRow = (
    String,
    String,
    Option<DateTime<Utc>>,
    Option<DateTime<Utc>>,
    Vec<Option<DateTime<Utc>>>,
    Vec<DateTime<Utc>>,
);

fn follow((follower, followee, since, from, kept_from, kept_until): FollowRow) -> Outcome<Record> {
    let from = maybe_instant(from)?;
    let current = maybe_instant(since)?.map(|since| FollowRecordCurrent { since, from });
    let kept = kept_from
        .into_iter()
        .zip(kept_until)
        .map(|(from, until)| Ok(Window { from: maybe_instant(from)?, until: Some(instant(until)?) }));
    Ok(Record::Follow(FollowRecord {
        follower: username(&follower)?,
        followee: username(&followee)?,
        current,
        kept: kept.collect::<Outcome<_>>()?,
    }))
}

type RelationTypes = (Text, Text, Timestamptz);

fn all_of(kind: RelationKind) -> String {
    let (table, owners, others) = relations::table(kind);
    format!(
        "select (select u.username from users u where u.key = r.{owners}),
            (select u.username from users u where u.key = r.{others}), r.since
        from {table} r order by r.since, r.ordinal"
    )
}

fn relation((owner, other, since): (String, String, DateTime<Utc>)) -> Outcome<RelationRecord> {
    Ok(RelationRecord { owner: username(&owner)?, other: username(&other)?, since: instant(since)? })
}
