//! The way into every route, in one place: a request is let in or turned away, its caller may or may not, their limit is
//! counted, and then the handler has so long and no longer.

use std::{
    pin::{Pin, pin},
    rc::Rc,
    sync::Arc,
};

use actix_web::{
    Error, HttpResponse,
    body::{BoxBody, MessageBody},
    dev::{HttpServiceFactory, RequestHead, ServiceRequest, ServiceResponse},
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
pub struct Door {
    path: &'static str,
    method: Method,
    right: Right,
    traffic: Traffic,
}

impl Door {
    /// The door of a method of a path.
    pub fn new(path: &'static str, method: &Method) -> Self {
        let (right, traffic) = (rights::of(method, path), traffic::of(method, path));
        Self { path, method: method.clone(), right, traffic }
    }

    /// The pattern of the path.
    pub fn path(&self) -> &'static str {
        self.path
    }

    /// Lets a request through to its handler, or says why not. Futures are handed on by reference here: each function that
    /// took one by value would be twice as large as it.
    pub async fn pass(
        &self,
        shared: &Shared,
        asked: &RequestHead,
        passage: Option<&Rc<Passage>>,
        handler: Pin<&mut impl Future<Output = Result<HttpResponse, Error>>>,
    ) -> Result<HttpResponse, Error> {
        let traffic = self.traffic.asked_by(asked.uri.query().unwrap_or_default(), shared.page_size);
        let inside = match shared.gate.enter(traffic) {
            Ok(inside) => inside,
            Err(busy) => return Ok(HttpResponse::from_error(busy)),
        };
        let work = pin!(self.within(traffic, shared, (asked, passage), handler));
        match tokio::time::timeout(shared.request_timeout, inside.work(work)).await {
            Ok((Ok(response), Some(busy))) if response.status().as_u16() == busy.kind.status => {
                Ok(HttpResponse::from_error(busy))
            }
            Ok((answer, _)) => answer,
            Err(_) => {
                let failure = Failure::new(problem::TOO_LONG, "the request took longer than it may");
                Ok(HttpResponse::from_error(failure))
            }
        }
    }

    async fn within(
        &self,
        traffic: Traffic,
        shared: &Shared,
        (asked, passage): (&RequestHead, Option<&Rc<Passage>>),
        handler: Pin<&mut impl Future<Output = Result<HttpResponse, Error>>>,
    ) -> Result<HttpResponse, Error> {
        let acting = match guard::admit(self.path, self.right, shared, asked).await {
            Ok(acting) => acting,
            Err(failure) => return Ok(HttpResponse::from_error(failure)),
        };
        let counted = shared.limits.as_ref().zip(traffic.class).map(|(limits, class)| {
            let address = asked.peer_addr.map(|peer| shared.client_address(peer.ip(), &asked.headers));
            limits.count(class, Client::of(&acting.0, address))
        });
        let refused = counted.as_ref().and_then(|counted| Some((counted.class(), counted.refusal()?)));
        let mut response = if let Some((class, refusal)) = refused {
            shared.services.metrics.admission.limited(class);
            HttpResponse::from_error(refusal)
        } else if let Err(failure) = guard::await_position(self.right, shared, asked).await {
            HttpResponse::from_error(failure)
        } else {
            if let Some(passage) = passage {
                passage.admit(acting);
            }
            let _forgets = guard::forgets(shared, &asked.method, self.path);
            let mut response = handler.await?;
            position::tell(self.path, &asked.method, &shared.services, &mut response).await;
            response
        };
        if let Some(counted) = counted {
            counted.tell(response.headers_mut());
        }
        Ok(response)
    }
}

/// The resource of a path, behind its doors. They stand around the resource and not around the application, so that they
/// look at the very route that was chosen, however the path was written.
pub fn resource(at: At) -> impl HttpServiceFactory + 'static {
    let path = at.path;
    let doors: Arc<[Door]> = at.methods.iter().map(|method| Door::new(path, method)).collect();
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
    let asked = request.request().clone();
    let handler = pin!(async { Ok(next.call(request).await?.map_into_boxed_body().into_parts().1) });
    let response = door.pass(&shared, asked.head(), passage.as_ref(), handler).await?;
    Ok(ServiceResponse::new(asked, response))
}
