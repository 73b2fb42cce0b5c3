//! Webhooks and deliveries between rows and values.

use diesel::{
    SqliteConnection,
    prelude::*,
    sql_types::{BigInt, Binary, Nullable, Text},
};
use feed_me_domain::{
    Timestamp, UserKey, Verb, Webhook, WebhookId,
    sequence::EventKind,
    webhook::{
        Delivery, DeliveryState, MessageKind, NamedUser, WebhookFilter, WebhookSecrets, WebhookStatus,
        WebhookUrl,
    },
};
use uuid::Uuid;

use super::{errors::Trouble, rows, sql};

/// What is selected of a webhook `w`.
pub(super) const WEBHOOK: &str = "select w.id, w.url, w.kinds, w.verb, w.secrets, w.status, w.failing_since, w.created_at, \
    w.position, w.revision, a.key, a.id, a.username, t.key, t.id, t.username \
    from webhooks w left join users a on a.key = w.actor left join users t on t.key = w.target";

type UserTypes = (Nullable<BigInt>, Nullable<Binary>, Nullable<Text>);
type UserCells = (Option<i64>, Option<Vec<u8>>, Option<String>);

/// The types of that.
pub(super) type WebhookTypes = (
    (Binary, Text, Text, Nullable<Text>, Text, Text, Nullable<BigInt>, BigInt, BigInt, BigInt),
    UserTypes,
    UserTypes,
);
/// Its values.
pub(super) type WebhookCells = (
    (Vec<u8>, String, String, Option<String>, String, String, Option<i64>, i64, i64, i64),
    UserCells,
    UserCells,
);

/// What is selected of a delivery `d`.
pub(super) const DELIVERY: &str = "select d.webhook, d.position, d.kind, d.state, d.attempts, d.created_at, d.attempted_at, \
    d.next_at, d.last_status, d.last_error, d.last_duration_ms from webhook_deliveries d";

/// The types of that.
pub(super) type DeliveryTypes = (
    Binary,
    BigInt,
    Text,
    Text,
    BigInt,
    BigInt,
    Nullable<BigInt>,
    Nullable<BigInt>,
    Nullable<BigInt>,
    Nullable<Text>,
    Nullable<BigInt>,
);
/// Its values.
pub(super) type DeliveryCells = (
    Vec<u8>,
    i64,
    String,
    String,
    i64,
    i64,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<String>,
    Option<i64>,
);

pub(super) fn id(bytes: &[u8]) -> Result<WebhookId, Trouble> {
    let id = Uuid::from_slice(bytes).map_err(|error| Trouble::stored("id of a webhook", error))?;
    Ok(WebhookId::from_uuid(id))
}

pub(super) fn status(raw: &str) -> Result<WebhookStatus, Trouble> {
    WebhookStatus::parse(raw).ok_or_else(|| Trouble::stored("status of a webhook", raw))
}

pub(super) fn webhook((own, actor, target): WebhookCells) -> Result<Webhook, Trouble> {
    let (bytes, url, kinds, verb, secrets, state, failing_since, created_at, position, revision) = own;
    let kind = |raw: &str| EventKind::parse(raw).ok_or_else(|| Trouble::stored("kind of event", raw));
    let kinds = kinds.split(',').filter(|kind| !kind.is_empty()).map(kind).collect::<Result<_, _>>()?;
    let filter = WebhookFilter {
        kinds,
        actor: named_user(actor)?,
        verb: rows::parsed(verb.as_deref(), "verb of a webhook", Verb::parse)?,
        target: named_user(target)?,
    };
    Ok(Webhook {
        id: id(&bytes)?,
        url: WebhookUrl::stored(&url).map_err(|error| Trouble::stored("url of a webhook", error))?,
        filter,
        secrets: WebhookSecrets::from_stored(&secrets)
            .ok_or_else(|| Trouble::stored("secrets of a webhook", "not readable"))?,
        status: status(&state)?,
        failing_since: failing_since.map(rows::timestamp).transpose()?,
        created_at: rows::timestamp(created_at)?,
        position,
        revision,
    })
}

