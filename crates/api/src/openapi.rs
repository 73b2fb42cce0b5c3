//! The OpenAPI document of both surfaces, made from the code.

pub mod schemas;

use utoipa::OpenApi;

/// The document.
pub fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

#[derive(OpenApi)]
struct Document;
