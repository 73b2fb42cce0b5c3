//! Live friends feeds: what changes reaches those who listen.
//!
//! One task for all streams follows the log (`hub`). It knows whom the viewers that listen follow (`audience`), so
//! an activity is read and written once, whatever the number of its readers, and costs a viewer without interest nothing.
//! What moves more than one activity for a viewer (a follow, a window, a mute, a block, an erasure, another name) is told by
//! [`ChangeService`](feed_me_domain::services::ChangeService), by the rule that `changes` follows. That takes questions to the
//! store, so it is done beside the hub, for a few viewers at a time: a viewer *falls behind*, is sent what they lack,
//! and is live again once that reaches as far as the hub has come. Who joins begins like that. Nobody else waits for it.
//!
//! A stream holds a bounded number of frames and bytes. Who does not read them is cut off, and goes on from the last `id` seen.

mod audience;
mod delivery;
mod frame;
mod hub;
mod source;

pub use self::{
    audience::Reader,
    frame::{Frame, GREETING, HEARTBEAT, of_changes},
    hub::{Live, Subscription},
};