fn named_user(cells: UserCells) -> Result<Option<NamedUser>, Trouble> {
    let (Some(key), Some(id), Some(username)) = cells else { return Ok(None) };
    Ok(Some(NamedUser { key: UserKey(key), id: rows::user_id(&id)?, username: rows::username(&username)? }))
}

pub(super) fn delivery(cells: DeliveryCells) -> Result<Delivery, Trouble> {
    let (webhook, position, kind, state, attempts, created_at, attempted_at, next_at, status, last_error, ms) =
        cells;
    let number = |what: &'static str| move |error| Trouble::stored(what, error);
    Ok(Delivery {
        webhook: id(&webhook)?,
        position,
        kind: MessageKind::parse(&kind).ok_or_else(|| Trouble::stored("kind of a delivery", kind))?,
        state: DeliveryState::parse(&state).ok_or_else(|| Trouble::stored("state of a delivery", state))?,
        attempts: u32::try_from(attempts).map_err(number("attempts of a delivery"))?,
        created_at: rows::timestamp(created_at)?,
        attempted_at: attempted_at.map(rows::timestamp).transpose()?,
        next_at: next_at.map(rows::timestamp).transpose()?,
        last_status: status.map(u16::try_from).transpose().map_err(number("status of a delivery"))?,
        last_error,
        last_duration_ms: ms.map(u32::try_from).transpose().map_err(number("duration of a delivery"))?,
    })
}

/// Stores a webhook, in the place of what was stored of it; its lease stays.
pub(super) fn store(conn: &mut SqliteConnection, webhook: &Webhook) -> Result<(), Trouble> {
    const STORE: &str = "insert into webhooks \
        (id, url, kinds, actor, verb, target, secrets, status, failing_since, created_at, position, revision) \
        values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
        on conflict (id) do update set url = excluded.url, kinds = excluded.kinds, actor = excluded.actor, \
        verb = excluded.verb, target = excluded.target, secrets = excluded.secrets, status = excluded.status, \
        failing_since = excluded.failing_since, position = excluded.position, revision = excluded.revision";
    let kinds: Vec<&str> = webhook.filter.kinds.iter().map(|kind| kind.as_str()).collect();
    let key = |user: &Option<NamedUser>| user.as_ref().map(|user| user.key.0);
    sql::command(STORE)
        .bind(rows::blob(webhook.id.as_uuid()))
        .bind(webhook.url.as_str())
        .bind(kinds.join(","))
        .bind(key(&webhook.filter.actor))
        .bind(webhook.filter.verb.as_ref().map(Verb::as_str))
        .bind(key(&webhook.filter.target))
        .bind(webhook.secrets.to_stored())
        .bind(webhook.status.as_str())
        .bind(webhook.failing_since.map(Timestamp::micros))
        .bind(webhook.created_at.micros())
        .bind(webhook.position)
        .bind(webhook.revision)
        .execute(conn)?;
    Ok(())
}

/// Stores a delivery in the place of the one of its position.
pub(super) fn store_delivery(conn: &mut SqliteConnection, delivery: &Delivery) -> Result<(), Trouble> {
    const STORE: &str = "insert or replace into webhook_deliveries \
        (webhook, position, kind, state, attempts, created_at, attempted_at, next_at, last_status, last_error, \
         last_duration_ms) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let micros = |at: Option<Timestamp>| at.map(Timestamp::micros);
    sql::command(STORE)
        .bind(rows::blob(delivery.webhook.as_uuid()))
        .bind(delivery.position)
        .bind(delivery.kind.as_str())
        .bind(delivery.state.as_str())
        .bind(i64::from(delivery.attempts))
        .bind(delivery.created_at.micros())
        .bind(micros(delivery.attempted_at))
        .bind(micros(delivery.next_at))
        .bind(delivery.last_status.map(i64::from))
        .bind(delivery.last_error.as_deref())
        .bind(delivery.last_duration_ms.map(i64::from))
        .execute(conn)?;
    Ok(())
}
