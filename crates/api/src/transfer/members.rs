//! Reads the members of a JSON object one by one and notes every fault on the way.

use std::fmt::Display;

use feed_me_domain::{Fault, Given};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// The members that were not asked for yet, and all faults so far.
pub(super) struct Members<'a> {
    left: Vec<(String, &'a RawValue)>,
    path: String,
    faults: Vec<Fault>,
}

impl<'a> Members<'a> {
    /// Opens the object `text`, which stands at the pointer `path`. What is no object has one fault.
    pub(super) fn open(text: &'a str, path: &str) -> Result<Self, Fault> {
        let malformed = |error: serde_json::Error| {
            let told = error.to_string().replace(" at line 1 column ", " at column ");
            Fault::new(path, format!("is not valid JSON: {told}"))
        };
        if !text.trim_start().starts_with('{') {
            let any: Result<&RawValue, _> = serde_json::from_str(text);
            return Err(any.map_or_else(malformed, |_| Fault::new(path, "must be a JSON object")));
        }
        let Pairs(pairs) = serde_json::from_str(text).map_err(malformed)?;
        let mut members =
            Self { left: Vec::with_capacity(pairs.len()), path: path.to_owned(), faults: Vec::new() };
        for (name, value) in pairs {
            if members.has(&name) {
                members.fault(&name, "stands there twice");
            } else {
                members.left.push((name, value));
            }
        }
        Ok(members)
    }

    /// Whether there is a member of this name that was not asked for yet.
    pub(super) fn has(&self, name: &str) -> bool {
        self.left.iter().any(|(member, _)| member == name)
    }

    /// Whether a member is there and says null.
    pub(super) fn is_null(&self, name: &str) -> bool {
        self.left.iter().any(|(member, value)| member == name && value.get() == "null")
    }

    /// A member as it is written.
    pub(super) fn raw(&mut self, name: &str) -> Given<&'a str> {
        match self.left.iter().position(|(member, _)| member == name) {
            None => Given::Absent,
            Some(at) => match self.left.swap_remove(at).1.get() {
                "null" => Given::Null,
                raw => Given::Value(raw),
            },
        }
    }

    /// A string that `parse` takes. What it does not take is a fault and counts as absent.
    pub(super) fn string<T, E: Display>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Given<T> {
        let raw = match self.raw(name) {
            Given::Absent => return Given::Absent,
            Given::Null => return Given::Null,
            Given::Value(raw) => raw,
        };
        let parsed = if raw.starts_with('"') {
            serde_json::from_str::<String>(raw)
                .map_err(|error| format!("is not a valid string: {error}"))
                .and_then(|text| parse(&text).map_err(|error| error.to_string()))
        } else {
            Err("must be a string".to_owned())
        };
        match parsed {
            Ok(value) => Given::Value(value),
            Err(problem) => {
                self.fault(name, problem);
                Given::Absent
            }
        }
    }

    /// A string that may be absent or null.
    pub(super) fn optional<T, E: Display>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        self.string(name, parse).value()
    }

    /// A string that must be there.
    pub(super) fn required<T, E: Display>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let faults_before = self.faults.len();
        match self.string(name, parse) {
            Given::Value(value) => return Some(value),
            Given::Null => self.fault(name, "must be a string, not null"),
            Given::Absent if self.faults.len() == faults_before => self.fault(name, "is required"),
            Given::Absent => {}
        }
        None
    }

    /// Notes a fault of a member.
    pub(super) fn fault(&mut self, name: &str, problem: impl Display) {
        self.faults.push(Fault::new(format!("{}/{name}", self.path), problem));
    }

    /// Takes over the faults of an object inside.
    pub(super) fn add_faults(&mut self, faults: impl IntoIterator<Item = Fault>) {
        self.faults.extend(faults);
    }

    /// All faults; a member that nobody asked for is one.
    pub(super) fn finish(mut self) -> Vec<Fault> {
        for (name, _) in std::mem::take(&mut self.left) {
            self.fault(&name, "is not a member of such a line");
        }
        self.faults
    }
}

/// The members in the order of the text, none left out.
struct Pairs<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Pairs<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Pairs<'de>, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = members.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}
