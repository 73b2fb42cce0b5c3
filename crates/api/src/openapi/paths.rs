//! Every operation of both surfaces.

use utoipa::openapi::{
    HttpMethod::{Delete, Get, Patch, Post, Put},
    Ref, Required,
    path::ParameterBuilder,
    schema::{ArrayBuilder, ObjectBuilder, Type},
};

use super::operation::{Operation, named, string, string_of, uuid};
use crate::{accept::FeedForm, problem};

const JSON: &[&str] = &["application/json"];
const PATCH: &[&str] = &["application/json", "application/merge-patch+json"];
const BATCH: &[&str] = &["application/json", "application/x-ndjson"];

/// The operations, in the order of the document.
pub(crate) fn all() -> Vec<Operation> {
    [
        users(),
        activities(),
        follows(),
        relations(),
        feeds(),
        keys_and_tokens(),
        events(),
        webhooks(),
        classic(),
        development(),
        operation(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn flag(name: &str, description: &str) -> ParameterBuilder {
    named(name, description)
        .schema(Some(ObjectBuilder::new().schema_type(Type::Boolean).default(Some(false.into()))))
}

fn required(parameter: ParameterBuilder) -> ParameterBuilder {
    parameter.required(Required::True)
}

fn users() -> Vec<Operation> {
    let at = "/v1/users/{username}";
    let prefix = string().max_length(Some(80));
    vec![
        Operation::new(Get, "/v1/users", "users", "listUsers", "List users, by name")
            .paged()
            .query(named("prefix", "What the names begin with, literally.").schema(Some(prefix)))
            .answers(200, "A page of users.", "UserPage"),
        Operation::new(Get, at, "users", "getUser", "Read a user").answers(200, "The user.", "User"),
        Operation::new(Put, at, "users", "putUser", "Create a user, or set what is shown")
            .body("UserBody", JSON)
            .answers(200, "The user was there and is like this now.", "User")
            .answers(201, "The user is new.", "User"),
        Operation::new(Patch, at, "users", "patchUser", "Rename a user, or change what is shown")
            .body("UserPatchBody", PATCH)
            .fails(&[problem::NAME_TAKEN])
            .answers(200, "The user is like this now.", "User")
            .header(200, "ETag", "Names this state of the user."),
        Operation::new(Delete, at, "users", "eraseUser", "Erase a user and everything that names them")
            .answers(200, "What was erased.", "Receipt"),
    ]
}

fn activities() -> Vec<Operation> {
    let at = "/v1/activities/{id}";
    let actor = named("actor", "Whose activity.").schema(Some(Ref::from_schema_name("Username")));
    let external_id = string_of(1).max_length(Some(255));
    let external_id = named("external_id", "The application's own id.").schema(Some(external_id));
    vec![
        Operation::new(
            Get,
            "/v1/activities",
            "activities",
            "findActivity",
            "Find an activity by the application's own id",
        )
        .query(required(actor))
        .query(required(external_id))
        .answers(200, "A page of none or one.", "FoundPage"),
        Operation::new(Post, "/v1/activities", "activities", "postActivity", "Post an activity")
            .body("ActivityBody", JSON)
            .fails(&[problem::EXTERNAL_ID_TAKEN])
            .answers(200, "It had been posted before, with this external_id.", "Activity")
            .answers(201, "It is stored.", "Activity")
            .header(200, "Location", "Where it is.")
            .header(201, "Location", "Where it is."),
        Operation::new(
            Post,
            "/v1/activities/batch",
            "activities",
            "postActivities",
            "Post 1 to 1,000 activities",
        )
        .query(flag("atomic", "All or none: where one item is refused, nothing is stored."))
        .body("BatchBody", BATCH)
        .answers(200, "A result for each item, in the order sent.", "BatchResults"),
        Operation::new(Get, at, "activities", "getActivity", "Read an activity").answers(
            200,
            "The activity.",
            "Activity",
        ),
        Operation::new(Patch, at, "activities", "patchActivity", "Edit an activity")
            .guarded()
            .body("ActivityPatchBody", PATCH)
            .answers(200, "The activity is like this now.", "Activity")
            .header(200, "ETag", "Names this state of the activity."),
        Operation::new(Delete, at, "activities", "deleteActivity", "Delete an activity")
            .guarded()
            .answers_nothing(204, "It is gone."),
    ]
}

fn follows() -> Vec<Operation> {
    let at = "/v1/users/{username}/following/{followee}";
    let with =
        ArrayBuilder::new().items(Ref::from_schema_name("Username")).min_items(Some(1)).max_items(Some(100));
    let with = named("with", "The others; repeatable.").schema(Some(with));
    vec![
        Operation::new(
            Get,
            "/v1/users/{username}/following",
            "follows",
            "listFollowing",
            "List whom a user follows, newest first",
        )
        .paged()
        .answers(200, "A page of follows.", "FollowPage"),
        Operation::new(
            Post,
            "/v1/users/{username}/following",
            "follows",
            "followMany",
            "Follow and unfollow up to 1,000 users",
        )
        .body("FollowBatchBody", JSON)
        .answers(200, "A result for each name: those to follow first.", "FollowBatchResults"),
        Operation::new(Get, at, "follows", "getFollow", "Read a follow")
            .fails(&[problem::FOLLOW_NOT_FOUND])
            .answers(200, "The follow.", "Follow"),
        Operation::new(Put, at, "follows", "follow", "Follow a user")
            .optional_body("FollowBody")
            .fails(&[problem::BLOCKED, problem::SELF_FOLLOW])
            .answers(200, "The follow was there.", "Follow")
            .answers(201, "The follow is new.", "Follow"),
        Operation::new(Delete, at, "follows", "unfollow", "Unfollow a user")
            .query(flag("keep_history", "Keeps in the feed what was published up to now."))
            .fails(&[problem::FOLLOW_NOT_FOUND])
            .answers_nothing(204, "The follow is over."),
        Operation::new(
            Get,
            "/v1/users/{username}/followers",
            "follows",
            "listFollowers",
            "List who follows a user, newest first",
        )
        .paged()
        .answers(200, "A page of follows.", "FollowPage"),
        Operation::new(
            Get,
            "/v1/users/{username}/relationships",
            "follows",
            "getRelationships",
            "Tell how a user stands to others",
        )
        .query(required(with))
        .answers(200, "How the user stands to each that is a user.", "Relationships"),
    ]
}

fn relations() -> Vec<Operation> {
    const TAG: &str = "blocks and mutes";
    let list = |path, id, summary| {
        Operation::new(Get, path, TAG, id, summary).paged().answers(200, "A page of users.", "RelationPage")
    };
    let set = |path, id, summary| {
        Operation::new(Put, path, TAG, id, summary)
            .fails(&[problem::SELF_FOLLOW])
            .answers(200, "It stood already.", "Relation")
            .answers(201, "It is new.", "Relation")
    };
    let end = |path, id, summary, kind| {
        Operation::new(Delete, path, TAG, id, summary).fails(&[kind]).answers_nothing(204, "It is over.")
    };
    let (block, mute) = ("/v1/users/{username}/blocks/{other}", "/v1/users/{username}/mutes/{other}");
    vec![
        list("/v1/users/{username}/blocks", "listBlocks", "List whom a user blocks, newest first"),
        set(block, "block", "Block a user: follows both ways go, and each is hidden from the other"),
        end(block, "unblock", "Unblock a user", problem::BLOCK_NOT_FOUND),
        list("/v1/users/{username}/mutes", "listMutes", "List whom a user mutes, newest first"),
        set(mute, "mute", "Mute a user: their activities stay out of the friends feed"),
        end(mute, "unmute", "Unmute a user", problem::MUTE_NOT_FOUND),
    ]
}

/// What the position of a page is.
const INCLUDES: &str = "The position in the order of all changes that the page includes.";

fn feeds() -> Vec<Operation> {
    let feed = |path, id, summary| {
        let verb = ArrayBuilder::new().items(string_of(1).max_length(Some(80)));
        Operation::new(Get, path, "feeds", id, summary)
            .paged()
            .query(named("verb", "Any of these verbs alone; repeatable.").schema(Some(verb)))
            .answers(
                200,
                "A page of activities; as ActivityStreams 2.0 for who asks for that.",
                "ActivityPage",
            )
            .also_as(FeedForm::ActivityStreams.media_type(), "OrderedCollectionPage")
            .also_as(FeedForm::JsonLd.media_type(), "OrderedCollectionPage")
            .header(200, "Feed-Position", INCLUDES)
    };
    let friends = "/v1/feeds/{username}/friends";
    let activity = named("activity", "The id of the activity.").schema(Some(uuid()));
    vec![
        feed("/v1/feeds/{username}", "getFeed", "Read what a user posted"),
        feed(friends, "getFriendsFeed", "Read what those posted whom a user follows")
            .query(flag("include_self", "Shows the user's own activities too.")),
        Operation::new(
            Get,
            "/v1/feeds/{username}/friends/changes",
            "feeds",
            "getChanges",
            "Read what changed in a friends feed since a position",
        )
        .query(
            named("since", "The position that the client has; without it only the position of now is told.")
                .schema(Some(string().pattern(Some("^[0-9]+$")))),
        )
        .answers(200, "What changed, and the position to go on from.", "FeedChanges")
        .header(200, "Feed-Position", INCLUDES),
        Operation::new(
            Get,
            "/v1/feeds/{username}/friends/live",
            "feeds",
            "followFeed",
            "Follow a friends feed as it changes: Server-Sent Events activity.added, activity.edited, activity.removed, resync",
        )
        .query(
            named("since", "The position to go on from, as `id`s tell it; the stream begins now without it. `Last-Event-ID` goes first.")
                .schema(Some(string().pattern(Some("^[0-9]+$")))),
        )
        .of_media_type("text/event-stream")
        .answers(200, "The stream. The data of `activity.added` and `activity.edited` is an Activity.", "Activity")
        .header(200, "Feed-Position", INCLUDES),
        Operation::new(
            Get,
            "/v1/feeds/{username}/friends/explain",
            "feeds",
            "explain",
            "Explain why an activity is, or is not, in a friends feed",
        )
        .query(required(activity))
        .fails(&[problem::ACTIVITY_NOT_FOUND])
        .answers(200, "Why, or why not.", "Explanation"),
        feed("/v1/feeds/{username}/mentions", "getMentions", "Read what has a user as its target"),
        Operation::new(
            Get,
            "/v1/feeds/{username}/notifications",
            "feeds",
            "getNotifications",
            "Read what concerns a user, in groups by verb, object and day",
        )
        .paged()
        .answers(200, "A page of groups, the newest first.", "NotificationPage")
        .header(200, "Feed-Position", INCLUDES),
        Operation::new(
            Post,
            "/v1/feeds/{username}/notifications/marks",
            "feeds",
            "markNotifications",
            "Mark notifications as seen, or as read and so seen",
        )
        .body("MarksBody", JSON)
        .answers_nothing(204, "They are. An id of no group changes nothing."),
    ]
}

fn keys_and_tokens() -> Vec<Operation> {
    const TAG: &str = "keys and tokens";
    let at = "/v1/keys/{id}";
    vec![
        Operation::new(Post, "/v1/users/{username}/tokens", TAG, "mintToken", "Make a token of a user")
            .optional_body("TokenBody")
            .fails(&[problem::SECRET_SHOWN])
            .answers(201, "The token, which is shown once.", "MintedToken"),
        Operation::new(Get, "/v1/keys", TAG, "listKeys", "List application keys, newest first")
            .paged()
            .answers(200, "A page of keys, without their secrets.", "ApplicationKeyPage"),
        Operation::new(Post, "/v1/keys", TAG, "createKey", "Make an application key")
            .body("KeyBody", JSON)
            .fails(&[problem::SECRET_SHOWN])
            .answers(201, "The key, which is shown once.", "MadeApplicationKey")
            .header(201, "Location", "Where it is."),
        Operation::new(Get, at, TAG, "getKey", "Read an application key").answers(
            200,
            "The key, without its secret.",
            "ApplicationKey",
        ),
        Operation::new(Delete, at, TAG, "revokeKey", "Revoke an application key")
            .answers_nothing(204, "It opens nothing any more."),
    ]
}

fn events() -> Vec<Operation> {
    let after =
        named("after", "The position to go on from; the oldest event that is kept, where there is none.")
            .schema(Some(string().pattern(Some("^[0-9]+$"))));
    let limit = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).maximum(Some(1000));
    let limit = named("limit", "The most events.").schema(Some(limit.default(Some(100.into()))));
    vec![
        Operation::new(Get, "/v1/events", "events", "listEvents", "Read all that happened, in order")
            .query(after)
            .query(limit)
            .fails(&[problem::EVENTS_GONE])
            .answers(200, "A stretch of the log, dense.", "EventPage"),
    ]
}

fn webhooks() -> Vec<Operation> {
    const TAG: &str = "webhooks";
    let (at, delivery) = ("/v1/webhooks/{id}", "/v1/webhooks/{id}/deliveries/{position}");
    let state = string().enum_values(Some(["pending", "delivered", "dead"]));
    let state = named("state", "Only those in this state; `dead` are the dead letters.").schema(Some(state));
    vec![
        Operation::new(Get, "/v1/webhooks", TAG, "listWebhooks", "List webhooks, newest first")
            .paged()
            .answers(200, "A page of webhooks, without their secrets.", "WebhookPage"),
        Operation::new(Post, "/v1/webhooks", TAG, "createWebhook", "Make a webhook")
            .body("WebhookBody", JSON)
            .fails(&[problem::SECRET_SHOWN, problem::TOO_MANY_WEBHOOKS])
            .answers(201, "The webhook, with its secret, which is shown once.", "MadeWebhook")
            .header(201, "Location", "Where it is."),
        Operation::new(Get, at, TAG, "getWebhook", "Read a webhook").answers(
            200,
            "The webhook, without its secret.",
            "Webhook",
        ),
        Operation::new(Patch, at, TAG, "patchWebhook", "Change a webhook, pause it, or let it go on")
            .body("WebhookPatchBody", PATCH)
            .answers(200, "The webhook is like this now.", "Webhook")
            .header(200, "ETag", "Names this state of the webhook."),
        Operation::new(Delete, at, TAG, "deleteWebhook", "Delete a webhook")
            .answers_nothing(204, "Nothing is delivered any more."),
        Operation::new(
            Post,
            "/v1/webhooks/{id}/secret",
            TAG,
            "rotateWebhookSecret",
            "Give a webhook another secret; the present one counts for a while more",
        )
        .optional_body("WebhookSecretBody")
        .fails(&[problem::SECRET_SHOWN])
        .answers(200, "The webhook, with its new secret, which is shown once.", "MadeWebhook"),
        Operation::new(
            Post,
            "/v1/webhooks/{id}/replay",
            TAG,
            "replayWebhook",
            "Let a webhook go on from another position: an earlier one delivers again, a later one skips",
        )
        .body("WebhookReplayBody", JSON)
        .fails(&[problem::EVENTS_GONE])
        .answers(200, "The webhook goes on from there.", "Webhook"),
        Operation::new(
            Get,
            "/v1/webhooks/{id}/deliveries",
            TAG,
            "listWebhookDeliveries",
            "List the deliveries of a webhook, newest first",
        )
        .paged()
        .query(state)
        .answers(200, "A page of deliveries.", "WebhookDeliveryPage"),
        Operation::new(Get, delivery, TAG, "getWebhookDelivery", "Read a delivery").answers(
            200,
            "The delivery.",
            "WebhookDelivery",
        ),
        Operation::new(
            Post,
            "/v1/webhooks/{id}/deliveries/{position}/redeliver",
            TAG,
            "redeliver",
            "Deliver once more what was delivered or given up, beside what is in line",
        )
        .fails(&[problem::INVALID_REQUEST, problem::MALFORMED_JSON, problem::EVENTS_GONE])
        .answers(202, "It is tried at once.", "WebhookDelivery"),
    ]
}

fn classic() -> Vec<Operation> {
    let feed = |path, id, summary, schema| {
        let page =
            ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).maximum(Some(2_147_483_647_i64));
        Operation::new(Get, path, "classic", id, summary)
            .query(named("page", "The number of the page.").schema(Some(page)))
            .answers(200, "A page of activities, newest first.", schema)
            .header(200, "Feed-Position", INCLUDES)
    };
    vec![
        Operation::new(Post, "/activity", "classic", "classicPostActivity", "Post an activity")
            .body("ClassicActivityBody", JSON)
            .fails(&[problem::USER_NOT_FOUND])
            .answers(200, "It is stored.", "ClassicActivity"),
        feed("/feed/{username}", "classicGetFeed", "Read what a user posted", "OwnFeed"),
        Operation::new(
            Post,
            "/feed/{username}",
            "classic",
            "classicFollow",
            "Follow a friend, or unfollow one",
        )
        .body("ClassicFollowBody", JSON)
        .fails(&[
            problem::BLOCKED,
            problem::FOLLOW_NOT_FOUND,
            problem::SELF_FOLLOW,
            problem::ALREADY_FOLLOWING,
        ])
        .answers(200, "It is done.", "ClassicFollowChange"),
        feed(
            "/feed/{username}/friends",
            "classicGetFriendsFeed",
            "Read what those posted whom a user follows",
            "FriendsFeed",
        ),
    ]
}

fn development() -> Vec<Operation> {
    let get = |path, id, summary, description, schema| {
        Operation::new(Get, path, "development", id, summary).answers(200, description, schema)
    };
    vec![
        get("/", "index", "Open the page, or say what this is", "The page, or where to read on.", "Index")
            .or_page()
            .revalidated(),
        get("/reset", "reset", "Wipe everything and load the fixture", "The fixture.", "Reset")
            .header(200, "Feed-Position", INCLUDES)
            .fails(&[problem::RESET_REFUSED]),
        get("/user", "classicListUsers", "List users", "The first 100,000.", "ClassicUsers"),
        get("/activity", "classicListActivities", "List activities", "The first 1,000.", "ClassicActivities"),
        get("/follows", "classicListFollows", "List follows", "The first 100,000.", "ClassicFollows"),
    ]
}

fn operation() -> Vec<Operation> {
    let get = |path, id, summary| Operation::new(Get, path, "operation", id, summary);
    vec![
        get("/livez", "live", "Say that the process runs").answers(200, "It does.", "Status"),
        get("/healthz", "healthy", "Say that the process runs").answers(200, "It does.", "Status"),
        get("/readyz", "ready", "Say whether requests can be served").fails(&[problem::NOT_READY]).answers(
            200,
            "They can.",
            "Status",
        ),
        get("/metrics", "metrics", "Tell what the server counts and measures, in Prometheus' text form")
            .of_media_type("text/plain")
            .answers(200, "The metrics.", "Metrics"),
        get("/openapi.json", "openapi", "Describe all routes").answers(200, "This document.", "OpenApi"),
        get("/docs", "docs", "Try the routes on a page").of_media_type("text/html").answers(
            200,
            "The page.",
            "Docs",
        ),
        get("/docs/{file}", "docsFile", "Read a part of the page").of_media_type("*/*").answers(
            200,
            "The part.",
            "Docs",
        ),
        get("/web/{file}", "webFile", "Read a part of the page at /")
            .of_media_type("*/*")
            .answers(200, "The part.", "Docs")
            .revalidated(),
        get("/web/vendor/{file}", "webVendorFile", "Read a library that the page at / is made with")
            .of_media_type("*/*")
            .answers(200, "The library.", "Docs")
            .revalidated(),
    ]
}
