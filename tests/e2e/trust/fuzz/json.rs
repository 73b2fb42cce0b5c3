use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
};
use reqwest::Method;
use serde_json::{Value, json};

use super::{fuzz, stage};
use crate::kit::{Answer, World, assert_well_formed_activity};

/// The members that bodies have, and some that they have not.
const MEMBERS: &[&str] = &[
    "actor",
    "verb",
    "object",
    "target",
    "published",
    "external_id",
    "data",
    "display_name",
    "username",
    "from",
    "follow",
    "unfollow",
    "activities",
    "id",
    "edited_at",
    "",
    "v\\u0065rb",
    "x",
];

/// Pieces of strings at which parsers differ.
const PIECES: &[&str] = &[
    "ivan",
    "eric",
    "nobody",
    "now",
    "beginning",
    "2026-02-24T21:20:58.123456Z",
    "2026-02-30T25:61:61Z",
    "9999-12-31T23:59:60+23:59",
    "0000-01-01T00:00:00Z",
    "a",
    " ",
    "\\n",
    "\\u0000",
    "\\ud800",
    "\\udc00",
    "\\ud83d\\ude00",
    "\\u00e9",
    "\\\"",
    "\\\\",
    "\\/",
    "\\x",
    "\\u12",
    "é",
    "\u{1f600}",
    "\u{202e}",
    "\u{feff}",
    "\0",
    "\n",
    "\u{7f}",
    "%",
    "'",
    "{",
    "]",
    "019c91a9-5b3b-7123-8000-000000000000",
];

const NUMBERS: &[&str] = &[
    "0",
    "-0",
    "1",
    "-1",
    "1.0",
    "1e5",
    "1E+2",
    "0.10",
    "9007199254740993",
    "18446744073709551615",
    "18446744073709551616",
    "-9223372036854775808",
    "-9223372036854775809",
    "1e308",
    "1e309",
    "-1e400",
    "1e-400",
    "5e-324",
    "01",
    "+1",
    ".5",
    "1.",
    "1e",
    "NaN",
    "Infinity",
    "0x10",
    "-",
];

/// Text that is JSON, or nearly.
fn value() -> impl Strategy<Value = String> {
    let string = vec(select(PIECES), 0..4).prop_map(|pieces| format!("\"{}\"", pieces.concat()));
    let long = (
        select(&["a", "é", "\u{1f600}", "\\u00e9"][..]),
        select(&[79, 80, 81, 255, 256, 1024, 1025, 9000][..]),
    )
        .prop_map(|(piece, count): (&str, usize)| format!("\"{}\"", piece.repeat(count)));
    let leaf = prop_oneof![
        8 => string,
        1 => long,
        3 => select(NUMBERS).prop_map(str::to_owned),
        2 => select(&["true", "false", "null", "nul", "True", "undefined", ""][..]).prop_map(str::to_owned),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            object_of(inner.clone()),
            (inner, 0_usize..80).prop_map(|(inner, depth)| format!(
                "{}{inner}{}",
                "[".repeat(depth),
                "]".repeat(depth)
            )),
        ]
    })
}

fn object_of(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    vec((select(MEMBERS), value), 0..5).prop_map(|members| {
        let members: Vec<_> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        format!("{{{}}}", members.join(","))
    })
}

/// An activity with most members right.
fn activity() -> impl Strategy<Value = String> {
    let or = |right: &'static str| prop_oneof![6 => Just(right.to_owned()), 1 => value()];
    let data = prop_oneof![2 => object_of(value()), 1 => value()];
    (or("\"ivan\""), or("\"share\""), value(), data, vec((select(MEMBERS), value()), 0..2)).prop_map(
        |(actor, verb, object, data, others)| {
            let others: Vec<_> = others.iter().map(|(name, value)| format!(",\"{name}\":{value}")).collect();
            let others = others.concat();
            format!("{{\"actor\":{actor},\"verb\":{verb},\"object\":{object},\"data\":{data}{others}}}")
        },
    )
}

#[derive(Clone, Debug)]
enum Change {
    Replace(Index, u8),
    Insert(Index, u8),
    Remove(Index),
    Cut(Index),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let byte = || prop_oneof![select(&b"{}[]\",:\\u0123dDeE+-. \n\t"[..]), any::<u8>()];
    let change = prop_oneof![
        (any::<Index>(), byte()).prop_map(|(at, byte)| Change::Replace(at, byte)),
        (any::<Index>(), byte()).prop_map(|(at, byte)| Change::Insert(at, byte)),
        any::<Index>().prop_map(Change::Remove),
        any::<Index>().prop_map(Change::Cut),
    ];
    prop_oneof![3 => Just(Vec::new()), 2 => vec(change, 1..4)]
}

