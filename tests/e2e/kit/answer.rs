use reqwest::{StatusCode, header::HeaderMap};
use serde_json::Value;

use crate::kit::as_line;

/// What the server answered.
#[must_use]
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(super) asked: String,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    /// What holds for every answer of this server, whatever was asked.
    #[track_caller]
    pub(super) fn keeps_every_promise(&self, is_v1: bool) {
        assert_ne!(self.status, 500, "{self}");
        self.header("x-request-id");
        let is_error = 400 <= self.status.as_u16();
        if is_v1 && is_error && !self.bytes.is_empty() {
            self.is_problem(self.status.as_u16(), "");
        }
        if is_v1 && self.status == 200 && !self.bytes.is_empty() {
            self.header("content-type");
        }
    }

    #[track_caller]
    pub(crate) fn is(&self, status: u16) -> &Self {
        assert_eq!(self.status, status, "{self}");
        self
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|error| panic!("no JSON ({error}): {self}"))
    }

    /// One member of a JSON answer, by its JSON pointer.
    #[track_caller]
    pub(crate) fn at(&self, pointer: &str) -> Value {
        self.json().pointer(pointer).unwrap_or_else(|| panic!("nothing at {pointer}: {self}")).clone()
    }

    /// The same, where it is a string.
    #[track_caller]
    pub(crate) fn str_at(&self, pointer: &str) -> String {
        self.at(pointer).as_str().unwrap_or_else(|| panic!("no string at {pointer}: {self}")).to_owned()
    }

    /// The id of the activity or user that was answered.
    #[track_caller]
    pub(crate) fn id(&self) -> String {
        self.str_at("/id")
    }

    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> String {
        self.find_header(name).unwrap_or_else(|| panic!("no header {name}: {self}"))
    }

    pub(crate) fn find_header(&self, name: &str) -> Option<String> {
        let mut values = self.headers.get_all(name).iter().map(|value| value.to_str().unwrap());
        let first = values.next()?.to_owned();
        Some(values.fold(first, |all, value| all + ", " + value))
    }

    /// An RFC 9457 problem of this status; `kind` is the last part of its `type`, where it is told.
    #[track_caller]
    pub(crate) fn is_problem(&self, status: u16, kind: &str) -> &Self {
        self.is(status);
        assert!(self.header("content-type").starts_with("application/problem+json"), "{self}");
        let problem = self.json();
        assert_eq!(problem["status"], status, "{self}");
        for member in ["type", "title", "detail", "instance", "request_id"] {
            assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "no {member}: {self}");
        }
        assert_eq!(problem["request_id"], self.header("x-request-id"), "{self}");
        if !kind.is_empty() {
            assert_eq!(problem["type"], format!("/problems/{kind}"), "{self}");
        }
        if let Some(errors) = problem.get("errors") {
            let errors = errors.as_array().unwrap_or_else(|| panic!("{self}"));
            assert!(
                errors.iter().all(|fault| {
                    // A fault of the body, or of the query.
                    (fault["pointer"].is_string() != fault["parameter"].is_string())
                        && fault["detail"].is_string()
                }),
                "{self}"
            );
        }
        self
    }

    /// A 400 with exactly these faults, by their pointers, in any order.
    #[track_caller]
    pub(crate) fn has_faults(&self, pointers: &[&str]) -> &Self {
        self.is_problem(400, "");
        let problem = self.json();
        let mut found: Vec<&str> = problem["errors"]
            .as_array()
            .unwrap_or_else(|| panic!("no errors: {self}"))
            .iter()
            .filter_map(|fault| fault["pointer"].as_str())
            .collect();
        let mut wanted = pointers.to_vec();
        found.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(found, wanted, "{self}");
        self
    }

    /// A problem whose sentence names `word`.
    #[track_caller]
    pub(crate) fn names(&self, word: &str) -> &Self {
        assert!(self.text().contains(word), "the answer does not name {word:?}: {self}");
        self
    }

    /// An error of a classic route: `{"error":"…"}`. Gives the sentence.
    #[track_caller]
    pub(crate) fn is_classic_error(&self, status: u16) -> String {
        self.is(status);
        assert!(self.header("content-type").starts_with("application/json"), "{self}");
        let error = self.str_at("/error");
        assert!(!error.is_empty(), "{self}");
        error
    }

    /// A page of activities that are, in this order, exactly these: `actor verb object` (and ` -> target`).
    #[track_caller]
    pub(crate) fn shows(&self, lines: &[&str]) -> &Self {
        self.is(200);
        assert_eq!(self.lines(), lines, "{self}");
        self
    }

    /// The items of a page, a line each.
    #[track_caller]
    pub(crate) fn lines(&self) -> Vec<String> {
        self.items().iter().map(as_line).collect()
    }

    #[track_caller]
    pub(crate) fn items(&self) -> Vec<Value> {
        self.at("/items").as_array().unwrap_or_else(|| panic!("items is no list: {self}")).clone()
    }

    /// The ids of the items of a page.
    #[track_caller]
    pub(crate) fn ids(&self) -> Vec<String> {
        self.items().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    }

    #[track_caller]
    pub(crate) fn next(&self) -> Option<String> {
        self.at("/next_cursor").as_str().map(str::to_owned)
    }

    #[track_caller]
    pub(crate) fn previous(&self) -> String {
        self.str_at("/previous_cursor")
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let body = self.text().chars().take(2000).collect::<String>();
        write!(f, "\n  {}\n  was answered {}\n  {:?}\n\n  {body}", self.asked, self.status, self.headers)
    }
}
