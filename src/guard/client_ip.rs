//! Client addresses: the peer's, or the one that trusted proxies report.
//!
//! Proxies report it in `X-Forwarded-For`, in `X-Real-IP` or in `Forwarded` (RFC 7239); the first of them that is present
//! counts. Addresses come with and without a port, with and without brackets and quotes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;
use rocket::Request;
use rocket::http::HeaderMap;

use super::metrics_reader::is_forwarded;

/// Returns the client's address: the peer's, or the one that trusted proxies report.
pub(super) fn client_address(request: &Request<'_>, trusted_proxies: &[IpNet]) -> IpAddr {
    let peer = request
        .remote()
        .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |remote| remote.ip());
    resolve(peer, &hops(request.headers()), trusted_proxies)
}

/// Whether `request` seems to come through a proxy that is not trusted: it has a forwarding header, and its peer is
/// on a private network. Peers elsewhere do not count, since anyone can send the header.
pub(super) fn is_of_unnamed_proxy(request: &Request<'_>, trusted_proxies: &[IpNet]) -> bool {
    is_forwarded(request.headers())
        && request.remote().is_some_and(|remote| {
            let peer = remote.ip().to_canonical();
            is_near(peer) && !is_listed(peer, trusted_proxies)
        })
}

/// Returns what the proxies report, one entry for each hop, the nearest last.
fn hops(headers: &HeaderMap<'_>) -> Vec<Option<IpAddr>> {
    let forwarded_for = headers.get("X-Forwarded-For");
    let listed = forwarded_for.flat_map(|list| list.split(','));
    // A list may have empty elements (RFC 9110, section 5.6.1.2).
    let listed: Vec<_> = listed.filter(|hop| !hop.trim().is_empty()).collect();
    if !listed.is_empty() {
        return listed.into_iter().map(node).collect();
    }
    if let Some(real_ip) = headers.get_one("X-Real-IP") {
        return vec![node(real_ip)];
    }
    let forwarded = headers.get("Forwarded");
    let elements = forwarded.flat_map(|list| split_unquoted(list, ','));
    elements.map(forwarded_node).collect()
}

/// Reads the `for` parameter of an element of `Forwarded`.
fn forwarded_node(element: &str) -> Option<IpAddr> {
    split_unquoted(element, ';')
        .filter_map(|pair| pair.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))
        .and_then(|(_, value)| node(value))
}

/// Reads an address, with or without quotes, brackets and a port. `unknown` and made-up names (RFC 7239, section
/// 6.3) are no address.
fn node(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_matches('"').trim();
    let with_port = || text.parse::<SocketAddr>().ok().map(|node| node.ip());
    let in_brackets = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    // Some proxies name the interface of a link-local address (RFC 4007, section 11).
    let bare = || text.split('%').next()?.parse().ok();
    let address: IpAddr = bare().or_else(with_port).or_else(in_brackets)?;
    Some(address.to_canonical())
}

/// Splits `text` at each `separator` outside of quotes.
fn split_unquoted(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |c: char| {
        quoted ^= c == '"';
        c == separator && !quoted
    })
}

/// Whether `address` is in one of `networks`.
pub(super) fn is_listed(address: IpAddr, networks: &[IpNet]) -> bool {
    networks.iter().any(|network| network.contains(&address))
}

