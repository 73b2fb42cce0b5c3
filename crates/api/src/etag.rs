//! Entity tags and the conditions that clients set with them (RFC 9110, sections 8.8 and 13).

use actix_web::http::header::{HeaderMap, HeaderName};
use feed_me_domain::{ActivityTag, Precondition};
use sha2::{Digest, Sha256};
use twox_hash::XxHash3_128;

use crate::bodies::Told;

/// The tag of a state of an activity.
pub fn of_activity(tag: ActivityTag) -> String {
    quoted(&tag.0)
}

/// The tag of an answer that is told by its bytes.
pub fn of_body(body: &str) -> String {
    of_bytes(body.as_bytes())
}

/// The tag of bytes.
pub fn of_bytes(bytes: &[u8]) -> String {
    quoted(&Sha256::digest(bytes)[..16])
}

/// The tag of a page: follows from the ids, versions and names on it and from where it leads. XXH3 with 128 bits, by the
/// definition of its version 0.8, so that a tag outlives a restart; SHA-256 over the whole body would cost more than
/// writing the page does.
pub fn of_page(told: &[Told], next: Option<&str>, previous: &str) -> String {
    // Texts end with a byte that none of them has, so no two pages look alike.
    let mut said = Vec::with_capacity(told.len() * 48 + 256);
    for item in told {
        let (id, version, actor, target) = item.state();
        said.extend_from_slice(id.as_uuid().as_bytes());
        said.extend_from_slice(&version.to_be_bytes());
        said.extend_from_slice(actor.as_str().as_bytes());
        said.push(0xFF);
        said.extend_from_slice(target.map_or("", |target| target.as_str()).as_bytes());
        said.push(0xFF);
    }
    said.extend_from_slice(next.unwrap_or_default().as_bytes());
    said.push(0xFF);
    said.extend_from_slice(previous.as_bytes());
    quoted(&XxHash3_128::oneshot(&said).to_be_bytes())
}

fn quoted(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut tag = String::with_capacity(2 * bytes.len() + 2);
    tag.push('"');
    for &byte in bytes {
        for digit in [byte >> 4, byte & 0x0F] {
            tag.push(char::from(DIGITS[usize::from(digit)]));
        }
    }
    tag.push('"');
    tag
}

/// A list of tags in a header.
#[derive(Debug, PartialEq, Eq)]
enum Tags<'a> {
    Any,
    Of(Vec<Tag<'a>>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tag<'a> {
    is_weak: bool,
    opaque: &'a str,
}

/// Reads all lines of a header; none where there is none. What is not a tag matches nothing.
fn listed<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Tags<'a>> {
    let mut tags = None;
    for line in headers.get_all(name) {
        let tags = tags.get_or_insert_with(Vec::new);
        let Ok(line) = line.to_str() else { continue };
        if line.trim() == "*" {
            return Some(Tags::Any);
        }
        tags.extend(parsed(line));
    }
    tags.map(Tags::Of)
}

fn parsed(line: &str) -> Vec<Tag<'_>> {
    let mut tags = Vec::new();
    let mut rest = line;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let (is_weak, after) = match rest.strip_prefix("W/") {
            Some(after) => (true, after),
            None => (false, rest),
        };
        let tag = after.strip_prefix('"').and_then(|after| after.split_once('"'));
        let Some((opaque, after)) = tag else { return tags };
        tags.push(Tag { is_weak, opaque });
        rest = after;
    }
}

/// What `If-Match` asks of the stored activity. A weak tag never matches.
pub fn if_match(headers: &HeaderMap) -> Precondition {
    match listed(headers, &actix_web::http::header::IF_MATCH) {
        None | Some(Tags::Any) => Precondition::None,
        Some(Tags::Of(tags)) => Precondition::OneOf(
            tags.iter().filter(|tag| !tag.is_weak).filter_map(|tag| activity_tag(tag.opaque)).collect(),
        ),
    }
}

fn activity_tag(opaque: &str) -> Option<ActivityTag> {
    // Only the form that `of_activity` writes; `from_str_radix` alone would take a sign too.
    if opaque.len() != 32 || !opaque.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    u128::from_str_radix(opaque, 16).ok().map(|number| ActivityTag(number.to_be_bytes()))
}

/// Whether `If-None-Match` names `current` (by weak comparison): then the form of the tag that the client has.
pub fn if_none_match(headers: &HeaderMap, current: &str) -> Option<String> {
    match listed(headers, &actix_web::http::header::IF_NONE_MATCH)? {
        Tags::Any => Some(current.to_owned()),
        Tags::Of(tags) => {
            let known = tags.iter().find(|tag| current.trim_matches('"') == tag.opaque)?;
            Some(if known.is_weak { format!("W/{current}") } else { current.to_owned() })
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderValue, IF_MATCH, IF_NONE_MATCH};
    use proptest::prelude::*;

    use super::*;

    fn headers(name: &HeaderName, lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(name.clone(), HeaderValue::from_str(line).unwrap());
        }
        headers
    }

    #[test]
    fn if_none_match_compares_weakly() {
        let matched = |lines: &[&str]| if_none_match(&headers(&IF_NONE_MATCH, lines), "\"ab\"");
        assert_eq!(matched(&["\"ab\""]).as_deref(), Some("\"ab\""));
        assert_eq!(matched(&["\"x,y\", W/\"ab\""]).as_deref(), Some("W/\"ab\""));
        assert_eq!(matched(&["\"x\"", "\"ab\""]).as_deref(), Some("\"ab\""));
        assert_eq!(matched(&["*"]).as_deref(), Some("\"ab\""));
        assert_eq!(matched(&["\"x\"", "ab", "\"ab"]), None);
        assert_eq!(matched(&[]), None);
    }

    #[test]
    fn if_match_compares_strongly() {
        let tag = ActivityTag([0xAB; 16]);
        let asked = |lines: &[&str]| if_match(&headers(&IF_MATCH, lines));
        assert_eq!(asked(&[&of_activity(tag)]), Precondition::OneOf(vec![tag]));
        assert_eq!(asked(&[&format!("W/{}", of_activity(tag))]), Precondition::OneOf(vec![]));
        assert_eq!(asked(&["nonsense"]), Precondition::OneOf(vec![]));
        assert_eq!(asked(&[&of_activity(tag).to_uppercase()]), Precondition::OneOf(vec![]));
        assert_eq!(asked(&["*"]), Precondition::None);
        assert_eq!(asked(&[]), Precondition::None);
    }

    proptest! {
        #[test]
        fn any_header_is_answered(line in "[ -~]{0,80}") {
            let _ = if_match(&headers(&IF_MATCH, &[&line]));
            let _ = if_none_match(&headers(&IF_NONE_MATCH, &[&line]), "\"ab\"");
        }
    }
}
