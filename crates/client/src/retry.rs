use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use chrono::{DateTime, Utc};
use reqwest::header::{HeaderMap, RETRY_AFTER};

/// How often, and for how long, a request is sent again.
#[derive(Clone, Copy, Debug)]
pub struct Retries {
    /// The most attempts after the first one (4).
    pub times: usize,
    /// The pause before the second attempt; each further one is twice as long, with some chance in it (100 ms).
    pub first_pause: Duration,
    /// The longest of these pauses (5 s).
    pub pause_max: Duration,
    /// The longest pause that a server's `Retry-After` may ask for; for a longer one the problem is given (60 s).
    pub retry_after_max: Duration,
}

impl Default for Retries {
    fn default() -> Self {
        Self {
            times: 4,
            first_pause: Duration::from_millis(100),
            pause_max: Duration::from_secs(5),
            retry_after_max: Duration::from_mins(1),
        }
    }
}

impl Retries {
    /// Every request is sent once.
    pub fn none() -> Self {
        Self { times: 0, ..Self::default() }
    }

    /// The pauses between the attempts of one request.
    pub(crate) fn pauses(&self) -> Pauses {
        Pauses { own: self.own().with_max_times(self.times).build(), retry_after_max: self.retry_after_max }
    }

    /// Pauses that never end.
    pub(crate) fn endless_pauses(&self) -> Pauses {
        Pauses { own: self.own().without_max_times().build(), retry_after_max: self.retry_after_max }
    }

    fn own(&self) -> ExponentialBuilder {
        let pauses = ExponentialBuilder::default().with_factor(2.0).with_jitter();
        pauses.with_min_delay(self.first_pause).with_max_delay(self.pause_max)
    }
}

/// The pauses that are left.
#[derive(Debug)]
pub(crate) struct Pauses {
    own: ExponentialBackoff,
    retry_after_max: Duration,
}

impl Pauses {
    /// The next one, which is not shorter than what the server told; none: it is not to be tried again.
    pub(crate) fn next(&mut self, told: Option<Duration>) -> Option<Duration> {
        let own = self.own.next()?;
        match told {
            Some(told) if self.retry_after_max < told => None,
            Some(told) => Some(own.max(told)),
            None => Some(own),
        }
    }
}

/// What `Retry-After` says: seconds, or a date (RFC 9110, section 10.2.3).
pub(crate) fn told_by(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = DateTime::parse_from_rfc2822(text).ok()?;
    Some((at.to_utc() - now()).to_std().unwrap_or_default())
}

#[expect(clippy::disallowed_methods, reason = "the date is the server's, and a client knows no other clock")]
fn now() -> DateTime<Utc> {
    Utc::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        let mut pauses = Retries::default().pauses();
        let all: Vec<Duration> = std::iter::from_fn(|| pauses.next(None)).collect();
        assert_eq!(all.len(), 4);
        assert!(Duration::from_millis(100) <= all[0] && Duration::from_millis(800) <= all[3], "{all:?}");
        assert!(Retries::none().pauses().next(None).is_none());
    }

    #[test]
    fn the_server_is_waited_for_but_not_for_ever() {
        let mut pauses = Retries::default().pauses();
        assert!(Duration::from_secs(7) <= pauses.next(Some(Duration::from_secs(7))).unwrap());
        assert_eq!(pauses.next(Some(Duration::from_mins(2))), None);
    }

    #[test]
    fn both_forms_of_retry_after_are_read() {
        let told = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, text.parse().unwrap());
            told_by(&headers)
        };
        assert_eq!(told("7"), Some(Duration::from_secs(7)));
        assert_eq!(told("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
        let far = (now() + Duration::from_secs(50)).to_rfc2822();
        assert!(
            told(&far).unwrap() <= Duration::from_secs(50) && Duration::from_secs(40) < told(&far).unwrap()
        );
        assert_eq!(told("soon"), None);
    }
}
