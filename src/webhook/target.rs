//! URL of an endpoint.

use reqwest::Url;

/// Returns the URL of an endpoint, or none if `url` is not one of `http` or `https`.
pub(super) fn parse(url: &str) -> Option<Url> {
    let url = Url::parse(url).ok()?;
    (matches!(url.scheme(), "http" | "https") && url.has_host()).then_some(url)
}

/// Returns the scheme, host and port of `url` for logs, since its path or query may be a credential.
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
    fn endpoint_is_a_url_of_http_or_https() {
        let url = parse("https://app.example.com/hooks?key=1").expect("a URL");
        assert_eq!(url.host_str(), Some("app.example.com"));
        assert!(parse("http://[::1]:8080").is_some());
        for bad in ["ftp://app.example.com", "app.example.com", "https://", ""] {
            assert!(parse(bad).is_none(), "{bad}");
        }
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