fn changed(text: String, changes: &[Change]) -> Vec<u8> {
    let mut bytes = text.into_bytes();
    for change in changes {
        let length = bytes.len();
        match change {
            _ if length == 0 => {}
            Change::Replace(at, byte) => bytes[at.index(length)] = *byte,
            Change::Insert(at, byte) => bytes.insert(at.index(length), *byte),
            Change::Remove(at) => drop(bytes.remove(at.index(length))),
            Change::Cut(at) => bytes.truncate(at.index(length)),
        }
    }
    bytes
}

#[test]
fn an_activity_is_stored_as_it_was_sent_or_refused() {
    let (runtime, world) = stage();
    runtime.block_on(async { world.users(["ivan", "eric"]).await.len() });
    fuzz(&(activity(), changes()), |(text, changes)| {
        let body = changed(text, &changes);
        runtime.block_on(async {
            let answer =
                world.call(Method::POST, "/v1/activities").text("application/json", body.clone()).await;
            match answer.status.as_u16() {
                200 | 201 => assert_stored(&world, &body, &answer).await,
                409 => assert!(body.windows(11).any(|window| window == b"external_id"), "{answer}"),
                _ => drop(answer.is_problem(400, "").clone()),
            }
        });
    });
}

/// What was taken is JSON by any reader's rules, is answered as it was sent, and is found again.
async fn assert_stored(world: &World, body: &[u8], answer: &Answer) {
    let sent: Value =
        serde_json::from_slice(body).unwrap_or_else(|error| panic!("it is no JSON ({error}): {answer}"));
    let stored = answer.json();
    assert_well_formed_activity(&stored);
    for (member, value) in sent.as_object().unwrap() {
        // A time may have come in another form.
        if member != "published" && !(member == "data" && answer.status == 200) {
            assert_eq!(&stored[member], value, "{member}: {answer}");
        }
    }
    let again = world.get(&format!("/v1/activities/{}", answer.id())).await;
    assert_eq!(again.is(200).json(), stored);
}

#[test]
fn any_body_is_answered_by_every_route() {
    let (runtime, world) = stage();
    let id = runtime.block_on(async {
        let [ivan, _] = world.users(["ivan", "eric"]).await;
        ivan.posts("share", "1").await.is(201).id()
    });
    let patch = format!("/v1/activities/{id}");
    let routes = [
        (Method::PUT, "/v1/users/eric"),
        (Method::PATCH, "/v1/users/eric"),
        (Method::PATCH, &*patch),
        (Method::PUT, "/v1/users/ivan/following/eric"),
        (Method::POST, "/v1/users/ivan/following"),
        (Method::POST, "/v1/activities/batch"),
        (Method::POST, "/v1/activities/batch?atomic=true"),
        (Method::POST, "/activity"),
        (Method::POST, "/feed/ivan"),
        (Method::PUT, "/v1/users/ivan/blocks/eric"),
    ];
    let batch = vec(prop_oneof![activity(), value()], 0..4)
        .prop_map(|items| format!("{{\"activities\":[{}]}}", items.join(",")));
    let lines = vec(prop_oneof![activity(), value()], 0..4).prop_map(|lines| lines.join("\n"));
    let text = prop_oneof![3 => object_of(value()), 2 => activity(), 2 => batch, 1 => lines, 1 => value()];
    let media = select(
        &["application/json", "application/json", "application/merge-patch+json", "application/x-ndjson"][..],
    );
    fuzz(&(any::<Index>(), text, changes(), media), |(route, text, changes, media)| {
        let (method, path) = route.get(&routes);
        runtime.block_on(async {
            let answer = world.call(method.clone(), path).text(media, changed(text, &changes)).await;
            assert!(answer.status.as_u16() < 500, "{answer}");
            // A name may have been changed; the next body finds both users all the same.
            if path.starts_with("/v1/users/eric") && answer.status == 200 && answer.at("/username") != "eric"
            {
                world.put("/v1/users/eric", json!({})).await.is(201);
            }
        });
    });
}
