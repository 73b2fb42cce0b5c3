//! `/v1/webhooks`

use actix_web::HttpRequest;
use feed_me_domain::{
    Fault, StoredAnswer, Username, Verb, Webhook,
    sequence::EventKind,
    services::WebhookWithSecret,
    webhook::{AddressPolicy, FilterWish, NamedUser, WebhookDraft, WebhookPatch, WebhookUrl},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    body::{Body, Json, Patch},
    keyed,
    members::{self, Members},
    names::PathNames,
    openapi::schemas::{KindsSchema, TimeSchema, UsernameSchema},
    problem::Failure,
    query::{Query, cut},
    reply::{self, Answer, Reply, written},
    shared::Api,
    views::Time,
};

/// The members of a webhook that is sent.
const MEMBERS: &[&str] = &["url", "kinds", "actor", "verb", "target", "enabled"];

/// Make a webhook.
pub async fn create(api: Api, request: HttpRequest, body: Body<Json>) -> Answer {
    let origin = api.origin(&request);
    let answer = move |made: &WebhookWithSecret| with_secret(made, 201, Some(&origin));
    let answered = keyed::once_with_secret(&api.services, &request, &body.bytes, answer, async |keyed| {
        let members = Members::strict(members::text(&body.bytes)?, MEMBERS)?;
        let draft = read(members, api.services.webhooks.policy());
        Ok(api.services.webhooks.create(draft, keyed).await?)
    });
    api.told_of_webhooks(answered.await)
}

fn read(mut members: Members<'_>, policy: AddressPolicy) -> WebhookDraft {
    let url = members.text("url", |raw| WebhookUrl::parse(raw, policy));
    let wish = FilterWish {
        kinds: read_kinds(&mut members).unwrap_or_default(),
        actor: members.nullable("actor", Username::parse).value(),
        verb: members.nullable("verb", Verb::parse).value(),
        target: members.nullable("target", Username::parse).value(),
    };
    let is_enabled = read_flag(&mut members, "enabled");
    WebhookDraft { url, wish, is_enabled, faults: members.faults }
}

/// Kinds of events; none where nothing is said, all where it is null or empty.
fn read_kinds(members: &mut Members<'_>) -> Option<Vec<EventKind>> {
    const ITEMS_MAX: usize = EventKind::ALL.len();
    let raw = members.raw("kinds")?;
    if raw == "null" {
        return Some(Vec::new());
    }
    let (items, count) = match members::array(raw, ITEMS_MAX) {
        Ok(read) => read,
        Err(why) => {
            members.fault("kinds", why);
            return None;
        }
    };
    if ITEMS_MAX < count {
        members.fault("kinds", format!("has {count} items; there are {ITEMS_MAX} kinds"));
        return None;
    }
    let mut kinds = Vec::new();
    for (index, item) in items.into_iter().enumerate() {
        let kind = members::string(item).and_then(|word| {
            let known = || EventKind::ALL.map(EventKind::as_str).join(", ");
            EventKind::parse(&word)
                .ok_or_else(|| format!("'{}' is no kind of event; there are {}", cut(&word), known()))
        });
        match kind {
            Ok(kind) => kinds.push(kind),
            Err(why) => members.faults.push(Fault::new(format!("/kinds/{index}"), why)),
        }
    }
    Some(kinds)
}

fn read_flag(members: &mut Members<'_>, name: &str) -> Option<bool> {
    let raw = members.raw(name)?;
    let flag = raw.parse().ok();
    if flag.is_none() {
        members.fault(name, format!("must be true or false, not {}", cut(raw)));
    }
    flag
}

fn with_secret(made: &WebhookWithSecret, status: u16, origin: Option<&str>) -> Result<StoredAnswer, Failure> {
    let secret = made.secret.reveal();
    let view = MadeWebhookView { public: WebhookView::from(&made.webhook), secret: &secret };
    let location = origin.map(|origin| format!("{origin}/v1/webhooks/{}", made.webhook.id));
    Ok(StoredAnswer { status, location, body: written(&view)?, names: names_of(&made.webhook) })
}

/// The users whom a webhook names.
fn names_of(webhook: &Webhook) -> Vec<Username> {
    let users = [&webhook.filter.actor, &webhook.filter.target].into_iter().flatten();
    users.map(|user| user.username.clone()).collect()
}

/// List webhooks, newest first.
pub async fn list(api: Api, request: HttpRequest, query: Query) -> Answer {
    let page = api.services.webhooks.list(&query.page()?).await?;
    let views: Vec<WebhookView<'_>> = page.items.iter().map(WebhookView::from).collect();
    reply::page(&api, &request, &query, &page, views)
}

/// Read a webhook.
pub async fn get(api: Api, path: PathNames) -> Answer {
    let webhook = api.services.webhooks.get(path.webhook("id")?).await?;
    Reply::ok(&WebhookView::from(&webhook))
}

/// Change a webhook, pause it, or let it go on.
pub async fn patch(api: Api, path: PathNames, body: Body<Patch>) -> Answer {
    let id = path.webhook("id")?;
    let mut members = Members::strict(members::text(&body.bytes)?, MEMBERS)?;
    let policy = api.services.webhooks.policy();
    let patch = WebhookPatch {
        url: members.text("url", |raw| WebhookUrl::parse(raw, policy)),
        kinds: read_kinds(&mut members),
        actor: members.nullable("actor", Username::parse),
        verb: members.nullable("verb", Verb::parse),
        target: members.nullable("target", Username::parse),
        is_enabled: read_flag(&mut members, "enabled"),
    };
    let webhook = api.services.webhooks.edit(id, patch, members.faults).await?;
    api.told_of_webhooks(Ok(Reply::ok(&WebhookView::from(&webhook))?.tagged_by_body()))
}

