//! Whose connection it is: the peer's, or that of the client named by one trusted proxy. Pure.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::http::{HeaderMap, HeaderName};

/// A client's address, as limits count it: an IPv6 network of 64 bits counts as one client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Address(IpAddr);

impl From<IpAddr> for Address {
    fn from(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V6(ip) => {
                let network = u128::from(ip) & !u128::from(u64::MAX);
                Self(IpAddr::V6(Ipv6Addr::from(network)))
            }
            ip @ IpAddr::V4(_) => Self(ip),
        }
    }
}

/// The address of the client of a request. In the trusted header only the last entry of a list
/// counts: the proxy wrote it, while earlier entries may be forged.
pub fn client_address(
    peer: SocketAddr,
    headers: &HeaderMap,
    trusted: Option<&HeaderName>,
) -> Address {
    let said = trusted
        .and_then(|name| headers.get_all(name).iter().next_back())
        .and_then(|value| value.to_str().ok()?.rsplit(',').next())
        .and_then(parse);
    Address::from(said.unwrap_or_else(|| peer.ip()))
}

/// An address with or without a port, as proxies write it.
fn parse(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    bare.parse().ok().or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip()))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn of(peer: &str, values: &[&str], trusted: bool) -> Address {
        let name = HeaderName::from_static("x-forwarded-for");
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(&name, HeaderValue::from_str(value).unwrap());
        }
        client_address(peer.parse().unwrap(), &headers, trusted.then_some(&name))
    }

    fn address(text: &str) -> Address {
        Address::from(text.parse::<IpAddr>().unwrap())
    }

    #[test]
    fn without_a_trusted_header_nobody_can_claim_an_address() {
        assert_eq!(of("192.0.2.1:5", &["198.51.100.7"], false), address("192.0.2.1"));
    }

    #[test]
    fn what_the_proxy_wrote_counts_and_not_what_its_client_did() {
        let peer = "192.0.2.1:5";
        assert_eq!(of(peer, &["198.51.100.7"], true), address("198.51.100.7"));
        assert_eq!(of(peer, &["10.9.9.9, 198.51.100.7"], true), address("198.51.100.7"));
        assert_eq!(of(peer, &["10.9.9.9", "198.51.100.7:443"], true), address("198.51.100.7"));
        assert_eq!(of(peer, &["[2001:db8::1]:443"], true), address("2001:db8::1"));
        for garbage in ["", "unknown", "198.51.100.7, "] {
            assert_eq!(of(peer, &[garbage], true), address("192.0.2.1"), "{garbage:?}");
        }
    }

    #[test]
    fn an_ipv6_client_is_its_network_and_a_mapped_one_is_ipv4() {
        assert_eq!(address("2001:db8::1"), address("2001:db8::ffff:1"));
        assert_ne!(address("2001:db8::1"), address("2001:db8:0:1::1"));
        assert_eq!(address("::ffff:192.0.2.1"), address("192.0.2.1"));
    }
}
