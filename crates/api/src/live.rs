//! Live friends feeds: what changes reaches those who listen.
//!
//! One task for all streams follows the log (`hub`). It knows whom the viewers that listen follow (`audience`), so
//! an activity is read and written once, whatever the number of its readers, and costs a viewer without interest nothing.
//! What moves more than one activity for a viewer (a follow, a window, a mute, a block, an erasure, another name) is told by
//! [`ChangeService`](feed_me_domain::services::ChangeService), by the rule that `changes` follows.
//!
//! A stream holds a bounded number of frames. Who does not read them is cut off, and goes on from the last `id` seen.

mod audience;
mod frame;
mod hub;

pub use self::{
    frame::{Frame, GREETING, HEARTBEAT, of_changes},
    hub::{Live, Subscription},
};
