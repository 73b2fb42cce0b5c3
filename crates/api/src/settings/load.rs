//! Where settings come from, and what each may be.

use std::{
    ffi::OsString,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use actix_web::http::Uri;

use super::{
    AuthMode, AuthSettings, DatabaseSettings, EventSettings, FeedEngine, FeedSettings, LimitSettings,
    LogFormat, LogSettings, ServerSettings, Settings, TelemetrySettings, TlsSettings, WebSettings,
    WebhookSettings,
    fault::SettingsError,
    layers::Layer,
    profile::file_layers,
    reader::{Noted, Reader},
};
use crate::links::Network;

/// What the command line says about settings.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// The profile.
    pub profile: Option<String>,
    /// The folder of the files of settings.
    pub folder: Option<PathBuf>,
    /// Settings with a flag of their own.
    pub overrides: Vec<Override>,
}

/// A setting that a flag sets.
#[derive(Clone, Debug)]
pub struct Override {
    /// The flag.
    pub flag: &'static str,
    /// The setting.
    pub name: &'static str,
    /// Its value.
    pub value: String,
}

/// Settings that can be used, and where each came from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// Each with its origin.
    pub shown: Vec<Shown>,
}

/// A setting as it may be shown to anybody.
#[derive(Clone, Debug)]
pub struct Shown {
    /// Section and key.
    pub name: String,
    /// Its value, without secrets.
    pub value: String,
    /// Where that came from.
    pub origin: String,
}

const PROFILE_VARIABLE: &str = "FEEDME_PROFILE";
const PROFILE_DEFAULT: &str = "development";

/// Reads the settings: the files, built in and on disk, then the environment, then the command line.
pub fn load(asked: &Asked, environment: Vec<(OsString, OsString)>) -> Result<Loaded, SettingsError> {
    let mut faults = Vec::new();
    let (profile, profile_origin) = profile_of(asked, &environment);
    let folder = asked.folder.as_deref().map(Path::new);
    let mut layers = file_layers(folder, &profile, &profile_origin, &mut faults);
    layers.push(Layer::of_environment(environment, &mut faults));
    layers.push(Layer::of_flags(&asked.overrides));

    let mut reader = Reader::new(layers, faults);
    let settings = read(&mut reader, &profile);
    if let Some(settings) = &settings {
        refuse_open_server(&mut reader, settings);
    }
    match settings {
        Some(settings) if reader.faults.is_empty() => {
            let mut shown = vec![Shown {
                name: "profile".to_owned(),
                value: format!("{profile:?}"),
                origin: profile_origin,
            }];
            shown.extend(reader.shown());
            Ok(Loaded { settings, shown })
        }
        _ => Err(SettingsError(reader.faults)),
    }
}

fn profile_of(asked: &Asked, environment: &[(OsString, OsString)]) -> (String, String) {
    if let Some(profile) = &asked.profile {
        return (profile.clone(), "the flag --profile".to_owned());
    }
    match environment.iter().find(|(name, _)| name == PROFILE_VARIABLE) {
        Some((_, value)) => {
            (value.to_string_lossy().into_owned(), format!("the environment variable {PROFILE_VARIABLE}"))
        }
        None => (PROFILE_DEFAULT.to_owned(), "the default".to_owned()),
    }
}

/// Reads every section before it gives up, so that all faults are found.
fn read(reader: &mut Reader, profile: &str) -> Option<Settings> {
    let dev_endpoints = reader.boolean("dev_endpoints");
    let web = reader.boolean("web.enabled");
    let server = server(reader);
    let database = database(reader);
    let feed = feed(reader);
    let log = log(reader);
    let auth = auth(reader);
    let retention_hours = reader.number("events.retention_hours", &(1..=87_600));
    let webhooks = webhooks(reader);
    let limits = limits(reader);
    let metrics_listen = reader.optional("metrics.listen", ADDRESS, |text| text.parse().ok());
    let tls = tls(reader);
    let telemetry = telemetry(reader);
    Some(Settings {
        profile: profile.to_owned(),
        dev_endpoints: dev_endpoints?,
        web: WebSettings { enabled: web? },
        server: server?,
        database: database?,
        feed: feed?,
        log: log?,
        auth: auth?,
        events: EventSettings { retention_hours: retention_hours? },
        limits: limits?,
        webhooks: webhooks?,
        metrics_listen: metrics_listen.ok()?,
        tls: tls.ok()?,
        telemetry: telemetry?,
    })
}

