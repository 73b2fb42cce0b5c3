//! `/v1/activities`

use actix_web::HttpRequest;
use feed_me_domain::{
    Activity, ActivityDraft, ActivityPatch, Attempt, ExternalId, Object, StoredAnswer, Timestamp, Username,
    Verb, services::Stored,
};
use serde::Serialize;

use crate::{
    auth::acting::Acting,
    body::{Body, Json, Patch},
    etag,
    keyed::{self, Sent},
    links::Asked,
    members::{self, Members},
    names::PathNames,
    problem::Failure,
    query::Query,
    reply::{Answer, Reply, written},
    shared::{Api, Shared},
    views::ActivityView,
};

/// The members of an activity that is sent.
const MEMBERS: &[&str] = &["actor", "verb", "object", "target", "published", "external_id", "data"];

/// Post an activity.
pub async fn post(api: Api, acting: Acting, request: HttpRequest, body: Body<Json>) -> Answer {
    posted(&api, &acting, (&request).into(), (&request).into(), &body).await
}

/// Post an activity, whichever way its request came.
pub async fn posted(
    api: &Shared,
    acting: &Acting,
    asked: Asked<'_>,
    sent: Sent<'_>,
    body: &Body<Json>,
) -> Answer {
    let origin = api.origin(asked);
    let answer = move |stored: &Stored| answer(stored, &origin);
    keyed::once(&api.services, sent, &body.bytes, answer, async |keyed| {
        let draft = read(Members::strict(members::text(&body.bytes)?, MEMBERS)?);
        acting.as_actor(draft.actor.as_ref())?;
        let posted = api.services.activities.post(draft, keyed).await?;
        if let Attempt::Done(Stored::Created(activity)) = &posted {
            api.services.note(activity);
        }
        Ok(posted)
    })
    .await
}

fn answer(stored: &Stored, origin: &str) -> Result<StoredAnswer, Failure> {
    let activity = stored.activity();
    Ok(StoredAnswer {
        status: status_of(stored),
        location: Some(format!("{origin}/v1/activities/{}", activity.id)),
        body: written(&ActivityView::from(activity))?,
        names: names_of(activity),
    })
}

/// The status that says whether an activity is new.
pub fn status_of(stored: &Stored) -> u16 {
    match stored {
        Stored::Created(_) => 201,
        Stored::Existing(_) => 200,
    }
}

/// The users whom an activity names.
pub fn names_of(activity: &Activity) -> Vec<Username> {
    [Some(&activity.actor), activity.target.as_ref()].into_iter().flatten().cloned().collect()
}

/// Reads one item of a batch.
pub fn read_item(text: &str) -> ActivityDraft {
    read(Members::item(text, MEMBERS))
}

fn read(mut members: Members<'_>) -> ActivityDraft {
    ActivityDraft {
        actor: members.text("actor", Username::parse),
        verb: members.text("verb", Verb::parse),
        object: members.nullable("object", Object::parse),
        target: members.nullable("target", Username::parse),
        published: members.text("published", Timestamp::parse),
        external_id: members.nullable("external_id", ExternalId::parse).value(),
        data: members.data("data"),
        faults: members.faults,
    }
}

/// Read an activity.
pub async fn get(api: Api, path: PathNames) -> Answer {
    tagged(&api.services.activities.get(path.activity("id")?).await?)
}

fn tagged(activity: &Activity) -> Answer {
    Ok(Reply::ok(&ActivityView::from(activity))?.tagged(etag::of_activity(activity.tag())))
}

/// Find an activity by the application's own id.
pub async fn find(api: Api, query: Query) -> Answer {
    let actor = query.required("actor")?;
    let external_id = query.required("external_id")?;
    let actor = Username::parse(actor).map_err(|why| Failure::parameter("actor", why))?;
    let external_id = ExternalId::parse(external_id).map_err(|why| Failure::parameter("external_id", why))?;
    let found = api.services.activities.find_external(&actor, &external_id).await?;
    Reply::ok(&FoundView { items: found.iter().map(ActivityView::from).collect(), ..FoundView::default() })
}

/// A page of none or one, which has no neighbours.
#[derive(Default, Serialize)]
struct FoundView<'a> {
    items: Vec<ActivityView<'a>>,
    next_cursor: Option<&'a str>,
    previous_cursor: Option<&'a str>,
}

/// Edit an activity.
pub async fn patch(api: Api, request: HttpRequest, path: PathNames, body: Body<Patch>) -> Answer {
    let id = path.activity("id")?;
    let (patch, faults) = read_patch(&body.bytes)?;
    if !faults.is_empty() {
        let faults = api.services.activities.patch_faults(faults, &patch).await?;
        return Err(Failure::faulty(faults));
    }
    let expected = etag::if_match(request.headers());
    let activity = api.services.activities.edit(id, patch, expected).await?;
    api.services.note(&activity);
    tagged(&activity)
}

fn read_patch(body: &[u8]) -> Result<(ActivityPatch, Vec<feed_me_domain::Fault>), Failure> {
    let mut members = Members::strict(members::text(body)?, &["verb", "object", "target", "data"])?;
    let patch = ActivityPatch {
        verb: members.text("verb", Verb::parse),
        object: members.nullable("object", Object::parse),
        target: members.nullable("target", Username::parse),
        data: members.data("data"),
    };
    Ok((patch, members.faults))
}

/// Delete an activity.
pub async fn delete(api: Api, request: HttpRequest, path: PathNames) -> Answer {
    let expected = etag::if_match(request.headers());
    api.services.activities.delete(path.activity("id")?, expected).await?;
    Ok(Reply::no_content())
}
