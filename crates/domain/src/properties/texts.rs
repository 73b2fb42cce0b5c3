//! Texts, times and cursors from strangers: never a panic, and nothing is taken that does not come back as it was sent.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use proptest::prelude::*;
use uuid::Uuid;

use crate::{
    ActivityId, Boundary, CursorCodec, Direction, DisplayName, ExternalId, InvalidCursor, InvalidText,
    Listing, Object, PageLimit, Position, Timestamp, Username, Verb, cursor::CursorScope, id::uuid_at,
};

/// Any text, often one that is nearly right.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[a-z ./\u{0}\u{200B}\u{85}é]{0,5}", "\\PC{70,90}"]
}

/// Something like a time.
fn time() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[0-9]{4}-[01][0-9]-[0-3][0-9][Tt ][0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{0,12})?([Zz]|[+-][0-2][0-9]:?[0-6][0-9])?",
        "[0-9T:Z.+ é-]{15,30}",
    ]
}

fn micros() -> impl Strategy<Value = i64> {
    Timestamp::MIN.micros()..=Timestamp::MAX.micros()
}

fn scope() -> CursorScope {
    CursorScope { listing: Listing::Friends, owner: Uuid::from_u128(7), filter: [3; 8] }
}

fn boundary<K: Clone + std::fmt::Debug>(
    place: impl Strategy<Value = K>,
) -> impl Strategy<Value = Boundary<K>> {
    (place, 0..4).prop_map(|(place, side)| match side {
        0 => Boundary::Top,
        1 => Boundary::Before(place),
        2 => Boundary::After(place),
        _ => Boundary::End,
    })
}