/// Both files or none; what is in them is looked at when they are needed.
fn tls(reader: &mut Reader) -> Result<Option<TlsSettings>, Noted> {
    let mut file = |name| reader.optional(name, "the path of a file", |text| Some(PathBuf::from(text)));
    match (file("tls.certificate")?, file("tls.key")?) {
        (Some(certificate), Some(key)) => Ok(Some(TlsSettings { certificate, key })),
        (None, None) => Ok(None),
        (Some(_), None) => Err(reader.noted("tls.key", "tls.certificate needs its key")),
        (None, Some(_)) => Err(reader.noted("tls.certificate", "tls.key needs its certificate")),
    }
}

fn telemetry(reader: &mut Reader) -> Option<TelemetrySettings> {
    let otlp_endpoint = reader.optional(
        "telemetry.otlp_endpoint",
        "http:// or https:// with a host, such as http://127.0.0.1:4318",
        |text| is_http_url(text).then(|| text.to_owned()),
    );
    let sample_ratio = reader.one("telemetry.sample_ratio", "a number from 0 to 1", |text| {
        text.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio))
    });
    Some(TelemetrySettings { otlp_endpoint: otlp_endpoint.ok()?, sample_ratio: sample_ratio? })
}

fn is_http_url(text: &str) -> bool {
    let parsed = text.parse::<Uri>().ok();
    parsed.is_some_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some())
}

fn webhooks(reader: &mut Reader) -> Option<WebhookSettings> {
    let deliver = reader.boolean("webhooks.deliver");
    let allow_private = reader.boolean("webhooks.allow_private");
    let allow_http = reader.boolean("webhooks.allow_http");
    let timeout_ms = reader.number("webhooks.timeout_ms", &(100..=60_000));
    let retry_base_ms = reader.number("webhooks.retry_base_ms", &(1..=3_600_000));
    let retry_max_ms = reader.number("webhooks.retry_max_ms", &(1..=86_400_000));
    let attempts_max = reader.number("webhooks.attempts_max", &(1..=1000));
    let disable_after_hours = reader.number("webhooks.disable_after_hours", &(1..=87_600));
    Some(WebhookSettings {
        deliver: deliver?,
        allow_private: allow_private?,
        allow_http: allow_http?,
        timeout_ms: timeout_ms?,
        retry_base_ms: retry_base_ms?,
        retry_max_ms: retry_max_ms?,
        attempts_max: attempts_max?,
        disable_after_hours: disable_after_hours?,
    })
}

fn limits(reader: &mut Reader) -> Option<LimitSettings> {
    let enabled = reader.boolean("limits.enabled");
    let mut by_minute = |name| reader.number(name, &(1..=100_000_000));
    let read_per_minute = by_minute("limits.read_per_minute");
    let write_per_minute = by_minute("limits.write_per_minute");
    let heavy_per_minute = by_minute("limits.heavy_per_minute");
    let bad_credentials_per_minute = by_minute("limits.bad_credentials_per_minute");
    Some(LimitSettings {
        enabled: enabled?,
        read_per_minute: read_per_minute?,
        write_per_minute: write_per_minute?,
        heavy_per_minute: heavy_per_minute?,
        bad_credentials_per_minute: bad_credentials_per_minute?,
    })
}

const ADDRESS: &str = "an IP address with a port, such as 127.0.0.1:5000 or [::1]:5000";

