//! The program itself: settings, start and stop, its commands, and what it tells about itself.

mod commands;
mod documents;
mod lifecycle;
mod settings;
