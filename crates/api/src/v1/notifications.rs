//! `/v1/feeds/{username}/notifications`

use actix_web::HttpRequest;
use feed_me_domain::{
    Cursor, Object, StoredAnswer, Username, Verb,
    notification::{GroupId, MarkRequest, NotificationGroup, ReadRequest, Subject},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    body::{Body, Json},
    keyed,
    members::{self, Members},
    names::PathNames,
    openapi::schemas::{TimeSchema, UsernameSchema},
    problem::Failure,
    query::{Query, cut},
    reply::{self, Answer},
    shared::Api,
    views::{ActivityView, Time},
};

/// The most groups of one request to mark.
const MARKED_MAX: usize = 1000;

/// Read what concerns a user, in groups.
pub async fn list(api: Api, request: HttpRequest, path: PathNames, query: Query) -> Answer {
    let found = api.services.notifications.page(&path.user("username")?, &query.page()?).await?;
    let view = NotificationPageView {
        groups: found.page.items.iter().map(GroupView::from).collect(),
        unseen: found.unseen,
        unread: found.unread,
        next_cursor: found.page.next.as_ref().map(Cursor::as_str),
        previous_cursor: found.page.previous.as_str(),
    };
    Ok(reply::linked(&api, &request, &query, &found.page, &view)?.at_position(found.position))
}

/// Mark notifications as seen or read.
pub async fn mark(api: Api, request: HttpRequest, path: PathNames, body: Body<Json>) -> Answer {
    let owner = path.user("username")?;
    let names = vec![owner.clone()];
    let answer = move |(): &()| -> Result<StoredAnswer, Failure> {
        Ok(StoredAnswer { status: 204, location: None, body: String::new(), names: names.clone() })
    };
    keyed::once(&api.services, &request, &body.bytes, answer, async |keyed| {
        let marks = read(Members::strict(members::text(&body.bytes)?, &["seen", "read"])?)?;
        Ok(api.services.notifications.mark(&owner, marks, keyed).await?)
    })
    .await
}

fn read(mut members: Members<'_>) -> Result<MarkRequest, Failure> {
    let (seen, read) = (members.raw("seen"), members.raw("read"));
    let mut request = MarkRequest::default();
    if let Some(raw) = seen {
        match members::string(raw) {
            Ok(word) if word == "all" => request.seen_all = true,
            Ok(word) => members.fault("seen", format!("must be \"all\", not '{}'", cut(&word))),
            Err(why) => members.fault("seen", why),
        }
    }
    if let Some(raw) = read {
        request.read = read_groups(&mut members, raw);
    }
    if seen.is_none() && read.is_none() {
        members.fault("read", "is missing, and so is seen: one of them says what to mark");
    }
    members.checked()?;
    Ok(request)
}

/// `"all"` or a list of ids. What no group can be named by is an id of no group.
fn read_groups(members: &mut Members<'_>, raw: &str) -> ReadRequest {
    if let Ok(word) = members::string(raw) {
        if word != "all" {
            members.fault("read", format!("must be \"all\" or a list of ids, not '{}'", cut(&word)));
        }
        return ReadRequest::All;
    }
    let Ok((items, count)) = members::array(raw, MARKED_MAX) else {
        members.fault("read", "must be \"all\" or a list of ids");
        return ReadRequest::None;
    };
    if MARKED_MAX < count {
        members.fault("read", format!("has {count} ids; a request marks up to {MARKED_MAX}"));
    }
    let mut ids = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        match members::string(item) {
            Ok(raw) => ids.extend(GroupId::parse(&raw)),
            Err(why) => members.faults.push(feed_me_domain::Fault::new(format!("/read/{index}"), why)),
        }
    }
    ReadRequest::These(ids)
}

/// A page of notifications.
#[derive(Serialize, ToSchema)]
#[schema(as = NotificationPage)]
pub struct NotificationPageView<'a> {
    /// The groups, the newest first.
    pub groups: Vec<GroupView<'a>>,
    /// How many groups in all have something that was not seen; those of the newest 10,000 activities and followers count.
    pub unseen: u64,
    /// How many have something that was not read.
    pub unread: u64,
    /// Null at the true end alone.
    pub next_cursor: Option<&'a str>,
    /// Leads to what is newer.
    pub previous_cursor: &'a str,
}

/// What was done with one object on one day (in UTC), by whomever; or the new followers of a day.
#[derive(Serialize, ToSchema)]
#[schema(as = NotificationGroup)]
pub struct GroupView<'a> {
    /// Names the group, also when more comes to it.
    #[schema(pattern = "^[0-9a-f]{32}$")]
    pub id: String,
    /// What was done; `follow` for new followers, who have no `latest`.
    #[schema(min_length = 1, max_length = 80)]
    pub verb: &'a str,
    /// To what.
    #[schema(max_length = 1024)]
    pub object: Option<&'a str>,
    /// Those who did it last, each once, the newest first: up to 3.
    #[schema(value_type = Vec<UsernameSchema>, max_items = 3)]
    pub actors: Vec<&'a str>,
    /// How many did it.
    pub actor_count: u64,
    /// How often.
    pub activity_count: u64,
    /// The newest activity.
    pub latest: Option<ActivityView<'a>>,
    /// When that was published, or when the newest follower came.
    #[schema(value_type = TimeSchema)]
    pub updated_at: Time,
    /// Whether all of it was seen.
    pub seen: bool,
    /// Whether all of it was read.
    pub read: bool,
}

impl<'a> From<&'a NotificationGroup> for GroupView<'a> {
    fn from(group: &'a NotificationGroup) -> Self {
        let (verb, object) = match &group.subject {
            Subject::Followers => ("follow", None),
            Subject::Mention { verb, object } => (Verb::as_str(verb), object.as_ref().map(Object::as_str)),
        };
        Self {
            id: group.id.to_string(),
            verb,
            object,
            actors: group.actors.iter().map(Username::as_str).collect(),
            actor_count: group.actor_count,
            activity_count: group.activity_count,
            latest: group.latest.as_ref().map(ActivityView::from),
            updated_at: Time(group.updated_at),
            seen: group.seen,
            read: group.read,
        }
    }
}
