//! `/v1/users`

use actix_web::{HttpRequest, http::StatusCode};
use feed_me_domain::{DisplayName, Given, PutUser, UserPatch, Username, ports::UserPut};

use crate::{
    body::{Body, Json, Patch},
    members::{self, Members},
    names::PathNames,
    query::Query,
    reply::{self, Answer, Reply},
    shared::Api,
    views::{ReceiptView, UserView},
};

/// Create a user, or set what is shown.
pub async fn put(api: Api, path: PathNames, body: Body<Json>) -> Answer {
    let username = path.user("username")?;
    let mut members = Members::strict(members::text(&body.bytes)?, &["display_name"])?;
    let display_name = members.nullable("display_name", DisplayName::parse);
    members.checked()?;
    match api.services.users.put(PutUser { username, display_name }).await? {
        UserPut::Created(user) => Reply::json(StatusCode::CREATED, &UserView::from(&user)),
        UserPut::Updated(user) => Reply::ok(&UserView::from(&user)),
    }
}

/// Read a user.
pub async fn get(api: Api, path: PathNames) -> Answer {
    let user = api.services.users.get(&path.user("username")?).await?;
    Reply::ok(&UserView::from(&user))
}

/// Rename a user, or change what is shown.
pub async fn patch(api: Api, path: PathNames, body: Body<Patch>) -> Answer {
    let username = path.user("username")?;
    let user = api.services.users.edit(&username, read_patch(&body)?).await?;
    Ok(Reply::ok(&UserView::from(&user))?.tagged_by_body())
}

fn read_patch(body: &Body<Patch>) -> Result<UserPatch, crate::problem::Failure> {
    let mut members = Members::strict(members::text(&body.bytes)?, &["username", "display_name"])?;
    let username = members.text("username", Username::parse);
    let display_name: Given<DisplayName> = members.nullable("display_name", DisplayName::parse);
    members.checked()?;
    Ok(UserPatch { username, display_name })
}

/// Erase a user.
pub async fn erase(api: Api, path: PathNames) -> Answer {
    let erasure = api.services.users.erase(&path.user("username")?).await?;
    Reply::ok(&ReceiptView::from(&erasure))
}

/// List users.
pub async fn list(api: Api, request: HttpRequest, query: Query) -> Answer {
    let prefix = query.one("prefix")?.unwrap_or_default();
    let page = api.services.users.list(prefix, &query.page()?).await?;
    let views: Vec<UserView<'_>> = page.items.iter().map(UserView::from).collect();
    reply::page(&api, &request, &query, &page, views)
}
