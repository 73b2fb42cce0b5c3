use std::fmt::Write;

use feed_me_api::transfer::{line_of, parse_line};
use feed_me_domain::Timestamp;
use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
};

use super::fuzz;
use crate::kit::{Place, Store};

const MEMBERS: &[&str] = &[
    "actor",
    "verb",
    "object",
    "target",
    "published",
    "external_id",
    "data",
    "id",
    "edited_at",
    "username",
    "display_name",
    "created_at",
    "follower",
    "followee",
    "since",
    "from",
    "kept",
    "blocker",
    "blocked",
    "muter",
    "muted",
    "until",
    "x",
];

const VALUES: &[&str] = &[
    "\"ivan\"",
    "\"eric\"",
    "\"\"",
    "\"share\"",
    "null",
    "1",
    "-0.0",
    "1e999",
    "true",
    "{}",
    "[]",
    "{\"a\":[1.50,\"\\u00e9\"]}",
    "{\"a\":1,\"a\":2}",
    "\"2026-02-24T21:20:58.1234567Z\"",
    "\"2026-02-24t21:20:58+05:30\"",
    "\"9999-12-31T23:59:59.999999Z\"",
    "\"0001-01-01T00:00:00Z\"",
    "\"0001-01-01T00:00:00+23:59\"",
    "\"9999-12-31T23:59:59-23:59\"",
    "\"2016-12-31T23:59:60Z\"",
    "\"019c91a9-5b3b-7123-8000-000000000000\"",
    "\"019c91a9-5b3b-4123-8000-000000000000\"",
    "\"\\ud800\"",
    "\"\\u0000\"",
    "[{\"from\":null,\"until\":\"2026-02-24T21:20:58Z\"}]",
    "[{\"from\":\"2026-02-24T21:20:58Z\",\"until\":\"2025-02-24T21:20:58Z\"}]",
    "[{}]",
    "[[]]",
    "\"é\u{1f600}\"",
];

/// A line of some kind with most members right.
fn line() -> impl Strategy<Value = String> {
    let base = select(
        &[
            r#"{"actor":"ivan","verb":"share","published":"2026-02-24T21:20:58.123456Z""#,
            r#"{"actor":"ivan","verb":"share","object":"post:1","target":"eric","published":"2020-02-24T21:20:58Z","data":{"a":[1,2]}"#,
            r#"{"follower":"ivan","followee":"eric""#,
            r#"{"follower":"ivan","followee":"eric","since":null,"kept":[{"from":null,"until":"2026-02-24T21:20:58Z"}]"#,
            r#"{"username":"ivan","display_name":"Ivan","created_at":"2026-02-24T21:20:58Z""#,
            r#"{"blocker":"ivan","blocked":"eric","since":"2026-02-24T21:20:58Z""#,
            r#"{"muter":"ivan","muted":"eric","since":"2026-02-24T21:20:58Z""#,
            r#"{"x":1"#,
        ][..],
    );
    (base, vec((select(MEMBERS), select(VALUES)), 0..3), vec((any::<Index>(), any::<u8>()), 0..2)).prop_map(
        |(base, others, changes)| {
            let mut line = base.to_owned();
            for (name, value) in others {
                let _ = write!(line, ",\"{name}\":{value}");
            }
            let mut bytes = (line + "}").into_bytes();
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            String::from_utf8_lossy(&bytes).replace('\n', " ")
        },
    )
}

#[test]
fn a_line_that_is_read_is_written_and_read_again_as_the_same() {
    let started = Timestamp::parse("2026-11-24T12:00:00Z").unwrap();
    fuzz(&line(), |line| {
        let Ok(record) = parse_line(&line, started) else { return };
        let written = line_of(&record).unwrap();
        assert_eq!(parse_line(&written, started).as_ref(), Ok(&record), "{line} was written as {written}");
    });
}

#[test]
fn any_file_of_lines_is_imported_but_for_its_bad_lines() {
    let place = Place::fresh(Store::Sqlite);
    let file = place.home().join("lines.ndjson");
    let arguments = ["import", "--skip-bad", file.to_str().unwrap()];
    fuzz(&vec(line(), 0..200), |lines| {
        std::fs::write(&file, lines.join("\n")).unwrap();
        place.run(&arguments);
    });
    // What was imported can be served, and exported and imported elsewhere.
    let exported = place.home().join("all");
    place.run(&["export", "--out", exported.to_str().unwrap()]);
    let elsewhere = Place::fresh(Store::Sqlite);
    let files = ["users", "activities", "follows", "blocks", "mutes"]
        .map(|name| exported.join(format!("{name}.ndjson")));
    let mut arguments = vec!["import"];
    arguments.extend(files.iter().map(|file| file.to_str().unwrap()));
    elsewhere.run(&arguments);
    let again = elsewhere.home().join("all");
    elsewhere.run(&["export", "--out", again.to_str().unwrap()]);
    for file in files {
        let name = file.file_name().unwrap();
        assert_eq!(
            std::fs::read_to_string(&file).unwrap(),
            std::fs::read_to_string(again.join(name)).unwrap(),
            "{name:?}"
        );
    }
}
