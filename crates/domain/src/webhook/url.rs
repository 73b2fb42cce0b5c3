//! The address of a subscription.

use std::net::IpAddr;

use url::{Host, Url};

use super::AddressPolicy;

/// Where deliveries are sent: an `https` URL (or `http`, where that is allowed) with a host, without credentials and without a
/// fragment. It is kept as the WHATWG's URL standard writes it, so `http://0x7f.1/` is `http://127.0.0.1/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookUrl(Url);

/// Why a text is not the address of a subscription.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidWebhookUrl {
    /// It is longer than is kept.
    #[error("has {0} characters, more than the {max} it may have", max = WebhookUrl::CHARS_MAX)]
    TooLong(usize),
    /// It is no URL.
    #[error("is not an absolute URL: {0}")]
    Malformed(url::ParseError),
    /// Its scheme is not one that is sent to.
    #[error("must begin with {0}")]
    Scheme(&'static str),
    /// It has no host.
    #[error("has no host")]
    NoHost,
    /// It carries a name or a password, which logs and lists would show.
    #[error("must not hold a user name or a password")]
    Credentials,
    /// A fragment is never sent.
    #[error("must not have a fragment")]
    Fragment,
    /// The port is one of other services.
    #[error("has the port {0}; below 1024 only 80 and 443 are sent to")]
    Port(u16),
    /// The host is an address that is not sent to.
    #[error("leads to {0}, which is not a public address; webhooks.allow_private decides")]
    Private(String),
}

impl WebhookUrl {
    /// The most characters of a URL.
    pub const CHARS_MAX: usize = 2048;

    /// Takes a URL that the policy allows. A host that is a name is checked when it is sent to, each time.
    pub fn parse(raw: &str, policy: AddressPolicy) -> Result<Self, InvalidWebhookUrl> {
        let chars = raw.chars().count();
        if Self::CHARS_MAX < chars {
            return Err(InvalidWebhookUrl::TooLong(chars));
        }
        let url = Self(Url::parse(raw).map_err(InvalidWebhookUrl::Malformed)?);
        let written = url.as_str().chars().count();
        if Self::CHARS_MAX < written {
            return Err(InvalidWebhookUrl::TooLong(written));
        }
        url.check(policy)?;
        Ok(url)
    }

    /// A URL that was taken before, whatever the policy was then.
    pub fn stored(raw: &str) -> Result<Self, InvalidWebhookUrl> {
        Url::parse(raw).map(Self).map_err(InvalidWebhookUrl::Malformed)
    }

    /// Whether the policy allows it, as far as the URL itself tells.
    pub fn check(&self, policy: AddressPolicy) -> Result<(), InvalidWebhookUrl> {
        let url = &self.0;
        match url.scheme() {
            "https" => {}
            "http" if policy.allow_http => {}
            _ if policy.allow_http => return Err(InvalidWebhookUrl::Scheme("https:// or http://")),
            _ => return Err(InvalidWebhookUrl::Scheme("https://")),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidWebhookUrl::Credentials);
        }
        if url.fragment().is_some() {
            return Err(InvalidWebhookUrl::Fragment);
        }
        let private = |host: &dyn std::fmt::Display| Err(InvalidWebhookUrl::Private(host.to_string()));
        match url.host() {
            None => return Err(InvalidWebhookUrl::NoHost),
            Some(Host::Ipv4(address)) if !policy.allows(address.into()) => return private(&address),
            Some(Host::Ipv6(address)) if !policy.allows(address.into()) => return private(&address),
            Some(Host::Domain(name)) if !policy.allow_private && is_local_name(name) => {
                return private(&name);
            }
            Some(_) => {}
        }
        match self.port() {
            port if policy.allows_port(port) => Ok(()),
            port => Err(InvalidWebhookUrl::Port(port)),
        }
    }

    /// The name of the host; none where the host is an address.
    pub fn host_name(&self) -> Option<&str> {
        match self.0.host() {
            Some(Host::Domain(name)) => Some(name),
            _ => None,
        }
    }

    /// The address of the host; none where the host is a name.
    pub fn host_address(&self) -> Option<IpAddr> {
        match self.0.host() {
            Some(Host::Ipv4(address)) => Some(address.into()),
            Some(Host::Ipv6(address)) => Some(address.into()),
            _ => None,
        }
    }

    /// The port, also where it is the scheme's own.
    pub fn port(&self) -> u16 {
        self.0.port_or_known_default().unwrap_or(443)
    }

    /// The URL as it is kept.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// Names that never lead out (RFC 6761, RFC 6762, RFC 8375).
