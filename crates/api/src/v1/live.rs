//! `/v1/feeds/{username}/friends/live`

use std::{sync::Arc, time::Duration};

use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        Method,
        header::{self, HeaderName},
    },
};
use bytes::Bytes;
use feed_me_domain::{Error, Fault, UserKey, services::ChangeService};
use futures_util::stream;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use crate::{
    live::{GREETING, HEARTBEAT, Subscription, of_changes},
    names::PathNames,
    position,
    problem::{self, Failure},
    query::{Query, cut},
    shared::Listening,
    v1::changes,
};

/// Where a client says what it has seen when it comes again.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// How often a stream says that it lives.
const HEARTBEAT_EVERY: Duration = Duration::from_secs(15);

/// Follow a friends feed as it changes.
pub async fn friends(
    api: Listening,
    request: HttpRequest,
    path: PathNames,
    query: Query,
) -> Result<HttpResponse, Failure> {
    let username = path.user("username")?;
    let asked = resumes_at(&request, &query)?;
    let viewer = api.services.users.get(&username).await?.key;
    let last = api.services.log.extent().await?.last;
    if asked.is_some_and(|asked| last < asked) {
        let detail = format!("is a position that this server has not come to; the last one is {last}");
        return Err(Error::Invalid(vec![Fault::new("since", detail)]).into());
    }
    let from = asked.unwrap_or(last);
    let mut response = HttpResponse::Ok();
    response
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        // Nothing on the way may hold events back to compress or collect them.
        .insert_header((header::CONTENT_ENCODING, "identity"))
        .insert_header(("x-accel-buffering", "no"))
        .insert_header((position::HEADER, from.to_string()));
    if request.method() == Method::HEAD {
        return Ok(response.finish());
    }
    if api.is_draining() {
        return Err(Failure::new(problem::UNAVAILABLE, "the server is on its way down"));
    }
    let subscription = api.services.live.subscribe(viewer).await?;
    let lacking = Lacking { changes: api.services.changes.clone(), viewer, position: from };
    let stream = Listener::new(subscription, lacking);
    Ok(response.streaming(stream::unfold(stream, Listener::next)))
}

/// Where a client goes on: a browser that comes again says it in a header, beside the `since` that it began with.
fn resumes_at(request: &HttpRequest, query: &Query) -> Result<Option<i64>, Failure> {
    let since = changes::since(query)?;
    let Some(raw) = request.headers().get(LAST_EVENT_ID) else { return Ok(since) };
    let raw = String::from_utf8_lossy(raw.as_bytes());
    if raw.is_empty() {
        return Ok(since);
    }
    let refused = || Failure::parameter("Last-Event-ID", format!("'{}' is not a position", cut(&raw)));
    position::parse(&raw).map(Some).ok_or_else(refused)
}

/// What a listener was not told.
struct Lacking {
    changes: Arc<ChangeService>,
    viewer: UserKey,
    /// All up to here was.
    position: i64,
}

impl Lacking {
    /// What happened up to a position and was not told, as much as one answer of `changes` has; none where nothing did.
    async fn until(&mut self, position: i64) -> Result<Option<Bytes>, Failure> {
        while self.position < position {
            let changes = self.changes.since(self.viewer, Some(self.position)).await?;
            self.position = changes.position;
            if let Some(frame) = of_changes(&changes)? {
                return Ok(Some(frame.bytes));
            }
        }
        Ok(None)
    }
}

/// A stream as it is written.
struct Listener {
    subscription: Subscription,
    lacking: Lacking,
    is_greeted: bool,
    heartbeat: Interval,
}

impl Listener {
    fn new(subscription: Subscription, lacking: Lacking) -> Self {
        let mut heartbeat = interval_at(Instant::now() + HEARTBEAT_EVERY, HEARTBEAT_EVERY);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { subscription, lacking, is_greeted: false, heartbeat }
    }

    async fn next(mut self) -> Option<(Result<Bytes, std::io::Error>, Self)> {
        if !std::mem::replace(&mut self.is_greeted, true) {
            return Some((Ok(GREETING), self));
        }
        // What happened before the stream began to receive.
        match self.lacking.until(self.subscription.position).await {
            Ok(None) => {}
            Ok(Some(bytes)) => return Some((Ok(bytes), self)),
            Err(failure) => {
                tracing::warn!(kind = failure.kind.slug, cause = failure.cause, "a stream cannot catch up");
                return None;
            }
        }
        loop {
            tokio::select! {
                biased;
                frame = self.subscription.frames.next() => {
                    let frame = frame?;
                    if let Some(bytes) = frame.behind(self.lacking.position) {
                        self.lacking.position = frame.position;
                        return Some((Ok(bytes), self));
                    }
                }
                _ = self.heartbeat.tick() => return Some((Ok(HEARTBEAT), self)),
            }
        }
    }
}
