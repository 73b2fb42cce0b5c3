//! A page of a feed as a W3C ActivityStreams 2.0 `OrderedCollectionPage`.
//!
//! <https://www.w3.org/TR/activitystreams-core/>, <https://www.w3.org/TR/activitystreams-vocabulary/>. What the vocabulary
//! has no word for (the verb as it was posted, `external_id`, `data`) is kept under terms of our own, which the context
//! declares.

use actix_web::http::header;
use feed_me_domain::{Cursor, PageLimit, services::Page};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::{
    bodies::Told,
    links::{Asked, path_of},
    names::encoded,
    openapi::schemas::TimeSchema,
    problem::Failure,
    query::Query,
    reply::{self, Answer, Reply},
    shared::Shared,
};

/// The standard's context, then ours.
const CONTEXT: &str = r#"["https://www.w3.org/ns/activitystreams",{"feedMe":"urn:feed-me:","verb":"feedMe:verb","externalId":"feedMe:externalId","data":{"@id":"feedMe:data","@type":"@json"}}]"#;

/// A page of a feed.
pub fn page<T>(
    shared: &Shared,
    asked: Asked<'_>,
    query: &Query,
    limit: PageLimit,
    (page, told): (&Page<T>, &[Told]),
    media_type: &'static str,
) -> Answer {
    let origin = shared.origin(asked);
    let here = format!("{origin}{}", path_of(asked.head));
    let at = |cursor: &Cursor| format!("{here}?{}", query.with("cursor", cursor.as_str()));
    let mut items = Vec::with_capacity(told.len());
    for item in told {
        let mut text = String::with_capacity(item.size());
        item.write(&mut text);
        items.push(text);
    }
    let items = items.iter().map(|text| Item::read(text)).collect::<Result<Vec<_>, _>>()?;
    let view = OrderedCollectionPageView {
        context: raw(CONTEXT)?,
        id: format!("{here}?{}", query.with("limit", &limit.get().to_string())),
        kind: "OrderedCollectionPage",
        part_of: collection(&here, query),
        next: page.next.as_ref().map(at),
        prev: at(&page.previous),
        ordered_items: items.iter().map(|item| item.shown(&origin)).collect(),
    };
    let reply = Reply::ok(&view)?.as_media_type(media_type);
    Ok(reply.header(header::LINK, reply::links(shared, asked, query, page)))
}

/// The whole feed: the same filter, and nothing that cuts a page from it.
fn collection(here: &str, query: &Query) -> String {
    let filter: Vec<String> = ["verb", "include_self"]
        .into_iter()
        .flat_map(|name| query.all(name).into_iter().map(move |value| format!("{name}={}", encoded(value))))
        .collect();
    if filter.is_empty() { here.to_owned() } else { format!("{here}?{}", filter.join("&")) }
}

fn raw(text: &str) -> Result<&RawValue, Failure> {
    serde_json::from_str(text).map_err(|error| Failure::internal(format!("what is kept is no JSON: {error}")))
}

/// An activity as `/v1` writes it.
#[derive(Deserialize)]
struct Item<'a> {
    actor: String,
    verb: String,
    object: Option<String>,
    target: Option<String>,
    published: String,
    external_id: Option<String>,
    #[serde(borrow)]
    data: &'a RawValue,
    id: String,
    edited_at: Option<String>,
}

impl<'a> Item<'a> {
    fn read(text: &'a str) -> Result<Self, Failure> {
        let read = serde_json::from_str(text);
        read.map_err(|error| Failure::internal(format!("an activity is no JSON: {error}")))
    }

    fn shown(&'a self, origin: &str) -> AsActivityView<'a> {
        AsActivityView {
            id: format!("{origin}/v1/activities/{}", self.id),
            kind: kind_of(&self.verb),
            verb: &self.verb,
            actor: ActorView::of(&self.actor, origin),
            object: self.object.as_deref().map(AsObjectView::of),
            target: self.target.as_deref().map(|target| ActorView::of(target, origin)),
            published: &self.published,
            updated: self.edited_at.as_deref(),
            external_id: self.external_id.as_deref(),
            data: Some(self.data).filter(|data| data.get() != "{}"),
        }
    }
}

/// The types of activities that the vocabulary has, by the verbs that mean them. Those without an object (`Arrive`,
/// `Travel`, `Question`) are left out: ours may have one.
const KINDS: [&str; 25] = [
    "Accept",
    "Add",
    "Announce",
    "Block",
    "Create",
    "Delete",
    "Dislike",
    "Flag",
    "Follow",
    "Ignore",
    "Invite",
    "Join",
    "Leave",
    "Like",
    "Listen",
    "Move",
    "Offer",
    "Read",
    "Reject",
    "Remove",
    "TentativeAccept",
    "TentativeReject",
    "Undo",
    "Update",
    "View",
];

/// The type that a verb means: the word of the vocabulary itself, or what ActivityStreams 1.0 called the same.
fn kind_of(verb: &str) -> &'static str {
    let synonym = match verb {
        "post" => "Create",
        "share" => "Announce",
        "favorite" => "Like",
        other => other,
    };
    KINDS.into_iter().find(|kind| kind.eq_ignore_ascii_case(synonym)).unwrap_or("Activity")
}

