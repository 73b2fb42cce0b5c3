use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use serde_json::{Value, json};

use crate::kit::{Answer, Call, World};

/// Somebody who uses the server.
pub(crate) struct User<'w> {
    pub(super) world: &'w World,
    pub(crate) name: String,
}

impl User<'_> {
    /// The name as a path has it.
    pub(crate) fn encoded(&self) -> String {
        utf8_percent_encode(&self.name, NON_ALPHANUMERIC).to_string()
    }

    pub(crate) fn path(&self) -> String {
        format!("/v1/users/{}", self.encoded())
    }

    /// The path of what this user has to do with another: `following`, `blocks` or `mutes`.
    pub(crate) fn link(&self, kind: &str, other: &User<'_>) -> String {
        format!("{}/{kind}/{}", self.path(), other.encoded())
    }

    fn feed_path(&self, rest: &str) -> String {
        format!("/v1/feeds/{}{rest}", self.encoded())
    }

    pub(crate) fn own_path(&self) -> String {
        self.feed_path("")
    }

    pub(crate) fn friends_path(&self) -> String {
        self.feed_path("/friends")
    }

    pub(crate) fn mentions_path(&self) -> String {
        self.feed_path("/mentions")
    }

    pub(crate) fn posts(&self, verb: &str, object: &str) -> Call {
        self.posts_also(verb, object, json!({}))
    }

    /// Posts an activity that targets another user.
    pub(crate) fn posts_to(&self, verb: &str, object: &str, target: &User<'_>) -> Call {
        self.posts_also(verb, object, json!({ "target": target.name }))
    }

    /// Posts an activity that was published at an instant.
    pub(crate) fn posts_at(&self, published: &str, verb: &str, object: &str) -> Call {
        self.posts_also(verb, object, json!({ "published": published }))
    }

    /// Posts an activity with these other members.
    pub(crate) fn posts_also(&self, verb: &str, object: &str, others: Value) -> Call {
        let mut body = json!({ "actor": self.name, "verb": verb, "object": object });
        if let (Some(body), Value::Object(others)) = (body.as_object_mut(), others) {
            body.extend(others);
        }
        self.world.post("/v1/activities", body)
    }

    pub(crate) fn follows(&self, other: &User<'_>) -> Call {
        self.world.call(Method::PUT, &self.link("following", other))
    }

    pub(crate) fn follows_from(&self, other: &User<'_>, from: &str) -> Call {
        self.world.put(&self.link("following", other), json!({ "from": from }))
    }

    pub(crate) fn unfollows(&self, other: &User<'_>) -> Call {
        self.world.delete(&self.link("following", other))
    }

    pub(crate) fn unfollows_keeping_history(&self, other: &User<'_>) -> Call {
        self.world.delete(&format!("{}?keep_history=true", self.link("following", other)))
    }

    pub(crate) fn blocks(&self, other: &User<'_>) -> Call {
        self.world.call(Method::PUT, &self.link("blocks", other))
    }

    pub(crate) fn unblocks(&self, other: &User<'_>) -> Call {
        self.world.delete(&self.link("blocks", other))
    }

    pub(crate) fn mutes(&self, other: &User<'_>) -> Call {
        self.world.call(Method::PUT, &self.link("mutes", other))
    }

    pub(crate) fn unmutes(&self, other: &User<'_>) -> Call {
        self.world.delete(&self.link("mutes", other))
    }

    pub(crate) fn renames_to(&self, name: &str) -> Call {
        self.world.patch(&self.path(), json!({ "username": name }))
    }

    pub(crate) fn leaves(&self) -> Call {
        self.world.delete(&self.path())
    }

    pub(crate) fn own_feed(&self) -> Call {
        self.world.get(&self.own_path())
    }

    pub(crate) fn friends_feed(&self) -> Call {
        self.world.get(&self.friends_path())
    }

    pub(crate) fn mentions(&self) -> Call {
        self.world.get(&self.mentions_path())
    }

    pub(crate) fn asks_why(&self, activity: &str) -> Call {
        self.world.get(&self.feed_path(&format!("/friends/explain?activity={activity}")))
    }

    /// What the user's own entry says: following, followers, activities.
    pub(crate) async fn counts(&self) -> (u64, u64, u64) {
        let answer: Answer = self.world.get(&self.path()).await;
        let user = answer.is(200).json();
        let count = |name: &str| user[name].as_u64().unwrap_or_else(|| panic!("no {name}: {answer}"));
        (count("following"), count("followers"), count("activities"))
    }
}
