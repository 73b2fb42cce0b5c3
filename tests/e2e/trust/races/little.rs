use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde_json::{Value, json};

use crate::kit::{Call, World};

/// Somebody, whatever the name is.
type Person = usize;

/// The contract in small: users, follows, blocks and posts.
#[derive(Clone, Debug, Default)]
pub(super) struct Little {
    /// The name of each; none once erased.
    names: Vec<Option<&'static str>>,
    follows: BTreeSet<(Person, Person)>,
    blocks: BTreeSet<(Person, Person)>,
    posts: Vec<Post>,
}

#[derive(Clone, Debug)]
struct Post {
    actor: Person,
    object: &'static str,
    target: Option<Person>,
}

/// What is done. Names stand without the prefix of their scene.
#[derive(Clone, Debug)]
pub(super) enum Op {
    Create(&'static str),
    Rename(&'static str, &'static str),
    Erase(&'static str),
    Follow(&'static str, &'static str),
    Unfollow(&'static str, &'static str),
    Block(&'static str, &'static str),
    Unblock(&'static str, &'static str),
    /// Actor, object and target; the `external_id` is always the same.
    Post(&'static str, &'static str, Option<&'static str>),
}

/// What everybody can see of a scene: by name the counts, whom they follow and block, and what they posted to whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen(BTreeMap<String, SeenUser>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct SeenUser {
    counts: (u64, u64, u64),
    following: BTreeSet<String>,
    blocked: BTreeSet<String>,
    posts: BTreeSet<(String, Option<String>)>,
}

impl Little {
    fn find(&self, name: &str) -> Option<Person> {
        self.names.iter().position(|known| *known == Some(name))
    }

    fn name(&self, person: Person) -> String {
        self.names[person].unwrap_or("?").to_owned()
    }

    /// What everybody can see.
    pub(super) fn seen(&self) -> Seen {
        let count = |pairs: &BTreeSet<(Person, Person)>, is: &dyn Fn(&(Person, Person)) -> bool| {
            pairs.iter().filter(|pair| is(pair)).count() as u64
        };
        let mut users = BTreeMap::new();
        for (person, name) in self.names.iter().enumerate() {
            let Some(name) = name else { continue };
            let others = |pairs: &BTreeSet<(Person, Person)>| {
                pairs.iter().filter(|pair| pair.0 == person).map(|pair| self.name(pair.1)).collect()
            };
            let posts = self.posts.iter().filter(|post| post.actor == person);
            let posts: BTreeSet<_> = posts
                .map(|post| (post.object.to_owned(), post.target.map(|target| self.name(target))))
                .collect();
            let counts = (
                count(&self.follows, &|pair| pair.0 == person),
                count(&self.follows, &|pair| pair.1 == person),
                posts.len() as u64,
            );
            let (following, blocked) = (others(&self.follows), others(&self.blocks));
            users.insert((*name).to_owned(), SeenUser { counts, following, blocked, posts });
        }
        Seen(users)
    }
}

impl Op {
    /// Carries it out in the model and says what the contract answers.
    pub(super) fn apply(&self, little: &mut Little) -> u16 {
        match self {
            Self::Create(name) => {
                if little.find(name).is_some() {
                    return 200;
                }
                little.names.push(Some(name));
                201
            }
            Self::Rename(name, new) => match (little.find(name), little.find(new)) {
                (None, _) => 404,
                (Some(person), Some(holder)) if person != holder => 409,
                (Some(person), _) => {
                    little.names[person] = Some(new);
                    200
                }
            },
            Self::Erase(name) => {
                let Some(person) = little.find(name) else { return 404 };
                little.names[person] = None;
                little.follows.retain(|pair| pair.0 != person && pair.1 != person);
                little.blocks.retain(|pair| pair.0 != person && pair.1 != person);
                little.posts.retain(|post| post.actor != person);
                little
                    .posts
                    .iter_mut()
                    .filter(|post| post.target == Some(person))
                    .for_each(|post| post.target = None);
                200
            }
            Self::Post(actor, object, target) => little.post(actor, object, *target),
            Self::Follow(name, other)
            | Self::Unfollow(name, other)
            | Self::Block(name, other)
            | Self::Unblock(name, other) => match (little.find(name), little.find(other)) {
                (Some(person), Some(other)) => self.relate(little, (person, other)),
                _ => 404,
            },
        }
    }

    fn relate(&self, little: &mut Little, pair: (Person, Person)) -> u16 {
        let reverse = (pair.1, pair.0);
        match self {
            Self::Follow(..) | Self::Block(..) if pair == reverse => 409,
            Self::Follow(..) if little.blocks.contains(&pair) || little.blocks.contains(&reverse) => 403,
            Self::Follow(..) => {
                if little.follows.insert(pair) {
                    201
                } else {
                    200
                }
            }
            Self::Unfollow(..) => {
                if little.follows.remove(&pair) {
                    204
                } else {
                    404
                }
            }
            Self::Block(..) => {
                little.follows.remove(&pair);
                little.follows.remove(&reverse);
                if little.blocks.insert(pair) { 201 } else { 200 }
            }
            _ => {
                if little.blocks.remove(&pair) {
                    204
                } else {
                    404
                }
            }
        }
    }

    /// The request.
    pub(super) fn call(&self, world: &World, prefix: &str) -> Call {
        let user = |name: &str| world.user(&format!("{prefix}{name}"));
        let link = |kind: &str, name: &str, other: &str| user(name).link(kind, &user(other));
        match self {
            Self::Create(name) => world.put(&user(name).path(), json!({})),
            Self::Rename(name, new) => user(name).renames_to(&user(new).name),
            Self::Erase(name) => user(name).leaves(),
            Self::Follow(name, other) => world.call(Method::PUT, &link("following", name, other)),
            Self::Unfollow(name, other) => world.delete(&link("following", name, other)),
            Self::Block(name, other) => world.call(Method::PUT, &link("blocks", name, other)),
            Self::Unblock(name, other) => world.delete(&link("blocks", name, other)),
            Self::Post(actor, object, target) => {
                let target = target.map(|target| user(target).name);
                user(actor).posts_also("wrote", object, json!({ "target": target, "external_id": "the-one" }))
            }
        }
    }
}

impl Little {
    fn post(&mut self, actor: &str, object: &'static str, target: Option<&'static str>) -> u16 {
        let Some(actor) = self.find(actor) else { return 400 };
        let target = match target {
            None => None,
            Some(target) => match self.find(target) {
                None => return 400,
                person => person,
            },
        };
        match self.posts.iter().find(|post| post.actor == actor) {
            None => {
                self.posts.push(Post { actor, object, target });
                201
            }
            Some(stored) if stored.object == object && stored.target == target => 200,
            Some(_) => 409,
        }
    }
}

impl Seen {
    /// What the server shows of the users whose names begin with `prefix`.
    pub(super) async fn of(world: &World, prefix: &str) -> Self {
        let mut users = BTreeMap::new();
        let bare =
            |name: &Value| name.as_str().map(|name| name.strip_prefix(prefix).unwrap_or(name).to_owned());
        for user in world.walk(&format!("/v1/users?prefix={prefix}"), 100).await {
            let count = |member: &str| user[member].as_u64().unwrap();
            let counts = (count("following"), count("followers"), count("activities"));
            let person = world.user(user["username"].as_str().unwrap());
            let mut seen = SeenUser { counts, ..SeenUser::default() };
            for item in world.walk(&format!("{}/following", person.path()), 100).await {
                seen.following.extend(bare(&item["followee"]));
            }
            for item in world.walk(&format!("{}/blocks", person.path()), 100).await {
                seen.blocked.extend(bare(&item["username"]));
            }
            for item in world.walk(&person.own_path(), 100).await {
                seen.posts.insert((item["object"].as_str().unwrap().to_owned(), bare(&item["target"])));
            }
            users.extend(bare(&user["username"]).map(|name| (name, seen)));
        }
        Self(users)
    }
}
