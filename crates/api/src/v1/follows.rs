//! `/v1/users/{username}/following`, `…/followers`, `…/relationships`

use actix_web::{HttpRequest, http::StatusCode};
use feed_me_domain::{
    Attempt, Error, FollowFrom, FollowRequest, FollowSide, StoredAnswer, Timestamp, UnfollowRequest,
    Username,
    services::{FollowBatchResults, FollowService, Standing},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    body::{Body, Json},
    error::names_in,
    keyed,
    members::{self, Members},
    names::PathNames,
    openapi::schemas::UsernameSchema,
    problem::{Failure, ProblemView},
    query::Query,
    reply::{self, Answer, Reply, written},
    shared::Api,
    views::{FollowView, RelationshipView},
};

/// Follow a user.
pub async fn put(api: Api, path: PathNames, body: Body<Json>) -> Answer {
    let (follower, followee) = (path.user("username")?, path.user("followee")?);
    let from = read_from(&body.bytes)?;
    match api.services.follows.follow(FollowRequest { follower, followee, from }, None).await? {
        Attempt::Done(Standing::Now(follow)) => Reply::json(StatusCode::CREATED, &FollowView::from(&follow)),
        Attempt::Done(Standing::Already(follow)) => Reply::ok(&FollowView::from(&follow)),
        Attempt::Replayed(stored) => Ok(Reply::replayed(&stored)),
        Attempt::Refused(refusal) => Err(Error::Key(refusal).into()),
    }
}

fn read_from(body: &[u8]) -> Result<Option<FollowFrom>, Failure> {
    if body.is_empty() {
        return Ok(None);
    }
    let mut members = Members::strict(members::text(body)?, &["from"])?;
    let from = members.text("from", |raw| match raw {
        "beginning" => Ok(FollowFrom::Beginning),
        "now" => Ok(FollowFrom::Now),
        time => Timestamp::parse(time)
            .map(FollowFrom::At)
            .map_err(|why| format!("{why}, and neither 'beginning' nor 'now'")),
    });
    members.checked()?;
    Ok(from)
}

/// Unfollow a user.
pub async fn delete(api: Api, path: PathNames, query: Query) -> Answer {
    let (follower, followee) = (path.user("username")?, path.user("followee")?);
    let keep_history = query.flag("keep_history")?;
    api.services.follows.unfollow(UnfollowRequest { follower, followee, keep_history }, None).await?;
    Ok(Reply::no_content())
}

/// Read a follow.
pub async fn get(api: Api, path: PathNames) -> Answer {
    let follow = api.services.follows.get(&path.user("username")?, &path.user("followee")?).await?;
    Reply::ok(&FollowView::from(&follow))
}

/// List whom a user follows.
pub async fn following(api: Api, request: HttpRequest, path: PathNames, query: Query) -> Answer {
    list(&api, &request, &path, &query, FollowSide::Following).await
}

/// List who follows a user.
pub async fn followers(api: Api, request: HttpRequest, path: PathNames, query: Query) -> Answer {
    list(&api, &request, &path, &query, FollowSide::Followers).await
}

async fn list(api: &Api, request: &HttpRequest, path: &PathNames, query: &Query, side: FollowSide) -> Answer {
    let page = api.services.follows.list(&path.user("username")?, side, &query.page()?).await?;
    let views: Vec<FollowView<'_>> =
        page.items.iter().map(|listed| FollowView::from(&listed.follow)).collect();
    reply::page(api, request, query, &page, views)
}

/// Tell how a user stands to others.
pub async fn relationships(api: Api, path: PathNames, query: Query) -> Answer {
    #[derive(Serialize)]
    struct RelationshipsView<'a> {
        relationships: Vec<RelationshipView<'a>>,
    }
    let username = path.user("username")?;
    let with = query.all("with").into_iter().map(Username::parse).collect::<Result<Vec<_>, _>>();
    let with = with.map_err(|why| Failure::parameter("with", why))?;
    let found = api.services.follows.relationships(&username, &with).await?;
    Reply::ok(&RelationshipsView { relationships: found.iter().map(RelationshipView::from).collect() })
}

