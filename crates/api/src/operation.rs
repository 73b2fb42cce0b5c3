//! Whether the process runs and can serve, and what it offers.

use std::sync::LazyLock;

use actix_web::{HttpResponse, http::header};
use feed_me_domain::{Error, StoreError};
use serde_json::json;

use crate::{
    metrics::CONTENT_TYPE,
    openapi,
    problem::{self, Failure},
    reply::{Answer, Reply},
    routes::At,
    shared::Classic,
};

/// The paths for operators.
pub fn routes() -> Vec<At> {
    vec![
        At::new("/livez").get(live),
        At::new("/healthz").get(live),
        At::new("/readyz").get(ready),
        At::new("/openapi.json").get(document),
    ]
}

/// Where metrics are told: beside everything else, or on a listener of their own.
pub fn metrics_route() -> At {
    At::new("/metrics").get(metrics)
}

/// Say that the process runs. Never touches the database.
pub async fn live(_: Classic) -> Answer {
    Ok(Reply::classic(&json!({ "status": "ok" }))?.never_kept())
}

/// Say whether requests can be served.
pub async fn ready(app: Classic) -> Answer {
    let not_ready = |why: &str| Failure::new(problem::NOT_READY, why);
    if app.is_draining() {
        return Err(not_ready("the server is on its way down and takes no new work"));
    }
    match app.services.development.ready().await {
        Ok(()) => Ok(Reply::classic(&json!({ "status": "ok" }))?.never_kept()),
        Err(Error::Store(StoreError::Unavailable(cause))) => Err(Failure {
            cause: Some(cause),
            ..not_ready("the database cannot be reached, or is too busy to answer")
        }),
        Err(error) => Err(Failure {
            cause: Some(error.to_string()),
            ..not_ready("the database does not answer as it should; its schema may not be current")
        }),
    }
}

/// Tell the metrics.
pub async fn metrics(app: Classic) -> Result<HttpResponse, Failure> {
    let told = app.services.metrics.told().map_err(|error| Failure::internal(error.to_string()))?;
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CACHE_CONTROL, "no-store"));
    Ok(response.content_type(CONTENT_TYPE).body(told))
}

/// Describe all routes.
pub async fn document(_: Classic) -> Result<HttpResponse, Failure> {
    static DOCUMENT: LazyLock<Result<String, String>> =
        LazyLock::new(|| openapi::openapi().to_json().map_err(|error| error.to_string()));
    let document = DOCUMENT.as_ref().map_err(Failure::internal)?;
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CACHE_CONTROL, "no-cache"));
    Ok(response.content_type("application/json").body(document.as_str()))
}
