//! `/v1/keys`

use actix_web::HttpRequest;
use feed_me_domain::{
    ApplicationKey, Fault, KeyDraft, KeyName, Scope, Scopes, StoredAnswer, services::MadeKey,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    body::{Body, Json},
    keyed,
    members::{self, Members},
    names::PathNames,
    openapi::schemas::{ScopesSchema, TimeSchema},
    problem::Failure,
    query::{Query, cut},
    reply::{self, Answer, Reply, written},
    shared::Api,
    views::Time,
};

/// The most scopes that are looked at.
const SCOPES_MAX: usize = 20;

/// Make an application key.
pub async fn create(api: Api, request: HttpRequest, body: Body<Json>) -> Answer {
    let origin = api.origin(&request);
    let answer = move |made: &MadeKey| answer(made, &origin);
    keyed::once_with_secret(&api.services, &request, &body.bytes, answer, async |keyed| {
        let draft = read(Members::strict(members::text(&body.bytes)?, &["name", "scopes"])?);
        Ok(api.services.application_keys.create(draft, keyed).await?)
    })
    .await
}

fn answer(made: &MadeKey, origin: &str) -> Result<StoredAnswer, Failure> {
    let view = MadeKeyView { public: KeyView::from(&made.key), key: made.secret.reveal() };
    Ok(StoredAnswer {
        status: 201,
        location: Some(format!("{origin}/v1/keys/{}", made.key.id)),
        body: written(&view)?,
        names: Vec::new(),
    })
}

fn read(mut members: Members<'_>) -> KeyDraft {
    let name = members.text("name", KeyName::parse);
    let scopes = read_scopes(&mut members);
    KeyDraft { name, scopes, faults: members.faults }
}

fn read_scopes(members: &mut Members<'_>) -> Option<Scopes> {
    let raw = members.raw("scopes")?;
    let (items, count) = match members::array(raw, SCOPES_MAX) {
        Ok(read) => read,
        Err(why) => {
            members.fault("scopes", why);
            return None;
        }
    };
    if SCOPES_MAX < count {
        members.fault("scopes", format!("has {count} items; there are 3 scopes"));
        return None;
    }
    let mut scopes = Vec::new();
    for (index, item) in items.into_iter().enumerate() {
        let scope = members::string(item).and_then(|word| {
            Scope::parse(&word)
                .ok_or_else(|| format!("'{}' is no scope; there are read, write, admin", cut(&word)))
        });
        match scope {
            Ok(scope) => scopes.push(scope),
            Err(why) => members.faults.push(Fault::new(format!("/scopes/{index}"), why)),
        }
    }
    if count == 0 {
        members.fault("scopes", "must name one of read, write, admin at least");
    }
    Scopes::new(scopes)
}

/// List application keys, newest first.
pub async fn list(api: Api, request: HttpRequest, query: Query) -> Answer {
    let page = api.services.application_keys.list(&query.page()?).await?;
    let views: Vec<KeyView<'_>> = page.items.iter().map(KeyView::from).collect();
    reply::page(&api, &request, &query, &page, views)
}

/// Read an application key.
pub async fn get(api: Api, path: PathNames) -> Answer {
    let key = api.services.application_keys.get(path.key("id")?).await?;
    Reply::ok(&KeyView::from(&key))
}

/// Revoke an application key.
pub async fn revoke(api: Api, path: PathNames) -> Answer {
    api.services.application_keys.revoke(path.key("id")?).await?;
    Ok(Reply::no_content())
}

/// An application key, without its secret.
#[derive(Serialize, ToSchema)]
#[schema(as = ApplicationKey)]
pub struct KeyView<'a> {
    /// Its id, which is no secret.
    #[schema(value_type = uuid::Uuid)]
    pub id: String,
    /// What it is for.
    #[schema(min_length = 1, max_length = 100)]
    pub name: &'a str,
    /// What it allows.
    #[schema(value_type = ScopesSchema)]
    pub scopes: Vec<&'static str>,
    /// When it was made.
    #[schema(value_type = TimeSchema)]
    pub created_at: Time,
    /// When it was last used, to about a minute.
    #[schema(value_type = Option<TimeSchema>)]
    pub last_used_at: Option<Time>,
}

impl<'a> From<&'a ApplicationKey> for KeyView<'a> {
    fn from(key: &'a ApplicationKey) -> Self {
        Self {
            id: key.id.to_string(),
            name: key.name.as_str(),
            scopes: key.scopes.iter().map(Scope::as_str).collect(),
            created_at: Time(key.created_at),
            last_used_at: key.last_used_at.map(Time),
        }
    }
}

/// An application key that was just made.
#[derive(Serialize, ToSchema)]
#[schema(as = MadeApplicationKey)]
pub struct MadeKeyView<'a> {
    /// What is shown of it from now on.
    #[serde(flatten)]
    pub public: KeyView<'a>,
    /// The key itself, shown this once.
    #[schema(pattern = "^fm_[A-Za-z0-9_-]{43}$")]
    pub key: &'a str,
}