fn server(reader: &mut Reader) -> Option<ServerSettings> {
    let listen = reader.one("server.listen", ADDRESS, |text| text.parse().ok());
    let public_url = reader.optional(
        "server.public_url",
        "http:// or https:// with a host and nothing after it, such as https://feed.example.org",
        |text| origin(text.strip_suffix('/').unwrap_or(text)),
    );
    let trusted_proxies = reader.list(
        "server.trusted_proxies",
        "addresses or networks, such as 127.0.0.1 or 10.0.0.0/8",
        |text| Network::parse(text).is_ok().then(|| text.to_owned()),
    );
    let cors_origins = reader.list(
        "server.cors_origins",
        "origins without a path, such as https://app.example.org, or *",
        |text| {
            if text == "*" { Some(text.to_owned()) } else { origin(text) }
        },
    );
    let workers = reader.number("server.workers", &(0..=1024));
    let drain_delay_ms = reader.number("server.drain_delay_ms", &(0..=600_000));
    let shutdown_timeout_s = reader.number("server.shutdown_timeout_s", &(0..=3600));
    let header_timeout_ms = reader.number("server.header_timeout_ms", &(1..=600_000));
    let keep_alive_s = reader.number("server.keep_alive_s", &(1..=3600));
    let max_connections = reader.number("server.max_connections", &(1..=1_000_000));
    let max_requests = reader.number("server.max_requests", &(1..=1_000_000));
    let request_timeout_ms = reader.number("server.request_timeout_ms", &(1..=3_600_000));
    Some(ServerSettings {
        listen: listen?,
        public_url: public_url.ok()?,
        trusted_proxies: trusted_proxies?,
        cors_origins: cors_origins?,
        workers: workers?,
        drain_delay_ms: drain_delay_ms?,
        shutdown_timeout_s: shutdown_timeout_s?,
        header_timeout_ms: header_timeout_ms?,
        keep_alive_s: keep_alive_s?,
        max_connections: max_connections?,
        max_requests: max_requests?,
        request_timeout_ms: request_timeout_ms?,
    })
}

fn database(reader: &mut Reader) -> Option<DatabaseSettings> {
    let url = reader.one(
        "database.url",
        "sqlite://relative/path, sqlite:///absolute/path or postgres://user:password@host:port/database",
        |text| is_database_url(text).then(|| text.to_owned()),
    );
    let direct_url = reader
        .optional("database.direct_url", POSTGRES_URL, |text| is_postgres_url(text).then(|| text.to_owned()));
    let replicas =
        reader.list("database.replicas", POSTGRES_URL, |text| is_postgres_url(text).then(|| text.to_owned()));
    let pool_size = reader.number("database.pool_size", &(1..=1000));
    let acquire_timeout_ms = reader.number("database.acquire_timeout_ms", &(1..=600_000));
    let queue_target_ms = reader.number("database.queue_target_ms", &(0..=600_000));
    let commit_group_max = reader.number("database.commit_group_max", &(1..=1024));
    let read_only = reader.boolean("database.read_only");
    let max_pages = reader.number("database.max_pages", &(0..=4_294_967_294));
    let is_sqlite = url.as_ref().is_none_or(|url| url.starts_with("sqlite://"));
    if !is_sqlite && read_only == Some(true) {
        let problem =
            "is for SQLite alone; where PostgreSQL is only to be read, its user has no right to write";
        reader.fault("database.read_only", problem.to_owned());
    }
    if url.is_some() && is_sqlite {
        let only = "is for PostgreSQL alone, and database.url names a SQLite file";
        if matches!(direct_url, Ok(Some(_))) {
            reader.fault("database.direct_url", only.to_owned());
        }
        if replicas.as_ref().is_some_and(|replicas| !replicas.is_empty()) {
            reader.fault("database.replicas", only.to_owned());
        }
    }
    if !is_sqlite && max_pages.is_some_and(|pages| pages != 0) {
        reader.fault("database.max_pages", "is for SQLite alone".to_owned());
    }
    Some(DatabaseSettings {
        url: url?,
        direct_url: direct_url.ok()?,
        replicas: replicas?,
        pool_size: pool_size?,
        acquire_timeout_ms: acquire_timeout_ms?,
        queue_target_ms: queue_target_ms?,
        commit_group_max: commit_group_max?,
        read_only: read_only?,
        max_pages: max_pages.map(|pages: u32| Some(pages).filter(|pages| *pages != 0))?,
    })
}

