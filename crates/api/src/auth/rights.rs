//! What each route needs. A test compares this table with the OpenAPI document, and that with the routes.

use actix_web::http::Method;
use feed_me_domain::Right;

use super::Kind;

/// A line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// The method; `HEAD` is `GET` here, and `OPTIONS` is always open.
    pub method: &'static str,
    /// The path, as the route has it.
    pub path: &'static str,
    /// What it needs.
    pub right: Right,
}

const fn line(method: &'static str, path: &'static str, right: Right) -> Line {
    Line { method, path, right }
}

/// Every route.
pub const TABLE: &[Line] = &[
    line("GET", "/v1/users", Right::READ),
    line("GET", "/v1/users/{username}", Right::READ),
    line("PUT", "/v1/users/{username}", Right::WRITE),
    line("PATCH", "/v1/users/{username}", Right::WRITE),
    line("DELETE", "/v1/users/{username}", Right::ERASE),
    line("POST", "/v1/users/{username}/tokens", Right::WRITE),
    line("GET", "/v1/users/{username}/following", Right::READ),
    line("POST", "/v1/users/{username}/following", Right::WRITE_OWN),
    line("GET", "/v1/users/{username}/following/{followee}", Right::READ),
    line("PUT", "/v1/users/{username}/following/{followee}", Right::WRITE_OWN),
    line("DELETE", "/v1/users/{username}/following/{followee}", Right::WRITE_OWN),
    line("GET", "/v1/users/{username}/followers", Right::READ),
    line("GET", "/v1/users/{username}/relationships", Right::READ),
    line("GET", "/v1/users/{username}/blocks", Right::READ_OWN),
    line("PUT", "/v1/users/{username}/blocks/{other}", Right::WRITE_OWN),
    line("DELETE", "/v1/users/{username}/blocks/{other}", Right::WRITE_OWN),
    line("GET", "/v1/users/{username}/mutes", Right::READ_OWN),
    line("PUT", "/v1/users/{username}/mutes/{other}", Right::WRITE_OWN),
    line("DELETE", "/v1/users/{username}/mutes/{other}", Right::WRITE_OWN),
    line("GET", "/v1/activities", Right::READ),
    line("POST", "/v1/activities", Right::ACT),
    line("POST", "/v1/activities/batch", Right::ACT),
    line("GET", "/v1/activities/{id}", Right::READ),
    line("PATCH", "/v1/activities/{id}", Right::CHANGE_ACTIVITY),
    line("DELETE", "/v1/activities/{id}", Right::CHANGE_ACTIVITY),
    line("GET", "/v1/feeds/{username}", Right::READ),
    line("GET", "/v1/feeds/{username}/friends", Right::READ_OWN),
    line("GET", "/v1/feeds/{username}/friends/changes", Right::READ_OWN),
    line("GET", "/v1/feeds/{username}/friends/explain", Right::READ_OWN),
    line("GET", "/v1/feeds/{username}/friends/live", Right::READ_OWN),
    line("GET", "/v1/feeds/{username}/mentions", Right::READ_OWN),
    line("GET", "/v1/feeds/{username}/notifications", Right::READ_OWN),
    line("POST", "/v1/feeds/{username}/notifications/marks", Right::WRITE_OWN),
    line("GET", "/v1/events", Right::ADMIN),
    line("GET", "/v1/keys", Right::ADMIN),
    line("POST", "/v1/keys", Right::ADMIN),
    line("GET", "/v1/keys/{id}", Right::ADMIN),
    line("DELETE", "/v1/keys/{id}", Right::ADMIN),
    line("GET", "/v1/webhooks", Right::ADMIN),
    line("POST", "/v1/webhooks", Right::ADMIN),
    line("GET", "/v1/webhooks/{id}", Right::ADMIN),
    line("PATCH", "/v1/webhooks/{id}", Right::ADMIN),
    line("DELETE", "/v1/webhooks/{id}", Right::ADMIN),
    line("POST", "/v1/webhooks/{id}/secret", Right::ADMIN),
    line("POST", "/v1/webhooks/{id}/replay", Right::ADMIN),
    line("GET", "/v1/webhooks/{id}/deliveries", Right::ADMIN),
    line("GET", "/v1/webhooks/{id}/deliveries/{position}", Right::ADMIN),
    line("POST", "/v1/webhooks/{id}/deliveries/{position}/redeliver", Right::ADMIN),
    line("POST", "/activity", Right::ACT),
    line("GET", "/feed/{username}", Right::READ),
    line("POST", "/feed/{username}", Right::WRITE_OWN),
    line("GET", "/feed/{username}/friends", Right::READ_OWN),
    line("GET", "/", Right::Open),
    // It wipes everything, whatever its method says.
    line("GET", "/reset", Right::ADMIN),
    line("GET", "/user", Right::READ),
    line("GET", "/activity", Right::READ),
    line("GET", "/follows", Right::READ),
    line("GET", "/livez", Right::Open),
    line("GET", "/healthz", Right::Open),
    line("GET", "/readyz", Right::Open),
    line("GET", "/metrics", Right::ADMIN),
    line("GET", "/openapi.json", Right::Open),
    line("GET", "/docs", Right::Open),
    line("GET", "/docs/{file}", Right::Open),
    line("GET", "/web/{file}", Right::Open),
    line("GET", "/web/vendor/{file}", Right::Open),
];

/// What a route needs. One that has no line is the operators' alone.
pub fn of(method: &Method, path: &str) -> Right {
    let method = if *method == Method::HEAD { &Method::GET } else { method };
    let line = TABLE.iter().find(|line| line.path == path && line.method == method.as_str());
    line.map_or(Right::ADMIN, |line| line.right)
}

/// What credentials a route may end: keys by a revocation, tokens by an erasure or another name.
pub(super) fn ends_credentials(method: &Method, path: &str) -> Option<Kind> {
    match path {
        "/v1/users/{username}" if [Method::PATCH, Method::DELETE].contains(method) => Some(Kind::Token),
        "/v1/keys/{id}" if *method == Method::DELETE => Some(Kind::Key),
        "/reset" => Some(Kind::Token),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_without_a_line_is_the_operators_alone() {
        assert_eq!(of(&Method::GET, "/v1/secrets"), Right::ADMIN);
        assert_eq!(of(&Method::DELETE, "/livez"), Right::ADMIN);
    }

    #[test]
    fn head_needs_what_get_needs() {
        assert_eq!(of(&Method::HEAD, "/livez"), Right::Open);
        assert_eq!(of(&Method::HEAD, "/v1/users"), Right::READ);
    }

    #[test]
    fn no_route_has_two_lines() {
        for (index, one) in TABLE.iter().enumerate() {
            let same = |other: &&Line| (other.method, other.path) == (one.method, one.path);
            assert_eq!(TABLE[index..].iter().filter(same).count(), 1, "{} {}", one.method, one.path);
        }
    }
}
