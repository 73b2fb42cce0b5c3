//! Absolute URLs: from the setting, else from the request, and from a proxy's word only where the proxy is trusted.

use std::{
    borrow::Cow,
    net::{IpAddr, SocketAddr},
};

use actix_web::{
    HttpRequest,
    dev::RequestHead,
    http::{
        header::{FORWARDED, HOST, HeaderMap, HeaderName},
        uri::Authority,
    },
};

use crate::settings::ServerSettings;

/// A request, as far as the URLs in its answer follow from it: whether the framework has routed it or not.
#[derive(Clone, Copy)]
pub struct Asked<'r> {
    /// Its first line and its headers.
    pub head: &'r RequestHead,
    /// Whether it came by TLS.
    pub is_secure: bool,
}

impl<'r> From<&'r HttpRequest> for Asked<'r> {
    fn from(request: &'r HttpRequest) -> Self {
        Self { head: request.head(), is_secure: request.app_config().secure() }
    }
}

/// What absolute URLs begin with, and whose word about it counts.
#[derive(Clone, Debug)]
pub struct Origins {
    public_url: Option<String>,
    proxies: Vec<Network>,
    listen: SocketAddr,
}

impl Origins {
    /// The rules of the settings; `listen` is the address that is really listened on. An error names a proxy that is
    /// neither an address nor a network.
    pub fn new(settings: &ServerSettings, listen: SocketAddr) -> Result<Self, String> {
        let proxies =
            settings.trusted_proxies.iter().map(|raw| Network::parse(raw)).collect::<Result<_, _>>()?;
        let public_url = settings.public_url.as_ref().map(|url| url.trim_end_matches('/').to_owned());
        Ok(Self { public_url, proxies, listen })
    }

    /// Scheme and host of a request: `http://127.0.0.1:5000`.
    pub fn of<'r>(&self, asked: impl Into<Asked<'r>>) -> String {
        let Asked { head, is_secure } = asked.into();
        if let Some(url) = &self.public_url {
            return url.clone();
        }
        let is_trusted = head.peer_addr.is_some_and(|peer| self.trusts(peer.ip()));
        let told = if is_trusted { forwarded(&head.headers) } else { Told::default() };
        let scheme = match told.scheme.as_deref() {
            Some("https") => "https",
            None if is_secure => "https",
            _ => "http",
        };
        let host = told.host.filter(|host| is_host(host)).or_else(|| own_host(head));
        format!("{scheme}://{}", host.unwrap_or_else(|| self.listen.to_string()))
    }
}

impl Origins {
    fn trusts(&self, address: IpAddr) -> bool {
        self.proxies.iter().any(|proxy| proxy.contains(address))
    }

    /// The address of the client: of the chain of those who forwarded the request, the last one that no trusted proxy has.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer;
        if self.proxies.is_empty() {
            return client;
        }
        let mut told = forwarded_for(headers).into_iter().rev();
        while self.trusts(client) {
            // What is no address was not written by a proxy of ours.
            let Some(Some(before)) = told.next() else { break };
            client = before;
        }
        client
    }
}

/// Whom a request was forwarded for, the first one first; none in the place of what is no address.
fn forwarded_for(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let parts = |name: &HeaderName| {
        let lines = headers.get_all(name).map(|line| line.to_str().unwrap_or_default());
        lines.flat_map(|line| line.split(',')).map(|part| part.trim().to_owned()).collect::<Vec<_>>()
    };
    let told = parts(&HeaderName::from_static("x-forwarded-for"));
    if !told.is_empty() {
        return told.iter().map(|part| address_of(part)).collect();
    }
    let for_whom = |element: &String| {
        let mut pairs = element.split(';').filter_map(|pair| pair.trim().split_once('='));
        let (_, value) = pairs.find(|(name, _)| name.eq_ignore_ascii_case("for"))?;
        address_of(value.trim_matches('"'))
    };
    parts(&FORWARDED).iter().map(for_whom).collect()
}

/// `10.0.0.1`, `10.0.0.1:80`, `fd00::1`, `[fd00::1]` or `[fd00::1]:80`.
fn address_of(text: &str) -> Option<IpAddr> {
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    text.parse().ok().or_else(with_port).or_else(bracketed)
}

