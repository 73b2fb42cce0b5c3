//! Which forms of an answer a client accepts (RFC 9110, section 12.5.1).

use std::future::{Ready, ready};

use actix_web::{
    FromRequest, HttpRequest,
    dev::Payload,
    http::header::{ACCEPT, HeaderMap, HeaderValue},
};

use crate::problem::{self, Failure};

/// The form of a feed that a client prefers, of those it accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedForm {
    /// Our own JSON: what is answered where nothing else is named.
    Json,
    /// ActivityStreams 2.0, as `application/activity+json`.
    ActivityStreams,
    /// The same bytes as JSON-LD with its profile, for who names that alone.
    JsonLd,
}

impl FeedForm {
    /// The `Content-Type` of the form.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Json => JSON[0],
            Self::ActivityStreams => ACTIVITY_STREAMS[0],
            Self::JsonLd => "application/ld+json; profile=\"https://www.w3.org/ns/activitystreams\"",
        }
    }

    /// The form that headers ask for.
    pub fn of(headers: &HeaderMap) -> Result<Self, Failure> {
        if is_plain(headers) {
            return Ok(Self::Json);
        }
        let accept = listed(headers);
        let json = liking(&accept, &JSON);
        let of = |form: Self| (liking(&accept, form.ranges()), form);
        let (streams, linked) = (of(Self::ActivityStreams), of(Self::JsonLd));
        let (best, form) = if streams.0 < linked.0 { linked } else { streams };
        if best.is_liked() && (!json.is_liked() || best.is_named && json.weight <= best.weight) {
            return Ok(form);
        }
        if json.is_liked() {
            return Ok(Self::Json);
        }
        Err(refused(&accept, "application/json or application/activity+json"))
    }

    fn ranges(self) -> &'static MediaType {
        match self {
            Self::Json => &JSON,
            Self::ActivityStreams => &ACTIVITY_STREAMS,
            Self::JsonLd => &JSON_LD,
        }
    }
}

impl FromRequest for FeedForm {
    type Error = Failure;
    type Future = Ready<Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of(request.headers()))
    }
}

/// Refuses a request that accepts no JSON.
pub fn check(headers: &HeaderMap) -> Result<(), Failure> {
    check_type(headers, &JSON)
}

/// Refuses a request that accepts no stream of events.
pub fn check_events(headers: &HeaderMap) -> Result<(), Failure> {
    check_type(headers, &EVENTS)
}

/// Whether a page is as welcome as JSON.
pub fn takes_page(headers: &HeaderMap) -> bool {
    let accept = listed(headers);
    liking(&accept, &JSON).weight <= liking(&accept, &PAGE).weight
}

/// A media type, and the ranges that it is in: the most specific one first.
type MediaType = [&'static str; 3];
const JSON: MediaType = ["application/json", "application/*", "*/*"];
const PAGE: MediaType = ["text/html", "text/*", "*/*"];
const EVENTS: MediaType = ["text/event-stream", "text/*", "*/*"];
const ACTIVITY_STREAMS: MediaType = ["application/activity+json", "application/*", "*/*"];
const JSON_LD: MediaType = ["application/ld+json", "application/*", "*/*"];
/// What makes JSON-LD an ActivityStreams document.
const PROFILE: &str = "https://www.w3.org/ns/activitystreams";

/// What nearly everybody sends: nothing, any form, or JSON; told apart by comparing bytes alone.
fn is_plain(headers: &HeaderMap) -> bool {
    let mut lines = headers.get_all(ACCEPT);
    let both = (lines.next().map(HeaderValue::as_bytes), lines.next());
    matches!(both, (None, _) | (Some(b"*/*" | b"application/json"), None))
}

fn check_type(headers: &HeaderMap, served: &MediaType) -> Result<(), Failure> {
    if served == &JSON && is_plain(headers) {
        return Ok(());
    }
    let accept = listed(headers);
    if liking(&accept, served).is_liked() { Ok(()) } else { Err(refused(&accept, served[0])) }
}

fn refused(accept: &str, served: &str) -> Failure {
    let detail =
        format!("the answer is {served}, which the Accept '{}' leaves out", crate::query::cut(accept));
    Failure::new(problem::NOT_ACCEPTABLE, detail)
}

/// All lines of the header as one. Nothing said is as good as anything.
fn listed(headers: &HeaderMap) -> String {
    let lines: Vec<&str> = headers.get_all(ACCEPT).map(|line| line.to_str().unwrap_or("?")).collect();
    let accept = lines.join(",");
    if accept.trim().is_empty() { "*/*".to_owned() } else { accept }
}

/// How much a client likes a form; of two that weigh the same, more the one that is named.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
struct Liking {
    /// From 0 (not at all) to 1.
    weight: f32,
    /// Whether the form is named, and not only in a range.
    is_named: bool,
}

impl Liking {
    fn is_liked(self) -> bool {
        0.0 < self.weight
    }
}

/// The most specific range decides; a weight of 0 refuses.
fn liking(accept: &str, served: &MediaType) -> Liking {
    let ranges = accept.split(',').filter_map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let range = parts.next()?.to_ascii_lowercase();
        let specificity = 3 - served.iter().position(|known| *known == range)?;
        let parameters: Vec<&str> = parts.collect();
        let is_other =
            |parameter: &&str| parameter_of(parameter, "profile").is_some_and(|it| !has_profile(it));
        if served == &JSON_LD && specificity == 3 && parameters.iter().any(is_other) {
            return None;
        }
        let weight = parameters.iter().find_map(|parameter| parameter_of(parameter, "q")?.parse().ok());
        Some((specificity, weight.unwrap_or(1.0)))
    });
    let best = ranges.max_by(|one, other| one.partial_cmp(other).unwrap_or(std::cmp::Ordering::Equal));
    let (specificity, weight) = best.unwrap_or((0, 0.0));
    Liking { weight, is_named: specificity == 3 }
}

