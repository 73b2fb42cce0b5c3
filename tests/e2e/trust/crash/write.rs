use reqwest::Method;
use serde_json::{Value, json};

use super::known::{Known, name_of};
use crate::kit::{Answer, Call, World};

/// Something that a writer writes.
#[derive(Clone, Debug)]
pub(super) enum Write {
    Post { body: Value, key: Option<String> },
    Batch { items: Vec<Value>, is_atomic: bool, key: Option<String> },
    Edit { id: String, verb: String },
    Delete { id: String },
    Follow { other: usize },
    Unfollow { other: usize },
    FollowMany { follow: usize, unfollow: Option<usize>, key: String },
}

impl Write {
    pub(super) fn key(&self) -> Option<&str> {
        match self {
            Self::Post { key, .. } | Self::Batch { key, .. } => key.as_deref(),
            Self::FollowMany { key, .. } => Some(key),
            _ => None,
        }
    }

    /// The request.
    pub(super) fn call(&self, world: &World, known: &Known) -> Call {
        let me = known.user(world);
        let link = |other: usize| me.link("following", &world.user(&name_of(other)));
        let call = match self {
            Self::Post { body, .. } => world.post("/v1/activities", body.clone()),
            Self::Batch { items, is_atomic, .. } => {
                let path = format!("/v1/activities/batch?atomic={is_atomic}");
                world.post(&path, json!({ "activities": items }))
            }
            Self::Edit { id, verb } => world.patch(&path_of(id), json!({ "verb": verb })),
            Self::Delete { id } => world.delete(&path_of(id)),
            Self::Follow { other } => world.call(Method::PUT, &link(*other)),
            Self::Unfollow { other } => world.delete(&link(*other)),
            Self::FollowMany { follow, unfollow, .. } => {
                let unfollow: Vec<_> = unfollow.iter().map(|other| name_of(*other)).collect();
                let body = json!({ "follow": [name_of(*follow)], "unfollow": unfollow });
                world.post(&format!("{}/following", me.path()), body)
            }
        };
        match self.key() {
            Some(key) => call.key(key),
            None => call,
        }
    }

    /// The answer is what it has to be, and from now on it is known.
    #[track_caller]
    pub(super) fn acknowledge(&self, known: &mut Known, answer: &Answer) {
        match self {
            Self::Post { body, .. } => {
                answer.is(201);
                learn_activity(known, body, &answer.json(), answer);
            }
            Self::Batch { items, .. } => {
                let results = answer.is(200).at("/results");
                assert_eq!(results.as_array().map(Vec::len), Some(items.len()), "{answer}");
                for (index, item) in items.iter().enumerate() {
                    assert_eq!(results[index]["status"], 201, "{answer}");
                    learn_activity(known, item, &results[index]["activity"], answer);
                }
            }
            Self::Edit { id, verb } => {
                let activity = answer.is(200).json();
                assert_eq!((&activity["id"], &activity["verb"]), (&json!(id), &json!(verb)), "{answer}");
                known.keep(&activity);
                *known.edits.entry(id.clone()).or_default() += 1;
            }
            Self::Delete { id } => {
                answer.is(204);
                known.forget(id);
            }
            Self::Follow { other } => {
                let is_new = known.following.insert(*other);
                answer.is(if is_new { 201 } else { 200 });
            }
            Self::Unfollow { other } => {
                let was_there = known.following.remove(other);
                answer.is(if was_there { 204 } else { 404 });
            }
            Self::FollowMany { follow, unfollow, .. } => {
                let is_new = known.following.insert(*follow);
                let mut wanted = vec![if is_new { 201 } else { 200 }];
                wanted.extend(unfollow.map(|other| if known.following.remove(&other) { 204 } else { 404 }));
                let results = answer.is(200).at("/results");
                let statuses: Vec<_> =
                    results.as_array().unwrap().iter().map(|it| it["status"].clone()).collect();
                assert_eq!(json!(statuses), json!(wanted), "{answer}");
            }
        }
    }

    /// Finds out whether this write, which had no answer, was carried out.
    pub(super) async fn settle(self, world: &World, known: &mut Known) {
        if self.key().is_some() {
            let answer = self.call(world, known).await;
            known.learn(self, answer);
            return;
        }
        match &self {
            Self::Post { body, .. } if body.get("external_id").is_some() => {
                let answer = self.call(world, known).await;
                assert!(answer.status == 200 || answer.status == 201, "{answer}");
                learn_activity(known, body, &answer.json(), &answer);
            }
            Self::Post { body, .. } => {
                look_for(world, known, std::slice::from_ref(body)).await;
            }
            Self::Batch { items, is_atomic, .. } => {
                let found = look_for(world, known, items).await;
                assert!(
                    !is_atomic || found == 0 || found == items.len(),
                    "half of a batch: {found} of {items:?}"
                );
            }
            Self::Edit { id, verb } => {
                let stored = world.get(&path_of(id)).await.is(200).json();
                if stored["verb"] == json!(verb) {
                    known.keep(&stored);
                    *known.edits.entry(id.clone()).or_default() += 1;
                }
            }
            Self::Delete { id } => match world.get(&path_of(id)).await.status.as_u16() {
                404 => known.forget(id),
                status => assert_eq!(status, 200),
            },
            Self::Follow { other } | Self::Unfollow { other } => {
                let link = known.user(world).link("following", &world.user(&name_of(*other)));
                match world.get(&link).await.status.as_u16() {
                    200 => known.following.insert(*other),
                    404 => known.following.remove(other),
                    status => panic!("GET {link} was answered {status}"),
                };
            }
            Self::FollowMany { .. } => unreachable!("it always has a key"),
        }
    }
}

/// Which of these are in the writer's own feed? They are known from now on; says how many were found.
async fn look_for(world: &World, known: &mut Known, bodies: &[Value]) -> usize {
    let feed = world.walk(&known.user(world).own_path(), 100).await;
    let is_wanted = |stored: &&Value| bodies.iter().any(|body| body["object"] == stored["object"]);
    let found: Vec<_> = feed.iter().filter(is_wanted).collect();
    for activity in &found {
        known.keep(activity);
    }
    found.len()
}

#[track_caller]
fn learn_activity(known: &mut Known, sent: &Value, stored: &Value, answer: &Answer) {
    for (member, value) in sent.as_object().unwrap() {
        assert_eq!(&stored[member], value, "{member} is not as it was sent: {answer}");
    }
    known.keep(stored);
}

fn path_of(id: &str) -> String {
    format!("/v1/activities/{id}")
}
