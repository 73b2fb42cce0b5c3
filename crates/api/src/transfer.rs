//! Import and export: whole databases as lines of JSON (NDJSON), plain or compressed by gzip.
//!
//! A line is an activity, a follow, a user, a block or a mute; its members tell which:
//!
//! ```text
//! {"id":…,"actor":…,"verb":…,"object":…,"target":…,"published":…,"edited_at":…,"external_id":…,"data":{…}}
//! {"follower":…,"followee":…,"since":…,"from":…,"kept":[{"from":…,"until":…}]}
//! {"username":…,"display_name":…,"created_at":…}
//! {"blocker":…,"blocked":…,"since":…}
//! {"muter":…,"muted":…,"since":…}
//! ```
//!
//! Of an activity `actor`, `verb` and `published` are required; a line without `id` gets one that follows from what it
//! says ([`canonical`]). A follow without `since` began with the import; with `"since":null` there is no present follow,
//! only the history in `kept`. Blank lines do not count.

pub mod canonical;
mod export;
mod import;
mod input;
mod line;
mod output;
pub(crate) mod progress;
mod view;

pub use self::{
    export::{ExportFailure, Exported, export},
    import::{ImportFailure, ImportPlan, ImportSummary, import},
    line::parse_line,
    output::Destination,
    view::line_of,
};

#[cfg(test)]
mod tests;
