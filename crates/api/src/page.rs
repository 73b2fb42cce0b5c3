//! The page at `/`: people use the feed there, and operators watch it. It is a client of the public API like any other, and
//! everything it loads comes from this server.
//!
//! Its source is `crates/api/web`, built in as it is.

mod files;

use actix_web::{HttpRequest, HttpResponse, http::header};
use serde_json::json;

use self::files::File;
use crate::{
    accept, etag,
    problem::{self, Failure},
    reply::written,
    routes::At,
    shared::Classic,
};

/// What the page may load and call: this server alone. Nothing in line, and no text becomes markup.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src 'self' data:; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'";

/// The paths of the page; without it, `/` says where to read on where there are routes for development.
pub fn routes(dev_endpoints: bool, has_page: bool) -> Vec<At> {
    let mut routes = Vec::new();
    if dev_endpoints || has_page {
        routes.push(At::new("/").get(index));
    }
    if has_page {
        routes.push(At::new("/web/{file}").get(file));
        routes.push(At::new("/web/vendor/{file}").get(vendored));
    }
    routes
}

/// Open the page, or say what this is.
pub async fn index(app: Classic, request: HttpRequest) -> Result<HttpResponse, Failure> {
    if app.has_page && accept::takes_page(request.headers()) {
        return Ok(shown(&request, files::index()));
    }
    let index = written(&json!({
        "name": "feed-me",
        "version": env!("CARGO_PKG_VERSION"),
        "documentation": "/docs",
        "openapi": "/openapi.json",
    }))?;
    let mut response = HttpResponse::Ok();
    response.insert_header((header::VARY, "Accept"));
    Ok(response.content_type("application/json").body(index))
}

/// Read a part of the page.
pub async fn file(request: HttpRequest) -> Result<HttpResponse, Failure> {
    part(&request, request.match_info().query("file"))
}

/// Read a library that the page is made with.
pub async fn vendored(request: HttpRequest) -> Result<HttpResponse, Failure> {
    part(&request, &format!("vendor/{}", request.match_info().query("file")))
}

fn part(request: &HttpRequest, name: &str) -> Result<HttpResponse, Failure> {
    let file = files::named(name).ok_or_else(|| {
        let name = crate::query::cut(name);
        Failure::new(problem::NOT_FOUND, format!("the page has no part named '{name}'"))
    })?;
    Ok(shown(request, file))
}

/// A part, or that what the client has of it is still right.
fn shown(request: &HttpRequest, file: &'static File) -> HttpResponse {
    let known = etag::if_none_match(request.headers(), file.tag());
    let mut response = match known {
        Some(_) => HttpResponse::NotModified(),
        None => HttpResponse::Ok(),
    };
    response.insert_header((header::ETAG, known.as_deref().unwrap_or(file.tag())));
    response.insert_header((header::CACHE_CONTROL, "no-cache"));
    response.insert_header((header::VARY, "Accept, Accept-Encoding"));
    response.insert_header((header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY));
    response.insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"));
    response.insert_header((header::REFERRER_POLICY, "no-referrer"));
    response.insert_header(("cross-origin-opener-policy", "same-origin"));
    if known.is_some() {
        return response.finish();
    }
    response.content_type(file.content_type()).body(file.bytes)
}
