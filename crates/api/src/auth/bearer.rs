//! The credential that a request shows: `Authorization: Bearer …` (RFC 6750).

use actix_web::http::header::{AUTHORIZATION, HeaderMap};

/// How every challenge begins.
pub(super) const CHALLENGE: &str = "Bearer realm=\"feed-me\"";
/// The most characters of a credential; tokens of ours have about 250.
const CHARS_MAX: usize = 4096;

/// Why nobody is known by what was shown. The texts are fixed: nothing that a client sent comes back in a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// There is no credential of a kind that is taken here.
    Nothing(&'static str),
    /// The header cannot be read.
    Malformed(&'static str),
    /// The credential is no good (any more).
    Invalid(&'static str),
}

impl Refusal {
    /// What a client is told.
    pub(super) fn told(self) -> &'static str {
        match self {
            Self::Nothing(why) | Self::Malformed(why) | Self::Invalid(why) => why,
        }
    }

    /// The `WWW-Authenticate`. Who showed nothing is told no error.
    pub(super) fn challenge(self) -> String {
        let error = match self {
            Self::Nothing(_) => return CHALLENGE.to_owned(),
            Self::Malformed(_) => "invalid_request",
            Self::Invalid(_) => "invalid_token",
        };
        format!("{CHALLENGE}, error=\"{error}\", error_description=\"{}\"", self.told())
    }
}

/// The one credential of a request.
pub(super) fn shown(headers: &HeaderMap) -> Result<&str, Refusal> {
    let mut lines = headers.get_all(AUTHORIZATION);
    let Some(line) = lines.next() else {
        return Err(Refusal::Nothing(
            "this needs a credential: Authorization: Bearer, with a key or a token",
        ));
    };
    if lines.next().is_some() {
        return Err(Refusal::Malformed("the Authorization header is given more than once"));
    }
    let line =
        line.to_str().map_err(|_| Refusal::Malformed("the Authorization header is not plain ASCII"))?;
    let (scheme, credential) = line.split_once(' ').unwrap_or((line, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Refusal::Nothing("the scheme of the Authorization header is not Bearer"));
    }
    let credential = credential.trim_matches(' ');
    if credential.is_empty() {
        return Err(Refusal::Malformed("the Authorization header has no credential after its scheme"));
    }
    if CHARS_MAX < credential.len() {
        return Err(Refusal::Malformed("the credential is longer than any of this server"));
    }
    if !credential.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte)) {
        return Err(Refusal::Malformed("the credential has a character that no credential has"));
    }
    Ok(credential)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn headers(lines: &[&[u8]]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(AUTHORIZATION, HeaderValue::from_bytes(line).unwrap());
        }
        headers
    }

    #[test]
    fn the_scheme_is_taken_in_any_case() {
        for line in ["Bearer fm_a-b_c", "bearer fm_a-b_c", "BEARER   fm_a-b_c  "] {
            assert_eq!(shown(&headers(&[line.as_bytes()])), Ok("fm_a-b_c"), "{line}");
        }
    }

    #[test]
    fn who_shows_nothing_is_told_no_error() {
        let lines: [&[&[u8]]; 5] = [&[], &[b"Basic aXZhbg=="], &[b"fm_abc"], &[b""], &[b"Bearerfm_abc"]];
        for lines in lines {
            let refusal = shown(&headers(lines)).unwrap_err();
            assert_eq!(refusal.challenge(), CHALLENGE, "{lines:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused_and_never_repeated() {
        let long = format!("Bearer {}", "a".repeat(CHARS_MAX + 1));
        let lines: [&[&[u8]]; 7] = [
            &[b"Bearer"],
            &[b"Bearer   "],
            &[b"Bearer a", b"Bearer a"],
            &[b"Bearer a, Bearer b"],
            &[b"Bearer a\"b"],
            &[b"Bearer \xFF"],
            &[long.as_bytes()],
        ];
        for lines in lines {
            let refusal = shown(&headers(lines)).unwrap_err();
            assert!(matches!(refusal, Refusal::Malformed(_)), "{lines:?}");
            assert!(refusal.challenge().contains("error=\"invalid_request\""), "{lines:?}");
        }
    }
}
