//! Webhooks. What an operator does to them takes its turn in the sequence, for the sake of idempotency keys and of the
//! position at which they begin; what is noted while they are delivered does not. Leases go by the database's clock.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::{
    pg::PgConnection,
    prelude::*,
    sql_types::{BigInt, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use feed_me_domain::{
    Attempt, Keyed, Span, StoreError, Timestamp, UserId, UserKey, Username, Webhook, WebhookId,
    ports::{
        Claimed, Progress, Redelivered, WebhookChanged, WebhookCreated, WebhookRepository, WebhookTally, Work,
    },
    webhook::{
        Changed, Delivery, DeliveryState, FoundUser, FoundUsers, NewWebhook, WebhookChange, WebhookStatus,
    },
};
use uuid::Uuid;

use super::{
    PgStore,
    errors::{Outcome, PgError},
    rows::{at, count, limit, maybe_instant},
    sql::Sql,
    webhook_rows::{self, DELIVERY, DeliveryCells, DeliveryTypes, WEBHOOK, WebhookCells, WebhookTypes},
    writing::Write,
};
use crate::listing::{Walk, walk};

#[async_trait]
impl WebhookRepository for PgStore {
    async fn create(
        &self,
        webhook: NewWebhook,
        keyed: Option<Keyed<WebhookCreated>>,
    ) -> Result<Attempt<WebhookCreated>, StoreError> {
        self.attempt(keyed, move |write| create(write, &webhook)).await
    }

    async fn list(&self, span: Span<WebhookId>) -> Result<Vec<Webhook>, StoreError> {
        self.read(move |conn| {
            let Some(Walk { compare, from, order }) =
                walk(&span, [Uuid::nil(), Uuid::max()], WebhookId::as_uuid)
            else {
                return Ok(Vec::new());
            };
            let text = format!("{WEBHOOK} where w.id {compare} $1 order by w.id {order} limit $2");
            let query = Sql::<WebhookTypes>::new(text).bind::<SqlUuid, _>(from);
            let found: Vec<WebhookCells> = query.bind::<BigInt, _>(limit(span.take)).load(conn)?;
            found.into_iter().map(webhook_rows::webhook).collect()
        })
        .await
    }

    async fn find(&self, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
        self.read(move |conn| find(conn, id)).await
    }

    async fn change(
        &self,
        id: WebhookId,
        change: WebhookChange,
        keyed: Option<Keyed<WebhookChanged>>,
    ) -> Result<Attempt<WebhookChanged>, StoreError> {
        self.attempt(keyed, move |write| self::change(write, id, &change)).await
    }

    async fn delete(&self, id: WebhookId) -> Result<bool, StoreError> {
        self.read(move |conn| {
            let delete = Sql::<()>::new("delete from webhooks where id = $1");
            Ok(delete.bind::<SqlUuid, _>(id.as_uuid()).execute(conn)? != 0)
        })
        .await
    }

    async fn deliveries(
        &self,
        id: WebhookId,
        state: Option<DeliveryState>,
        span: Span<i64>,
    ) -> Result<Option<Vec<Delivery>>, StoreError> {
        self.read(move |conn| {
            if find(conn, id)?.is_none() {
                return Ok(None);
            }
            let Some(Walk { compare, from, order }) = walk(&span, [i64::MIN, i64::MAX], |place| place) else {
                return Ok(Some(Vec::new()));
            };
            let of_state = if state.is_some() { "and d.state = $4" } else { "" };
            let query = Sql::<DeliveryTypes>::new(format!(
                "{DELIVERY} where d.webhook = $1 and d.position {compare} $2 {of_state}
                order by d.position {order} limit $3"
            ));
            let query = query.bind::<SqlUuid, _>(id.as_uuid()).bind::<BigInt, _>(from);
            let query = query.bind::<BigInt, _>(limit(span.take));
            let query = query.bind::<Nullable<Text>, _>(state.map(DeliveryState::as_str));
            let found: Vec<DeliveryCells> = query.load(conn)?;
            found.into_iter().map(webhook_rows::delivery).collect::<Outcome<_>>().map(Some)
        })
        .await
    }

    async fn redeliver(
        &self,
        id: WebhookId,
        position: i64,
        keyed: Option<Keyed<Redelivered>>,
    ) -> Result<Attempt<Redelivered>, StoreError> {
        self.attempt(keyed, move |write| {
            if locked(write.conn, id)?.is_none() {
                return Ok(Redelivered::UnknownWebhook);
            }
            let query =
                Sql::<DeliveryTypes>::new(format!("{DELIVERY} where d.webhook = $1 and d.position = $2"));
            let query = query.bind::<SqlUuid, _>(id.as_uuid()).bind::<BigInt, _>(position);
            let Some(found) = query.get_result::<DeliveryCells>(write.conn).optional()? else {
                return Ok(Redelivered::UnknownDelivery);
            };
            let delivery = webhook_rows::delivery(found)?.again(write.turn.now());
            webhook_rows::store_delivery(write.conn, &delivery)?;
            Ok(Redelivered::Pending(delivery))
        })
        .await
    }

    async fn claim(&self, holder: Uuid, lease_micros: i64) -> Result<Vec<Claimed>, StoreError> {
        type Cells = (Uuid, i64, Option<DateTime<Utc>>);
        self.read(move |conn| {
            // Its own are waited for, as they are locked while something is noted of them. Others are left alone where
            // somebody is just taking them. The rows are locked in one order.
            for (which, wait) in [
                ("w.holder = $1", ""),
                ("(w.holder is null or (w.holder <> $1 and w.held_until <= now()))", "skip locked"),
            ] {
                let take = Sql::<()>::new(format!(
                    "with mine as (
                        select w.id from webhooks w where w.status = 'enabled' and {which}
                        order by w.id for update {wait}
                    )
                    update webhooks w set holder = $1, held_until = now() + $2 * interval '1 microsecond'
                    from mine where w.id = mine.id"
                ));
                take.bind::<SqlUuid, _>(holder).bind::<BigInt, _>(lease_micros).execute(conn)?;
            }
            let claim = Sql::<(SqlUuid, BigInt, Nullable<Timestamptz>)>::new(
                "select w.id, w.revision, (
                    select min(d.next_at) from webhook_deliveries d where d.webhook = w.id and d.state = 'pending'
                ) from webhooks w
                where w.status = 'enabled' and w.holder = $1 and w.held_until > now() order by w.id",
            );
            let claim = claim.bind::<SqlUuid, _>(holder);
            let read = |(id, revision, next_at): Cells| {
                let next_at = maybe_instant(next_at)?;
                Ok(Claimed { id: WebhookId::from_uuid(id), revision, next_at })
            };
            claim.load::<Cells>(conn)?.into_iter().map(read).collect()
        })
        .await
    }

    async fn release(&self, holder: Uuid) -> Result<(), StoreError> {
        self.read(move |conn| {
            let release = "update webhooks set holder = null, held_until = null where holder = $1";
            Sql::<()>::new(release).bind::<SqlUuid, _>(holder).execute(conn)?;
            Ok(())
        })
        .await
    }

    async fn work(&self, holder: Uuid, id: WebhookId) -> Result<Option<Work>, StoreError> {
        self.read_at_once(move |conn| {
            let text = format!("{WEBHOOK} where w.id = $1 and w.holder = $2 and w.held_until > now()");
            let query = Sql::<WebhookTypes>::new(text);
            let query = query.bind::<SqlUuid, _>(id.as_uuid()).bind::<SqlUuid, _>(holder);
            let Some(found) = query.get_result::<WebhookCells>(conn).optional()? else { return Ok(None) };
            let webhook = webhook_rows::webhook(found)?;
            let mut pending = |which: &str| -> Outcome<Option<Delivery>> {
                let query = Sql::<DeliveryTypes>::new(format!(
                    "{DELIVERY} where d.webhook = $1 and d.state = 'pending' and d.position {which} limit 1"
                ));
                let query = query.bind::<SqlUuid, _>(id.as_uuid()).bind::<BigInt, _>(webhook.position);
                let found = query.get_result::<DeliveryCells>(conn).optional()?;
                found.map(webhook_rows::delivery).transpose()
            };
            let head = pending("> $2 order by d.position")?;
            let again = pending("<= $2 order by d.next_at, d.position")?;
            Ok(Some(Work { webhook, head, again }))
        })
        .await
    }

    async fn record(&self, holder: Uuid, progress: Progress) -> Result<bool, StoreError> {
        self.read(move |conn| conn.transaction(|conn| record(conn, holder, &progress))).await
    }

    async fn trim(&self, before: Timestamp, take: usize) -> Result<usize, StoreError> {
        self.read(move |conn| {
            let trim = Sql::<()>::new(
                "delete from webhook_deliveries d using (
                    select webhook, position from webhook_deliveries
                    where state <> 'pending' and attempted_at < $1 order by attempted_at limit $2
                ) old where d.webhook = old.webhook and d.position = old.position and d.state <> 'pending'",
            );
            Ok(trim.bind::<Timestamptz, _>(at(before)).bind::<BigInt, _>(limit(take)).execute(conn)?)
        })
        .await
    }

    async fn any_enabled(&self) -> Result<bool, StoreError> {
        self.read(|conn| {
            let any = Sql::<Bool>::new("select exists (select from webhooks where status = 'enabled')");
            Ok(any.get_result(conn)?)
        })
        .await
    }

    async fn tally(&self) -> Result<WebhookTally, StoreError> {
        type Cells = (String, i64, i64, i64);
        self.read(|conn| {
            let counted = Sql::<(Text, BigInt, BigInt, BigInt)>::new(
                "select w.status, count(*), min(w.position), coalesce(sum((
                    select count(*) from webhook_deliveries d where d.webhook = w.id and d.state = 'dead'
                )), 0)::bigint from webhooks w group by w.status",
            );
            let mut tally = WebhookTally::default();
            for (status, number, position, dead) in counted.load::<Cells>(conn)? {
                let status = webhook_rows::status(&status)?;
                tally.by_status[status as usize] = count(number)?;
                tally.dead += count(dead)?;
                if status == WebhookStatus::Enabled {
                    tally.position_min = Some(position);
                }
            }
            Ok(tally)
        })
        .await
    }
}

