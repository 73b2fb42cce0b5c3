//! `/v1/activities/batch`

use actix_web::HttpRequest;
use feed_me_domain::{
    ActivityDraft, Error, Fault, StoredAnswer,
    ports::Atomicity,
    services::{ActivityService, BatchResults},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    auth::acting::Acting,
    body::{Batch, Body},
    error::names_in,
    keyed,
    members::{self, Members},
    problem::{Failure, ProblemView},
    query::Query,
    reply::{Answer, written},
    shared::Api,
    v1::activities::{names_of, read_item, status_of},
    views::ActivityView,
};

/// Post many activities.
pub async fn post(api: Api, acting: Acting, request: HttpRequest, query: Query, body: Body<Batch>) -> Answer {
    let atomicity = if query.flag("atomic")? { Atomicity::AllOrNone } else { Atomicity::Each };
    keyed::once(&api.services, &request, &body.bytes, answer, async |keyed| {
        let drafts = if body.is_ndjson { read_lines(&body.bytes)? } else { read_array(&body.bytes)? };
        let (own, others) = acting.in_batch(drafts, atomicity)?;
        others.results(api.services.activities.post_batch(own, atomicity, others.keyed(keyed)).await?)
    })
    .await
}

fn read_array(body: &[u8]) -> Result<Vec<ActivityDraft>, Failure> {
    let mut members = Members::strict(members::text(body)?, &["activities"])?;
    let Some(raw) = members.raw("activities") else {
        members.fault("activities", "is required");
        return Err(Failure::faulty(members.faults));
    };
    match members::array(raw, ActivityService::BATCH_MAX) {
        Ok((items, count)) => {
            members.checked()?;
            check_count(count)?;
            Ok(items.into_iter().map(read_item).collect())
        }
        Err(why) => {
            members.fault("activities", why);
            Err(Failure::faulty(members.faults))
        }
    }
}

fn read_lines(body: &[u8]) -> Result<Vec<ActivityDraft>, Failure> {
    let lines = || body.split(|&byte| byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    check_count(lines().count())?;
    Ok(lines().map(read_line).collect())
}

fn read_line(line: &[u8]) -> ActivityDraft {
    match members::text(line) {
        Ok(text) => read_item(text),
        Err(_) => ActivityDraft { faults: vec![Fault::new("", "is not UTF-8")], ..ActivityDraft::default() },
    }
}

/// Before anything is made of the items: a body of 16 MiB may have millions.
fn check_count(count: usize) -> Result<(), Failure> {
    if (1..=ActivityService::BATCH_MAX).contains(&count) {
        return Ok(());
    }
    let detail = format!("has {count} items; a batch has 1 to {}", ActivityService::BATCH_MAX);
    Err(Failure::faulty(vec![Fault::new("/activities", detail)]))
}

/// What became of a batch.
#[derive(Serialize, ToSchema)]
#[schema(as = BatchResults)]
pub struct BatchView<'a> {
    /// A result for each item, in the order sent.
    pub results: Vec<BatchItemView<'a>>,
}

/// What became of one item: an activity or a problem.
#[derive(Serialize, ToSchema)]
#[schema(as = BatchResult)]
pub struct BatchItemView<'a> {
    /// The status that the item would have been answered alone.
    #[schema(minimum = 200, maximum = 499)]
    pub status: u16,
    /// What is stored now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub activity: Option<ActivityView<'a>>,
    /// Why it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub problem: Option<ProblemView<'a>>,
}

fn answer(results: &BatchResults) -> Result<StoredAnswer, Failure> {
    let mut failures = Vec::with_capacity(results.len());
    let mut names = Vec::new();
    for result in results {
        match result {
            Ok(stored) => names.extend(names_of(stored.activity())),
            // What the store could not do, it did for none of them.
            Err(error @ Error::Store(_)) => return Err(error.clone().into()),
            Err(error) => names.extend(names_in(error)),
        }
        failures.push(result.as_ref().err().map(|error| Failure::from(error.clone())));
    }
    names.sort();
    names.dedup();
    let items = results.iter().zip(&failures).map(|(result, failure)| BatchItemView {
        status: result.as_ref().map_or_else(|error| crate::error::kind_of(error).status, status_of),
        activity: result.as_ref().ok().map(|stored| ActivityView::from(stored.activity())),
        problem: failure.as_ref().map(ProblemView::of_item),
    });
    let body = written(&BatchView { results: items.collect() })?;
    Ok(StoredAnswer { status: 200, location: None, body, names })
}
