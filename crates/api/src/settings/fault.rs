//! What can be wrong with settings.

use std::fmt;

/// The settings cannot be used; every fault is listed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct SettingsError(pub Vec<SettingFault>);

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [one] => write!(f, "a setting is wrong: {one}"),
            many => {
                write!(f, "{} settings are wrong:", many.len())?;
                many.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
            }
        }
    }
}

/// One thing that is wrong with the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingFault {
    /// The name of the setting, or of the file where the whole of it is the matter.
    pub name: String,
    /// What it was set to, with secrets left out.
    pub value: Option<String>,
    /// Where that was said.
    pub origin: Option<String>,
    /// What is wrong with it and what is expected: half a sentence.
    pub problem: String,
}

impl fmt::Display for SettingFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if let Some(value) = &self.value {
            write!(f, " = {value}")?;
        }
        if let Some(origin) = &self.origin {
            write!(f, " (from {origin})")?;
        }
        write!(f, ": {}", self.problem)
    }
}
