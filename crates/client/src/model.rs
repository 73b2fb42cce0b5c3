//! What the server tells, and what it is told.

pub(crate) mod activity;
pub(crate) mod events;
pub(crate) mod feeds;
pub(crate) mod keys;
pub(crate) mod links;
pub(crate) mod users;
pub(crate) mod webhooks;

use std::ops::Deref;

use serde::Serialize;

/// What is stored now, and whether it was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored<T> {
    /// It is new.
    Created(T),
    /// It was there.
    Existing(T),
}

impl<T> Stored<T> {
    /// What is stored.
    pub fn into_inner(self) -> T {
        match self {
            Self::Created(value) | Self::Existing(value) => value,
        }
    }

    /// Whether it is new.
    pub fn is_created(&self) -> bool {
        matches!(self, Self::Created(_))
    }
}

impl<T> Deref for Stored<T> {
    type Target = T;

    fn deref(&self) -> &T {
        match self {
            Self::Created(value) | Self::Existing(value) => value,
        }
    }
}

/// Something with the tag of its state, by which the next change can make sure that it changes this very state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tagged<T> {
    /// What it is.
    pub value: T,
    /// The `ETag` of its state.
    pub etag: String,
}

impl<T> Deref for Tagged<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// A member of a patch that can be cleared.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(untagged)]
pub(crate) enum Member<T> {
    /// It stays; it is not sent.
    #[default]
    Stays,
    /// It becomes this, or nothing.
    Becomes(Option<T>),
}

impl<T> Member<T> {
    pub(crate) fn stays(&self) -> bool {
        matches!(self, Self::Stays)
    }
}
