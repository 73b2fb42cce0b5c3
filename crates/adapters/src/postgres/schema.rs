//! The tables that diesel's query builder is used on. What is beyond it is written as [`Sql`](super::sql::Sql).

diesel::table! {
    sequence (only_row) {
        only_row -> Integer,
        position -> BigInt,
        stamp -> Timestamptz,
        user_key -> BigInt,
    }
}

diesel::table! {
    users (key) {
        key -> BigInt,
        id -> Uuid,
        username -> Text,
        display_name -> Nullable<Text>,
        created_at -> Timestamptz,
        named_at -> Timestamptz,
        following -> BigInt,
        followers -> BigInt,
        activities -> BigInt,
    }
}

diesel::table! {
    idempotency (scope) {
        scope -> Binary,
        content -> Binary,
        status -> Integer,
        location -> Nullable<Text>,
        body -> Nullable<Text>,
        at -> Timestamptz,
    }
}

diesel::table! {
    secrets (name) {
        name -> Text,
        value -> Binary,
    }
}

diesel::allow_tables_to_appear_in_same_query!(sequence, users);
