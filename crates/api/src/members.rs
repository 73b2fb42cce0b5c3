//! The members of a JSON object, each still as the text that was sent.
//!
//! Bodies are read by hand rather than by derived types, because a client is told every fault at once, with its place,
//! and because serde lets the last of two equal keys win in silence.

use std::{collections::HashSet, fmt};

use feed_me_domain::{Data, Fault, Given, InvalidText};
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::{
    problem::{self, Failure},
    query::cut,
};

/// The most members that are told to be unknown or given twice.
const ODD_TOLD_MAX: usize = 100;

/// An object that is read member by member; what is wrong with it gathers in `faults`.
#[derive(Debug)]
pub struct Members<'a> {
    members: Vec<(String, &'a RawValue)>,
    /// Everything that was found to be wrong so far.
    pub faults: Vec<Fault>,
}

/// The text of a body.
pub fn text(body: &[u8]) -> Result<&str, Failure> {
    std::str::from_utf8(body).map_err(|error| {
        let at = error.valid_up_to();
        Failure::new(problem::MALFORMED_JSON, format!("the body is not UTF-8: byte {at} cannot be read"))
    })
}

impl<'a> Members<'a> {
    /// Reads an object that may have the members `known` and no others.
    pub fn strict(text: &'a str, known: &[&str]) -> Result<Self, Failure> {
        let mut members = Self::read(text).map_err(NotMembers::into_failure)?;
        members.refuse_unknown(known);
        Ok(members)
    }

    /// Reads an object that may have any members, as the classic routes do. No key may come twice in any of them.
    pub fn lenient(text: &'a str) -> Result<Self, Failure> {
        let members = Self::read(text).map_err(NotMembers::into_failure)?;
        feed_me_domain::data::check_structure(text)
            .map_err(|error| Failure::new(problem::MALFORMED_JSON, format!("the body {error}")))?;
        Ok(members)
    }

    /// Reads one item of many: whatever is wrong with it is a fault of the item.
    pub fn item(text: &'a str, known: &[&str]) -> Self {
        match Self::read(text) {
            Ok(mut members) => {
                members.refuse_unknown(known);
                members
            }
            Err(NotMembers(why)) => Self { members: Vec::new(), faults: vec![Fault::new("", why)] },
        }
    }

    fn read(text: &'a str) -> Result<Self, NotMembers> {
        if text.trim_ascii().is_empty() {
            return Err(NotMembers("is empty; it must be a JSON object".to_owned()));
        }
        let mut reader = serde_json::Deserializer::from_str(text);
        // serde_json looks at the type of the value first, so that a body of another type is told as such.
        let members = reader.deserialize_any(Object).map_err(|error| NotMembers::of(text, &error))?;
        reader.end().map_err(|error| NotMembers::of(text, &error))?;
        Ok(Self::without_repeated(members))
    }

    fn without_repeated(all: Vec<(String, &'a RawValue)>) -> Self {
        let mut seen = HashSet::with_capacity(all.len());
        let mut odd = Odd::default();
        let mut members = Vec::with_capacity(all.len());
        for (name, value) in all {
            if seen.insert(name.clone()) {
                members.push((name, value));
            } else {
                odd.push(&name, "is given twice");
            }
        }
        Self { members, faults: odd.faults() }
    }

    fn refuse_unknown(&mut self, known: &[&str]) {
        let mut odd = Odd::default();
        for (name, _) in self.members.iter().filter(|(name, _)| !known.contains(&name.as_str())) {
            odd.push(name, &format!("'{}' is not a member here; known are {}", cut(name), known.join(", ")));
        }
        self.faults.extend(odd.faults());
    }

    /// The JSON text of a member.
    pub fn raw(&self, name: &str) -> Option<&'a str> {
        self.members.iter().find(|(given, _)| given == name).map(|(_, value)| value.get())
    }

