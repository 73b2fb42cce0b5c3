//! Whom a scenario is about: found by asking the server itself, so that it does not matter how the database was filled.

use std::{collections::HashSet, net::SocketAddr, rc::Rc};

use anyhow::{Context, ensure};
use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    http::{Connection, get},
    random::{Purpose, Random},
    script::{Material, PAGE},
};

/// How many viewers a scenario draws from at most.
const VIEWERS_MAX: usize = 3_000;
/// How many deep cursors are collected at most, and how many viewers are walked for them.
const DEEP_MAX: usize = 150;
const WALKS_MAX: usize = 600;
/// How deep a deep page is: so many pages of a hundred.
const DEEP_PAGES: usize = 20;
/// From how many followees a viewer is a wide one.
const WIDE_MIN: u64 = 4_000;
/// For how many followees the time of a page is told apart: those of the table in the design, as far as users have them.
pub const FOLLOWEES: [(&str, u64); 4] = [
    ("alone-10-followees", 10),
    ("alone-50-followees", 50),
    ("alone-200-followees", 200),
    ("alone-1000-followees", 1_000),
];
/// How many follows each connection has to itself.
const PAIRS: usize = 4;
/// How many actors post.
const ACTORS_MAX: usize = 1_000;

/// Requests, ready to be sent, by what they are for; and names.
#[derive(Clone, Debug)]
pub struct Subjects {
    /// First pages of friends feeds, of any users that have one.
    pub first: Rc<[Vec<u8>]>,
    /// First pages of friends feeds of users who follow thousands.
    pub wide: Rc<[Vec<u8>]>,
    /// First pages of friends feeds of users who follow about as many as [`FOLLOWEES`] say, in that order.
    pub by_followees: Vec<Rc<[Vec<u8>]>>,
    /// Pages of friends feeds below 2,000 items.
    pub deep: Rc<[Vec<u8>]>,
    /// First pages of own feeds.
    pub own: Rc<[Vec<u8>]>,
    /// A page that was answered, of the size in the middle: the constant body.
    pub sample: Vec<u8>,
    actors: Rc<[String]>,
    pairs: Vec<(String, String)>,
}

#[derive(Clone, Debug, Deserialize)]
struct User {
    username: String,
    following: u64,
    activities: u64,
}

#[derive(Deserialize)]
struct PageOf<T> {
    items: Vec<T>,
    next_cursor: Option<String>,
}

impl Subjects {
    /// Looks for them. `connections` is how many will follow and unfollow at once.
    pub async fn find(address: SocketAddr, connections: u32) -> anyhow::Result<Self> {
        let mut server = Asking(Connection::open(address).await?);
        let mut random = Random::new(0x5AB1, Purpose::Places);
        let mut users = server.users().await?;
        ensure!(!users.is_empty(), "the database has no users");
        for last in (1..users.len()).rev() {
            let other = random.below(last as u64 + 1);
            users.swap(last, usize::try_from(other).unwrap_or(last));
        }
        let friends = |user: &&User| user.following > 0;
        let (first, sample) = server.full_pages(users.iter().filter(friends).map(User::friends)).await?;
        ensure!(!first.is_empty(), "no friends feed of the database has a full page");
        let wide = users.iter().filter(|user| user.following >= WIDE_MIN);
        let (wide, _) = server.full_pages(wide.map(User::friends)).await?;
        let mut by_followees = Vec::new();
        for (_, count) in FOLLOWEES {
            let about = |user: &&User| user.following.abs_diff(count) <= count / 10;
            let (pages, _) = server.full_pages(users.iter().filter(about).map(User::friends)).await?;
            by_followees.push(pages.into());
        }
        let own = users.iter().filter(|user| user.activities >= PAGE as u64);
        let (own, _) = server.full_pages(own.map(User::own)).await?;
        let deep = server.deep_pages(users.iter().filter(friends)).await?;
        let pairs = server.pairs(&users, &mut random, connections as usize * PAIRS).await?;
        let actors: Vec<String> = users.iter().take(ACTORS_MAX).map(|user| user.username.clone()).collect();
        Ok(Self {
            first: first.into(),
            wide: wide.into(),
            by_followees,
            deep: deep.into(),
            own: own.into(),
            sample,
            actors: actors.into(),
            pairs,
        })
    }

    /// What a connection needs to read `pages`, post, follow and unfollow.
    pub fn material(&self, pages: &Rc<[Vec<u8>]>, connection: u32) -> Material {
        let own = self.pairs.iter().skip(connection as usize * PAIRS).take(PAIRS);
        Material { pages: pages.clone(), actors: self.actors.clone(), pairs: own.cloned().collect() }
    }

