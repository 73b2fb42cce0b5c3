//! Which forms of an answer a client accepts (RFC 9110, section 12.5.1).

use actix_web::http::header::{ACCEPT, HeaderMap};

use crate::problem::{self, Failure};

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
    let accept = accept_of(headers);
    accept.trim().is_empty() || weight_of(&accept, &JSON) <= weight_of(&accept, &PAGE)
}

/// A media type, and the ranges that it is in: the most specific one first.
type MediaType = [&'static str; 3];
const JSON: MediaType = ["application/json", "application/*", "*/*"];
const PAGE: MediaType = ["text/html", "text/*", "*/*"];
const EVENTS: MediaType = ["text/event-stream", "text/*", "*/*"];

fn check_type(headers: &HeaderMap, served: &MediaType) -> Result<(), Failure> {
    let accept = accept_of(headers);
    if accept.trim().is_empty() || accepts(&accept, served) {
        return Ok(());
    }
    Err(Failure::new(
        problem::NOT_ACCEPTABLE,
        format!("the answer is {}, which the Accept '{}' leaves out", served[0], crate::query::cut(&accept)),
    ))
}

fn accept_of(headers: &HeaderMap) -> String {
    let lines: Vec<&str> = headers.get_all(ACCEPT).map(|line| line.to_str().unwrap_or("?")).collect();
    lines.join(",")
}

fn accepts(accept: &str, served: &MediaType) -> bool {
    0.0 < weight_of(accept, served)
}

/// The most specific range decides; a weight of 0 refuses, and so does no range.
fn weight_of(accept: &str, served: &MediaType) -> f32 {
    let ranges = accept.split(',').filter_map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let range = parts.next()?.to_ascii_lowercase();
        let specificity = 3 - served.iter().position(|known| *known == range)?;
        Some((specificity, parts.find_map(weight).unwrap_or(1.0)))
    });
    let best = ranges.max_by(|one, other| one.partial_cmp(other).unwrap_or(std::cmp::Ordering::Equal));
    best.map_or(0.0, |(_, weight)| weight)
}

fn weight(parameter: &str) -> Option<f32> {
    let (name, value) = parameter.split_once('=')?;
    if name.trim().eq_ignore_ascii_case("q") { value.trim().parse().ok() } else { None }
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
            assert!(accepts(accept, &JSON), "{accept}");
        }
    }

    #[test]
    fn events_are_accepted_by_name_and_by_range() {
        for accept in ["text/event-stream", "*/*", "text/*;q=0.5", "application/json, text/event-stream"] {
            assert!(accepts(accept, &EVENTS), "{accept}");
        }
        for accept in ["application/json", "text/html", "text/event-stream;q=0, */*"] {
            assert!(!accepts(accept, &EVENTS), "{accept}");
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
            assert!(!accepts(accept, &JSON), "{accept}");
        }
    }
}
