//! Measures feed-me and is no part of it.
//!
//! [`generate`] makes a social graph, [`load`] puts it into a database, [`run`] starts the server and drives it over HTTP
//! with the client of [`http`], beside a [`constant`] body on the same stack, and [`report`] tells what came of it; [`overload`] offers it more than it can do.

pub mod cli;
pub mod constant;
pub mod database;
pub mod fan_out;
pub mod generate;
pub mod http;
pub mod load;
pub mod machine;
pub mod measure;
pub mod overload;
pub mod pin;
pub mod psql;
pub mod random;
pub mod report;
pub mod results;
pub mod run;
pub mod script;
pub mod server;
pub mod size;
pub mod subjects;
pub mod usage;
