//! Logs: one line each, on standard error.
//!
//! A line for every request is a system call for every request, so lines are gathered and written together: when there are
//! enough of them, when one is a warning or worse, a tenth of a second after they were told at the latest, and at the end.
//! On a terminal, where somebody watches, each is written at once.

use std::{
    io::{self, IsTerminal, Write},
    sync::{Mutex, OnceLock, PoisonError},
    time::Duration,
};

use tracing::{Level, Metadata};
use tracing_subscriber::{
    EnvFilter,
    fmt::{self, MakeWriter},
};

use crate::settings::{LogFormat, LogSettings};

/// So many bytes are written together.
const TOGETHER_BYTES: usize = 16 * 1024;
/// So long a line waits for others.
const TOGETHER_FOR: Duration = Duration::from_millis(100);

/// Logs what the settings ask for from now on. A second call changes nothing.
pub fn start(settings: &LogSettings) {
    // The settings were read with the same parser, so this does not fall back.
    let filter = EnvFilter::builder().parse(&settings.filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let logs = fmt::fmt().with_env_filter(filter).with_writer(Lines);
    // An error here means that somebody who embeds this library logs already.
    let _ = match settings.format {
        LogFormat::Pretty => logs.with_ansi(io::stderr().is_terminal()).try_init(),
        LogFormat::Json => {
            logs.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init()
        }
    };
}

/// Writes what was gathered. Called before the process ends.
pub fn flush() {
    if let Some(gathered) = GATHERED.get() {
        gathered.flush();
    }
}

static GATHERED: OnceLock<Gathered> = OnceLock::new();

/// Lines that wait to be written.
struct Gathered {
    lines: Mutex<Vec<u8>>,
    is_watched: bool,
}

impl Gathered {
    /// The one that there is; the first time, the thread that writes what is left over is started.
    fn the() -> &'static Self {
        GATHERED.get_or_init(|| {
            let started = std::thread::Builder::new().name("log".to_owned()).spawn(|| {
                loop {
                    std::thread::sleep(TOGETHER_FOR);
                    flush();
                }
            });
            // Without the thread nothing may wait.
            Self { lines: Mutex::default(), is_watched: io::stderr().is_terminal() || started.is_err() }
        })
    }

    fn add(&self, line: &[u8], is_urgent: bool) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.extend_from_slice(line);
        if is_urgent || self.is_watched || TOGETHER_BYTES <= lines.len() {
            written(&mut lines);
        }
    }

    fn flush(&self) {
        written(&mut self.lines.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Writes lines and forgets them. Where standard error takes nothing, there is nobody to tell.
fn written(lines: &mut Vec<u8>) {
    if !lines.is_empty() {
        let _ = io::stderr().write_all(lines);
        lines.clear();
    }
}

/// Makes writers for the subscriber, which gives each a whole line.
struct Lines;

struct Line {
    is_urgent: bool,
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line { is_urgent: false }
    }

    fn make_writer_for(&'a self, told: &Metadata<'_>) -> Line {
        Line { is_urgent: *told.level() <= Level::WARN }
    }
}

impl Write for Line {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        Gathered::the().add(line, self.is_urgent);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
