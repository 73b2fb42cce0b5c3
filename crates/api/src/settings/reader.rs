//! Reads typed settings out of the layers and notes everything that is wrong.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
    ops::RangeInclusive,
    str::FromStr,
};

use config::{Config, ConfigBuilder, ValueKind, builder::DefaultState};

use super::{
    TokenSecret,
    fault::SettingFault,
    known::{KNOWN, TOKEN_SECRETS, token_secret_id},
    layers::{Layer, shown},
    load::Shown,
};

/// The layers put over one another.
pub(super) struct Reader {
    layers: Vec<Layer>,
    merged: Config,
    pub(super) faults: Vec<SettingFault>,
}

/// A value is wrong, which is noted among the faults.
pub(super) struct Noted;

impl Reader {
    /// Puts `layers` over one another, the lowest first.
    pub(super) fn new(layers: Vec<Layer>, mut faults: Vec<SettingFault>) -> Self {
        let builder =
            layers.iter().cloned().fold(Config::builder(), ConfigBuilder::<DefaultState>::add_source);
        let merged = builder.build().unwrap_or_else(|error| {
            faults.push(SettingFault {
                name: "settings".to_owned(),
                value: None,
                origin: None,
                problem: error.to_string(),
            });
            Config::default()
        });
        Self { layers, merged, faults }
    }

    /// A value that `parse` reads; `expected` says what it accepts, as half a sentence after "expected".
    pub(super) fn one<T>(
        &mut self,
        name: &str,
        expected: impl Display,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let parsed = self.text(name).and_then(|text| parse(text.trim()));
        if parsed.is_none() {
            self.fault(name, format!("expected {expected}"));
        }
        parsed
    }

    /// A value that may be empty, which means none.
    pub(super) fn optional<T>(
        &mut self,
        name: &str,
        expected: impl Display,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Noted> {
        let read = |text: &str| if text.is_empty() { Some(None) } else { parse(text).map(Some) };
        self.one(name, expected, read).ok_or(Noted)
    }

    /// A whole number of a range.
    pub(super) fn number<T: FromStr + PartialOrd + Display>(
        &mut self,
        name: &str,
        range: &RangeInclusive<T>,
    ) -> Option<T> {
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        self.one(name, expected, |text| text.parse().ok().filter(|number| range.contains(number)))
    }

    /// Yes or no.
    pub(super) fn boolean(&mut self, name: &str) -> Option<bool> {
        self.one(name, "true or false", |text| text.parse().ok())
    }

    /// A list, or the items of one separated by commas.
    pub(super) fn list(
        &mut self,
        name: &str,
        expected: &str,
        parse: impl Fn(&str) -> Option<String>,
    ) -> Option<Vec<String>> {
        let texts: Option<Vec<String>> = match self.merged.get::<config::Value>(name).ok()?.kind {
            ValueKind::Array(items) => items.into_iter().map(|item| item.into_string().ok()).collect(),
            ValueKind::String(text) if text.trim().is_empty() => Some(Vec::new()),
            ValueKind::String(text) => Some(text.split(',').map(str::to_owned).collect()),
            _ => None,
        };
        let parsed = texts.and_then(|texts| texts.iter().map(|text| parse(text.trim())).collect());
        if parsed.is_none() {
            self.fault(name, format!("expected a list (comma-separated in the environment) of {expected}"));
        }
        parsed
    }

    /// The secrets of user tokens by their ids, in the order of these. An empty one takes back what a lower layer says.
    pub(super) fn token_secrets(&mut self) -> Vec<(String, TokenSecret)> {
        let (mut secrets, mut odd) = (BTreeMap::new(), BTreeSet::new());
        for (name, value) in self.layers.iter().flat_map(|layer| &layer.values) {
            match (token_secret_id(name), &value.kind) {
                (None, _) if name != TOKEN_SECRETS => {}
                (None, ValueKind::Table(_)) => {}
                (None, ValueKind::String(text)) if text.trim().is_empty() => {}
                (Some(id), ValueKind::String(text)) => {
                    secrets.insert(id.to_owned(), text.trim().to_owned());
                }
                (_, _) => {
                    odd.insert(name.clone());
                }
            }
        }
        for name in odd {
            let expected =
                "expected a text for each secret, by its id (FEEDME__AUTH__USER_TOKEN_SECRETS__ID)";
            self.fault(&name, expected.to_owned());
        }
        secrets.retain(|_, secret| !secret.is_empty());
        secrets.into_iter().map(|(id, secret)| (id, TokenSecret::new(secret))).collect()
    }

    /// Notes that the value of `name` cannot stand.
    pub(super) fn fault(&mut self, name: &str, problem: String) {
        let layer = self.layer_of(name);
        let value = layer.and_then(|layer| layer.values.get(name)).map(|value| shown(name, value));
        let origin = layer.map(|layer| layer.origin.of(name));
        self.faults.push(SettingFault { name: name.to_owned(), value, origin, problem });
    }

    /// Notes a fault, and says so.
    pub(super) fn noted(&mut self, name: &str, problem: &str) -> Noted {
        self.fault(name, problem.to_owned());
        Noted
    }

    /// Every setting with its value and where that came from.
    pub(super) fn shown(&self) -> Vec<Shown> {
        let secrets: BTreeSet<&str> =
            self.layers.iter().flat_map(|layer| layer.values.keys()).map(String::as_str).collect();
        let secrets = secrets.into_iter().filter(|name| token_secret_id(name).is_some());
        let each = KNOWN.iter().map(|known| known.name).chain(secrets).filter_map(|name| {
            let layer = self.layer_of(name)?;
            Some(Shown {
                name: name.to_owned(),
                value: shown(name, layer.values.get(name)?),
                origin: layer.origin.of(name),
            })
        });
        each.collect()
    }

    fn text(&self, name: &str) -> Option<String> {
        let value = self.merged.get::<config::Value>(name).ok()?;
        match value.kind {
            ValueKind::Table(_) | ValueKind::Array(_) | ValueKind::Nil => None,
            _ => value.into_string().ok(),
        }
    }

    fn layer_of(&self, name: &str) -> Option<&Layer> {
        self.layers.iter().rev().find(|layer| layer.values.contains_key(name))
    }
}
