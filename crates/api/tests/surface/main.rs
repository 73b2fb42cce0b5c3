//! Both surfaces, asked over the application itself with the memory store behind it.

mod classic;
mod conditions;
mod errors;
mod fuzz;
mod keys;
mod kit;
mod v1;
mod wire;