/// Follow and unfollow many.
pub async fn batch(api: Api, request: HttpRequest, path: PathNames, body: Body<Json>) -> Answer {
    let follower = path.user("username")?;
    let owner = follower.clone();
    let answer = move |results: &FollowBatchResults| batch_answer(results, &owner);
    keyed::once(&api.services, &request, &body.bytes, answer, async |keyed| {
        let (follow, unfollow) = read_batch(&body.bytes)?;
        Ok(api.services.follows.batch(&follower, follow, unfollow, keyed).await?)
    })
    .await
}

fn read_batch(body: &[u8]) -> Result<(Vec<Username>, Vec<Username>), Failure> {
    let mut members = Members::strict(members::text(body)?, &["follow", "unfollow"])?;
    let follow = read_names(&mut members, "follow");
    let unfollow = read_names(&mut members, "unfollow");
    members.checked()?;
    Ok((follow, unfollow))
}

fn read_names(members: &mut Members<'_>, list: &str) -> Vec<Username> {
    let Some(raw) = members.raw(list) else { return Vec::new() };
    let (items, count) = match members::array(raw, FollowService::BATCH_MAX) {
        Ok(read) => read,
        Err(why) => {
            members.fault(list, why);
            return Vec::new();
        }
    };
    if FollowService::BATCH_MAX < count {
        members.fault(list, format!("has {count} names; a batch has 1 to {}", FollowService::BATCH_MAX));
        return Vec::new();
    }
    let mut names = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        let name =
            members::string(item).and_then(|name| Username::parse(&name).map_err(|why| why.to_string()));
        match name {
            Ok(name) => names.push(name),
            Err(why) => members.faults.push(feed_me_domain::Fault::new(format!("/{list}/{index}"), why)),
        }
    }
    names
}

/// What became of a batch.
#[derive(Serialize, ToSchema)]
#[schema(as = FollowBatchResults)]
pub struct FollowBatchView<'a> {
    /// A result for each name: those to follow first, each list in the order sent.
    pub results: Vec<FollowResultView<'a>>,
}

/// What became of one name.
#[derive(Serialize, ToSchema)]
#[schema(as = FollowBatchResult)]
pub struct FollowResultView<'a> {
    /// The name.
    #[schema(value_type = UsernameSchema)]
    pub username: &'a str,
    /// `follow` or `unfollow`.
    #[schema(pattern = "^(follow|unfollow)$")]
    pub action: &'static str,
    /// The status that the wish would have been answered alone.
    #[schema(minimum = 200, maximum = 499)]
    pub status: u16,
    /// Why it was not carried out.
    #[schema(value_type = Option<ProblemView<'a>>)]
    pub problem: Option<ProblemView<'a>>,
}

fn batch_answer(results: &FollowBatchResults, owner: &Username) -> Result<StoredAnswer, Failure> {
    let followed = results.followed.iter().map(|(name, result)| {
        let status = result.as_ref().map(|standing| match standing {
            Standing::Now(_) => 201,
            Standing::Already(_) => 200,
        });
        (name, "follow", status)
    });
    let unfollowed =
        results.unfollowed.iter().map(|(name, result)| (name, "unfollow", result.as_ref().map(|()| 204)));
    let mut outcomes = Vec::new();
    let mut names = vec![owner.clone()];
    for (name, action, status) in followed.chain(unfollowed) {
        names.push(name.clone());
        if let Err(error) = status {
            if matches!(error, Error::Store(_)) {
                return Err(error.clone().into());
            }
            names.extend(names_in(error));
        }
        outcomes.push((name, action, status.map_err(|error| Failure::from(error.clone()))));
    }
    names.sort();
    names.dedup();
    let views = outcomes.iter().map(|(name, action, status)| FollowResultView {
        username: name.as_str(),
        action,
        status: *status.as_ref().unwrap_or_else(|failure| &failure.kind.status),
        problem: status.as_ref().err().map(ProblemView::of_item),
    });
    let body = written(&FollowBatchView { results: views.collect() })?;
    Ok(StoredAnswer { status: 200, location: None, body, names })
}
