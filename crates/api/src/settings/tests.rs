use std::{ffi::OsString, fs, path::Path};

use super::*;

fn environment(variables: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
}

fn loaded(asked: &Asked, variables: &[(&str, &str)]) -> Result<Loaded, String> {
    load(asked, environment(variables)).map_err(|error| error.to_string())
}

fn with(variables: &[(&str, &str)]) -> Settings {
    loaded(&Asked::default(), variables).unwrap().settings
}

fn refused(variables: &[(&str, &str)]) -> String {
    loaded(&Asked::default(), variables).unwrap_err()
}

fn folder(files: &[(&str, &str)]) -> (tempfile::TempDir, Asked) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let asked = Asked { folder: Some(folder.path().to_owned()), ..Asked::default() };
    (folder, asked)
}

#[test]
fn without_a_word_it_is_the_development_profile_with_the_contract_s_defaults() {
    let settings = with(&[]);
    assert_eq!(settings.profile, "development");
    assert!(settings.dev_endpoints);
    assert!(settings.web.enabled);
    assert_eq!(settings.server.listen.to_string(), "127.0.0.1:5000");
    assert_eq!(settings.server.public_url, None);
    assert!(settings.server.trusted_proxies.is_empty() && settings.server.cors_origins.is_empty());
    assert_eq!(settings.database.url, "sqlite://data/feed-me.db");
    assert_eq!((settings.database.pool_size, settings.database.acquire_timeout_ms), (8, 2000));
    assert_eq!((settings.feed.page_size, settings.feed.cursor_key), (20, None));
    assert_eq!(settings.feed.engine, FeedEngine::Index);
    assert_eq!((settings.feed.index_memory, settings.feed.body_memory), (1 << 30, 256 << 20));
    assert_eq!(settings.feed.page_memory, 64 << 20);
    assert_eq!(settings.events.retention_hours, 168);
    assert_eq!((settings.auth.mode, settings.auth.allow_open), (AuthMode::Off, false));
    assert_eq!(settings.log.format, LogFormat::Pretty);
}

#[test]
fn production_is_careful() {
    let settings = with(&[("FEEDME_PROFILE", "production"), ("FEEDME__SERVER__LISTEN", "0.0.0.0:5000")]);
    assert_eq!((settings.auth.mode, settings.auth.allow_open), (AuthMode::Keys, false));
    assert!(settings.auth.user_token_secrets.is_empty());
    assert!(!settings.dev_endpoints);
    assert!(!settings.web.enabled);
    let limits = settings.limits;
    assert!(limits.enabled && !with(&[]).limits.enabled);
    assert_eq!((limits.read_per_minute, limits.write_per_minute, limits.heavy_per_minute), (3000, 600, 300));
    assert_eq!(settings.log.format, LogFormat::Json);
    let message = refused(&[("FEEDME__AUTH__MODE", "open")]);
    assert!(message.contains("auth.mode = \"open\"") && message.contains("keys, or off"), "{message}");
}

#[test]
fn token_secrets_come_by_their_ids_from_every_layer_and_are_in_the_order_of_these() {
    let (_folder, asked) = folder(&[(
        "default.toml",
        "[auth.user_token_secrets]\n2026-02 = 'from the file'\nK1 = 'under'\ngone = 'taken back'",
    )]);
    let variables = [
        ("FEEDME__AUTH__USER_TOKEN_SECRETS__K1", " over "),
        ("FEEDME__AUTH__USER_TOKEN_SECRETS__GONE", ""),
        ("FEEDME__AUTH__USER_TOKEN_SECRETS__A_B-C", "12345"),
    ];
    let Loaded { settings, shown } = loaded(&asked, &variables).unwrap();
    let secrets = settings.auth.user_token_secrets.iter();
    let secrets: Vec<_> = secrets.map(|(id, secret)| (id.as_str(), secret.reveal())).collect();
    assert_eq!(secrets, [("2026-02", "from the file"), ("a_b-c", "12345"), ("k1", "over")]);
    let k1 = shown.iter().find(|setting| setting.name == "auth.user_token_secrets.k1").unwrap();
    assert_eq!(
        (k1.value.as_str(), k1.origin.as_str()),
        ("***", "the environment variable FEEDME__AUTH__USER_TOKEN_SECRETS__K1")
    );
    assert!(!format!("{settings:?}{shown:?}").contains("over"));
}

