//! Webhooks.

mod delivering;
mod kit;
mod managing;

pub(super) use self::{delivering::*, managing::*};
