//! Settings: what they are. Where they come from is in [`load`].
//!
//! `config/default.toml` says in words what each one means.

mod fault;
mod known;
mod layers;
mod load;
mod profile;
mod reader;
mod redact;

use std::{net::SocketAddr, path::PathBuf};

pub use self::{
    fault::{SettingFault, SettingsError},
    load::{Asked, Loaded, Override, Shown, load},
    redact::redacted_url,
};

/// Everything that can be set.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which defaults apply: `development`, `production`, or a file of one's own in `config/`.
    pub profile: String,
    /// The routes for development.
    pub dev_endpoints: bool,
    /// The page.
    pub web: WebSettings,
    /// How to listen.
    pub server: ServerSettings,
    /// Where the data are.
    pub database: DatabaseSettings,
    /// Feeds.
    pub feed: FeedSettings,
    /// Logs.
    pub log: LogSettings,
    /// Who may call.
    pub auth: AuthSettings,
    /// The log of changes.
    pub events: EventSettings,
    /// How much one client may ask for.
    pub limits: LimitSettings,
    /// Webhooks.
    pub webhooks: WebhookSettings,
    /// Where metrics are told; none: where everything else is.
    pub metrics_listen: Option<SocketAddr>,
    /// TLS; none: the server speaks plain HTTP.
    pub tls: Option<TlsSettings>,
    /// Traces.
    pub telemetry: TelemetrySettings,
}

/// The files that TLS needs, both in PEM form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSettings {
    /// The certificate, and those between it and the authority.
    pub certificate: PathBuf,
    /// Its private key, without a password.
    pub key: PathBuf,
}

/// Traces.
#[derive(Clone, Debug)]
pub struct TelemetrySettings {
    /// The collector that takes spans by OTLP over HTTP; none: there are no spans.
    pub otlp_endpoint: Option<String>,
    /// The share of requests that are sampled, where the client does not say; from 0 to 1.
    pub sample_ratio: f64,
}

/// The page.
#[derive(Clone, Copy, Debug)]
pub struct WebSettings {
    /// Whether it is served.
    pub enabled: bool,
}

/// How to listen.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// Address and port.
    pub listen: SocketAddr,
    /// Scheme and host of absolute URLs; the request's own where there is none.
    pub public_url: Option<String>,
    /// Proxies whose forwarded headers are believed: addresses or networks (CIDR).
    pub trusted_proxies: Vec<String>,
    /// Origins that browsers may call from.
    pub cors_origins: Vec<String>,
    /// How many workers answer; as many as cores where it is 0.
    pub workers: usize,
    /// How long a server that was asked to stop goes on as before, for balancers to see it, in milliseconds.
    pub drain_delay_ms: u64,
    /// How long a stop waits for requests under way, in seconds.
    pub shutdown_timeout_s: u64,
    /// How long a client may take to send its headers, in milliseconds.
    pub header_timeout_ms: u64,
    /// How long an idle connection is kept, in seconds.
    pub keep_alive_s: u64,
    /// The most connections at a time.
    pub max_connections: usize,
    /// The most requests at a time.
    pub max_requests: usize,
    /// How long a request may take as a whole, in milliseconds.
    pub request_timeout_ms: u64,
}

/// Where the data are.
#[derive(Clone, Debug)]
pub struct DatabaseSettings {
    /// `sqlite://relative/path`, `sqlite:///absolute/path` or `postgres://…`.
    pub url: String,
    /// PostgreSQL: the database itself, for what belongs to a session; `url` where there is none.
    pub direct_url: Option<String>,
    /// PostgreSQL: standbys that may answer reads.
    pub replicas: Vec<String>,
    /// The most connections.
    pub pool_size: u32,
    /// The longest wait for a connection, in milliseconds.
    pub acquire_timeout_ms: u64,
    /// From which wait for the database on requests are turned away, in milliseconds; never where it is 0.
    pub queue_target_ms: u64,
    /// The most writes that share a commit.
    pub commit_group_max: usize,
    /// SQLite: the file is only read, and every write is refused.
    pub read_only: bool,
    /// SQLite: the most pages of the file; without end where there is no number.
    pub max_pages: Option<u32>,
}

/// Feeds.
#[derive(Clone, Debug)]
pub struct FeedSettings {
    /// The size of a numbered page of the classic routes.
    pub page_size: usize,
    /// The key that authenticates cursors; kept in the database where there is none.
    pub cursor_key: Option<String>,
    /// What answers feeds.
    pub engine: FeedEngine,
    /// The bytes that the index may take.
    pub index_memory: u64,
    /// The bytes that kept bodies may take.
    pub body_memory: u64,
    /// The bytes that pages may take that are asked for again; 0: none is kept.
    pub page_memory: u64,
}

/// What answers feeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedEngine {
    /// Memory, over the database.
    Index,
    /// The database itself.
    Sql,
}

/// Logs.
#[derive(Clone, Debug)]
pub struct LogSettings {
    /// `pretty` or `json`.
    pub format: LogFormat,
    /// What is logged: a `tracing` filter such as `info` or `feed_me_api=debug,info`.
    pub filter: String,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Pretty,
    /// For machines.
    Json,
}

/// Who may call.
#[derive(Clone, Debug)]
pub struct AuthSettings {
    /// `off`: everybody.
    pub mode: AuthMode,
    /// Lets a server without authentication listen on an address other than loopback.
    pub allow_open: bool,
    /// What user tokens are signed with, by the ids of the secrets, in their order. Where there is none, one is kept in
    /// the database.
    pub user_token_secrets: Vec<(String, TokenSecret)>,
}

/// How callers are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthMode {
    /// Not at all.
    Off,
    /// By application keys and user tokens.
    Keys,
}

/// A secret that user tokens are signed with. It prints as nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenSecret(String);

impl TokenSecret {
    /// How many bytes it should have at least (RFC 7518, section 3.2).
    pub const BYTES_MIN: usize = 32;

    /// A secret of a text.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// The secret itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether it is shorter than it should be.
    pub fn is_short(&self) -> bool {
        self.0.len() < Self::BYTES_MIN
    }
}

impl std::fmt::Debug for TokenSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenSecret(***)")
    }
}

/// The log of changes.
#[derive(Clone, Debug)]
pub struct EventSettings {
    /// How long events are kept, in hours.
    pub retention_hours: u64,
}

/// Webhooks.
#[derive(Clone, Copy, Debug)]
pub struct WebhookSettings {
    /// Whether this server delivers.
    pub deliver: bool,
    /// Whether private addresses are sent to.
    pub allow_private: bool,
    /// Whether anything is sent without TLS.
    pub allow_http: bool,
    /// How long an attempt may take, in milliseconds.
    pub timeout_ms: u64,
    /// The most time between the first two attempts, in milliseconds; it doubles with each.
    pub retry_base_ms: u64,
    /// The most time between any two.
    pub retry_max_ms: u64,
    /// After so many attempts a delivery is given up.
    pub attempts_max: u32,
    /// A webhook of which every attempt failed for so many hours is switched off.
    pub disable_after_hours: u64,
}

/// How much one client may ask for.
#[derive(Clone, Copy, Debug)]
pub struct LimitSettings {
    /// Whether anything is counted.
    pub enabled: bool,
    /// Requests that read, by minute.
    pub read_per_minute: u32,
    /// Requests that write, by minute.
    pub write_per_minute: u32,
    /// Requests that are much work, by minute.
    pub heavy_per_minute: u32,
    /// Bad credentials of one address, by minute.
    pub bad_credentials_per_minute: u32,
}

#[cfg(test)]
mod tests;
