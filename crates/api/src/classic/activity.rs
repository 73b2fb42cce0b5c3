//! `POST /activity`

use actix_web::HttpRequest;
use feed_me_domain::{ActivityDraft, Attempt, Given, Object, StoredAnswer, Username, Verb, services::Stored};

use super::views::ClassicActivityView;
use crate::{
    auth::acting::Acting,
    body::{Any, Body},
    keyed,
    members::{self, Members},
    problem::Failure,
    reply::{Answer, Reply, written},
    shared::Classic,
    v1::activities::names_of,
};

/// Post an activity.
pub async fn post(app: Classic, acting: Acting, request: HttpRequest, body: Body<Any>) -> Answer {
    let written = keyed::once(&app.services, &request, &body.bytes, answer, async |keyed| {
        let draft = read(&body.bytes)?;
        acting.as_actor(draft.actor.as_ref())?;
        let posted = app.services.activities.post(draft, keyed).await?;
        if let Attempt::Done(Stored::Created(activity)) = &posted {
            app.services.note(activity);
        }
        Ok(posted)
    });
    written.await.map(Reply::unsaid)
}

fn read(body: &[u8]) -> Result<ActivityDraft, Failure> {
    let mut members = Members::lenient(members::text(body)?)?;
    let target = members.nullable("target", |raw| match raw {
        "" => Ok(None),
        name => Username::parse(name).map(Some),
    });
    Ok(ActivityDraft {
        actor: members.text("actor", Username::parse),
        verb: members.text("verb", Verb::parse),
        object: members.nullable("object", Object::parse),
        target: target.value().flatten().map_or(Given::Absent, Given::Value),
        faults: members.faults,
        ..ActivityDraft::default()
    })
}

fn answer(stored: &Stored) -> Result<StoredAnswer, Failure> {
    let activity = stored.activity();
    let body = written(&ClassicActivityView::from(activity))?;
    Ok(StoredAnswer { status: 200, location: None, body, names: names_of(activity) })
}
