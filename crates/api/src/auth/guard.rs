//! The guard: nothing reaches a handler that its caller may not ask for, and nothing of its body is read.

use std::sync::Arc;

use actix_web::{
    dev::RequestHead,
    http::{Method, header::AUTHORIZATION},
};
use feed_me_domain::{Caller, Denial, Right, Username, Verdict};

use super::{Auth, Kind, acting::Acting, rights};
use crate::{
    limits::{Class, Client},
    names::PathNames,
    position,
    problem::{self, Failure},
    shared::Shared,
};

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
    asked: &RequestHead,
) -> Result<Acting, Failure> {
    let caller = match right {
        Right::Open => Arc::new(Caller::Anyone),
        Right::Needs(..) => caller(shared, asked).await?,
    };
    let names = || PathNames::of(path, asked.uri.path());
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

/// Whose credential it is. Where limits are on, whoever guesses is shut out for a while.
async fn caller(shared: &Shared, asked: &RequestHead) -> Result<Arc<Caller>, Failure> {
    let Some(limits) = &shared.limits else {
        return shared.auth.caller(&asked.headers).await;
    };
    let address = || {
        let peer = asked.peer_addr;
        Client::of(&Caller::Anyone, peer.map(|peer| shared.client_address(peer.ip(), &asked.headers)))
    };
    let may_look = || limits.refusal_of_unknown(address()).map_or(Ok(()), Err);
    let caller = shared.auth.caller_if(&asked.headers, may_look).await;
    match &caller {
        // Who shows nothing guesses nothing.
        Err(refused)
            if refused.kind == problem::UNAUTHORIZED && asked.headers.contains_key(AUTHORIZATION) =>
        {
            limits.count_bad_credential(address());
        }
        Err(refused) if refused.kind == problem::TOO_MANY_REQUESTS => {
            shared.services.metrics.admission.limited(Class::BadCredential);
        }
        _ => {}
    }
    caller
}

/// A read that brings a position waits for it, once its caller was let in.
pub(crate) async fn await_position(
    right: Right,
    shared: &Shared,
    asked: &RequestHead,
) -> Result<(), Failure> {
    if right == Right::Open {
        return Ok(());
    }
    position::wait(&shared.services, &asked.method, &asked.headers).await
}

fn only(user: &Username, other: Option<&Username>) -> Result<(), Denial> {
    if other == Some(user) { Ok(()) } else { Err(Denial::OtherUser { user: user.clone() }) }
}
