//! How callers show who they are, as the document has it. What each operation needs comes from the table of rights.

use feed_me_domain::{Right, UserRight};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};

/// The name of the scheme of applications.
pub const APPLICATION_KEY: &str = "applicationKey";
/// The name of the scheme of users.
pub const USER_TOKEN: &str = "userToken";

pub(super) fn application_key() -> SecurityScheme {
    let key = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("fm_…");
    let told = "The key of an application (`fm_…`), with the scope that is named beside it: `read`, `write` (which does not \
        include `read`) or `admin` (which includes both). `feed-me keys create` and `POST /v1/keys` make them.";
    SecurityScheme::Http(key.description(Some(told)).build())
}

pub(super) fn user_token() -> SecurityScheme {
    let token = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT");
    let told = "The token of a user: a JWT signed by HS256 with `sub` (the username), `iat` and `exp`. \
        `POST /v1/users/{username}/tokens` makes them. It acts as that user alone.";
    SecurityScheme::Http(token.description(Some(told)).build())
}

/// What is enough; nothing is asked where the list is empty.
pub(super) fn requirements(right: Right) -> Vec<SecurityRequirement> {
    let Right::Needs(scope, user_right) = right else { return Vec::new() };
    let mut enough = vec![SecurityRequirement::new(APPLICATION_KEY, [scope.as_str()])];
    if user_right != UserRight::Nothing {
        enough.push(SecurityRequirement::new(USER_TOKEN, [] as [&str; 0]));
    }
    enough
}
