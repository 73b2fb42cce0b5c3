//! `/feed/:username`

use actix_web::HttpRequest;
use feed_me_domain::{
    FeedKind, FollowRequest, StoredAnswer, UnfollowRequest, Username,
    services::{NumberedPage, Standing},
};
use serde::Serialize;
use serde_json::json;

use super::views::{ClassicActivityView, ClassicFollowView};
use crate::{
    body::{Any, Body},
    keyed,
    links::path_of,
    members::{self, Members},
    names::PathNames,
    problem::{self, Failure},
    query::{Query, cut},
    reply::{Answer, Reply, written},
    shared::Classic,
};

/// The greatest number of a page.
const PAGE_MAX: u64 = 2_147_483_647;

/// Read what a user posted.
pub async fn own(app: Classic, request: HttpRequest, path: PathNames, query: Query) -> Answer {
    let (page, around) = numbered(&app, &request, &path, &query, FeedKind::Own).await?;
    let my_feed = views(&page);
    Reply::classic(&OwnFeedView { my_feed, around })
}

/// Read what those posted whom a user follows.
pub async fn friends(app: Classic, request: HttpRequest, path: PathNames, query: Query) -> Answer {
    let (page, around) = numbered(&app, &request, &path, &query, FeedKind::Friends).await?;
    let friends_feed = views(&page);
    Reply::classic(&FriendsFeedView { friends_feed, around })
}

#[derive(Serialize)]
struct OwnFeedView<'a> {
    my_feed: Vec<ClassicActivityView<'a>>,
    #[serde(flatten)]
    around: Around,
}

#[derive(Serialize)]
struct FriendsFeedView<'a> {
    friends_feed: Vec<ClassicActivityView<'a>>,
    #[serde(flatten)]
    around: Around,
}

/// The neighbours of a page, where there are any.
#[derive(Serialize)]
struct Around {
    #[serde(skip_serializing_if = "Option::is_none")]
    next_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_url: Option<String>,
}

fn views(page: &NumberedPage) -> Vec<ClassicActivityView<'_>> {
    page.activities.iter().map(ClassicActivityView::from).collect()
}

async fn numbered(
    app: &Classic,
    request: &HttpRequest,
    path: &PathNames,
    query: &Query,
    kind: FeedKind,
) -> Result<(NumberedPage, Around), Failure> {
    let owner = path.user("username")?;
    let number = page_number(query)?;
    let page = app.services.feeds.numbered_page(kind, &owner, number, app.page_size).await?;
    let url = |number| format!("{}{}?page={number}", app.origin(request), path_of(request));
    let next_url = (page.has_next && number < PAGE_MAX).then(|| url(number + 1));
    let previous_url = (1 < number).then(|| url(number - 1));
    Ok((page, Around { next_url, previous_url }))
}

fn page_number(query: &Query) -> Result<u64, Failure> {
    let Some(raw) = query.one("page")? else { return Ok(1) };
    let number = Some(raw).filter(|raw| raw.bytes().all(|byte| byte.is_ascii_digit()));
    let number = number.and_then(|raw| raw.parse().ok()).filter(|number| (1..=PAGE_MAX).contains(number));
    number.ok_or_else(|| {
        Failure::parameter("page", format!("must be a whole number from 1 to {PAGE_MAX}, not '{}'", cut(raw)))
    })
}

/// Follow a friend, or unfollow one.
pub async fn follow_or_unfollow(
    app: Classic,
    request: HttpRequest,
    path: PathNames,
    body: Body<Any>,
) -> Answer {
    let follower = path.user("username")?;
    match wish(&body.bytes) {
        Ok(Wish::Unfollow(followee)) => unfollow(&app, &request, &body, follower, followee).await,
        wish => follow(&app, &request, &body, follower, wish).await,
    }
    .map(Reply::unsaid)
}

/// What a body asks for.
enum Wish {
    Follow(Username),
    Unfollow(Username),
}

fn wish(body: &[u8]) -> Result<Wish, Failure> {
    let mut members = Members::lenient(members::text(body)?)?;
    let wish = match (members.raw("follow").is_some(), members.raw("unfollow").is_some()) {
        (true, false) => members.text("follow", Username::parse).map(Wish::Follow),
        (false, true) => members.text("unfollow", Username::parse).map(Wish::Unfollow),
        (true, true) => return Err(unclear("both 'follow' and 'unfollow'; one of them is meant")),
        (false, false) => return Err(unclear("neither 'follow' nor 'unfollow'")),
    };
    wish.ok_or_else(|| Failure::faulty(members.faults))
}

fn unclear(what: &str) -> Failure {
    Failure::new(problem::INVALID_REQUEST, format!("the body has {what}"))
}

/// Also where the body could not be read: its key may have been answered before, and then that counts.
async fn follow(
    app: &Classic,
    request: &HttpRequest,
    body: &Body<Any>,
    follower: Username,
    wish: Result<Wish, Failure>,
) -> Answer {
    keyed::once(&app.services, request, &body.bytes, followed, async move |keyed| {
        let followee = match wish? {
            Wish::Follow(followee) | Wish::Unfollow(followee) => followee,
        };
        let wanted = FollowRequest { follower, followee, from: None };
        Ok(app.services.follows.follow(wanted, keyed).await?)
    })
    .await
}

/// The first feed-me refused to follow twice.
fn followed(standing: &Standing) -> Result<StoredAnswer, Failure> {
    match standing {
        Standing::Now(follow) => Ok(StoredAnswer {
            status: 200,
            location: None,
            body: written(&json!({ "follow": ClassicFollowView::from(follow) }))?,
            names: vec![follow.follower.clone(), follow.followee.clone()],
        }),
        Standing::Already(follow) => Err(Failure::new(
            problem::ALREADY_FOLLOWING,
            format!("'{}' follows '{}' already", follow.follower, follow.followee),
        )),
    }
}

async fn unfollow(
    app: &Classic,
    request: &HttpRequest,
    body: &Body<Any>,
    follower: Username,
    followee: Username,
) -> Answer {
    let names = vec![follower.clone(), followee.clone()];
    let answer = move |(): &()| {
        let follow = ClassicFollowView { followee: names[1].as_str(), follower: names[0].as_str() };
        let body = written(&json!({ "unfollow": follow }))?;
        Ok(StoredAnswer { status: 200, location: None, body, names: names.clone() })
    };
    keyed::once(&app.services, request, &body.bytes, answer, async move |keyed| {
        let wanted = UnfollowRequest { follower, followee, keep_history: false };
        Ok(app.services.follows.unfollow(wanted, keyed).await?)
    })
    .await
}
