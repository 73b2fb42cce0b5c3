use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

/// Sends bytes as they are and reads until the server closes or falls silent for a while.
pub(crate) fn raw(host: &str, request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(host).unwrap();
    // A server that closes early breaks our writing; what it said before can still be read.
    let _ = stream.write_all(request);
    read_all(&mut stream, Duration::from_secs(10))
}

/// The status and text of the answer to a request line (`GET /path`) with these headers, sent as it is: no client
/// rewrites the path. None where the server closed without a word.
pub(crate) fn raw_answer(host: &str, request_line: &str, rest: &str) -> Option<(u16, String)> {
    let request = format!("{request_line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{rest}");
    let request = if request.contains("\r\n\r\n") { request } else { request + "\r\n" };
    let answer = String::from_utf8_lossy(&raw(host, request.as_bytes())).into_owned();
    let status = answer.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    Some((status, answer))
}

fn read_all(stream: &mut TcpStream, patience: Duration) -> Vec<u8> {
    stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let begun = Instant::now();
    let mut all = Vec::new();
    let mut part = [0; 4096];
    while begun.elapsed() < patience {
        match stream.read(&mut part) {
            Ok(0) => break,
            Ok(read) => all.extend_from_slice(&part[..read]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                if is_whole(&all) {
                    break;
                }
            }
            Err(_) => break,
        }
    }
    all
}

/// Whether an answer with a `Content-Length` is there to its end.
fn is_whole(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| {
        line.to_ascii_lowercase().strip_prefix("content-length:").and_then(|value| value.trim().parse().ok())
    });
    length.is_some_and(|length: usize| length <= body.len())
}
