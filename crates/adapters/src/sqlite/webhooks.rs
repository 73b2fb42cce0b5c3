use async_trait::async_trait;
use diesel::{
    SqliteConnection,
    prelude::*,
    sql_types::{BigInt, Binary, Nullable, Text},
};
use feed_me_domain::{
    Attempt, Keyed, Span, Timestamp, UserKey, Username, Webhook, WebhookId,
    error::StoreError,
    ports::{
        Claimed, Progress, Redelivered, WebhookChanged, WebhookCreated, WebhookRepository, WebhookTally, Work,
    },
    webhook::{
        Changed, Delivery, DeliveryState, FoundUser, FoundUsers, NewWebhook, WebhookChange, WebhookStatus,
    },
};
use uuid::Uuid;

use super::{
    SqliteStore,
    errors::Trouble,
    rows,
    sql::{self, Bind},
    webhook_rows::{self, DELIVERY, DeliveryCells, DeliveryTypes, WEBHOOK, WebhookCells, WebhookTypes},
    writer::Write,
};
use crate::listing::{Walk, walk};

#[async_trait]
impl WebhookRepository for SqliteStore {
    async fn create(
        &self,
        webhook: NewWebhook,
        keyed: Option<Keyed<WebhookCreated>>,
    ) -> Result<Attempt<WebhookCreated>, StoreError> {
        self.write_keyed(keyed, move |write| create(write, webhook)).await
    }