/// The value of a parameter of this name.
fn parameter_of<'a>(parameter: &'a str, name: &str) -> Option<&'a str> {
    let (given, value) = parameter.split_once('=')?;
    given.trim().eq_ignore_ascii_case(name).then(|| value.trim())
}

/// Whether a list of profiles, in quotation marks or without, has that of ActivityStreams.
fn has_profile(value: &str) -> bool {
    value.trim_matches('"').split_whitespace().any(|profile| profile == PROFILE)
}

#[cfg(test)]
mod tests {

    use super::*;

    #[test]
    fn json_is_accepted_by_name_and_by_range() {
        for accept in [
            "*/*",
            "application/*",
            "application/json",
            "Application/JSON; charset=utf-8",
            "text/html, */*;q=0.1",
            "application/json;q=0.001",
            "application/*;q=0, application/json",
        ] {
            assert!(liking(accept, &JSON).is_liked(), "{accept}");
        }
    }

    #[test]
    fn events_are_accepted_by_name_and_by_range() {
        for accept in ["text/event-stream", "*/*", "text/*;q=0.5", "application/json, text/event-stream"] {
            assert!(liking(accept, &EVENTS).is_liked(), "{accept}");
        }
        for accept in ["application/json", "text/html", "text/event-stream;q=0, */*"] {
            assert!(!liking(accept, &EVENTS).is_liked(), "{accept}");
        }
    }

    #[test]
    fn a_page_is_taken_unless_json_is_preferred() {
        let takes = |accept: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, actix_web::http::header::HeaderValue::from_static(accept));
            takes_page(&headers)
        };
        for accept in [
            "text/html,application/xml;q=0.9,*/*;q=0.8",
            "*/*",
            "",
            "image/png",
            "application/json, text/html",
        ] {
            assert!(takes(accept), "{accept}");
        }
        for accept in ["application/json", "application/json, */*;q=0.5", "text/html;q=0, */*"] {
            assert!(!takes(accept), "{accept}");
        }
        assert!(takes_page(&HeaderMap::new()));
    }

    #[test]
    fn other_forms_are_not() {
        for accept in ["text/html", "application/json;q=0, */*", "*/*;q=0", "application/xml, text/*", "?"] {
            assert!(!liking(accept, &JSON).is_liked(), "{accept}");
        }
    }

    fn form(lines: &[&'static str]) -> Option<FeedForm> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(ACCEPT, HeaderValue::from_static(line));
        }
        FeedForm::of(&headers).ok()
    }

    #[test]
    fn a_feed_is_json_unless_activity_streams_are_named_and_liked_as_much() {
        for lines in [
            &[][..],
            &[""],
            &["*/*"],
            &["application/json"],
            &["text/html,application/xhtml+xml,*/*;q=0.8"],
            &["application/*"],
            &["application/activity+json;q=0.5, application/json"],
            &["application/activity+json;q=0, */*"],
            &["application/ld+json; profile=\"https://example.org/other\", */*;q=0.1"],
            &["application/ld+json;q=0.2, */*;q=0.9"],
        ] {
            assert_eq!(form(lines), Some(FeedForm::Json), "{lines:?}");
        }
        for lines in [
            &["application/activity+json"][..],
            &["Application/Activity+JSON;q=0.1"],
            &["application/activity+json, */*;q=0.1"],
            &["application/activity+json, application/json"],
            &["application/json;q=0.9", "application/activity+json"],
            &["application/json;q=0, */*"],
            &["application/activity+json, application/ld+json"],
        ] {
            assert_eq!(form(lines), Some(FeedForm::ActivityStreams), "{lines:?}");
        }
        for lines in [
            &["application/ld+json; profile=\"https://www.w3.org/ns/activitystreams\""][..],
            &["application/ld+json"],
            &["application/ld+json;profile=https://www.w3.org/ns/activitystreams;q=0.9, */*;q=0.8"],
            &["application/ld+json;profile=\"https://example.org/a https://www.w3.org/ns/activitystreams\""],
            &["application/activity+json;q=0.3, application/ld+json;q=0.5"],
        ] {
            assert_eq!(form(lines), Some(FeedForm::JsonLd), "{lines:?}");
        }
        for lines in [&["text/html"][..], &["application/activity+json;q=0"], &["*/*;q=0"], &["?"]] {
            assert_eq!(form(lines), None, "{lines:?}");
        }
    }
}
