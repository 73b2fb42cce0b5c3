//! The OpenAPI document says what the routes are, and the routes are what it says.

use std::collections::BTreeSet;

use feed_me_api::{auth::rights::TABLE, openapi::openapi, routes};
use feed_me_domain::{Right, UserRight};
use serde_json::{Value, json};

use crate::kit::World;

fn document() -> Value {
    serde_json::to_value(openapi()).unwrap()
}

fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    let operations = paths.flat_map(|(path, item)| {
        let item = item.as_object().unwrap().iter();
        item.map(|(method, operation)| (method.to_uppercase(), path.clone(), operation.clone()))
    });
    operations.collect()
}

#[test]
fn the_document_and_the_routes_are_the_same() {
    let routes: BTreeSet<_> = routes::all()
        .into_iter()
        .flat_map(|at| {
            at.methods.iter().map(|method| (method.to_string(), at.path.to_owned())).collect::<Vec<_>>()
        })
        .filter(|(method, _)| method != "HEAD")
        .collect();
    let described: BTreeSet<_> =
        operations(&document()).into_iter().map(|(method, path, _)| (method, path)).collect();
    assert_eq!(described, routes);
}

#[test]
fn every_route_has_one_line_in_the_table_of_rights_and_the_table_has_no_other() {
    let rights: BTreeSet<_> =
        TABLE.iter().map(|line| (line.method.to_owned(), line.path.to_owned())).collect();
    let described: BTreeSet<_> =
        operations(&document()).into_iter().map(|(method, path, _)| (method, path)).collect();
    assert_eq!(rights, described);
}

#[test]
fn every_operation_says_what_the_table_of_rights_says() {
    for (method, path, operation) in operations(&document()) {
        let line = TABLE.iter().find(|line| line.method == method && line.path == path).unwrap();
        let security = operation["security"].clone();
        let refusals = ["401", "403"].map(|status| operation["responses"].get(status).is_some());
        match line.right {
            Right::Open => {
                assert_eq!((security, refusals), (json!([]), [false, false]), "{method} {path}");
            }
            Right::Needs(scope, user_right) => {
                let mut enough = vec![json!({ "applicationKey": [scope.as_str()] })];
                if user_right != UserRight::Nothing {
                    enough.push(json!({ "userToken": [] }));
                }
                assert_eq!((security, refusals), (json!(enough), [true, true]), "{method} {path}");
            }
        }
    }
    let schemes = &document()["components"]["securitySchemes"];
    for scheme in ["applicationKey", "userToken"] {
        assert_eq!(
            (&schemes[scheme]["type"], &schemes[scheme]["scheme"]),
            (&json!("http"), &json!("bearer"))
        );
    }
}

#[test]
fn only_what_has_to_be_given_is_required() {
    let mut required = BTreeSet::new();
    for (_, path, operation) in operations(&document()) {
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let (name, place) = (parameter["name"].as_str().unwrap(), parameter["in"].as_str().unwrap());
            if place == "path" {
                assert_eq!(parameter["required"], true, "{path} {name}");
            } else if parameter["required"] == true {
                required.insert(format!("{path} {name}"));
            }
        }
    }
    let wanted = [
        "/v1/activities actor",
        "/v1/activities external_id",
        "/v1/feeds/{username}/friends/explain activity",
        "/v1/users/{username}/relationships with",
    ];
    assert_eq!(required.into_iter().collect::<Vec<_>>(), wanted);
}

#[test]
fn writes_and_pages_of_feeds_say_that_they_tell_a_position() {
    let pages = ["/feed/{username}", "/feed/{username}/friends", "/reset", "/v1/feeds/{username}"];
    let tells = |method: &str, path: &str| {
        let is_page = path.starts_with("/v1/feeds/") && !path.ends_with("/explain");
        method != "GET" || pages.contains(&path) || is_page
    };
    for (method, path, operation) in operations(&document()) {
        for (status, response) in operation["responses"].as_object().unwrap() {
            let is_told = response["headers"]["Feed-Position"].is_object();
            let is_good = status.starts_with('2') || status == "304";
            assert_eq!(is_told, is_good && tells(&method, &path), "{method} {path} {status}");
        }
    }
}

#[test]
fn every_operation_has_a_name_of_its_own_and_parameters_once() {
    let mut ids = BTreeSet::new();
    for (method, path, operation) in operations(&document()) {
        assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()), "{method} {path}");
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        let names: BTreeSet<_> = parameters.iter().map(|it| it["name"].as_str().unwrap()).collect();
        assert_eq!(names.len(), parameters.len(), "{method} {path}");
        for part in path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
            assert!(names.contains(part), "{method} {path}: {part}");
        }
        assert!(operation["responses"].as_object().unwrap().keys().any(|status| status.starts_with('2')));
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_schema_is_used() {
    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => {
                if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
                    found.insert(reference.trim_start_matches("#/components/schemas/").to_owned());
                }
                members.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let document = document();
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    let schemas: BTreeSet<_> =
        document["components"]["schemas"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(found, schemas);
}

#[test]
fn the_document_says_what_it_is() {
    let document = document();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["info"]["title"], "feed-me");
    assert_eq!(document["info"]["license"]["identifier"], "MIT");
    assert_eq!(document["components"]["schemas"]["ActivityBody"]["additionalProperties"], false);
}

#[actix_web::test]
async fn the_document_and_its_page_are_served_and_load_nothing_from_elsewhere() {
    let world = World::start().await;
    assert_eq!(world.get("/openapi.json").await.is(200).value(), document());
    let page = world.get("/docs").await.is(200);
    assert!(page.header("content-type").starts_with("text/html"));
    assert!(page.header("content-security-policy").contains("default-src 'none'"));
    let html = page.text();
    let loaded: Vec<_> = html.split("src=\"").chain(html.split("href=\"")).skip(1).collect();
    let loaded: Vec<_> = loaded
        .iter()
        .filter_map(|rest| rest.split('"').next())
        .filter(|it| it.starts_with("docs/"))
        .collect();
    assert!(5 <= loaded.len(), "{html}");
    assert!(!html.contains("://") && !html.contains("\"./"), "{html}");
    for part in loaded {
        assert!(!world.get(&format!("/{part}")).await.is(200).body.is_empty());
    }
    let start = world.get("/docs/swagger-initializer.js").await.is(200).text();
    assert!(start.contains("/openapi.json") && !start.contains("http"), "{start}");
    world.get("/docs/nothing").await.tells(404, "not-found").text();
}
