//! Positions in the order of all changes, as clients carry them: every write and every feed page tells one in its
//! `Feed-Position`, and a read that brings one is answered when it includes it, by whichever instance.

use std::time::Duration;

use actix_web::{
    HttpResponse,
    http::{
        Method,
        header::{HeaderMap, HeaderName, HeaderValue},
    },
};
use tokio::time::Instant;

use crate::{
    problem::{self, Failure},
    query::cut,
    services::Services,
};

/// The header, of requests and of answers.
pub const HEADER: HeaderName = HeaderName::from_static("feed-position");
/// How long a read waits for its position.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between the first looks; then ever longer, up to the last.
const PAUSES: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(300));

/// Reads a position as it is written.
pub fn parse(raw: &str) -> Option<i64> {
    let is_whole = !raw.is_empty() && raw.bytes().all(|byte| byte.is_ascii_digit());
    is_whole.then(|| raw.parse().ok()).flatten()
}

/// The position that a request brings.
fn asked(headers: &HeaderMap) -> Result<Option<i64>, Failure> {
    let mut lines = headers.get_all(HEADER);
    let Some(line) = lines.next() else { return Ok(None) };
    let refused = |why: String| Failure::new(problem::INVALID_POSITION, why);
    if lines.next().is_some() {
        return Err(refused("Feed-Position is given more than once".to_owned()));
    }
    let raw = String::from_utf8_lossy(line.as_bytes());
    let position = parse(raw.trim());
    let refusal =
        || refused(format!("'{}' in Feed-Position is not a position that a server told", cut(&raw)));
    position.map(Some).ok_or_else(refusal)
}

/// Waits until what is read includes the position that the request brings, where it brings one.
pub async fn wait(services: &Services, method: &Method, headers: &HeaderMap) -> Result<(), Failure> {
    if ![Method::GET, Method::HEAD].contains(method) {
        return Ok(());
    }
    let Some(position) = asked(headers)? else { return Ok(()) };
    let deadline = Instant::now() + PATIENCE;
    let (mut pause, mut listens) = (PAUSES.0, true);
    loop {
        let reached = services.log.reached().await?;
        if position <= reached {
            services.log.require(position);
            return Ok(());
        }
        if deadline < Instant::now() + pause {
            let detail = format!("this server has seen all up to position {reached}, and not yet {position}");
            return Err(Failure::new(problem::POSITION_NOT_REACHED, detail));
        }
        // Who is woken and finds nothing would be woken again at once.
        tokio::select! {
            () = services.log.grown(position - 1), if listens => listens = false,
            () = tokio::time::sleep(pause) => {}
        }
        pause = (pause * 2).min(PAUSES.1);
    }
}

/// Tells the position of a write in its answer.
pub async fn tell(route: &str, method: &Method, services: &Services, response: &mut HttpResponse) {
    let writes =
        [Method::POST, Method::PUT, Method::PATCH, Method::DELETE].contains(method) || route == "/reset";
    if !writes || !response.status().is_success() {
        return;
    }
    // An answer that is given again may be that of another instance.
    let is_replayed = response.headers().contains_key("idempotency-replayed");
    let known = services.log.last_committed().filter(|_| !is_replayed);
    let position = match known {
        Some(position) => Ok(position),
        None => services.log.extent().await.map(|extent| extent.last),
    };
    // What was done is done: where the log cannot be asked any more, only the position is left out.
    if let Ok(Ok(value)) = position.map(|position| HeaderValue::from_str(&position.to_string())) {
        response.headers_mut().insert(HEADER, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_a_whole_number_and_nothing_else() {
        assert_eq!((parse("0"), parse("42")), (Some(0), Some(42)));
        for raw in ["", "-1", "+1", "1.0", "0x1", " 1", "99999999999999999999", "last"] {
            assert_eq!(parse(raw), None, "{raw}");
        }
    }
}
