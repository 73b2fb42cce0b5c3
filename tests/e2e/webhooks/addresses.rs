//! Where webhooks may not lead.

use std::time::Duration;

use serde_json::json;

use super::{Receiver, log_of, place, subscribed, until};
use crate::kit::{Place, Store, World};

#[tokio::test]
async fn an_address_that_is_not_public_is_refused_however_it_is_written() {
    let world = World::start(Store::Sqlite);
    for url in [
        "http://127.0.0.1/",
        "http://127.1:8080/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0x7f.0.0.1/",
        "http://017700000001/",
        "http://0/",
        "http://[::1]/",
        "http://[::]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://[0:0:0:0:0:ffff:7f00:1]/",
        "http://[64:ff9b::a00:1]/",
        "http://[2002:7f00:1::]/",
        "http://[fd12::1]/",
        "http://[fe80::1]/",
        "http://169.254.169.254/latest/meta-data/",
        "http://0xa9fea9fe/",
        "http://10.1.2.3/",
        "http://172.20.0.1/",
        "http://192.168.1.1/",
        "http://100.64.0.1/",
        "http://224.0.0.1/",
        "http://255.255.255.255/",
        "http://localhost/",
        "https://LocalHost:8443/",
        "https://a.localhost./",
        "https://printer.local/",
        "https://metadata.google.internal/",
        "http://１２７.0.0.1/",
        "https://public.invalid:25/",
        "https://public.invalid:22/",
        "https://me:secret@public.invalid/",
        "https://public.invalid/#x",
        "ftp://public.invalid/",
        "file:///etc/passwd",
        "//public.invalid/",
        "public.invalid",
        "",
    ] {
        world.post("/v1/webhooks", json!({ "url": url })).await.has_faults(&["/url"]);
    }
    let (path, _) = subscribed(&world, "https://public.invalid/", json!({})).await;
    world.patch(&path, json!({ "url": "http://127.0.0.1/" })).await.has_faults(&["/url"]);
    assert_eq!(world.get(&path).await.at("/url"), json!("https://public.invalid/"));
}

#[tokio::test]
async fn only_https_is_taken_where_nothing_else_is_said() {
    let place = Place::fresh(Store::Sqlite).with("FEEDME__WEBHOOKS__ALLOW_HTTP", "false");
    let world = place.serve();
    world.post("/v1/webhooks", json!({ "url": "http://public.invalid/" })).await.has_faults(&["/url"]);
    subscribed(&world, "https://public.invalid/", json!({})).await;
}

/// What was allowed when a webhook was made is asked again for each attempt.
#[tokio::test]
async fn nothing_is_sent_any_more_to_what_is_not_allowed_any_more() {
    let place = place(Store::Sqlite);
    let receiver = Receiver::start();
    let urls = [
        receiver.url(),
        format!("http://localhost:{}/", receiver.port()),
        format!("http://[::ffff:127.0.0.1]:{}/", receiver.port()),
    ];
    let mut paths = Vec::new();
    {
        let world = place.serve();
        world.users(["ivan"]).await;
        for url in &urls {
            paths.push(subscribed(&world, url, json!({})).await.0);
        }
        world.user("ivan").posts("like", "1").await.is(201);
        receiver.has(3).await;
        for path in &paths {
            until("it is noted", async || world.get(path).await.at("/position") == json!("2")).await;
        }
        world.server().terminate();
        assert!(world.server().wait().success());
    }
    let world = place.with("FEEDME__WEBHOOKS__ALLOW_PRIVATE", "false").serve();
    world.user("ivan").posts("like", "2").await.is(201);
    for path in &paths {
        until("it is given up", async || log_of(&world, path, "?state=dead").await == ["3 dead 4"]).await;
        let told = world.get(&format!("{path}/deliveries/3")).await;
        assert!(told.str_at("/last_error").contains("not a public address"), "{told}");
    }
    assert_eq!(receiver.arrived().len(), 3, "something was sent to a private address");
}

