//! The activity feed itself: values, rules, ports and services, with no I/O.
//!
//! Applications record who did what (`actor verb object target`), users follow each other and read feeds. This crate
//! knows what that means and nothing else: no database, no web framework, no clock.
//!
//! * **Values** cannot hold a wrong value: [`Username`], [`Verb`], [`Object`], [`ExternalId`], [`Data`], [`Timestamp`],
//!   [`PageLimit`]. Parsing is the only way in.
//! * **Entities**: [`User`], [`Activity`], [`Follow`] with its windows ([`follow`]), [`Block`] and [`Mute`].
//! * **Order and pages**: [`Position`] is the total order of every feed; [`page`](mod@page) cuts pages out of it, and
//!   [`cursor`] writes where a walk stands so that a client can carry it.
//! * **The sequence** ([`sequence`]): every write takes its turn, and its event the next position of one dense order.
//! * **Who calls** ([`caller`]): anybody, an application by its key ([`application_key`]), or a user by a token; and what each
//!   [may](Caller::may).
//! * **Webhooks** ([`webhook`]): what happened, sent to an address of the subscriber's own.
//! * **Ports** ([`ports`]) are what the domain needs from outside. Implement them to bring your own store.
//! * **Services** ([`services`]) hold the steps and rules on top of the ports. Start reading there.
//!
//! Feature `mock` exports mockall mocks of every port. Feature `conformance` exports the suite that proves an
//! implementation of the ports; `examples/own_store` shows a team that runs it on its own store.

pub mod activity;
pub mod application_key;
pub mod backup;
pub mod before;
pub mod caller;
pub mod changes;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod cursor;
pub mod data;
pub mod error;
pub mod feed;
pub mod follow;
pub mod given;
pub mod id;
pub mod idempotency;
pub mod notification;
pub mod page;
pub mod ports;
#[cfg(test)]
mod properties;
pub mod relation;
pub mod sequence;
pub mod services;
pub mod text;
pub mod time;
pub mod transfer;
pub mod user;
pub mod webhook;

pub use crate::{
    activity::{Activity, ActivityDraft, ActivityPatch, ActivityTag, NewActivity, Precondition},
    application_key::{
        ApplicationKey, InvalidScopes, KeyDraft, KeyHash, KeySecret, NewKey, Scope, Scopes,
        StoredApplicationKey,
    },
    caller::{Caller, Denial, Right, UserRight, UserToken, Verdict},
    cursor::{Cursor, CursorCodec, InvalidCursor, Listing},
    data::{Data, InvalidData},
    error::{Error, Fault, Result, StoreError},
    feed::{FeedEntry, FeedFilter, FeedItem, FeedKind, FeedMark, FeedQuery, FeedSlice, Position, Shape},
    follow::{
        Follow, FollowFrom, FollowRequest, FollowSide, LinkPlace, ListedFollow, Relationship,
        UnfollowRequest, Window,
    },
    given::Given,
    id::{ActivityId, KeyId, UserId, UserKey, WebhookId},
    idempotency::{Attempt, KeyRefusal, Keyed, RequestKey, StoredAnswer, StoredKey},
    page::{Boundary, Direction, PageLimit, Placed, Span},
    relation::{Block, Mute, Relation, RelationKind},
    text::{DisplayName, ExternalId, InvalidText, KeyName, Object, Username, Verb},
    time::{InvalidTimestamp, Timestamp},
    user::{Erasure, PutUser, User, UserPatch},
    webhook::{Webhook, WebhookSecret},
};
