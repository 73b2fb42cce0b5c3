//! What kind of request each route takes: which limit it counts for, how much it matters, what it needs.
//!
//! Most follows from the method; the lines here are what does not.

use actix_web::http::Method;

use crate::{limits::Class, problem::Failure, query::Query, shedding::Rank};

/// What a request needs of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing.
    Nothing,
    /// A page of a feed, which memory may answer.
    Feed,
    /// To read.
    Reading,
    /// To write.
    Writing,
}

/// What kind of request it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traffic {
    /// The limit that it counts for; none: it is never counted.
    pub class: Option<Class>,
    /// How much it matters.
    pub rank: Rank,
    /// What it needs.
    pub needs: Needs,
}

const fn traffic(class: Option<Class>, rank: Rank, needs: Needs) -> Traffic {
    Traffic { class, rank, needs }
}

const READ: Traffic = traffic(Some(Class::Read), Rank::FirstPage, Needs::Reading);
const LIST: Traffic = traffic(Some(Class::Read), Rank::List, Needs::Reading);
const FEED: Traffic = traffic(Some(Class::Read), Rank::FirstPage, Needs::Feed);
const WRITE: Traffic = traffic(Some(Class::Write), Rank::Write, Needs::Writing);
const MANY: Traffic = traffic(Some(Class::Heavy), Rank::Write, Needs::Writing);
/// Many rows, for development.
const DUMP: Traffic = traffic(Some(Class::Heavy), Rank::List, Needs::Reading);
const DOCUMENT: Traffic = traffic(Some(Class::Read), Rank::FirstPage, Needs::Nothing);
const OPERATOR: Traffic = traffic(None, Rank::Never, Needs::Nothing);

/// Routes of which the method does not tell all.
pub const TABLE: &[(&str, &str, Traffic)] = &[
    ("GET", "/livez", OPERATOR),
    ("GET", "/healthz", OPERATOR),
    ("GET", "/readyz", OPERATOR),
    ("GET", "/metrics", OPERATOR),
    ("GET", "/", DOCUMENT),
    ("GET", "/openapi.json", DOCUMENT),
    ("GET", "/docs", DOCUMENT),
    ("GET", "/docs/{file}", DOCUMENT),
    ("GET", "/web/{file}", DOCUMENT),
    ("GET", "/web/vendor/{file}", DOCUMENT),
    ("GET", "/v1/users", LIST),
    ("GET", "/v1/users/{username}/following", LIST),
    ("GET", "/v1/users/{username}/followers", LIST),
    ("GET", "/v1/users/{username}/blocks", LIST),
    ("GET", "/v1/users/{username}/mutes", LIST),
    ("GET", "/v1/events", LIST),
    ("GET", "/v1/keys", LIST),
    ("GET", "/v1/webhooks", LIST),
    ("GET", "/v1/webhooks/{id}/deliveries", LIST),
    ("GET", "/v1/feeds/{username}", FEED),
    ("GET", "/v1/feeds/{username}/friends", FEED),
    ("GET", "/v1/feeds/{username}/mentions", FEED),
    ("POST", "/v1/activities/batch", MANY),
    ("POST", "/v1/users/{username}/following", MANY),
    ("GET", "/feed/{username}", FEED),
    ("GET", "/feed/{username}/friends", FEED),
    ("GET", "/reset", MANY),
    ("GET", "/user", DUMP),
    ("GET", "/activity", DUMP),
    ("GET", "/follows", DUMP),
];

/// From so many activities on, passing over them to a numbered page is much work.
const DEEP_ITEMS: u64 = 200;

/// What kind of requests a route takes.
pub fn of(method: &Method, path: &str) -> Traffic {
    let method = if *method == Method::HEAD { &Method::GET } else { method };
    let line = TABLE.iter().find(|(of, at, _)| *at == path && *of == method.as_str());
    match line {
        Some((.., traffic)) => *traffic,
        None if *method == Method::GET => READ,
        None => WRITE,
    }
}