/// A name is as good as what it leads to at the moment of the attempt.
#[tokio::test]
async fn a_name_that_leads_to_a_private_address_is_not_sent_to() {
    let hosts = std::fs::read_to_string("/etc/hosts").unwrap();
    let names: Vec<&str> = hosts
        .lines()
        .filter_map(|line| line.split('#').next())
        .flat_map(|line| line.split_whitespace().skip(1))
        .filter(|name| *name != "localhost" && !name.ends_with(".localhost"))
        .collect();
    let name = names.first().unwrap_or_else(|| panic!("/etc/hosts has no name but localhost:\n{hosts}"));
    let place = Place::fresh(Store::Sqlite)
        .with("FEEDME__WEBHOOKS__ATTEMPTS_MAX", "2")
        .with("FEEDME__WEBHOOKS__RETRY_BASE_MS", "50");
    let world = place.serve();
    let [ivan] = world.users(["ivan"]).await;
    let (path, _) = subscribed(&world, &format!("http://{name}:8080/"), json!({})).await;
    let (nowhere, _) = subscribed(&world, "https://nowhere.invalid/", json!({})).await;
    ivan.posts("like", "1").await.is(201);
    for (path, reason) in [(&path, "which is not allowed"), (&nowhere, "not found")] {
        until("it is given up", async || log_of(&world, path, "?state=dead").await == ["2 dead 2"]).await;
        let told = world.get(&format!("{path}/deliveries/2")).await;
        assert!(told.str_at("/last_error").contains(reason), "{told}");
        assert_eq!(told.at("/last_status"), json!(null));
    }
}

/// A certificate has to be trusted by the system, and to be that of the host.
#[tokio::test]
async fn a_receiver_with_tls_has_to_show_a_certificate_that_is_trusted() {
    let (trusted, certificate) = Receiver::start_with_tls();
    let (unknown, _) = Receiver::start_with_tls();
    let place = place(Store::Sqlite);
    let file = place.home().join("trusted.pem");
    std::fs::write(&file, certificate).unwrap();
    let world = place.with("SSL_CERT_FILE", file.to_str().unwrap()).serve();
    let [ivan] = world.users(["ivan"]).await;
    let url = |host: &str, receiver: &Receiver| format!("https://{host}:{}/hook", receiver.port());
    let (_, secret) = subscribed(&world, &url("localhost", &trusted), json!({})).await;
    let (unknown_path, _) = subscribed(&world, &url("localhost", &unknown), json!({})).await;
    // The certificate is that of localhost.
    let (other_host, _) = subscribed(&world, &url("127.0.0.1", &trusted), json!({})).await;
    ivan.posts("like", "1").await.is(201);
    trusted.has(1).await[0].is_signed_by(&secret);
    for path in [&unknown_path, &other_host] {
        until("it is given up", async || log_of(&world, path, "?state=dead").await == ["2 dead 4"]).await;
        let told = world.get(&format!("{path}/deliveries/2")).await;
        assert!(told.str_at("/last_error").contains("certificate"), "{told}");
    }
    ivan.posts("like", "2").await.is(201);
    trusted.has_lines(&["ivan like 1", "ivan like 2"]).await;
    assert!(unknown.arrived().is_empty(), "something was told to who showed no good certificate");
}

#[tokio::test]
async fn a_receiver_without_tls_is_not_taken_for_one_with_it() {
    let world = place(Store::Sqlite).serve();
    let receiver = Receiver::start();
    let [ivan] = world.users(["ivan"]).await;
    let url = receiver.url().replace("http://", "https://");
    let (path, _) = subscribed(&world, &url, json!({})).await;
    ivan.posts("like", "1").await.is(201);
    until("it is given up", async || log_of(&world, &path, "?state=dead").await == ["2 dead 4"]).await;
    let told = world.get(&format!("{path}/deliveries/2")).await;
    assert!(told.str_at("/last_error").starts_with("no connection"), "{told}");
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(receiver.arrived().is_empty());
}
