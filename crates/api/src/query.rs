//! Queries, read strictly: a parameter that is not understood as written is a 400, one that is not known is left alone.

use std::{
    future::{Ready, ready},
    str::FromStr,
};

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use feed_me_domain::{PageLimit, services::PageRequest};

use crate::problem::{self, Failure};

/// The parameters of a query, decoded, in the order sent.
#[derive(Debug)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads a raw query (`a=b&c=d`).
    pub fn parse(raw: &str) -> Result<Self, Failure> {
        let parts = raw.split('&').filter(|part| !part.is_empty());
        let pairs = parts.map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            Ok((decoded(name)?, decoded(value)?))
        });
        pairs.collect::<Result<_, _>>().map(Self)
    }

    /// Every value of a parameter.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.0.iter().filter(|(given, _)| given == name).map(|(_, value)| value.as_str()).collect()
    }

    /// The value of a parameter that is given once at most.
    pub fn one(&self, name: &str) -> Result<Option<&str>, Failure> {
        match self.all(name)[..] {
            [] => Ok(None),
            [value] => Ok(Some(value)),
            [..] => Err(Failure::parameter(name, "is given more than once")),
        }
    }

    /// The value of a parameter that has to be given.
    pub fn required(&self, name: &str) -> Result<&str, Failure> {
        self.one(name)?.ok_or_else(|| Failure::parameter(name, "is required"))
    }

    /// A parameter that is `true` or `false`; false where it is not given.
    pub fn flag(&self, name: &str) -> Result<bool, Failure> {
        match self.one(name)? {
            None => Ok(false),
            Some(value) => bool::from_str(value).map_err(|_| {
                Failure::parameter(name, format!("must be true or false, not '{}'", cut(value)))
            }),
        }
    }

    /// `limit` and `cursor`, which every list has.
    pub fn page(&self) -> Result<PageRequest, Failure> {
        let limit = match self.one("limit")? {
            None => PageLimit::default(),
            Some(raw) => PageLimit::parse(raw)
                .map_err(|why| Failure::parameter("limit", format!("{why}, not '{}'", cut(raw))))?,
        };
        let cursor = match self.one("cursor")? {
            Some("") => return Err(Failure::parameter("cursor", "must not be empty")),
            given => given.map(str::to_owned),
        };
        Ok(PageRequest { limit, cursor })
    }

    /// The query written anew with another value of `name`.
    pub fn with(&self, name: &str, value: &str) -> String {
        let mut written = String::with_capacity(value.len() + 32);
        self.write_without(&mut written, name);
        written.extend([name, "=", &crate::names::encoded(value)]);
        written
    }

    /// Appends the query written anew without `name`, as far as the place where one more parameter may follow.
    pub fn write_without(&self, out: &mut String, name: &str) {
        for (name, value) in self.0.iter().filter(|(given, _)| given != name) {
            out.extend([&crate::names::encoded(name), "=", &crate::names::encoded(value), "&"]);
        }
    }
}

impl FromRequest for Query {
    type Error = Failure;
    type Future = Ready<Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::parse(request.query_string()))
    }
}

/// A value for a message.
pub fn cut(value: &str) -> String {
    value.chars().take(100).collect()
}

/// Decodes as forms do: `+` is a blank.
fn decoded(raw: &str) -> Result<String, Failure> {
    let refused =
        |why: &str| Failure::new(problem::MALFORMED_QUERY, format!("'{}' in the query {why}", cut(raw)));
    if raw.contains('+') {
        return crate::names::decoded(&raw.replace('+', "%20")).map_err(refused);
    }
    crate::names::decoded(raw).map_err(refused)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_are_decoded_as_forms_do() {
        let query = Query::parse("with=a+b&with=%C3%A9&&empty&x=1=2").unwrap();
        assert_eq!(query.all("with"), ["a b", "é"]);
        assert_eq!(query.one("empty").unwrap(), Some(""));
        assert_eq!(query.one("x").unwrap(), Some("1=2"));
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for raw in ["a=%", "a=%zz", "a=%FF", "%FF=a"] {
            assert_eq!(Query::parse(raw).unwrap_err().kind, problem::MALFORMED_QUERY, "{raw}");
        }
        for raw in ["limit=0", "limit=101", "limit=", "limit=1&limit=1", "cursor=", "cursor=a&cursor=b"] {
            assert_eq!(
                Query::parse(raw).unwrap().page().unwrap_err().kind,
                problem::INVALID_REQUEST,
                "{raw}"
            );
        }
        for raw in ["f=yes", "f=", "f=TRUE", "f=1", "f=true&f=true"] {
            assert!(Query::parse(raw).unwrap().flag("f").is_err(), "{raw}");
        }
        assert!(Query::parse("f=true").unwrap().flag("f").unwrap());
    }

    #[test]
    fn a_query_written_anew_keeps_the_rest() {
        let query = Query::parse("verb=a+b&cursor=old&verb=c%26").unwrap();
        assert_eq!(query.with("cursor", "new"), "verb=a%20b&verb=c%26&cursor=new");
    }

    proptest! {
        #[test]
        fn any_query_is_answered(raw in "\\PC{0,200}") {
            if let Ok(query) = Query::parse(&raw) {
                let _ = (query.page(), query.flag("include_self"));
            }
        }
    }
}