fn find(conn: &mut PgConnection, id: WebhookId) -> Outcome<Option<Webhook>> {
    let query = Sql::<WebhookTypes>::new(format!("{WEBHOOK} where w.id = $1"));
    let found = query.bind::<SqlUuid, _>(id.as_uuid()).get_result::<WebhookCells>(conn).optional()?;
    found.map(webhook_rows::webhook).transpose()
}

/// The same, held until the transaction ends, so that what is noted meanwhile waits.
fn locked(conn: &mut PgConnection, id: WebhookId) -> Outcome<Option<Webhook>> {
    let lock = Sql::<()>::new("select from webhooks where id = $1 for update");
    lock.bind::<SqlUuid, _>(id.as_uuid()).execute(conn)?;
    find(conn, id)
}

/// The users of the actor's and the target's name.
fn found_users(conn: &mut PgConnection, names: [Option<&Username>; 2]) -> Outcome<FoundUsers> {
    let mut found = |name| {
        FoundUser::look_up(name, |username: &Username| -> Outcome<_> {
            let query = Sql::<(BigInt, SqlUuid)>::new("select key, id from users where username = $1");
            let user = query.bind::<Text, _>(username.as_str()).get_result::<(i64, Uuid)>(conn).optional()?;
            Ok(user.map(|(key, id)| (UserKey(key), UserId::from_uuid(id))))
        })
    };
    let [actor, target] = names;
    Ok([found(actor)?, found(target)?])
}

