//! What bodies look like that no type of the code is: requests are read member by member, and pages are written as such.

use serde_json::{Value, json};
use utoipa::openapi::{RefOr, schema::Schema};

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn nullable(name: &str) -> Value {
    json!({ "oneOf": [{ "type": "null" }, reference(name)] })
}

fn list(name: &str) -> Value {
    json!({ "type": "array", "items": reference(name) })
}

/// An object with all of these members.
fn object(members: &[(&str, Value)]) -> Value {
    let required: Vec<&str> = members.iter().map(|(name, _)| *name).collect();
    let properties: serde_json::Map<_, _> =
        members.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    json!({ "type": "object", "required": required, "properties": properties })
}

fn page(item: &str) -> Value {
    object(&[
        ("items", list(item)),
        ("next_cursor", json!({ "type": ["string", "null"], "description": "Null at the true end alone." })),
        ("previous_cursor", json!({ "type": "string" })),
    ])
}

/// An object that may have these members and no others.
fn closed(required: &[&str], properties: &Value) -> Value {
    let mut schema = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

fn text(min: u32, max: u32) -> Value {
    json!({ "type": "string", "minLength": min, "maxLength": max })
}

fn text_or_null(min: u32, max: u32) -> Value {
    json!({ "type": ["string", "null"], "minLength": min, "maxLength": max })
}

fn requests() -> Vec<(&'static str, Value)> {
    let display_name = text_or_null(1, 200);
    let names =
        json!({ "type": "array", "items": reference("Username"), "maxItems": 1000, "uniqueItems": true });
    let activity = json!({
        "actor": reference("Username"),
        "verb": text(1, 80),
        "object": text_or_null(0, 1024),
        "target": nullable("Username"),
        "published": reference("Time"),
        "external_id": text_or_null(1, 255),
        "data": reference("Data"),
    });
    let changes = json!({
        "verb": text(1, 80),
        "object": text_or_null(0, 1024),
        "target": nullable("Username"),
        "data": reference("Data"),
    });
    let from = json!({ "oneOf": [{ "type": "string", "enum": ["beginning", "now"] }, reference("Time")] });
    vec![
        ("UserBody", closed(&[], &json!({ "display_name": display_name }))),
        (
            "UserPatchBody",
            closed(&[], &json!({ "username": reference("Username"), "display_name": display_name })),
        ),
        ("ActivityBody", closed(&["actor", "verb"], &activity)),
        ("ActivityPatchBody", closed(&[], &changes)),
        (
            "BatchBody",
            closed(
                &["activities"],
                &json!({ "activities": {
                    "type": "array",
                    "description": "Each item is answered for itself, whatever it is; one that can be stored is an `ActivityBody`.",
                    "items": { "anyOf": [reference("ActivityBody"), { "type": ["object", "string", "number", "boolean", "null"] }] },
                    "minItems": 1,
                    "maxItems": 1000,
                } }),
            ),
        ),
        (
            "KeyBody",
            closed(&["name", "scopes"], &json!({ "name": text(1, 100), "scopes": reference("Scopes") })),
        ),
        (
            "TokenBody",
            closed(
                &[],
                &json!({ "expires_in": {
                    "type": "integer",
                    "description": "How long it is good for, in seconds.",
                    "minimum": 1,
                    "maximum": 2_592_000,
                    "default": 3600,
                } }),
            ),
        ),
        (
            "MarksBody",
            json!({
                "type": "object",
                "properties": {
                    "seen": { "type": "string", "enum": ["all"] },
                    "read": { "oneOf": [
                        { "type": "string", "enum": ["all"] },
                        { "type": "array", "items": { "type": "string" }, "maxItems": 1000 },
                    ] },
                },
                "additionalProperties": false,
                "minProperties": 1,
            }),
        ),
        ("FollowBody", closed(&[], &json!({ "from": from }))),
        ("FollowBatchBody", closed(&[], &json!({ "follow": names, "unfollow": names }))),
        (
            "ClassicActivityBody",
            json!({
                "type": "object",
                "required": ["actor", "verb"],
                "properties": {
                    "actor": reference("Username"),
                    "verb": text(1, 80),
                    "object": text_or_null(0, 1024),
                    "target": { "oneOf": [{ "type": "null" }, { "type": "string", "maxLength": 0 }, reference("Username")] },
                },
            }),
        ),
        (
            "ClassicFollowBody",
            json!({
                "description": "One of the two.",
                "oneOf": [
                    object(&[("follow", reference("Username"))]),
                    object(&[("unfollow", reference("Username"))]),
                ],
            }),
        ),
    ]
}

fn webhook_requests() -> Vec<(&'static str, Value)> {
    let webhook = json!({
        "url": { "type": "string", "format": "uri", "minLength": 1, "maxLength": 2048 },
        "kinds": nullable("EventKinds"),
        "actor": nullable("Username"),
        "verb": text_or_null(1, 80),
        "target": nullable("Username"),
        "enabled": { "type": "boolean" },
    });
    vec![
        ("WebhookBody", closed(&["url"], &webhook)),
        ("WebhookPatchBody", closed(&[], &webhook)),
        (
            "WebhookSecretBody",
            closed(
                &[],
                &json!({ "overlap_hours": {
                    "type": "integer",
                    "description": "For how long the present secret counts too, in hours.",
                    "minimum": 0,
                    "maximum": 168,
                    "default": 24,
                } }),
            ),
        ),
        (
            "WebhookReplayBody",
            closed(
                &["from"],
                &json!({ "from": {
                    "type": "string",
                    "description": "A position, after which everything is delivered; or `beginning`, the oldest event that is kept; or `now`, past all that waits.",
                    "pattern": "^([0-9]+|beginning|now)$",
                } }),
            ),
        ),
    ]
}

fn answers() -> Vec<(&'static str, Value)> {
    let url = json!({ "type": "string", "format": "uri" });
    let classic_page = |items: &str| {
        json!({
            "type": "object",
            "required": [items],
            "properties": { items: list("ClassicActivity"), "next_url": url, "previous_url": url },
        })
    };
    vec![
        ("ActivityPage", page("Activity")),
        ("UserPage", page("User")),
        ("ApplicationKeyPage", page("ApplicationKey")),
        ("WebhookPage", page("Webhook")),
        ("WebhookDeliveryPage", page("WebhookDelivery")),
        ("FollowPage", page("Follow")),
        ("RelationPage", page("Relation")),
        (
            "FoundPage",
            object(&[
                ("items", json!({ "type": "array", "items": reference("Activity"), "maxItems": 1 })),
                ("next_cursor", json!({ "type": "null" })),
                ("previous_cursor", json!({ "type": "null" })),
            ]),
        ),
        ("Relationships", object(&[("relationships", list("Relationship"))])),
        ("OwnFeed", classic_page("my_feed")),
        ("FriendsFeed", classic_page("friends_feed")),
        (
            "ClassicFollowChange",
            json!({ "oneOf": [
                object(&[("follow", reference("ClassicFollow"))]),
                object(&[("unfollow", reference("ClassicFollow"))]),
            ] }),
        ),
        ("ClassicActivities", list("ClassicActivity")),
        ("ClassicFollows", list("ClassicFollow")),
        ("ClassicUsers", list("ClassicUser")),
        (
            "Reset",
            object(&[
                ("Activities", list("ClassicActivity")),
                ("Followings", list("ClassicFollow")),
                ("users", list("ClassicUser")),
            ]),
        ),
        ("Status", object(&[("status", json!({ "type": "string" }))])),
        (
            "Index",
            object(&[
                ("name", json!({ "type": "string" })),
                ("version", json!({ "type": "string" })),
                ("documentation", json!({ "type": "string" })),
                ("openapi", json!({ "type": "string" })),
            ]),
        ),
        ("OpenApi", json!({ "type": "object", "description": "This document." })),
    ]
}

/// The schemas, by name.
pub(crate) fn schemas() -> impl Iterator<Item = (&'static str, RefOr<Schema>)> {
    let all = requests().into_iter().chain(webhook_requests()).chain(answers());
    all.filter_map(|(name, schema)| Some((name, serde_json::from_value(schema).ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_schema_is_in_the_document_as_it_is_written_here() {
        for (name, written) in requests().into_iter().chain(webhook_requests()).chain(answers()) {
            let read: RefOr<Schema> = serde_json::from_value(written.clone()).unwrap();
            assert_eq!(serde_json::to_value(read).unwrap(), written, "{name}");
        }
    }
}