proptest! {
    #[test]
    fn a_text_that_is_taken_is_kept_as_it_is_and_holds_to_its_length(raw in text()) {
        let chars = raw.chars().count();
        macro_rules! check {
            ($($kind:ident from $least:literal),*) => {$(
                if let Ok(value) = $kind::parse(&raw) {
                    prop_assert_eq!(value.as_str(), &raw);
                    prop_assert!(($least..=$kind::CHARS_MAX).contains(&chars) && !raw.contains('\0'));
                }
            )*};
        }
        check!(Username from 1, Verb from 1, Object from 0, ExternalId from 1, DisplayName from 1);
    }

    #[test]
    fn a_text_that_is_not_a_name_has_the_fault_that_is_told(raw in text()) {
        let chars = raw.chars().count();
        match Username::parse(&raw) {
            Ok(name) => {
                prop_assert_eq!(name.as_str().trim(), &raw);
                prop_assert!(!raw.contains('/') && !raw.chars().any(char::is_control));
            }
            Err(InvalidText::Empty) => prop_assert_eq!(chars, 0),
            Err(InvalidText::TooLong { chars: told, max }) => prop_assert!(told == chars && max < chars),
            Err(InvalidText::Nul) => prop_assert!(raw.contains('\0')),
            Err(InvalidText::ForbiddenCharacter(told)) => prop_assert!(raw.contains(told)),
            Err(InvalidText::OuterWhiteSpace) => prop_assert_ne!(raw.trim(), &raw),
            Err(InvalidText::Dots) => prop_assert!(raw == "." || raw == ".."),
        }
    }

    #[test]
    fn limits_and_ids_are_read_without_a_panic(raw in prop_oneof![any::<String>(), "[0-9+-]{0,40}", "[0-9a-f-]{36}"]) {
        if let Ok(limit) = PageLimit::parse(&raw) {
            prop_assert!((1..=100).contains(&limit.get()));
        }
        if let Some(id) = ActivityId::parse(&raw) {
            prop_assert_eq!(id.to_string(), raw.to_lowercase());
        }
    }

    #[test]
    fn a_time_that_is_taken_is_in_range_and_read_again_as_itself(raw in time()) {
        if let Ok(at) = Timestamp::parse(&raw) {
            prop_assert!((Timestamp::MIN..=Timestamp::MAX).contains(&at));
            prop_assert_eq!(Timestamp::parse(&at.to_rfc3339()), Ok(at));
            prop_assert!(raw.is_ascii() && !raw.contains(' '), "{}", raw);
        }
    }

    #[test]
    fn every_instant_is_written_and_read_as_itself(micros in micros(), offset in -1439..=1439_i32) {
        let at = Timestamp::from_micros(micros).unwrap();
        prop_assert_eq!(Timestamp::parse(&at.to_rfc3339()), Ok(at));
        prop_assert_eq!(at.to_rfc3339().len(), 27);
        prop_assert_eq!(at.to_classic(), at.to_rfc3339()[..19].to_owned());
        let offset = chrono::FixedOffset::east_opt(offset * 60).unwrap();
        let elsewhere = at.to_datetime().with_timezone(&offset);
        // A local date may leave the years that four digits can say.
        if (0..=9999).contains(&chrono::Datelike::year(&elsewhere)) {
            prop_assert_eq!(Timestamp::parse(&elsewhere.to_rfc3339()), Ok(at));
        }
    }

    #[test]
    fn adding_to_an_instant_never_leaves_the_years(micros in micros(), more in any::<i64>()) {
        let at = Timestamp::from_micros(micros).unwrap().plus_micros(more);
        prop_assert!((Timestamp::MIN..=Timestamp::MAX).contains(&at));
    }

    #[test]
    fn ids_tell_their_instants_and_sort_as_they_do(
        one in 0..=Timestamp::MAX.micros(), other in 0..=Timestamp::MAX.micros(), random: [u64; 2]
    ) {
        let at = [one, other].map(|micros| Timestamp::from_micros(micros).unwrap());
        let ids = [uuid_at(at[0], random[0]), uuid_at(at[1], random[1])];
        prop_assert_eq!(ActivityId::from_uuid(ids[0]).stamp(), Some(at[0]));
        prop_assert!(at[0] == at[1] || at[0].cmp(&at[1]) == ids[0].cmp(&ids[1]));
    }

    #[test]
    fn what_nobody_sealed_is_no_cursor(
        bytes in prop::collection::vec(any::<u8>(), 0..120), raw in any::<String>()
    ) {
        let codec = CursorCodec::new(b"key");
        for raw in [URL_SAFE_NO_PAD.encode(&bytes), raw] {
            let opened = codec.open::<Position>(&raw, Listing::Friends, [3; 8]);
            prop_assert_eq!(opened.map(|_| ()), Err(InvalidCursor::Altered));
            let opened = codec.open::<Username>(&raw, Listing::Users, [0; 8]);
            prop_assert_eq!(opened.map(|_| ()), Err(InvalidCursor::Altered));
        }
    }

    #[test]
    fn every_boundary_is_sealed_and_opened_as_itself(
        micros in micros(),
        id: u128,
        boundary in boundary("[a-zé😀]{1,80}".prop_map(|raw| Username::parse(&raw).unwrap())),
        is_backward: bool,
    ) {
        let codec = CursorCodec::new(b"key");
        let direction = if is_backward { Direction::Backward } else { Direction::Forward };
        let position = Position {
            published: Timestamp::from_micros(micros).unwrap(),
            id: ActivityId::from_uuid(Uuid::from_u128(id)),
        };
        let sealed = codec.seal(&scope(), &Boundary::After(position), direction);
        let opened = codec.open::<Position>(sealed.as_str(), Listing::Friends, [3; 8]).unwrap();
        prop_assert_eq!((opened.boundary, opened.direction), (Boundary::After(position), direction));

        let sealed = codec.seal(&scope(), &boundary, direction);
        let opened = codec.open::<Username>(sealed.as_str(), Listing::Friends, [3; 8]).unwrap();
        prop_assert_eq!((opened.boundary, opened.direction), (boundary, direction));
    }
}
