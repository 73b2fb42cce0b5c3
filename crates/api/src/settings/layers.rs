//! The layers that settings come from, the later over the earlier.

use std::{collections::BTreeMap, ffi::OsString, fmt, path::PathBuf};

use config::{ConfigError, Environment, File, FileFormat, Map, Source, Value, ValueKind};

use super::{
    fault::SettingFault,
    known::{ShownAs, TOKEN_SECRETS, hint_for, known},
    load::Override,
    redact::{redacted_secret, redacted_url, redacted_urls},
};

const PREFIX: &str = "FEEDME";
const SEPARATOR: &str = "__";

/// Where a layer comes from.
#[derive(Clone, Debug)]
pub(super) enum Origin {
    /// A file as it was built in.
    BuiltIn(String),
    /// A file on disk.
    File(PathBuf),
    /// The environment.
    Environment,
    /// The command line: the flag of each setting.
    Flags(BTreeMap<String, &'static str>),
}

impl Origin {
    /// Tells where exactly `name` was set.
    pub(super) fn of(&self, name: &str) -> String {
        match self {
            Self::BuiltIn(file) => format!("{file}, as built in"),
            Self::File(path) => format!("the file {}", path.display()),
            Self::Environment => format!("the environment variable {}", variable(name)),
            Self::Flags(flags) => format!("the flag {}", flags.get(name).copied().unwrap_or(name)),
        }
    }
}

/// The environment variable of a setting.
pub(super) fn variable(name: &str) -> String {
    format!("{PREFIX}{SEPARATOR}{}", name.replace('.', SEPARATOR).to_uppercase())
}

/// What one source says, by full name. Only settings that there are get in.
#[derive(Clone, Debug)]
pub(super) struct Layer {
    pub(super) origin: Origin,
    pub(super) values: BTreeMap<String, Value>,
}

impl Layer {
    /// The settings of a file. Errors name its line and never quote it: it may hold a secret.
    pub(super) fn of_toml(text: &str, origin: Origin, faults: &mut Vec<SettingFault>) -> Self {
        if let Err(error) = text.parse::<toml::Table>() {
            let before = error.span().and_then(|span| text.get(..span.start));
            let line =
                before.map_or(String::new(), |text| format!("line {}: ", text.matches('\n').count() + 1));
            let file = match &origin {
                Origin::File(path) => path.display().to_string(),
                other => other.of(""),
            };
            faults.push(SettingFault {
                name: file,
                value: None,
                origin: None,
                problem: format!("{line}not valid TOML: {}", error.message().replace('\n', ", ")),
            });
            return Self { origin, values: BTreeMap::new() };
        }
        Self::of_source(&File::from_str(text, FileFormat::Toml), origin, faults)
    }

    /// The settings of the environment.
    pub(super) fn of_environment(
        variables: impl IntoIterator<Item = (OsString, OsString)>,
        faults: &mut Vec<SettingFault>,
    ) -> Self {
        let prefix = format!("{PREFIX}{SEPARATOR}");
        let mut vetted = Map::new();
        for (variable, value) in variables {
            // A name that is no Unicode is not one of ours: what we look for is ASCII.
            let Some(variable) = variable.to_str().filter(|name| name.starts_with(&prefix)) else { continue };
            let name = variable[prefix.len()..].replace(SEPARATOR, ".").to_lowercase();
            let problem = match (known(&name), value.into_string()) {
                (Some(_), Ok(value)) => {
                    vetted.insert(variable.to_owned(), value);
                    continue;
                }
                (Some(_), Err(_)) => "its value is not valid UTF-8".to_owned(),
                (None, _) => hint_for(&name),
            };
            faults.push(SettingFault {
                name: variable.to_owned(),
                value: None,
                origin: Some("the environment".to_owned()),
                problem,
            });
        }
        let source = Environment::with_prefix(PREFIX)
            .prefix_separator(SEPARATOR)
            .separator(SEPARATOR)
            .source(Some(vetted));
        Self::of_source(&source, Origin::Environment, faults)
    }

    /// The settings of the command line.
    pub(super) fn of_flags(overrides: &[Override]) -> Self {
        let flags = overrides.iter().map(|set| (set.name.to_owned(), set.flag)).collect();
        let values = overrides
            .iter()
            .map(|set| (set.name.to_owned(), Value::new(None, ValueKind::String(set.value.clone()))))
            .collect();
        Self { origin: Origin::Flags(flags), values }
    }

    fn of_source(source: &dyn Source, origin: Origin, faults: &mut Vec<SettingFault>) -> Self {
        let mut leaves = BTreeMap::new();
        match source.collect() {
            Ok(table) => table.into_iter().for_each(|(key, value)| flatten(key, value, &mut leaves)),
            Err(error) => faults.push(SettingFault {
                name: origin.of(""),
                value: None,
                origin: None,
                problem: error.to_string(),
            }),
        }
        let mut values = BTreeMap::new();
        for (name, value) in leaves {
            // The environment knows no small letters, so the ids of secrets have none or all.
            let name = if name.starts_with(TOKEN_SECRETS) { name.to_lowercase() } else { name };
            if known(&name).is_some() {
                values.insert(name, value);
            } else {
                let problem = hint_for(&name);
                faults.push(SettingFault { origin: Some(origin.of(&name)), value: None, name, problem });
            }
        }
        Self { origin, values }
    }
}

/// Lets the config crate put the layer over those below.
impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        // The secrets of tokens are read by themselves: their names are not fixed.
        let fixed = self.values.iter().filter(|(name, _)| !name.starts_with(TOKEN_SECRETS));
        Ok(fixed.map(|(name, value)| (name.clone(), value.clone())).collect())
    }
}

fn flatten(name: String, value: Value, leaves: &mut BTreeMap<String, Value>) {
    match value.kind {
        ValueKind::Table(table) if !table.is_empty() => {
            for (key, value) in table {
                flatten(format!("{name}.{key}"), value, leaves);
            }
        }
        _ => {
            leaves.insert(name, value);
        }
    }
}

/// A value as it may be shown.
pub(super) fn shown(name: &str, value: &Value) -> String {
    let shown_as = known(name).map_or(ShownAs::Secret, |known| known.shown);
    match (&value.kind, shown_as) {
        (ValueKind::Table(table), _) if table.is_empty() => "{}".to_owned(),
        (ValueKind::String(text), ShownAs::Value) => format!("{text:?}"),
        (ValueKind::String(text), ShownAs::Url) => format!("{:?}", redacted_url(text)),
        (ValueKind::String(text), ShownAs::Urls) => format!("{:?}", redacted_urls(text)),
        (ValueKind::String(text), ShownAs::Secret) => redacted_secret(text),
        (ValueKind::Array(items), ShownAs::Value) => {
            let items: Vec<_> = items.iter().map(|item| shown(name, item)).collect();
            format!("[{}]", items.join(", "))
        }
        (_, ShownAs::Value) => Plain(value).to_string(),
        _ => "***".to_owned(),
    }
}

/// A number, a boolean, or a word for what is none.
struct Plain<'a>(&'a Value);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.kind {
            ValueKind::Table(_) => f.write_str("{…}"),
            ValueKind::Nil => f.write_str("nothing"),
            kind => kind.fmt(f),
        }
    }
}
