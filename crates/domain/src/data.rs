//! `data`: the JSON object that an application hangs on an activity.
//!
//! It is kept as text and answered as it was sent, with the white space outside strings removed: what is stored is what
//! was sent. So everything that a reader could understand differently is refused at the door: duplicate keys, numbers
//! that no 64-bit integer and no double holds, NUL and lone surrogates in strings, and nesting without end.

use std::{collections::HashSet, fmt, rc::Rc};

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};

/// A JSON object, written without white space, at most [`Data::BYTES_MAX`] long.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Data(Box<str>);

/// Why a text is not valid `data`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidData {
    /// The JSON value is something else than an object.
    #[error("must be a JSON object")]
    NotAnObject,
    /// More bytes than may be kept, counted without white space.
    #[error("has {bytes} bytes, more than the {} it may have", Data::BYTES_MAX)]
    TooLong {
        /// How many there are.
        bytes: usize,
    },
    /// Objects and arrays stand in one another too deep.
    #[error("is nested deeper than {} levels", Data::DEPTH_MAX)]
    TooDeep,
    /// A number literal that would be kept as another number.
    #[error("has the number {0}, which neither a 64-bit integer nor a double holds")]
    Number(String),
    /// Not JSON, or JSON that two readers may understand differently.
    #[error("{0}")]
    Malformed(String),
}

impl Data {
    /// The most bytes a value has, white space outside strings not counted.
    pub const BYTES_MAX: usize = 16 * 1024;
    /// The most levels of objects and arrays, the outermost object being the first.
    pub const DEPTH_MAX: usize = 64;

    /// `{}`, what an activity has that was sent without.
    pub fn empty() -> Self {
        Self("{}".into())
    }

    /// Checks the JSON text `raw` and takes it over without its white space.
    pub fn parse(raw: &str) -> Result<Self, InvalidData> {
        if !raw.trim_start_matches(is_json_space).starts_with('{') {
            return Err(InvalidData::NotAnObject);
        }
        check_structure(raw)?;
        let compact = compacted(raw)?;
        if Self::BYTES_MAX < compact.len() {
            return Err(InvalidData::TooLong { bytes: compact.len() });
        }
        Ok(Self(compact.into()))
    }

    /// The JSON text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a reader takes the same from both, however they are written: members of objects in any order, strings by
    /// their characters, numbers by their value.
    pub fn means(&self, other: &Self) -> bool {
        let read = |data: &Self| serde_json::from_str::<Value>(data.as_str()).ok();
        self == other || read(self).zip(read(other)).is_some_and(|(one, other)| is_same(&one, &other))
    }
}

fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => is_same_number(one, other),
        (Value::Array(ones), Value::Array(others)) => {
            ones.len() == others.len() && ones.iter().zip(others).all(|(one, other)| is_same(one, other))
        }
        (Value::Object(ones), Value::Object(others)) => {
            let has_same = |(name, one)| others.get(name).is_some_and(|other| is_same(one, other));
            ones.len() == others.len() && ones.iter().all(has_same)
        }
        _ => one == other,
    }
}

/// Whole numbers are compared as such, since a double does not tell all of them apart; 1 and 1.0 as doubles.
fn is_same_number(one: &Number, other: &Number) -> bool {
    let are_whole = !one.is_f64() && !other.is_f64();
    one == other || !are_whole && one.as_f64() == other.as_f64()
}

impl fmt::Display for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_json_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

/// A rule that the JSON reader itself does not know; carried out of it past its own error type.
type Found = Rc<std::cell::RefCell<Option<InvalidData>>>;

/// Checks that any JSON text means one thing only: no key twice, no NUL, no lone surrogate, no nesting without end.
pub fn check_structure(raw: &str) -> Result<(), InvalidData> {
    let found = Found::default();
    let mut reader = serde_json::Deserializer::from_str(raw);
    let checked = Strict { levels_left: Data::DEPTH_MAX, found: &found }
        .deserialize(&mut reader)
        .and_then(|()| reader.end());
    if let Some(fault) = found.take() {
        return Err(fault);
    }
    checked.map_err(|error| InvalidData::Malformed(format!("is not acceptable JSON: {error}")))
}

