//! Webhooks and deliveries between rows and values.

use chrono::{DateTime, Utc};
use diesel::{
    pg::PgConnection,
    prelude::*,
    sql_types::{BigInt, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use feed_me_domain::{
    UserId, UserKey, Verb, Webhook, WebhookId,
    sequence::EventKind,
    webhook::{
        Delivery, DeliveryState, MessageKind, NamedUser, WebhookFilter, WebhookSecrets, WebhookStatus,
        WebhookUrl,
    },
};
use uuid::Uuid;

use super::{
    errors::Outcome,
    rows::{at, corrupt, instant, maybe_instant, username},
    sql::Sql,
};

/// What is selected of a webhook `w`.
pub(super) const WEBHOOK: &str =
    "select w.id, w.url, w.kinds, w.verb, w.secrets, w.status, w.failing_since, w.created_at,
    w.position, w.revision, a.key, a.id, a.username, t.key, t.id, t.username
    from webhooks w left join users a on a.key = w.actor left join users t on t.key = w.target";

type UserTypes = (Nullable<BigInt>, Nullable<SqlUuid>, Nullable<Text>);
type UserCells = (Option<i64>, Option<Uuid>, Option<String>);
type OwnTypes =
    (SqlUuid, Text, Text, Nullable<Text>, Text, Text, Nullable<Timestamptz>, Timestamptz, BigInt, BigInt);
type OwnCells =
    (Uuid, String, String, Option<String>, String, String, Option<DateTime<Utc>>, DateTime<Utc>, i64, i64);

/// The types of that.
pub(super) type WebhookTypes = (OwnTypes, UserTypes, UserTypes);
/// Its values.
pub(super) type WebhookCells = (OwnCells, UserCells, UserCells);

/// What is selected of a delivery `d`.
pub(super) const DELIVERY: &str =
    "select d.webhook, d.position, d.kind, d.state, d.attempts, d.created_at, d.attempted_at,
    d.next_at, d.last_status, d.last_error, d.last_duration_ms from webhook_deliveries d";

/// The types of that.
pub(super) type DeliveryTypes = (
    SqlUuid,
    BigInt,
    Text,
    Text,
    Integer,
    Timestamptz,
    Nullable<Timestamptz>,
    Nullable<Timestamptz>,
    Nullable<Integer>,
    Nullable<Text>,
    Nullable<BigInt>,
);
/// Its values.
pub(super) type DeliveryCells = (
    Uuid,
    i64,
    String,
    String,
    i32,
    DateTime<Utc>,
    Option<DateTime<Utc>>,
    Option<DateTime<Utc>>,
    Option<i32>,
    Option<String>,
    Option<i64>,
);

pub(super) fn status(raw: &str) -> Outcome<WebhookStatus> {
    WebhookStatus::parse(raw).ok_or_else(|| corrupt("the status of a webhook", raw, "no such status"))
}

pub(super) fn webhook((own, actor, target): WebhookCells) -> Outcome<Webhook> {
    let (id, url, kinds, verb, secrets, state, failing_since, created_at, position, revision) = own;
    let kind =
        |raw: &str| EventKind::parse(raw).ok_or_else(|| corrupt("a kind of event", raw, "no such kind"));
    let verb = verb.map(|raw| Verb::parse(&raw).map_err(|error| corrupt("a verb", &raw, error)));
    let filter = WebhookFilter {
        kinds: kinds.split(',').filter(|kind| !kind.is_empty()).map(kind).collect::<Outcome<_>>()?,
        actor: named_user(actor)?,
        verb: verb.transpose()?,
        target: named_user(target)?,
    };
    Ok(Webhook {
        id: WebhookId::from_uuid(id),
        url: WebhookUrl::stored(&url).map_err(|error| corrupt("the URL of a webhook", &url, error))?,
        filter,
        secrets: WebhookSecrets::from_stored(&secrets)
            .ok_or_else(|| corrupt("secrets of a webhook", "", "not readable"))?,
        status: status(&state)?,
        failing_since: maybe_instant(failing_since)?,
        created_at: instant(created_at)?,
        position,
        revision,
    })
}

fn named_user(cells: UserCells) -> Outcome<Option<NamedUser>> {
    let (Some(key), Some(id), Some(name)) = cells else { return Ok(None) };
    Ok(Some(NamedUser { key: UserKey(key), id: UserId::from_uuid(id), username: username(&name)? }))
}

pub(super) fn delivery(cells: DeliveryCells) -> Outcome<Delivery> {
    let (webhook, position, kind, state, attempts, created_at, attempted_at, next_at, status, last_error, ms) =
        cells;
    let number = |error| corrupt("a number of a delivery", "", error);
    Ok(Delivery {
        webhook: WebhookId::from_uuid(webhook),
        position,
        kind: MessageKind::parse(&kind)
            .ok_or_else(|| corrupt("a kind of delivery", &kind, "no such kind"))?,
        state: DeliveryState::parse(&state)
            .ok_or_else(|| corrupt("the state of a delivery", &state, "no such state"))?,
        attempts: u32::try_from(attempts).map_err(number)?,
        created_at: instant(created_at)?,
        attempted_at: maybe_instant(attempted_at)?,
        next_at: maybe_instant(next_at)?,
        last_status: status.map(u16::try_from).transpose().map_err(number)?,
        last_error,
        last_duration_ms: ms.map(u32::try_from).transpose().map_err(number)?,
    })
}

/// Stores a webhook, in the place of what was stored of it; its lease stays.
pub(super) fn store(conn: &mut PgConnection, webhook: &Webhook) -> Outcome<()> {
    let kinds: Vec<&str> = webhook.filter.kinds.iter().map(|kind| kind.as_str()).collect();
    let key = |user: &Option<NamedUser>| user.as_ref().map(|user| user.key.0);
    Sql::<()>::new(
        "insert into webhooks
            (id, url, kinds, actor, verb, target, secrets, status, failing_since, created_at, position, revision)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
        on conflict (id) do update set url = excluded.url, kinds = excluded.kinds, actor = excluded.actor,
            verb = excluded.verb, target = excluded.target, secrets = excluded.secrets, status = excluded.status,
            failing_since = excluded.failing_since, position = excluded.position, revision = excluded.revision",
    )
    .bind::<SqlUuid, _>(webhook.id.as_uuid())
    .bind::<Text, _>(webhook.url.as_str())
    .bind::<Text, _>(kinds.join(","))
    .bind::<Nullable<BigInt>, _>(key(&webhook.filter.actor))
    .bind::<Nullable<Text>, _>(webhook.filter.verb.as_ref().map(Verb::as_str))
    .bind::<Nullable<BigInt>, _>(key(&webhook.filter.target))
    .bind::<Text, _>(webhook.secrets.to_stored())
    .bind::<Text, _>(webhook.status.as_str())
    .bind::<Nullable<Timestamptz>, _>(webhook.failing_since.map(at))
    .bind::<Timestamptz, _>(at(webhook.created_at))
    .bind::<BigInt, _>(webhook.position)
    .bind::<BigInt, _>(webhook.revision)
    .execute(conn)?;
    Ok(())
}

/// Stores a delivery in the place of the one of its position.
pub(super) fn store_delivery(conn: &mut PgConnection, delivery: &Delivery) -> Outcome<()> {
    Sql::<()>::new(
        "insert into webhook_deliveries (webhook, position, kind, state, attempts, created_at, attempted_at,
            next_at, last_status, last_error, last_duration_ms)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        on conflict (webhook, position) do update set kind = excluded.kind, state = excluded.state,
            attempts = excluded.attempts, created_at = excluded.created_at, attempted_at = excluded.attempted_at,
            next_at = excluded.next_at, last_status = excluded.last_status, last_error = excluded.last_error,
            last_duration_ms = excluded.last_duration_ms",
    )
    .bind::<SqlUuid, _>(delivery.webhook.as_uuid())
    .bind::<BigInt, _>(delivery.position)
    .bind::<Text, _>(delivery.kind.as_str())
    .bind::<Text, _>(delivery.state.as_str())
    .bind::<Integer, _>(i32::try_from(delivery.attempts).unwrap_or(i32::MAX))
    .bind::<Timestamptz, _>(at(delivery.created_at))
    .bind::<Nullable<Timestamptz>, _>(delivery.attempted_at.map(at))
    .bind::<Nullable<Timestamptz>, _>(delivery.next_at.map(at))
    .bind::<Nullable<Integer>, _>(delivery.last_status.map(i32::from))
    .bind::<Nullable<Text>, _>(delivery.last_error.as_deref())
    .bind::<Nullable<BigInt>, _>(delivery.last_duration_ms.map(i64::from))
    .execute(conn)?;
    Ok(())
}
