//! How far an import, an export, a backup or a restore is: a bar on a terminal, nothing elsewhere.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

/// Shows how far it is. On something else than a terminal nothing is drawn.
pub(crate) struct Progress {
    bar: ProgressBar,
    read: Arc<AtomicU64>,
    began: Instant,
    lines: u64,
    unit: &'static str,
}

impl Progress {
    /// Over files of `total` bytes, of which `read` counts those that were read.
    pub(crate) fn of_bytes(total: Option<u64>, read: Arc<AtomicU64>) -> Self {
        let (bar, template) = match total {
            Some(total) => (ProgressBar::new(total), "{bar:40} {percent:>3} %  {msg}  {eta} left"),
            None => (ProgressBar::new_spinner(), "{spinner} {msg}  {elapsed}"),
        };
        Self::drawn(bar, template, read)
    }

    /// Over lines whose number nobody knows.
    pub(crate) fn of_lines() -> Self {
        Self::drawn(ProgressBar::new_spinner(), "{spinner} {msg}  {elapsed}", Arc::default())
    }

    /// Over rows of a backup; over so many, where that is known.
    pub(crate) fn of_rows(total: Option<u64>) -> Self {
        let (bar, template) = match total {
            Some(total) => (ProgressBar::new(total), "{bar:40} {percent:>3} %  {msg}  {eta} left"),
            None => (ProgressBar::new_spinner(), "{spinner} {msg}  {elapsed}"),
        };
        Self { unit: "rows", ..Self::drawn(bar, template, Arc::default()) }
    }

    fn drawn(bar: ProgressBar, template: &str, read: Arc<AtomicU64>) -> Self {
        // A template that does not parse would be a defect of this file; the plain bar is then good enough.
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style);
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar, read, began: Instant::now(), lines: 0, unit: "lines" }
    }

    /// So many more lines are done.
    pub(crate) fn advance(&mut self, lines: usize) {
        self.lines += lines as u64;
        let is_rows = self.unit == "rows";
        self.bar.set_position(if is_rows { self.lines } else { self.read.load(Ordering::Relaxed) });
        self.bar.set_message(format!(
            "{} {}, {} a second",
            self.lines,
            self.unit,
            rate(self.lines, self.began.elapsed())
        ));
    }

    /// Prints something without tearing the bar.
    pub(crate) fn aside(&self, print: impl FnOnce()) {
        self.bar.suspend(print);
    }

    /// How long it took. The bar goes away.
    pub(crate) fn finish(&self) -> Duration {
        self.bar.finish_and_clear();
        self.began.elapsed()
    }
}

/// Lines a second.
pub(crate) fn rate(lines: u64, took: Duration) -> u64 {
    let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1);
    lines.saturating_mul(1000) / millis
}
