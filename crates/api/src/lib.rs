//! feed-me over HTTP.

pub mod cli;
pub mod logging;
pub mod services;
pub mod settings;
pub mod transfer;
