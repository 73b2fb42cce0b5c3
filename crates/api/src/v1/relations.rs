//! `/v1/users/{username}/blocks`, `…/mutes`

use actix_web::{HttpRequest, http::StatusCode};
use feed_me_domain::{RelationKind, services::Set};

use crate::{
    body::{Body, Json},
    members::{self, Members},
    names::PathNames,
    query::Query,
    reply::{self, Answer, Reply},
    shared::Api,
    views::{RelationView, Time},
};

/// Block a user.
pub async fn block(api: Api, path: PathNames, body: Body<Json>) -> Answer {
    set(&api, &path, &body.bytes, RelationKind::Block).await
}

/// Mute a user.
pub async fn mute(api: Api, path: PathNames, body: Body<Json>) -> Answer {
    set(&api, &path, &body.bytes, RelationKind::Mute).await
}

/// Unblock a user.
pub async fn unblock(api: Api, path: PathNames) -> Answer {
    end(&api, &path, RelationKind::Block).await
}

/// Unmute a user.
pub async fn unmute(api: Api, path: PathNames) -> Answer {
    end(&api, &path, RelationKind::Mute).await
}

/// List whom a user blocks.
pub async fn blocks(api: Api, request: HttpRequest, path: PathNames, query: Query) -> Answer {
    list(&api, &request, &path, &query, RelationKind::Block).await
}

/// List whom a user mutes.
pub async fn mutes(api: Api, request: HttpRequest, path: PathNames, query: Query) -> Answer {
    list(&api, &request, &path, &query, RelationKind::Mute).await
}

/// A body is not needed; one that is sent has no members, as there is none to know.
async fn set(api: &Api, path: &PathNames, body: &[u8], kind: RelationKind) -> Answer {
    let (owner, other) = (path.user("username")?, path.user("other")?);
    if !body.is_empty() {
        Members::strict(members::text(body)?, &[])?.checked()?;
    }
    let view = |since| RelationView { username: other.as_str(), since: Time(since) };
    match api.services.relations.set(kind, &owner, &other).await? {
        Set::Now(since) => Reply::json(StatusCode::CREATED, &view(since)),
        Set::Already(since) => Reply::ok(&view(since)),
    }
}

async fn end(api: &Api, path: &PathNames, kind: RelationKind) -> Answer {
    api.services.relations.end(kind, &path.user("username")?, &path.user("other")?).await?;
    Ok(Reply::no_content())
}

async fn list(
    api: &Api,
    request: &HttpRequest,
    path: &PathNames,
    query: &Query,
    kind: RelationKind,
) -> Answer {
    let page = api.services.relations.list(kind, &path.user("username")?, &query.page()?).await?;
    let views: Vec<RelationView<'_>> = page.items.iter().map(RelationView::from).collect();
    reply::page(api, request, query, &page, views)
}