/// A page of a feed, as ActivityStreams 2.0 has it.
#[derive(Serialize, ToSchema)]
#[schema(as = OrderedCollectionPage)]
pub struct OrderedCollectionPageView<'a> {
    /// The standard's context, and the terms of our own.
    #[serde(rename = "@context")]
    #[schema(value_type = Vec<serde_json::Value>)]
    context: &'a RawValue,
    /// The URL of this page.
    #[schema(format = "uri")]
    id: String,
    /// `OrderedCollectionPage`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The URL of the feed.
    #[serde(rename = "partOf")]
    #[schema(format = "uri")]
    part_of: String,
    /// The URL of the page that follows; none at the true end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = "uri")]
    next: Option<String>,
    /// The URL of what is newer.
    #[schema(format = "uri")]
    prev: String,
    /// The activities, the newest first.
    #[serde(rename = "orderedItems")]
    ordered_items: Vec<AsActivityView<'a>>,
}

/// An activity, as ActivityStreams 2.0 has it.
#[derive(Serialize, ToSchema)]
#[schema(as = ActivityStreamsActivity)]
pub struct AsActivityView<'a> {
    /// Its URL.
    #[schema(format = "uri")]
    id: String,
    /// The type of the vocabulary that the verb means; `Activity` where it means none.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The verb as it was posted.
    #[schema(min_length = 1, max_length = 80)]
    verb: &'a str,
    /// Who did it.
    actor: ActorView<'a>,
    /// To what.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    object: Option<AsObjectView<'a>>,
    /// To or for whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    target: Option<ActorView<'a>>,
    /// When.
    #[schema(value_type = TimeSchema)]
    published: &'a str,
    /// When it was last edited.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<TimeSchema>, nullable = false)]
    updated: Option<&'a str>,
    /// The application's own id.
    #[serde(rename = "externalId", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    external_id: Option<&'a str>,
    /// What else the application keeps with it, where there is something.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<crate::openapi::schemas::DataSchema>, nullable = false)]
    data: Option<&'a RawValue>,
}

/// A user, as ActivityStreams 2.0 has it.
#[derive(Serialize, ToSchema)]
#[schema(as = ActivityStreamsActor)]
pub struct ActorView<'a> {
    /// The URL.
    #[schema(format = "uri")]
    id: String,
    /// `Person`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The name.
    #[schema(value_type = crate::openapi::schemas::UsernameSchema)]
    name: &'a str,
}

impl<'a> ActorView<'a> {
    fn of(name: &'a str, origin: &str) -> Self {
        Self { id: format!("{origin}/v1/users/{}", encoded(name)), kind: "Person", name }
    }
}

/// An object: its URL where it is one, else a name.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = ActivityStreamsObject)]
pub enum AsObjectView<'a> {
    /// A URL.
    Link(&'a str),
    /// Anything else.
    Named {
        /// `Object`.
        #[serde(rename = "type")]
        kind: &'static str,
        /// What the activity is about, as it was posted.
        name: &'a str,
    },
}

impl<'a> AsObjectView<'a> {
    /// In JSON-LD a plain string would be a reference, so only what is an absolute URL may stand as one.
    fn of(object: &'a str) -> Self {
        if is_url(object) { Self::Link(object) } else { Self::Named { kind: "Object", name: object } }
    }
}

/// `scheme://…`, of characters that a URL may have (RFC 3986; RFC 3987 beyond ASCII).
fn is_url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    let is_forbidden = |c: char| c.is_whitespace() || c.is_control() || "<>\"{}|\\^`".contains(c);
    is_scheme && !rest.is_empty() && !rest.starts_with('/') && !rest.contains(is_forbidden)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbs_of_the_vocabulary_are_types_and_others_are_kept() {
        for (verb, kind) in [
            ("like", "Like"),
            ("LIKE", "Like"),
            ("post", "Create"),
            ("share", "Announce"),
            ("Announce", "Announce"),
            ("tentativeAccept", "TentativeAccept"),
            ("liked", "Activity"),
            ("travel", "Activity"),
            ("", "Activity"),
        ] {
            assert_eq!(kind_of(verb), kind, "{verb}");
        }
        assert!(KINDS.is_sorted());
    }

    #[test]
    fn only_an_absolute_url_stands_as_one() {
        for url in ["https://example.org/a?b#c", "http://x", "git+ssh://host/é"] {
            assert!(is_url(url), "{url}");
        }
        for text in
            ["post:1", "a b://c", "https://", "http:///x", "http://a b", "://x", "1a://x", "http://a|b"]
        {
            assert!(!is_url(text), "{text}");
        }
    }

    #[test]
    fn an_activity_is_shown_with_what_it_has() {
        let text = r#"{"actor":"a b","verb":"liked","object":"post:1","target":null,"published":"2026-02-24T21:20:58.123456Z","external_id":null,"data":{"n":1.0},"id":"x","edited_at":null}"#;
        let shown = serde_json::to_string(&Item::read(text).unwrap().shown("http://h")).unwrap();
        let expected = r#"{"id":"http://h/v1/activities/x","type":"Activity","verb":"liked","actor":{"id":"http://h/v1/users/a%20b","type":"Person","name":"a b"},"object":{"type":"Object","name":"post:1"},"published":"2026-02-24T21:20:58.123456Z","data":{"n":1.0}}"#;
        assert_eq!(shown, expected);
        assert!(raw(CONTEXT).is_ok());
    }
}