fn create(write: &mut Write<'_>, new: &NewWebhook) -> Outcome<WebhookCreated> {
    let users = found_users(write.conn, new.names())?;
    let number: i64 = Sql::<BigInt>::new("select count(*) from webhooks").get_result(write.conn)?;
    let created = new.clone().created(users, usize::try_from(number).unwrap_or(usize::MAX), &write.turn);
    if let WebhookCreated::Created(webhook) = &created {
        webhook_rows::store(write.conn, webhook)?;
    }
    Ok(created)
}

fn change(write: &mut Write<'_>, id: WebhookId, change: &WebhookChange) -> Outcome<WebhookChanged> {
    let Some(stored) = locked(write.conn, id)? else { return Ok(WebhookChanged::Unknown) };
    let users = found_users(write.conn, change.names())?;
    let now = write.turn.now();
    let Changed { webhook, forget_above, is_woken } = match stored.changed(change.clone(), users, now) {
        Ok(changed) => changed,
        Err(unknown) => return Ok(unknown.into()),
    };
    webhook_rows::store(write.conn, &webhook)?;
    if let Some(position) = forget_above {
        forget_deliveries_above(write.conn, id, position)?;
    }
    if is_woken {
        let wake = "update webhook_deliveries set next_at = $2 where webhook = $1 and state = 'pending'";
        let wake = Sql::<()>::new(wake).bind::<SqlUuid, _>(id.as_uuid());
        wake.bind::<Timestamptz, _>(at(now)).execute(write.conn)?;
    }
    Ok(WebhookChanged::Changed(Box::new(webhook)))
}

fn forget_deliveries_above(conn: &mut PgConnection, id: WebhookId, position: i64) -> Outcome<()> {
    let forget = Sql::<()>::new("delete from webhook_deliveries where webhook = $1 and position > $2");
    forget.bind::<SqlUuid, _>(id.as_uuid()).bind::<BigInt, _>(position).execute(conn)?;
    Ok(())
}

fn record(conn: &mut PgConnection, holder: Uuid, progress: &Progress) -> Result<bool, PgError> {
    let stands = Sql::<BigInt>::new(
        "select position from webhooks
        where id = $1 and revision = $2 and holder = $3 and held_until > now() for update",
    );
    let stands = stands.bind::<SqlUuid, _>(progress.id.as_uuid()).bind::<BigInt, _>(progress.revision);
    let before: Option<i64> = stands.bind::<SqlUuid, _>(holder).get_result(conn).optional()?;
    let Some(before) = before else { return Ok(false) };
    Sql::<()>::new("update webhooks set position = $2, status = $3, failing_since = $4 where id = $1")
        .bind::<SqlUuid, _>(progress.id.as_uuid())
        .bind::<BigInt, _>(progress.position)
        .bind::<Text, _>(progress.status.as_str())
        .bind::<Nullable<Timestamptz>, _>(progress.failing_since.map(at))
        .execute(conn)?;
    if progress.clears_line(before) {
        forget_deliveries_above(conn, progress.id, before)?;
    }
    if let Some(delivery) = &progress.delivery {
        webhook_rows::store_delivery(conn, delivery)?;
    }
    Ok(true)
}
