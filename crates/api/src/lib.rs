//! feed-me over HTTP.
//!
//! A request goes guard ([`auth`]) → route ([`v1`], [`classic`], [`operation`]) → handler → service → port. What all handlers share is
//! small and apart: the way in ([`body`], [`members`], [`names`], [`query`], [`keyed`]), the way out ([`views`],
//! [`reply`], [`problem`], [`error`], [`finish`]), who is let in ([`entry`], with [`shedding`], [`limits`] and
//! [`auth`]; [`traffic`] says what each route takes; pages of feeds and posts have a [`short_way`] past the framework), and what is known and told about it ([`passage`], [`observe`], [`metrics`],
//! [`traces`], [`openapi`]).
//!
//! Around it stands the binary: [`cli`] says what can be typed, [`commands`] does it, with [`settings`] and [`logging`];
//! [`app`] puts everything together, [`webhooks`] delivers, [`transfer`] reads and writes files, [`backup`] whole databases.

pub mod accept;
pub mod app;
pub mod auth;
pub mod background;
pub mod backup;
pub mod bodies;
pub mod body;
pub mod classic;
pub mod cli;
pub mod commands;
pub mod docs;
pub mod entry;
pub mod error;
pub mod etag;
pub mod finish;
pub mod kept_pages;
pub mod keyed;
pub mod limits;
pub mod links;
pub mod live;
pub mod logging;
pub mod members;
pub mod metrics;
pub mod names;
pub mod observe;
pub mod openapi;
pub mod operation;
pub mod page;
pub mod passage;
pub mod position;
pub mod problem;
pub mod query;
pub mod reply;
pub mod request_id;
pub mod routes;
pub mod server;
pub mod services;
pub mod settings;
pub mod shared;
pub mod shedding;
pub mod short_way;
pub mod tls;
pub mod traces;
pub mod traffic;
pub mod transfer;
pub mod v1;
pub mod views;
pub mod webhooks;
