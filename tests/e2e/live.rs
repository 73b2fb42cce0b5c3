//! Copies of friends feeds that are never read again: by what changed since a position, and by streams.

mod changes;
mod cuts;
mod streams;
