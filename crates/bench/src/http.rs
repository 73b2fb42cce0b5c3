//! A small HTTP/1.1 client: as little work as can be for an answer, so that one core of it can measure one of the server.

mod connection;
mod head;

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

pub use self::{
    connection::{Answer, Connection},
    head::{BadHead, Head},
};

/// The bytes of a GET. No coding is accepted, so the answer is what it is.
pub fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").into_bytes()
}

/// Appends the bytes of a request with a body, which may be none.
pub fn write_request(out: &mut Vec<u8>, method: &str, path: &str, body: &str) {
    // Writing to a vector does not fail.
    let _ = write!(out, "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n");
    if !body.is_empty() {
        let _ = write!(out, "Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
    }
    let _ = write!(out, "\r\n{body}");
}

/// Whether a GET on a connection of its own is answered with 200.
pub fn answers_200(address: SocketAddr, path: &str) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        stream.write_all(&get(path))?;
        let mut start = [0_u8; 12];
        stream.read_exact(&mut start)?;
        Ok(&start == b"HTTP/1.1 200")
    };
    ask().unwrap_or(false)
}
