//! A connection that is kept alive, with one request at a time.

use std::{io, net::SocketAddr};

use memchr::memmem;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{BadHead, Head};

/// How every item of a page, and nothing else in it, is found: inside a string the quotes would be escaped.
const ITEM: &[u8] = b"\"published\":\"";

/// A connection.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// An answer, which has all come.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: &'a [u8],
}

impl Connection {
    /// Connects.
    pub async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(1 << 16) })
    }

    /// Sends a request and waits for its answer.
    pub async fn ask(&mut self, request: &[u8]) -> io::Result<Answer<'_>> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let head = loop {
            self.more().await?;
            if let Some(head) = Head::read(&self.buffer).map_err(unreadable)? {
                break head;
            }
        };
        let end = head.body_at + head.body_length;
        while self.buffer.len() < end {
            self.more().await?;
        }
        Ok(Answer { status: head.status, body: &self.buffer[head.body_at..end] })
    }

    async fn more(&mut self) -> io::Result<()> {
        if self.stream.read_buf(&mut self.buffer).await? == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection"));
        }
        Ok(())
    }
}

impl Answer<'_> {
    /// How many items the page has.
    pub fn items(&self) -> usize {
        memmem::find_iter(self.body, ITEM).count()
    }

    /// The answer in short, for messages about what was not expected.
    pub fn told(&self) -> String {
        let start = self.body.get(..200).unwrap_or(self.body);
        format!("{} with {} items: {}", self.status, self.items(), String::from_utf8_lossy(start))
    }
}

fn unreadable(bad: BadHead) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        match bad {
            BadHead::NoStatus => "the answer is not one of HTTP/1.1",
            BadHead::NoLength => "the answer does not tell its length",
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_counted_and_look_alikes_in_strings_are_not() {
        let body = br#"{"items":[{"published":"1","object":"\"published\":\"2"},{"published":"3"}]}"#;
        assert_eq!(Answer { status: 200, body }.items(), 2);
    }
}
