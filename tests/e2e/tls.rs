//! TLS by a certificate of the settings.

use std::{
    fs,
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use reqwest::{Certificate, Client, Version};
use serde_json::json;

use crate::kit::{Place, Server, Store};

/// A folder with a server that speaks TLS.
struct Secure {
    server: Server,
    place: Place,
    trusted: Certificate,
}

fn files(place: &Place) -> (PathBuf, PathBuf) {
    (place.home().join("tls.crt"), place.home().join("tls.key"))
}

/// Makes a certificate of its own authority and stores it where the settings say.
fn renew(place: &Place) -> Certificate {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let (certificate, key) = files(place);
    fs::write(certificate, cert.pem()).unwrap();
    fs::write(key, signing_key.serialize_pem()).unwrap();
    Certificate::from_pem(cert.pem().as_bytes()).unwrap()
}

fn place() -> Place {
    let place = Place::fresh(Store::Sqlite);
    let (certificate, key) = files(&place);
    place
        .with("FEEDME__TLS__CERTIFICATE", certificate.to_str().unwrap())
        .with("FEEDME__TLS__KEY", key.to_str().unwrap())
}

fn client(trusted: &Certificate) -> Client {
    let client = Client::builder().no_proxy().timeout(Duration::from_mins(1));
    client.tls_certs_only([trusted.clone()]).build().unwrap()
}

impl Secure {
    fn start() -> Self {
        let place = place();
        let trusted = renew(&place);
        let server = place.start();
        Self { server, place, trusted }
    }

    async fn is_trusted_by(&self, certificate: &Certificate) -> bool {
        client(certificate).get(format!("{}/livez", self.server.address)).send().await.is_ok()
    }

    fn hang_up(&self) {
        let id = self.server.id().to_string();
        assert!(Command::new("kill").args(["-HUP", &id]).status().unwrap().success());
    }
}

#[tokio::test]
async fn a_server_with_a_certificate_speaks_tls_alone_in_both_versions_of_http() {
    let secure = Secure::start();
    let address = secure.server.address.clone();
    assert!(address.starts_with("https://"), "{address}");
    let client = client(&secure.trusted);
    let user = format!("{address}/v1/users/ivan");
    let made = client.put(&user).json(&json!({})).send().await.unwrap();
    assert_eq!((made.status().as_u16(), made.version()), (201, Version::HTTP_2));
    let old =
        Client::builder().no_proxy().http1_only().tls_certs_only([secure.trusted.clone()]).build().unwrap();
    let found = old.get(&user).send().await.unwrap();
    assert_eq!((found.status().as_u16(), found.version()), (200, Version::HTTP_11));

    // Absolute URLs are those of the scheme that was used.
    for _ in 0..21 {
        let post = client.post(format!("{address}/activity"));
        let post = post.json(&json!({ "actor": "ivan", "verb": "v", "object": "o", "target": "" }));
        assert_eq!(post.send().await.unwrap().status(), 200);
    }
    let page: serde_json::Value =
        client.get(format!("{address}/feed/ivan")).send().await.unwrap().json().await.unwrap();
    let next = page["next_url"].as_str().unwrap();
    assert!(next.starts_with(&format!("{address}/feed/ivan?")), "{next}");

    let plain = Client::builder().no_proxy().timeout(Duration::from_secs(10)).build().unwrap();
    let refused = plain.get(address.replace("https://", "http://") + "/livez").send().await;
    assert!(refused.is_err(), "plain HTTP was answered: {refused:?}");
    assert!(
        plain.get(format!("{address}/livez")).send().await.is_err(),
        "a stranger's certificate was believed"
    );
}

#[tokio::test]
async fn metrics_apart_are_told_by_tls_too() {
    let place = place().with("FEEDME__METRICS__LISTEN", "127.0.0.1:0").with("FEEDME__LOG__FILTER", "info");
    let trusted = renew(&place);
    let server = place.start();
    let begun = Instant::now();
    let told = loop {
        let output = server.output();
        if let Some((line, _)) =
            output.lines().find_map(|line| line.split_once("metrics are told here address="))
        {
            let at = output.lines().find(|other| other.starts_with(line)).unwrap();
            break at.rsplit("address=").next().unwrap().trim().to_owned();
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{output}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let metrics = client(&trusted).get(format!("https://{told}/metrics")).send().await.unwrap();
    assert!(metrics.text().await.unwrap().contains("feedme_"));
    assert!(client(&trusted).get(format!("http://{told}/metrics")).send().await.is_err());
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_without_a_restart() {
    let secure = Secure::start();
    let first = secure.trusted.clone();
    assert!(secure.is_trusted_by(&first).await);
    let second = renew(&secure.place);
    assert!(secure.is_trusted_by(&first).await && !secure.is_trusted_by(&second).await);
    secure.hang_up();
    let begun = Instant::now();
    while !secure.is_trusted_by(&second).await {
        assert!(begun.elapsed() < Duration::from_secs(30), "{}", secure.server.output());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(!secure.is_trusted_by(&first).await);

    // Half a renewal changes nothing, and is told.
    fs::write(files(&secure.place).1, "no key").unwrap();
    secure.hang_up();
    while !secure.server.output().contains("the certificate is not renewed") {
        assert!(begun.elapsed() < Duration::from_mins(1), "{}", secure.server.output());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(secure.is_trusted_by(&second).await);
}

#[test]
fn what_cannot_be_used_stops_the_start_and_is_named() {
    let place = place();
    renew(&place);
    assert!(place.run(&["verify-config"]).contains("are right"));
    let (certificate, key) = files(&place);
    let good = fs::read_to_string(&key).unwrap();
    let secret = good.lines().nth(1).unwrap().to_owned();
    let other = Place::fresh(Store::Sqlite);
    renew(&other);
    let other = fs::read_to_string(files(&other).1).unwrap();
    let encrypted = good.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    for (text, told) in [
        (other.as_str(), "is not that of the certificate"),
        (&encrypted, "is encrypted"),
        ("", "has no private key"),
    ] {
        fs::write(&key, text).unwrap();
        for command in ["verify-config", "serve"] {
            let complained = place.run_badly(&[command]);
            assert!(complained.contains("tls.key") && complained.contains(told), "{complained}");
            assert!(!complained.contains(&secret), "{complained}");
        }
    }
    fs::remove_file(&key).unwrap();
    assert!(place.run_badly(&["serve"]).contains("tls.key: cannot read"));
    fs::write(&key, good).unwrap();
    fs::write(&certificate, "").unwrap();
    assert!(place.run_badly(&["serve"]).contains("has no certificate"));
    for (name, needed) in [("FEEDME__TLS__KEY", "tls.key"), ("FEEDME__TLS__CERTIFICATE", "tls.certificate")] {
        let complained = place.clone().with(name, "").run_badly(&["verify-config"]);
        assert!(complained.contains(needed) && complained.contains("needs its"), "{complained}");
    }
    assert!(!place.home().join("feed-me.db").exists(), "something was made");
}
