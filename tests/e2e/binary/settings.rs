//! A wrong setting stops the start, and is told with where it came from.

use crate::kit::{Place, Store};

#[test]
fn good_settings_are_called_good() {
    let place = Place::fresh(Store::Sqlite);
    assert!(place.run(&["verify-config"]).contains("development"));
    let shown = place.run(&["verify-config", "--show"]);
    for name in ["profile", "server.listen", "database.url", "feed.page_size", "dev_endpoints", "log.format"]
    {
        assert!(shown.lines().any(|line| line.starts_with(&format!("{name} = "))), "{name}: {shown}");
    }
    assert!(shown.contains("FEEDME__SERVER__LISTEN"), "where it came from: {shown}");
}

#[test]
fn a_wrong_or_unknown_setting_is_named_with_its_source_and_stops_the_start() {
    let cases = [
        ("FEEDME__FEED__PAGE_SIZE", "many", "feed.page_size"),
        ("FEEDME__FEED__PAGE_SIZE", "0", "feed.page_size"),
        ("FEEDME__FEED__PAEG_SIZE", "20", "FEEDME__FEED__PAEG_SIZE"),
        ("FEEDME__SERVER__LISTEN", "nowhere", "server.listen"),
        ("FEEDME__SERVER__LISTEN", "0.0.0.0:0", "auth.allow_open"),
        ("FEEDME__DATABASE__URL", "mysql://localhost/feed", "database.url"),
        ("FEEDME__LOG__FORMAT", "colourful", "log.format"),
        ("FEEDME__DEV_ENDPOINTS", "perhaps", "dev_endpoints"),
        ("FEEDME_PROFILE", "holiday", "holiday"),
    ];
    for (name, value, named) in cases {
        let place = Place::fresh(Store::Sqlite).with(name, value);
        for command in ["verify-config", "serve"] {
            let complained = place.run_badly(&[command]);
            assert!(complained.contains(named), "{name}={value}: {complained}");
            let source = named == "auth.allow_open" || complained.contains(name);
            assert!(source, "{name}={value}, its source: {complained}");
        }
        assert!(!place.home().join("feed-me.db").exists(), "{name}={value}: something was made");
    }
}

#[test]
fn files_are_read_below_the_environment() {
    let place = Place::fresh(Store::Sqlite);
    let config = place.home().join("config");
    std::fs::create_dir(&config).unwrap();
    std::fs::write(config.join("default.toml"), "[feed]\npage_size = 3\n[log]\nformat = \"json\"\n").unwrap();
    std::fs::write(config.join("development.toml"), "[feed]\npage_size = 4\n").unwrap();
    let shown = place.run(&["verify-config", "--show"]);
    assert!(shown.contains("feed.page_size = 4"), "{shown}");
    assert!(shown.contains("log.format = json") || shown.contains("log.format = \"json\""), "{shown}");
    let shown = place.clone().with("FEEDME__FEED__PAGE_SIZE", "5").run(&["verify-config", "--show"]);
    assert!(shown.contains("feed.page_size = \"5\"  # the environment variable"), "{shown}");
    std::fs::write(config.join("development.toml"), "[feed]\npage = 4\n").unwrap();
    let complained = place.run_badly(&["verify-config"]);
    assert!(complained.contains("development.toml") && complained.contains("feed.page"), "{complained}");
    std::fs::write(config.join("development.toml"), "[feed\n").unwrap();
    assert!(place.run_badly(&["verify-config"]).contains("development.toml"));
}

#[test]
fn secrets_are_never_shown() {
    let place = Place::fresh(Store::Sqlite)
        .with("FEEDME__DATABASE__URL", "postgres://ivan:geheimnis@127.0.0.1:1/feed")
        .with("FEEDME__FEED__CURSOR_KEY", "geheimnis-und-lang-genug-fuer-alle");
    let shown = place.run(&["verify-config", "--show"]);
    assert!(shown.contains("127.0.0.1:1/feed") && !shown.contains("geheimnis"), "{shown}");
    assert!(!place.run_badly(&["serve"]).contains("geheimnis"));
}