    async fn list(&self, span: Span<WebhookId>) -> Result<Vec<Webhook>, StoreError> {
        self.read(move |conn| {
            let Some(Walk { compare, from, order }) =
                walk(&span, [Uuid::nil(), Uuid::max()], WebhookId::as_uuid)
            else {
                return Ok(Vec::new());
            };
            let text = format!("{WEBHOOK} where w.id {compare} ?1 order by w.id {order} limit ?2");
            let query = sql::query::<WebhookTypes>(text).bind(rows::blob(from)).bind(sql::limit(span.take));
            let found: Vec<WebhookCells> = query.load(conn)?;
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
        self.write_keyed(keyed, move |write| self::change(write, id, change)).await
    }

    async fn delete(&self, id: WebhookId) -> Result<bool, StoreError> {
        self.write(move |write| {
            let delete = sql::command("delete from webhooks where id = ?1");
            Ok(delete.bind(blob(id)).execute(write.conn)? != 0)
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
            let of_state = if state.is_some() { "and d.state = ?4" } else { "" };
            let text = format!(
                "{DELIVERY} where d.webhook = ?1 and d.position {compare} ?2 {of_state} \
                 order by d.position {order} limit ?3"
            );
            let query = sql::query::<DeliveryTypes>(text);
            let query = query.bind(blob(id)).bind(from).bind(sql::limit(span.take));
            let query = query.bind(state.map(DeliveryState::as_str));
            let found: Vec<DeliveryCells> = query.load(conn)?;
            found.into_iter().map(webhook_rows::delivery).collect::<Result<_, _>>().map(Some)
        })
        .await
    }

    async fn redeliver(
        &self,
        id: WebhookId,
        position: i64,
        keyed: Option<Keyed<Redelivered>>,
    ) -> Result<Attempt<Redelivered>, StoreError> {
        self.write_keyed(keyed, move |write| {
            if find(write.conn, id)?.is_none() {
                return Ok(Redelivered::UnknownWebhook);
            }
            let text = format!("{DELIVERY} where d.webhook = ?1 and d.position = ?2");
            let query = sql::query::<DeliveryTypes>(text).bind(blob(id)).bind(position);
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
        const CLAIM: &str = "update webhooks set holder = ?1, held_until = ?2 \
            where status = 'enabled' and (holder is null or holder = ?1 or held_until <= ?3)";
        const CLAIMED: &str = "select w.id, w.revision, \
            (select min(d.next_at) from webhook_deliveries d where d.webhook = w.id and d.state = 'pending') \
            from webhooks w where w.status = 'enabled' and w.holder = ?1 and w.held_until > ?2 order by w.id";
        type Cells = (Vec<u8>, i64, Option<i64>);
        self.write(move |write| {
            let now = write.turn.now();
            let until = now.plus_micros(lease_micros).micros();
            let claim = sql::command(CLAIM).bind(rows::blob(holder)).bind(until).bind(now.micros());
            claim.execute(write.conn)?;
            let claimed = sql::query::<(Binary, BigInt, Nullable<BigInt>)>(CLAIMED);
            let claimed: Vec<Cells> = claimed.bind(rows::blob(holder)).bind(now.micros()).load(write.conn)?;
            let read = |(id, revision, next_at): Cells| {
                let next_at = next_at.map(rows::timestamp).transpose()?;
                Ok(Claimed { id: webhook_rows::id(&id)?, revision, next_at })
            };
            claimed.into_iter().map(read).collect()
        })
        .await
    }

    async fn release(&self, holder: Uuid) -> Result<(), StoreError> {
        self.write(move |write| {
            let release = "update webhooks set holder = null, held_until = null where holder = ?1";
            sql::command(release).bind(rows::blob(holder)).execute(write.conn)?;
            Ok(())
        })
        .await
    }

    async fn work(&self, holder: Uuid, id: WebhookId) -> Result<Option<Work>, StoreError> {
        let now = self.clock.now();
        self.read(move |conn| {
            let text = format!("{WEBHOOK} where w.id = ?1 and w.holder = ?2 and w.held_until > ?3");
            let query =
                sql::query::<WebhookTypes>(text).bind(blob(id)).bind(rows::blob(holder)).bind(now.micros());
            let Some(found) = query.get_result::<WebhookCells>(conn).optional()? else { return Ok(None) };
            let webhook = webhook_rows::webhook(found)?;
            let mut pending = |which: &str| -> Result<Option<Delivery>, Trouble> {
                let text = format!(
                    "{DELIVERY} where d.webhook = ?1 and d.state = 'pending' and d.position {which} limit 1"
                );
                let query = sql::query::<DeliveryTypes>(text).bind(blob(id)).bind(webhook.position);
                let found = query.get_result::<DeliveryCells>(conn).optional()?;
                found.map(webhook_rows::delivery).transpose()
            };
            let head = pending("> ?2 order by d.position")?;
            let again = pending("<= ?2 order by d.next_at, d.position")?;
            Ok(Some(Work { webhook, head, again }))
        })
        .await
    }

    async fn record(&self, holder: Uuid, progress: Progress) -> Result<bool, StoreError> {
        self.write(move |write| record(write, holder, &progress)).await
    }

    async fn trim(&self, before: Timestamp, take: usize) -> Result<usize, StoreError> {
        const TRIM: &str = "delete from webhook_deliveries where (webhook, position) in \
            (select webhook, position from webhook_deliveries \
             where state <> 'pending' and attempted_at < ?1 order by attempted_at limit ?2)";
        self.write(move |write| {
            Ok(sql::command(TRIM).bind(before.micros()).bind(sql::limit(take)).execute(write.conn)?)
        })
        .await
    }

    async fn any_enabled(&self) -> Result<bool, StoreError> {
        const ANY: &str = "select exists (select 1 from webhooks where status = 'enabled')";
        self.read(|conn| Ok(sql::query::<BigInt>(ANY).get_result::<i64>(conn)? != 0)).await
    }

    async fn tally(&self) -> Result<WebhookTally, StoreError> {
        const COUNTED: &str = "select w.status, count(*), min(w.position), \
            sum((select count(*) from webhook_deliveries d where d.webhook = w.id and d.state = 'dead')) \
            from webhooks w group by w.status";
        type Cells = (String, i64, i64, i64);
        self.read(|conn| {
            let mut tally = WebhookTally::default();
            let counted: Vec<Cells> = sql::query::<(Text, BigInt, BigInt, BigInt)>(COUNTED).load(conn)?;
            for (status, count, position, dead) in counted {
                let status = webhook_rows::status(&status)?;
                tally.by_status[status as usize] = rows::count(count)?;
                tally.dead += rows::count(dead)?;
                if status == WebhookStatus::Enabled {
                    tally.position_min = Some(position);
                }
            }
            Ok(tally)
        })
        .await
    }
}

fn blob(id: WebhookId) -> Vec<u8> {
    rows::blob(id.as_uuid())
}

fn find(conn: &mut SqliteConnection, id: WebhookId) -> Result<Option<Webhook>, Trouble> {
    let query = sql::query::<WebhookTypes>(format!("{WEBHOOK} where w.id = ?1")).bind(blob(id));
    query.get_result::<WebhookCells>(conn).optional()?.map(webhook_rows::webhook).transpose()
}

/// The users of the actor's and the target's name.
fn found_users(conn: &mut SqliteConnection, names: [Option<&Username>; 2]) -> Result<FoundUsers, Trouble> {
    let mut found = |name| {
        FoundUser::look_up(name, |username: &Username| -> Result<_, Trouble> {
            let query = sql::query::<(BigInt, Binary)>("select key, id from users where username = ?1");
            let user: Option<(i64, Vec<u8>)> = query.bind(username.as_str()).get_result(conn).optional()?;
            user.map(|(key, id)| Ok((UserKey(key), rows::user_id(&id)?))).transpose()
        })
    };
    let [actor, target] = names;
    Ok([found(actor)?, found(target)?])
}

fn create(write: &mut Write<'_>, new: NewWebhook) -> Result<WebhookCreated, Trouble> {
    let users = found_users(write.conn, new.names())?;
    let count: i64 = sql::query::<BigInt>("select count(*) from webhooks").get_result(write.conn)?;
    let created = new.created(users, usize::try_from(count).unwrap_or(usize::MAX), &write.turn);
    if let WebhookCreated::Created(webhook) = &created {
        webhook_rows::store(write.conn, webhook)?;
    }
    Ok(created)
}

fn change(write: &mut Write<'_>, id: WebhookId, change: WebhookChange) -> Result<WebhookChanged, Trouble> {
    let Some(stored) = find(write.conn, id)? else { return Ok(WebhookChanged::Unknown) };
    let users = found_users(write.conn, change.names())?;
    let now = write.turn.now();
    let Changed { webhook, forget_above, is_woken } = match stored.changed(change, users, now) {
        Ok(changed) => changed,
        Err(unknown) => return Ok(unknown.into()),
    };
    webhook_rows::store(write.conn, &webhook)?;
    if let Some(position) = forget_above {
        forget_deliveries_above(write.conn, id, position)?;
    }
    if is_woken {
        let wake = "update webhook_deliveries set next_at = ?2 where webhook = ?1 and state = 'pending'";
        sql::command(wake).bind(blob(id)).bind(now.micros()).execute(write.conn)?;
    }
    Ok(WebhookChanged::Changed(Box::new(webhook)))
}

fn forget_deliveries_above(conn: &mut SqliteConnection, id: WebhookId, position: i64) -> Result<(), Trouble> {
    let forget = "delete from webhook_deliveries where webhook = ?1 and position > ?2";
    sql::command(forget).bind(blob(id)).bind(position).execute(conn)?;
    Ok(())
}

fn record(write: &mut Write<'_>, holder: Uuid, progress: &Progress) -> Result<bool, Trouble> {
    const STANDS: &str = "select position from webhooks \
        where id = ?1 and revision = ?2 and holder = ?3 and held_until > ?4";
    const RECORD: &str = "update webhooks set position = ?2, status = ?3, failing_since = ?4 where id = ?1";
    let now = write.turn.now();
    let stands = sql::query::<BigInt>(STANDS).bind(blob(progress.id)).bind(progress.revision);
    let stands = stands.bind(rows::blob(holder)).bind(now.micros());
    let Some(before) = stands.get_result::<i64>(write.conn).optional()? else { return Ok(false) };
    let failing_since: Bind = progress.failing_since.map(Timestamp::micros).into();
    let record = sql::command(RECORD).bind(blob(progress.id)).bind(progress.position);
    record.bind(progress.status.as_str()).bind(failing_since).execute(write.conn)?;
    if progress.clears_line(before) {
        forget_deliveries_above(write.conn, progress.id, before)?;
    }
    if let Some(delivery) = &progress.delivery {
        webhook_rows::store_delivery(write.conn, delivery)?;
    }
    Ok(true)
}
