//! The names of all settings.

/// A setting that there is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    /// Section and key.
    pub(super) name: &'static str,
    /// How much of its value may be shown.
    pub(super) shown: ShownAs,
}

/// How much of a value may be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ShownAs {
    /// All.
    Value,
    /// All but the passwords in it.
    Url,
    /// The same for each of a comma-separated list.
    Urls,
    /// Only that there is one.
    Secret,
}

const fn plain(name: &'static str) -> Known {
    Known { name, shown: ShownAs::Value }
}

/// Every setting, in the order of `config/default.toml`.
pub(super) const KNOWN: &[Known] = &[
    plain("dev_endpoints"),
    plain("web.enabled"),
    plain("server.listen"),
    plain("server.public_url"),
    plain("server.trusted_proxies"),
    plain("server.cors_origins"),
    plain("server.workers"),
    plain("server.drain_delay_ms"),
    plain("server.shutdown_timeout_s"),
    plain("server.header_timeout_ms"),
    plain("server.keep_alive_s"),
    plain("server.max_connections"),
    plain("server.max_requests"),
    plain("server.request_timeout_ms"),
    Known { name: "database.url", shown: ShownAs::Url },
    Known { name: "database.direct_url", shown: ShownAs::Url },
    Known { name: "database.replicas", shown: ShownAs::Urls },
    plain("database.pool_size"),
    plain("database.acquire_timeout_ms"),
    plain("database.queue_target_ms"),
    plain("database.commit_group_max"),
    plain("database.read_only"),
    plain("database.max_pages"),
    plain("feed.page_size"),
    Known { name: "feed.cursor_key", shown: ShownAs::Secret },
    plain("feed.engine"),
    plain("feed.index_memory"),
    plain("feed.body_memory"),
    plain("feed.page_memory"),
    plain("events.retention_hours"),
    plain("webhooks.deliver"),
    plain("webhooks.allow_private"),
    plain("webhooks.allow_http"),
    plain("webhooks.timeout_ms"),
    plain("webhooks.retry_base_ms"),
    plain("webhooks.retry_max_ms"),
    plain("webhooks.attempts_max"),
    plain("webhooks.disable_after_hours"),
    plain("limits.enabled"),
    plain("limits.read_per_minute"),
    plain("limits.write_per_minute"),
    plain("limits.heavy_per_minute"),
    plain("limits.bad_credentials_per_minute"),
    plain("metrics.listen"),
    plain("tls.certificate"),
    plain("tls.key"),
    Known { name: "telemetry.otlp_endpoint", shown: ShownAs::Url },
    plain("telemetry.sample_ratio"),
    plain("auth.mode"),
    plain("auth.allow_open"),
    Known { name: TOKEN_SECRETS, shown: ShownAs::Secret },
    plain("log.format"),
    plain("log.filter"),
];

/// A table of secrets, by ids that operators choose.
pub(super) const TOKEN_SECRETS: &str = "auth.user_token_secrets";

/// The id of the secret that a name stands for.
pub(super) fn token_secret_id(name: &str) -> Option<&str> {
    name.strip_prefix(TOKEN_SECRETS)?.strip_prefix('.')
}

fn is_token_secret_id(id: &str) -> bool {
    (1..=64).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

/// The setting of a name.
pub(super) fn known(name: &str) -> Option<Known> {
    if token_secret_id(name).is_some_and(is_token_secret_id) {
        return Some(Known { name: TOKEN_SECRETS, shown: ShownAs::Secret });
    }
    KNOWN.iter().find(|known| known.name == name).copied()
}

/// What a name that nobody knows may have been meant for: half a sentence.
pub(super) fn hint_for(name: &str) -> String {
    if name == "profile" {
        return "the profile is chosen before the settings are read, by --profile or FEEDME_PROFILE"
            .to_owned();
    }
    if token_secret_id(name).is_some() {
        return "the id of a secret has 1 to 64 letters, digits, '-' and '_'".to_owned();
    }
    let section = name.split_once('.').map_or(name, |(section, _)| section);
    let prefix = format!("{section}.");
    let beside: Vec<_> = KNOWN.iter().filter_map(|known| known.name.strip_prefix(&prefix)).collect();
    if beside.is_empty() {
        let mut tops: Vec<_> = KNOWN.iter().filter_map(|known| known.name.split('.').next()).collect();
        tops.dedup();
        return format!("there is no such setting; there are {}", tops.join(", "));
    }
    format!("there is no such setting; {section} has {}", beside.join(", "))
}
