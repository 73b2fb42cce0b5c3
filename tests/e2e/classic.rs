//! The routes of the first feed-me, at the root of the server.

mod development;
mod errors;
mod paging;
mod tasks;

use serde_json::{Value, json};

use crate::kit::World;

/// An ACTIVITY of the classic routes, at the instant that is stored.
fn activity(datetime: &Value, actor: &str, verb: &str, object: &str, target: &str) -> Value {
    json!({ "actor": actor, "datetime": datetime, "object": object, "target": target, "verb": verb })
}

/// Loads the fixture and gives its activities, oldest first, whole.
async fn fixture(world: &World) -> Vec<Value> {
    let reset = world.get("/reset").await;
    let activities = reset.is(200).at("/Activities");
    let datetime = |at: usize| activities[at]["datetime"].clone();
    let wanted = vec![
        activity(&datetime(0), "ivan", "share", "post:1", "eric"),
        activity(&datetime(1), "niko", "like", "post:2", "ivan"),
        activity(&datetime(2), "eric", "post", "post:3", ""),
        activity(&datetime(3), "ivan", "follow", "null", "niko"),
    ];
    assert_eq!(
        reset.json(),
        json!({
            "Activities": wanted,
            "Followings": [{ "followee": "eric", "follower": "ivan" }],
            "users": [
                { "id": 1, "username": "ivan" },
                { "id": 2, "username": "niko" },
                { "id": 3, "username": "eric" },
            ],
        })
    );
    for activity in &wanted {
        assert_is_datetime(&activity["datetime"]);
    }
    wanted
}

/// UTC, to the second, without an offset: `2019-02-08T08:07:19`.
#[track_caller]
fn assert_is_datetime(datetime: &Value) {
    let text = datetime.as_str().unwrap_or_else(|| panic!("no string: {datetime}"));
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
    assert_eq!(shape, "9999-99-99T99:99:99", "{datetime}");
}
