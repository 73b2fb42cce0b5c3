//! The tables, as the query builder knows them: those that it is used for.

use diesel::{allow_tables_to_appear_in_same_query, table};

table! {
    sequence (only_row) {
        only_row -> BigInt,
        position -> BigInt,
        stamp -> BigInt,
        user_key -> BigInt,
    }
}

table! {
    users (key) {
        key -> BigInt,
        id -> Binary,
        username -> Text,
        display_name -> Nullable<Text>,
        created_at -> BigInt,
        named_at -> BigInt,
        following -> BigInt,
        followers -> BigInt,
        activities -> BigInt,
    }
}

table! {
    activities (id) {
        id -> Binary,
        actor -> BigInt,
        verb -> Text,
        object -> Nullable<Text>,
        target -> Nullable<BigInt>,
        published -> BigInt,
        edited_at -> Nullable<BigInt>,
        external_id -> Nullable<Text>,
        data -> Text,
        version -> Integer,
        moved_at -> Nullable<BigInt>,
    }
}

table! {
    follows (follower, followee) {
        follower -> BigInt,
        followee -> BigInt,
        since -> BigInt,
        ordinal -> BigInt,
        visible_from -> Nullable<BigInt>,
    }
}

table! {
    follow_windows (follower, followee, visible_until) {
        follower -> BigInt,
        followee -> BigInt,
        visible_from -> Nullable<BigInt>,
        visible_until -> BigInt,
    }
}

table! {
    blocks (blocker, blocked) {
        blocker -> BigInt,
        blocked -> BigInt,
        since -> BigInt,
        ordinal -> BigInt,
    }
}

table! {
    mutes (muter, muted) {
        muter -> BigInt,
        muted -> BigInt,
        since -> BigInt,
        ordinal -> BigInt,
    }
}

table! {
    events (position) {
        position -> BigInt,
        at -> BigInt,
        kind -> Text,
        activity -> Nullable<Binary>,
        user_key -> Nullable<BigInt>,
        other_key -> Nullable<BigInt>,
    }
}

table! {
    idempotency (scope) {
        scope -> Binary,
        content -> Binary,
        status -> Integer,
        location -> Nullable<Text>,
        body -> Nullable<Text>,
        at -> BigInt,
    }
}

table! {
    idempotency_names (user_key, scope) {
        user_key -> BigInt,
        scope -> Binary,
    }
}

table! {
    secrets (name) {
        name -> Text,
        value -> Binary,
    }
}

allow_tables_to_appear_in_same_query!(sequence, users, follows, activities, idempotency, idempotency_names);