#[test]
fn a_token_secret_that_is_none_is_refused_and_never_shown() {
    for (name, value) in [
        ("FEEDME__AUTH__USER_TOKEN_SECRETS", "geheim"),
        ("FEEDME__AUTH__USER_TOKEN_SECRETS__A__B", "geheim"),
        ("FEEDME__AUTH__USER_TOKEN_SECRETS__A B", "geheim"),
    ] {
        let message = refused(&[(name, value)]);
        assert!(message.contains(name) && !message.contains("geheim"), "{message}");
    }
    let (_folder, asked) = folder(&[("default.toml", "[auth.user_token_secrets]\nk1 = 123456789")]);
    let message = loaded(&asked, &[]).unwrap_err();
    assert!(message.contains("auth.user_token_secrets.k1") && !message.contains("123456789"), "{message}");
    assert!(with(&[("FEEDME__AUTH__USER_TOKEN_SECRETS", "")]).auth.user_token_secrets.is_empty());
}

#[test]
fn each_layer_lies_over_the_one_before() {
    let (_folder, mut asked) = folder(&[
        (
            "default.toml",
            "[feed]\npage_size = 1\n[database]\npool_size = 1\nacquire_timeout_ms = 1\n[log]\nfilter = 'debug'",
        ),
        ("development.toml", "[database]\npool_size = 2\nacquire_timeout_ms = 2\nurl = 'sqlite://two.db'"),
    ]);
    asked.overrides =
        vec![Override { flag: "--database-url", name: "database.url", value: "sqlite://four.db".to_owned() }];
    let variables =
        [("FEEDME__DATABASE__ACQUIRE_TIMEOUT_MS", "3"), ("FEEDME__DATABASE__URL", "sqlite://three.db")];
    let Loaded { settings, shown } = loaded(&asked, &variables).unwrap();
    assert_eq!(settings.feed.page_size, 1);
    assert_eq!(settings.database.pool_size, 2);
    assert_eq!(settings.database.acquire_timeout_ms, 3);
    assert_eq!(settings.database.url, "sqlite://four.db");
    assert_eq!(settings.log.filter, "debug");
    let origin = |name| &shown.iter().find(|setting| setting.name == name).unwrap().origin;
    assert!(
        origin("feed.page_size").ends_with("default.toml")
            && origin("feed.page_size").starts_with("the file")
    );
    assert_eq!(
        origin("database.acquire_timeout_ms"),
        "the environment variable FEEDME__DATABASE__ACQUIRE_TIMEOUT_MS"
    );
    assert_eq!(origin("database.url"), "the flag --database-url");
    assert_eq!(origin("server.workers"), "config/default.toml, as built in");
}

#[test]
fn the_flag_for_the_profile_lies_over_the_variable_and_a_file_can_be_a_profile() {
    let (_folder, mut asked) = folder(&[("staging.toml", "[auth]\nmode = 'off'")]);
    asked.profile = Some("staging".to_owned());
    let settings = loaded(&asked, &[("FEEDME_PROFILE", "production")]).unwrap().settings;
    assert_eq!(settings.profile, "staging");
    assert!(!settings.dev_endpoints);
}

#[test]
fn a_profile_that_is_nowhere_is_refused() {
    let message = refused(&[("FEEDME_PROFILE", "staging")]);
    assert!(
        message.contains("profile = \"staging\" (from the environment variable FEEDME_PROFILE)"),
        "{message}"
    );
    for name in ["", "default", "../production", "a b"] {
        assert!(refused(&[("FEEDME_PROFILE", name)]).contains("a profile is named by"), "{name}");
    }
    let nowhere = Asked { folder: Some("no/such/folder".into()), ..Asked::default() };
    assert!(loaded(&nowhere, &[]).unwrap_err().contains("is not a folder"));
}

#[test]
fn what_is_for_sqlite_alone_is_refused_for_postgres() {
    let url = ("FEEDME__DATABASE__URL", "postgres://localhost/feed");
    for (variable, value) in [("FEEDME__DATABASE__READ_ONLY", "true"), ("FEEDME__DATABASE__MAX_PAGES", "9")] {
        let message = refused(&[url, (variable, value)]);
        assert!(message.contains(variable) && message.contains("for SQLite alone"), "{message}");
    }
    let settings = with(&[("FEEDME__DATABASE__READ_ONLY", "true"), ("FEEDME__DATABASE__MAX_PAGES", "9")]);
    assert!(settings.database.read_only);
    assert_eq!(settings.database.max_pages, Some(9));
    assert_eq!(with(&[url]).database.max_pages, None);
}