/// The host that the client addressed, where it is one.
fn own_host(head: &RequestHead) -> Option<String> {
    let authority = head.uri.authority().map(Authority::as_str);
    let header = || head.headers.get(HOST).and_then(|host| host.to_str().ok());
    authority.or_else(header).filter(|host| is_host(host)).map(str::to_owned)
}

/// Whether a text is `host` or `host:port` and nothing that could mean more inside a URL.
fn is_host(raw: &str) -> bool {
    let plain = raw
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':' | b'[' | b']'));
    if !plain {
        return false;
    }
    // Nearly every one is so simple that it need not be read as all that an authority can be.
    let (host, port) = raw.split_once(':').map_or((raw, None), |(host, port)| (host, Some(port)));
    if !raw.contains(['[', ']']) && port.is_none_or(|port| !port.contains(':')) {
        return !host.is_empty() && port.is_none_or(|port| port.parse::<u16>().is_ok());
    }
    let port_is_fine =
        |authority: &Authority| match authority.as_str()[authority.host().len()..].strip_prefix(':') {
            None => authority.host().len() == raw.len(),
            Some(port) => port.parse::<u16>().is_ok(),
        };
    raw.parse::<Authority>().is_ok_and(|it| !it.host().is_empty() && port_is_fine(&it))
}

/// What a proxy tells about the request it took.
#[derive(Default)]
struct Told {
    scheme: Option<String>,
    host: Option<String>,
}

/// Of several, the last word is the trusted proxy's own; what comes before it, its client may have made up.
fn forwarded(headers: &HeaderMap) -> Told {
    let last = |name: &HeaderName| {
        let line = headers.get_all(name).last()?.to_str().ok()?;
        line.rsplit(',').next().map(|part| part.trim().to_owned())
    };
    if let Some(element) = last(&FORWARDED) {
        let parameter = |wanted: &str| {
            let mut pairs = element.split(';').filter_map(|pair| pair.trim().split_once('='));
            let (_, value) = pairs.find(|(name, _)| name.eq_ignore_ascii_case(wanted))?;
            Some(value.trim_matches('"').to_owned())
        };
        return Told {
            scheme: parameter("proto").map(|it| it.to_ascii_lowercase()),
            host: parameter("host"),
        };
    }
    Told {
        scheme: last(&HeaderName::from_static("x-forwarded-proto")).map(|it| it.to_ascii_lowercase()),
        host: last(&HeaderName::from_static("x-forwarded-host")),
    }
}

/// Addresses that begin alike.
#[derive(Clone, Copy, Debug)]
pub struct Network {
    address: u128,
    bits: u32,
}

impl Network {
    /// An address or a network: `10.0.0.1`, `10.0.0.0/8`, `fd00::/8`.
    pub fn parse(raw: &str) -> Result<Self, String> {
        let refused = || format!("'{raw}' is neither an address nor a network such as 10.0.0.0/8");
        let (address, bits) = match raw.split_once('/') {
            None => (raw, None),
            Some((address, bits)) => (address, Some(bits.parse::<u32>().map_err(|_| refused())?)),
        };
        let address: IpAddr = address.trim().parse().map_err(|_| refused())?;
        let offset = if address.is_ipv4() { 96 } else { 0 };
        let bits = bits.unwrap_or(128 - offset) + offset;
        if 128 < bits {
            return Err(refused());
        }
        Ok(Self { address: as_number(address), bits })
    }

    fn contains(&self, address: IpAddr) -> bool {
        let mask = u128::MAX.checked_shl(128 - self.bits).unwrap_or(0);
        (as_number(address) ^ self.address) & mask == 0
    }
}

/// Both families as one: an IPv4 address is its mapped IPv6 one.
fn as_number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_ipv6_mapped()),
        IpAddr::V6(v6) => u128::from(v6),
    }
}