/// Delete a webhook.
pub async fn delete(api: Api, path: PathNames) -> Answer {
    api.services.webhooks.delete(path.webhook("id")?).await?;
    api.told_of_webhooks(Ok(Reply::no_content()))
}

/// Give a webhook another secret.
pub async fn rotate(api: Api, request: HttpRequest, path: PathNames, body: Body<Json>) -> Answer {
    let id = path.webhook("id")?;
    let answer = |made: &WebhookWithSecret| with_secret(made, 200, None);
    let answered = keyed::once_with_secret(&api.services, &request, &body.bytes, answer, async |keyed| {
        let hours = read_overlap(&body.bytes)?;
        Ok(api.services.webhooks.rotate(id, hours, keyed).await?)
    });
    api.told_of_webhooks(answered.await)
}

fn read_overlap(body: &[u8]) -> Result<u32, Failure> {
    use feed_me_domain::services::WebhookService;
    if body.is_empty() {
        return Ok(WebhookService::OVERLAP_HOURS_DEFAULT);
    }
    let mut members = Members::strict(members::text(body)?, &["overlap_hours"])?;
    let hours = match members.raw("overlap_hours") {
        None => WebhookService::OVERLAP_HOURS_DEFAULT,
        Some(raw) => {
            let hours = raw.parse().ok().filter(|hours| *hours <= WebhookService::OVERLAP_HOURS_MAX);
            if hours.is_none() {
                let max = WebhookService::OVERLAP_HOURS_MAX;
                let rule = format!("must be a whole number of hours from 0 to {max}, not {}", cut(raw));
                members.fault("overlap_hours", rule);
            }
            hours.unwrap_or_default()
        }
    };
    members.checked()?;
    Ok(hours)
}

impl Api {
    /// Lets the deliverer look at once, where something was done.
    pub(super) fn told_of_webhooks(&self, answer: Answer) -> Answer {
        if answer.is_ok() {
            self.services.webhook_bell.notify_one();
        }
        answer
    }
}

/// The answer to what was done to a webhook, to be given and stored.
pub(super) fn answer(webhook: &Webhook) -> Result<StoredAnswer, Failure> {
    let body = written(&WebhookView::from(webhook))?;
    Ok(StoredAnswer { status: 200, location: None, body, names: names_of(webhook) })
}

/// A subscription to what happens, without its secret.
#[derive(Serialize, ToSchema)]
#[schema(as = Webhook)]
pub struct WebhookView<'a> {
    /// Its id.
    #[schema(value_type = uuid::Uuid)]
    pub id: String,
    /// Where deliveries are sent.
    #[schema(format = "uri", max_length = 2048)]
    pub url: &'a str,
    /// The kinds of events that are delivered; all, where it is empty.
    #[schema(value_type = KindsSchema)]
    pub kinds: Vec<&'static str>,
    /// Only what this user did.
    #[schema(value_type = Option<UsernameSchema>)]
    pub actor: Option<&'a str>,
    /// Only activities with this verb.
    #[schema(min_length = 1, max_length = 80)]
    pub verb: Option<&'a str>,
    /// Only what was done to this user.
    #[schema(value_type = Option<UsernameSchema>)]
    pub target: Option<&'a str>,
    /// Whether anything is delivered.
    pub enabled: bool,
    /// `enabled`; `paused` by somebody; `failing` for too long, and so switched off; or `gone`: its receiver answered 410.
    #[schema(pattern = "^(enabled|paused|failing|gone)$")]
    pub status: &'static str,
    /// Since when every attempt has failed.
    #[schema(value_type = Option<TimeSchema>)]
    pub failing_since: Option<Time>,
    /// The position up to which everything was delivered, given up, or not wanted.
    #[schema(pattern = "^[0-9]+$")]
    pub position: String,
    /// When it was made.
    #[schema(value_type = TimeSchema)]
    pub created_at: Time,
}

impl<'a> From<&'a Webhook> for WebhookView<'a> {
    fn from(webhook: &'a Webhook) -> Self {
        let name = |user: &'a Option<NamedUser>| user.as_ref().map(|user| user.username.as_str());
        Self {
            id: webhook.id.to_string(),
            url: webhook.url.as_str(),
            kinds: webhook.filter.kinds.iter().map(|kind| kind.as_str()).collect(),
            actor: name(&webhook.filter.actor),
            verb: webhook.filter.verb.as_ref().map(Verb::as_str),
            target: name(&webhook.filter.target),
            enabled: webhook.is_enabled(),
            status: webhook.status.as_str(),
            failing_since: webhook.failing_since.map(Time),
            position: webhook.position.to_string(),
            created_at: Time(webhook.created_at),
        }
    }
}

/// A webhook with a secret that was just made.
#[derive(Serialize, ToSchema)]
#[schema(as = MadeWebhook)]
pub struct MadeWebhookView<'a> {
    /// What is shown of it from now on.
    #[serde(flatten)]
    pub public: WebhookView<'a>,
    /// What deliveries are signed with, as Standard Webhooks has it; shown this once.
    #[schema(pattern = "^whsec_[A-Za-z0-9+/]{43}=$")]
    pub secret: &'a str,
}
