//! Streams that are read and timed.

use std::{
    cell::RefCell,
    collections::HashMap,
    net::SocketAddr,
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use chrono::{DateTime, Utc};
use futures_util::{StreamExt, TryStreamExt, stream};
use memchr::memmem;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Notify,
};

/// What a removal, which tells an id alone, is counted as.
pub(super) const REMOVED: &str = "removed";
/// How long one step may take until all streams were told.
const PATIENCE: Duration = Duration::from_mins(2);
/// How many streams are being opened at a time.
const OPENING: usize = 100;

/// All streams, and what they heard.
pub(super) struct Listeners {
    heard: Rc<Heard>,
    clock: (DateTime<Utc>, Instant),
}

#[derive(Default)]
struct Heard {
    /// By the object of an activity: when the last byte of it came, stream by stream.
    at: RefCell<HashMap<String, Vec<Instant>>>,
    more: Notify,
    ended: RefCell<Option<String>>,
}

/// As many open files as are allowed.
pub(super) fn raise_limit() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let wanted = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let _ = setrlimit(Resource::Nofile, wanted);
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

#[expect(clippy::disallowed_methods, reason = "what is compared are the stamps of a server on this machine")]
fn clock() -> (DateTime<Utc>, Instant) {
    (Utc::now(), Instant::now())
}

impl Listeners {
    /// Opens a stream at each path, and waits until each was greeted.
    pub(super) async fn open(
        address: SocketAddr,
        paths: impl Iterator<Item = String>,
    ) -> anyhow::Result<Self> {
        let heard = Rc::new(Heard::default());
        let all = heard.clone();
        let opening = paths.map(move |path| Reading::open(address, path, all.clone()));
        let mut opened = stream::iter(opening).buffer_unordered(OPENING);
        while let Some(reading) = opened.try_next().await? {
            tokio::task::spawn_local(reading.on());
        }
        Ok(Self { heard, clock: clock() })
    }

    /// The time of the machine, and when it was that.
    pub(super) fn clock(&self) -> (DateTime<Utc>, Instant) {
        self.clock
    }

    /// Waits until something was heard so often. Gives when.
    pub(super) async fn wait_for(&self, label: &str, times: usize) -> anyhow::Result<Vec<Instant>> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let more = self.heard.more.notified();
            if let Some(why) = &*self.heard.ended.borrow() {
                bail!("a stream is over: {why}");
            }
            let count = self.heard.at.borrow().get(label).map_or(0, Vec::len);
            ensure!(count <= times, "'{label}' was told {count} times to {times}");
            if count == times {
                return Ok(self.heard.at.borrow_mut().remove(label).unwrap_or_default());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let waited = tokio::time::timeout(left, more).await;
            waited.with_context(|| format!("'{label}' was told {count} times, of {times}"))?;
        }
    }

    /// Counts anew.
    pub(super) fn forget(&self, label: &str) {
        self.heard.at.borrow_mut().remove(label);
    }
}

/// A stream that is read.
struct Reading {
    stream: TcpStream,
    buffer: Vec<u8>,
    heard: Rc<Heard>,
}

impl Reading {
    async fn open(address: SocketAddr, path: String, heard: Rc<Heard>) -> anyhow::Result<Self> {
        let mut stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nAccept: text/event-stream\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut reading = Self { stream, buffer: Vec::with_capacity(1024), heard };
        while memmem::find(&reading.buffer, b": connected\n\n").is_none() {
            ensure!(reading.more().await? > 0, "the server closed a stream before it began");
        }
        ensure!(reading.buffer.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&reading.buffer));
        reading.buffer.clear();
        Ok(reading)
    }

    async fn more(&mut self) -> std::io::Result<usize> {
        self.stream.read_buf(&mut self.buffer).await
    }

    async fn on(mut self) {
        loop {
            match self.more().await {
                Ok(0) => return self.end("the server closed it"),
                Err(error) => return self.end(&error.to_string()),
                Ok(_) => self.hear(),
            }
        }
    }

    fn end(&self, why: &str) {
        self.heard.ended.borrow_mut().get_or_insert_with(|| why.to_owned());
        self.heard.more.notify_waiters();
    }

    /// Counts the events that have come whole. What is in between (the sizes of chunks, heartbeats) is passed over.
    fn hear(&mut self) {
        let now = Instant::now();
        let mut from = 0;
        while let Some(end) = memmem::find(&self.buffer[from..], b"\n\n") {
            if let Some(label) = label(&self.buffer[from..from + end]) {
                let mut at = self.heard.at.borrow_mut();
                match at.get_mut(label) {
                    Some(times) => times.push(now),
                    None => drop(at.insert(label.to_owned(), vec![now])),
                }
            }
            from += end + 2;
        }
        self.buffer.drain(..from);
        self.heard.more.notify_waiters();
    }
}

/// What an event is about: the object of its activity.
fn label(block: &[u8]) -> Option<&str> {
    const OBJECT: &[u8] = b"\"object\":\"";
    if memmem::find(block, b"event: activity.removed").is_some() {
        return Some(REMOVED);
    }
    let object = &block[memmem::find(block, OBJECT)? + OBJECT.len()..];
    std::str::from_utf8(&object[..memchr::memchr(b'"', object)?]).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_about_the_object_of_its_activity() {
        let added = b"5f\r\nid: 7\nevent: activity.added\ndata: {\"actor\":\"a\",\"object\":\"post-1\",\"target\":null}";
        assert_eq!(label(added), Some("post-1"));
        assert_eq!(label(b"id: 7\nevent: activity.removed\ndata: {\"id\":\"x\"}"), Some(REMOVED));
        assert_eq!(label(b": heartbeat"), None);
    }
}
