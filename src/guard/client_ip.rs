//! The address a request came from.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use rocket::Request;

/// The client's address: the peer's, or what a trusted proxy says of it.
pub(super) fn client_address(request: &Request<'_>, trusted_proxies: &[IpNet]) -> IpAddr {
    let peer = request
        .remote()
        .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |remote| remote.ip());
    let headers = request.headers();
    let forwarded: Vec<&str> = headers
        .get("X-Forwarded-For")
        .flat_map(|list| list.split(','))
        .collect();
    resolve(
        peer,
        &forwarded,
        headers.get_one("X-Real-IP"),
        trusted_proxies,
    )
}

/// Whether `request` looks like one of a proxy that nobody has named: it says for whom it comes, and its peer is
/// near. Of others this tells nothing, since anybody can send the header.
pub(super) fn is_of_unnamed_proxy(request: &Request<'_>, trusted_proxies: &[IpNet]) -> bool {
    request.headers().contains("X-Forwarded-For")
        && request.remote().is_some_and(|remote| {
            let peer = remote.ip().to_canonical();
            is_near(peer) && !is_listed(peer, trusted_proxies)
        })
}

/// Whether it is in one of `networks`.
pub(super) fn is_listed(address: IpAddr, networks: &[IpNet]) -> bool {
    networks.iter().any(|network| network.contains(&address))
}

/// Whether it is on this machine or in a private network.
fn is_near(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

/// The last address on the way that no trusted proxy vouches for. Each proxy appends whom it heard from, so
/// the list is read from its end; what stands before an untrusted address is that one's own invention.
fn resolve(peer: IpAddr, forwarded: &[&str], real_ip: Option<&str>, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address| is_listed(address, trusted);
    let peer = peer.to_canonical();
    if !is_trusted(peer) {
        return peer;
    }
    let mut client = peer;
    for hop in forwarded.iter().rev() {
        let Ok(address) = hop.trim().parse::<IpAddr>() else {
            return client;
        };
        client = address.to_canonical();
        if !is_trusted(client) {
            return client;
        }
    }
    let real_ip = real_ip
        .filter(|_| forwarded.is_empty())
        .and_then(|text| text.trim().parse().ok());
    real_ip.map_or(client, |address: IpAddr| address.to_canonical())
}

/// The network that one client is likely to own: an IPv4 address, or an IPv6 /64, of which every subscriber
/// has at least one whole.
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

    #[test]
    fn headers_of_strangers_are_not_believed() {
        assert_eq!(
            resolve(ip("9.9.9.9"), &["1.1.1.1"], Some("2.2.2.2"), &[]),
            ip("9.9.9.9")
        );
    }

    #[test]
    fn trusted_proxy_is_believed_for_one_hop_only() {
        let trusted = ["10.0.0.0/8".parse().expect("a network")];
        let resolve = |forwarded: &[&str], real| resolve(ip("10.0.0.1"), forwarded, real, &trusted);
        assert_eq!(resolve(&["6.6.6.6", " 1.1.1.1"], None), ip("1.1.1.1"));
        assert_eq!(resolve(&["1.1.1.1", "10.0.0.2"], None), ip("1.1.1.1"));
        assert_eq!(
            resolve(&["1.1.1.1", "nonsense", "10.0.0.2"], None),
            ip("10.0.0.2")
        );
        assert_eq!(resolve(&[], Some("2.2.2.2")), ip("2.2.2.2"));
        assert_eq!(resolve(&["::ffff:1.1.1.1"], None), ip("1.1.1.1"));
        assert_eq!(resolve(&[], None), ip("10.0.0.1"));
    }

    #[test]
    fn near_is_this_machine_and_private_networks() {
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
    fn an_ipv6_client_is_its_network() {
        assert_eq!(
            rate_limit_key(ip("2001:db8:1:2:3:4:5:6")),
            ip("2001:db8:1:2::")
        );
        assert_eq!(rate_limit_key(ip("1.2.3.4")), ip("1.2.3.4"));
    }
}