#[test]
fn an_unknown_name_is_told_with_its_source() {
    let message = refused(&[("FEEDME__SERVER__LISTENS", "1")]);
    assert!(message.contains("FEEDME__SERVER__LISTENS (from the environment)"), "{message}");
    assert!(message.contains("server has listen, public_url"), "{message}");
    assert!(refused(&[("FEEDME__NOTHING__ENABLED", "true")]).contains("there is no such setting"));
    assert!(refused(&[("FEEDME__LIMITS__ENABLED", "perhaps")]).contains("true or false"));
    assert!(refused(&[("FEEDME__LIMITS__READ_PER_MINUTE", "0")]).contains("limits.read_per_minute"));
    assert!(refused(&[("FEEDME__METRICS__LISTEN", "everywhere")]).contains("metrics.listen"));
    assert!(refused(&[("FEEDME__METRICS__LISTEN", "0.0.0.0:9464")]).contains("metrics.listen"));
    assert!(refused(&[("FEEDME__PROFILE", "production")]).contains("FEEDME_PROFILE"));
    assert!(refused(&[("FEEDME__SERVER", "x")]).contains("FEEDME__SERVER"));

    let (_folder, asked) =
        folder(&[("default.toml", "[server]\nport = 1\n[sever]\nlisten = 'x'\n[empty]\n")]);
    let message = loaded(&asked, &[]).unwrap_err();
    for name in ["server.port", "sever.listen", "empty"] {
        assert!(
            message.lines().any(|line| line.contains(name) && line.contains("default.toml")),
            "{message}"
        );
    }
}

#[test]
fn variables_that_are_no_settings_are_left_alone() {
    with(&[
        ("FEEDME_TEST_POSTGRES_URL", "x"),
        ("FEEDME_PORT", "tcp://1.2.3.4:5"),
        ("HOME", "/"),
        ("FEEDME", "x"),
    ]);
}

#[test]
fn a_wrong_value_is_told_with_what_is_expected() {
    for (variable, value, expected) in [
        ("FEEDME__SERVER__LISTEN", "5000", "an IP address with a port"),
        ("FEEDME__SERVER__PUBLIC_URL", "feed.example.org", "http:// or https://"),
        ("FEEDME__SERVER__PUBLIC_URL", "https://feed.example.org/path", "http:// or https://"),
        ("FEEDME__SERVER__TRUSTED_PROXIES", "10.0.0.0/33", "addresses or networks"),
        ("FEEDME__SERVER__TRUSTED_PROXIES", "10.0.0.1,", "addresses or networks"),
        ("FEEDME__SERVER__CORS_ORIGINS", "https://a.example,app", "origins without a path"),
        ("FEEDME__SERVER__CORS_ORIGINS", "https://a.example/", "origins without a path"),
        ("FEEDME__SERVER__CORS_ORIGINS", "https://me@a.example", "origins without a path"),
        ("FEEDME__DATABASE__URL", "mysql://db", "sqlite://relative/path"),
        ("FEEDME__DATABASE__URL", "", "sqlite://relative/path"),
        ("FEEDME__DATABASE__URL", "sqlite://", "sqlite://relative/path"),
        ("FEEDME__DATABASE__POOL_SIZE", "0", "from 1 to 1000"),
        ("FEEDME__DATABASE__POOL_SIZE", "8.5", "a whole number"),
        ("FEEDME__FEED__PAGE_SIZE", "-1", "from 1 to 1000"),
        ("FEEDME__FEED__ENGINE", "redis", "expected index or sql"),
        ("FEEDME__FEED__INDEX_MEMORY", "1 GB", "a number of bytes"),
        ("FEEDME__FEED__BODY_MEMORY", "-1", "a number of bytes"),
        ("FEEDME__EVENTS__RETENTION_HOURS", "0", "from 1 to 87600"),
        ("FEEDME__DEV_ENDPOINTS", "maybe", "true or false"),
        ("FEEDME__LOG__FORMAT", "xml", "pretty or json"),
        ("FEEDME__LOG__FILTER", "feed_me=loud", "a level"),
        ("FEEDME__AUTH__MODE", "open", "keys, or off"),
    ] {
        let message = refused(&[(variable, value)]);
        assert!(message.contains(expected), "{message}");
        let told = format!("= {value:?} (from the environment variable {variable})");
        let told_as_list = message.contains(variable) && message.contains(value);
        assert!(message.contains(&told) || told_as_list, "{message}");
    }
}

#[test]
fn a_wrong_type_in_a_file_is_told() {
    let text = "[server]\nlisten = 5000\ncors_origins = { a = 1 }\n[database]\npool_size = 'many'\nurl = ['sqlite://a']";
    let (_folder, asked) = folder(&[("development.toml", text)]);
    let message = loaded(&asked, &[]).unwrap_err();
    assert!(message.contains("server.listen = 5000 (from the file"), "{message}");
    assert!(message.contains("server.cors_origins.a"), "{message}");
    assert!(message.contains("database.pool_size = \"many\""), "{message}");
    assert!(message.contains("database.url = ***"), "{message}");
}