/// Whether `address` is on this machine or in a private network.
fn is_near(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

/// Returns the last address that no trusted proxy reports about another proxy. Each proxy appends the address of
/// its peer, so the list is read from its end; a client can make up what stands before the first untrusted address.
fn resolve(peer: IpAddr, hops: &[Option<IpAddr>], trusted: &[IpNet]) -> IpAddr {
    let mut client = peer.to_canonical();
    for hop in hops.iter().rev() {
        match hop {
            Some(address) if is_listed(client, trusted) => client = *address,
            _ => break,
        }
    }
    client
}

/// Returns the key under which a client's address is rate-limited: an IPv4 address, or an IPv6 /64, of which every
/// subscriber has at least one.
pub(super) fn rate_limit_key(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn with(headers: &[(&'static str, &'static str)]) -> Vec<Option<IpAddr>> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.add_raw(*name, *value);
        }
        hops(&map)
    }

    fn behind_a_proxy(headers: &[(&'static str, &'static str)]) -> IpAddr {
        let trusted = ["10.0.0.0/8".parse().expect("a network")];
        resolve(ip("10.0.0.1"), &with(headers), &trusted)
    }

    #[test]
    fn forwarding_headers_of_untrusted_peers_are_ignored() {
        let hops = with(&[("X-Forwarded-For", "1.1.1.1")]);
        assert_eq!(resolve(ip("9.9.9.9"), &hops, &[]), ip("9.9.9.9"));
    }

    #[test]
    fn trusted_proxy_is_believed_for_one_hop_only() {
        let forwarded_for = |list| behind_a_proxy(&[("X-Forwarded-For", list)]);
        assert_eq!(forwarded_for("6.6.6.6, 1.1.1.1"), ip("1.1.1.1"));
        assert_eq!(forwarded_for("1.1.1.1,10.0.0.2"), ip("1.1.1.1"));
        assert_eq!(forwarded_for("1.1.1.1,nonsense,10.0.0.2"), ip("10.0.0.2"));
        assert_eq!(forwarded_for("unknown"), ip("10.0.0.1"));
        assert_eq!(behind_a_proxy(&[("X-Real-IP", "2.2.2.2")]), ip("2.2.2.2"));
        assert_eq!(behind_a_proxy(&[]), ip("10.0.0.1"));
        let two_lines = [
            ("X-Forwarded-For", "6.6.6.6"),
            ("X-Forwarded-For", "1.1.1.1"),
        ];
        assert_eq!(behind_a_proxy(&two_lines), ip("1.1.1.1"));
    }

    #[test]
    fn client_addresses_are_read_in_every_form() {
        let v4 = [
            "203.0.113.7",
            "203.0.113.7:4711",
            " 203.0.113.7 ",
            "::ffff:203.0.113.7",
            "[::ffff:203.0.113.7]:80",
        ];
        for text in v4 {
            assert_eq!(node(text), Some(ip("203.0.113.7")), "{text}");
        }
        let v6 = [
            "2001:db8::17",
            "[2001:db8::17]",
            "[2001:db8::17]:4711",
            "\"[2001:db8::17]\"",
        ];
        for text in v6 {
            assert_eq!(node(text), Some(ip("2001:db8::17")), "{text}");
        }
        assert_eq!(node("fe80::1%eth0"), Some(ip("fe80::1")));
        for text in ["unknown", "_hidden", "", "203.0.113", "203.0.113.7:x"] {
            assert_eq!(node(text), None, "{text}");
        }
    }

    #[test]
    fn forwarded_is_read_if_no_other_header_is_there() {
        let forwarded = |list| behind_a_proxy(&[("Forwarded", list)]);
        assert_eq!(forwarded("for=203.0.113.7;proto=https"), ip("203.0.113.7"));
        assert_eq!(
            forwarded("for=6.6.6.6, proto=http;For=\"[2001:db8::17]:4711\";by=10.0.0.1"),
            ip("2001:db8::17")
        );
        assert_eq!(forwarded("for=\"a,b;c\", for=1.1.1.1"), ip("1.1.1.1"));
        assert_eq!(forwarded("for=_hidden"), ip("10.0.0.1"));
        let both = [("Forwarded", "for=6.6.6.6"), ("X-Forwarded-For", "1.1.1.1")];
        assert_eq!(behind_a_proxy(&both), ip("1.1.1.1"));
    }

    #[test]
    fn loopback_and_private_networks_are_near() {
        let near = [
            "127.0.0.1",
            "10.0.0.1",
            "172.17.0.1",
            "192.168.1.1",
            "::1",
            "fd00::1",
            "fe80::1",
        ];
        assert!(near.iter().all(|text| is_near(ip(text))));
        let far = ["9.9.9.9", "172.32.0.1", "2001:db8::1"];
        assert!(!far.iter().any(|text| is_near(ip(text))));
    }

    #[test]
    fn ipv6_clients_are_limited_by_their_64() {
        assert_eq!(
            rate_limit_key(ip("2001:db8:1:2:3:4:5:6")),
            ip("2001:db8:1:2::")
        );
        assert_eq!(rate_limit_key(ip("1.2.3.4")), ip("1.2.3.4"));
    }
}