struct Strict<'a> {
    levels_left: usize,
    found: &'a Found,
}

impl Strict<'_> {
    fn one_level_down<E: serde::de::Error>(&self) -> Result<Self, E> {
        match self.levels_left.checked_sub(1) {
            Some(levels_left) => Ok(Strict { levels_left, found: self.found }),
            None => Err(self.refuse(InvalidData::TooDeep)),
        }
    }

    fn refuse<E: serde::de::Error>(&self, fault: InvalidData) -> E {
        let error = E::custom(&fault);
        *self.found.borrow_mut() = Some(fault);
        error
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        if text.contains('\0') {
            return Err(
                self.refuse(InvalidData::Malformed("has a string with the character U+0000".to_owned()))
            );
        }
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let below = self.one_level_down()?;
        while items.next_element_seed(Strict { ..below })?.is_some() {}
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let below = self.one_level_down()?;
        let mut seen = HashSet::new();
        while let Some(key) = members.next_key::<String>()? {
            if key.contains('\0') {
                return Err(
                    self.refuse(InvalidData::Malformed("has a key with the character U+0000".to_owned()))
                );
            }
            if seen.contains(&key) {
                return Err(
                    self.refuse(InvalidData::Malformed(format!("has the key {key:?} twice in one object")))
                );
            }
            seen.insert(key);
            members.next_value_seed(Strict { ..below })?;
        }
        Ok(())
    }
}

/// Copies well-formed JSON without its white space and looks at each number literal on the way.
fn compacted(raw: &str) -> Result<String, InvalidData> {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' => string_length(rest),
            '-' | '0'..='9' => {
                let length = rest
                    .find(|c: char| !matches!(c, '0'..='9' | '+' | '-' | '.' | 'e' | 'E'))
                    .unwrap_or(rest.len());
                if !is_held(&rest[..length]) {
                    return Err(InvalidData::Number(rest[..length].chars().take(60).collect()));
                }
                length
            }
            _ => first.len_utf8(),
        };
        if !is_json_space(first) {
            out.push_str(&rest[..length]);
        }
        rest = &rest[length..];
    }
    Ok(out)
}

