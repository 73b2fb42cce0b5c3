//! Every route needs what the document says, and no more: for each scope, and for the token of a user.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    auth::{Guarded, on_both_guarded, token},
    kit::Answer,
};

on_both_guarded!(
    every_route_is_closed_to_who_shows_nothing,
    every_route_needs_its_scope_and_no_other,
    write_does_not_include_read,
    a_token_opens_what_the_contract_names_and_nothing_else,
    a_token_opens_nothing_of_another_user,
    a_path_written_in_another_way_needs_the_same,
);

/// The routes that ask nobody.
const OPEN: [&str; 9] = [
    "GET /",
    "GET /livez",
    "GET /healthz",
    "GET /readyz",
    "GET /openapi.json",
    "GET /docs",
    "GET /docs/{file}",
    "GET /web/{file}",
    "GET /web/vendor/{file}",
];

/// The operator's.
const ADMIN: [&str; 18] = [
    "DELETE /v1/users/{username}",
    "GET /v1/events",
    "GET /v1/keys",
    "POST /v1/keys",
    "GET /v1/keys/{id}",
    "DELETE /v1/keys/{id}",
    "GET /v1/webhooks",
    "POST /v1/webhooks",
    "GET /v1/webhooks/{id}",
    "PATCH /v1/webhooks/{id}",
    "DELETE /v1/webhooks/{id}",
    "POST /v1/webhooks/{id}/secret",
    "POST /v1/webhooks/{id}/replay",
    "GET /v1/webhooks/{id}/deliveries",
    "GET /v1/webhooks/{id}/deliveries/{position}",
    "POST /v1/webhooks/{id}/deliveries/{position}/redeliver",
    "GET /reset",
    "GET /metrics",
];

/// What a token opens whomever it is about.
const OF_ALL: [&str; 14] = [
    "GET /v1/users",
    "GET /v1/users/{username}",
    "GET /v1/users/{username}/following",
    "GET /v1/users/{username}/following/{followee}",
    "GET /v1/users/{username}/followers",
    "GET /v1/users/{username}/relationships",
    "GET /v1/activities",
    "GET /v1/activities/{id}",
    "GET /v1/feeds/{username}",
    "GET /feed/{username}",
    "GET /user",
    "GET /activity",
    "GET /follows",
    // Who acts is in the body.
    "POST /v1/activities",
];

/// What a token opens where it is about its own user.
const OWN: [&str; 21] = [
    "GET /v1/feeds/{username}/friends",
    "GET /v1/feeds/{username}/friends/changes",
    "GET /v1/feeds/{username}/friends/live",
    "GET /v1/feeds/{username}/notifications",
    "POST /v1/feeds/{username}/notifications/marks",
    "GET /v1/feeds/{username}/friends/explain",
    "GET /v1/feeds/{username}/mentions",
    "GET /feed/{username}/friends",
    "POST /feed/{username}",
    "POST /v1/users/{username}/following",
    "PUT /v1/users/{username}/following/{followee}",
    "DELETE /v1/users/{username}/following/{followee}",
    "GET /v1/users/{username}/blocks",
    "PUT /v1/users/{username}/blocks/{other}",
    "DELETE /v1/users/{username}/blocks/{other}",
    "GET /v1/users/{username}/mutes",
    "PUT /v1/users/{username}/mutes/{other}",
    "DELETE /v1/users/{username}/mutes/{other}",
    "PATCH /v1/activities/{id}",
    "DELETE /v1/activities/{id}",
    "DELETE /v1/users/{username}",
];

struct Route {
    method: Method,
    path: String,
}

impl Route {
    fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    fn is_one_of(&self, lines: &[&str]) -> bool {
        lines.contains(&self.line().as_str())
    }

    /// The scope that it needs.
    fn scope(&self) -> Option<&'static str> {
        match () {
            () if self.is_one_of(&OPEN) => None,
            () if self.is_one_of(&ADMIN) => Some("admin"),
            () if self.method == Method::GET => Some("read"),
            () => Some("write"),
        }
    }
}

async fn routes(guarded: &Guarded) -> Vec<Route> {
    let document = guarded.world.get("/openapi.json").await.is(200).json();
    let mut routes = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            routes.push(Route { method, path: path.clone() });
        }
    }
    // What wipes, erases and revokes comes last.
    routes.sort_by_key(|route| {
        (route.is_one_of(&ADMIN[..1]), route.is_one_of(&ADMIN) || route.method == Method::DELETE)
    });
    assert!(45 <= routes.len());
    routes
}

async fn ask(guarded: &Guarded, route: &Route, user: &str, id: &str, credential: Option<&str>) -> Answer {
    let path =
        route.path.replace("{username}", user).replace("{followee}", "niko").replace("{other}", "niko");
    // A stream that begins has no end; one that cannot begin was let in all the same.
    let path = if path.ends_with("/live") { path + "?since=none" } else { path };
    let file = match route.path.as_str() {
        "/web/{file}" => "main.js",
        "/web/vendor/{file}" => "preact.js",
        _ => "index.css",
    };
    let path = path.replace("{id}", id).replace("{file}", file).replace("{position}", "1");
    let mut call = guarded.world.call(route.method.clone(), &path);
    if let Some(credential) = credential {
        call = call.header("Authorization", format!("Bearer {credential}"));
    }
    if route.method == Method::GET { call.await } else { call.json(json!({})).await }
}

