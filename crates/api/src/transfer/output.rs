//! Where an export goes.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use feed_me_domain::transfer::Record;
use flate2::{Compression, write::GzEncoder};

/// Where an export goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// A file for each kind, in this folder.
    Folder(PathBuf),
    /// Standard output, everything in one stream.
    Stdout,
}

/// The files of a folder, in the order in which they are imported.
const FILES: [&str; 5] = ["users", "activities", "follows", "blocks", "mutes"];

fn file_of(record: &Record) -> usize {
    match record {
        Record::User(_) => 0,
        Record::Activity(_) => 1,
        Record::Follow(_) => 2,
        Record::Block(_) => 3,
        Record::Mute(_) => 4,
    }
}

/// Takes the lines of an export. Files have other names until all of them are whole.
pub(super) struct Output {
    sinks: Vec<Sink>,
    /// The unfinished name of each file and the one that it gets.
    renames: Vec<(PathBuf, PathBuf)>,
}

impl Output {
    pub(super) fn open(destination: &Destination, gzip: bool) -> io::Result<Self> {
        match destination {
            Destination::Stdout => {
                Ok(Self { sinks: vec![Sink::new(Target::Stdout(io::stdout()), gzip)], renames: Vec::new() })
            }
            Destination::Folder(folder) => Self::in_folder(folder, gzip),
        }
    }

    fn in_folder(folder: &Path, gzip: bool) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let suffix = if gzip { "ndjson.gz" } else { "ndjson" };
        let mut output = Self { sinks: Vec::new(), renames: Vec::new() };
        for name in FILES {
            let whole = folder.join(format!("{name}.{suffix}"));
            let unfinished = folder.join(format!(".{name}.{suffix}.unfinished"));
            let file = File::create(&unfinished)?;
            output.renames.push((unfinished, whole));
            output.sinks.push(Sink::new(Target::File(file), gzip));
        }
        Ok(output)
    }

    pub(super) fn write(&mut self, record: &Record, line: &str) -> io::Result<()> {
        let at = if self.sinks.len() == 1 { 0 } else { file_of(record) };
        match self.sinks.get_mut(at) {
            Some(sink) => sink.write_line(line),
            None => Ok(()),
        }
    }

    /// Writes everything down and gives the files their names. Without it they are removed.
    pub(super) fn finish(mut self) -> io::Result<()> {
        for sink in std::mem::take(&mut self.sinks) {
            sink.finish()?;
        }
        // What was renamed is no longer under its unfinished name, so that dropping the rest is right at any point.
        self.renames.iter().try_for_each(|(unfinished, whole)| fs::rename(unfinished, whole))
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        for (unfinished, _) in &self.renames {
            // It may be gone already, and there is nobody left to tell.
            let _ = fs::remove_file(unfinished);
        }
    }
}

enum Target {
    File(File),
    Stdout(io::Stdout),
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.write(bytes),
            Self::Stdout(stdout) => stdout.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::File(file) => file.flush(),
            Self::Stdout(stdout) => stdout.flush(),
        }
    }
}

impl Target {
    fn settle(mut self) -> io::Result<()> {
        self.flush()?;
        match self {
            Self::File(file) => file.sync_all(),
            Self::Stdout(_) => Ok(()),
        }
    }
}

enum Sink {
    Plain(BufWriter<Target>),
    Gzip(BufWriter<GzEncoder<Target>>),
}

const BUFFER_BYTES: usize = 128 * 1024;

impl Sink {
    fn new(target: Target, gzip: bool) -> Self {
        if gzip {
            let encoder = GzEncoder::new(target, Compression::default());
            Self::Gzip(BufWriter::with_capacity(BUFFER_BYTES, encoder))
        } else {
            Self::Plain(BufWriter::with_capacity(BUFFER_BYTES, target))
        }
    }

    fn write_line(&mut self, line: &str) -> io::Result<()> {
        let out: &mut dyn Write = match self {
            Self::Plain(out) => out,
            Self::Gzip(out) => out,
        };
        out.write_all(line.as_bytes())?;
        out.write_all(b"\n")
    }

    fn finish(self) -> io::Result<()> {
        let target = match self {
            Self::Plain(out) => out.into_inner().map_err(io::IntoInnerError::into_error)?,
            Self::Gzip(out) => out.into_inner().map_err(io::IntoInnerError::into_error)?.finish()?,
        };
        target.settle()
    }
}
