use feed_me_domain::{
    CursorCodec, Position,
    cursor::{CursorScope, Listing},
    page::{Boundary, Direction},
};
use proptest::{collection::vec, prelude::*, sample::Index};
use serde_json::json;
use uuid::Uuid;

use super::{fuzz, stage};

const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// What is done to a cursor.
#[derive(Clone, Debug)]
enum Change {
    Replace(Index, u8),
    Insert(Index, u8),
    Remove(Index),
    Cut(Index),
    Append(String),
    Repeat,
}

impl Change {
    fn apply(&self, cursor: &mut Vec<u8>) {
        let length = cursor.len();
        match self {
            _ if length == 0 => {}
            Self::Replace(at, byte) => cursor[at.index(length)] = *byte,
            Self::Insert(at, byte) => cursor.insert(at.index(length), *byte),
            Self::Remove(at) => drop(cursor.remove(at.index(length))),
            Self::Cut(at) => cursor.truncate(at.index(length)),
            Self::Append(text) => cursor.extend_from_slice(text.as_bytes()),
            Self::Repeat => cursor.extend_from_within(..),
        }
    }
}

fn changed(original: &str, changes: &[Change]) -> Vec<u8> {
    let mut bytes = original.as_bytes().to_vec();
    for change in changes {
        change.apply(&mut bytes);
    }
    bytes
}

fn change() -> impl Strategy<Value = Change> {
    let byte = || prop_oneof![9 => proptest::sample::select(ALPHABET), 1 => proptest::sample::select(&b"=+/.~ %\n"[..])];
    prop_oneof![
        6 => (any::<Index>(), byte()).prop_map(|(at, byte)| Change::Replace(at, byte)),
        2 => (any::<Index>(), byte()).prop_map(|(at, byte)| Change::Insert(at, byte)),
        2 => any::<Index>().prop_map(Change::Remove),
        1 => any::<Index>().prop_map(Change::Cut),
        1 => "[A-Za-z0-9_=-]{1,40}".prop_map(Change::Append),
        1 => Just(Change::Repeat),
    ]
}

#[test]
fn a_changed_cursor_is_never_opened_by_the_codec() {
    let codec = CursorCodec::new(b"a key of this test alone");
    let scope = CursorScope { listing: Listing::Friends, owner: Uuid::from_u128(7), filter: [9; 8] };
    let sealed: Vec<String> = [Boundary::Top, Boundary::End]
        .iter()
        .flat_map(|boundary: &Boundary<Position>| {
            [Direction::Forward, Direction::Backward]
                .map(|way| codec.seal(&scope, boundary, way).as_str().to_owned())
        })
        .collect();
    fuzz(&(any::<Index>(), vec(change(), 1..5)), |(which, changes)| {
        let original = which.get(&sealed);
        let changed = changed(original, &changes);
        let changed = String::from_utf8_lossy(&changed);
        let opened = codec.open::<Position>(&changed, scope.listing, scope.filter);
        assert_eq!(opened.is_ok(), *changed == **original, "{original} as {changed}");
    });
}

#[test]
fn a_changed_cursor_is_a_400_and_its_original_a_page() {
    let (runtime, world) = stage();
    let cursors: Vec<(String, String)> = runtime.block_on(async {
        let [ivan, eric] = world.users(["ivan", "eric"]).await;
        ivan.follows(&eric).await.is(201);
        for number in 0..5 {
            eric.posts_to("share", &number.to_string(), &ivan).await.is(201);
        }
        let mut cursors = Vec::new();
        for path in [
            "/v1/users?limit=1",
            "/v1/feeds/ivan/friends?limit=2",
            "/v1/feeds/eric?limit=2&verb=share",
            "/v1/feeds/ivan/mentions?limit=2",
        ] {
            let page = world.get(path).await;
            cursors.extend([(path.to_owned(), page.next().unwrap()), (path.to_owned(), page.previous())]);
        }
        cursors
    });
    fuzz(&(any::<Index>(), any::<Index>(), vec(change(), 0..4)), |(which, place, changes)| {
        let (path, original) = which.get(&cursors);
        let changed = changed(original, &changes);
        let sent: String =
            percent_encoding::percent_encode(&changed, percent_encoding::NON_ALPHANUMERIC).to_string();
        // Sometimes to a place where it does not belong.
        let asked = if changes.len() == 3 { &place.get(&cursors).0 } else { path };
        let answer = runtime.block_on(async { world.page(asked, &sent).await });
        if changed == original.as_bytes() && asked == path {
            answer.is(200);
        } else {
            answer.is_problem(400, "");
        }
    });
    runtime.block_on(async { world.put("/v1/users/ivan", json!({})).await.is(200).status });
}