const NO_ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

async fn every_route_is_closed_to_who_shows_nothing(guarded: &Guarded) {
    for route in routes(guarded).await {
        let answer = ask(guarded, &route, "ivan", NO_ID, None).await;
        if route.is_one_of(&OPEN) {
            answer.is(200);
        } else {
            answer.asks_for_a_credential("");
        }
    }
}

async fn every_route_needs_its_scope_and_no_other(guarded: &Guarded) {
    let keys = ["read", "write", "read,write"].map(|scopes| (scopes, guarded.key(scopes)));
    for route in routes(guarded).await {
        for (scopes, key) in &keys {
            let answer = ask(guarded, &route, "ivan", NO_ID, Some(key)).await;
            match route.scope() {
                Some(scope) if !scopes.split(',').any(|one| one == scope) => {
                    answer.denies();
                    assert!(
                        answer.header("www-authenticate").contains(&format!("scope=\"{scope}\"")),
                        "{answer}"
                    );
                }
                _ => assert!(answer.was_let_in() && answer.status != 401, "{scopes}: {answer}"),
            }
        }
        if route.line() != "GET /reset" {
            let answer = ask(guarded, &route, "ivan", NO_ID, Some(&guarded.admin)).await;
            assert!(answer.was_let_in(), "{answer}");
        }
    }
    let answer = guarded.get("/reset", &guarded.admin).await;
    assert_eq!(answer.is(200).at("/users").as_array().map(Vec::len), Some(3));
    // The keys outlive it.
    guarded.get("/v1/keys", &guarded.admin).await.is(200);
}

async fn write_does_not_include_read(guarded: &Guarded) {
    let write = guarded.key("write");
    guarded.send(Method::PUT, "/v1/users/ivan", json!({}), &write).await.is(201);
    guarded.get("/v1/users/ivan", &write).await.denies().is_problem(403, "forbidden").names("read");
    guarded.get("/feed/ivan", &write).await.denies().is_classic_error(403);
}

async fn a_token_opens_what_the_contract_names_and_nothing_else(guarded: &Guarded) {
    guarded.users(&["ivan", "eric", "niko"]).await;
    let (own, token) = (guarded.posted("ivan").await, token("ivan"));
    for route in routes(guarded).await {
        let is_own = route.is_one_of(&OWN) && route.line() != "DELETE /v1/users/{username}";
        let is_posted = route.is_one_of(&["POST /activity", "POST /v1/activities/batch"]);
        let answer = ask(guarded, &route, "ivan", &own, Some(&token)).await;
        if route.is_one_of(&OPEN) || route.is_one_of(&OF_ALL) || is_own || is_posted {
            assert!(answer.was_let_in(), "{answer}");
        } else if route.line() != "DELETE /v1/users/{username}" {
            answer.denies();
        }
    }
    // The erasure of ivan, which came with the others, ended the token.
    guarded.get("/v1/users/ivan", &guarded.admin).await.is(404);
    guarded.get("/v1/users/eric", &token).await.asks_for_a_credential("invalid_token");
}

async fn a_token_opens_nothing_of_another_user(guarded: &Guarded) {
    guarded.users(&["ivan", "eric", "niko"]).await;
    let (others, token) = (guarded.posted("eric").await, token("ivan"));
    let before = guarded.get("/v1/events", &guarded.admin).await.str_at("/position");
    for route in routes(guarded).await {
        for user in ["eric", "nobody", "Ivan", "%FF", "iv%61n%20"] {
            let answer = ask(guarded, &route, user, &others, Some(&token)).await;
            if route.is_one_of(&OPEN) || route.is_one_of(&OF_ALL) || route.line() == "POST /activity" {
                continue;
            }
            if route.line() != "POST /v1/activities/batch" {
                answer.denies();
            }
        }
    }
    assert_eq!(guarded.get("/v1/events", &guarded.admin).await.str_at("/position"), before);
}

/// The name and the fixed parts of a path may be escaped; that is no way around the guard.
async fn a_path_written_in_another_way_needs_the_same(guarded: &Guarded) {
    guarded.users(&["ivan", "eric"]).await;
    let token = token("ivan");
    for path in ["/v1/us%65rs", "/%76%31/users", "/v1/ev%65nts", "/v1/keys?", "/us%65r", "/res%65t"] {
        let answer = guarded.world.get(path).await;
        assert!([401, 404].contains(&answer.status.as_u16()), "{answer}");
    }
    for path in
        ["/v1/events", "/v1/ev%65nts", "/v1/%6beys", "/v1/feeds/%65ric/friends", "/v1/feeds/eric/friends/"]
    {
        let answer = guarded.get(path, &token).await;
        assert!([403, 404].contains(&answer.status.as_u16()), "{answer}");
    }
    guarded.get("/v1/feeds/%69van/friends", &token).await.is(200);
    let items: Value = guarded.get("/v1/feeds/ivan/friends", &token).await.at("/items");
    assert_eq!(items, json!([]));
}