impl Traffic {
    /// What kind of request this one is: a page that is not the first matters less, and a numbered one far down is much work.
    #[must_use]
    pub fn asked_by(mut self, query: &str, page_size: usize) -> Self {
        let may_matter = ["cursor", "page", "%"].iter().any(|part| query.contains(part));
        if !may_matter || !matches!(self.needs, Needs::Feed | Needs::Reading) {
            return self;
        }
        // A query that cannot be read is refused by the handler.
        let Ok(page) = page_of(query) else { return self };
        let Page { has_cursor, number: page } = page;
        if has_cursor {
            self.rank = self.rank.min(Rank::List);
        }
        if self.needs == Needs::Feed && 1 < page {
            self.rank = self.rank.min(Rank::List);
            if DEEP_ITEMS <= (page - 1).saturating_mul(page_size as u64) {
                self.class = self.class.map(|_| Class::Heavy);
            }
        }
        self
    }
}

/// Which page a query asks for.
struct Page {
    has_cursor: bool,
    number: u64,
}

fn page_of(query: &str) -> Result<Page, Failure> {
    let number = |page: Option<&str>| page.and_then(|page| page.parse::<u64>().ok()).unwrap_or(1);
    if query.contains(['%', '+']) {
        let query = Query::parse(query)?;
        let has_cursor = !query.all("cursor").is_empty();
        return Ok(Page { has_cursor, number: number(query.all("page").first().copied()) });
    }
    // Nothing has to be decoded, as in nearly every query.
    let value_of = |name: &str| {
        let mut pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        pairs.find(|(given, _)| *given == name).map(|(_, value)| value)
    };
    Ok(Page { has_cursor: value_of("cursor").is_some(), number: number(value_of("page")) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(path: &str, query: &str) -> (Option<Class>, Rank) {
        let traffic = of(&Method::GET, path).asked_by(query, 20);
        (traffic.class, traffic.rank)
    }

    #[test]
    fn the_method_tells_what_no_line_does() {
        assert_eq!(of(&Method::GET, "/v1/users/{username}"), READ);
        assert_eq!(of(&Method::HEAD, "/v1/users"), LIST);
        assert_eq!(of(&Method::PUT, "/v1/users/{username}"), WRITE);
        assert_eq!(of(&Method::DELETE, "/v1/activities/{id}"), WRITE);
        assert_eq!(of(&Method::GET, "/livez").class, None);
    }

    #[test]
    fn a_page_that_is_not_the_first_matters_less() {
        let read = Some(Class::Read);
        for path in ["/v1/feeds/{username}/friends", "/feed/{username}"] {
            assert_eq!(get(path, ""), (read, Rank::FirstPage));
            assert_eq!(get(path, "limit=5&verb=page"), (read, Rank::FirstPage));
        }
        assert_eq!(get("/v1/feeds/{username}", "limit=5&cursor=abc"), (read, Rank::List));
        assert_eq!(get("/v1/feeds/{username}", "c%75rsor=abc"), (read, Rank::List));
        assert_eq!(get("/feed/{username}", "page=1"), (read, Rank::FirstPage));
        assert_eq!(get("/feed/{username}", "page=2"), (read, Rank::List));
    }

    #[test]
    fn a_deep_numbered_page_is_heavy() {
        assert_eq!(get("/feed/{username}", "page=10").0, Some(Class::Read));
        assert_eq!(get("/feed/{username}", "page=11").0, Some(Class::Heavy));
        assert_eq!(get("/feed/{username}/friends", "p%61ge=2147483647").0, Some(Class::Heavy));
        assert_eq!(get("/feed/{username}", "page=18446744073709551615").0, Some(Class::Heavy));
        assert_eq!(get("/livez", "page=11&cursor=x"), (None, Rank::Never));
    }

    #[test]
    fn every_line_is_of_a_route() {
        let routes = crate::routes::all();
        for (method, path, _) in TABLE {
            let found = routes.iter().find(|at| at.path == *path);
            let methods = found.map(|at| at.methods.iter().map(Method::as_str).collect::<Vec<_>>());
            assert!(methods.is_some_and(|methods| methods.contains(method)), "{method} {path}");
        }
    }
}
