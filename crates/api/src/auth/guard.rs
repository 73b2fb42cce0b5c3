//! The guard: nothing reaches a handler that its caller may not ask for, and nothing of its body is read.

use std::sync::Arc;

use actix_web::{dev::ServiceRequest, http::Method};
use feed_me_domain::{Caller, Denial, Right, Username, Verdict};

use super::{Auth, Kind, acting::Acting, rights};
use crate::{names::PathNames, position, problem::Failure, shared::Shared};

/// Makes the server look again whose credentials are whose: when the request is over, before it is answered.
pub(crate) struct Forgets(Arc<Auth>, Kind);

/// What a route may have to make the server forget.
pub(crate) fn forgets(shared: &Shared, method: &Method, path: &str) -> Option<Forgets> {
    rights::ends_credentials(method, path).map(|kind| Forgets(shared.auth.clone(), kind))
}

impl Drop for Forgets {
    fn drop(&mut self) {
        self.0.forget(self.1);
    }
}

/// Who sent the request, where they may ask for it.
pub(crate) async fn admit(
    path: &'static str,
    right: Right,
    shared: &Shared,
    request: &ServiceRequest,
) -> Result<Acting, Failure> {
    let caller = match right {
        Right::Open => Arc::new(Caller::Anyone),
        Right::Needs(..) => shared.auth.caller(request.headers()).await?,
    };
    let names = || PathNames::of(path, request.uri().path());
    match caller.may(right) {
        Verdict::Granted => {}
        Verdict::Denied(denial) => return Err(denial.into()),
        // What is no name is nobody's own.
        Verdict::IfAbout(user) => only(user, names().user("username").ok().as_ref())?,
        Verdict::IfActor(user) => {
            let activity = shared.services.activities.get(names().activity("id")?).await?;
            only(user, Some(&activity.actor))?;
        }
    }
    Ok(Acting(caller))
}

/// A read that brings a position waits for it, once its caller was let in.
pub(crate) async fn await_position(
    right: Right,
    shared: &Shared,
    request: &ServiceRequest,
) -> Result<(), Failure> {
    if right == Right::Open {
        return Ok(());
    }
    position::wait(&shared.services, request.method(), request.headers()).await
}

fn only(user: &Username, other: Option<&Username>) -> Result<(), Denial> {
    if other == Some(user) { Ok(()) } else { Err(Denial::OtherUser { user: user.clone() }) }
}
