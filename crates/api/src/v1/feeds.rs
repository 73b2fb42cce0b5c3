//! `/v1/feeds`

use actix_web::HttpRequest;
use feed_me_domain::{
    ActivityId, FeedFilter, FeedKind, Shape, Verb,
    services::{Explanation, FeedRequest, HiddenReason},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    accept::FeedForm,
    kept_pages::{PageForm, Visit},
    links::Asked,
    names::PathNames,
    problem::Failure,
    query::{Query, cut},
    reply::{self, Answer, Reply},
    shared::{Api, Feeds, Shared},
    v1::activity_streams,
    views::{FollowView, WindowView},
};

/// Read what a user posted.
pub async fn own(form: FeedForm, api: Feeds, request: HttpRequest, path: PathNames, query: Query) -> Answer {
    page(form, &api, (&request).into(), &path, &query, FeedKind::Own).await
}

/// Read what those posted whom a user follows.
pub async fn friends(
    form: FeedForm,
    api: Feeds,
    request: HttpRequest,
    path: PathNames,
    query: Query,
) -> Answer {
    page(form, &api, (&request).into(), &path, &query, FeedKind::Friends).await
}

/// Read what has a user as its target.
pub async fn mentions(
    form: FeedForm,
    api: Feeds,
    request: HttpRequest,
    path: PathNames,
    query: Query,
) -> Answer {
    page(form, &api, (&request).into(), &path, &query, FeedKind::Mentions).await
}

/// How often a page is read again of which an activity went while its body was fetched.
const TRIES: usize = 3;

/// A page of a feed.
pub async fn page(
    form: FeedForm,
    api: &Shared,
    asked: Asked<'_>,
    path: &PathNames,
    query: &Query,
    kind: FeedKind,
) -> Answer {
    let mut visit = Visit::of(api, asked, PageForm::V1(form));
    if let Some(kept) = visit.find() {
        return Ok(kept);
    }
    let mut wanted = FeedRequest {
        kind,
        owner: path.user("username")?,
        filter: filter(query, kind)?,
        shape: Shape::Entry,
    };
    let which = query.page()?;
    for attempt in 1.. {
        if attempt == TRIES {
            // Whole activities come with their bodies.
            wanted.shape = Shape::Whole;
        }
        let (mut page, position) = api.services.feeds.page_at(&wanted, &which).await?;
        let items = std::mem::take(&mut page.items);
        if let Some(told) = api.services.bodies.complete(items, &api.services.activities).await? {
            let told = match form {
                FeedForm::Json => reply::feed(api, asked, query, &page, &told),
                FeedForm::ActivityStreams | FeedForm::JsonLd => {
                    activity_streams::page(api, asked, query, which.limit, (&page, &told), form.media_type())?
                }
            };
            return Ok(visit.read(kind, &wanted.owner, told, position));
        }
    }
    Err(Failure::internal("a page could not be completed".to_owned()))
}

fn filter(query: &Query, kind: FeedKind) -> Result<FeedFilter, Failure> {
    let verbs = query.all("verb").into_iter().map(Verb::parse).collect::<Result<Vec<_>, _>>();
    let verbs = verbs.map_err(|why| Failure::parameter("verb", why))?;
    let include_self = match kind {
        FeedKind::Friends => query.flag("include_self")?,
        FeedKind::Own | FeedKind::Mentions => false,
    };
    Ok(FeedFilter::new(verbs, include_self))
}

/// Explain why an activity is, or is not, in a friends feed.
pub async fn explain(api: Api, path: PathNames, query: Query) -> Answer {
    let viewer = path.user("username")?;
    let asked = query.required("activity")?;
    let activity = ActivityId::parse(asked).ok_or_else(|| {
        Failure::parameter("activity", format!("'{}' is not the id of an activity", cut(asked)))
    })?;
    let explanation = api.services.feeds.explain(&viewer, activity).await?;
    Reply::ok(&ExplanationView::from(&explanation))
}

/// Whether and why an activity is in a friends feed.
#[derive(Serialize, ToSchema)]
#[schema(as = Explanation)]
pub struct ExplanationView<'a> {
    /// Whether it is.
    pub shown: bool,
    /// Because of what.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub because: Option<BecauseView<'a>>,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reason: Option<ReasonView>,
    /// Why not, in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub detail: Option<&'static str>,
}

/// What shows an activity: the follow, or the history that was kept of a former one.
#[derive(Serialize, ToSchema)]
#[schema(as = Because)]
pub struct BecauseView<'a> {
    /// The follow.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub follow: Option<FollowView<'a>>,
    /// The span of what was kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub kept_history: Option<WindowView>,
}

/// Why an activity is not in a friends feed.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = HiddenReason)]
pub enum ReasonView {
    /// It is one's own.
    Own,
    /// The viewer blocks the author.
    Blocked,
    /// The author does not show it.
    Hidden,
    /// The viewer mutes the author.
    Muted,
    /// The viewer does not follow the author.
    NotFollowed,
    /// It is newer than the history kept when the viewer unfollowed.
    Unfollowed,
    /// It is older than what the follow begins with.
    BeforeFollowWindow,
}

impl<'a> From<&'a Explanation> for ExplanationView<'a> {
    fn from(explanation: &'a Explanation) -> Self {
        let because = |follow, kept_history| Self {
            shown: true,
            because: Some(BecauseView { follow, kept_history }),
            reason: None,
            detail: None,
        };
        match explanation {
            Explanation::Follow(follow) => because(Some(FollowView::from(follow)), None),
            Explanation::KeptHistory(window) => because(None, Some(WindowView::from(window))),
            Explanation::Hidden(reason) => {
                let (reason, detail) = told(*reason);
                Self { shown: false, because: None, reason: Some(reason), detail: Some(detail) }
            }
        }
    }
}

fn told(reason: HiddenReason) -> (ReasonView, &'static str) {
    match reason {
        HiddenReason::Own => (ReasonView::Own, "it is the viewer's own, which a friends feed leaves out"),
        HiddenReason::Blocked => (ReasonView::Blocked, "the viewer blocks its author"),
        HiddenReason::HiddenByAuthor => (ReasonView::Hidden, "its author does not show it to the viewer"),
        HiddenReason::Muted => (ReasonView::Muted, "the viewer mutes its author"),
        HiddenReason::NotFollowed => (ReasonView::NotFollowed, "the viewer does not follow its author"),
        HiddenReason::Unfollowed => (
            ReasonView::Unfollowed,
            "it was published after the viewer unfollowed its author and kept the history",
        ),
        HiddenReason::BeforeFollowWindow => {
            (ReasonView::BeforeFollowWindow, "it was published before what the follow shows begins")
        }
    }
}
