//! What holds for every route of /v1.

mod bodies;
mod caching;
mod headers;
mod routes;