/// The length in bytes of the string literal that `rest` begins with, its quotes included.
fn string_length(rest: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in rest.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// Whether a reader with 64-bit integers and doubles gets the number that is written. A fraction is read as the nearest
/// double, as everywhere; a whole number must be met exactly, and nothing may turn into zero or infinity.
fn is_held(literal: &str) -> bool {
    let Ok(double) = literal.parse::<f64>() else { return false };
    if !double.is_finite() {
        return false;
    }
    let mantissa = literal.split(['e', 'E']).next().unwrap_or(literal);
    if double == 0.0 {
        return !mantissa.contains(|c: char| matches!(c, '1'..='9'));
    }
    if literal.contains(['.', 'e', 'E']) || literal.parse::<i64>().is_ok() || literal.parse::<u64>().is_ok() {
        return true;
    }
    // `{:.0}` prints a double exactly.
    format!("{double:.0}") == literal
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(raw: &str) -> String {
        Data::parse(raw).unwrap().to_string()
    }

    #[test]
    fn data_comes_back_as_it_was_sent_but_for_white_space() {
        assert_eq!(
            kept(" { \"b\" : [ 1.0 , 1e5, -0 ],\n\t\"a\":\" x \\\" y \\u00e9 \" } "),
            r#"{"b":[1.0,1e5,-0],"a":" x \" y \u00e9 "}"#
        );
        assert_eq!(kept("{}"), Data::empty().as_str());
    }

    #[test]
    fn only_an_object_is_data() {
        for raw in ["[]", "1", "null", "\"x\"", ""] {
            assert_eq!(Data::parse(raw), Err(InvalidData::NotAnObject), "{raw}");
        }
        for raw in ["{", "{} {}", "{\"a\":1,}", "{'a':1}"] {
            assert!(matches!(Data::parse(raw), Err(InvalidData::Malformed(_))), "{raw}");
        }
    }

    #[test]
    fn what_two_readers_may_understand_differently_is_refused() {
        for raw in [
            r#"{"a":1,"a":2}"#,
            r#"{"x":[{"a":1,"\u0061":2}]}"#,
            r#"{"a":"\u0000"}"#,
            r#"{"\u0000":1}"#,
            r#"{"a":"\ud800"}"#,
            r#"{"a":"\udc00\ud800"}"#,
        ] {
            assert!(matches!(Data::parse(raw), Err(InvalidData::Malformed(_))), "{raw}");
        }
    }

    #[test]
    fn a_number_must_be_held_by_a_64_bit_integer_or_a_double() {
        for number in [
            "0",
            "-0",
            "0.0",
            "0e5",
            "0.1",
            "18446744073709551615",
            "-9223372036854775808",
            "18446744073709551616",
            "1e308",
            "5e-324",
            "3.141592653589793238462643",
        ] {
            assert_eq!(kept(&format!("{{\"n\":{number}}}")), format!("{{\"n\":{number}}}"));
        }
        for number in [
            "1e309",
            "-1e400",
            "18446744073709551617",
            "-9223372036854775809",
            "1e-400",
            "123456789012345678901234567890",
        ] {
            assert!(Data::parse(&format!("{{\"n\":{number}}}")).is_err(), "{number}");
        }
    }

    #[test]
    fn data_means_the_same_in_another_order_and_spelling() {
        let means = |one: &str, other: &str| {
            let (one, other) = (Data::parse(one).unwrap(), Data::parse(other).unwrap());
            assert_eq!(one.means(&other), other.means(&one), "{one} {other}");
            one.means(&other)
        };
        for (one, other) in [
            (r#"{"a":1,"b":{"c":[true,null],"d":"x"}}"#, r#"{"b":{"d":"x","c":[true,null]},"a":1}"#),
            (r#"{"a":"\u00e9\/"}"#, r#"{"a":"é/"}"#),
            (r#"{"\u0061":1}"#, r#"{"a":1}"#),
            (r#"{"a":[1,100,-0,0.5]}"#, r#"{"a":[1.0,1e2,0,5e-1]}"#),
            (r#"{"a":18446744073709551616}"#, r#"{"a":1.8446744073709551616e19}"#),
        ] {
            assert!(means(one, other), "{one} {other}");
        }
        for (one, other) in [
            (r#"{"a":1}"#, r#"{"a":2}"#),
            (r#"{"a":1}"#, r#"{"a":"1"}"#),
            (r#"{"a":1}"#, r#"{"a":1,"b":null}"#),
            (r#"{"a":null}"#, r#"{"b":null}"#),
            (r#"{"a":[1,2]}"#, r#"{"a":[2,1]}"#),
            (r#"{"a":[1]}"#, r#"{"a":[1,1]}"#),
            (r#"{"a":"é"}"#, r#"{"a":"e\u0301"}"#),
            (r#"{"a":9007199254740993}"#, r#"{"a":9007199254740992}"#),
            (r#"{"a":{}}"#, r#"{"a":[]}"#),
        ] {
            assert!(!means(one, other), "{one} {other}");
        }
    }

    #[test]
    fn depth_counts_objects_and_arrays() {
        let nested =
            |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1));
        assert!(Data::parse(&nested(64)).is_ok());
        assert_eq!(Data::parse(&nested(65)), Err(InvalidData::TooDeep));
        assert_eq!(Data::parse(&nested(100_000)), Err(InvalidData::TooDeep));
    }

    #[test]
    fn size_counts_what_is_kept() {
        let of = |bytes: usize| format!("{{ \"a\" : \"{}\" }}", "x".repeat(bytes - 8));
        assert!(Data::parse(&of(Data::BYTES_MAX)).is_ok());
        assert_eq!(
            Data::parse(&of(Data::BYTES_MAX + 1)),
            Err(InvalidData::TooLong { bytes: Data::BYTES_MAX + 1 })
        );
    }
}
