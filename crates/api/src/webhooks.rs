//! Delivering webhooks: what a message says, and the tasks that send them.

mod deliverer;
mod message;

pub use self::{deliverer::Deliverer, message::JsonMessages};
