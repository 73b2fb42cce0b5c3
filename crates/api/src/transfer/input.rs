//! The files of an import, line by line.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use flate2::bufread::MultiGzDecoder;

use super::line::is_user;

/// The longest line, in bytes. An activity with all members at their limits is far shorter.
const LINE_BYTES_MAX: usize = 1024 * 1024;
const BUFFER_BYTES: usize = 128 * 1024;
/// How much of a file is looked at to find its first line.
const HEAD_BYTES: u64 = 16 * 1024;
const GZIP_MAGIC: &[u8] = &[0x1F, 0x8B];

/// A file of an import that could be opened.
pub(super) struct Input {
    /// How messages call it.
    pub(super) name: String,
    lines: Box<dyn BufRead + Send>,
    line: u64,
    /// Whether its first line is a user's. Such files are read first, so that users come in with all that is known of
    /// them, whatever the order of the files.
    pub(super) begins_with_user: bool,
}

/// What stands on a line.
pub(super) enum Line {
    /// A text that is not blank.
    Text(String),
    /// More bytes than a line may have, or no UTF-8.
    Bad(String),
}

/// A file that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {name}: {source}")]
pub struct InputFailure {
    /// The file.
    pub name: String,
    /// Why.
    pub source: io::Error,
}

/// Opens all files, or tells which one cannot be. Returns them with the number of bytes that there are to read, where that is
/// known; `read` counts those that were.
pub(super) fn open_all(
    paths: &[PathBuf],
    read: &Arc<AtomicU64>,
) -> Result<(Vec<Input>, Option<u64>), InputFailure> {
    let mut inputs = Vec::with_capacity(paths.len());
    let mut total = Some(0);
    for path in paths {
        let failed = |source| InputFailure { name: path.display().to_string(), source };
        let (input, size) = Input::open(path, read.clone()).map_err(failed)?;
        inputs.push(input);
        total = total.zip(size).map(|(total, size)| total + size);
    }
    inputs.sort_by_key(|input| !input.begins_with_user);
    Ok((inputs, total))
}

impl Input {
    fn open(path: &Path, read: Arc<AtomicU64>) -> io::Result<(Self, Option<u64>)> {
        let is_stdin = path == Path::new("-");
        let (source, size): (Box<dyn Read + Send>, _) = if is_stdin {
            (Box::new(io::stdin()), None)
        } else {
            let file = File::open(path)?;
            let metadata = file.metadata()?;
            if metadata.is_dir() {
                return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder"));
            }
            (Box::new(file), metadata.is_file().then_some(metadata.len()))
        };
        let mut source = BufReader::with_capacity(BUFFER_BYTES, Counted { source, read });
        // A pipe may give its first byte alone, so the beginning is read on its own and put back in front.
        let mut beginning = Vec::with_capacity(GZIP_MAGIC.len());
        source.by_ref().take(GZIP_MAGIC.len() as u64).read_to_end(&mut beginning)?;
        let is_gzip = beginning == GZIP_MAGIC;
        let whole = io::Cursor::new(beginning).chain(source);
        let mut whole: Box<dyn Read + Send> =
            if is_gzip { Box::new(MultiGzDecoder::new(whole)) } else { Box::new(whole) };
        // Somebody may be typing on standard input: it is not read ahead.
        let mut head = Vec::new();
        if !is_stdin {
            whole.by_ref().take(HEAD_BYTES).read_to_end(&mut head)?;
        }
        let begins_with_user = begins_with_user(&head);
        let whole = io::Cursor::new(head).chain(whole);
        let lines = Box::new(BufReader::with_capacity(BUFFER_BYTES, whole));
        let name = if is_stdin { "standard input".to_owned() } else { path.display().to_string() };
        Ok((Self { name, lines, line: 0, begins_with_user }, size))
    }

    /// The next line that is not blank, with its number; none at the end.
    pub(super) fn next_line(&mut self) -> Result<Option<(u64, Line)>, InputFailure> {
        loop {
            let mut bytes = Vec::new();
            let end = read_line(&mut self.lines, &mut bytes)
                .map_err(|source| InputFailure { name: self.name.clone(), source })?;
            self.line += 1;
            let line = match end {
                LineEnd::NoLine => return Ok(None),
                LineEnd::TooLong => {
                    Line::Bad(format!("is longer than the {LINE_BYTES_MAX} bytes a line may have"))
                }
                LineEnd::Reached if bytes.iter().all(|byte| b" \t\r".contains(byte)) => continue,
                LineEnd::Reached => match String::from_utf8(bytes) {
                    Ok(text) => Line::Text(text),
                    Err(error) => Line::Bad(format!(
                        "is not valid UTF-8 from its byte {} on",
                        error.utf8_error().valid_up_to() + 1
                    )),
                },
            };
            return Ok(Some((self.line, line)));
        }
    }
}

/// Whether the first line in the head of a file is a user's.
fn begins_with_user(head: &[u8]) -> bool {
    let first = head.split(|&byte| byte == b'\n').find(|line| !line.trim_ascii().is_empty());
    first.and_then(|line| std::str::from_utf8(line).ok()).is_some_and(is_user)
}

enum LineEnd {
    NoLine,
    Reached,
    TooLong,
}

/// Reads up to the end of a line; what is beyond the limit is passed over and never kept.
fn read_line(lines: &mut dyn BufRead, bytes: &mut Vec<u8>) -> io::Result<LineEnd> {
    let mut end = LineEnd::NoLine;
    loop {
        let ahead = match lines.fill_buf() {
            Ok(ahead) => ahead,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if ahead.is_empty() {
            return Ok(end);
        }
        let newline = ahead.iter().position(|&byte| byte == b'\n');
        let part = &ahead[..newline.unwrap_or(ahead.len())];
        if !matches!(end, LineEnd::TooLong) {
            end = if LINE_BYTES_MAX < bytes.len() + part.len() { LineEnd::TooLong } else { LineEnd::Reached };
        }
        if matches!(end, LineEnd::Reached) {
            bytes.extend_from_slice(part);
        } else {
            bytes.clear();
        }
        let used = newline.map_or(ahead.len(), |at| at + 1);
        lines.consume(used);
        if newline.is_some() {
            return Ok(end);
        }
    }
}

/// Counts what is read of the files themselves, compressed or not.
struct Counted<R> {
    source: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}
