//! URL of an endpoint.

use reqwest::Url;

/// Returns the URL of an endpoint, or none if `url` is not one of `http` or `https`.
pub(super) fn parse(url: &str) -> Option<Url> {
    let url = Url::parse(url).ok()?;
    (matches!(url.scheme(), "http" | "https") && url.has_host()).then_some(url)
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
}
