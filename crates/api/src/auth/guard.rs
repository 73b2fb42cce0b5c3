//! The middleware: nothing reaches a handler that its caller may not ask for, and nothing of its body is read.

use std::sync::Arc;

use actix_web::{
    Error, HttpMessage,
    body::{BoxBody, MessageBody},
    dev::{HttpServiceFactory, ServiceRequest, ServiceResponse},
    http::Method,
    middleware::{Next, from_fn},
    web,
};
use feed_me_domain::{Caller, Denial, Right, Username, Verdict};

use super::{Auth, Kind, acting::Acting, rights};
use crate::{names::PathNames, position, problem::Failure, routes::At, shared::Shared};

/// The resource of a path, behind the guard. It stands around the resource and not around the application, so that it
/// looks at the very route that was chosen, however the path was written.
pub fn guarded(at: At) -> impl HttpServiceFactory + 'static {
    let (path, methods) = (at.path, at.methods.clone());
    let rights: Vec<_> =
        methods.into_iter().map(|method| (method.clone(), rights::of(&method, path))).collect();
    let rights: Arc<[(Method, Right)]> = rights.into();
    at.into_resource().wrap(from_fn(move |request: ServiceRequest, next: Next<_>| {
        guard(path, rights.clone(), request, next)
    }))
}

async fn guard<B: MessageBody + 'static>(
    path: &'static str,
    rights: Arc<[(Method, Right)]>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    // A method that the path does not have is answered without anybody being asked who they are.
    let right = rights.iter().find(|(method, _)| method == request.method()).map(|(_, right)| *right);
    let Some(right) = right else { return Ok(next.call(request).await?.map_into_boxed_body()) };
    match admit(path, right, &request).await {
        Ok((acting, auth)) => {
            request.extensions_mut().insert(acting);
            let ends = rights::ends_credentials(request.method(), path);
            let _forgets = ends.map(|kind| Forgets(auth, kind));
            if let Err(failure) = await_position(right, &request).await {
                return Ok(request.error_response(failure));
            }
            let shared = request.app_data::<web::Data<Shared>>().cloned();
            let mut response = next.call(request).await?.map_into_boxed_body();
            if let Some(shared) = shared {
                position::tell(&shared.services, &mut response).await;
            }
            Ok(response)
        }
        Err(failure) => Ok(request.error_response(failure)),
    }
}

/// Makes the server look again whose credentials are whose: when the request is over, before it is answered.
struct Forgets(Arc<Auth>, Kind);

impl Drop for Forgets {
    fn drop(&mut self) {
        self.0.forget(self.1);
    }
}

async fn admit(
    path: &'static str,
    right: Right,
    request: &ServiceRequest,
) -> Result<(Acting, Arc<Auth>), Failure> {
    let shared = request.app_data::<web::Data<Shared>>().cloned();
    let shared = shared.ok_or_else(|| Failure::internal("the application was built without its services"))?;
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
    Ok((Acting(caller), shared.auth.clone()))
}

/// A read that brings a position waits for it, once its caller was let in.
async fn await_position(right: Right, request: &ServiceRequest) -> Result<(), Failure> {
    match request.app_data::<web::Data<Shared>>() {
        Some(shared) if right != Right::Open => {
            position::wait(&shared.services, request.method(), request.headers()).await
        }
        _ => Ok(()),
    }
}

fn only(user: &Username, other: Option<&Username>) -> Result<(), Denial> {
    if other == Some(user) { Ok(()) } else { Err(Denial::OtherUser { user: user.clone() }) }
}
