//! What a server tells an operator, and whether what operators look at is told.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::kit::{Place, Store, World, on_both_stores};

on_both_stores!(what_happens_is_told, metrics_are_prometheus_text);

/// The value of a series.
#[track_caller]
fn value(told: &str, series: &str) -> f64 {
    let line = told.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{series} in {told}")).parse().unwrap()
}

async fn told(world: &World) -> String {
    let answer = world.get("/metrics").await;
    assert_eq!(answer.is(200).header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    answer.text()
}

/// Waits until the index answers: before that the database does.
async fn with_index(world: &World) -> String {
    for _ in 0..200 {
        let told = told(world).await;
        if value(&told, "feedme_index_serving") > 0.5 {
            return told;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the index never served");
}

async fn what_happens_is_told(world: &World) {
    let [ivan, eric] = world.users(["ivan", "eric"]).await;
    ivan.follows(&eric).await.is(201);
    // The body of a single post is kept as it comes, those of a batch when they are first read.
    eric.posts("share", "post:1").await.is(201);
    let batch =
        serde_json::json!({ "activities": [{ "actor": "eric", "verb": "share", "object": "post:2" }] });
    world.post("/v1/activities/batch", batch).await.is(200);
    let before = with_index(world).await;
    for _ in 0..3 {
        ivan.friends_feed().await.is(200);
    }
    let after = told(world).await;
    let grown = |series: &str| value(&after, series) - value(&before, series);
    let reads =
        r#"feedme_http_requests_total{method="GET",route="/v1/feeds/{username}/friends",status="2xx"}"#;
    assert!((value(&after, reads) - 3.0).abs() < 0.1);
    // The third one is the second one once more.
    assert!(grown(r#"feedme_index_pages_total{from="memory"}"#) > 1.5);
    assert!(grown("feedme_page_cache_hits_total") > 0.5 && grown("feedme_page_cache_misses_total") > 1.5);
    assert!(
        value(&after, "feedme_page_cache_entries") > 0.5 && value(&after, "feedme_page_cache_bytes") > 500.0
    );
    assert!(grown("feedme_body_cache_hits_total") > 1.5);
    assert!(value(&after, "feedme_body_cache_misses_total") > 0.5);
    assert!(
        value(&after, "feedme_body_cache_entries") > 0.5 && value(&after, "feedme_body_cache_bytes") > 100.0
    );
    for (series, least) in [
        ("feedme_event_position", 4.0),
        ("feedme_index_position", 4.0),
        ("feedme_index_users", 2.0),
        ("feedme_index_follows", 1.0),
        ("feedme_index_activities", 1.0),
        ("feedme_index_bytes", 60.0),
        (r#"feedme_store_wait_seconds_count{line="write"}"#, 4.0),
        (r#"feedme_store_wait_seconds_count{line="read"}"#, 1.0),
        ("feedme_store_group_writes_count", 4.0),
        ("feedme_store_connections", 8.0),
        ("process_resident_memory_bytes", 1_000_000.0),
        ("process_cpu_seconds_total", 0.01),
        ("process_open_fds", 5.0),
        ("process_start_time_seconds", 1_700_000_000.0),
    ] {
        assert!(least <= value(&after, series), "{series} in {after}");
    }
    assert!(value(&after, "feedme_http_requests_in_flight") > 0.5, "itself");
    assert!(!after.contains("ivan") && !after.contains("eric"), "names are nobody's business: {after}");
}

async fn metrics_are_prometheus_text(world: &World) {
    world.get("/v1/users").await.is(200);
    let told = told(world).await;
    let mut series = BTreeSet::new();
    for line in told.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            assert!(comment.starts_with("HELP ") || comment.starts_with("TYPE "), "{line}");
            continue;
        }
        let (name, number) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
        assert!(number.parse::<f64>().is_ok(), "{line}");
        assert!(series.insert(name.to_owned()), "twice: {line}");
        assert!(name.starts_with("feedme_") || name.starts_with("process_"), "{line}");
    }
    assert!(told.ends_with('\n') && 100 < series.len());
}

/// The names of our metrics in a text.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|it: char| !it.is_ascii_alphanumeric() && it != '_');
    words
        .filter(|word| word.starts_with("feedme_") || word.starts_with("process_"))
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn every_metric_of_the_dashboard_and_the_alerts_is_told() {
    // With everything that there is something to tell of: a database that others may use, too, and one that is read as a copy.
    let place = Place::fresh(Store::Postgres);
    let url = place.database().url.clone();
    let world = place.with("FEEDME__DATABASE__REPLICAS", &url).serve();
    world.get("/v1/users").await.is(200);
    let told = with_index(&world).await;
    let series: BTreeSet<_> = told
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split(['{', ' ']).next())
        .collect();
    let dashboard: Value = serde_json::from_str(include_str!("../../ops/grafana/feed-me.json")).unwrap();
    for (file, text) in [
        ("the dashboard", dashboard.to_string()),
        ("the alerts", include_str!("../../ops/prometheus/alerts.yml").to_owned()),
    ] {
        let named = named(&text);
        assert!(8 < named.len(), "{file}: {named:?}");
        for name in named {
            assert!(series.contains(name.as_str()), "{file} names {name}, which is not told");
        }
    }
}

#[test]
fn every_alert_has_a_page_in_the_runbook() {
    let runbook = include_str!("../../docs/operations.md");
    let alerts = include_str!("../../ops/prometheus/alerts.yml");
    let names: Vec<_> = alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(8 < names.len());
    for name in names {
        assert!(runbook.lines().any(|line| line == format!("### {name}")), "{name}");
        assert!(alerts.contains(&format!("docs/operations.md#{}", name.to_lowercase())), "{name}");
    }
}

#[tokio::test]
async fn metrics_are_the_operators_alone() {
    let place = Place::fresh(Store::Sqlite).with("FEEDME__AUTH__MODE", "keys");
    let key =
        |scopes: &str| place.run(&["keys", "create", "--name", "n", "--scopes", scopes]).trim().to_owned();
    let (admin, reader) = (key("admin"), key("read,write"));
    let world = place.serve();
    let with = |key: &str| world.get("/metrics").header("Authorization", format!("Bearer {key}"));
    world.get("/metrics").await.is(401);
    with(&reader).await.is(403);
    with(&admin).await.is(200);
}

#[tokio::test]
async fn metrics_may_have_a_listener_of_their_own() {
    let world = World::start_with(
        Store::Sqlite,
        &[("FEEDME__METRICS__LISTEN", "127.0.0.1:0"), ("FEEDME__LOG__FORMAT", "json")],
    );
    world.get("/metrics").await.is(404);
    let mut address = None;
    for _ in 0..100 {
        let output = world.server().output();
        let line = output.lines().find(|line| line.contains("metrics are told here"));
        address = line.and_then(|line| serde_json::from_str::<Value>(line).ok());
        if address.is_some() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let address = address.unwrap()["address"].as_str().unwrap().to_owned();
    let answer = world.get(&format!("http://{address}/metrics")).await;
    assert!(answer.is(200).text().contains("feedme_build_info"));
    world.get(&format!("http://{address}/v1/users")).await.is(404);
    world.server().terminate();
    assert!(world.server().wait().success());
}
