//! Schemas of values that many places share.

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr,
        schema::{ArrayBuilder, KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type},
    },
};

/// What a username looks like, as a regular expression that ECMAScript and Python understand alike.
const USERNAME: &str = concat!(
    r"^(?!\.{1,2}$)(?!\s)",
    r"[^/\u0000-\u001F\u007F-\u009F\u200B\u200E\u200F\u202A-\u202E\u2066-\u2069\uFEFF]+(?<!\s)$"
);

macro_rules! value {
    ($(#[$doc:meta])* $name:ident as $shown:literal, $build:expr) => {
        $(#[$doc])*
        pub struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                RefOr::T(Schema::from($build))
            }
        }

        impl ToSchema for $name {
            fn name() -> std::borrow::Cow<'static, str> {
                $shown.into()
            }
        }
    };
}

value!(
    /// A username.
    UsernameSchema as "Username",
    ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(80))
        .pattern(Some(USERNAME))
        .description(Some("The name a user is known by, compared as it is; percent-encoded in a path."))
        .examples(["ivan"])
);
value!(
    /// Scopes of an application key.
    ScopesSchema as "Scopes",
    ArrayBuilder::new()
        .items(ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["read", "write", "admin"])))
        .min_items(Some(1))
        .description(Some("What a key allows: `write` does not include `read`, `admin` includes both."))
);
value!(
    /// Kinds of events.
    KindsSchema as "EventKinds",
    ArrayBuilder::new()
        .items(
            ObjectBuilder::new()
                .schema_type(Type::String)
                .enum_values(Some(feed_me_domain::sequence::EventKind::ALL.map(feed_me_domain::sequence::EventKind::as_str)))
        )
        .max_items(Some(14))
        .description(Some("Kinds of events, as `GET /v1/events` tells them; all, where it is empty."))
);
value!(
    /// An instant.
    TimeSchema as "Time",
    ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
        .description(Some("RFC 3339 in UTC, always with six digits of a second."))
        .examples(["2026-02-24T21:20:58.123456Z"])
);
value!(
    /// An object that is kept as it was sent.
    DataSchema as "Data",
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .description(Some("Any JSON object, up to 16 KiB without white space and 64 levels deep."))
);
