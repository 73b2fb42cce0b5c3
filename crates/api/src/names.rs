//! Names in paths, read from the bytes that the client sent: the framework's own decoding loses what is not UTF-8.

use std::{
    borrow::Cow,
    future::{Ready, ready},
};

use actix_web::{Error, FromRequest, HttpRequest, dev::Payload};
use feed_me_domain::{ActivityId, KeyId, Username};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{
    passage::route_of,
    problem::{self, Failure},
};

/// The segments of the path that the route gives a name.
pub struct PathNames(Vec<(&'static str, String)>);

impl PathNames {
    /// Pairs the `{parameters}` of a pattern with the raw segments of a path; both have the same slashes.
    pub(crate) fn of(pattern: &'static str, path: &str) -> Self {
        let pairs = pattern.split('/').zip(path.split('/')).filter_map(|(part, raw)| {
            let name = part.strip_prefix('{')?.strip_suffix('}')?;
            Some((name, raw.to_owned()))
        });
        Self(pairs.collect())
    }

    fn raw(&self, parameter: &str) -> Result<&str, Failure> {
        let found = self.0.iter().find(|(name, _)| *name == parameter);
        found.map(|(_, raw)| raw.as_str()).ok_or_else(|| {
            Failure::internal(format!("the path has no parameter '{parameter}' that a handler asks for"))
        })
    }

    /// The username at a parameter.
    pub fn user(&self, parameter: &str) -> Result<Username, Failure> {
        let raw = self.raw(parameter)?;
        let refused = |why: &dyn std::fmt::Display| {
            Failure::new(problem::INVALID_USERNAME, format!("the username '{}' {why}", shown(raw)))
        };
        let name = decoded(raw).map_err(|why| refused(&why))?;
        Username::parse(&name).map_err(|why| refused(&why))
    }

    /// The id of an activity at a parameter. What cannot be an id is one that nothing has.
    pub fn activity(&self, parameter: &str) -> Result<ActivityId, Failure> {
        let raw = self.raw(parameter)?;
        decoded(raw).ok().and_then(|id| ActivityId::parse(&id)).ok_or_else(|| {
            let detail = format!("there is no activity with the id {}", shown(raw));
            Failure::new(problem::ACTIVITY_NOT_FOUND, detail)
        })
    }
}

impl PathNames {
    /// The id of an application key at a parameter.
    pub fn key(&self, parameter: &str) -> Result<KeyId, Failure> {
        let raw = self.raw(parameter)?;
        decoded(raw).ok().and_then(|id| KeyId::parse(&id)).ok_or_else(|| {
            let detail = format!("there is no application key with the id {}", shown(raw));
            Failure::new(problem::KEY_NOT_FOUND, detail)
        })
    }
}

impl FromRequest for PathNames {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let pattern = route_of(request).unwrap_or_default();
        ready(Ok(Self::of(pattern, request.uri().path())))
    }
}

/// Decodes a segment strictly: what is no escape, or no UTF-8 in the end, is refused.
pub(crate) fn decoded(raw: &str) -> Result<String, &'static str> {
    if !raw.contains('%') {
        return Ok(raw.to_owned());
    }
    let mut out = Vec::with_capacity(raw.len());
    let mut bytes = raw.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digits = (bytes.next().and_then(hex), bytes.next().and_then(hex));
            let (Some(high), Some(low)) = digits else {
                return Err("has a '%' that two hexadecimal digits do not follow");
            };
            out.push((high << 4) | low);
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).map_err(|_| "is not UTF-8")
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// A raw segment for a message: not longer than a name can be.
fn shown(raw: &str) -> String {
    const SHOWN_MAX: usize = 240;
    if raw.chars().count() <= SHOWN_MAX {
        return raw.to_owned();
    }
    raw.chars().take(SHOWN_MAX).chain("…".chars()).collect()
}

/// What stays as it is in a segment (RFC 3986, unreserved).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Writes a name as a segment of a path.
pub fn encoded(name: &str) -> Cow<'_, str> {
    let stays = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
    if name.bytes().all(stays) {
        return Cow::Borrowed(name);
    }
    utf8_percent_encode(name, SEGMENT).into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn user(raw: &str) -> Result<String, String> {
        let names =
            PathNames::of("/v1/users/{username}/blocks/{other}", &format!("/v1/users/{raw}/blocks/x"));
        names.user("username").map(|name| name.as_str().to_owned()).map_err(|failure| failure.detail)
    }

    #[test]
    fn a_name_is_decoded_once_and_strictly() {
        assert_eq!(user("%2541").unwrap(), "%41");
        assert_eq!(user("a%20b").unwrap(), "a b");
        assert_eq!(user("a+b").unwrap(), "a+b");
        assert_eq!(user("%F0%9F%98%80").unwrap(), "😀");
    }

    #[test]
    fn a_name_that_cannot_be_is_refused_with_the_reason() {
        assert!(user("%FF").unwrap_err().contains("is not UTF-8"));
        assert!(user("%zz").unwrap_err().contains("hexadecimal"));
        assert!(user("a%4").unwrap_err().contains("hexadecimal"));
        assert!(user("a%2Fb").unwrap_err().contains("U+002F"));
        assert!(user("%00").unwrap_err().contains("U+0000"));
        assert!(user("%2E%2e").unwrap_err().contains("must not be"));
    }

    proptest! {
        #[test]
        fn every_username_survives_its_path(name in "\\PC{1,80}") {
            if let Ok(valid) = Username::parse(&name) {
                prop_assert_eq!(user(&encoded(&name)).unwrap(), valid.as_str());
            }
        }

        #[test]
        fn any_segment_is_answered(raw in "[^/]{0,100}") {
            let _ = user(&raw);
        }
    }
}