fn feed(reader: &mut Reader) -> Option<FeedSettings> {
    let page_size = reader.number("feed.page_size", &(1..=1000));
    let cursor_key = reader.optional("feed.cursor_key", "a text, or nothing", |text| Some(text.to_owned()));
    let engine = reader.one("feed.engine", "index or sql", |text| match text {
        "index" => Some(FeedEngine::Index),
        "sql" => Some(FeedEngine::Sql),
        _ => None,
    });
    let index_memory = reader.one("feed.index_memory", MEMORY, memory);
    let body_memory = reader.one("feed.body_memory", MEMORY, memory);
    let page_memory = reader.one("feed.page_memory", MEMORY, memory);
    Some(FeedSettings {
        page_size: page_size?,
        cursor_key: cursor_key.ok()?,
        engine: engine?,
        index_memory: index_memory?,
        body_memory: body_memory?,
        page_memory: page_memory?,
    })
}

const MEMORY: &str = "a number of bytes, or of KiB, MiB or GiB, such as 512 MiB";

fn memory(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let factor = match unit.trim() {
        "" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    // What no machine has is a slip of the hand.
    number.parse::<u64>().ok()?.checked_mul(factor).filter(|bytes| *bytes <= 1 << 46)
}

fn log(reader: &mut Reader) -> Option<LogSettings> {
    let format = reader.one("log.format", "pretty or json", |text| match text {
        "pretty" => Some(LogFormat::Pretty),
        "json" => Some(LogFormat::Json),
        _ => None,
    });
    let filter = reader.one(
        "log.filter",
        "a level (error, warn, info, debug, trace), or levels by module such as info,feed_me_api=debug",
        |text| {
            let valid = !text.is_empty() && tracing_subscriber::EnvFilter::builder().parse(text).is_ok();
            valid.then(|| text.to_owned())
        },
    );
    Some(LogSettings { format: format?, filter: filter? })
}

fn auth(reader: &mut Reader) -> Option<AuthSettings> {
    let mode = reader.one("auth.mode", "keys, or off where everybody may call", |text| match text {
        "off" => Some(AuthMode::Off),
        "keys" => Some(AuthMode::Keys),
        _ => None,
    });
    let allow_open = reader.boolean("auth.allow_open");
    let user_token_secrets = reader.token_secrets();
    Some(AuthSettings { mode: mode?, allow_open: allow_open?, user_token_secrets })
}

/// A server that lets everybody call must not be reachable from elsewhere by accident.
fn refuse_open_server(reader: &mut Reader, settings: &Settings) {
    if settings.auth.mode != AuthMode::Off || settings.auth.allow_open {
        return;
    }
    let listens =
        [("server.listen", Some(settings.server.listen)), ("metrics.listen", settings.metrics_listen)];
    for (name, _) in listens.iter().filter(|(_, listen)| listen.is_some_and(|listen| !is_loopback(listen))) {
        reader.fault(
            name,
            "with auth.mode = off everybody who reaches this address may do everything; listen on a loopback address, \
             or set auth.allow_open = true (FEEDME__AUTH__ALLOW_OPEN=true) if that is meant"
                .to_owned(),
        );
    }
}

fn is_loopback(listen: SocketAddr) -> bool {
    listen.ip().to_canonical().is_loopback()
}

/// The scheme decides what opens the database; it says itself what else is wrong with the URL.
fn is_database_url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    if rest.is_empty() || rest.contains(char::is_control) {
        return false;
    }
    match scheme {
        // A folder is no database.
        "sqlite" => !rest.ends_with('/'),
        "postgres" | "postgresql" => true,
        _ => false,
    }
}

const POSTGRES_URL: &str = "postgres://user:password@host:port/database";

fn is_postgres_url(text: &str) -> bool {
    is_database_url(text) && !text.starts_with("sqlite://")
}

/// A web origin: scheme, host and perhaps a port. Written as browsers send it, in lower case.
fn origin(text: &str) -> Option<String> {
    let (scheme, authority) = text.split_once("://")?;
    let is_web = matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https");
    let uri: Uri = text.parse().ok()?;
    let has_host =
        uri.authority().is_some_and(|parsed| parsed.as_str() == authority && !parsed.host().is_empty());
    (is_web && has_host && !authority.contains('@')).then(|| text.to_ascii_lowercase())
}
