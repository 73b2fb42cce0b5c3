//! The OpenAPI document and the page to try it.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::kit::{World, on_sqlite};

on_sqlite!(the_openapi_document_lists_every_route, the_page_to_try_it_loads_nothing_from_elsewhere);

/// Every route, without the names of its parameters.
const ROUTES: [&str; 61] = [
    "GET /",
    "GET /reset",
    "GET /user",
    "GET /follows",
    "GET /activity",
    "POST /activity",
    "GET /feed/{}",
    "POST /feed/{}",
    "GET /feed/{}/friends",
    "GET /v1/users",
    "PUT /v1/users/{}",
    "GET /v1/users/{}",
    "PATCH /v1/users/{}",
    "DELETE /v1/users/{}",
    "GET /v1/activities",
    "POST /v1/activities",
    "POST /v1/activities/batch",
    "GET /v1/activities/{}",
    "PATCH /v1/activities/{}",
    "DELETE /v1/activities/{}",
    "PUT /v1/users/{}/following/{}",
    "GET /v1/users/{}/following/{}",
    "DELETE /v1/users/{}/following/{}",
    "GET /v1/users/{}/following",
    "POST /v1/users/{}/following",
    "GET /v1/users/{}/followers",
    "GET /v1/users/{}/relationships",
    "PUT /v1/users/{}/blocks/{}",
    "DELETE /v1/users/{}/blocks/{}",
    "GET /v1/users/{}/blocks",
    "PUT /v1/users/{}/mutes/{}",
    "DELETE /v1/users/{}/mutes/{}",
    "GET /v1/users/{}/mutes",
    "POST /v1/users/{}/tokens",
    "GET /v1/keys",
    "POST /v1/keys",
    "GET /v1/keys/{}",
    "DELETE /v1/keys/{}",
    "GET /v1/webhooks",
    "POST /v1/webhooks",
    "GET /v1/webhooks/{}",
    "PATCH /v1/webhooks/{}",
    "DELETE /v1/webhooks/{}",
    "POST /v1/webhooks/{}/secret",
    "POST /v1/webhooks/{}/replay",
    "GET /v1/webhooks/{}/deliveries",
    "GET /v1/webhooks/{}/deliveries/{}",
    "POST /v1/webhooks/{}/deliveries/{}/redeliver",
    "GET /v1/feeds/{}",
    "GET /v1/feeds/{}/friends",
    "GET /v1/feeds/{}/mentions",
    "GET /v1/feeds/{}/friends/explain",
    "GET /livez",
    "GET /healthz",
    "GET /readyz",
    "GET /openapi.json",
    "GET /docs",
    "GET /metrics",
    "GET /v1/events",
    "GET /v1/feeds/{}/friends/live",
    "GET /v1/feeds/{}/friends/changes",
];

/// Those of the list above that come later.
const LATER: [&str; 4] =
    ["GET /metrics", "GET /v1/events", "GET /v1/feeds/{}/friends/live", "GET /v1/feeds/{}/friends/changes"];

fn without_names(path: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    for c in path.chars() {
        inside = (inside || c == '{') && c != '}';
        if !inside || c == '{' {
            out.push(c);
        }
    }
    out
}

async fn the_openapi_document_lists_every_route(world: &World) {
    let document = world.get("/openapi.json").await.is(200).json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."), "{}", document["openapi"]);
    assert_eq!(document["info"]["title"], "feed-me");
    let mut listed = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            if !["get", "put", "post", "patch", "delete", "head", "options"].contains(&&**method) {
                continue;
            }
            listed.insert(format!("{} {}", method.to_uppercase(), without_names(path)));
            assert_operation_is_whole(&format!("{method} {path}"), path, operation, &document);
        }
    }
    let missing: Vec<_> =
        ROUTES.iter().filter(|route| !LATER.contains(route) && !listed.contains(**route)).collect();
    assert!(missing.is_empty(), "not in the document: {missing:?}");
    assert_references_resolve(&document, &document);
    let printed: Value = serde_json::from_str(&world.place().run(&["openapi"])).unwrap();
    assert_eq!(printed["paths"], document["paths"]);
}

/// Every operation has an id, tells its answers, and declares the parameters of its path.
fn assert_operation_is_whole(name: &str, path: &str, operation: &Value, document: &Value) {
    assert!(operation["operationId"].as_str().is_some_and(|id| !id.is_empty()), "{name}");
    let responses = operation["responses"].as_object().unwrap_or_else(|| panic!("{name}"));
    assert!(responses.keys().any(|status| status.starts_with('2')), "{name}: no success");
    assert!(responses.values().all(|response| {
        response.get("$ref").is_some()
            || response["description"].as_str().is_some_and(|text| !text.is_empty())
    }));
    if path.starts_with("/v1") {
        assert!(responses.keys().any(|status| status.starts_with('4')), "{name}: no error");
    }
    let resolved = |parameter: &Value| match parameter["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap().clone(),
        None => parameter.clone(),
    };
    let empty = Vec::new();
    let declared: Vec<Value> =
        operation["parameters"].as_array().unwrap_or(&empty).iter().map(resolved).collect();
    for part in path.split('/').filter_map(|part| part.strip_prefix('{')) {
        let part = part.trim_end_matches('}');
        let is_there =
            declared.iter().any(|p| p["in"] == "path" && p["name"] == part && p["required"] == true);
        assert!(is_there, "{name}: the parameter {part} is not declared");
    }
}

fn assert_references_resolve(value: &Value, document: &Value) {
    match value {
        Value::Object(members) => {
            if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
                let pointer =
                    reference.strip_prefix('#').unwrap_or_else(|| panic!("leads elsewhere: {reference}"));
                assert!(document.pointer(pointer).is_some(), "leads nowhere: {reference}");
            }
            members.values().for_each(|member| assert_references_resolve(member, document));
        }
        Value::Array(items) => items.iter().for_each(|item| assert_references_resolve(item, document)),
        _ => {}
    }
}

async fn the_page_to_try_it_loads_nothing_from_elsewhere(world: &World) {
    let mut address = "/docs".to_owned();
    let mut page = world.get(&address).await;
    // The page may live one step further.
    if page.status.is_redirection() {
        address = page.header("location");
        page = world.get(&address).await;
    }
    assert!(page.is(200).header("content-type").starts_with("text/html"), "{page}");
    let html = page.text();
    let folder = address.rsplit_once('/').unwrap().0;
    let loaded: Vec<&str> = ["src=\"", "href=\""]
        .iter()
        .flat_map(|attribute| html.split(attribute).skip(1).filter_map(|rest| rest.split('"').next()))
        .collect();
    assert!(loaded.iter().any(|file| file.contains(".js")), "no script: {html}");
    for file in loaded.into_iter().filter(|file| !file.starts_with("data:")) {
        assert!(!file.starts_with("http") && !file.starts_with("//"), "loads from elsewhere: {file}");
        let path = match file.strip_prefix("./").unwrap_or(file) {
            absolute if absolute.starts_with('/') => absolute.to_owned(),
            relative => format!("{folder}/{relative}"),
        };
        let part = world.get(&path).await;
        part.is(200);
        // A style or the small entry script may load more.
        if part.header("content-type").starts_with("text/css") || path.contains("initializer") {
            let text = part.text();
            for elsewhere in ["url(http", "url(\"http", "url(//", "@import", "cdn."] {
                assert!(!text.contains(elsewhere), "{path} has {elsewhere}");
            }
        }
        if path.contains("initializer") {
            assert!(part.text().contains("/openapi.json"), "{part}");
        }
    }
}