    /// How many there are of each, for people.
    pub fn told(&self) -> String {
        format!(
            "viewers: {} with a full first page, {} of them with {WIDE_MIN} followees or more; {} pages below 2,000 items; {} own feeds",
            self.first.len(),
            self.wide.len(),
            self.deep.len(),
            self.own.len(),
        )
    }
}

impl User {
    fn friends(&self) -> String {
        format!("/v1/feeds/{}/friends", self.username)
    }

    fn own(&self) -> String {
        format!("/v1/feeds/{}", self.username)
    }
}

/// Asks one thing after the other.
struct Asking(Connection);

impl Asking {
    async fn read<T: DeserializeOwned>(&mut self, path: &str) -> anyhow::Result<T> {
        let answer = self.0.ask(&get(path)).await.with_context(|| format!("GET {path}"))?;
        ensure!(answer.status == 200, "GET {path} was answered with {}", answer.told());
        serde_json::from_slice(answer.body).with_context(|| format!("GET {path} answered no such JSON"))
    }

    /// All users whose names stand in a path as they are.
    async fn users(&mut self) -> anyhow::Result<Vec<User>> {
        let (mut users, mut path) = (Vec::new(), "/v1/users?limit=100".to_owned());
        loop {
            let page: PageOf<User> = self.read(&path).await?;
            users.extend(page.items.into_iter().filter(|user| is_plain(&user.username)));
            let Some(cursor) = page.next_cursor else { return Ok(users) };
            path = format!("/v1/users?limit=100&cursor={cursor}");
        }
    }

    /// Those of the feeds whose first page is full, as requests, and the page of the middle size.
    async fn full_pages(
        &mut self,
        feeds: impl Iterator<Item = String>,
    ) -> anyhow::Result<(Vec<Vec<u8>>, Vec<u8>)> {
        let (mut requests, mut pages) = (Vec::new(), Vec::new());
        for feed in feeds.take(VIEWERS_MAX) {
            let request = get(&format!("{feed}?limit={PAGE}"));
            let answer = self.0.ask(&request).await?;
            ensure!(answer.status == 200, "GET {feed} was answered with {}", answer.told());
            if answer.items() == PAGE {
                pages.push(answer.body.to_vec());
                requests.push(request);
            }
        }
        pages.sort_by_key(Vec::len);
        let sample = pages.get(pages.len() / 2).cloned().unwrap_or_default();
        Ok((requests, sample))
    }

    /// Pages of feeds below so many items, as requests, where a feed goes that deep.
    async fn deep_pages(&mut self, users: impl Iterator<Item = &User>) -> anyhow::Result<Vec<Vec<u8>>> {
        let mut deep = Vec::new();
        for user in users.take(WALKS_MAX) {
            if deep.len() == DEEP_MAX {
                break;
            }
            let feed = user.friends();
            let mut cursor = String::new();
            for page in 1..=DEEP_PAGES {
                let walked: PageOf<serde::de::IgnoredAny> =
                    self.read(&format!("{feed}?limit=100{cursor}")).await?;
                let Some(next) = walked.next_cursor else { break };
                cursor = format!("&cursor={next}");
                if page < DEEP_PAGES {
                    continue;
                }
                let request = get(&format!("{feed}?limit={PAGE}{cursor}"));
                if self.0.ask(&request).await?.items() == PAGE {
                    deep.push(request);
                }
            }
        }
        Ok(deep)
    }

    /// Who does not follow whom. Everybody follows in one pair at most, so that connections do not meet.
    async fn pairs(
        &mut self,
        users: &[User],
        random: &mut Random,
        count: usize,
    ) -> anyhow::Result<Vec<(String, String)>> {
        let (mut pairs, mut taken) = (Vec::new(), HashSet::new());
        for _ in 0..count * 100 {
            if pairs.len() == count {
                break;
            }
            let (follower, followee) = (&random.one_of(users).username, &random.one_of(users).username);
            if follower == followee || taken.contains(follower) {
                continue;
            }
            let path = format!("/v1/users/{follower}/following/{followee}");
            if self.0.ask(&get(&path)).await?.status == 404 {
                taken.insert(follower);
                pairs.push((follower.clone(), followee.clone()));
            }
        }
        ensure!(pairs.len() == count, "too few users to find {count} who do not follow each other");
        Ok(pairs)
    }
}

fn is_plain(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
}
