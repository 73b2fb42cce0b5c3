//! The routes of `/v1`.

pub mod activities;
pub mod activity_streams;
pub mod batch;
pub mod changes;
pub mod deliveries;
pub mod events;
pub mod feeds;
pub mod follows;
pub mod keys;
pub mod live;
pub mod notifications;
pub mod relations;
pub mod tokens;
pub mod users;
pub mod webhooks;

use crate::routes::At;

/// Every path of `/v1`, with its methods.
pub fn routes() -> Vec<At> {
    vec![
        // The framework tries one pattern after the other, each by a regular expression: what is asked most stands first.
        At::new("/v1/feeds/{username}/friends").get(feeds::friends),
        At::new("/v1/feeds/{username}").get(feeds::own),
        At::new("/v1/activities").get(activities::find).post(activities::post),
        At::new("/v1/feeds/{username}/mentions").get(feeds::mentions),
        At::new("/v1/feeds/{username}/friends/explain").get(feeds::explain),
        At::new("/v1/users").get(users::list),
        At::new("/v1/users/{username}")
            .get(users::get)
            .put(users::put)
            .patch(users::patch)
            .delete(users::erase),
        At::new("/v1/users/{username}/tokens").post(tokens::mint),
        At::new("/v1/users/{username}/following").get(follows::following).post(follows::batch),
        At::new("/v1/users/{username}/following/{followee}")
            .get(follows::get)
            .put(follows::put)
            .delete(follows::delete),
        At::new("/v1/users/{username}/followers").get(follows::followers),
        At::new("/v1/users/{username}/relationships").get(follows::relationships),
        At::new("/v1/users/{username}/blocks").get(relations::blocks),
        At::new("/v1/users/{username}/blocks/{other}").put(relations::block).delete(relations::unblock),
        At::new("/v1/users/{username}/mutes").get(relations::mutes),
        At::new("/v1/users/{username}/mutes/{other}").put(relations::mute).delete(relations::unmute),
        At::new("/v1/activities/batch").post(batch::post),
        At::new("/v1/activities/{id}")
            .get(activities::get)
            .patch(activities::patch)
            .delete(activities::delete),
        At::new("/v1/events").get(events::list),
        At::new("/v1/keys").get(keys::list).post(keys::create),
        At::new("/v1/keys/{id}").get(keys::get).delete(keys::revoke),
        At::new("/v1/webhooks").get(webhooks::list).post(webhooks::create),
        At::new("/v1/webhooks/{id}").get(webhooks::get).patch(webhooks::patch).delete(webhooks::delete),
        At::new("/v1/webhooks/{id}/secret").post(webhooks::rotate),
        At::new("/v1/webhooks/{id}/replay").post(deliveries::replay),
        At::new("/v1/webhooks/{id}/deliveries").get(deliveries::list),
        At::new("/v1/webhooks/{id}/deliveries/{position}").get(deliveries::get),
        At::new("/v1/webhooks/{id}/deliveries/{position}/redeliver").post(deliveries::redeliver),
        At::new("/v1/feeds/{username}/friends/changes").get(changes::friends),
        At::new("/v1/feeds/{username}/friends/live").get(live::friends),
        At::new("/v1/feeds/{username}/notifications").get(notifications::list),
        At::new("/v1/feeds/{username}/notifications/marks").post(notifications::mark),
    ]
}
