//! Settings of the HTTP proxy for outgoing requests: `https_proxy` and `no_proxy`.

use std::fmt;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hyper::Uri;
use ipnet::IpNet;
use secrecy::{ExposeSecret as _, SecretString};

use super::layers::Raw;
use super::table::Settings;
use super::value::{self, Read};
use super::webhook::has_valid_port;

/// Rules by which a host is reached through the proxy or directly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyRules {
    proxy: Option<Proxy>,
    no_proxy: Vec<NoProxy>,
}

impl ProxyRules {
    /// Returns the rules of `settings`.
    #[must_use]
    pub fn from_settings(settings: &Settings) -> Self {
        Self {
            proxy: settings.https_proxy.clone(),
            no_proxy: settings.no_proxy.clone(),
        }
    }

    /// Returns the proxy through which `host` is reached by HTTPS, if any.
    #[must_use]
    pub fn proxy_for(&self, host: &str) -> Option<&Proxy> {
        let is_direct = self.no_proxy.iter().any(|one| one.covers(host));
        self.proxy.as_ref().filter(|_| !is_direct)
    }

    /// Returns the header `Proxy-Authorization` of requests to the proxy, if it has one.
    #[must_use]
    pub fn authorization(&self) -> Option<&SecretString> {
        self.proxy.as_ref()?.authorization.as_ref()
    }
}

/// Proxy that tunnels connections by `CONNECT` (RFC 9110, section 9.3.6).
#[derive(Clone)]
pub struct Proxy {
    /// Host of the proxy.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The header `Proxy-Authorization`, if the URL has a user and a password.
    pub authorization: Option<SecretString>,
}

impl Proxy {
    /// Returns its URL, without user and password.
    #[must_use]
    pub fn url(&self) -> String {
        let Self { host, port, .. } = self;
        if host.contains(':') {
            format!("http://[{host}]:{port}")
        } else {
            format!("http://{host}:{port}")
        }
    }

    /// Returns all of it, for a comparison.
    pub(super) fn content(&self) -> impl PartialEq + use<> {
        let authorization = self.authorization.as_ref();
        let authorization = authorization.map(|one| one.expose_secret().to_owned());
        (self.host.clone(), self.port, authorization)
    }
}

impl PartialEq for Proxy {
    fn eq(&self, other: &Self) -> bool {
        self.content() == other.content()
    }
}

impl Eq for Proxy {}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// Reads `https_proxy`.
pub(super) fn proxy(raw: &Raw) -> Read<Proxy> {
    const EXPECTED: &str = "the URL of an HTTP proxy, such as http://proxy.example.com:3128: http, with a host, without \
                            a path";
    let parse = |text: &str| {
        let uri: Uri = text.parse().ok()?;
        let authority = uri.authority()?;
        let is_bare = matches!(uri.path(), "" | "/") && uri.query().is_none();
        let is_address = !authority.host().is_empty() && has_valid_port(authority);
        let fits = uri.scheme_str() == Some("http") && is_address && is_bare;
        let (user, _) = authority.as_str().rsplit_once('@').unzip();
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        fits.then(|| Proxy {
            host,
            port: authority.port_u16().unwrap_or(80),
            authorization: user.map(|user| format!("Basic {}", BASE64.encode(user)).into()),
        })
    };
    raw.as_text()
        .and_then(parse)
        .ok_or_else(|| EXPECTED.to_owned())
}

/// Hosts that are reached without a proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoProxy {
    /// A host and its subdomains, in lower case.
    Domain(String),
    /// Addresses that a URL names.
    Network(IpNet),
}

impl NoProxy {
    /// Whether `host` is one of them.
    #[must_use]
    pub fn covers(&self, host: &str) -> bool {
        match self {
            Self::Domain(domain) => {
                let host = host.to_ascii_lowercase();
                let above = host.strip_suffix(domain.as_str());
                above.is_some_and(|above| above.is_empty() || above.ends_with('.'))
            }
            Self::Network(network) => host
                .parse()
                .is_ok_and(|address: IpAddr| network.contains(&address)),
        }
    }
}

impl fmt::Display for NoProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Domain(domain) => f.write_str(domain),
            Self::Network(network) => network.fmt(f),
        }
    }
}

/// Reads `no_proxy`.
pub(super) fn no_proxy(raw: &Raw) -> Read<Vec<NoProxy>> {
    const EXPECTED: &str =
        "a list of hosts, domains or networks such as localhost, example.com or 10.0.0.0/8";
    let items = raw.items().ok_or(EXPECTED)?;
    let item = |item: &str| {
        if let Some(network) = value::network(item) {
            return Some(NoProxy::Network(network));
        }
        let domain = item
            .trim_start_matches("*.")
            .trim_start_matches('.')
            .to_ascii_lowercase();
        value::is_host(&domain).then_some(NoProxy::Domain(domain))
    };
    items
        .into_iter()
        .map(|one| item(one).ok_or_else(|| EXPECTED.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_proxy_covers_subdomains_and_networks() {
        let list = no_proxy(&Raw::Text(
            "Example.com,.internal,10.0.0.0/8,localhost".to_owned(),
        ));
        let list = list.expect("a list");
        let covers = |host: &str| list.iter().any(|one| one.covers(host));
        for host in [
            "example.com",
            "api.EXAMPLE.com",
            "a.internal",
            "10.1.2.3",
            "localhost",
        ] {
            assert!(covers(host), "{host}");
        }
        for host in ["badexample.com", "example.com.evil", "11.0.0.1", "1.2.3.4"] {
            assert!(!covers(host), "{host}");
        }
        assert!(no_proxy(&Raw::Text("a b".to_owned())).is_err());
    }

    #[test]
    fn proxy_is_a_plain_http_url() {
        let read = |text: &str| proxy(&Raw::Text(text.to_owned()));
        let one = read("http://user:secret@proxy.example.com:3128").expect("a proxy");
        assert_eq!((one.host.as_str(), one.port), ("proxy.example.com", 3128));
        assert!(one.authorization.is_some());
        assert_eq!(format!("{one:?}"), "proxy.example.com:3128");
        assert_eq!(read("http://[::1]").expect("a proxy").host, "::1");
        for bad in [
            "proxy:3128",
            "https://proxy",
            "http://proxy/path",
            "socks5://proxy",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
