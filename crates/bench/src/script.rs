//! What a connection of the driver asks for, one request after the other, and what it expects.

use std::rc::Rc;

use crate::{
    http::{Answer, write_request},
    random::{Purpose, Random},
};

/// How many items a page that is measured has.
pub const PAGE: usize = 20;

/// How many requests of a thousand are of each kind; the rest are reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mix {
    /// Posts.
    pub posts: u64,
    /// Follows and unfollows.
    pub follows: u64,
}

/// What may be asked for.
#[derive(Clone, Debug, Default)]
pub struct Material {
    /// Requests for pages, as bytes. Each is answered with [`PAGE`] items.
    pub pages: Rc<[Vec<u8>]>,
    /// Who may post.
    pub actors: Rc<[String]>,
    /// Who may follow whom, because they do not yet. No two connections have the same.
    pub pairs: Vec<(String, String)>,
}

/// What a request was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A page.
    Read,
    /// A post.
    Post,
    /// A follow.
    Follow,
    /// The end of that follow.
    Unfollow,
}

/// An endless row of requests.
#[derive(Debug)]
pub struct Script {
    mix: Mix,
    material: Material,
    random: Random,
    kind: Kind,
    page: usize,
    pair: usize,
    made: Vec<u8>,
    body: String,
}

impl Mix {
    /// Pages alone.
    pub const READS: Self = Self { posts: 0, follows: 0 };
    /// Posts alone.
    pub const POSTS: Self = Self { posts: 1000, follows: 0 };
    /// Follows and unfollows alone.
    pub const FOLLOWS: Self = Self { posts: 0, follows: 1000 };
    /// 90 reads, 5 posts, 5 follows and unfollows.
    pub const MIXED: Self = Self { posts: 50, follows: 50 };
}

impl Script {
    /// The script of one connection; its number decides what it draws.
    pub fn new(mix: Mix, material: Material, number: u32) -> Self {
        Self {
            mix,
            material,
            random: Random::new(0xD1CE, Purpose::Connection(number)),
            kind: Kind::Unfollow,
            page: 0,
            pair: 0,
            made: Vec::new(),
            body: String::new(),
        }
    }

    /// Goes on to the next request.
    pub fn advance(&mut self) -> Kind {
        let drawn = self.random.below(1000);
        // A follow that was begun is what says whether the next turn of that kind ends it.
        self.kind = if drawn < self.mix.posts {
            self.post();
            Kind::Post
        } else if drawn < self.mix.posts + self.mix.follows {
            self.follow_or_unfollow()
        } else {
            let place = self.random.below(self.material.pages.len() as u64);
            self.page = usize::try_from(place).unwrap_or(0);
            Kind::Read
        };
        self.kind
    }

    /// Goes on to the end of a follow that is under way, where one is: the next scenario begins with the same pairs.
    pub fn settle(&mut self) -> Option<Kind> {
        let is_under_way = !self.pair.is_multiple_of(2);
        if is_under_way {
            self.kind = self.follow_or_unfollow();
        }
        is_under_way.then_some(self.kind)
    }

    /// The bytes of the present request.
    pub fn request(&self) -> &[u8] {
        match self.kind {
            Kind::Read => &self.material.pages[self.page],
            Kind::Post | Kind::Follow | Kind::Unfollow => &self.made,
        }
    }

    /// Whether an answer to the present request is the right one. What is fast because it is wrong is no result.
    pub fn is_right(&self, answer: &Answer<'_>) -> bool {
        match self.kind {
            Kind::Read => answer.status == 200 && answer.items() == PAGE,
            Kind::Post | Kind::Follow => answer.status == 201,
            Kind::Unfollow => answer.status == 204,
        }
    }

    fn post(&mut self) {
        use std::fmt::Write;
        let actor = self.random.one_of(&self.material.actors);
        self.body.clear();
        let number = self.random.bits();
        // Writing to a string does not fail.
        let _ = write!(self.body, r#"{{"actor":"{actor}","verb":"update","object":"lemmy:{number:016x}"}}"#);
        self.made.clear();
        write_request(&mut self.made, "POST", "/v1/activities", &self.body);
    }

    /// The even turns follow, the odd ones end that follow.
    fn follow_or_unfollow(&mut self) -> Kind {
        let (follower, followee) = &self.material.pairs[self.pair / 2 % self.material.pairs.len()];
        let (method, kind) =
            if self.pair.is_multiple_of(2) { ("PUT", Kind::Follow) } else { ("DELETE", Kind::Unfollow) };
        self.pair += 1;
        self.made.clear();
        write_request(&mut self.made, method, &format!("/v1/users/{follower}/following/{followee}"), "");
        kind
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(mix: Mix) -> Script {
        let material = Material {
            pages: Rc::from([b"PAGE".to_vec()]),
            actors: Rc::from(["ivan".to_owned()]),
            pairs: vec![("ivan".to_owned(), "eric".to_owned()), ("ivan".to_owned(), "niko".to_owned())],
        };
        Script::new(mix, material, 0)
    }

    #[test]
    fn a_mixed_script_has_the_shares_that_it_should() {
        let mut script = script(Mix::MIXED);
        let kinds: Vec<Kind> = (0..20_000).map(|_| script.advance()).collect();
        let count = |kind| kinds.iter().filter(|it| **it == kind).count();
        assert!((17_800..18_200).contains(&count(Kind::Read)), "{}", count(Kind::Read));
        assert!((900..1_100).contains(&count(Kind::Post)), "{}", count(Kind::Post));
        assert!(count(Kind::Follow) - count(Kind::Unfollow) <= 1);
    }

    #[test]
    fn a_follow_is_ended_before_the_next_one_begins() {
        let mut script = script(Mix::FOLLOWS);
        let mut lines = Vec::new();
        for _ in 0..5 {
            script.advance();
            lines.push(
                String::from_utf8_lossy(script.request()).lines().next().unwrap().replace(" HTTP/1.1", ""),
            );
        }
        assert_eq!(
            lines,
            [
                "PUT /v1/users/ivan/following/eric",
                "DELETE /v1/users/ivan/following/eric",
                "PUT /v1/users/ivan/following/niko",
                "DELETE /v1/users/ivan/following/niko",
                "PUT /v1/users/ivan/following/eric",
            ]
        );
    }

    #[test]
    fn a_follow_that_is_under_way_at_the_end_is_ended_too() {
        let mut script = script(Mix::FOLLOWS);
        assert_eq!(script.settle(), None);
        script.advance();
        assert_eq!(script.settle(), Some(Kind::Unfollow));
        assert!(script.request().starts_with(b"DELETE /v1/users/ivan/following/eric "));
        assert_eq!(script.settle(), None);
    }

    #[test]
    fn a_page_that_is_short_or_an_error_is_not_right() {
        let mut script = script(Mix::READS);
        script.advance();
        let item = r#"{"published":"2026"}"#;
        let page = |count| vec![item; count].join(",").into_bytes();
        assert!(script.is_right(&Answer { status: 200, body: &page(20) }));
        assert!(!script.is_right(&Answer { status: 200, body: &page(19) }));
        assert!(!script.is_right(&Answer { status: 503, body: &page(20) }));
    }
}
