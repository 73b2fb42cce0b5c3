//! `/feed/:username`

use actix_web::HttpRequest;
use feed_me_domain::{
    FeedKind, FollowRequest, Shape, StoredAnswer, UnfollowRequest, Username,
    services::{FeedRequest, Standing},
};
use serde_json::json;

use super::views::ClassicFollowView;
use crate::{
    bodies::Told,
    body::{Any, Body},
    kept_pages::{PageForm, Visit},
    keyed,
    links::{Asked, path_of},
    members::{self, Members},
    names::PathNames,
    problem::{self, Failure},
    query::{Query, cut},
    reply::{Answer, Reply, written},
    shared::{Classic, Shared},
};

/// The greatest number of a page.
const PAGE_MAX: u64 = 2_147_483_647;

/// Read what a user posted.
pub async fn own(app: Classic, request: HttpRequest, path: PathNames, query: Query) -> Answer {
    numbered(&app, (&request).into(), &path, &query, FeedKind::Own).await
}

/// Read what those posted whom a user follows.
pub async fn friends(app: Classic, request: HttpRequest, path: PathNames, query: Query) -> Answer {
    numbered(&app, (&request).into(), &path, &query, FeedKind::Friends).await
}

/// How often a page is read again of which an activity went while its body was fetched.
const TRIES: usize = 3;

/// A page by number.
pub async fn numbered(
    app: &Shared,
    asked: Asked<'_>,
    path: &PathNames,
    query: &Query,
    kind: FeedKind,
) -> Answer {
    let mut visit = Visit::of(app, asked, PageForm::Classic);
    if let Some(kept) = visit.find() {
        return Ok(kept);
    }
    let member = if kind == FeedKind::Own { "my_feed" } else { "friends_feed" };
    let owner = path.user("username")?;
    let number = page_number(query)?;
    let mut wanted = FeedRequest { shape: Shape::Entry, ..FeedRequest::of(kind, owner) };
    for attempt in 1.. {
        if attempt == TRIES {
            // Whole activities come with their bodies.
            wanted.shape = Shape::Whole;
        }
        let page = app.services.feeds.numbered_page(&wanted, number, app.page_size).await?;
        if let Some(told) = app.services.bodies.complete(page.items, &app.services.activities).await? {
            let url = |number| format!("{}{}?page={number}", app.origin(asked), path_of(asked.head));
            let next_url = (page.has_next && number < PAGE_MAX).then(|| url(number + 1));
            let previous_url = (1 < number).then(|| url(number - 1));
            let around = [("next_url", next_url), ("previous_url", previous_url)];
            let text = page_text(member, &told, around)?;
            return Ok(visit.read(kind, &wanted.owner, Reply::classic_text(text), page.position));
        }
    }
    Err(Failure::internal("a page could not be completed".to_owned()))
}

/// A page, and its neighbours where there are any.
fn page_text(member: &str, told: &[Told], around: [(&str, Option<String>); 2]) -> Result<String, Failure> {
    let size: usize = told.iter().map(Told::size).sum();
    let mut text = String::with_capacity(size + 200);
    text.extend(["{\"", member, "\":["]);
    for (index, item) in told.iter().enumerate() {
        if 0 < index {
            text.push(',');
        }
        item.write_classic(&mut text);
    }
    text.push(']');
    for (member, url) in around {
        if let Some(url) = url {
            text.extend([",\"", member, "\":", &written(&url)?]);
        }
    }
    text.push('}');
    Ok(text)
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
