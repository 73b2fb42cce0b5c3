//! A page to try the routes on. Everything it loads comes from this server.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, http::header};
use utoipa_swagger_ui::Config;

use crate::{
    problem::{self, Failure},
    routes::At,
};

/// What the page may load and call: this server alone.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The paths of the page.
pub fn routes() -> Vec<At> {
    vec![At::new("/docs").get(page), At::new("/docs/{file}").get(file)]
}

/// Try the routes on a page.
pub async fn page() -> Result<HttpResponse, Failure> {
    let page = part("index.html")?;
    // The page is written to stand in a folder, and stands beside one.
    let html = String::from_utf8_lossy(&page.bytes)
        .replace("\"./", "\"docs/")
        .replace("\"index.css", "\"docs/index.css");
    Ok(shown(&page.content_type, html.into_bytes()))
}

/// Read a part of the page.
pub async fn file(request: HttpRequest) -> Result<HttpResponse, Failure> {
    let part = part(request.match_info().query("file"))?;
    Ok(shown(&part.content_type, part.bytes.into_owned()))
}

fn part(name: &str) -> Result<utoipa_swagger_ui::SwaggerFile<'static>, Failure> {
    // The validator's badge would be loaded from elsewhere.
    let config = Arc::new(Config::from("/openapi.json").validator_url("none"));
    let part =
        utoipa_swagger_ui::serve(name, config).map_err(|error| Failure::internal(error.to_string()))?;
    part.ok_or_else(|| {
        let name = crate::query::cut(name);
        Failure::new(problem::NOT_FOUND, format!("the page has no part named '{name}'"))
    })
}

fn shown(content_type: &str, bytes: Vec<u8>) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY));
    response.insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"));
    response.insert_header((header::CACHE_CONTROL, "no-cache"));
    response.content_type(content_type).body(bytes)
}
