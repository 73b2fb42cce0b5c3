//! Webhooks, with receivers of the tests' own.

mod addresses;
mod delivering;
mod instances;
mod managing;
mod receiver;

use std::time::{Duration, Instant};

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use self::receiver::{Arrived, Receiver, Reply};
use crate::kit::{Answer, Place, Store, World};

/// How long something may take that takes moments; the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where receivers on this machine are allowed, and pauses are short.
fn place(store: Store) -> Place {
    Place::fresh(store)
        .with("FEEDME__WEBHOOKS__ALLOW_PRIVATE", "true")
        .with("FEEDME__WEBHOOKS__RETRY_BASE_MS", "100")
        .with("FEEDME__WEBHOOKS__RETRY_MAX_MS", "400")
        .with("FEEDME__WEBHOOKS__ATTEMPTS_MAX", "4")
        .with("FEEDME__WEBHOOKS__TIMEOUT_MS", "2000")
}

/// Tells each story where receivers on this machine are allowed, on SQLite and on PostgreSQL.
macro_rules! on_both_delivering {
    ($($story:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $story() {
                super::$story(&$crate::webhooks::place($crate::kit::Store::Sqlite).serve()).await;
            })+
        }
        mod postgres {
            $(#[tokio::test]
            async fn $story() {
                super::$story(&$crate::webhooks::place($crate::kit::Store::Postgres).serve()).await;
            })+
        }
    };
}

use on_both_delivering;

/// Makes a webhook: its path and its secret.
async fn subscribed(world: &World, url: &str, filter: Value) -> (String, String) {
    let mut body = filter;
    body["url"] = json!(url);
    let made = world.post("/v1/webhooks", body).await;
    (format!("/v1/webhooks/{}", made.is(201).id()), made.str_at("/secret"))
}

/// Asks until the answer is right.
async fn until(what: &str, mut ask: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !ask().await {
        assert!(begun.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The deliveries of a webhook as `position state attempts`, the oldest first.
async fn log_of(world: &World, path: &str, query: &str) -> Vec<String> {
    let answer: Answer = world.get(&format!("{path}/deliveries{query}")).await;
    let mut lines: Vec<String> = answer
        .is(200)
        .items()
        .iter()
        .map(|it| {
            format!(
                "{} {} {}",
                it["position"].as_str().unwrap(),
                it["state"].as_str().unwrap(),
                it["attempts"]
            )
        })
        .collect();
    lines.reverse();
    lines
}

impl Arrived {
    /// `verb object` of the activity that it tells of, or the type alone.
    fn line(&self) -> String {
        let message = self.json();
        match message["data"]["activity"].as_object() {
            Some(activity) => {
                let text = |name: &str| activity[name].as_str().unwrap_or("-").to_owned();
                format!("{} {} {}", text("actor"), text("verb"), text("object"))
            }
            None => message["type"].as_str().unwrap().to_owned(),
        }
    }

    /// Each signature is `v1,` and a Base64 text; one of them is right, computed here by other means than the server's.
    #[track_caller]
    fn is_signed_by(&self, secret: &str) {
        assert!(self.signed_by(secret), "no signature is right: {self:?}");
    }

    fn signed_by(&self, secret: &str) -> bool {
        let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
        assert_eq!(key.len(), 32);
        let (id, timestamp) = (self.header("webhook-id"), self.header("webhook-timestamp"));
        let now = i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()).unwrap();
        assert!((now - timestamp.parse::<i64>().unwrap()).abs() < 60, "{timestamp}");
        let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(&key).unwrap();
        mac.update(format!("{id}.{timestamp}.{}", self.body).as_bytes());
        let expected = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        self.header("webhook-signature").split(' ').any(|signature| signature == expected)
    }
}
