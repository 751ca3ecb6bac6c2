//! Where a receiver is.

use std::net::IpAddr;

use hyper::Uri;
use hyper::header::HeaderValue;
use tokio_rustls::rustls::pki_types::ServerName;

/// A receiver's URL, taken apart.
pub(super) struct Target {
    /// The host: a name, or an address without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Whom it has to prove to be, where it speaks TLS.
    pub tls: Option<ServerName<'static>>,
    /// The header `Host`.
    pub authority: HeaderValue,
    /// Path and query.
    pub path: Uri,
}

impl Target {
    /// The target at `url`, or none where that is no URL of `http` or `https`.
    pub fn parse(url: &str) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        let authority = uri.authority()?;
        let host = authority.host();
        let host = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host)
            .to_owned();
        let (tls, default_port) = match uri.scheme_str()? {
            "https" => (Some(ServerName::try_from(host.clone()).ok()?), 443),
            "http" => (None, 80),
            _ => return None,
        };
        Some(Self {
            port: authority.port_u16().unwrap_or(default_port),
            tls,
            authority: HeaderValue::from_str(authority.as_str()).ok()?,
            path: uri.path_and_query()?.as_str().parse().ok()?,
            host,
        })
    }

    /// The address, where the URL names one.
    pub fn address(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
}

/// `url` for people: scheme, host and port alone, since path or query may be what lets us in.
#[must_use]
pub fn shown(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + "://".len());
    let end = url[host..]
        .find(['/', '?'])
        .map_or(url.len(), |at| host + at);
    &url[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        let target = Target::parse("https://app.example.com/hooks?key=1").expect("a URL");
        assert_eq!(
            (target.host.as_str(), target.port),
            ("app.example.com", 443)
        );
        assert!(target.tls.is_some());
        assert_eq!(target.authority, "app.example.com");
        assert_eq!(target.path, "/hooks?key=1");

        let target = Target::parse("http://[::1]:8080").expect("a URL");
        assert_eq!(
            target.address(),
            Some(IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]))
        );
        assert_eq!(
            (target.port, target.authority.as_bytes()),
            (8080, &b"[::1]:8080"[..])
        );
        assert_eq!(target.path, "/");
    }

    #[test]
    fn what_may_let_us_in_is_not_shown() {
        for (url, told) in [
            ("https://a.example/key/x?token=1", "https://a.example"),
            ("https://a.example?token=1", "https://a.example"),
            ("http://[::1]:8080/key", "http://[::1]:8080"),
            ("http://a.example", "http://a.example"),
        ] {
            assert_eq!(shown(url), told);
        }
    }
}
