use proptest::{char::any as any_char, collection::vec, prelude::*, sample::select};

use super::{fuzz, stage};
use crate::kit::raw_answer;

/// Characters at which somebody draws a line.
const EDGES: &[char] = &[
    'a',
    'Z',
    '0',
    '-',
    '_',
    '.',
    '/',
    '\\',
    '%',
    '+',
    ' ',
    '?',
    '#',
    '&',
    '=',
    '{',
    '}',
    '<',
    '"',
    '\'',
    ';',
    ':',
    '@',
    '\0',
    '\t',
    '\n',
    '\r',
    '\u{7f}',
    '\u{80}',
    '\u{85}',
    '\u{9f}',
    '\u{a0}',
    '\u{ad}',
    '\u{301}',
    '\u{200b}',
    '\u{200c}',
    '\u{200d}',
    '\u{200e}',
    '\u{200f}',
    '\u{2028}',
    '\u{2029}',
    '\u{202a}',
    '\u{202e}',
    '\u{202f}',
    '\u{2065}',
    '\u{2066}',
    '\u{2069}',
    '\u{206a}',
    '\u{3000}',
    '\u{feff}',
    '\u{fffd}',
    '\u{ffff}',
    '\u{10000}',
    '\u{1f600}',
    '\u{e0001}',
    '\u{10ffff}',
    'é',
    'İ',
    'ß',
];

/// A name and how it is written in a path.
fn name() -> impl Strategy<Value = Vec<u8>> {
    let character = || prop_oneof![3 => select(EDGES), 1 => any_char(), 1 => select(&['x', 'y'][..])];
    let text = |length| {
        vec(character(), length).prop_map(|chars| chars.into_iter().collect::<String>().into_bytes())
    };
    prop_oneof![
        6 => text(1..6),
        2 => text(78..83),
        1 => text(0..2),
        1 => vec(any::<u8>(), 1..8),
        1 => Just(b".".to_vec()),
        1 => Just(b"..".to_vec()),
    ]
}

/// The contract's rule, written down once more.
fn is_username(name: &[u8]) -> bool {
    let Ok(name) = std::str::from_utf8(name) else { return false };
    let is_forbidden = |c: char| {
        c.is_control()
            || c == '/'
            || matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    (1..=80).contains(&name.chars().count())
        && !name.contains(is_forbidden)
        && name.trim() == name
        && name != "."
        && name != ".."
}

#[test]
fn a_path_names_a_user_exactly_when_the_name_is_one() {
    let (_runtime, world) = stage();
    let host = world.host();
    fuzz(&(name(), any::<bool>()), |(name, is_lower)| {
        let encoded: String = name
            .iter()
            .map(|byte| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => char::from(*byte).to_string(),
                _ if is_lower => format!("%{byte:02x}"),
                _ => format!("%{byte:02X}"),
            })
            .collect();
        let body = "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
        let (status, answer) = raw_answer(&host, &format!("PUT /v1/users/{encoded}"), body).unwrap();
        if !is_username(&name) {
            assert!(status == 400 || status == 404, "{encoded}: {answer}");
            return;
        }
        assert!(status == 200 || status == 201, "{encoded}: {answer}");
        for method in ["GET", "HEAD"] {
            let (status, answer) = raw_answer(&host, &format!("{method} /v1/users/{encoded}"), "").unwrap();
            assert_eq!(status, 200, "{encoded}: {answer}");
            let Some((_, json)) = answer.split_once("\r\n\r\n").filter(|_| method == "GET") else { continue };
            let user: serde_json::Value = serde_json::from_str(json).unwrap();
            assert_eq!(user["username"].as_str().map(str::as_bytes), Some(&*name), "{answer}");
        }
    });
}

#[test]
fn any_path_and_any_query_is_answered() {
    let (_runtime, world) = stage();
    let host = world.host();
    let part = || {
        prop_oneof![
            3 => select(&["v1", "users", "feeds", "activities", "following", "friends", "explain", "feed", "ivan", "docs", "batch"][..]).prop_map(str::to_owned),
            2 => "(%[0-9a-fA-F]{2}|%[0-9a-z]?|[!-~&&[^%#?/]]){0,6}".prop_map(|text| text),
            1 => "[.]{1,2}|",
        ]
    };
    let path = vec(part(), 0..6).prop_map(|parts| format!("/{}", parts.join("/")));
    let pair = (
        select(&["limit", "cursor", "verb", "with", "page", "prefix", "atomic", "from", "x", ""][..]),
        "(%[0-9a-f]{2}|[0-9]|[!-~&&[^#]]){0,5}",
    );
    let query = vec(pair, 0..4).prop_map(|pairs| {
        pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
    });
    let method = select(&["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"][..]);
    fuzz(&(method, path, query), |(method, path, query)| {
        // It wipes everything, which is another test's business.
        if path.contains("reset") {
            return;
        }
        let mark = if query.is_empty() { "" } else { "?" };
        let answer = raw_answer(&host, &format!("{method} {path}{mark}{query}"), "Content-Length: 0\r\n");
        if let Some((status, answer)) = answer {
            assert!(status < 500, "{method} {path}{mark}{query}: {answer}");
        }
    });
}
