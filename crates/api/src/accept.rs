//! Which forms of an answer a client accepts (RFC 9110, section 12.5.1).

use actix_web::http::header::{ACCEPT, HeaderMap};

use crate::problem::{self, Failure};

/// Refuses a request that accepts no JSON.
pub fn check(headers: &HeaderMap) -> Result<(), Failure> {
    let lines: Vec<&str> = headers.get_all(ACCEPT).map(|line| line.to_str().unwrap_or("?")).collect();
    let accept = lines.join(",");
    if accept.trim().is_empty() || accepts_json(&accept) {
        return Ok(());
    }
    Err(Failure::new(
        problem::NOT_ACCEPTABLE,
        format!(
            "the answer is application/json, which the Accept '{}' leaves out",
            crate::query::cut(&accept)
        ),
    ))
}

/// The most specific range decides; a weight of 0 refuses.
fn accepts_json(accept: &str) -> bool {
    let ranges = accept.split(',').filter_map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let specificity = match parts.next()?.to_ascii_lowercase().as_str() {
            "application/json" => 3,
            "application/*" => 2,
            "*/*" => 1,
            _ => return None,
        };
        Some((specificity, parts.find_map(weight).unwrap_or(1.0)))
    });
    let best = ranges.max_by(|one, other| one.partial_cmp(other).unwrap_or(std::cmp::Ordering::Equal));
    best.is_some_and(|(_, weight)| 0.0 < weight)
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
            assert!(accepts_json(accept), "{accept}");
        }
    }

    #[test]
    fn other_forms_are_not() {
        for accept in ["text/html", "application/json;q=0, */*", "*/*;q=0", "application/xml, text/*", "?"] {
            assert!(!accepts_json(accept), "{accept}");
        }
    }
}