#[test]
fn a_file_that_is_no_toml_is_told_with_its_line_and_never_quoted() {
    let (_folder, asked) = folder(&[("development.toml", "[feed]\ncursor_key = \"geheim\n")]);
    let message = loaded(&asked, &[]).unwrap_err();
    assert!(message.contains("development.toml: line 2: not valid TOML"), "{message}");
    assert!(!message.contains("geheim"), "{message}");
}

#[test]
fn all_faults_are_told_at_once() {
    let message = refused(&[
        ("FEEDME__SERVER__LISTEN", "nowhere"),
        ("FEEDME__DATABASE__POOL_SIZE", "none"),
        ("FEEDME__FEED__PAGE", "1"),
    ]);
    assert!(message.starts_with("3 settings are wrong:"), "{message}");
    assert_eq!(message.lines().count(), 4, "{message}");
}

#[test]
fn secrets_are_never_shown() {
    let url = "postgres://ivan:geheim@db/feed";
    let key = "geheim-geheim-geheim";
    let variables = [("FEEDME__DATABASE__URL", url), ("FEEDME__FEED__CURSOR_KEY", key)];
    let Loaded { settings, shown } = loaded(&Asked::default(), &variables).unwrap();
    assert_eq!(settings.database.url, url);
    assert_eq!(settings.feed.cursor_key.as_deref(), Some(key));
    assert!(!format!("{shown:?}").contains("geheim"));
    for (variable, value) in [
        ("FEEDME__DATABASE__URL", "mysql://ivan:geheim@db"),
        ("FEEDME__DATABASE__URL", "host=db password=geheim"),
    ] {
        let message = refused(&[(variable, value)]);
        assert!(!message.contains("geheim") && message.contains(variable), "{message}");
    }
}

#[test]
fn a_secret_of_digits_stays_a_text() {
    let key = "00000000000000000123";
    assert_eq!(with(&[("FEEDME__FEED__CURSOR_KEY", key)]).feed.cursor_key.as_deref(), Some(key));
}

#[test]
fn lists_are_comma_separated_in_the_environment() {
    let settings = with(&[
        ("FEEDME__SERVER__CORS_ORIGINS", "https://App.example, http://localhost:3000"),
        ("FEEDME__SERVER__TRUSTED_PROXIES", "10.0.0.0/8,::1"),
        ("FEEDME__SERVER__PUBLIC_URL", "https://feed.example.org/"),
    ]);
    assert_eq!(settings.server.cors_origins, ["https://app.example", "http://localhost:3000"]);
    assert_eq!(settings.server.trusted_proxies, ["10.0.0.0/8", "::1"]);
    assert_eq!(settings.server.public_url.as_deref(), Some("https://feed.example.org"));
    assert!(with(&[("FEEDME__SERVER__CORS_ORIGINS", "")]).server.cors_origins.is_empty());
}

#[test]
fn a_server_that_asks_nobody_listens_on_loopback_unless_told_otherwise() {
    let message = refused(&[("FEEDME__SERVER__LISTEN", "0.0.0.0:5000")]);
    assert!(message.contains("auth.allow_open"), "{message}");
    with(&[("FEEDME__SERVER__LISTEN", "[::1]:5000")]);
    with(&[("FEEDME__SERVER__LISTEN", "0.0.0.0:5000"), ("FEEDME__AUTH__ALLOW_OPEN", "true")]);
}

#[test]
fn every_setting_stands_in_the_default_file_with_a_comment() {
    let defaults = include_str!("../../../../config/default.toml");
    let lines: Vec<_> = defaults.lines().collect();
    for known in known::KNOWN {
        let key = known.name.rsplit('.').next().unwrap();
        let at = lines.iter().position(|line| line.starts_with(&format!("{key} = "))).unwrap();
        assert!(lines[at - 1].starts_with("# "), "{key}");
    }
    let Loaded { shown, .. } = loaded(&Asked::default(), &[]).unwrap();
    assert_eq!(shown.len(), known::KNOWN.len() + 1);
}

#[test]
fn the_files_of_this_repository_are_the_built_in_ones() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config");
    let asked = Asked { folder: Some(folder), ..Asked::default() };
    assert_eq!(loaded(&asked, &[]).unwrap().settings.database.pool_size, 8);
}