fn is_local_name(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    let is_under =
        |zone: &str| name.strip_suffix(zone).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    ["localhost", "local", "internal", "home.arpa"].into_iter().any(is_under)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRICT: AddressPolicy = AddressPolicy { allow_private: false, allow_http: false };
    const HTTP: AddressPolicy = AddressPolicy { allow_private: false, allow_http: true };

    fn refused(raw: &str) -> InvalidWebhookUrl {
        match WebhookUrl::parse(raw, HTTP) {
            Ok(url) => panic!("{raw} is taken as {}", url.as_str()),
            Err(error) => error,
        }
    }

    #[test]
    fn a_public_https_url_is_taken_as_it_is() {
        for raw in [
            "https://hooks.example.org/feed?team=a%20b",
            "https://hooks.example.org:8443/",
            "https://1.1.1.1/x",
            "https://[2606:4700:4700::1111]/x",
        ] {
            assert_eq!(WebhookUrl::parse(raw, STRICT).unwrap().as_str(), raw);
            assert!(WebhookUrl::stored(raw).is_ok());
        }
    }

    #[test]
    fn every_way_to_write_a_private_address_is_seen_through() {
        for raw in [
            "http://127.0.0.1/",
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f000001/",
            "http://0x7f.1/",
            "http://0177.0.0.1/",
            "http://１２７.0.0.1/",
            "http://[::1]/",
            "http://[::ffff:127.0.0.1]/",
            "http://[::ffff:7f00:1]/",
            "http://[64:ff9b::7f00:1]/",
            "http://10.1.2.3/",
            "http://192.168.0.1/",
            "http://169.254.169.254/latest/meta-data",
            "http://[fd00::1]/",
            "http://[fe80::1]/",
            "http://0.0.0.0/",
            "http://0/",
            "http://localhost/",
            "http://LOCALHOST./",
            "http://a.localhost/",
            "http://printer.local/",
            "http://metadata.google.internal/",
        ] {
            assert!(matches!(refused(raw), InvalidWebhookUrl::Private(_)), "{raw}: {:?}", refused(raw));
        }
    }

    #[test]
    fn a_private_address_is_taken_where_it_is_allowed() {
        let lax = AddressPolicy { allow_private: true, allow_http: true };
        for raw in ["http://127.0.0.1:25/", "http://localhost:5000/", "http://[::1]:9/"] {
            assert!(WebhookUrl::parse(raw, lax).is_ok(), "{raw}");
        }
        assert!(WebhookUrl::parse("http://169.254.169.254/", lax).is_err());
    }

    #[test]
    fn what_cannot_be_sent_to_is_refused_with_the_reason() {
        assert!(matches!(refused("hooks.example.org/x"), InvalidWebhookUrl::Malformed(_)));
        assert!(matches!(refused("https://"), InvalidWebhookUrl::Malformed(_)));
        for raw in ["ftp://example.org/", "file:///etc/passwd", "gopher://example.org/", "data:,x"] {
            assert!(matches!(refused(raw), InvalidWebhookUrl::Scheme(_)), "{raw}");
        }
        assert_eq!(
            WebhookUrl::parse("http://example.org/", STRICT),
            Err(InvalidWebhookUrl::Scheme("https://"))
        );
        assert_eq!(refused("https://me:secret@example.org/"), InvalidWebhookUrl::Credentials);
        assert_eq!(refused("https://me@example.org/"), InvalidWebhookUrl::Credentials);
        assert_eq!(refused("https://example.org/#x"), InvalidWebhookUrl::Fragment);
        assert_eq!(refused("https://example.org:25/"), InvalidWebhookUrl::Port(25));
        let long = format!("https://example.org/{}", "x".repeat(2048));
        assert!(matches!(refused(&long), InvalidWebhookUrl::TooLong(_)));
        let grows = format!("https://example.org/{}", "é".repeat(1000));
        assert!(matches!(refused(&grows), InvalidWebhookUrl::TooLong(_)));
    }
}
