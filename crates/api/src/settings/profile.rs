//! The profile: which file of settings lies over the defaults.

use std::path::{Path, PathBuf};

use super::{
    fault::SettingFault,
    layers::{Layer, Origin},
};

/// Where files of settings are looked for unless the command line says otherwise.
const FOLDER: &str = "config";

const DEFAULTS: &str = include_str!("../../../../config/default.toml");
const BUILT_IN: &[(&str, &str)] = &[
    ("development", include_str!("../../../../config/development.toml")),
    ("production", include_str!("../../../../config/production.toml")),
];

/// The layers that come from files, the lowest first.
pub(super) fn file_layers(
    folder: Option<&Path>,
    profile: &str,
    profile_origin: &str,
    faults: &mut Vec<SettingFault>,
) -> Vec<Layer> {
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        faults.push(SettingFault {
            name: "--config".to_owned(),
            value: Some(format!("{:?}", folder.display().to_string())),
            origin: None,
            problem: "is not a folder".to_owned(),
        });
    }
    let folder = folder.unwrap_or(Path::new(FOLDER));
    let mut layers = vec![built_in("default", DEFAULTS, faults)];
    layers.extend(on_disk(folder, "default", faults));

    let bad_profile = |problem: String| SettingFault {
        name: "profile".to_owned(),
        value: Some(format!("{profile:?}")),
        origin: Some(profile_origin.to_owned()),
        problem,
    };
    if !is_profile_name(profile) {
        faults.push(bad_profile(
            "a profile is named by letters, digits, '-' and '_', and is not 'default'".to_owned(),
        ));
        return layers;
    }
    let compiled = BUILT_IN.iter().find(|(name, _)| *name == profile);
    let file = on_disk(folder, profile, faults);
    if compiled.is_none() && file.is_none() && !path_of(folder, profile).exists() {
        faults.push(bad_profile(format!(
            "there is no such profile: development and production are built in, and there is no file {}",
            path_of(folder, profile).display()
        )));
    }
    layers.extend(compiled.map(|(name, text)| built_in(name, text, faults)));
    layers.extend(file);
    layers
}

fn is_profile_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    !name.is_empty() && name != "default" && name.chars().all(allowed)
}

fn path_of(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.toml"))
}

fn built_in(name: &str, text: &str, faults: &mut Vec<SettingFault>) -> Layer {
    Layer::of_toml(text, Origin::BuiltIn(format!("config/{name}.toml")), faults)
}

/// The layer of a file, where there is one.
fn on_disk(folder: &Path, name: &str, faults: &mut Vec<SettingFault>) -> Option<Layer> {
    let path = path_of(folder, name);
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(Layer::of_toml(&text, Origin::File(path), faults)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => {
            faults.push(SettingFault {
                name: path.display().to_string(),
                value: None,
                origin: None,
                problem: format!("the file cannot be read: {error}"),
            });
            None
        }
    }
}
