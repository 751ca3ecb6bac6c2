//! Allowed origins of web pages: one list for REST (CORS) and the WebSocket (contract section 6).

use rocket::http::Status;
use rocket::request::{FromRequest, Outcome, Request};

use crate::settings::AllowedOrigins;

use crate::wire::ErrorType;

use super::{Access, ApiError};

/// Rule for allowed origins.
#[derive(Clone, Debug)]
pub(super) struct Origins(AllowedOrigins);

impl Origins {
    /// Returns the rule of the setting `allowed_origins`.
    #[must_use]
    pub const fn new(allowed: AllowedOrigins) -> Self {
        Self(allowed)
    }

    /// Whether a page of `origin` may send requests to a server that it addresses as `host`. The comparison is exact,
    /// except for the case of `host`: browsers write origins in one form only.
    #[must_use]
    pub fn allow(&self, origin: &str, host: Option<&str>) -> bool {
        let same = || host.is_some_and(|host| is_origin_of(origin, host));
        match &self.0 {
            AllowedOrigins::Any => true,
            AllowedOrigins::SameOrigin => same(),
            AllowedOrigins::Listed(list) => {
                list.iter().any(|listed| matches(listed, origin)) || same()
            }
        }
    }
}

/// Whether `origin` is the origin `listed` or one of its subdomains: `https://*.example.com` allows
/// `https://a.example.com` and `https://a.b.example.com`, not `https://example.com`.
fn matches(listed: &str, origin: &str) -> bool {
    let Some((scheme, domain)) = listed.split_once("://*") else {
        return listed == origin;
    };
    let subdomain = origin
        .strip_prefix(scheme)
        .and_then(|rest| rest.strip_prefix("://"))
        .and_then(|rest| rest.strip_suffix(domain));
    subdomain.is_some_and(|name| {
        let is_label = |label: &str| {
            !label.is_empty()
                && label.bytes().all(|byte| {
                    byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte)
                })
        };
        name.split('.').all(is_label)
    })
}

/// Whether `origin` is that of pages of `host`. Both schemes match: behind a proxy that terminates TLS, we cannot tell
/// which of them the browser used.
fn is_origin_of(origin: &str, host: &str) -> bool {
    let (authority, default_port) = match (
        origin.strip_prefix("https://"),
        origin.strip_prefix("http://"),
    ) {
        (Some(authority), _) => (authority, ":443"),
        (None, Some(authority)) => (authority, ":80"),
        (None, None) => return false,
    };
    let host = host.to_ascii_lowercase();
    authority == host.strip_suffix(default_port).unwrap_or(&host)
}

/// Origin of the page that sends a request, if a browser reported it; a page that is not allowed is rejected.
pub struct Origin(
    /// The `Origin` header.
    pub Option<String>,
);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Origin {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        let Some(access) = request.rocket().state::<Access>() else {
            return Outcome::Error((Status::InternalServerError, ()));
        };
        let Some(origin) = request.headers().get_one("Origin") else {
            return Outcome::Success(Self(None));
        };
        if access.allows_origin(origin, request.headers().get_one("Host")) {
            return Outcome::Success(Self(Some(origin.to_owned())));
        }
        ApiError::from(ErrorType::OriginNotAllowed).refuse(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_origin_is_the_hosts_own_and_nothing_like_it() {
        let origins = Origins::new(AllowedOrigins::SameOrigin);
        for good in ["https://calls.example", "http://calls.example"] {
            assert!(origins.allow(good, Some("calls.example")), "{good}");
            assert!(origins.allow(good, Some("Calls.Example")), "{good}");
        }
        assert!(origins.allow("http://localhost:8000", Some("localhost:8000")));
        assert!(origins.allow("https://calls.example", Some("calls.example:443")));
        for bad in [
            "null",
            "",
            "https://calls.example:8443",
            "https://evil-calls.example",
            "https://calls.example.evil.test",
            "https://CALLS.example",
            "https://calls.example.",
            "https://calls.example/",
            "ftp://calls.example",
            "calls.example",
        ] {
            assert!(!origins.allow(bad, Some("calls.example")), "{bad}");
        }
        assert!(!origins.allow("https://calls.example", None));
    }

    #[test]
    fn a_list_allows_what_it_lists_and_the_same_origin() {
        let origins = Origins::new(AllowedOrigins::Listed(vec![
            "https://chat.example".to_owned(),
        ]));
        assert!(origins.allow("https://chat.example", Some("calls.example")));
        assert!(origins.allow("https://calls.example", Some("calls.example")));
        assert!(!origins.allow("http://chat.example", Some("calls.example")));
        assert!(!origins.allow("https://chat.example.evil.test", Some("calls.example")));
    }

    #[test]
    fn a_pattern_allows_subdomains_only() {
        let patterns = ["https://*.example.com", "http://*.dev.example:8080", "null"];
        let origins = Origins::new(AllowedOrigins::Listed(
            patterns.iter().map(ToString::to_string).collect(),
        ));
        for good in [
            "https://app.example.com",
            "https://a.b.example.com",
            "http://x.dev.example:8080",
            "null",
        ] {
            assert!(origins.allow(good, Some("calls.test")), "{good}");
        }
        for bad in [
            "https://example.com",
            "https://.example.com",
            "https://evilexample.com",
            "http://app.example.com",
            "https://app.example.com:8443",
            "https://evil.test/.example.com",
            "https://user@a.example.com",
            "http://x.dev.example",
            "file://",
        ] {
            assert!(!origins.allow(bad, Some("calls.test")), "{bad}");
        }
    }
}