    /// Adds a fault of a member.
    pub fn fault(&mut self, name: &str, detail: impl fmt::Display) {
        self.faults.push(Fault::new(format!("/{}", escaped(name)), detail));
    }

    /// A text, or null, or nothing.
    pub fn nullable<T>(&mut self, name: &str, parse: impl Fn(&str) -> Result<T, InvalidText>) -> Given<T> {
        match self.raw(name) {
            None => Given::Absent,
            Some("null") => Given::Null,
            Some(raw) => self.parsed(name, raw, parse).map_or(Given::Absent, Given::Value),
        }
    }

    /// A text, or nothing; null is a fault.
    pub fn text<T, E: fmt::Display>(
        &mut self,
        name: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        let raw = self.raw(name)?;
        self.parsed(name, raw, parse)
    }

    /// An object that is kept as it was sent.
    pub fn data(&mut self, name: &str) -> Option<Data> {
        let parsed = Data::parse(self.raw(name)?);
        parsed.map_err(|error| self.fault(name, error)).ok()
    }

    fn parsed<T, E: fmt::Display>(
        &mut self,
        name: &str,
        raw: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        let parsed = string(raw).and_then(|value| parse(&value).map_err(|error| error.to_string()));
        parsed.map_err(|error| self.fault(name, error)).ok()
    }

    /// The members that were read belong to a request without faults, or the request is refused.
    pub fn checked(self) -> Result<(), Failure> {
        if self.faults.is_empty() { Ok(()) } else { Err(Failure::faulty(self.faults)) }
    }
}

/// Reads a JSON string.
pub fn string(raw: &str) -> Result<String, String> {
    serde_json::from_str(raw).map_err(|_| match raw.as_bytes().first() {
        Some(b'"') => "has an escape that stands for no character (a lone surrogate)".to_owned(),
        _ => format!("must be a string, not {}", type_of(raw)),
    })
}

/// An array, its items still as the text that was sent. At most `keep` items are kept, all are counted.
pub fn array(raw: &str, keep: usize) -> Result<(Vec<&str>, usize), String> {
    let mut reader = serde_json::Deserializer::from_str(raw);
    reader.deserialize_any(Array { keep }).map_err(|_| format!("must be an array, not {}", type_of(raw)))
}

/// The type of a JSON text.
fn type_of(raw: &str) -> &'static str {
    match raw.trim_ascii_start().as_bytes().first() {
        Some(b'"') => "a string",
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}

/// A name as a part of a JSON pointer (RFC 6901).
pub fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Faults of members that should not be there, of which a hostile body may have very many.
#[derive(Default)]
struct Odd {
    faults: Vec<Fault>,
    more: usize,
}

impl Odd {
    fn push(&mut self, name: &str, detail: &str) {
        if self.faults.len() < ODD_TOLD_MAX {
            self.faults.push(Fault::new(format!("/{}", escaped(name)), detail));
        } else {
            self.more += 1;
        }
    }

    fn faults(mut self) -> Vec<Fault> {
        if 0 < self.more {
            self.faults.push(Fault::new("", format!("has {} more members like these", self.more)));
        }
        self.faults
    }
}

/// Why a text is not an object.
#[derive(Debug)]
struct NotMembers(String);

impl NotMembers {
    fn of(text: &str, error: &serde_json::Error) -> Self {
        Self(match error.classify() {
            serde_json::error::Category::Data => format!("must be a JSON object, not {}", type_of(text)),
            _ => format!("is not acceptable JSON: {error}"),
        })
    }

    fn into_failure(self) -> Failure {
        Failure::new(problem::MALFORMED_JSON, format!("the body {}", self.0))
    }
}

struct Object;

impl<'de> Visitor<'de> for Object {
    type Value = Vec<(String, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(members)
    }
}

struct Array {
    keep: usize,
}