/// The path as the client wrote it, fit for a URL in a header.
pub fn path_of(head: &RequestHead) -> Cow<'_, str> {
    let path = head.uri.path();
    if !path.contains(['"', '{', '}']) {
        return Cow::Borrowed(path);
    }
    Cow::Owned(path.replace('"', "%22").replace('{', "%7B").replace('}', "%7D"))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn origins(public_url: Option<&str>, proxies: &[&str]) -> Origins {
        let proxies = proxies.iter().map(|raw| Network::parse(raw).unwrap()).collect();
        Origins {
            public_url: public_url.map(str::to_owned),
            proxies,
            listen: "127.0.0.1:5000".parse().unwrap(),
        }
    }

    fn request(headers: &[(&'static str, &str)]) -> HttpRequest {
        let mut request = TestRequest::with_uri("/feed/ivan").peer_addr("10.1.2.3:1000".parse().unwrap());
        for header in headers {
            request = request.append_header(*header);
        }
        request.to_http_request()
    }

    #[test]
    fn the_requests_own_host_is_used() {
        assert_eq!(origins(None, &[]).of(&request(&[("host", "feed.example:81")])), "http://feed.example:81");
        assert_eq!(origins(None, &[]).of(&request(&[("host", "[::1]:81")])), "http://[::1]:81");
    }

    #[test]
    fn a_host_that_is_none_is_not_reflected() {
        for host in ["a b", "evil.com/x", "user@evil.com", "\"", "a:b", "a:99999", "", ":80", "<x>"] {
            assert_eq!(origins(None, &[]).of(&request(&[("host", host)])), "http://127.0.0.1:5000", "{host}");
        }
    }

    #[test]
    fn a_forwarded_header_counts_only_from_a_trusted_proxy() {
        let headers = [
            ("host", "inner"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "made-up, outer.example"),
        ];
        assert_eq!(origins(None, &[]).of(&request(&headers)), "http://inner");
        assert_eq!(origins(None, &["10.1.2.4"]).of(&request(&headers)), "http://inner");
        assert_eq!(origins(None, &["10.0.0.0/8"]).of(&request(&headers)), "https://outer.example");
        let standard =
            [("host", "inner"), ("forwarded", "for=1.1.1.1;proto=HTTPS;host=\"outer.example:8443\"")];
        assert_eq!(origins(None, &["10.1.2.3"]).of(&request(&standard)), "https://outer.example:8443");
    }

    #[test]
    fn the_client_is_the_last_address_that_no_trusted_proxy_has() {
        let client = |proxies: &[&str], header: (&'static str, &str)| {
            let request = request(&[header]);
            origins(None, proxies).client("10.1.2.3".parse().unwrap(), request.headers()).to_string()
        };
        let chain = ("x-forwarded-for", "6.6.6.6, 203.0.113.9, 10.1.9.9");
        assert_eq!(client(&[], chain), "10.1.2.3");
        assert_eq!(client(&["10.1.2.4"], chain), "10.1.2.3");
        assert_eq!(client(&["10.1.2.3"], chain), "10.1.9.9");
        assert_eq!(client(&["10.0.0.0/8"], chain), "203.0.113.9");
        assert_eq!(client(&["10.0.0.0/8"], ("x-forwarded-for", "10.1.1.1")), "10.1.1.1");
        assert_eq!(client(&["10.0.0.0/8"], ("x-forwarded-for", "9.9.9.9, unknown")), "10.1.2.3");
        assert_eq!(client(&["10.0.0.0/8"], ("x-forwarded-for", "9.9.9.9:1234")), "9.9.9.9");
        let standard = ("forwarded", "for=6.6.6.6;proto=https, For=\"[2001:db8::1]:80\";by=10.1.2.3");
        assert_eq!(client(&["10.0.0.0/8"], standard), "2001:db8::1");
        assert_eq!(client(&["10.0.0.0/8"], ("x-other", "9.9.9.9")), "10.1.2.3");
    }

    #[test]
    fn the_public_url_wins() {
        let url = origins(Some("https://feed.example"), &["10.0.0.0/8"]).of(&request(&[("host", "x")]));
        assert_eq!(url, "https://feed.example");
    }

    #[test]
    fn networks_of_both_families_are_read() {
        let contains = |network: &str, address: &str| {
            Network::parse(network).unwrap().contains(address.parse().unwrap())
        };
        assert!(contains("0.0.0.0/0", "8.8.8.8") && !contains("0.0.0.0/0", "2001:db8::1"));
        assert!(contains("::/0", "8.8.8.8") && contains("2001:db8::/32", "2001:db8:1::1"));
        assert!(contains("10.0.0.1", "::ffff:10.0.0.1"));
        for raw in ["", "10.0.0.0/33", "::/129", "host", "10.0.0.0/x"] {
            assert!(Network::parse(raw).is_err(), "{raw}");
        }
    }
}
