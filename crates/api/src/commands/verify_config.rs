use super::{Failure, say};
use crate::{cli::VerifyConfigArgs, settings::Loaded, tls::Certificate};

/// The settings were read, so they are right, if the files that they name are; shows them where asked to.
pub(super) fn verify_config(args: &VerifyConfigArgs, loaded: &Loaded) -> Result<(), Failure> {
    if let Some(tls) = &loaded.settings.tls {
        Certificate::load(tls)?;
    }
    if args.show {
        for setting in &loaded.shown {
            say(format_args!("{} = {}  # {}", setting.name, setting.value, setting.origin))?;
        }
        return Ok(());
    }
    say(format_args!("the settings are right (profile {})", loaded.settings.profile))
}
