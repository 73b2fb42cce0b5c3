//! What the services promise, each on mocks of its ports. Here is what the tests share.

mod activities;
mod application_keys;
mod batches;
mod development;
mod explaining;
mod feeds;
mod follows;
mod relations;
mod transfer;
mod users;
mod walking;

use std::sync::Arc;

use mockall::predicate::eq;
use uuid::Uuid;

use crate::{
    Activity, ActivityDraft, ActivityId, Attempt, CursorCodec, Data, Error, ExternalId, Fault, Given, Keyed,
    PageLimit, RequestKey, Result, StoreError, StoredAnswer, Timestamp, UserId, Username, Verb,
    id::uuid_at,
    ports::{Clock, MockClock},
    services::PageRequest,
};

/// What the clock of every test says, in seconds.
const NOW: i64 = 1_000_000;

fn at(second: i64) -> Timestamp {
    Timestamp::from_micros(second * 1_000_000).unwrap()
}

fn clock() -> Arc<dyn Clock> {
    let mut clock = MockClock::new();
    clock.expect_now().returning(|| at(NOW));
    Arc::new(clock)
}

fn codec() -> CursorCodec {
    CursorCodec::new(b"the key of the tests")
}

fn name(raw: &str) -> Username {
    Username::parse(raw).unwrap()
}

fn names(raw: &[&str]) -> Vec<Username> {
    raw.iter().copied().map(name).collect()
}

fn user_id(number: u128) -> UserId {
    UserId::from_uuid(Uuid::from_u128(number))
}

fn activity_id(second: i64) -> ActivityId {
    ActivityId::from_uuid(uuid_at(at(second), 7))
}

/// What `actor` posted at a second.
fn activity(actor: &str, second: i64) -> Activity {
    Activity {
        id: activity_id(second),
        actor: name(actor),
        verb: Verb::parse("post").unwrap(),
        object: None,
        target: None,
        published: at(second),
        edited_at: None,
        external_id: None,
        data: Data::empty(),
        version: 1,
    }
}

/// A draft with nothing wrong.
fn draft(actor: &str) -> ActivityDraft {
    ActivityDraft { actor: Some(name(actor)), verb: Verb::parse("post").ok(), ..ActivityDraft::default() }
}

fn external(raw: &str) -> ExternalId {
    ExternalId::parse(raw).unwrap()
}

fn unavailable() -> StoreError {
    StoreError::Unavailable("the disk is full".to_owned())
}

/// A request with a key, whose stored answer is the outcome as Rust prints it.
fn keyed<T: std::fmt::Debug>() -> Keyed<T> {
    let answer = |outcome: &T| {
        Some(StoredAnswer { status: 200, location: None, body: format!("{outcome:?}"), names: Vec::new() })
    };
    Keyed { key: RequestKey::new(&[b"key"], &[b"body"]), answer: Box::new(answer) }
}

/// What the store would keep for the outcome of a write.
fn kept<T>(keyed: Option<&Keyed<T>>, outcome: &T) -> Option<String> {
    (keyed.expect("the key was not passed on").answer)(outcome).map(|answer| answer.body)
}

fn replayed<T>() -> Attempt<T> {
    Attempt::Replayed(StoredAnswer {
        status: 201,
        location: None,
        body: "as before".to_owned(),
        names: Vec::new(),
    })
}

/// The pointers of the faults that a call failed with.
#[track_caller]
fn pointers<T: std::fmt::Debug>(result: Result<T>) -> Vec<String> {
    match result {
        Err(Error::Invalid(faults)) => faults.into_iter().map(|fault| fault.pointer).collect(),
        other => panic!("expected faults, got {other:?}"),
    }
}

fn first_page(limit: usize) -> PageRequest {
    PageRequest { limit: PageLimit::new(limit).unwrap(), cursor: None }
}

fn page_at(limit: usize, cursor: &crate::Cursor) -> PageRequest {
    PageRequest { cursor: Some(cursor.as_str().to_owned()), ..first_page(limit) }
}