impl<'de> Visitor<'de> for Array {
    type Value = (Vec<&'de str>, usize);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let (mut items, mut count) = (Vec::new(), 0);
        while let Some(item) = seq.next_element::<&RawValue>()? {
            count += 1;
            if items.len() < self.keep {
                items.push(item.get());
            }
        }
        Ok((items, count))
    }
}

#[cfg(test)]
mod tests {
    use feed_me_domain::{Username, Verb};
    use proptest::prelude::*;

    use super::*;

    fn pointers(text: &str) -> Vec<String> {
        let mut members = Members::strict(text, &["actor", "verb", "data"]).unwrap();
        members.text("actor", Username::parse);
        members.nullable("verb", Verb::parse);
        members.data("data");
        members.faults.into_iter().map(|fault| fault.pointer).collect()
    }

    fn refused(text: &str) -> String {
        Members::strict(text, &[]).unwrap_err().detail
    }

    #[test]
    fn every_fault_is_told_with_its_place() {
        let text = r#"{"actor":null,"verb":7,"data":{"a":1,"a":2},"x/y~z":1,"actor":"ivan"}"#;
        assert_eq!(pointers(text), ["/actor", "/x~1y~0z", "/actor", "/verb", "/data"]);
        assert!(pointers(r#"{"actor":"ivan","verb":null,"data":{}}"#).is_empty());
    }

    #[test]
    fn a_text_that_cannot_be_stored_as_it_is_is_refused() {
        for actor in [r#""\ud800""#, r#""\u0000""#, "5", "true", "[]", "{}"] {
            assert_eq!(pointers(&format!(r#"{{"actor":{actor}}}"#)), ["/actor"], "{actor}");
        }
    }

    #[test]
    fn what_is_no_object_is_told_as_what_it_is() {
        assert_eq!(refused("[1]"), "the body must be a JSON object, not an array");
        assert_eq!(refused("null"), "the body must be a JSON object, not null");
        assert_eq!(refused(" \n"), "the body is empty; it must be a JSON object");
        for text in ["{", "{}{}", "{} x", r#"{"a":}"#, "{'a':1}", "nul", "\u{feff}{}"] {
            assert!(refused(text).contains("not acceptable JSON"), "{text}: {}", refused(text));
        }
        assert!(text(b"{\"a\":\"\xFF\"}").is_err());
    }

    #[test]
    fn depth_does_not_overflow_the_stack() {
        let deep = format!("{{\"x\":{}{}}}", "[".repeat(200_000), "]".repeat(200_000));
        assert_eq!(Members::strict(&deep, &["x"]).unwrap().members.len(), 1);
        assert!(Members::lenient(&deep).is_err());
        let bare = "[".repeat(500_000);
        assert!(Members::strict(&bare, &[]).is_err());
        assert!(Members::lenient(&"{\"a\":".repeat(200_000)).is_err());
    }

    #[test]
    fn classic_bodies_ignore_members_but_not_keys_that_come_twice() {
        assert!(Members::lenient(r#"{"x":{"a":1}}"#).is_ok());
        assert!(Members::lenient(r#"{"x":{"a":1,"a":2}}"#).is_err());
    }

    #[test]
    fn an_array_is_counted_beyond_what_is_kept() {
        assert_eq!(array("[1, {}, \"a\"]", 2).unwrap(), (vec!["1", "{}"], 3));
        assert!(array("{}", 2).is_err());
        assert!(array("null", 2).is_err());
    }

    #[test]
    fn a_hostile_number_of_members_is_told_in_short() {
        let many: Vec<String> = (0..5000).map(|n| format!("\"{n}\":1")).collect();
        assert_eq!(pointers(&format!("{{{}}}", many.join(","))).len(), ODD_TOLD_MAX + 1);
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "[\\PC\\x00-\\x20\"{}\\[\\]:,\\\\]{0,200}") {
            let _ = Members::strict(&text, &["actor"]);
            let _ = Members::lenient(&text);
            let _ = Members::item(&text, &["actor"]);
        }
    }
}
