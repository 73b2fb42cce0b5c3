//! Where webhooks may be sent to.
//!
//! A subscription's URL is chosen by whoever has the right, and the request leaves from inside the operator's network. So
//! every address that a request would be sent to is checked right before: what is not part of the public internet is
//! refused unless the operator allows it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an operator allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AddressPolicy {
    /// Addresses of private networks and of this machine, and every port.
    pub allow_private: bool,
    /// Requests without TLS.
    pub allow_http: bool,
}

impl AddressPolicy {
    /// Whether a request may be sent to an address. Addresses of the link (among them those where clouds tell machines
    /// their credentials) and of many receivers are never allowed.
    pub fn allows(self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => self.allows_v4(address),
            IpAddr::V6(address) => match embedded_v4(address) {
                Some(embedded) => self.allows_v4(embedded),
                None => is_public_v6(address) || (self.allow_private && is_private_v6(address)),
            },
        }
    }

    fn allows_v4(self, address: Ipv4Addr) -> bool {
        is_public_v4(address) || (self.allow_private && is_private_v4(address))
    }

    /// Whether a request may be sent to a port: below 1024 only those of the web, so that nobody talks to a mail server.
    pub fn allows_port(self, port: u16) -> bool {
        self.allow_private || matches!(port, 80 | 443 | 1024..)
    }
}

/// What is not in IANA's registry of special-purpose IPv4 addresses (and neither multicast nor reserved).
fn is_public_v4(address: Ipv4Addr) -> bool {
    let is_special = match address.octets() {
        // This network, private, loopback; multicast, reserved, broadcast.
        [0 | 10 | 127 | 224..=255, ..] => true,
        // Shared by a provider's customers.
        [100, second, ..] => second & 0xC0 == 64,
        // Link-local.
        [169, second, ..] => second == 254,
        // Private.
        [172, second, ..] => second & 0xF0 == 16,
        // IETF assignments and documentation; the former 6to4 relays; private.
        [192, second, third, _] => matches!((second, third), (0, 0 | 2) | (88, 99)) || second == 168,
        // Benchmarks; documentation.
        [198, second, third, _] => second & 0xFE == 18 || (second, third) == (51, 100),
        // Documentation.
        [203, second, third, _] => (second, third) == (0, 113),
        _ => false,
    };
    !is_special
}

fn is_private_v4(address: Ipv4Addr) -> bool {
    let is_shared = matches!(address.octets(), [100, second, ..] if second & 0xC0 == 64);
    address.is_private() || address.is_loopback() || is_shared
}

/// Global unicast (`2000::/3`) without what IANA's registry takes out of it.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    let is_special = match first {
        // IETF assignments (2001::/23: Teredo, ORCHID, …) and documentation.
        0x2001 => second < 0x0200 || second == 0x0DB8,
        // 6to4, which carries IPv4 addresses.
        0x2002 => true,
        // Documentation.
        0x3FFF => second < 0x1000,
        _ => false,
    };
    first & 0xE000 == 0x2000 && !is_special
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    // Unique local addresses: fc00::/7.
    address.is_loopback() || address.segments()[0] & 0xFE00 == 0xFC00
}

/// The IPv4 address that an IPv6 address stands for: mapped (`::ffff:0:0/96`), or behind NAT64 (`64:ff9b::/96`).
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let bytes = address.octets();
    let is_nat64 = bytes[..12] == [0, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0];
    let [.., a, b, c, d] = bytes;
    address.to_ipv4_mapped().or_else(|| is_nat64.then(|| Ipv4Addr::new(a, b, c, d)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRICT: AddressPolicy = AddressPolicy { allow_private: false, allow_http: false };
    const LAX: AddressPolicy = AddressPolicy { allow_private: true, allow_http: true };

    fn ip(raw: &str) -> IpAddr {
        raw.parse().unwrap()
    }

    #[test]
    fn the_public_internet_is_allowed() {
        for raw in [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.167.255.255",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700:4700::1111",
            "2a00:1450:4001::1",
            "2001:200::1",
            "3fff:1000::1",
            "::ffff:1.1.1.1",
            "64:ff9b::1.1.1.1",
        ] {
            assert!(STRICT.allows(ip(raw)), "{raw}");
        }
    }

    #[test]
    fn private_networks_are_allowed_only_where_the_operator_says_so() {
        for raw in [
            "10.0.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "127.255.255.255",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.0.1",
            "::1",
            "fc00::1",
            "fdff::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::10.0.0.1",
        ] {
            assert!(!STRICT.allows(ip(raw)), "{raw}");
            assert!(LAX.allows(ip(raw)), "{raw}");
        }
    }

    #[test]
    fn what_is_no_receiver_of_its_own_is_never_allowed() {
        for raw in [
            "0.0.0.0",
            "0.1.2.3",
            "169.254.169.254",
            "192.0.0.1",
            "192.0.2.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "100::1",
            "5f00::1",
        ] {
            assert!(!STRICT.allows(ip(raw)), "{raw}");
            assert!(!LAX.allows(ip(raw)), "{raw}");
        }
    }

    #[test]
    fn ports_of_other_services_are_refused() {
        for (port, allowed) in [(443, true), (80, true), (8443, true), (1024, true), (22, false), (25, false)]
        {
            assert_eq!(STRICT.allows_port(port), allowed, "{port}");
            assert!(LAX.allows_port(port), "{port}");
        }
    }
}
