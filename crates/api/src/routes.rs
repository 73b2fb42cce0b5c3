//! How a path and its methods become a route: every path answers `OPTIONS`, and 405 with its `Allow` for the rest.

use std::panic::AssertUnwindSafe;

use actix_web::{
    FromRequest, Handler, HttpRequest, HttpResponse, Resource, Responder,
    http::{Method, header},
    web,
};
use futures_util::{
    FutureExt,
    future::{CatchUnwind, Map},
};

use crate::{
    classic, docs, operation, page,
    problem::{self, Failure},
    v1,
};

/// Every route that there can be.
pub fn all() -> Vec<At> {
    let mut all = of(true, true);
    all.push(operation::metrics_route());
    all
}

/// The routes of both surfaces, without that of metrics.
pub fn of(dev_endpoints: bool, has_page: bool) -> Vec<At> {
    let surfaces = v1::routes().into_iter().chain(classic::routes(dev_endpoints));
    let pages = docs::routes().into_iter().chain(page::routes(dev_endpoints, has_page));
    surfaces.chain(operation::routes()).chain(pages).collect()
}

/// A path with the methods that it has.
pub struct At {
    /// The path, its parameters in braces.
    pub path: &'static str,
    /// The methods, `HEAD` among them where `GET` is; `OPTIONS` apart.
    pub methods: Vec<Method>,
    resource: Resource,
}

macro_rules! method {
    ($(#[$doc:meta])* $name:ident: $($method:ident)*) => {
        $(#[$doc])*
        #[must_use]
        pub fn $name<F, Args, R>(self, handler: F) -> Self
        where
            F: Handler<Args, Output = Result<R, Failure>>,
            Args: FromRequest + 'static,
            R: Responder + 'static,
        {
            self$(.route(Method::$method, handler.clone()))*
        }
    };
}

impl At {
    method!(
        /// Reads, and `HEAD` with it.
        get: GET HEAD
    );
    method!(
        /// A `GET` that does something, so that there is no `HEAD`.
        get_alone: GET
    );
    method!(
        /// Creates, or does.
        post: POST
    );
    method!(
        /// Makes sure that something is there.
        put: PUT
    );
    method!(
        /// Changes what is there.
        patch: PATCH
    );
    method!(
        /// Takes away.
        delete: DELETE
    );

    /// A path without methods.
    pub fn new(path: &'static str) -> Self {
        Self { path, methods: Vec::new(), resource: web::resource(path) }
    }

    fn route<F, Args, R>(mut self, method: Method, handler: F) -> Self
    where
        F: Handler<Args, Output = Result<R, Failure>>,
        Args: FromRequest + 'static,
        R: Responder + 'static,
    {
        self.methods.push(method.clone());
        self.resource = self.resource.route(web::method(method).to(Guarded(handler)));
        self
    }

    /// The resource to serve.
    pub fn into_resource(self) -> Resource {
        let mut allow: Vec<&str> = self.methods.iter().map(Method::as_str).collect();
        allow.push("OPTIONS");
        let allow = allow.join(", ");
        self.resource.default_service(web::to(move |request: HttpRequest| {
            let answer = other_method(&request, &allow);
            async move { answer }
        }))
    }
}

fn other_method(request: &HttpRequest, allow: &str) -> Result<HttpResponse, Failure> {
    if request.method() == Method::OPTIONS {
        return Ok(HttpResponse::NoContent().insert_header((header::ALLOW, allow)).finish());
    }
    let detail = format!("{} is not allowed here; allowed are {allow}", request.method());
    Err(Failure { allow: Some(allow.into()), ..Failure::new(problem::METHOD_NOT_ALLOWED, detail) })
}

/// What every path answers that no route has.
pub async fn not_found(request: HttpRequest) -> Result<HttpResponse, Failure> {
    let path = crate::query::cut(request.uri().path());
    Err(Failure::new(problem::NOT_FOUND, format!("there is nothing at {path}")))
}

/// A handler whose panic is a 500 like any other: logged, and told in the form of the surface.
#[derive(Clone)]
struct Guarded<F>(F);

impl<F, Args, R> Handler<Args> for Guarded<F>
where
    F: Handler<Args, Output = Result<R, Failure>>,
    R: 'static,
{
    type Output = Result<R, Failure>;
    type Future = Map<CatchUnwind<AssertUnwindSafe<F::Future>>, fn(Caught<R>) -> Self::Output>;

    fn call(&self, args: Args) -> Self::Future {
        AssertUnwindSafe(self.0.call(args)).catch_unwind().map(told)
    }
}

/// What a handler answers, likewise, where it is called without the framework.
pub async fn guarded<R>(work: impl Future<Output = Result<R, Failure>>) -> Result<R, Failure> {
    told(AssertUnwindSafe(work).catch_unwind().await)
}

/// What a handler came to: an answer, or a panic.
type Caught<R> = std::thread::Result<Result<R, Failure>>;

fn told<R>(caught: Caught<R>) -> Result<R, Failure> {
    caught.unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<&str>().map(|said| (*said).to_owned());
        let said = said.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        Err(Failure::internal(format!("a handler panicked: {said}")))
    })
}
