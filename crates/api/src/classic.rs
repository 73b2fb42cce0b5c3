//! The classic routes: what the first feed-me answered, for ever.

pub mod activity;
pub mod development;
pub mod feed;
pub mod views;

use crate::routes::At;

/// Every classic path, with its methods; those for development only where they are on.
pub fn routes(dev_endpoints: bool) -> Vec<At> {
    let activity = At::new("/activity").post(activity::post);
    let mut routes = vec![
        At::new("/feed/{username}").get(feed::own).post(feed::follow_or_unfollow),
        At::new("/feed/{username}/friends").get(feed::friends),
    ];
    if dev_endpoints {
        routes.extend([
            activity.get(development::activities),
            At::new("/reset").get_alone(development::reset),
            At::new("/user").get(development::users),
            At::new("/follows").get(development::follows),
        ]);
    } else {
        routes.push(activity);
    }
    routes
}

/// Whether the errors of a route are told as `{"error":…}`.
pub fn is_classic(route: &str) -> bool {
    matches!(route, "/" | "/activity" | "/reset" | "/user" | "/follows") || route.starts_with("/feed/")
}
