//! The way into every route, in one place: a request is let in or turned away, its caller may or may not, their limit is
//! counted, and then the handler has so long and no longer.

use std::{rc::Rc, sync::Arc};

use actix_web::{
    Error,
    body::{BoxBody, MessageBody},
    dev::{HttpServiceFactory, ServiceRequest, ServiceResponse},
    http::Method,
    middleware::{Next, from_fn},
    web,
};
use feed_me_domain::Right;

use crate::{
    auth::{guard, rights},
    limits::Client,
    passage::Passage,
    position,
    problem::{self, Failure},
    routes::At,
    shared::Shared,
    traffic::{self, Traffic},
};

/// A method of a path, and what is asked of who wants to use it.
struct Door {
    method: Method,
    right: Right,
    traffic: Traffic,
}

/// The resource of a path, behind its doors. They stand around the resource and not around the application, so that they
/// look at the very route that was chosen, however the path was written.
pub fn resource(at: At) -> impl HttpServiceFactory + 'static {
    let path = at.path;
    let doors = at.methods.iter().map(|method| Door {
        method: method.clone(),
        right: rights::of(method, path),
        traffic: traffic::of(method, path),
    });
    let doors: Arc<[Door]> = doors.collect();
    at.into_resource().wrap(from_fn(move |request: ServiceRequest, next: Next<_>| {
        enter(path, doors.clone(), request, next)
    }))
}

async fn enter<B: MessageBody + 'static>(
    path: &'static str,
    doors: Arc<[Door]>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let passage = Passage::of(request.request());
    if let Some(passage) = &passage {
        passage.takes(path);
    }
    // A method that the path does not have is answered without anybody being asked who they are.
    let Some(door) = doors.iter().find(|door| door.method == *request.method()) else {
        return Ok(next.call(request).await?.map_into_boxed_body());
    };
    let Some(shared) = request.app_data::<web::Data<Shared>>().cloned() else {
        return Ok(
            request.error_response(Failure::internal("the application was built without its services"))
        );
    };
    let traffic = door.traffic.asked_by(request.query_string(), shared.page_size);
    let inside = match shared.gate.enter(traffic) {
        Ok(inside) => inside,
        Err(busy) => return Ok(request.error_response(busy)),
    };
    let asked = request.request().clone();
    let work = within((path, door.right, traffic), &shared, (request, passage), next);
    match tokio::time::timeout(shared.request_timeout, inside.work(work)).await {
        Ok((Ok(response), Some(busy))) if response.status().as_u16() == busy.kind.status => {
            Ok(response.error_response(busy))
        }
        Ok((answer, _)) => answer,
        Err(_) => {
            let failure = Failure::new(problem::TOO_LONG, "the request took longer than it may");
            Ok(ServiceResponse::from_err(failure, asked))
        }
    }
}

async fn within<B: MessageBody + 'static>(
    (path, right, traffic): (&'static str, Right, Traffic),
    shared: &Shared,
    (request, passage): (ServiceRequest, Option<Rc<Passage>>),
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let acting = match guard::admit(path, right, shared, &request).await {
        Ok(acting) => acting,
        Err(failure) => return Ok(request.error_response(failure)),
    };
    let counted = shared.limits.as_ref().zip(traffic.class).map(|(limits, class)| {
        let address = request.peer_addr().map(|peer| shared.client_address(peer.ip(), request.headers()));
        limits.count(class, Client::of(&acting.0, address))
    });
    let refused = counted.as_ref().and_then(|counted| Some((counted.class(), counted.refusal()?)));
    let mut response = if let Some((class, refusal)) = refused {
        shared.services.metrics.admission.limited(class);
        request.error_response(refusal)
    } else if let Err(failure) = guard::await_position(right, shared, &request).await {
        request.error_response(failure)
    } else {
        if let Some(passage) = passage {
            passage.admit(acting);
        }
        let _forgets = guard::forgets(shared, request.method(), path);
        let mut response = next.call(request).await?.map_into_boxed_body();
        position::tell(path, &shared.services, &mut response).await;
        response
    };
    if let Some(counted) = counted {
        counted.tell(response.headers_mut());
    }
    Ok(response)
}
