//! Logs: one line each, on standard error.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, fmt};

use crate::settings::{LogFormat, LogSettings};

/// Logs what the settings ask for from now on. A second call changes nothing.
pub fn start(settings: &LogSettings) {
    // The settings were read with the same parser, so this does not fall back.
    let filter = EnvFilter::builder().parse(&settings.filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let logs = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // An error here means that somebody who embeds this library logs already.
    let _ = match settings.format {
        LogFormat::Pretty => logs.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => {
            logs.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init()
        }
    };
}
