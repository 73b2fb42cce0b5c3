//! Sends webhooks over HTTP.
//!
//! Whom a request reaches is decided by addresses, never by names: the name of a host is resolved right before each attempt,
//! every address that it leads to has to be allowed, and a connection is made to one of those that were looked at. So a name
//! that leads elsewhere a moment later gains nothing. Redirections are not followed, proxies of the environment are not
//! used, and of an answer nothing but its status and `Retry-After` is looked at.

use std::{
    error::Error,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use feed_me_domain::{
    ports::{WebhookRequest, WebhookSender},
    webhook::{AddressPolicy, SendOutcome, WebhookUrl},
};
use reqwest::{
    Client, Response,
    dns::{Addrs, Name, Resolve, Resolving},
    header::{CONTENT_TYPE, RETRY_AFTER},
    redirect::Policy,
};

/// The most bytes of an answer's body that are read, to be thrown away, so that the connection can be used again.
const BODY_BYTES_MAX: usize = 16 * 1024;
/// How long that may take. The status was told by then, so a body that does not end is no reason to send again.
const BODY_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a connection is kept for the next delivery.
const IDLE: Duration = Duration::from_secs(30);
/// The most characters that are kept of why something failed.
const REASON_CHARS_MAX: usize = 200;

/// Sends by HTTP/1.1 or HTTP/2, with TLS by rustls.
pub struct HttpSender {
    client: Result<Client, String>,
    policy: AddressPolicy,
    timeout: Duration,
}

impl HttpSender {
    /// A sender that takes at most `timeout` for an attempt, from the look-up of the name to the status of the answer.
    pub fn new(policy: AddressPolicy, timeout: Duration) -> Self {
        let client = Client::builder()
            .user_agent(concat!("feed-me/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .no_proxy()
            .referer(false)
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(1)
            .dns_resolver(Arc::new(GuardedResolver { policy }))
            .build();
        let client = client.map_err(|error| format!("requests cannot be sent: {}", cause_of(&error)));
        if let Err(reason) = &client {
            tracing::error!(reason, "webhooks are not delivered");
        }
        Self { client, policy, timeout }
    }

    async fn try_send(&self, request: &WebhookRequest) -> Result<Response, String> {
        let client = self.client.as_ref().map_err(Clone::clone)?;
        request.url.check(self.policy).map_err(|why| format!("the url {why}"))?;
        check_name(&request.url, self.policy).await?;
        let sent = client
            .post(request.url.as_str())
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", &request.id)
            .header("webhook-timestamp", request.timestamp_s)
            .header("webhook-signature", &request.signature)
            .body(request.body.clone())
            .send();
        sent.await.map_err(|error| {
            let what = if error.is_connect() { "no connection" } else { "no readable answer" };
            format!("{what}: {}", cause_of(&error))
        })
    }
}

#[async_trait]
impl WebhookSender for HttpSender {
    async fn send(&self, request: &WebhookRequest) -> SendOutcome {
        let response = match tokio::time::timeout(self.timeout, self.try_send(request)).await {
            Ok(Ok(response)) => response,
            Ok(Err(reason)) => return SendOutcome::Failed(cut(&reason)),
            Err(_) => {
                return SendOutcome::Failed(format!("no answer within {} ms", self.timeout.as_millis()));
            }
        };
        let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let retry_after_s = retry_after.and_then(|seconds| seconds.trim().parse().ok());
        let status = response.status().as_u16();
        // Where it takes longer the connection is closed, and the next delivery opens another.
        let _ = tokio::time::timeout(BODY_TIMEOUT, throw_away(response)).await;
        SendOutcome::Answered { status, retry_after_s }
    }
}

/// Reads a body to its end where that is near.
async fn throw_away(mut response: Response) {
    let mut read = 0;
    while let Ok(Some(chunk)) = response.chunk().await {
        read += chunk.len();
        if BODY_BYTES_MAX < read {
            return;
        }
    }
}

/// Looks where the name of a host leads now, also where a kept connection would be used.
async fn check_name(url: &WebhookUrl, policy: AddressPolicy) -> Result<(), String> {
    match url.host_name() {
        Some(name) => allowed_addresses(name, url.port(), policy).await.map(drop),
        // An address, which was checked with the URL.
        None => Ok(()),
    }
}

/// Every address that a name leads to, if all of them are allowed.
async fn allowed_addresses(name: &str, port: u16, policy: AddressPolicy) -> Result<Vec<SocketAddr>, String> {
    let found = tokio::net::lookup_host((name, port)).await;
    let found: Vec<SocketAddr> =
        found.map_err(|error| format!("the name of the host is not found: {error}"))?.collect();
    match found.iter().map(SocketAddr::ip).find(|address: &IpAddr| !policy.allows(*address)) {
        Some(address) => Err(format!("the name of the host leads to {address}, which is not allowed")),
        None if found.is_empty() => Err("the name of the host leads nowhere".to_owned()),
        None => Ok(found),
    }
}

/// What the client resolves names by when it connects.
struct GuardedResolver {
    policy: AddressPolicy,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = self.policy;
        Box::pin(async move {
            // The client puts the port of the URL in the place of 0.
            let addresses = allowed_addresses(name.as_str(), 0, policy).await?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// What was first, of an error that has causes: the others only say where.
fn cause_of(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

fn cut(reason: &str) -> String {
    reason.chars().map(|c| if c.is_control() { ' ' } else { c }).take(REASON_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const STRICT: AddressPolicy = AddressPolicy { allow_private: false, allow_http: true };

    /// A request to a URL that was taken when more was allowed.
    fn request(url: &str) -> WebhookRequest {
        WebhookRequest {
            url: WebhookUrl::stored(url).unwrap(),
            id: "msg_1".to_owned(),
            timestamp_s: 1,
            signature: "v1,".to_owned(),
            body: "{}".to_owned(),
        }
    }

    async fn failed(url: &str) -> String {
        match HttpSender::new(STRICT, Duration::from_secs(5)).send(&request(url)).await {
            SendOutcome::Failed(reason) => reason,
            answered @ SendOutcome::Answered { .. } => panic!("{url}: {answered:?}"),
        }
    }

    #[tokio::test]
    async fn nothing_is_sent_where_it_is_not_allowed() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        for host in ["127.0.0.1", "[::ffff:127.0.0.1]", "2130706433", "localhost"] {
            let reason = failed(&format!("http://{host}:{port}/")).await;
            assert!(reason.contains("not a public address"), "{host}: {reason}");
        }
        assert!(listener.accept().is_err(), "somebody connected");
    }

    #[tokio::test]
    async fn a_name_is_as_good_as_the_addresses_that_it_leads_to() {
        // `localhost` stands for any name that leads to a private address: the URL alone would not tell.
        let refused = allowed_addresses("localhost", 80, STRICT).await.unwrap_err();
        assert!(refused.contains("which is not allowed"), "{refused}");
        let lax = AddressPolicy { allow_private: true, allow_http: true };
        assert!(!allowed_addresses("localhost", 80, lax).await.unwrap().is_empty());
        let name = "localhost".parse::<Name>().unwrap();
        assert!(GuardedResolver { policy: STRICT }.resolve(name).await.is_err());
        assert!(allowed_addresses("no-such-host.invalid", 80, lax).await.is_err());
    }

    #[tokio::test]
    async fn an_answer_counts_though_its_body_never_ends() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let receiver = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await.unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf").await.unwrap();
            // Nothing more comes, and nothing is closed here.
            while stream.read(&mut request).await.is_ok_and(|read| read != 0) {}
        });
        let lax = AddressPolicy { allow_private: true, allow_http: true };
        let sender = HttpSender::new(lax, Duration::from_mins(1));
        let outcome = sender.send(&request(&format!("http://127.0.0.1:{port}/"))).await;
        assert_eq!(outcome, SendOutcome::Answered { status: 200, retry_after_s: None });
        // The connection is of no use any more, and does not wait for the body either.
        tokio::time::timeout(Duration::from_secs(30), receiver).await.unwrap().unwrap();
    }

    #[test]
    fn a_reason_is_short_and_in_one_line() {
        assert_eq!(cut(&format!("a\nb{}", "x".repeat(500))).len(), REASON_CHARS_MAX);
        assert!(!cut("a\r\nb").contains('\n'));
    }
}
