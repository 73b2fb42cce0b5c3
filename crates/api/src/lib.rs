//! feed-me over HTTP.

pub mod services;
pub mod settings;
