//! What must hold for any input, tried on random ones.

mod data;
mod pages;
mod texts;
mod windows;
