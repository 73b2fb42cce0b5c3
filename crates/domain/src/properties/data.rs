//! `data` from strangers: what is taken says to every reader what was sent.

use proptest::prelude::*;
use serde_json::Value;

use crate::{Data, InvalidData};

/// Any JSON value that `data` may hold, not deep.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Value::from),
        string().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::hash_map(string(), inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn string() -> impl Strategy<Value = String> {
    any::<String>().prop_map(|text| text.replace('\0', ""))
}

fn object() -> impl Strategy<Value = Value> {
    prop::collection::hash_map(string(), json(), 0..6)
        .prop_map(|members| Value::Object(members.into_iter().collect()))
}

/// A JSON object as text, written by a reader's favourite in one of two ways, then damaged at some places.
fn damaged() -> impl Strategy<Value = String> {
    let damage = (any::<prop::sample::Index>(), "[\\[\\]{}\",:0-9eE.+\\\\ut \u{0}é-]{0,2}");
    (object(), any::<bool>(), prop::collection::vec(damage, 0..3)).prop_map(|(value, is_pretty, damages)| {
        let text = if is_pretty { format!("{value:#}") } else { value.to_string() };
        let mut chars: Vec<String> = text.chars().map(String::from).collect();
        for (place, by) in damages {
            let place = place.index(chars.len());
            chars[place] = by;
        }
        chars.concat()
    })
}

fn read(raw: &str) -> Option<Value> {
    serde_json::from_str(raw).ok()
}

/// What must hold of any text, whether it is taken or not.
fn check(raw: &str) -> Result<(), TestCaseError> {
    let Ok(data) = Data::parse(raw) else { return Ok(()) };
    prop_assert!(read(raw).is_some_and(|value| value.is_object()), "{}", raw);
    prop_assert_eq!(read(raw), read(data.as_str()));
    prop_assert!(data.as_str().len() <= raw.len().min(Data::BYTES_MAX));
    prop_assert_eq!(Data::parse(data.as_str()), Ok(data));
    Ok(())
}

proptest! {
    #[test]
    fn any_object_is_taken_and_read_as_before(value in object(), is_pretty: bool) {
        let raw = if is_pretty { format!("{value:#}") } else { value.to_string() };
        let compact = value.to_string();
        match Data::parse(&raw) {
            Ok(data) => prop_assert_eq!(data.as_str(), &compact),
            Err(InvalidData::TooLong { bytes }) => prop_assert_eq!(bytes, compact.len()),
            Err(error) => prop_assert!(false, "{}: {}", error, raw),
        }
        check(&raw)?;
    }

    #[test]
    fn a_damaged_text_is_refused_or_read_as_before(raw in damaged()) {
        check(&raw)?;
    }

    #[test]
    fn any_text_is_refused_or_read_as_before(
        raw in prop_oneof![any::<String>(), "\\{[\\[\\]{}\",:0-9eE.+\\\\ut \n-]{0,40}\\}"]
    ) {
        check(&raw)?;
    }

    #[test]
    fn a_whole_number_that_is_taken_is_met_exactly(literal in "-?(0|[1-9][0-9]{0,29})") {
        if let Ok(data) = Data::parse(&format!("[{literal}]").replace('[', "{\"n\":").replace(']', "}")) {
            let number = read(data.as_str()).unwrap()["n"].clone();
            let exact: i128 = literal.parse().unwrap();
            let is_met = match (number.as_i64(), number.as_u64(), number.as_f64()) {
                (Some(whole), ..) => i128::from(whole) == exact,
                (_, Some(whole), _) => i128::from(whole) == exact,
                #[expect(clippy::cast_possible_truncation, reason = "30 digits fit")]
                (_, _, Some(double)) => double as i128 == exact,
                _ => false,
            };
            prop_assert!(is_met, "{} is read as {}", literal, number);
        }
    }

    #[test]
    fn a_fraction_that_is_taken_is_finite_and_zero_only_where_zero_is_written(
        literal in "-?(0|[1-9][0-9]{0,9})(\\.[0-9]{1,9})?[eE][+-]?[0-9]{1,4}"
    ) {
        if Data::parse(&format!("{{\"n\":{literal}}}")).is_ok() {
            let double: f64 = literal.parse().unwrap();
            let mantissa = literal.split(['e', 'E']).next().unwrap();
            let is_written_zero = mantissa.chars().all(|c| matches!(c, '0' | '.' | '-'));
            prop_assert!(double.is_finite() && (double == 0.0) == is_written_zero, "{}", literal);
        }
    }
}
