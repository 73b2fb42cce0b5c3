//! The head of an answer: status, and where the body lies.

use memchr::memmem;

/// What a head says that matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The status.
    pub status: u16,
    /// Where the body begins.
    pub body_at: usize,
    /// How long it is.
    pub body_length: usize,
}

/// Why an answer cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadHead {
    /// It does not begin as an answer of HTTP/1.1 does.
    NoStatus,
    /// It does not say how long its body is (it may come in chunks, which this client does not read).
    NoLength,
}

impl Head {
    /// Reads the head at the beginning of `bytes`; none where it has not all come yet.
    pub fn read(bytes: &[u8]) -> Result<Option<Self>, BadHead> {
        let Some(end) = memmem::find(bytes, b"\r\n\r\n") else { return Ok(None) };
        let head = &bytes[..end];
        let status = head.strip_prefix(b"HTTP/1.1 ").and_then(|rest| rest.get(..3)).and_then(number);
        let status = status.and_then(|status| u16::try_from(status).ok()).ok_or(BadHead::NoStatus)?;
        let has_body = !matches!(status, 100..=199 | 204 | 304);
        let body_length = if has_body { length(head).ok_or(BadHead::NoLength)? } else { 0 };
        Ok(Some(Self { status, body_at: end + 4, body_length }))
    }
}

/// The value of `Content-Length`.
fn length(head: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"content-length:";
    let mut lines = memmem::find_iter(head, b"\r\n").map(|at| &head[at + 2..]);
    let value =
        lines.find(|line| line.get(..NAME.len()).is_some_and(|name| name.eq_ignore_ascii_case(NAME)))?;
    let value = value[NAME.len()..].trim_ascii_start();
    let digits = value.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(value.len());
    number(&value[..digits])
}

fn number(digits: &[u8]) -> Option<usize> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_tells_status_and_body() {
        let bytes = b"HTTP/1.1 200 OK\r\nX: 1\r\nCONTENT-length:  5\r\n\r\nhello";
        assert_eq!(Head::read(bytes), Ok(Some(Head { status: 200, body_at: 45, body_length: 5 })));
        assert_eq!(&bytes[45..], b"hello");
    }

    #[test]
    fn half_a_head_is_waited_for() {
        let whole = b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n";
        for end in 0..whole.len() {
            assert_eq!(Head::read(&whole[..end]), Ok(None), "{end}");
        }
        assert!(matches!(Head::read(whole), Ok(Some(_))));
    }

    #[test]
    fn no_content_has_no_body_and_needs_no_length() {
        let read = Head::read(b"HTTP/1.1 204 No Content\r\ndate: now\r\n\r\n");
        assert_eq!(read, Ok(Some(Head { status: 204, body_at: 38, body_length: 0 })));
    }

    #[test]
    fn what_is_no_answer_or_comes_in_chunks_is_refused() {
        assert_eq!(Head::read(b"SSH-2.0\r\n\r\n"), Err(BadHead::NoStatus));
        assert_eq!(
            Head::read(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"),
            Err(BadHead::NoLength)
        );
        // A name that merely ends like it is another one.
        assert_eq!(Head::read(b"HTTP/1.1 200 OK\r\nx-content-length: 5\r\n\r\n"), Err(BadHead::NoLength));
    }
}
