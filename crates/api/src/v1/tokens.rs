//! `/v1/users/{username}/tokens`

use actix_web::HttpRequest;
use feed_me_domain::{Attempt, Error, StoredAnswer};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    auth::MintedToken,
    body::{Body, Json},
    keyed,
    members::{self, Members},
    names::PathNames,
    openapi::schemas::{TimeSchema, UsernameSchema},
    problem::Failure,
    query::cut,
    reply::{Answer, written},
    shared::Api,
    views::Time,
};

/// How long a token is good for where nothing is said, in seconds: an hour.
const SECONDS_DEFAULT: u32 = 3600;
/// How long it may be good for: 30 days.
const SECONDS_MAX: u32 = 2_592_000;

/// Make a token of a user.
pub async fn mint(api: Api, request: HttpRequest, path: PathNames, body: Body<Json>) -> Answer {
    let username = path.user("username")?;
    keyed::once_with_secret(&api.services, &request, &body.bytes, answer, async |keyed| {
        let seconds = read(&body.bytes)?;
        let user = api.services.users.get(&username).await?;
        let minted = api.auth.mint(&user, seconds).await?;
        let Some(keyed) = keyed else { return Ok(Attempt::Done(minted)) };
        let shown = move |()| Ok::<_, Error>(minted.clone());
        let remembered = api.services.idempotency.remember(keyed.judged(shown.clone())).await?;
        Ok(remembered.try_map(shown)?)
    })
    .await
}

fn read(body: &[u8]) -> Result<u32, Failure> {
    if body.is_empty() {
        return Ok(SECONDS_DEFAULT);
    }
    let mut members = Members::strict(members::text(body)?, &["expires_in"])?;
    let seconds = match members.raw("expires_in") {
        None => Some(SECONDS_DEFAULT),
        Some(raw) => raw.parse().ok().filter(|seconds| (1..=SECONDS_MAX).contains(seconds)),
    };
    if let (None, Some(raw)) = (seconds, members.raw("expires_in")) {
        let rule = format!("must be a whole number of seconds from 1 to {SECONDS_MAX}, not {}", cut(raw));
        members.fault("expires_in", rule);
    }
    members.checked()?;
    Ok(seconds.unwrap_or(SECONDS_DEFAULT))
}

/// The stored fact names the user, so that an erasure reaches it.
fn answer(minted: &MintedToken) -> Result<StoredAnswer, Failure> {
    let view = MintedTokenView {
        token: &minted.token,
        username: minted.username.as_str(),
        expires_at: Time(minted.expires_at),
    };
    let names = vec![minted.username.clone()];
    Ok(StoredAnswer { status: 201, location: None, body: written(&view)?, names })
}

/// A token of a user.
#[derive(Serialize, ToSchema)]
#[schema(as = MintedToken)]
pub struct MintedTokenView<'a> {
    /// The token, shown this once.
    pub token: &'a str,
    /// Whose it is.
    #[schema(value_type = UsernameSchema)]
    pub username: &'a str,
    /// When it ends.
    #[schema(value_type = TimeSchema)]
    pub expires_at: Time,
}
